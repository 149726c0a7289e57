//! The isolated side reaches for no network: as traced, as run where there is none, and as built.

use crate::cli::Shop;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

const VERBS: [&str; 11] = [
    "sealift verify sample-1.0.0.sealift --trust root.json --deep",
    "sealift inspect sample-1.0.0.sealift --trust root.json",
    "sealift scan sample-1.0.0.sealift --trust root.json --engine 'test -s {}'",
    "sealift doctor . sample-1.0.0.sealift --trust root.json",
    "sealift unpack sample-1.0.0.sealift --trust root.json --to site",
    "sealift site init here --trust root.json --scenario air-gapped --fingerprint \"$(sealift trust show root.json --json | jq -r .words)\"",
    "sealift install here sample-1.0.0.sealift --drill",
    "sealift install here sample-1.0.0.sealift",
    "sealift status here",
    "sealift prune here",
    "sealift journal verify here",
];

#[test]
fn no_socket_is_opened() {
    let shop = Shop::packed();
    shop.run("command -v strace")
        .out
        .contains('/')
        .then_some(())
        .expect("this test needs strace: apt-get install strace");
    for verb in VERBS {
        shop.done(&format!("strace -f -e trace=network -o trace {verb}"));
        let trace = String::from_utf8(shop.read("trace")).unwrap();
        assert!(trace.contains("+++ exited with 0 +++"), "{trace}");
        let calls: Vec<_> =
            trace.lines().filter(|line| !line.contains("+++") && !line.contains("---")).collect();
        assert!(calls.is_empty(), "{verb}: {calls:?}");
    }
}

#[test]
fn everything_works_without_a_network() {
    let shop = Shop::new();
    let alone = "unshare -n";
    let alone = if shop.run(&format!("{alone} true")).code == Some(0) { alone } else { "unshare -rn" };
    shop.done(&format!("{alone} {}", crate::cli::PACK));
    for verb in VERBS {
        shop.done(&format!("{alone} {verb}"));
    }
}

/// The standard library has sockets too. The two crates that name them are optional.
#[test]
fn two_crates_know_sockets() {
    let words = [
        "UnixStream",
        "UnixListener",
        "UnixDatagram",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "rustix::net",
    ];
    let mut found = BTreeSet::new();
    for (part, path) in crate::shape::all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        if !is_test && words.iter().any(|word| code.contains(word)) {
            found.insert(part);
        }
    }
    assert_eq!(found, BTreeSet::from(["net".to_owned(), "registry".to_owned()]));
    let isolated = dependencies(&["--no-default-features"]);
    assert!(isolated.contains(&"sealift_site".to_owned()));
    assert!(!isolated.iter().any(|name| name == "sealift_net" || name == "sealift_registry"));
}

/// What a build with these arguments consists of.
fn dependencies(arguments: &[&str]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["tree", "--offline", "-e", "normal", "--prefix", "none", "--format", "{lib}"])
        .args(arguments);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Behind what was shown before stands `(*)`.
    let name = |line: &str| line.trim_end_matches(" (*)").to_owned();
    String::from_utf8(output.stdout).unwrap().lines().map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn a_verifier_is_at_most_75_crates() {
    let crates = dependencies(&["-p", "sealift-bundle"]);
    let crates: BTreeSet<_> = crates.iter().collect();
    assert!(crates.len() <= 75, "{}: {crates:?}", crates.len());
}

#[test]
fn the_isolated_build_has_no_network_crate() {
    let network = |name: &String| {
        ["ureq", "rustls", "ring", "hyper", "tokio", "socket2", "webpki", "mio"]
            .iter()
            .any(|part| name.starts_with(part))
    };
    let (isolated, connected) = (dependencies(&["--no-default-features"]), dependencies(&[]));
    let found: Vec<_> = isolated.iter().filter(|name| network(name)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(isolated.iter().any(|name| name.contains("zstd")));
    // The test can see them where they are.
    assert!(connected.iter().any(network));
}
