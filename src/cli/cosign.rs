//! `sealift cosign`

use super::error::CliError;
use super::inspect::head;
use super::passphrase::{KeyArg, PassphraseArgs};
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, inspection_conditions};
use sealift_bundle::format::member_reader::{self, MemberReader, UnverifiedFront};
use sealift_bundle::inspect::overview;
use sealift_bundle::next_step;
use sealift_bundle::pack::reseal::reseal;
use sealift_bundle::trust::TrustError;
use sealift_bundle::trust::envelope::{Envelope, PayloadType};
use sealift_bundle::trust::root::{Role, RoleEntry};
use sealift_bundle::trust::threshold::count;
use sealift_bundle::trust::verify::{Depth, Looking, Trusted, verify_contents};
use sealift_bundle::value::plural::{counted, quoted};
use serde_json::json;

/// Add another packer's signature to a bundle
///
/// For packers who keep their keys on separate machines: the first runs `sealift pack --signatures 2`, the second runs
/// `sealift cosign` on the file. The whole bundle, which at least one packer must have signed, is verified and decoded
/// first; then the file is replaced atomically. The result is byte for byte what `pack` writes with both keys.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealift pack my-site.toml --key alice.key --signatures 2\n  \
    sealift cosign my-site-0.1.0.sealift --trust root.json --key bob.key")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) bundle: BundleArgs,
    /// The secret key of a packer, or `agent:PUB` for a key held by an ssh-agent
    #[arg(long, value_name = "KEY")]
    key: KeyArg,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let root = self.bundle.root()?;
        let path = &self.bundle.bundle;
        let file = member_reader::open(path)?;
        let watch = term.watch("verifying");
        let conditions = inspection_conditions(&watch, self.threads)?;
        let mut tape = MemberReader::file(&file);
        let trusted = Trusted::open_before_threshold(&mut tape, &root, &conditions)?;
        let contents = verify_contents(&trusted, &mut tape, &conditions, &Looking(Depth::Decoded))?;
        watch.done();
        term.warn_of(trusted.warnings());
        let overview = overview(&trusted, &contents.items);
        term.say(&format!("{}-{}\n{}", overview.name, overview.version, head(&overview).trim_end()));

        // The seal is read again, so its statement is compared with the verified one before it is signed.
        let front = UnverifiedFront::read(&file, &LIMITS)?;
        let seal = Envelope::parse(&front.seal, PayloadType::Statement, &LIMITS)?;
        if seal.payload_digest() != trusted.id() {
            return Err(CliError::Usage {
                message: "the bundle file changed while it was read".to_owned(),
                hint: Some(next_step![
                    "run the command again, and make sure no other process writes to the file"
                ]),
            });
        }
        let keys = self.passphrase.open(std::slice::from_ref(&self.key))?;
        let Some(signer) = keys.first().map(|key| &**key) else { return Ok(()) };
        let id = signer.public().id();
        let known = trusted.root().root();
        let scenario = &trusted.statement().predicate.scenario;
        let role = known.entry(Role::Packer, Some(scenario));
        if !role.is_some_and(|role| role.keys().contains(&id)) {
            return Err(TrustError::NoPacker { key: id, scenario: scenario.clone() }.into());
        }
        let seal = seal.cosign(signer)?;
        let needed = role.map_or(0, RoleEntry::threshold);
        let signed = match count(&seal, known, Role::Packer, Some(scenario)) {
            Ok(signed) => signed.len(),
            Err(TrustError::Threshold(shortfall)) => shortfall.found.len(),
            Err(other) => return Err(other.into()),
        };
        let watch = term.watch("writing");
        let size = reseal(&file, &seal.encode()?, path, &LIMITS, &watch)?;
        drop(watch);
        let value = json!({
            "file": path, "statement": trusted.id(), "size": size, "signatures": signed, "needed": needed,
            "key": id.to_string(),
        });
        let text =
            format!("{}: {signed} of {} by packers\n", path.display(), counted(needed as u64, "signature"));
        term.data("cosigned", &value, &text)?;
        let (bundle, trust) = (quoted(path), quoted(&self.bundle.trust));
        if signed < needed {
            let more = counted((needed - signed) as u64, "more packer");
            term.say(&format!("next: {more}, with: sealift cosign {bundle} --trust {trust} --key OTHER.key"));
        } else {
            term.say(&format!("next: sealift verify {bundle} --trust {trust}"));
        }
        Ok(())
    }
}
