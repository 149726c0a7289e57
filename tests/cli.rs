//! What an operator sees: the commands as they are typed, with their mistakes. Also the workshop that other tests of
//! the command line work in.

use sealift_bundle::value::digest::Digest;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;
use tempfile::TempDir;

const SETUP: &str = r#"
umask 022
key() {
    openssl genpkey -algorithm ed25519 \
        | openssl pkcs8 -topk8 -scrypt -scrypt_N 1024 -v2 aes-256-cbc -passout pass:pw -out "$1.key"
    chmod 600 "$1.key"
    openssl pkey -in "$1.key" -passin pass:pw -pubout -out "$1.pub"
}
for name in root packer; do key $name; done
sealift trust init --key root.key --packer packer.pub --passphrase-fd 0 <<<pw
sealift demo --keep demo
mkdir -p docs/empty docs/guide config
echo '# Install' > docs/guide/install.md
echo 'read me' > docs/readme.md
ln -s guide/install.md docs/start.md
printf '#!/bin/sh\nexit 0\n' > config/run.sh
chmod 755 config/run.sh
: > config/empty.conf
cat > site.toml <<'END'
[bundle]
name = "sample"
scenario = "air-gapped"
version = "1.0.0"

[[image]]
name = "hello"
layout = "demo/hello"

[[doc]]
name = "handbook"
path = "docs"

[[config]]
name = "server"
path = "config"
END
sealift lock site.toml --store store
"#;

/// Packs `site.toml` into the current folder, or where it is told to.
pub const PACK: &str = "sealift pack site.toml --key packer.key --store store --passphrase-fd 0 <<<pw";

/// A folder in which [`SETUP`] was run by the program as it was built last. Tests are processes of their own that start
/// at the same time: the first to finish gives the folder its name, and the others use that one.
fn finished_setup() -> PathBuf {
    let program = std::fs::metadata(env!("CARGO_BIN_EXE_sealift")).unwrap();
    let built = program.modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let state = Digest::of(format!("{SETUP}{built}{}", program.len()).as_bytes());
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let finished = all.join(format!("setup-{}", state.short()));
    if !finished.is_dir() {
        let shop = Shop(tempfile::tempdir_in(all).unwrap());
        shop.done(SETUP);
        if std::fs::rename(shop.0.path(), &finished).is_ok() {
            let _renamed = shop.0.keep();
        }
    }
    finished
}

/// A folder with keys, a trust root, a manifest and its lock.
pub struct Shop(TempDir);

impl Shop {
    /// On a disk in memory, where there is one: there, a sync costs nothing.
    pub fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::set_up(folder.unwrap())
    }

    fn set_up(folder: TempDir) -> Self {
        let copied = Command::new("cp").arg("-aT").arg(finished_setup()).arg(folder.path()).status().unwrap();
        assert!(copied.success(), "the set-up was not copied");
        Self(folder)
    }

    /// With room for much: on the disk.
    pub fn large() -> Self {
        Self::set_up(tempfile::tempdir().unwrap())
    }

    /// With the bundle `sample-1.0.0.sealift`.
    pub fn packed() -> Self {
        let shop = Self::new();
        shop.done(PACK);
        shop
    }

    /// Another folder with all that this one has.
    pub fn copy(&self) -> Self {
        let copy = Self(tempfile::tempdir_in(self.0.path().parent().unwrap()).unwrap());
        self.done(&format!("cp -a . {}/", copy.0.path().display()));
        copy
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// A script, ready to run in the folder, with `sealift` on its path and nothing of the person who tests.
    pub fn command(&self, script: &str) -> Command {
        let tool = Path::new(env!("CARGO_BIN_EXE_sealift")).parent().unwrap();
        let path = format!("{}:{}", tool.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-c", &format!("set -euo pipefail\n{script}")]);
        command.current_dir(self.0.path()).env("PATH", path).env("LC_ALL", "C");
        command.env("XDG_CACHE_HOME", self.path("cache")).env("HOME", self.0.path()).stdin(Stdio::null());
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE", "TZ", "COLUMNS", "SSH_AUTH_SOCK"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, script: &str) -> Outcome {
        Outcome::of(self.command(script).output().unwrap())
    }

    /// Runs what has to succeed.
    pub fn done(&self, script: &str) -> Outcome {
        let outcome = self.run(script);
        assert_eq!(outcome.code, Some(0), "{script}\n{}", outcome.shown());
        outcome
    }

    /// Runs what has to fail in this way.
    pub fn fails(&self, script: &str, exit: i32, code: &str) -> Outcome {
        let outcome = self.run(script);
        assert_eq!(outcome.code, Some(exit), "{script}\n{}", outcome.shown());
        assert!(outcome.is(code), "{script}: not {code}\n{}", outcome.shown());
        outcome
    }
}

/// What a command ended with.
pub struct Outcome {
    /// Nothing when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Outcome {
    pub fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let code = output.status.code().filter(|code| *code != 137);
        assert!(code.is_some() || matches!(output.status.signal(), None | Some(9)), "{output:?}");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// True when it failed with this error code.
    pub fn is(&self, code: &str) -> bool {
        self.err.contains(&format!("error[{code}]")) || self.out.contains(&format!("\"code\":\"{code}\""))
    }

    /// Everything of it, with what differs from run to run replaced.
    pub fn shown(&self) -> String {
        let code = self.code.map_or_else(|| "killed".to_owned(), |code| format!("exit {code}"));
        format!("{code}\n--- stdout\n{}--- stderr\n{}", steady(&self.out), steady(&self.err))
    }
}

/// A line that is a digest in ten words, without them.
fn without_words(line: &str) -> String {
    let words = line.trim();
    let is_digest = words.contains(' ')
        && words.parse::<sealift_bundle::value::word_fingerprint::TypedFingerprint>().is_ok();
    if is_digest { line.replace(words, "<words>") } else { line.to_owned() }
}

/// Replaces what differs: digests, fingerprints, times, sizes, and numbers of four digits or more.
fn steady(text: &str) -> String {
    let text = &text.replace(concat!("by sealift ", env!("CARGO_PKG_VERSION")), "by sealift <version>");
    let text: String = text.split_inclusive('\n').map(without_words).collect();
    let mut steady = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let run = |is: fn(&u8) -> bool| rest.bytes().take_while(is).count();
        let (hex, digits) = (run(u8::is_ascii_hexdigit), run(u8::is_ascii_digit));
        let time = rest
            .get(..20)
            .is_some_and(|text| text.parse::<sealift_bundle::value::timestamp::Timestamp>().is_ok());
        let groups = rest.split(' ').take_while(|group| group.len() == 4).count();
        let size = run(|byte| byte.is_ascii_digit() || *byte == b'.');
        let is_size = digits > 0 && rest[size..].starts_with(" KiB");
        let (len, put) = match (time, hex, digits) {
            (true, ..) => (20, "<time>"),
            (_, 12.., _) => (hex, "<hex>"),
            _ if hex == 4 && groups >= 14 => (16 * 5 - 1, "<fingerprint>"),
            _ if is_size => (size + 4, "<size>"),
            (_, _, 4..) if first != '0' => (digits, "<number>"),
            _ => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        steady += put;
        rest = &rest[len..];
    }
    steady
}

macro_rules! mistakes {
    ($($name:ident, $setup:expr, $script:expr, $shown:expr;)*) => { $(
        #[test]
        fn $name() {
            let shop = Shop::packed();
            shop.done($setup);
            snapbox::assert_data_eq!(shop.run($script).shown(), $shown);
        }
    )* };
}

mistakes! {
    a_foreign_trust_root,
        "key() { sealift key new $1 --passphrase-fd 0 <<<pw; }; key other; key third
         sealift trust init --key other.key --packer third.pub -o other.json --passphrase-fd 0 <<<pw",
        "sealift verify sample-1.0.0.sealift --trust other.json",
        snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[trust.foreign]: the bundle was sealed under a different trust root: your version 1 has fingerprint <fingerprint>, the bundle's has <fingerprint>
  in: sample-1.0.0.sealift
  next: compare both fingerprints with the administrators of your signing keys by telephone; do not install this bundle until they match
  more: sealift explain trust.foreign

"#]];
    a_missing_trust_root, "", "sealift verify sample-1.0.0.sealift --trust nowhere.json", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[trust.missing]: trust root `nowhere.json` not found
  because: No such file or directory (os error 2)
  next: get the trust root from the administrators of your signing keys, not from the medium that carries the bundle
  more: sealift explain trust.missing

"#]];
    a_trust_root_not_named, "", "sealift verify sample-1.0.0.sealift", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error: the following required arguments were not provided:
  --trust <ROOT>

Usage: sealift verify --trust <ROOT> <BUNDLE>

For more information, try '--help'.

"#]];
    a_trust_root_that_is_none, "", "sealift verify sample-1.0.0.sealift --trust site.toml", snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[trust.format]: `site.toml`: the envelope of a trust root is not in canonical form
  because: it is not JSON of the expected shape: expected value at line 1 column 2
  next: check that this is the right file; if it is, get it again from its author
  more: sealift explain trust.format

"#]];
    a_missing_bundle, "", "sealift verify nowhere.sealift --trust root.json", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[bundle.missing]: bundle `nowhere.sealift` not found
  next: list the bundles here: `ls *.sealift`
  more: sealift explain bundle.missing

"#]];
    a_bundle_that_is_a_text, "", "sealift verify docs/readme.md --trust root.json", snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[bundle.truncated]: not a sealift bundle, or truncated: shorter than the 512-byte header of `seal/roots.dsse.jsonl`
  in: docs/readme.md
  next: check that this is the right file; if it is, copy it again from its source
  more: sealift explain bundle.truncated

"#]];
    a_bundle_that_is_empty, ": > empty", "sealift inspect empty --trust root.json", snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[bundle.truncated]: not a sealift bundle, or truncated: shorter than the 512-byte header of `seal/roots.dsse.jsonl`
  in: empty
  next: check that this is the right file; if it is, copy it again from its source
  more: sealift explain bundle.truncated

"#]];
    a_bundle_that_is_a_longer_text, "", "sealift verify - --trust root.json < site.lock.toml", snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[bundle.header]: not a sealift bundle: expected the header of `seal/roots.dsse.jsonl` at the start, found bytes that are no header
  in: standard input
  next: check that this is the right file; if it is, copy it again from its source
  more: sealift explain bundle.header

"#]];
    a_bundle_that_is_another_tar, "tar cf docs.tar docs", "sealift ls docs.tar --trust root.json", snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[bundle.header]: not a sealift bundle: expected the header of `seal/roots.dsse.jsonl` at the start, found a header of `docs/`
  in: docs.tar
  next: check that this is the right file; if it is, copy it again from its source
  more: sealift explain bundle.header

"#]];
    a_bundle_that_is_a_folder, "", "sealift unpack docs --trust root.json --to site", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[bundle.not-a-file]: `docs` is a folder, not a regular file
  next: pass the file itself, or pipe it in: `... | sealift verify -`
  more: sealift explain bundle.not-a-file

"#]];
    a_truncated_bundle,
        r"at=$(grep -aboP 'index\.json\x00' sample-1.0.0.sealift | head -1 | cut -d: -f1)
         head -c $((at + 600)) sample-1.0.0.sealift > cut.sealift",
        "sealift verify cut.sealift --trust root.json",
        snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[bundle.truncated]: the bundle is truncated inside `index.json`, at byte <number>
  in: cut.sealift
  next: copy the bundle again from its source and re-run `verify`
  more: sealift explain bundle.truncated

"#]];
    a_bundle_cut_in_its_seal,
        "head -c 3000 sample-1.0.0.sealift > cut.sealift",
        "sealift verify cut.sealift --trust root.json",
        snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[bundle.truncated]: the bundle is truncated inside `seal/bundle.dsse.json`, at byte <number>
  in: cut.sealift
  next: copy the bundle again from its source and re-run `verify`
  more: sealift explain bundle.truncated

"#]];
    a_flipped_byte,
        r"at=$(grep -aboP 'seal/RESERVE\x00' sample-1.0.0.sealift | head -1 | cut -d: -f1)
         printf X | dd of=sample-1.0.0.sealift bs=1 seek=$((at + 600)) conv=notrunc status=none",
        "sealift unpack sample-1.0.0.sealift --trust root.json --to site",
        snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[bundle.digest]: digest mismatch for `seal/RESERVE`: expected sha256:<hex>, found sha256:<hex>
  in: sample-1.0.0.sealift
  next: copy the bundle again from its source and re-run `verify`
  more: sealift explain bundle.digest

"#]];
    a_flipped_byte_in_the_last_layer,
        r"at=$(grep -aboP '\x28\xb5\x2f\xfd' sample-1.0.0.sealift | tail -1 | cut -d: -f1)
         printf X | dd of=sample-1.0.0.sealift bs=1 seek=$((at + 20)) conv=notrunc status=none",
        "sealift verify sample-1.0.0.sealift --trust root.json",
        snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[bundle.digest]: digest mismatch for `blobs/sha256/<hex>` of config `server`: expected sha256:<hex>, found sha256:<hex>
  in: sample-1.0.0.sealift
  next: copy the bundle again from its source and re-run `verify`
  more: sealift explain bundle.digest

"#]];
    a_target_that_exists,
        "mkdir site; touch site/precious",
        "sealift unpack sample-1.0.0.sealift --trust root.json --to site",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[site.target]: `site` is not empty
  next: name a directory that does not exist yet: `--to NEW`
  more: sealift explain site.target

"#]];
    a_target_in_a_missing_folder, "",
        "sealift unpack sample-1.0.0.sealift --trust root.json --to no/where",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[site.parent]: directory `no` not found
  next: create it first: `mkdir -p no`
  more: sealift explain site.parent

"#]];
    a_target_in_a_folder_of_everybody, "mkdir -m 777 open",
        "sealift unpack sample-1.0.0.sealift --trust root.json --to open/site",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[site.parent]: `open` can be written by everybody, who could swap what is unpacked there
  next: choose a directory that only you can write to
  more: sealift explain site.parent

"#]];
    a_target_below_a_file, "",
        "sealift unpack sample-1.0.0.sealift --trust root.json --to site.toml/a/site",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[site.parent]: `site.toml/a` is not a folder
  next: choose a directory that only you can write to
  more: sealift explain site.parent

"#]];
    a_wrong_passphrase, "",
        "sealift pack site.toml --key packer.key --store store --passphrase-fd 0 <<<wrong",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[trust.passphrase]: `packer.key`: wrong passphrase for this key
  next: try the passphrase again; check the keyboard layout and caps lock
  more: sealift explain trust.passphrase

"#]];
    no_terminal_for_the_passphrase, "",
        "setsid -w sealift pack site.toml --key packer.key --store store",
        snapbox::str![[r#"
exit 1
--- stdout
--- stderr
error[cli.input]: cannot read the passphrase from the terminal
  because: No such device or address (os error 6)
  next: without a terminal, pass it through a file descriptor: `--passphrase-fd 3 3< FILE`
  more: sealift explain cli.input

"#]];
    a_descriptor_that_is_not_open, "",
        "sealift pack site.toml --key packer.key --store store --passphrase-fd 9",
        snapbox::str![[r#"
exit 1
--- stdout
--- stderr
error[cli.input]: cannot read the passphrase from file descriptor 9
  because: No such file or directory (os error 2)
  next: open the descriptor for reading in the shell: `--passphrase-fd 3 3< FILE`
  more: sealift explain cli.input

"#]];
    an_output_without_space, "", "sealift ls sample-1.0.0.sealift --trust root.json > /dev/full", snapbox::str![[r#"
exit 1
--- stdout
--- stderr
error[cli.output]: cannot write to standard output
  because: No space left on device (os error 28)
  next: check free space and permissions where standard output is redirected, then run the command again
  more: sealift explain cli.output

"#]];
    a_key_that_others_can_read, "chmod 644 packer.key", PACK, snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[trust.key-file]: `packer.key` is readable by others: its mode is 0644, expected 0600
  next: chmod 600 packer.key
  more: sealift explain trust.key-file

"#]];
    a_missing_key, "rm packer.key", PACK, snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[trust.key-file]: cannot read the key file `packer.key`
  because: No such file or directory (os error 2)
  next: pass an existing key file, or create one: `sealift key new packer`
  more: sealift explain trust.key-file

"#]];
    a_public_key_as_a_secret_one, "chmod 600 packer.pub; mv packer.pub packer.key", PACK, snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[trust.key-file]: `packer.key`: invalid key file: it is not PEM with the label `ENCRYPTED PRIVATE KEY`
  next: pass a key made by `sealift key new NAME` or `openssl genpkey -algorithm ed<number> -aes256 -out NAME.key`
  more: sealift explain trust.key-file

"#]];
    a_public_key_that_is_none, "", "sealift key show site.toml", snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[trust.key]: `site.toml`: invalid key: it is neither PEM with the label `PUBLIC KEY` nor the line of a `.pub` of `ssh-keygen`
  next: create a new key with `sealift key new NAME`
  more: sealift explain trust.key

"#]];
    a_key_of_another_role, "cp root.key packer.key", PACK, snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[trust.threshold]: too few packer keys signed for scenario `air-gapped`: 1 needed, 0 found; missing: packer (<hex>); signed without that role: root (<hex>)
  next: more keys have to sign: pass each with its own `--key` to `pack` or `trust init`
  more: sealift explain trust.threshold

"#]];
    a_missing_lock, "rm site.lock.toml", PACK, snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[lock.missing]: cannot read the lock `site.lock.toml`
  because: No such file or directory (os error 2)
  next: pin every source first: `sealift lock site.toml`
  more: sealift explain lock.missing

"#]];
    a_stale_lock, "sed -i s/1.0.0/1.0.1/ site.toml", PACK, snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[lock.stale]: the manifest `site.toml` has changed since the lock `site.lock.toml` was written
  next: run `sealift lock site.toml`, and review the changes in the lock
  more: sealift explain lock.stale

"#]];
    a_lock_of_other_sources, "echo more >> docs/readme.md",
        "sealift lock site.toml --store store --check",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[lock.stale]: what is pinned for the manifest `site.toml` has changed since the lock `site.lock.toml` was written
  next: run `sealift lock site.toml`, and review the changes in the lock
  more: sealift explain lock.stale

"#]];
    a_missing_lock_to_check, "mv site.toml 'my site.toml'",
        "sealift lock 'my site.toml' --store store --check",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[lock.missing]: cannot read the lock `my site.lock.toml`
  because: No such file or directory (os error 2)
  next: pin every source first: `sealift lock 'my site.toml'`
  more: sealift explain lock.missing

"#]];
    a_missing_manifest, "", "sealift lock nowhere.toml --store store", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[manifest.missing]: cannot read the manifest `nowhere.toml`
  because: No such file or directory (os error 2)
  next: create one from the files in the directory: `sealift init nowhere.toml`
  more: sealift explain manifest.missing

"#]];
    a_source_that_changed, "echo more >> docs/readme.md", PACK, snapbox::str![[r#"
exit 3
--- stdout
--- stderr
error[source.changed]: `./docs/readme.md` does not match the lock: it has 13 bytes, expected 8
  next: if the change is intended, run `sealift lock site.toml` and review the lock
  more: sealift explain source.changed

"#]];
    a_source_that_went_away, "rm docs/readme.md", PACK, snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[source.missing]: cannot read `./docs/readme.md`
  because: No such file or directory (os error 2)
  next: restore the file, or lock what is there now: `sealift lock site.toml`
  more: sealift explain source.missing

"#]];
    a_bundle_that_is_there_with_other_bytes, "echo x >> sample-1.0.0.sealift", PACK, snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[bundle.exists]: `sample-1.0.0.sealift` already exists with different content
  next: raise `version` in the manifest, or move the old bundle away
  more: sealift explain bundle.exists

"#]];
    an_unknown_key_in_the_manifest,
        "sed -i 's/^path = \"docs\"/pth = \"docs\"/' site.toml",
        "sealift lock site.toml --store store",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[manifest.unknown-key]: unknown field `pth`, expected one of `name`, `path`, `git`, `commit`, `template`, `include`, `exclude`, `names`, `license`, `version`, `variants`, `features`, `requires`, `audience`, `priority`
  --> site.toml:12:1
   |
12 | pth = "docs"
   | ^^^
  next: did you mean `path`?
  more: sealift explain manifest.unknown-key

"#]];
    a_manifest_that_is_no_toml,
        "echo '[[doc' >> site.toml",
        "sealift lock site.toml --store store",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[manifest.syntax]: unclosed array table, expected `]]`
  --> site.toml:17:6
   |
17 | [[doc
   |      ^
  next: fix what is marked; `sealift util schema` lists every key and its type
  more: sealift explain manifest.syntax

"#]];
    a_source_that_is_not_there,
        "sed -i 's/^path = \"docs\"/path = \"dosc\"/' site.toml",
        "sealift lock site.toml --store store",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[source.missing]: cannot pin the doc `handbook`
  because: `./dosc` not found
  next: correct the path in the manifest; it is relative to the manifest's directory
  more: sealift explain source.missing

"#]];
    cat_of_a_missing_file, "",
        "sealift cat sample-1.0.0.sealift --trust root.json handbook/nowhere.md",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[audit.not-found]: the bundle has no file `nowhere.md` in `handbook`
  in: sample-1.0.0.sealift
  next: see the files of the bundle: `sealift ls sample-1.0.0.sealift --trust root.json`
  more: sealift explain audit.not-found

"#]];
    cat_of_a_folder, "", "sealift cat sample-1.0.0.sealift --trust root.json handbook/guide", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[audit.not-found]: `handbook/guide` is a folder
  in: sample-1.0.0.sealift
  next: see the files of the bundle: `sealift ls sample-1.0.0.sealift --trust root.json`
  more: sealift explain audit.not-found

"#]];
    cat_of_a_missing_item, "", "sealift cat sample-1.0.0.sealift --trust root.json nothing/readme.md", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[audit.not-found]: the bundle has no item `nothing`
  in: sample-1.0.0.sealift
  next: see the files of the bundle: `sealift ls sample-1.0.0.sealift --trust root.json`
  more: sealift explain audit.not-found

"#]];
    cat_without_a_path, "", "sealift cat sample-1.0.0.sealift --trust root.json handbook", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[cli.usage]: invalid file name: expected ITEM/PATH, found `handbook`
  next: list the files: `sealift ls sample-1.0.0.sealift --trust root.json`
  more: sealift explain cli.usage

"#]];
    cat_of_an_image, "", "sealift cat sample-1.0.0.sealift --trust root.json hello/hello.txt", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[audit.not-found]: `hello` is an image, and its layers are carried unopened
  in: sample-1.0.0.sealift
  next: see the files of the bundle: `sealift ls sample-1.0.0.sealift --trust root.json`
  more: sealift explain audit.not-found

"#]];
    cat_of_a_folder_as_ls_shows_it, "mv sample-1.0.0.sealift 'a b.sealift'",
        "sealift cat 'a b.sealift' --trust root.json handbook/guide/",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[audit.not-found]: `handbook/guide/` is a folder
  in: a b.sealift
  next: see the files of the bundle: `sealift ls 'a b.sealift' --trust root.json`
  more: sealift explain audit.not-found

"#]];
    cat_through_a_link, "", "sealift cat sample-1.0.0.sealift --trust root.json handbook/start.md", snapbox::str![[r#"
exit 0
--- stdout
# Install
--- stderr

"#]];
    ls_of_an_image, "", "sealift ls sample-1.0.0.sealift --trust root.json hello", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[audit.not-found]: `hello` is an image, and its layers are carried unopened
  in: sample-1.0.0.sealift
  next: see the files of the bundle: `sealift ls sample-1.0.0.sealift --trust root.json`
  more: sealift explain audit.not-found

"#]];
    ls_of_a_missing_item, "", "sealift ls sample-1.0.0.sealift --trust root.json nothing", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[audit.not-found]: the bundle has no item `nothing`
  in: sample-1.0.0.sealift
  next: see the files of the bundle: `sealift ls sample-1.0.0.sealift --trust root.json`
  more: sealift explain audit.not-found

"#]];
    ls_of_all, "", "sealift ls sample-1.0.0.sealift --trust root.json", snapbox::str![[r#"
exit 0
--- stdout
dir             -  -             handbook/empty/
dir             -  -             handbook/guide/
0644           10  <hex>  handbook/guide/install.md
0644            8  <hex>  handbook/readme.md
link            -  -             handbook/start.md -> guide/install.md
0644            0  <hex>  server/empty.conf
0755           17  <hex>  server/run.sh
--- stderr

"#]];
    inspect_of_all, "", "sealift inspect sample-1.0.0.sealift --trust root.json", snapbox::str![[r#"
exit 0
--- stdout
sample-1.0.0
  sealed by  packer (packer, key <hex>)
             <words>
  statement  sha256:<hex>
  scenario   air-gapped, epoch 1, sequence 1
  created    <time> by sealift <version>
  lock       sha256:<hex>
  holds      3 items in 9 blobs, <size>

  image  hello        <size>  registry.example.com/demo/hello:1
  doc    handbook     <size>  path docs
  config server         946 B  path config

not checked: the layers and files (`sealift verify` reads every byte)
--- stderr

"#]];
    verify_of_all, "", "sealift verify sample-1.0.0.sealift --trust root.json", snapbox::str![[r#"
exit 0
--- stdout
verified: sample-1.0.0
  sealed by  packer (packer, key <hex>)
             <words>
  statement  sha256:<hex>
  scenario   air-gapped, epoch 1, sequence 1
  created    <time>
  holds      3 items in 9 blobs, <size>
  checked    all <number> bytes against the seal; frames were not decoded (`verify --deep` does)
--- stderr
next: sealift unpack sample-1.0.0.sealift --trust root.json --to NEW-DIR

"#]];
    unpack_of_all, "", "sealift unpack sample-1.0.0.sealift --trust root.json --to site", snapbox::str![[r#"
exit 0
--- stdout
unpacked sample-1.0.0 to site: 4 files and 1 image, <size>
--- stderr
next: skopeo copy oci:site/images:registry.example.com/demo/hello:1 docker://REGISTRY/demo/hello:1

"#]];
    one_of_each,
        "sed '/image/,$d' site.toml > one.toml; printf '[[file]]\nname = \"text\"\npath = \"docs/readme.md\"\n' >> one.toml",
        "sealift lock one.toml --store store
         rm sample-1.0.0.sealift
         sealift pack one.toml --key packer.key --store store --passphrase-fd 0 <<<pw
         sealift unpack sample-1.0.0.sealift --trust root.json --to site",
        snapbox::str![[r#"
exit 0
--- stdout
one.lock.toml: written, 1 item, sequence 1
sample-1.0.0.sealift
  statement  sha256:<hex>
  holds      1 item in 3 blobs
  size       <size> (<number> bytes)
unpacked sample-1.0.0 to site: 1 file and 0 images, 8 B
--- stderr
next: review it, then: sealift check one.toml
next: sealift verify sample-1.0.0.sealift --trust root.json

"#]];
    pack_of_all, "rm sample-1.0.0.sealift", PACK, snapbox::str![[r#"
exit 0
--- stdout
sample-1.0.0.sealift
  statement  sha256:<hex>
  holds      3 items in 9 blobs
  size       <size> (<number> bytes)
--- stderr
next: sealift verify sample-1.0.0.sealift --trust root.json

"#]];
    an_unknown_error_code, "", "sealift explain trust.foregin", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[cli.usage]: unknown code `trust.foregin`
  next: did you mean `trust.foreign`? List all codes: `sealift explain`
  more: sealift explain cli.usage

"#]];
    an_error_code_like_none, "", "sealift explain bogus", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[cli.usage]: unknown code `bogus`
  next: list all codes: `sealift explain`
  more: sealift explain cli.usage

"#]];
    a_known_error_code, "", "sealift explain trust.foreign", snapbox::str![[r#"
exit 0
--- stdout
trust.foreign (exit code 3)

The bundle was sealed under a different trust root than the one you gave. It may be meant for another organization, or be an attempt to bring its own trust root.
--- stderr

"#]];
    an_unknown_verb, "", "sealift verfiy sample-1.0.0.sealift", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error: unrecognized subcommand 'verfiy'

  tip: a similar subcommand exists: 'verify'

Usage: sealift [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]];
    a_root_that_is_there, "",
        "sealift trust init --key root.key --packer packer.pub --passphrase-fd 0 <<<pw",
        snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[cli.usage]: `root.json` already exists, and a trust root is never overwritten
  next: choose another file with `--output`, or move the existing file away
  more: sealift explain cli.usage

"#]];
    a_key_that_is_there, "", "sealift key new packer --passphrase-fd 0 <<<pw", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
error[trust.key-file]: `packer.key` already exists, and key files are never overwritten
  next: choose another file name, or move the old key away
  more: sealift explain trust.key-file

"#]];
    help, "", "sealift --help", snapbox::str![[r#"
exit 0
--- stdout
Carry documents, container images and configurations across an air gap in one signed bundle

Usage: sealift [OPTIONS] <COMMAND>

Start:
  demo      Run a guided tour in a temporary directory: pack, verify, reject a changed byte, unpack
  init      Write a commented manifest for the content of a directory
  manual    Read the manual
  explain   Explain an error code or a finding
  util      Print shell completions, the manifest schema or the format specification

Build:
  lock      Pin every source of a manifest to a digest and size
  check     Find what would fail at an isolated site
  pack      Build and sign a bundle from a lock
  cosign    Add another packer's signature to a bundle
  publish   Push a bundle to a registry, with its seal as a referrer

Verify:
  verify    Verify a bundle's signatures and every byte of it
  inspect   Show the content of a bundle
  ls        List the files in a bundle
  cat       Write one file of a bundle to standard output
  unpack    Verify a bundle and write its content to a new directory

Run a site:
  site      Set up a site and manage the trust root it pins
  doctor    Check whether a bundle can be unpacked here
  install   Verify a bundle and put it into use, atomically
  rollback  Switch back to the previous release
  prune     Remove old releases that are not in use
  status    Show what a site trusts and has installed
  load      Verify a bundle and push its images to the site's registry
  serve     Serve bundles as a read-only registry and a web page
  pull      Download a published bundle into a file
  journal   Verify and export the journal of a site
  receipt   Create and check receipts: what a site installed, signed by the site
  request   Create and check requests: what a site holds, signed by the site

Approve and audit:
  diff      Compare two bundles, locks or sites, most severe changes first
  analyze   Analyze the content of a bundle: executables, privileges, packages, secrets
  sbom      Write the SBOM of a bundle
  scan      Run a malware scanner over everything in a bundle
  report    Write a one-page HTML report for an approver
  policy    Check a bundle against a policy, and list the rules a policy can use
  waive     Waive a policy violation, with a reason and an expiry date
  approve   Approve a bundle: sign a file that travels beside it
  evidence  Export the evidence that a bundle was verified, for later audits
  fleet     Show which site holds what, from receipts and requests

Keys:
  key       Create and show keys
  trust     Create, change and show trust roots

Options:
      --json          Write JSON lines to standard output
  -q, --quiet         Print only results and errors
      --no-progress   Do not show a progress bar
      --color <WHEN>  When to use colors: auto, always or never [default: auto]
  -h, --help          Print help
  -V, --version       Print version

Exit codes: 0 success, 1 failed, 2 usage error, 3 rejected, 4 verified but with findings, 5
incomplete, 130 interrupted.

Examples:
  sealift demo
  sealift verify air-gapped-<number>.11.0.sealift --trust root.json
--- stderr

"#]];
    help_of_verify, "", "sealift verify --help", snapbox::str![[r#"
exit 0
--- stdout
Verify a bundle's signatures and every byte of it

Usage: sealift verify [OPTIONS] --trust <ROOT> <BUNDLE>

Arguments:
  <BUNDLE>
          The bundle file; verbs that read it once also take `-` or `oci://...`
          
          `-` is standard input, `oci://REGISTRY/REPOSITORY:TAG` a published bundle.

Options:
      --trust <ROOT>
          The trust root; obtain it over another channel than the bundle

      --approvals <FILE>
          Approvals of the bundle [default: BUNDLE.approvals, if it exists]

      --identity <FILE>
          Decrypt the bundle with this age identity file (`age-keygen`)

      --outer
          Check only the outer seal and the encrypted bytes of an encrypted bundle

      --deep
          Also decode every frame and compare every file with its inventory

      --policy <FILE>
          Also check the bundle against this policy; exit code 4 on violations

      --osv <DIR>
          Directory of OSV records from osv.dev
          
          It contains `all.zip` of each ecosystem, or the extracted records.

      --vex <FILE>
          OpenVEX document with a vendor's statements; repeatable

      --waivers <FILE>
          Waivers signed by approvers, from `sealift waive`; repeatable

      --ledger <FILE>
          The ledger of a scan, from `sealift scan`; repeatable

      --threads <N>
          Number of threads [default: one per core]

      --json
          Write JSON lines to standard output

  -q, --quiet
          Print only results and errors

      --no-progress
          Do not show a progress bar

      --color <WHEN>
          When to use colors: auto, always or never
          
          [default: auto]

  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Registries:
      --mirror <REGISTRY=MIRROR>
          Use MIRROR instead of REGISTRY; repeatable
          
          Example: `docker.io=mirror.site:<number>/hub`. Hosts of downloads, charts and git repositories
          can have mirrors too, and theirs may be directories: `github.com=file:///srv/github`.

      --ca-cert <FILE>
          Trust this certificate authority in addition (PEM)

      --plain-http <HOST[:PORT]>
          Use plain HTTP for this registry
          
          Loopback addresses use it without this option.

      --authfile <FILE>
          Credentials file
          
          Default: those of `podman login` and `docker login`.

Examples:
  sealift verify air-gapped-<number>.11.0.sealift --trust root.json
  dd if=/dev/nst0 bs=1M | sealift verify - --trust root.json --deep
--- stderr

"#]];
    no_verb_at_all, "", "sealift", snapbox::str![[r#"
exit 2
--- stdout
--- stderr
Carry documents, container images and configurations across an air gap in one signed bundle

Usage: sealift [OPTIONS] <COMMAND>

Start:
  demo      Run a guided tour in a temporary directory: pack, verify, reject a changed byte, unpack
  init      Write a commented manifest for the content of a directory
  manual    Read the manual
  explain   Explain an error code or a finding
  util      Print shell completions, the manifest schema or the format specification

Build:
  lock      Pin every source of a manifest to a digest and size
  check     Find what would fail at an isolated site
  pack      Build and sign a bundle from a lock
  cosign    Add another packer's signature to a bundle
  publish   Push a bundle to a registry, with its seal as a referrer

Verify:
  verify    Verify a bundle's signatures and every byte of it
  inspect   Show the content of a bundle
  ls        List the files in a bundle
  cat       Write one file of a bundle to standard output
  unpack    Verify a bundle and write its content to a new directory

Run a site:
  site      Set up a site and manage the trust root it pins
  doctor    Check whether a bundle can be unpacked here
  install   Verify a bundle and put it into use, atomically
  rollback  Switch back to the previous release
  prune     Remove old releases that are not in use
  status    Show what a site trusts and has installed
  load      Verify a bundle and push its images to the site's registry
  serve     Serve bundles as a read-only registry and a web page
  pull      Download a published bundle into a file
  journal   Verify and export the journal of a site
  receipt   Create and check receipts: what a site installed, signed by the site
  request   Create and check requests: what a site holds, signed by the site

Approve and audit:
  diff      Compare two bundles, locks or sites, most severe changes first
  analyze   Analyze the content of a bundle: executables, privileges, packages, secrets
  sbom      Write the SBOM of a bundle
  scan      Run a malware scanner over everything in a bundle
  report    Write a one-page HTML report for an approver
  policy    Check a bundle against a policy, and list the rules a policy can use
  waive     Waive a policy violation, with a reason and an expiry date
  approve   Approve a bundle: sign a file that travels beside it
  evidence  Export the evidence that a bundle was verified, for later audits
  fleet     Show which site holds what, from receipts and requests

Keys:
  key       Create and show keys
  trust     Create, change and show trust roots

Options:
      --json          Write JSON lines to standard output
  -q, --quiet         Print only results and errors
      --no-progress   Do not show a progress bar
      --color <WHEN>  When to use colors: auto, always or never [default: auto]
  -h, --help          Print help
  -V, --version       Print version

Exit codes: 0 success, 1 failed, 2 usage error, 3 rejected, 4 verified but with findings, 5
incomplete, 130 interrupted.

Examples:
  sealift demo
  sealift verify air-gapped-<number>.11.0.sealift --trust root.json

"#]];
}

/// One JSON line, read by another program.
fn fields(outcome: &Outcome, filter: &str) -> String {
    use std::io::Write as _;
    let mut jq = Command::new("jq")
        .args(["-er", filter])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("these tests need jq: apt-get install jq");
    jq.stdin.take().unwrap().write_all(outcome.out.as_bytes()).unwrap();
    let read = jq.wait_with_output().unwrap();
    assert!(read.status.success(), "{filter}\n{}", outcome.out);
    String::from_utf8(read.stdout).unwrap()
}

#[test]
fn json_of_a_success() {
    let shop = Shop::packed();
    let outcome = shop.done("sealift verify sample-1.0.0.sealift --trust root.json --json 2>/dev/null");
    assert_eq!(outcome.out.lines().count(), 1);
    let shown = fields(
        &outcome,
        "[.type, .version, .verdict, .depth, .name, (.items | length), .signers[0].name] | @json",
    );
    snapbox::assert_data_eq!(
        shown,
        snapbox::str![[r#"
["verdict","1.0.0","verified","stored","sample",3,"packer"]

"#]]
    );
    let shown = fields(&outcome, "keys_unsorted | @json");
    snapbox::assert_data_eq!(
        shown,
        snapbox::str![[r#"
["approvals","created","depth","epoch","items","lock","name","root_version","scenario","sequence","signers","statement","tool","totals","type","verdict","version","warnings"]

"#]]
    );
    for verb in
        ["inspect sample-1.0.0.sealift", "unpack sample-1.0.0.sealift --to site", "ls sample-1.0.0.sealift"]
    {
        let outcome = shop.done(&format!("sealift {verb} --trust root.json --json 2>/dev/null"));
        assert!(!fields(&outcome, ".type").is_empty());
    }
}

#[test]
fn json_of_an_error() {
    let shop = Shop::packed();
    for (script, exit, code) in [
        ("sealift verify sample-1.0.0.sealift --trust nowhere.json --json", 2, "trust.missing"),
        ("sealift verify docs/readme.md --trust root.json --json", 3, ""),
        (
            "mkdir site; touch site/x; sealift unpack sample-1.0.0.sealift --trust root.json --to site --json",
            2,
            "site.target",
        ),
        ("sed -i 's/^path/pth/' site.toml; sealift lock site.toml --store store --json", 2, ""),
        ("sealift verify --json sample-1.0.0.sealift", 2, "cli.usage"),
    ] {
        let outcome = shop.run(script);
        assert_eq!(outcome.code, Some(exit), "{}", outcome.shown());
        assert_eq!(outcome.out.lines().count(), 1, "{}", outcome.shown());
        let shown = fields(&outcome, "[.type, .version, .exit] | @json");
        assert_eq!(shown, format!("[\"error\",1,{exit}]\n"));
        let keys = fields(&outcome, "keys | @json");
        assert_eq!(
            keys,
            "[\"causes\",\"code\",\"exit\",\"hint\",\"message\",\"subject\",\"type\",\"version\"]\n"
        );
        assert!(outcome.is(code) || code.is_empty(), "{}", outcome.shown());
        assert!(!fields(&outcome, ".message").trim().is_empty());
    }
}

#[test]
fn json_names_the_bundle_of_an_error_and_the_mistakes_of_a_command_line() {
    let shop = Shop::packed();
    let shown = |script: &str, exit| {
        let outcome = shop.run(script);
        assert_eq!(outcome.code, Some(exit), "{}", outcome.shown());
        fields(&outcome, "[.code, .subject, .message, .hint] | @json")
    };
    let all = [
        shown("sealift verify docs/readme.md --trust root.json --json", 3),
        shown("sealift verify - --trust root.json --json < docs/readme.md", 3),
        shown("sealift verify nowhere.sealift --trust root.json --json", 2),
        shown("sealift verify sample-1.0.0.sealift --json", 2),
        shown("sealift --json verfiy sample-1.0.0.sealift", 2),
        shown("sealift key --json", 2),
        shown("sealift --json", 2),
    ];
    snapbox::assert_data_eq!(
        all.concat(),
        snapbox::str![[r#"
["bundle.truncated","docs/readme.md","not a sealift bundle, or truncated: shorter than the 512-byte header of `seal/roots.dsse.jsonl`","check that this is the right file; if it is, copy it again from its source"]
["bundle.truncated","standard input","not a sealift bundle, or truncated: shorter than the 512-byte header of `seal/roots.dsse.jsonl`","check that this is the right file; if it is, copy it again from its source"]
["bundle.missing",null,"bundle `nowhere.sealift` not found","list the bundles here: `ls *.sealift`"]
["cli.usage",null,"the following required arguments were not provided: --trust <ROOT>","Usage: sealift verify --trust <ROOT> --json <BUNDLE>"]
["cli.usage",null,"unrecognized subcommand 'verfiy'","a similar subcommand exists: 'verify'"]
["cli.usage",null,"'sealift key' requires a subcommand but one was not provided [subcommands: new, show, help]","Usage: sealift key [OPTIONS] <COMMAND>"]
["cli.usage",null,"'sealift' requires a subcommand but one was not provided [subcommands: demo, init, manual, explain, util, lock, check, pack, cosign, publish, verify, inspect, ls, cat, unpack, site, doctor, install, rollback, prune, status, load, serve, pull, journal, receipt, request, diff, analyze, sbom, scan, report, policy, waive, approve, evidence, fleet, key, trust, help]","Usage: sealift [OPTIONS] <COMMAND>"]

"#]]
    );
    for script in ["sealift --json --help", "sealift verify --json --version"] {
        let outcome = shop.done(script);
        assert!(!outcome.out.starts_with('{') && outcome.err.is_empty(), "{}", outcome.shown());
    }
    let words = shop.run("sealift verify --trust root.json -- --json --json");
    assert!(words.code == Some(2) && words.out.is_empty(), "{}", words.shown());
}
