//! The isolated side reaches for no network: as traced, as run where there is none, and as built.

use crate::cli::Shop;
use std::fs;
use std::path::Path;
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

/// The standard library has sockets too: two files name them, and they are not part of the isolated build.
#[test]
fn two_files_of_the_isolated_side_know_sockets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let words = [
        "UnixStream",
        "UnixListener",
        "UnixDatagram",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
    ];
    let mut found = Vec::new();
    for (part, path) in crate::shape::all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        let is_test = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        // These two are not part of it either.
        let elsewhere = part == "registry" || part == "plan";
        let knows = words.iter().any(|word| text.contains(word)) || text.contains("rustix::net");
        if knows && !is_test && (!elsewhere || text.contains("UnixStream")) {
            found.push(path.strip_prefix(&root).unwrap().to_owned());
        }
    }
    assert_eq!(found, [Path::new("audit/scan/clamd.rs"), Path::new("trust/line.rs")]);
    let text = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert!(text("trust/mod.rs").contains("#[cfg(feature = \"agent\")]\npub mod agent;"));
    let line = "#[cfg(any(feature = \"agent\", feature = \"clamd\"))]\npub(crate) mod line;";
    assert!(text("trust/mod.rs").contains(line));
    assert!(text("audit/scan/mod.rs").contains("#[cfg(feature = \"clamd\")]\nmod clamd;"));
    for part in ["registry", "plan"] {
        let lib = text("lib.rs");
        let (before, _) = lib.split_once(&format!("pub mod {part};")).unwrap();
        assert!(before.trim_end().ends_with(")]"), "{part} is always built");
    }
}

#[test]
fn the_isolated_build_has_no_network_crate() {
    let listed = |features: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["tree", "--offline", "-e", "normal", "--prefix", "none", "--format", "{lib}"])
            .args(features);
        let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let network = |name: &String| {
        ["ureq", "rustls", "ring", "hyper", "tokio", "socket2", "webpki", "mio"]
            .iter()
            .any(|part| name.starts_with(part))
    };
    let (isolated, connected) = (listed(&["--no-default-features"]), listed(&[]));
    let found: Vec<_> = isolated.iter().filter(|name| network(name)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(isolated.iter().any(|name| name.contains("zstd")));
    // The test can see them where they are.
    assert!(connected.iter().any(network));
}
