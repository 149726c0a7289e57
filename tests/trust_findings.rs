//! What is verified is what is used: bundles that are rewritten while a command reads them, trees that items share, and
//! roots that nothing links to the pinned one.

use crate::cli::{Outcome, Shop};
use crate::forge::{Forge, split};
use crate::registry::real::Real;
use crate::support::{self, Authorities, LIMITS, Put, conditions, image, tree};
use sealift_bundle::codes;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member::blob_name;
use sealift_bundle::format::member_reader::MemberReader;
use sealift_bundle::pack::draft::Draft;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::approval::{Approval, Approvals};
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::envelope::Envelope;
use sealift_bundle::trust::key::Signer as _;
use sealift_bundle::trust::root::{ApprovalPolicy, Grant, Role, Root, RootDraft};
use sealift_bundle::trust::secret::{Passphrase, SecretKey};
use sealift_bundle::trust::verify::{
    Conditions, Depth, Looking, OpenBundle, Receiver, SharedInventory, Trusted, Verified, verify_contents,
};
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::error_code::Fault as _;
use sealift_bundle::value::limits::Limits;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::FileExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// When a bundle is rewritten: as a thread enters its read of this number, and such a thread of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    read: usize,
    thread: usize,
}

/// Bytes of the marker, which a scanner finds, and of what is put in its place.
const MARKERS: [(&str, &str); 3] = [
    ("MALWARE-MARKER-1234", "harmless-text-00000"),
    ("marker-program", "honest-program"),
    ("marker-pkg", "honest-pkg"),
];

/// A layer with a program that runs as its owner, or with a harmless one of the same size.
fn layer(is_hostile: bool) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let [content, program, package] = MARKERS.map(|(bad, good)| if is_hostile { bad } else { good });
    let mode = if is_hostile { 0o4755 } else { 0o0755 };
    for (path, mode, content) in [
        (format!("bin/{program}"), mode, format!("#!/bin/sh\n# {content}\n")),
        (
            "srv/node_modules/lodash/package.json".to_owned(),
            0o644,
            format!(r#"{{"name":"{package}","version":"1.0.0","license":"MIT"}}"#),
        ),
        ("srv/large".to_owned(), 0o644, "0123456789abcdef".repeat(20_000)),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Two bundles by the same packer, and an approver who approved one of them.
///
/// `a.sealift` has the hostile layer and `b.sealift` the harmless one. `gutted.sealift` has the front of the second one and a
/// layer that is not what it says; `hidden.sealift` the front of the first one and the harmless layer.
struct Lab {
    shop: Shop,
    a: Digest,
    b: Digest,
}

const FILE: &str = "bundle.sealift";

impl Lab {
    fn new() -> Self {
        let shop = Shop::new();
        shop.done(
            "openssl genpkey -algorithm ed25519 | openssl pkcs8 -topk8 -scrypt -scrypt_N 1024 -v2 aes-256-cbc \
             -passout pass:pw -out carol.key; chmod 600 carol.key",
        );
        let pem = String::from_utf8(shop.read("carol.key")).unwrap();
        let carol = SecretKey::from_encrypted_pem(&pem, &Passphrase::new("pw".to_owned().into())).unwrap();
        let authorities = Authorities::with(|terms| {
            terms.policy.approvals = Some(ApprovalPolicy::default());
            terms.grants.push(Grant {
                role: Role::Approver,
                threshold: 1,
                keys: vec![("carol".parse().unwrap(), carol.public().clone())],
                scenarios: Vec::new(),
            });
        });
        std::fs::write(shop.path("root.json"), &authorities.chain).unwrap();
        let folder = shop.path("");
        let pack = |version: &str, layer: &[u8], text: &str| {
            let mut draft = support::draft();
            draft.version = version.parse().unwrap();
            draft.items = vec![
                image(&folder, "app", &format!("registry.example.com/team/app:{version}"), &[layer]),
                tree(&folder, "notes", ItemKind::Doc, &[("note.txt", Put::File(text.as_bytes()))]),
            ];
            authorities.pack(&draft, &folder)
        };
        let note = |letter: &str| letter.repeat(100_000);
        let a = pack("1.1", &layer(true), &note("a"));
        let b = pack("1.0", &layer(false), &note("b"));
        let (one, other) = (std::fs::read(&a.path).unwrap(), std::fs::read(&b.path).unwrap());
        let put = |bundle: &[u8], from: &[u8], to: &[u8]| {
            let at = bundle.windows(from.len()).position(|found| found == from).unwrap();
            [&bundle[..at], to, &bundle[at + from.len()..]].concat()
        };
        std::fs::write(shop.path("gutted.sealift"), put(&other, &layer(false), &layer(true))).unwrap();
        std::fs::write(shop.path("hidden.sealift"), put(&one, &layer(true), &layer(false))).unwrap();
        std::fs::write(shop.path("a.sealift"), one).unwrap();
        std::fs::write(shop.path("b.sealift"), other).unwrap();
        for (name, approved) in [("only-a", &[a.statement][..]), ("both", &[a.statement, b.statement])] {
            let mut approvals = Approvals::none();
            for statement in approved {
                let approval =
                    Approval::new(*statement, "air-gapped".parse().unwrap(), support::today(), Vec::new());
                // One key has one line for each statement.
                approvals.add(approval.sign(&carol, &LIMITS).unwrap(), &LIMITS);
            }
            std::fs::write(shop.path(format!("{name}.approvals")), approvals.encode().unwrap()).unwrap();
        }
        Self { shop, a: a.statement, b: b.statement }
    }

    /// Puts one of the bundles at the name that commands are given.
    fn place(&self, bundle: &str) {
        let bytes = self.shop.read(bundle);
        let file =
            std::fs::File::options().write(true).create(true).truncate(false).open(self.shop.path(FILE));
        let file = file.unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
    }

    /// The offsets at which each thread of a command reads the bundle.
    fn reads(&self, command: &str) -> Vec<Vec<u64>> {
        self.place("a.sealift");
        let outcome = self.shop.run(&format!(
            "strace -f --seccomp-bpf -qq -o reads -P $PWD/{FILE} -e trace=pread64 {command} || true"
        ));
        let mut threads: std::collections::BTreeMap<String, Vec<u64>> = std::collections::BTreeMap::new();
        for line in String::from_utf8(self.shop.read("reads")).unwrap().lines() {
            let (thread, call) = line.split_once(' ').unwrap();
            let Some((arguments, _)) =
                call.trim().strip_prefix("pread64(").and_then(|call| call.rsplit_once(')'))
            else {
                continue;
            };
            let offset = arguments.rsplit(", ").next().unwrap().parse().unwrap();
            threads.entry(thread.to_owned()).or_default().push(offset);
        }
        assert!(!threads.is_empty(), "{command}: {}", outcome.shown());
        threads.into_values().collect()
    }

    /// When the bundle is rewritten: at the first reads of everything that is read a second time, and some between.
    fn moments(&self, command: &str) -> BTreeSet<Moment> {
        let threads = self.reads(command);
        let mut seen = BTreeSet::new();
        let mut moments = BTreeSet::new();
        for offsets in &threads {
            let mut was_again = false;
            for (number, offset) in offsets.iter().enumerate() {
                let is_again = !seen.insert(*offset);
                if is_again && !was_again {
                    moments.insert(number + 1);
                }
                was_again = is_again;
            }
        }
        let most = threads.iter().map(Vec::len).max().unwrap_or_default();
        moments.extend((1..=most).step_by((most / 4).max(1)));
        let with = |read: usize| threads.iter().filter(|offsets| offsets.len() >= read).count();
        moments
            .into_iter()
            .flat_map(|read| (1..=with(read)).map(move |thread| Moment { read, thread }))
            .collect()
    }

    /// Runs a command, stops it as it enters a read of the bundle, rewrites the bundle, and lets it go on.
    fn rewritten(&self, command: &str, moment: Moment, to: &str) -> Outcome {
        self.place("a.sealift");
        let script = format!(
            "exec strace -f -qq -o stops -P $PWD/{FILE} -e trace=pread64 \
             -e inject=pread64:signal=SIGSTOP:when={} {command}",
            moment.read
        );
        let _ = std::fs::remove_file(self.shop.path("stops"));
        let mut child = self.shop.command(&script);
        let file = |name: &str| std::fs::File::create(self.shop.path(name)).unwrap();
        let mut child = child.stdout(file("out")).stderr(file("err")).stdin(Stdio::null()).spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let (mut stops, mut rewritten) = (0, false);
        let end = Instant::now() + Duration::from_secs(120);
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "{command} at {moment:?}: it does not end");
            let log = std::fs::read_to_string(self.shop.path("stops")).unwrap_or_default();
            let found = log.matches("--- stopped by SIGSTOP").count();
            if found > stops {
                stops = found;
                if !rewritten && log.matches("--- SIGSTOP {").count() >= moment.thread {
                    self.place(to);
                    rewritten = true;
                }
            }
            if stops > 0 {
                let running = std::fs::read_to_string(&children).unwrap_or_default();
                for pid in running.split_whitespace() {
                    // It may have ended by now.
                    let mut kill = std::process::Command::new("kill");
                    let _ = kill.args(["-CONT", pid]).stderr(Stdio::null()).status();
                }
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        assert!(stops > 0, "{command} at {moment:?}: it was not stopped");
        let text = |name: &str| String::from_utf8(self.shop.read(name)).unwrap();
        Outcome { code: status.code(), out: text("out"), err: text("err") }
    }

    /// At every moment, what comes of a rewritten bundle has to pass `judge`.
    fn every_moment(&self, command: &str, to: &str, mut judge: impl FnMut(&Outcome)) {
        for moment in self.moments(command) {
            let outcome = self.rewritten(command, moment, to);
            judge(&outcome);
        }
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.shop.path(name)).ok()
    }

    /// Removes what the command before has written.
    fn forget(&self, name: &str) {
        self.shop.done(&format!("rm -rf {name}"));
    }
}

fn line(outcome: &Outcome, kind: &str) -> Option<Value> {
    let lines = outcome.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.into_iter().find(|line| line["type"] == kind)
}

fn statement(value: &Value) -> Digest {
    value["statement"].as_str().unwrap().parse().unwrap()
}

/// Refuses setuid programs: A is refused, B is met.
const POLICY: &str = "[policy]\nname = \"p\"\n[content]\nimage = [\"setuid\"]\nunread = \"allow\"\n";

#[test]
fn f_sec_06_load_pushes_only_what_was_approved() {
    let lab = Lab::new();
    let registry = Real::new();
    let mut number = 0;
    let host = registry.open.clone();
    let command = |prefix: &str| {
        format!(
            "sealift --json load {FILE} --trust root.json --approvals only-a.approvals --threads 1 \
             --registry {host}/{prefix} -o loaded-{prefix}"
        )
    };
    // The bundle that nobody approved is refused as it is.
    lab.place("b.sealift");
    lab.shop.fails(&command("alone"), 3, "trust.unapproved");
    let moments = lab.moments(&command("first"));
    for moment in moments {
        number += 1;
        let prefix = format!("p{number}");
        let outcome = lab.rewritten(&command(&prefix), moment, "b.sealift");
        let found = lab.shop.run(&format!("curl -s http://{host}/v2/{prefix}/team/app/tags/list")).out;
        assert!(!found.contains("1.0"), "at {moment:?} the unapproved image was pushed: {found}");
        if outcome.code == Some(0) {
            let mapping = String::from_utf8(lab.file(&format!("loaded-{prefix}/mapping.json")).unwrap());
            let mapping = mapping.unwrap();
            assert!(found.contains("1.1") && mapping.contains(&lab.a.to_string()), "{found}{mapping}");
        }
    }
}

#[test]
fn f_sec_07_approve_signs_what_the_policy_was_held_against() {
    let lab = Lab::new();
    std::fs::write(lab.shop.path("p.toml"), POLICY).unwrap();
    let command = format!(
        "sealift approve {FILE} --trust root.json --approvals new.approvals --key carol.key --policy p.toml \
         --threads 1 --passphrase-fd 0"
    );
    let command = format!("bash -c 'exec {command} <<<pw'");
    for moment in lab.moments(&command) {
        lab.forget("new.approvals");
        let outcome = lab.rewritten(&command, moment, "b.sealift");
        let approvals = String::from_utf8(lab.file("new.approvals").unwrap_or_default()).unwrap();
        for envelope in approvals.lines() {
            let envelope: Value = serde_json::from_str(envelope).unwrap();
            use base64::Engine as _;
            let payload = envelope["payload"].as_str().unwrap();
            let payload = base64::engine::general_purpose::STANDARD.decode(payload).unwrap();
            let approval: Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(statement(&approval), lab.b, "at {moment:?}: {}", outcome.shown());
        }
    }
}

#[test]
fn f_sec_07_verify_judges_one_bundle() {
    let lab = Lab::new();
    std::fs::write(lab.shop.path("p.toml"), POLICY).unwrap();
    let command = format!(
        "sealift --json verify {FILE} --trust root.json --approvals both.approvals --policy p.toml --threads 1"
    );
    lab.every_moment(&command, "b.sealift", |outcome| {
        if let Some(verdict) = line(outcome, "verdict") {
            let expected = if statement(&verdict) == lab.a { 4 } else { 0 };
            assert_eq!(outcome.code, Some(expected), "{}", outcome.shown());
        } else {
            assert_ne!(outcome.code, Some(0), "{}", outcome.shown());
        }
    });
}

#[test]
fn f_sec_07_evidence_and_reports_are_about_what_was_proved() {
    let lab = Lab::new();
    let export = format!(
        "sealift --json evidence export {FILE} --trust root.json --approvals both.approvals --threads 1 --to ev"
    );
    let mut exported = 0;
    lab.forget("ev");
    for moment in lab.moments(&export) {
        lab.forget("ev");
        let outcome = lab.rewritten(&export, moment, "gutted.sealift");
        if let Some(text) = lab.file("ev/seal/statement.json") {
            assert_eq!(Digest::of(&text), lab.a, "at {moment:?}: {}", outcome.shown());
            let evidence = line(&outcome, "evidence").unwrap();
            assert_eq!((outcome.code, statement(&evidence)), (Some(0), lab.a));
            exported += 1;
        } else {
            assert_ne!(outcome.code, Some(0));
        }
    }
    assert!(exported > 0, "the bundle is read once, so rewriting it at the end changes nothing");

    let report = format!(
        "sealift --json report {FILE} --trust root.json --approvals both.approvals --threads 1 --since a.sealift \
         -o page.html"
    );
    lab.forget("page.html");
    for moment in lab.moments(&report) {
        lab.forget("page.html");
        let outcome = lab.rewritten(&report, moment, "gutted.sealift");
        if let Some(page) = lab.file("page.html") {
            let page = String::from_utf8(page).unwrap();
            assert!(!page.contains(&lab.b.hex()), "at {moment:?}: a report of what was not proved");
            assert!(page.contains(&lab.a.hex()), "at {moment:?}");
        } else {
            assert_ne!(outcome.code, Some(0), "{}", outcome.shown());
        }
    }
}

#[test]
fn f_sec_08_what_is_scanned_is_what_was_hashed() {
    let lab = Lab::new();
    let engine = "sh -c \"if grep -q MALWARE-MARKER {}; then echo x: Marker FOUND; exit 1; fi; exit 0\"";
    std::fs::write(lab.shop.path("run"), format!("exec sealift scan {FILE} --trust root.json --threads 1 --ledger ledger.json --engine '{engine}'\n")).unwrap();
    let command = "bash run";
    for moment in lab.moments(command) {
        lab.forget("ledger.json");
        let outcome = lab.rewritten(command, moment, "hidden.sealift");
        assert_ne!(outcome.code, Some(0), "at {moment:?}: {}", outcome.shown());
        if let Some(ledger) = lab.file("ledger.json") {
            let ledger: Value = serde_json::from_slice(&ledger).unwrap();
            assert_eq!(ledger["outcome"], "found", "at {moment:?}: {ledger}");
        }
    }
}

#[test]
fn f_sec_08_what_is_looked_at_is_what_was_hashed() {
    let lab = Lab::new();
    std::fs::write(lab.shop.path("p.toml"), POLICY).unwrap();
    let analysis = format!("sealift --json analyze {FILE} --trust root.json --threads 1");
    lab.every_moment(&analysis, "hidden.sealift", |outcome| {
        let shows = outcome.out.contains("marker-program");
        assert!(shows || outcome.code == Some(3), "{}", outcome.shown());
    });
    let sbom = format!("sealift sbom {FILE} --trust root.json --threads 1");
    lab.every_moment(&sbom, "hidden.sealift", |outcome| {
        let shows = outcome.out.contains("marker-pkg");
        assert!(shows || outcome.code == Some(3), "{}", outcome.shown());
    });
    let policy = format!("sealift policy check {FILE} --trust root.json --policy p.toml --threads 1");
    lab.every_moment(&policy, "hidden.sealift", |outcome| {
        assert!(matches!(outcome.code, Some(3 | 4)), "{}", outcome.shown());
    });
    let diff = format!("sealift --json diff b.sealift {FILE} --trust root.json --threads 1");
    lab.every_moment(&diff, "hidden.sealift", |outcome| {
        let shows = outcome.out.contains("marker-program");
        assert!(shows || outcome.code == Some(3), "{}", outcome.shown());
    });
    let cat = format!("sealift cat {FILE} --trust root.json notes/note.txt");
    lab.every_moment(&cat, "b.sealift", |outcome| {
        let one = |letter: &str| outcome.out == letter.repeat(100_000);
        assert!(outcome.code == Some(3) || one("a") || one("b"), "{:?}", outcome.code);
    });
}

#[test]
fn f_sec_08_serve_hands_out_no_part_that_was_not_hashed() {
    use std::io::BufRead as _;
    let lab = Lab::new();
    lab.place("a.sealift");
    let mut command =
        lab.shop.command(&format!("exec sealift --json serve {FILE} --trust root.json --listen 127.0.0.1:0"));
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut listening = String::new();
    std::io::BufReader::new(server.stdout.take().unwrap()).read_line(&mut listening).unwrap();
    let listening: Value = serde_json::from_str(&listening).unwrap();
    let blob = Digest::of(&layer(true));
    let part = |from: usize, to: usize| {
        let url = format!("{}v2/team/app/blobs/{blob}", listening["url"].as_str().unwrap());
        let curl = lab.shop.run(&format!("curl -sf -r {from}-{} -o part {url}", to - 1));
        (curl.code == Some(0)).then(|| lab.shop.read("part"))
    };
    let whole = layer(true);
    // From the middle of one step to the middle of another, within one, and the end.
    for (from, to) in [(0, 600), (200_000, 300_000), (262_144, 262_145), (whole.len() - 7, whole.len())] {
        assert_eq!(part(from, to).as_deref(), Some(&whole[from..to]), "{from} to {to}");
    }
    lab.place("hidden.sealift");
    assert_eq!(part(0, 600), None, "the program is another one now");
    let end = whole.len() - 7..whole.len();
    assert_eq!(part(end.start, end.end).as_deref(), Some(&whole[end.clone()]), "this part is as it was");
    lab.place("a.sealift");
    assert_eq!(part(0, 600).as_deref(), Some(&whole[..600]));
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Keeps the inventories that it is given.
struct Keeping(Mutex<Vec<SharedInventory>>);

impl Receiver for Keeping {
    type Error = TrustError;
    type File = Looking;
    type Blob = Looking;

    fn depth(&self) -> Depth {
        Depth::Decoded
    }

    fn begin(
        &self,
        _: &Verified<sealift_bundle::format::blob_order::Contents>,
        trees: &[SharedInventory],
    ) -> Result<(), TrustError> {
        self.0.lock().unwrap().extend_from_slice(trees);
        Ok(())
    }

    fn create(&self, _: usize, _: &sealift_bundle::format::entry::Entry) -> Result<Looking, TrustError> {
        Ok(Looking(Depth::Decoded))
    }

    fn blob(&self, _: &sealift_bundle::format::index::Blob) -> Result<Option<Looking>, TrustError> {
        Ok(None)
    }
}

/// A draft whose items all have one tree of two entries.
fn sharing(folder: &std::path::Path, items: usize) -> Draft {
    let mut draft = support::draft();
    for number in 0..items {
        let entries = [("folder", Put::Dir), ("folder/file", Put::File(b"content"))];
        let item = tree(folder, &format!("tree-{number}"), ItemKind::Config, &entries);
        draft.items.push(item);
    }
    draft
}

#[test]
fn f_sec_14_a_shared_inventory_is_parsed_once_and_all_are_counted() {
    let (authorities, folder) = (Authorities::new(), tempfile::tempdir().unwrap());
    let sealed = authorities.pack(&sharing(folder.path(), 3), folder.path());
    let bytes = std::fs::read(&sealed.path).unwrap();
    let open = |limits: &'static Limits| Conditions { limits, ..conditions() };
    let taken = |conditions: &Conditions<'_>| {
        let mut all = Vec::new();
        for as_file in [true, false] {
            let file = support::open(&sealed.path);
            let mut tape = if as_file { MemberReader::file(&file) } else { support::pipe(&bytes) };
            let trusted = Trusted::open(&mut tape, &authorities.pinned, conditions).unwrap();
            let keeping = Keeping(Mutex::default());
            let received = verify_contents(&trusted, &mut tape, conditions, &keeping);
            all.push(received.map(|_| keeping.0.into_inner().unwrap()));
        }
        all
    };
    for trees in taken(&conditions()) {
        let trees = trees.unwrap();
        assert_eq!(trees.len(), 3);
        assert!(trees.iter().all(|tree| Arc::ptr_eq(tree, &trees[0])), "one for all");
    }
    let in_place =
        |conditions| OpenBundle::open(support::open(&sealed.path), &authorities.pinned, conditions);
    let place = in_place(conditions()).unwrap();
    let one = place.inventory("tree-0").unwrap().unwrap();
    assert!(Arc::ptr_eq(&one, &place.inventory("tree-2").unwrap().unwrap()));

    // Six entries in all, and three frames.
    let leak = |limits| -> &'static Limits { Box::leak(Box::new(limits)) };
    let enough = leak(Limits { all_entries: 6, all_frames: 3, ..LIMITS });
    assert!(taken(&open(enough)).iter().all(Result::is_ok));
    let place = in_place(open(enough)).unwrap();
    for _ in 0..3 {
        assert!(place.inventory("tree-1").is_ok(), "what is asked for again is not counted again");
    }
    for limits in [Limits { all_entries: 5, ..LIMITS }, Limits { all_frames: 2, ..LIMITS }] {
        let limits = leak(limits);
        for outcome in taken(&open(limits)) {
            assert_eq!(outcome.unwrap_err().code(), codes::BUNDLE_LIMIT);
        }
        let place = in_place(open(limits)).unwrap();
        assert_eq!(place.inventory("tree-0").unwrap_err().code(), codes::BUNDLE_LIMIT);
        // What readers refuse is not packed.
        let draft = sharing(folder.path(), 3);
        let packed = authorities.try_pack(&draft, folder.path(), 1, limits);
        assert_eq!(packed.err().map(|error| error.code()), Some(codes::BUNDLE_LIMIT));
    }
}

#[test]
fn f_sec_14_a_tree_that_items_share_is_decoded_once_for_a_verdict() {
    let (authorities, folder) = (Authorities::new(), tempfile::tempdir().unwrap());
    let sealed = authorities.pack(&sharing(folder.path(), 50), folder.path());
    let good = Forge::of(&std::fs::read(&sealed.path).unwrap());
    let (_, layer) = good.parts("tree-0");
    let content = good.get(&blob_name(&layer)).to_vec();
    let file = support::open(&sealed.path);
    let deep = |depth| {
        let mut tape = MemberReader::file(&file);
        let trusted = Trusted::open(&mut tape, &authorities.pinned, &conditions()).unwrap();
        verify_contents(&trusted, &mut tape, &conditions(), &Looking(depth)).unwrap()
    };
    assert_eq!(deep(Depth::Decoded).layers.len(), 1);
    // And what is wrong in it is found as before, in whichever item.
    let mut wrong = good.clone();
    let (mut entries, frames) = wrong.inventory("tree-0");
    entries[1] = entries[1].replace("\"size\":7", "\"size\":8");
    wrong.set_inventory("tree-0", crate::forge::inventory(&entries, &frames));
    let bytes = wrong.sealed(&authorities);
    assert_eq!(split(&bytes).len(), good.members.len());
    let mut tape = support::pipe(&bytes);
    let trusted = Trusted::open(&mut tape, &authorities.pinned, &conditions()).unwrap();
    assert!(verify_contents(&trusted, &mut tape, &conditions(), &Looking(Depth::Decoded)).is_err());
    assert!(!content.is_empty());
}

/// A chain of two versions, and another past that somebody wrote before the second.
struct Histories {
    authorities: Authorities,
    attacker: SecretKey,
    genuine: Vec<u8>,
    second: Vec<u8>,
    forged: Vec<u8>,
}

fn histories() -> Histories {
    let key = || SecretKey::generate().unwrap();
    let (one, two, packer, attacker) = (key(), key(), key(), key());
    let terms = |root: &SecretKey, name: &str, created: &str| {
        let grant = |role, key: &SecretKey, name: &str| Grant {
            role,
            threshold: 1,
            keys: vec![(name.parse().unwrap(), key.public().clone())],
            scenarios: Vec::new(),
        };
        RootDraft {
            epoch: 1,
            created: created.parse().unwrap(),
            expires: None,
            grants: vec![grant(Role::Root, root, name), grant(Role::Packer, &packer, "packer")],
            revoked: Default::default(),
            policy: sealift_bundle::trust::root::RootPolicy {
                expiry: sealift_bundle::trust::root::Expiry::Refuse,
                approvals: None,
            },
        }
    };
    let first = Root::new_v1(terms(&one, "root", "2026-01-01T00:00:00Z")).unwrap();
    let second = first.next(terms(&two, "root", "2026-01-02T00:00:00Z")).unwrap();
    let past = Root::new_v1(terms(&attacker, "board-of-directors", "2025-01-01T00:00:00Z")).unwrap();
    let lines = |envelopes: &[&Envelope]| -> Vec<u8> {
        envelopes.iter().flat_map(|one| [&one.encode().unwrap()[..], b"\n"].concat()).collect()
    };
    let signed = second.sign(&[&one, &two]).unwrap();
    let genuine = lines(&[&first.sign(&[&one]).unwrap(), &signed]);
    let forged = lines(&[&past.sign(&[&attacker]).unwrap(), &signed.clone().cosign(&attacker).unwrap()]);
    let pinned = PinnedRoot::parse(&genuine, &LIMITS).unwrap();
    let authorities = Authorities { root: two, packer, chain: genuine.clone(), pinned, signatures: 1 };
    Histories { authorities, attacker, second: lines(&[&signed]), genuine, forged }
}

#[test]
fn f_sec_19_f_fmt_3_a_forged_past_is_refused_or_left_out() {
    let Histories { authorities, attacker, genuine, second, forged } = histories();
    let shop = Shop::new();
    let folder = shop.path("");
    let mut draft = support::draft();
    draft.items = vec![tree(&folder, "notes", ItemKind::Doc, &[("note.txt", Put::File(b"note"))])];
    let pack = |chain: &[u8], name: &str| {
        // The writer takes the chain of the root that it is given.
        let pinned = PinnedRoot::parse(chain, &LIMITS).unwrap();
        let root = SecretKey::generate().unwrap();
        let pem = authorities.packer.to_encrypted_pem(&Passphrase::new("x".to_owned().into())).unwrap();
        let packer = SecretKey::from_encrypted_pem(&pem, &Passphrase::new("x".to_owned().into())).unwrap();
        let authorities = Authorities { root, packer, chain: chain.to_vec(), pinned, signatures: 1 };
        let sealed = authorities.pack(&draft, &folder);
        std::fs::rename(sealed.path, shop.path(name)).unwrap();
        sealed.statement
    };
    pack(&genuine, "genuine.sealift");
    pack(&forged, "forged.sealift");
    std::fs::write(shop.path("all.json"), &genuine).unwrap();
    std::fs::write(shop.path("second.json"), &second).unwrap();

    // Who pinned every version sees that one of them is another.
    shop.done("sealift verify genuine.sealift --trust all.json");
    shop.fails("sealift verify forged.sealift --trust all.json", 3, "trust.foreign");
    shop.fails("sealift evidence export forged.sealift --trust all.json --to ev", 3, "trust.foreign");
    // Who pinned the second alone cannot, and neither shows nor keeps what stands before it.
    shop.done("sealift verify forged.sealift --trust second.json");
    shop.done("sealift evidence export forged.sealift --trust second.json --to second");
    let id = attacker.public().id().to_string();
    let kept = support::listing(&shop.path("second"));
    assert!(kept.iter().any(|(path, ..)| path == "roots.dsse.jsonl"), "{kept:?}");
    for (path, _, bytes) in &kept {
        let text = String::from_utf8_lossy(bytes);
        assert!(!path.contains(&id) && !text.contains("board-of-directors"), "{path}");
    }
    assert!(!kept.iter().any(|(path, ..)| path == "seal/roots.dsse.jsonl"), "{kept:?}");
    // With all of them, the evidence is what it was, and can be checked.
    shop.done(
        "sealift evidence export genuine.sealift --trust all.json --to ev; test -e ev/seal/roots.dsse.jsonl",
    );
    // A site keeps what was pinned.
    let words = authorities.pinned.fingerprint().spoken().to_string();
    shop.done(&format!(
        "sealift site init site --trust second.json --fingerprint '{words}' --scenario air-gapped >/dev/null
         sealift install site forged.sealift
         ! grep -rq {id} site/state.json site/journal.jsonl"
    ));
}

#[test]
fn f_sec_19_what_follows_from_the_pinned_root_begins_with_it() {
    let Histories { authorities, genuine, second, forged, .. } = histories();
    let third = authorities
        .pinned
        .root()
        .next(RootDraft { created: "2026-01-03T00:00:00Z".parse().unwrap(), ..terms_of(&authorities) });
    let third = third.unwrap().sign(&[&authorities.root]).unwrap().encode().unwrap();
    let anchor = |carried: &[u8], pinned: &[u8]| {
        let chain = [carried, &third, b"\n"].concat();
        let chain = sealift_bundle::trust::chain::Chain::parse(&chain, &LIMITS).unwrap();
        chain.anchor(&PinnedRoot::parse(pinned, &LIMITS).unwrap())
    };
    let versions = |root: &PinnedRoot| -> Vec<u64> {
        root.file().versions().map(|version| version.proposal().version()).collect()
    };
    assert_eq!(versions(&anchor(&genuine, &genuine).unwrap()), [1, 2, 3]);
    assert_eq!(versions(&anchor(&genuine, &second).unwrap()), [2, 3]);
    let kept = anchor(&forged, &second).unwrap();
    assert_eq!(versions(&kept), [2, 3]);
    let first = kept.file().versions().next().unwrap().envelope().encode().unwrap();
    assert_eq!([&first[..], b"\n"].concat(), second, "without the signature that was added");
    assert_eq!(anchor(&forged, &genuine).unwrap_err().code(), codes::TRUST_FOREIGN);
}

/// The same keys again.
fn terms_of(authorities: &Authorities) -> RootDraft {
    let grant = |role, key: &SecretKey, name: &str| Grant {
        role,
        threshold: 1,
        keys: vec![(name.parse().unwrap(), key.public().clone())],
        scenarios: Vec::new(),
    };
    RootDraft {
        epoch: 1,
        created: support::today(),
        expires: None,
        grants: vec![
            grant(Role::Root, &authorities.root, "root"),
            grant(Role::Packer, &authorities.packer, "packer"),
        ],
        revoked: Default::default(),
        policy: sealift_bundle::trust::root::RootPolicy {
            expiry: sealift_bundle::trust::root::Expiry::Refuse,
            approvals: None,
        },
    }
}
