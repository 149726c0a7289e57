//! S30, OpenSSL as the other reader and writer, and key files on disk.

use super::{code, key, root, sign};
use crate::codes;
use crate::trust::chain::PinnedRoot;
use crate::trust::key::{PublicKey, Signer as _};
use crate::trust::key_file::{read_public, read_secret, write_public, write_secret};
use crate::trust::secret::{Passphrase, SecretKey};
use crate::value::error_code::Fault as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(zeroize::Zeroizing::new(text.to_owned()))
}

fn openssl(folder: &Path, arguments: &str) -> Vec<u8> {
    let output =
        Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn s30_wrong_passphrases_and_wrong_files() {
    let secret = SecretKey::generate().unwrap();
    let pem = secret.to_encrypted_pem(&passphrase("correct horse")).unwrap();
    let again = SecretKey::from_encrypted_pem(&pem, &passphrase("correct horse")).unwrap();
    assert_eq!(again.public(), secret.public());
    assert_eq!(again.public(), secret.public());
    for wrong in ["", "correct horse ", "Correct horse"] {
        let opened = SecretKey::from_encrypted_pem(&pem, &passphrase(wrong));
        assert_eq!(code(opened), codes::TRUST_PASSPHRASE, "{wrong:?}");
    }
    assert_eq!(code(secret.to_encrypted_pem(&passphrase(""))), codes::TRUST_PASSPHRASE);
    for bad in ["", "-----BEGIN PRIVATE KEY-----\n", &pem[..100], &pem.replace("ENCRYPTED ", "")] {
        let opened = SecretKey::from_encrypted_pem(bad, &passphrase("correct horse"));
        assert_eq!(code(opened), codes::TRUST_KEY_FILE, "{bad}");
    }
}

/// Replaces bytes in the DER of a key file.
fn with_der(pem: &str, find: &[u8], replace: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = STANDARD.decode(body).unwrap();
    let at = der.windows(find.len()).position(|window| window == find).expect("not found");
    der[at..at + find.len()].copy_from_slice(replace);
    format!(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n",
        STANDARD.encode(der)
    )
}

#[test]
fn s30_the_cost_is_bounded_before_it_is_spent() {
    let pem = key(1).to_encrypted_pem(&passphrase("x")).unwrap();
    let opened = |pem: &str| SecretKey::from_encrypted_pem(pem, &passphrase("x"));
    // N 2^14, r 8, p 6 as DER is in the file.
    let ours = [0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x06];
    let with = |r: u8, p: u8| with_der(&pem, &ours, &[0x02, 0x02, 0x40, 0x00, 0x02, 0x01, r, 0x02, 0x01, p]);
    assert!(opened(&with(8, 6)).is_ok());
    for (r, p) in [(127, 127), (127, 1), (8, 127)] {
        let started = std::time::Instant::now();
        assert_eq!(code(opened(&with(r, p))), codes::TRUST_KEY, "{r} {p}");
        assert!(started.elapsed().as_millis() < 100);
    }
    let n = |high| with_der(&pem, &ours, &[0x02, 0x02, high, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x06]);
    assert_eq!(code(opened(&n(0x41))), codes::TRUST_KEY_FILE, "N is not a power of two");
    assert_eq!(code(opened(&with(0, 6))), codes::TRUST_KEY_FILE, "r is zero");
}

#[test]
fn openssl_reads_our_keys_and_checks_our_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let secret = SecretKey::generate().unwrap();
    let pem = secret.to_encrypted_pem(&passphrase("correct")).unwrap();
    write_secret(&path("a.key"), &pem).unwrap();
    write_public(&path("a.pub"), secret.public()).unwrap();

    let public = openssl(folder.path(), "pkey -in a.key -passin pass:correct -pubout");
    assert_eq!(String::from_utf8(public).unwrap(), secret.public().to_pem());
    let der = openssl(folder.path(), "pkey -pubin -in a.pub -outform DER");
    assert_eq!(crate::value::digest::Digest::of(&der).hex(), secret.public().id().to_string());

    let envelope = crate::trust::envelope::Envelope::sign(
        crate::trust::envelope::PayloadType::Statement,
        b"{\"a\":1}".to_vec(),
        &[&secret],
    )
    .unwrap();
    fs::write(path("pae"), envelope.pae()).unwrap();
    fs::write(path("sig"), envelope.signatures()[0].bytes).unwrap();
    let said = openssl(folder.path(), "pkeyutl -verify -rawin -pubin -inkey a.pub -in pae -sigfile sig");
    assert!(String::from_utf8_lossy(&said).contains("Verified Successfully"));
}

#[test]
fn keys_of_openssl_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    openssl(folder.path(), "genpkey -algorithm ed25519 -aes256 -pass pass:correct -out pbkdf2.key");
    openssl(folder.path(), "genpkey -algorithm ed25519 -out plain.key");
    openssl(folder.path(), "pkcs8 -topk8 -scrypt -in plain.key -passout pass:correct -out scrypt.key");
    openssl(
        folder.path(),
        "pkcs8 -topk8 -v1 PBE-SHA1-3DES -in plain.key -passout pass:correct -out pbe1.key",
    );
    openssl(folder.path(), "genpkey -algorithm x25519 -aes256 -pass pass:correct -out x25519.key");
    let open = |name: &str| {
        let pem = fs::read_to_string(folder.path().join(name)).unwrap();
        SecretKey::from_encrypted_pem(&pem, &passphrase("correct"))
    };
    for name in ["pbkdf2.key", "scrypt.key"] {
        let secret = open(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let public = openssl(folder.path(), &format!("pkey -in {name} -passin pass:correct -pubout"));
        assert_eq!(PublicKey::from_pem(&String::from_utf8(public).unwrap()).unwrap(), *secret.public());
    }
    for name in ["plain.key", "pbe1.key", "x25519.key"] {
        assert_eq!(code(open(name)), codes::TRUST_KEY_FILE, "{name}");
    }
    // The hint for an unencrypted key is a command that works.
    let hint = open("plain.key").err().and_then(|error| error.hint()).unwrap().to_string();
    assert!(hint.contains("pkcs8 -topk8 -scrypt"));
}

#[test]
fn key_files_are_private_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it's.key");
    write_secret(&path, "one").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(code(write_secret(&path, "two")), codes::TRUST_KEY_FILE);
    assert_eq!(*read_secret(&path).unwrap(), "one");

    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = read_secret(&path).unwrap_err();
        assert_eq!(error.code(), codes::TRUST_KEY_FILE);
        let hint = error.hint().unwrap().to_string();
        assert!(hint.starts_with("chmod 600 '") && hint.ends_with(r"it'\''s.key'"), "{hint}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();

    let link = folder.path().join("link.key");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(code(read_secret(&link)), codes::TRUST_KEY_FILE);
    assert_eq!(code(write_secret(&link, "two")), codes::TRUST_KEY_FILE);
    assert_eq!(code(read_secret(folder.path())), codes::TRUST_KEY_FILE);
    assert_eq!(code(read_secret(Path::new("/dev/null"))), codes::TRUST_KEY_FILE);
    assert_eq!(code(read_secret(&folder.path().join("absent"))), codes::TRUST_KEY_FILE);
    let pipe = folder.path().join("pipe.key");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(code(read_secret(&pipe)), codes::TRUST_KEY_FILE, "and it does not wait");
    fs::write(&path, vec![b'x'; 20_000]).unwrap();
    assert_eq!(code(read_secret(&path)), codes::TRUST_KEY_FILE);

    let public = folder.path().join("a.pub");
    write_public(&public, key(1).public()).unwrap();
    assert_eq!(read_public(&public).unwrap(), *key(1).public());
}

#[test]
fn public_keys_of_ssh_have_one_spelling() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pub");
    let blob = |kind: &[u8], raw: &[u8]| {
        let long = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        STANDARD.encode([long(kind), long(raw)].concat())
    };
    let raw = *key(1).public().bytes();
    let good = blob(b"ssh-ed25519", &raw);
    for line in [
        format!("ssh-ed25519 {good}"),
        format!("ssh-ed25519 {good}\n"),
        format!("ssh-ed25519 {good} alice@example.com on her t\u{f6}ken\n"),
    ] {
        fs::write(&path, &line).unwrap();
        assert_eq!(read_public(&path).unwrap(), *key(1).public(), "{line}");
    }
    let weak = blob(b"ssh-ed25519", &[0; 32]);
    for line in [
        "ssh-ed25519".to_owned(),
        "ssh-ed25519 \n".to_owned(),
        format!(" ssh-ed25519 {good}"),
        format!("ssh-ed25519  {good}"),
        format!("ssh-ed25519\t{good}"),
        format!("ssh-ed25519 {good}\r\n"),
        format!("ssh-ed25519 {good}\n\n"),
        format!("ssh-ed25519 {good} alice\nssh-ed25519 {good} bob\n"),
        format!("restrict ssh-ed25519 {good}"),
        format!("ssh-rsa {good}"),
        format!("sk-ssh-ed25519@openssh.com {good}"),
        format!("ecdsa-sha2-nistp256 {good}"),
        format!("ssh-ed25519 {}", &good[..good.len() - 1]),
        format!("ssh-ed25519 {good}AAAA"),
        format!("ssh-ed25519 {}", good.replace("AAAAC3", "AAAAD3")),
        format!("ssh-ed25519 {}", blob(b"ssh-ed25519", &raw[..31])),
        format!("ssh-ed25519 {}", blob(b"ssh-ed25518", &raw)),
        format!("ssh-ed25519 {}", blob(b"sk-ssh-ed25519@openssh.com", &raw)),
        format!("ssh-ed25519 {}", STANDARD.encode(raw)),
        format!("ssh-ed25519 {weak}"),
    ] {
        fs::write(&path, &line).unwrap();
        assert_eq!(code(read_public(&path)), codes::TRUST_KEY, "{line}");
    }
}

#[test]
fn the_fingerprint_is_what_base64_and_sha256sum_show() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = sign(&root(), &[1]).encode().unwrap();
    fs::write(folder.path().join("root.json"), &bytes).unwrap();
    let shell = r#"sed 's/.*"payload":"\([^"]*\)".*/\1/' root.json | base64 -d | sha256sum"#;
    let output = Command::new("sh").args(["-c", shell]).current_dir(&folder).output().unwrap();
    let pinned = PinnedRoot::open(&folder.path().join("root.json"), &super::LIMITS).unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(shown.split(' ').next().unwrap(), pinned.fingerprint().digest().hex());
    let groups = pinned.fingerprint().to_string();
    assert_eq!((groups.len(), groups.split(' ').count()), (79, 16));
    // The same root is taken by its groups, by its words, and by nothing else.
    let compared = |typed: &str| PinnedRoot::compared(&bytes, &typed.parse().unwrap(), &super::LIMITS);
    assert_eq!(compared(&groups).unwrap().fingerprint(), pinned.fingerprint());
    assert!(compared(&pinned.fingerprint().spoken().to_string()).is_ok());
    let other = compared(&["zoo"; 10].join(" "));
    let said = other.as_ref().err().map(ToString::to_string).unwrap_or_default();
    assert!(
        !said.contains(&pinned.fingerprint().spoken().to_string()[..12]),
        "the right one is not shown: {said}"
    );
    assert_eq!(code(other), codes::TRUST_FINGERPRINT);
    let absent = PinnedRoot::open(&folder.path().join("absent"), &super::LIMITS);
    assert_eq!(code(absent), codes::TRUST_MISSING);
}
