//! `scan`, with ClamAV as Debian has it, and with programs that misbehave.

use crate::cli::{PACK, Shop};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MARKER: &str = "SEALIFT-HARMLESS-MARKER-7f3a";

/// Files with the marker in them, and without it.
const FILES: &str = r#"
mkdir -p docs/nested
echo SEALIFT-HARMLESS-MARKER-7f3a > docs/nested/bad.txt
seq 1 20000 > docs/nested/numbers.txt
tar -C docs/nested -czf docs/inner.tgz numbers.txt bad.txt
tar -C docs -czf docs/outer.tgz inner.tgz
rm docs/inner.tgz
python3 -c "
import zipfile
with zipfile.ZipFile('docs/a.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.write('docs/nested/bad.txt', 'x/bad.txt')"
printf '\xfd7zXZ\0 no real one' > docs/closed.xz
sealift lock site.toml --store store --quiet
"#;

const SCAN: &str = "sealift scan sample-1.0.0.sealift --trust root.json --ledger ledger.json";

/// A ClamAV daemon with one signature, in the foreground.
struct Clamd(Child);

impl Clamd {
    /// Listens at `clamd.sock` in the shop.
    fn in_shop(shop: &Shop, settings: &str) -> Self {
        database(shop);
        let folder = shop.path("");
        let config = format!(
            "LocalSocket {0}/clamd.sock\nDatabaseDirectory {0}/db\nForeground yes\nTemporaryDirectory {0}\n{settings}",
            folder.display().to_string().trim_end_matches('/')
        );
        std::fs::write(shop.path("clamd.conf"), config).unwrap();
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
        let log = std::fs::File::create(shop.path("clamd.log")).unwrap();
        let child = Command::new("clamd")
            .arg("-c")
            .arg(shop.path("clamd.conf"))
            .env("PATH", path)
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .expect("this test needs ClamAV: apt-get install clamav-daemon");
        let clamd = Self(child);
        let end = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(shop.path("clamd.sock")).is_err() {
            assert!(Instant::now() < end, "{}", String::from_utf8_lossy(&shop.read("clamd.log")));
            std::thread::sleep(Duration::from_millis(50));
        }
        clamd
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn database(shop: &Shop) {
    std::fs::create_dir_all(shop.path("db")).unwrap();
    let hex: String = MARKER.bytes().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(shop.path("db/own.ndb"), format!("Own.Marker:0:*:{hex}\n")).unwrap();
}

/// A bundle with the files.
fn infected() -> Shop {
    let shop = Shop::new();
    shop.done(FILES);
    shop.done(PACK);
    shop
}

fn ledger(shop: &Shop) -> Value {
    let bytes = shop.read("ledger.json");
    let ledger: Value = serde_json::from_slice(&bytes).unwrap();
    let sum = |what: &str, of: &str| ledger["totals"][what][of].as_u64().unwrap();
    for of in ["count", "bytes"] {
        assert_eq!(sum("seen", of) + sum("unseen", of), sum("leaves", of), "{of}");
        for what in ["leaves", "seen", "unseen", "opened"] {
            let parts: u64 =
                ledger["parts"].as_array().unwrap().iter().map(|part| part[what][of].as_u64().unwrap()).sum();
            assert_eq!(parts, sum(what, of), "{what} {of}");
        }
    }
    assert_eq!(sum("unseen", "count"), ledger["unseen"].as_array().unwrap().len() as u64);
    ledger
}

fn paths(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|line| line["path"].as_str().unwrap()).collect()
}

#[test]
fn clamd_sees_every_leaf_and_the_ledger_accounts_for_all() {
    let shop = infected();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _clamd = Clamd::in_shop(&shop, &format!("TCPSocket {port}\nTCPAddr 127.0.0.1\n"));
    for place in ["$PWD/clamd.sock".to_owned(), format!("127.0.0.1:{port}")] {
        let outcome = shop.fails(&format!("{SCAN} --engine clamd:{place}"), 4, "audit.scan-found");
        assert!(
            outcome.out.contains("Own.Marker.UNOFFICIAL  handbook/outer.tgz!inner.tgz!bad.txt"),
            "{}",
            outcome.shown()
        );
        let ledger = ledger(&shop);
        assert_eq!(ledger["outcome"], "found");
        assert!(ledger["engine"]["version"].as_str().unwrap().starts_with("ClamAV "), "{ledger}");
        let expected = [
            "handbook/a.zip",
            "handbook/a.zip!x/bad.txt",
            "handbook/nested/bad.txt",
            "handbook/outer.tgz",
            "handbook/outer.tgz!inner.tgz",
            "handbook/outer.tgz!inner.tgz!bad.txt",
        ];
        assert_eq!(paths(&ledger["found"]), expected);
        let bad = &ledger["found"][2];
        let sum = shop.done("sha256sum < docs/nested/bad.txt | cut -d' ' -f1").out;
        assert_eq!(
            (bad["sha256"].as_str().unwrap(), bad["bytes"].as_u64()),
            (format!("sha256:{}", sum.trim()).as_str(), Some(29))
        );
        assert_eq!(paths(&ledger["unopened"]), ["handbook/closed.xz"]);
        assert_eq!(ledger["unseen"].as_array().unwrap().len(), 0);
    }
    let line = shop.run(&format!("{SCAN} --engine clamd:$PWD/clamd.sock --json"));
    let line: Value = serde_json::from_str(line.out.lines().next().unwrap()).unwrap();
    assert_eq!((&line["type"], &line["totals"]), (&"scan".into(), &ledger(&shop)["totals"]));
    // Every stored byte was fed or opened.
    let stored: u64 =
        line["parts"].as_array().unwrap().iter().map(|part| part["stored"]["bytes"].as_u64().unwrap()).sum();
    let members = shop.done("tar -tvf sample-1.0.0.sealift | awk '{s += $3} END {print s}'").out;
    assert_eq!(stored.to_string(), members.trim());
}

#[test]
fn the_exit_code_is_zero_only_when_all_was_seen_and_nothing_found() {
    let shop = Shop::packed();
    let _clamd = Clamd::in_shop(&shop, "StreamMaxLength 3M\n");
    let scan = format!("{SCAN} --engine clamd:$PWD/clamd.sock");
    let clean = shop.done(&scan);
    assert!(clean.out.contains("nothing found, everything scanned"), "{}", clean.out);
    assert_eq!(ledger(&shop)["outcome"], "clean");
    shop.fails(&format!("{scan} --max-size 10"), 4, "audit.scan-incomplete");
    let ledger_small = ledger(&shop);
    assert_eq!(ledger_small["outcome"], "incomplete");
    assert!(ledger_small["unseen"][0]["reason"].as_str().unwrap().contains("--max-size"));

    // The limit of the engine, learned from its answer.
    shop.done("head -c 4000000 /dev/urandom > docs/large.bin && sealift lock site.toml --store store --quiet && rm *.sealift");
    shop.done(PACK);
    shop.fails(&scan, 4, "audit.scan-incomplete");
    let ledger = ledger(&shop);
    assert_eq!(paths(&ledger["unseen"]), ["handbook/large.bin"]);
    assert_eq!(ledger["unseen"][0]["bytes"], 4_000_000);
    assert!(ledger["unseen"][0]["reason"].as_str().unwrap().contains("StreamMaxLength"), "{ledger}");
}

#[test]
fn the_self_test_shows_what_the_engine_really_finds() {
    let shop = Shop::new();
    let _clamd = Clamd::in_shop(&shop, "StreamMaxLength 3M\nMaxFileSize 2M\nMaxScanSize 20M\n");
    std::fs::write(shop.path("marker"), MARKER).unwrap();
    let test = "sealift scan --self-test --engine clamd:$PWD/clamd.sock --marker";
    let row = |out: &str, case: &str| {
        let line = out
            .lines()
            .find(|line| line.trim_start().starts_with(case))
            .unwrap_or_else(|| panic!("{case}: {out}"));
        line.trim_start()[case.len()..].split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    for marker in [MARKER, "marker"] {
        let outcome = shop.done(&format!("{test} {marker} --max-size 2000000"));
        for (case, expected) in [
            ("a file ", ["yes", "yes"]),
            ("zip in zip", ["yes", "yes"]),
            ("tar.gz in tar.gz", ["yes", "yes"]),
            ("tar.zst ", ["no", "yes"]),
            ("a layer (tar+gzip) in a bundle file", ["yes", "yes"]),
            ("a layer (tar+zstd) in a bundle file", ["no", "yes"]),
            ("a layer (tar+zstd in frames) in a bundle file", ["no", "yes"]),
            ("the end of a file of the largest size", ["yes", "yes"]),
        ] {
            assert_eq!(row(&outcome.out, case), expected, "{case}\n{}", outcome.out);
        }
    }
    // clamd calls clean what it does not read to its end.
    let silent = shop.fails(&format!("{test} {MARKER} --max-size 2500000"), 4, "audit.scan-self-test");
    assert_eq!(row(&silent.out, "the end of a file of the largest size"), ["no", "no", "MISSED"]);
    let refused = shop.fails(&format!("{test} {MARKER} --max-size 4000000"), 4, "audit.scan-self-test");
    assert_eq!(row(&refused.out, "the end of a file of the largest size"), ["limit", "limit", "MISSED"]);
    // Above the depth it is said, or the engine looks by itself.
    let flat = shop.done(&format!("{test} {MARKER} --max-size 2000000 --depth 0"));
    assert_eq!(row(&flat.out, "tar.zst "), ["no", "limit"]);
    // The test file of EICAR is not among the signatures of this one.
    let eicar =
        shop.fails("sealift scan --self-test --engine clamd:$PWD/clamd.sock", 4, "audit.scan-self-test");
    assert_eq!(row(&eicar.out, "a value in a configuration"), ["-", "-"]);
}

#[test]
fn clamscan_is_a_command() {
    let shop = infected();
    database(&shop);
    shop.done("mkdir temporary");
    let scan = format!(
        "TMPDIR=$PWD/temporary {SCAN} --engine \"clamscan --no-summary -d $PWD/db {{}}\" --engine-version 'clamscan --version' --depth 1"
    );
    shop.fails(&scan, 4, "audit.scan-found");
    let ledger = ledger(&shop);
    assert_eq!(ledger["found"][0]["signature"], "Own.Marker.UNOFFICIAL");
    assert!(ledger["engine"]["version"].as_str().unwrap().starts_with("ClamAV "), "{ledger}");
    assert!(paths(&ledger["unopened"]).contains(&"handbook/outer.tgz!inner.tgz"));
    assert_eq!(shop.done("ls temporary").out, "");
}

#[test]
fn an_engine_that_fails_on_the_way_leaves_a_ledger_with_the_rest_unseen() {
    let shop = Shop::packed();
    for (engine, reason) in [
        ("sh -c 'cat > /dev/null; echo >> count; test $(wc -l < count) -lt 6 || exit 2'", "ended with 2"),
        ("sh -c 'cat > /dev/null; echo >> count; test $(wc -l < count) -lt 6 || kill -9 $$'", "signal 9"),
        (
            "sh -c 'cat > /dev/null; echo >> count; test $(wc -l < count) -lt 6 || sleep 600'",
            "longer than 2 seconds",
        ),
        (
            "sh -c 'cat > /dev/null; echo >> count; test $(wc -l < count) -lt 6 || { yes | head -c 9000000; exit 7; }'",
            "ended with 7: y",
        ),
        ("/nowhere/engine {}", "No such file"),
    ] {
        std::fs::write(shop.path("count"), "").unwrap();
        let scan = format!("{SCAN} --timeout 2 --threads 1 --engine \"{}\"", engine.replace('$', "\\$"));
        let outcome = shop.fails(&scan, 1, "audit.scan-engine");
        assert!(outcome.err.contains(reason), "{engine}\n{}", outcome.shown());
        let ledger = ledger(&shop);
        assert_eq!(ledger["outcome"], "engine-failed");
        let sum = |what: &str| ledger["totals"][what]["count"].as_u64().unwrap();
        // One file is empty, and there is nothing in it to ask about.
        let seen = if engine.starts_with('/') { 1 } else { 6 };
        assert_eq!((sum("seen"), sum("unseen") > 5), (seen, true), "{engine}\n{ledger}");
        let last = ledger["unseen"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|leaf| leaf["reason"].as_str().unwrap().contains("had failed"));
        assert!(last.count() > 2, "{ledger}");
    }
}

#[test]
fn a_clamd_that_dies_and_one_that_is_not_there_are_errors() {
    let shop = Shop::packed();
    shop.fails(&format!("{SCAN} --engine clamd:$PWD/nobody.sock"), 1, "audit.scan-engine");
    shop.fails(&format!("{SCAN} --engine clamd:127.0.0.1:1"), 1, "audit.scan-engine");
    for engine in ["clamd:", "clamd:nowhere", "a | b", "''", "a \\\"b"] {
        let outcome = shop.run(&format!("{SCAN} --engine \"{engine}\""));
        assert!(outcome.code == Some(2) && outcome.err.contains("invalid scanner"), "{}", outcome.shown());
    }
    shop.fails(&format!("{SCAN} --engine 'true {{}}' --engine-version false"), 1, "audit.scan-engine");
    assert!(!shop.path("ledger.json").exists());
    // It says who it is and then hangs up.
    let dying = r#"python3 -c "
import socket, os
s = socket.socket(socket.AF_UNIX); s.bind('dying.sock'); s.listen(); os.rename('dying.sock', 'ready.sock')
c, _ = s.accept(); c.recv(100); c.send(b'ClamAV 1.0/1/Mon\0'); c.close()
c, _ = s.accept(); c.recv(5)" &
while ! [ -S ready.sock ]; do sleep 0.05; done
"#;
    shop.fails(&format!("{dying}{SCAN} --threads 1 --engine clamd:$PWD/ready.sock"), 1, "audit.scan-engine");
    let ledger = ledger(&shop);
    assert_eq!(ledger["engine"]["dated"], "Mon");
    assert_eq!(ledger["totals"]["seen"]["bytes"], 0);
}

#[test]
fn nothing_is_fed_of_a_blob_that_is_not_what_was_signed() {
    let shop = Shop::packed();
    shop.done(
        r#"python3 -c "
import tarfile
name = 'sample-1.0.0.sealift'
at = tarfile.open(name).getmembers()[-1].offset_data
b = bytearray(open(name, 'rb').read()); b[at + 20] ^= 1; open(name, 'wb').write(b)""#,
    );
    let outcome = shop.run(&format!("{SCAN} --engine \"sh -c 'cat >> fed'\""));
    assert_eq!(outcome.code, Some(3), "{}", outcome.shown());
    assert!(outcome.is("bundle.digest"), "{}", outcome.err);
    assert!(!shop.path("ledger.json").exists());
}
