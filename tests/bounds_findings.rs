//! What is bounded, private and honest: clear text on its way, stores, values, reasons, templates, padding, and the
//! clients of `serve`. Each test carries the number of the finding that it keeps closed.

use crate::cli::{Outcome, PACK, Shop};
use crate::support::{self, Authorities, Put, tree};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::pack::draft::DraftItem;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// Everything below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

/// Waits until `look` finds something.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[cfg(feature = "encryption")]
mod encrypted {
    use super::*;

    const PACK_TO: &str = "exec sealift pack site.toml --key packer.key --store store --passphrase-fd 0 \
        --recipient $(age-keygen -y site.txt 2>/dev/null) -o out <<<pw";

    fn shop() -> Shop {
        let shop = Shop::new();
        shop.done("umask 077; age-keygen -o site.txt 2>/dev/null");
        shop
    }

    /// `pack` with a recipient, at the moment at which the clear text lies on the disk.
    fn packing(shop: &Shop) -> (Child, PathBuf) {
        let script = format!("umask 022; {PACK_TO}");
        let child = shop.command(&script).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let partial = wait("the clear text", || {
            below(&shop.path("store/passing"))
                .into_iter()
                .find(|path| path.extension().is_some_and(|end| end == "partial"))
        });
        (child, partial)
    }

    #[test]
    fn f_sec_02_f_field_01_clear_text_is_private_and_goes_with_any_signal() {
        let shop = shop();
        std::fs::write(shop.path("docs/large"), crate::environment::noise(64 << 20, 3)).unwrap();
        shop.done("sealift lock site.toml --store store");
        assert_eq!(mode(&shop.path("store")), 0o700);
        for name in ["HUP", "QUIT"] {
            let (mut child, partial) = packing(&shop);
            assert_eq!(mode(&partial) & 0o077, 0, "{}", partial.display());
            assert_eq!(mode(partial.parent().unwrap()), 0o700);
            let beside = below(&shop.path("out"));
            assert!(
                beside.iter().all(|path| !path.to_string_lossy().contains(".sealift.partial")),
                "{beside:?}"
            );
            signal(&child, name);
            assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
            assert_eq!(below(&shop.path("store/passing")), [] as [PathBuf; 0], "{name}");
            assert_eq!(below(&shop.path("out")), [] as [PathBuf; 0], "{name}");
        }
        // What a killed one leaves is private, and the next one removes it.
        let (mut child, partial) = packing(&shop);
        signal(&child, "KILL");
        child.wait().unwrap();
        assert!(partial.exists());
        std::fs::remove_file(shop.path("docs/large")).unwrap();
        shop.done("sealift lock site.toml --store store");
        shop.done(&format!("umask 022; {PACK_TO}"));
        assert_eq!(below(&shop.path("store/passing")), [] as [PathBuf; 0]);
        assert_eq!(mode(&shop.path("out/sample-1.0.0.sealift.age")), 0o644);
    }

    #[test]
    fn f_field_r2_what_was_encrypted_is_unpacked_for_its_owner() {
        let shop = shop();
        shop.done(PACK);
        shop.done(PACK_TO);
        shop.done("umask 000; sealift unpack sample-1.0.0.sealift --trust root.json --to plain");
        shop.done("umask 000; sealift unpack out/sample-1.0.0.sealift.age --trust root.json --identity site.txt --to private");
        let is_link = |path: &PathBuf| path.symlink_metadata().unwrap().is_symlink();
        let private = below(&shop.path("private"));
        assert!(private.len() > 10);
        for path in private.iter().filter(|path| !is_link(path)) {
            assert_eq!(mode(path) & 0o077, 0, "{}", path.display());
        }
        assert_eq!(mode(&shop.path("private")), 0o700);
        assert_eq!(mode(&shop.path("private/config/server/run.sh")), 0o700);
        assert_eq!(mode(&shop.path("plain/config/server/run.sh")), 0o755);
        assert_eq!(mode(&shop.path("plain/config/server/empty.conf")), 0o644);
    }
}

/// Zeros behind a bundle are named as what they are, with the command that ends them.
#[test]
fn f_field_r6_padding_is_named_with_the_command_that_cuts_it() {
    let shop = Shop::packed();
    let size = std::fs::metadata(shop.path("sample-1.0.0.sealift")).unwrap().len();
    shop.done("cp sample-1.0.0.sealift padded; truncate -s +123904 padded");
    let verify = "--trust root.json";
    for command in [format!("sealift verify padded {verify}"), format!("sealift verify - {verify} < padded")]
    {
        let outcome = shop.fails(&command, 3, "bundle.trailing");
        for words in [
            "followed by 123904 zero bytes",
            &format!("`truncate -s {size} FILE`"),
            &format!("head -c {size}"),
        ] {
            assert!(outcome.err.contains(words), "{words}: {}", outcome.shown());
        }
        assert!(!outcome.err.contains("do not use"), "{}", outcome.shown());
    }
    shop.done(&format!("head -c {size} padded | sealift verify - {verify}"));
    shop.done(&format!("truncate -s {size} padded; sealift verify padded {verify}"));
    // Anything else is another matter.
    let outcome = shop.fails(
        &format!("{{ cat sample-1.0.0.sealift; head -c 2000000 /dev/zero; echo x; }} > other; sealift verify other {verify}"),
        3,
        "bundle.trailing",
    );
    assert!(outcome.err.contains("do not use this bundle"), "{}", outcome.shown());
    // A raw device is not read to its end.
    let begun = Instant::now();
    let endless = format!("cat sample-1.0.0.sealift /dev/zero | sealift verify - {verify}");
    let outcome = shop.run(&endless.replace("cat", "trap '' PIPE; cat"));
    assert!(outcome.err.contains("a large number of zero bytes"), "{}", outcome.shown());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn f_sec_20_every_reason_says_something() {
    let shop = Shop::packed();
    shop.done(
        "sealift site init site --trust root.json --scenario air-gapped \
           --fingerprint \"$(sealift trust show root.json --json | jq -r .words)\"",
    );
    let journal = shop.read("site/journal.jsonl");
    let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon";
    let long = "x".repeat(100_000);
    for reason in ["", "   ", "\u{200b}", "lost\u{1b}[2J", "a\u{202e}b", "a\u{9b}2Jb", &long] {
        std::fs::write(shop.path("reason"), reason).unwrap();
        for command in [
            format!("sealift site trust site root.json --fingerprint '{words}' --reason"),
            format!("sealift site recover site --trust root.json --head '{words}' --reason"),
            "sealift approve sample-1.0.0.sealift --trust root.json --key packer.key --passphrase-fd 0 --out-of-order"
                .to_owned(),
            "sealift waive sample-1.0.0.sealift --trust root.json --key packer.key --passphrase-fd 0 --rule \
             content.setuid --until 2027-02-01 -o w.jsonl --reason"
                .to_owned(),
        ] {
            let outcome = shop.run(&format!("{command} \"$(cat reason)\""));
            assert_eq!(outcome.code, Some(2), "{command} {:?}\n{}", reason.get(..9), outcome.shown());
            assert!(outcome.err.contains("this is no reason"), "{command}\n{}", outcome.shown());
            assert!(!outcome.err.contains('\x1b') && !outcome.err.contains('\u{202e}'), "{}", outcome.shown());
        }
    }
    assert!(shop.read("site/journal.jsonl") == journal);
}

/// A bundle with one template, which needs nothing of a site.
fn with_template(text: &str) -> Shop {
    let (shop, authorities) = (Shop::new(), Authorities::new());
    std::fs::write(shop.path("trust.json"), &authorities.chain).unwrap();
    let folder = shop.path("work");
    std::fs::create_dir_all(&folder).unwrap();
    let mut server = tree(&folder, "server", ItemKind::Config, &[("app.conf", Put::File(text.as_bytes()))]);
    if let DraftItem::Tree(server) = &mut server {
        server.head.labels.template = true;
    }
    let mut draft = support::draft();
    draft.items = vec![server];
    let sealed = authorities.pack(&draft, &folder);
    std::fs::rename(sealed.path, shop.path("t.sealift")).unwrap();
    std::fs::write(shop.path("p.toml"), "").unwrap();
    shop
}

const FILL: &str = "exec sealift unpack t.sealift --trust trust.json --to out --parameters p.toml";

#[test]
fn f_sec_18_a_template_does_not_go_on_for_ever() {
    let shop = with_template(&"{{ 5 in [0] * 100000000 }}\n".repeat(20_000));
    let begun = Instant::now();
    shop.fails(FILL, 4, "site.rendering");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!shop.path("out").exists());
}

#[test]
fn f_sec_18_one_signal_ends_a_template() {
    // Two long texts are compared in one step of the engine.
    let compare = "{% if s == t and t == s and s == t and t == s %}{% endif %}".repeat(17_000);
    let shop = with_template(&format!("{{% set s = 'x' * 20000000 %}}{{% set t = s ~ '' %}}{compare}"));
    for name in ["TERM", "INT", "HUP"] {
        let child = shop.command(FILL).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // Once it has begun to write, the template is being filled soon.
        wait("the staging folder", || {
            shop.path(".out.sealift-staging/rendered/server/app.conf").exists().then_some(())
        });
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        signal(&child, name);
        let outcome = Outcome::of(child.wait_with_output().unwrap());
        assert!(begun.elapsed() < Duration::from_secs(2), "{name}: {:?}", begun.elapsed());
        assert_eq!(outcome.code, Some(130), "{name}: {}", outcome.shown());
        assert!(!shop.path("out").exists() && !shop.path(".out.sealift-staging").exists());
    }
}

#[test]
fn f_sec_suspected_a_folder_above_that_everybody_may_write_to_is_refused() {
    let shop = Shop::packed();
    shop.done("mkdir -p open/mine; chmod 777 open; chmod 755 open/mine");
    let unpack = "sealift unpack sample-1.0.0.sealift --trust root.json --to open/mine/here";
    let outcome = shop.fails(unpack, 2, "site.parent");
    assert!(outcome.err.contains("can be written by everybody"), "{}", outcome.shown());
    shop.done("chmod 1777 open");
    shop.done(unpack);
}

#[cfg(feature = "registry")]
mod served {
    use super::*;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpStream;

    struct Served {
        child: Child,
        port: u16,
        _folder: tempfile::TempDir,
    }

    impl Drop for Served {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// A server of one tree, started by this script, in which `SERVE` stands for its command.
    fn serve(files: &[(&str, Put<'_>)], script: &str) -> Served {
        let (folder, authorities) = (tempfile::tempdir().unwrap(), Authorities::new());
        std::fs::write(folder.path().join("root.json"), &authorities.chain).unwrap();
        let mut draft = support::draft();
        draft.items = vec![tree(folder.path(), "files", ItemKind::File, files)];
        authorities.pack(&draft, folder.path());
        let command = format!(
            "{} serve sample-1.0.sealift --trust root.json --listen 127.0.0.1:0 --json",
            env!("CARGO_BIN_EXE_sealift")
        );
        let mut child = Command::new("bash")
            .args(["-c", &script.replace("SERVE", &command)])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
        let port = u16::try_from(listening["port"].as_u64().unwrap()).unwrap();
        Served { child, port, _folder: folder }
    }

    impl Served {
        fn connect(&self) -> TcpStream {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        }

        fn ask(&self, path: &str, host: &str) -> (String, Vec<u8>) {
            let mut stream = self.connect();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let at = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
            let body = answer.split_off(at + 4);
            (String::from_utf8(answer).unwrap(), body)
        }
    }

    #[test]
    fn f_sec_15_a_large_folder_is_many_small_pages() {
        let names: Vec<String> = (0..2500).map(|number| format!("all/file-{number:04}.txt")).collect();
        let mut files =
            vec![("all", Put::Dir), ("all/file-0007", Put::Dir), ("all/file-0007/in", Put::File(b"x"))];
        files.extend(names.iter().map(|name| (name.as_str(), Put::File(b"x"))));
        files.sort_by_key(|(name, _)| *name);
        let server = serve(&files, "exec SERVE");
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut address = "/files/sample-1.0/files/all/".to_owned();
        loop {
            let (head, body) = server.ask(&address, "localhost");
            assert!(head.starts_with("HTTP/1.1 200"), "{address}: {head}");
            assert!(body.len() < 300 << 10, "{} bytes", body.len());
            let text = String::from_utf8(body).unwrap();
            let links =
                text.split("<td><a href=\"./").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
            seen.extend(links);
            pages += 1;
            let Some((before, _)) = text.split_once("\">Next page<") else { break };
            address = format!("/files/sample-1.0/files/all/{}", before.rsplit_once("href=\"./").unwrap().1);
        }
        assert_eq!(pages, 3);
        let expected: Vec<_> = std::iter::once("file-0007/".to_owned())
            .chain(names.iter().map(|name| name.trim_start_matches("all/").to_owned()))
            .collect();
        seen.sort();
        let mut expected = expected;
        expected.sort();
        assert!(seen == expected, "{} of {}", seen.len(), expected.len());
    }

    #[test]
    fn f_sec_16_slow_clients_do_not_hold_up_others() {
        let large = crate::environment::noise(40 << 20, 11);
        let server = serve(&[("large", Put::File(&large)), ("small", Put::File(b"small"))], "exec SERVE");
        let request = b"GET /files/sample-1.0/files/large HTTP/1.1\r\nHost: x\r\n\r\n";
        let slow: Vec<_> = (0..20)
            .map(|_| {
                let mut stream = server.connect();
                stream.write_all(request).unwrap();
                let mut first = [0; 1000];
                stream.read_exact(&mut first).unwrap();
                stream
            })
            .collect();
        let begun = Instant::now();
        assert_eq!(server.ask("/files/sample-1.0/files/small", "x").1, b"small");
        assert!(server.ask("/files/sample-1.0/files/large", "x").1 == large);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        // And those who were slow get all of it.
        let mut patient = slow.into_iter().next().unwrap();
        let mut len = 1000;
        let mut buffer = vec![0; 1 << 20];
        while len < large.len() {
            len += patient.read(&mut buffer).unwrap();
        }
    }

    #[test]
    fn f_sec_17_one_peer_cannot_take_every_connection() {
        let server = serve(&[("small", Put::File(b"small"))], "exec SERVE");
        let mut streams: Vec<_> = (0..600).map(|_| server.connect()).collect();
        let mut refused = 0;
        for stream in &mut streams {
            let _ = stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
            let mut first = [0; 12];
            refused += usize::from(stream.read_exact(&mut first).is_err());
        }
        assert_eq!(refused, 600 - 128);
        // All of 127.0.0.0/8 is this machine, and each address of it another peer.
        let address = format!("http://127.0.0.1:{}/files/sample-1.0/files/small", server.port);
        let other =
            Command::new("curl").args(["-sm", "10", "--interface", "127.0.0.2", &address]).output().unwrap();
        assert_eq!(other.stdout, b"small", "{other:?}");
    }

    #[test]
    fn f_sec_suspected_a_name_of_somebody_else_is_not_answered() {
        let server = serve(&[("small", Put::File(b"small"))], "exec SERVE --host registry.site.example");
        for path in ["/", "/v2/", "/files/sample-1.0/files/small"] {
            let (head, body) = server.ask(path, &format!("evil.example:{}", server.port));
            assert!(head.starts_with("HTTP/1.1 421"), "{head}");
            assert!(!String::from_utf8(body).unwrap().contains("small"));
            for host in ["registry.site.example", "localhost:5000", "127.0.0.1"] {
                assert!(server.ask(path, host).0.starts_with("HTTP/1.1 200"), "{path} at {host}");
            }
        }
    }

    #[test]
    fn f_sec_suspected_a_key_for_tls_that_everybody_reads_is_refused() {
        let shop = Shop::packed();
        shop.done(
            "openssl req -x509 -newkey ed25519 -nodes -subj /CN=x -keyout tls.key -out tls.pem 2>/dev/null
             chmod 644 tls.key",
        );
        let serve = "sealift serve sample-1.0.0.sealift --trust root.json --listen 127.0.0.1:0 --tls-cert tls.pem --tls-key tls.key";
        let outcome = shop.run(&format!("timeout 10 {serve}"));
        assert!(outcome.is("trust.key-file"), "{}", outcome.shown());
        shop.done("chmod 640 tls.key");
        assert_eq!(shop.run(&format!("timeout -s INT 2 {serve}")).code, Some(124));
    }

    /// No core dump can hold a key, and a program under `nohup` outlives its terminal.
    #[test]
    fn f_sec_suspected_no_core_dumps_and_hangups_that_are_ignored_stay_so() {
        let server = serve(&[("small", Put::File(b"small"))], "trap '' HUP; ulimit -c unlimited; exec SERVE");
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert!(core.contains(" 0 "), "{core}");
        signal(&server.child, "HUP");
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(server.ask("/files/sample-1.0/files/small", "x").1, b"small");
        // Without it, a closed terminal ends it in order.
        let mut server = serve(&[("small", Put::File(b"small"))], "exec SERVE");
        signal(&server.child, "HUP");
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
    }
}
