use super::*;
use crate::manifest::{Manifest, Source};
use crate::test_support::{Bench, LIMITS, LayoutMaker, tar_of, tar_with};
use sealift_bundle::value::progress::NoProgress;
use serde_json::json;

fn made(bench: &Bench) -> String {
    manifest_for(&bench.folder(), &"my-site".parse().unwrap(), (None, &[]), &LIMITS, &NoProgress).unwrap()
}

#[test]
fn everything_in_the_folder_becomes_an_item() {
    let bench = Bench::new();
    let mut layout = LayoutMaker::new(&bench.folder().join("two-images"));
    for name in ["tools/hello:1", "tools/hello:2"] {
        let manifest = layout.manifest(name.as_bytes(), &json!({}));
        layout.tag(manifest, name);
    }
    let mut layout = LayoutMaker::new(&bench.folder().join("unnamed"));
    let manifest = layout.manifest(b"x", &json!({}));
    layout.tag(manifest, "latest");
    tar_of(&bench.folder().join("unnamed"), &bench.folder().join("layout.tar"));
    let listed = json!([{ "Config": "c", "RepoTags": ["old:1"], "Layers": [] }]).to_string();
    tar_with(
        &bench.folder().join("saved.tar"),
        &[("c", b"{}", ""), ("manifest.json", listed.as_bytes(), "")],
    );
    tar_with(&bench.folder().join("plain.tar"), &[("x", b"", "")]);
    for path in [
        "Runbooks & more/x.md",
        "docs/x.bin",
        "config/x",
        "settings/a.yaml",
        "notes/a.md",
        "mixed/a.md",
        "mixed/b.yaml",
        "README.md",
        "readme.txt",
        "package.deb",
        ".hidden",
        "packer.key",
        "root.json",
        "out/x",
        "old.sealift",
        "tool.toml",
    ] {
        bench.file(path, "x = 1\n");
    }
    bench.file("other.toml", "[bundle]\n");
    let text = made(&bench);
    let manifest = Manifest::parse(&text, "my-site.toml", &bench.folder()).unwrap();
    let found: Vec<String> = manifest
        .items
        .iter()
        .map(|item| {
            let path = match &item.source {
                Source::Image(image) => format!("{} {:?}", image.path, image.select),
                Source::Path { path, .. } => path.clone(),
                Source::Url { .. } | Source::Pull(_) | Source::Git { .. } | Source::Chart { .. } => {
                    String::new()
                }
            };
            format!("{} {}: {path}", item.kind, item.name)
        })
        .collect();
    let expected = [
        "image latest: layout.tar None",
        "image old: saved.tar None",
        "image hello: two-images Some(\"tools/hello:1\")",
        "image hello-2: two-images Some(\"tools/hello:2\")",
        "image latest-2: unnamed None",
        "doc readme: README.md",
        "doc runbooks---more: Runbooks & more/",
        "doc docs: docs/",
        "doc notes: notes/",
        "doc readme-2: readme.txt",
        "config config: config/",
        "config settings: settings/",
        "config tool: tool.toml",
        "file mixed: mixed/",
        "file package: package.deb",
        "file plain: plain.tar",
    ];
    assert_eq!(found, expected, "{text}");
    for name in ["packer.key", "root.json", "old.sealift", "other.toml", "out"] {
        assert!(text.contains(&format!("#   {name}: ")), "{name}\n{text}");
    }
    assert!(text.starts_with("# The content of the bundle"));
    bench.file("schema.json", "{}");
    assert!(made(&bench).starts_with("#:schema ./schema.json\n"));
}

#[test]
fn an_empty_folder_gives_examples_that_parse_without_their_marks() {
    let bench = Bench::new();
    let text = made(&bench);
    assert!(Manifest::parse(&text, "x", &bench.folder()).unwrap_err().to_string().contains("lists no item"));
    let (head, examples) = text.split_once("from what you need.").map_or(("", ""), |parts| parts);
    let uncommented: String =
        examples.lines().flat_map(|line| [line.trim_start_matches("# "), "\n"]).collect();
    let manifest = Manifest::parse(&format!("{head}\n{uncommented}"), "x", &bench.folder()).unwrap();
    assert_eq!(manifest.items.len(), 5);
}

#[test]
fn a_plain_list_of_references_becomes_images() {
    let bench = Bench::new();
    let list = "# what we run\nr.org/team/app:1.2   # the server\n\nr.org/team/app:1.2\nq.org/app@sha256:";
    let list = format!("{list}{}\n", "0".repeat(64));
    let found = references(&list, Path::new("images.txt")).unwrap();
    assert_eq!(found.len(), 2);
    let name = "site".parse().unwrap();
    let text = manifest_for(&bench.folder(), &name, (None, &found), &LIMITS, &NoProgress).unwrap();
    let manifest = Manifest::parse(&text, "site.toml", &bench.folder()).unwrap();
    let names: Vec<_> = manifest.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["app", "app-2"]);
    for (bad, word) in [("nginx", "tag"), ("r.org/app", "tag"), ("r.org/APP:1", "lower-case")] {
        let error = references(&format!("r.org/a:1\n{bad}\n"), Path::new("images.txt")).unwrap_err();
        assert!(error.to_string().contains("line 2") && error.to_string().contains(word), "{error}");
    }
}

#[test]
fn f_field_26_short_names_of_a_list_are_completed_as_docker_does() {
    let list =
        "rancher/rancher:v2.8.0\nnginx:1\nindex.docker.io/library/redis:7\nquay.io/a/b:1\nbad\nalso/bad\n";
    let error = references(list, Path::new("images.txt")).unwrap_err().to_string();
    for word in ["line 5", "`bad` has neither", "line 6: `also/bad` has neither"] {
        assert!(error.contains(word), "{error}");
    }
    let good = list.split("bad").next().unwrap();
    let found = references(good, Path::new("images.txt")).unwrap();
    let found: Vec<_> = found.iter().map(ImageName::as_str).collect();
    assert_eq!(
        found,
        [
            "docker.io/rancher/rancher:v2.8.0",
            "docker.io/library/nginx:1",
            "docker.io/library/redis:7",
            "quay.io/a/b:1"
        ]
    );
}

#[test]
fn f_new_a_01_images_that_files_name_become_items() {
    let bench = Bench::new();
    bench.file("compose.yaml", "services:\n  web:\n    image: nginx:1.27\n  db:\n    image: postgres:${PG}\n  x:\n    image: x:${X}\n");
    bench.file(".env", "PG=17.6\n");
    bench.file(
        "k8s/app.yaml",
        "kind: Pod\nspec:\n  containers:\n  - image: r.org/app:2\n  - image: nginx:1.27\n",
    );
    bench.file("docs/guide.md", "image: r.org/doc:1\n");
    bench.file("images.txt", "r.org/app:2\n");
    let (folder, name) = (bench.folder(), "site".parse().unwrap());
    let listed = ["r.org/app:2".parse().unwrap()];
    let list = folder.join("images.txt");
    let text = manifest_for(&folder, &name, (Some(&list), &listed), &LIMITS, &NoProgress).unwrap();
    let manifest = Manifest::parse(&text, "site.toml", &folder).unwrap();
    let names: Vec<_> = manifest.items.iter().map(|item| format!("{} {}", item.kind, item.name)).collect();
    assert_eq!(
        names,
        ["image app", "image nginx", "image postgres", "doc docs", "config compose", "config k8s"],
        "{text}"
    );
    assert!(
        text.contains("reference = \"docker.io/library/postgres:17.6\"   # named by compose.yaml:5\n"),
        "{text}"
    );
    assert!(text.contains("#   compose.yaml:7: x:${X}: the variable `X` is set elsewhere\n"), "{text}");
    assert!(text.contains("#   images.txt: the list of images"), "{text}");
}
