//! What the documents show is what happens: every command of the README and of the manual is run and its output
//! compared, and the example manifest has every key there is.

use sealift_plan::manifest::Manifest;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../manifests/example.toml");
const SCHEMA: &str = include_str!("../manifests/schema.json");

/// The set-up commands of the README, and what runs in their place: a test does not build what it tests.
const CARGO: [(&str, &str); 2] = [("cargo run --release -- demo", "sealift demo"), ("tests/run", "true")];

/// The README and the pages of the manual, in the order in which their commands build on each other.
fn documents() -> Vec<String> {
    let pages = topics().into_iter().map(|topic| page(&topic));
    std::iter::once(README.to_owned()).chain(pages).collect()
}

fn page(topic: &str) -> String {
    let path = format!("{}/docs/{topic}.md", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sealift(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sealift")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn topics() -> Vec<String> {
    let list = sealift(&["manual"]);
    list.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// The text between "```console" and "```", for each such block.
fn console_blocks(document: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = document;
    while let Some((_, block)) = rest.split_once("\n```console\n") {
        let (block, after) = block.split_once("```\n").expect("a console block has an end");
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// A script that prints each command of a block before it runs it, so that its output is the block. Lines that begin
/// with `>` continue a command.
fn script(block: &str) -> String {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((line.to_owned(), command.to_owned()));
        } else if let Some(rest) = line.strip_prefix('>') {
            let (shown, command) = commands.last_mut().expect("a command begins with `$ `");
            write!(shown, "\n{line}").unwrap();
            write!(command, "\n{}", rest.strip_prefix(' ').unwrap_or(rest)).unwrap();
        }
    }
    let mut script = String::new();
    for (shown, command) in commands {
        let shown = shown.replace('\'', r"'\''");
        let run = CARGO.iter().find(|(cargo, _)| *cargo == command).map_or(command.as_str(), |(_, run)| run);
        assert!(
            !run.contains("cargo "),
            "`{command}` is not one of the set-up commands that the README may show"
        );
        // `$?` stays that of the command before.
        writeln!(script, "last=$?; printf '%s\\n' '{shown}'; (exit $last)\n{run}").unwrap();
    }
    script
}

fn run(script: &str, folder: &Path) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_sealift")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    // Both streams into one pipe, in the order in which a terminal would show them.
    let output = Command::new("bash")
        .args(["--noprofile", "--norc", "-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("HOME", folder)
        .env("XDG_CACHE_HOME", folder.join(".cache"))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_of_the_readme_and_the_manual_prints_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let documents = documents();
    let blocks: Vec<_> = documents.iter().flat_map(|document| console_blocks(document)).collect();
    assert!(blocks.len() > 30, "the documents show only {} console blocks", blocks.len());
    for block in blocks {
        let seen = run(&script(block), folder.path());
        snapbox::Assert::new().normalize_paths(false).eq(seen, snapbox::Data::text(block.to_owned()));
    }
}

/// Commands of sealift that stand in sentences, tables and blocks that no test runs.
fn mentioned(document: &str) -> Vec<&str> {
    let spans = document.split('`').skip(1).step_by(2);
    let lines = document.lines().map(|line| line.split("   #").next().unwrap_or(line));
    spans.chain(lines).filter(|text| text.starts_with("sealift ") && !text.contains("...")).collect()
}

#[test]
fn what_the_readme_and_the_manual_mention_exists() {
    let sealift = env!("CARGO_BIN_EXE_sealift");
    let documents = documents();
    let mentioned: Vec<_> = documents.iter().flat_map(|document| mentioned(document)).collect();
    assert!(mentioned.len() > 60, "the documents mention only {} commands", mentioned.len());
    for command in mentioned {
        let words: Vec<_> = command.split_whitespace().skip(1).collect();
        let verbs: Vec<_> = words
            .iter()
            .take_while(|word| {
                word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && !word.starts_with("--")
            })
            .collect();
        let help = (1..=verbs.len()).rev().find_map(|count| {
            let output = Command::new(sealift).args(&verbs[..count]).arg("--help").output().unwrap();
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        });
        let help = help.unwrap_or_else(|| panic!("`{command}`: there is no such command"));
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().unwrap_or(flag);
            let is_there = help.split([' ', ',', '\n', '[', '`']).any(|word| word == flag);
            assert!(is_there, "`{command}`: `{flag}` not found");
        }
    }
}

#[test]
fn the_readme_shows_the_two_commands_that_set_everything_up() {
    for (command, _) in CARGO {
        assert!(README.contains(command), "the README does not say `{command}`");
    }
}

#[test]
fn the_manual_prints_the_pages_of_docs_and_the_index_links_each() {
    let index = page("README");
    for topic in topics() {
        assert_eq!(sealift(&["manual", &topic]), page(&topic), "{topic}");
        assert!(index.contains(&format!("({topic}.md)")), "docs/README.md does not link `{topic}`");
        assert!(
            page("SUMMARY").contains(&format!("({topic}.md)")),
            "docs/SUMMARY.md does not list `{topic}`"
        );
    }
    let output = Command::new(env!("CARGO_BIN_EXE_sealift")).args(["manual", "polcy"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("did you mean `policy`?"), "{error}");
}

/// Links between the documents lead to files that exist.
#[test]
fn links_of_the_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = topics().into_iter().map(|topic| format!("docs/{topic}.md"));
    for file in
        pages.chain(["README.md", "docs/README.md", "CONTRIBUTING.md", "SECURITY.md"].map(String::from))
    {
        let text = std::fs::read_to_string(root.join(&file)).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !link.is_empty() && !link.starts_with("http") {
                let target = root.join(&file).parent().unwrap().join(link);
                assert!(target.exists(), "{file}: `{link}` leads nowhere");
            }
        }
    }
}

/// The page of error codes comes out of the program. `SEALIFT_WRITE_MANUAL=1` writes it.
#[test]
fn the_manual_has_every_error_code() {
    let mut text = "# Troubleshooting by error code\n\nEvery error ends with `sealift explain CODE`. `next:` is the next step; \
        exit codes are explained in [how trust works](trust.md).\n\n| code | exit code | meaning |\n|---|---|---|\n"
        .to_owned();
    let mut codes = 0;
    for line in sealift(&["explain", "--json"]).lines() {
        let known: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(exit) = known["exit"].as_u64() {
            let explanation = known["explanation"].as_str().unwrap().replace('|', "\\|");
            writeln!(text, "| `{}` | {exit} | {explanation} |", known["code"].as_str().unwrap()).unwrap();
            codes += 1;
        }
    }
    assert!(codes > 100, "{codes}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/troubleshooting.md");
    if std::env::var_os("SEALIFT_WRITE_MANUAL").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(page("troubleshooting"), text, "write it with SEALIFT_WRITE_MANUAL=1");
}

/// Whether a line of the example sets that key, also in a comment: of two sources, an item has one.
fn sets(line: &str, key: &str) -> bool {
    let line = line.trim_start_matches(['#', ' ']);
    line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
}

#[test]
fn the_example_manifest_is_a_manifest_and_has_every_key() {
    Manifest::parse(EXAMPLE, "manifests/example.toml", Path::new("manifests"))
        .unwrap_or_else(|error| panic!("{error}"));
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let mut keys = 0;
    for (table, form) in schema["properties"].as_object().unwrap() {
        let many = form.get("items").or(form.get("additionalProperties").filter(|many| many.is_object()));
        let form = many.unwrap_or(form);
        let heads = [format!("[{table}]"), format!("[[{table}]]")];
        let mut inside = false;
        let lines: Vec<_> = EXAMPLE
            .lines()
            .filter(|line| {
                let head = line.trim_start_matches("# ");
                if head.starts_with('[') {
                    inside = heads.iter().any(|one| one == head) || head.starts_with(&format!("[{table}."));
                }
                inside
            })
            .collect();
        for key in form["properties"].as_object().unwrap().keys() {
            // Documents and configurations have one form, and documents are no templates.
            if (table.as_str(), key.as_str()) == ("doc", "template") {
                continue;
            }
            keys += 1;
            assert!(
                lines.iter().any(|line| sets(line, key)),
                "the example has no `{key}` in a table `{table}`"
            );
            let is_said = EXAMPLE.lines().any(|line| sets(line, key) && line.contains("  # "));
            assert!(is_said, "the example nowhere says what `{key}` is");
        }
    }
    assert!(keys > 90, "only {keys} keys were compared");
}
