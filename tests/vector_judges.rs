//! What sealift says of the vectors that are no bundles.

use crate::support::{self, LIMITS, conditions};
use crate::vector_writer::pinned;
use sealift_bundle::format::carrier::seal_path;
use sealift_bundle::trust::key::PublicKey;
use sealift_bundle::trust::verify::Conditions;
use sealift_bundle::trust::verify::carrier::VerifiedCarrier;
use sealift_bundle::value::error_code::Fault;
use sealift_site::journal::Journal;
use sealift_site::receipt::{Receipt, Signed as _};
use std::collections::BTreeMap;
use std::path::Path;

fn code<E: Fault>(outcome: Result<(), E>) -> &'static str {
    outcome.map_or_else(|error| error.code().as_str(), |()| "ok")
}

/// The code at each depth; `folder` is for files.
pub fn codes(
    kind: &str,
    head: &BTreeMap<String, String>,
    bytes: &[u8],
    folder: &Path,
) -> Vec<(&'static str, &'static str)> {
    match kind {
        "receipt" => {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            let key = STANDARD.decode(&head["key"]).unwrap();
            let key = PublicKey::from_bytes(&key.try_into().unwrap()).unwrap();
            vec![("stored", code(Receipt::read(bytes, &key, &LIMITS).map(drop)))]
        }
        "journal" => {
            let path = folder.join("journal.jsonl");
            std::fs::write(&path, bytes).unwrap();
            vec![("stored", code(Journal::read(&path, |_, _| ()).map(drop)))]
        }
        "carrier" => carrier(head, bytes, folder),
        _ => panic!("a vector of an unknown kind: {kind}"),
    }
}

fn carrier(head: &BTreeMap<String, String>, seal: &[u8], folder: &Path) -> Vec<(&'static str, &'static str)> {
    let beside = |name: &str| std::fs::read(format!("tests/vectors/{}", head[name])).unwrap();
    let root = pinned(&beside("root"));
    let conditions = Conditions { now: head["now"].parse().unwrap(), ..conditions() };
    let path = folder.join("vector.sealift.age");
    std::fs::write(&path, beside("encrypted")).unwrap();
    std::fs::write(seal_path(&path), seal).unwrap();
    let file = support::open(&path);
    let carried = match VerifiedCarrier::open(&path, &root, &conditions) {
        Ok(carried) => carried,
        Err(error) => return vec![("stored", error.code().as_str())],
    };
    let stored = ("stored", code(carried.check(&file, &conditions)));
    #[cfg(feature = "encryption")]
    let all = vec![stored, ("decrypted", decrypted(&carried, &file, &root, &conditions))];
    #[cfg(not(feature = "encryption"))]
    let all = vec![stored];
    all
}

#[cfg(feature = "encryption")]
fn decrypted(
    carried: &VerifiedCarrier,
    file: &std::fs::File,
    root: &sealift_bundle::trust::chain::PinnedRoot,
    conditions: &Conditions<'_>,
) -> &'static str {
    use crate::vector_carriers::IDENTITY;
    use sealift_bundle::format::encryption::Identities;
    use sealift_bundle::trust::verify::{Depth, Looking, Trusted, verify_contents};
    use sealift_bundle::value::progress::NoProgress;
    let text = std::fs::read_to_string(IDENTITY).unwrap();
    let identities = Identities::parse(Path::new(IDENTITY), &text).unwrap();
    let mut tape = match carried.tape(file, &identities, &LIMITS, &NoProgress) {
        Ok(tape) => tape,
        Err(error) => return error.code().as_str(),
    };
    let opened = Trusted::open(&mut tape, root, conditions);
    code(opened.and_then(|trusted| {
        verify_contents(&trusted, &mut tape, conditions, &Looking(Depth::Decoded)).map(drop)
    }))
}

/// Writes the encrypted file that the vectors share, and the identity that opens it.
#[cfg(feature = "encryption")]
#[test]
#[ignore = "ran once: encrypting again gives other bytes"]
fn keep_an_encrypted_file() {
    use crate::vector_carriers::{IDENTITY, MINIMAL};
    use age::secrecy::ExposeSecret as _;
    use std::io::Write as _;
    assert!(!Path::new(MINIMAL).exists(), "`{MINIMAL}` is kept already");
    let identity = age::x25519::Identity::generate();
    std::fs::write(IDENTITY, format!("{}\n", identity.to_string().expose_secret())).unwrap();
    std::fs::create_dir_all("tests/vectors/carriers").unwrap();
    let recipient = identity.to_public();
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut writer = encryptor.wrap_output(std::fs::File::create_new(MINIMAL).unwrap()).unwrap();
    writer.write_all(&crate::vectors::bundle("ok-minimal")).unwrap();
    writer.finish().unwrap();
}
