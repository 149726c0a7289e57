//! The grammar of `policy.toml`. An unknown key is rejected, as in a manifest.

use super::error::PolicyError;
use super::pattern::NamePattern;
use crate::vulnerability::severity::Level;
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::platform::Platform;
use sealift_bundle::value::printable::Printable;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// Bytes of the longest policy.
const MAX_BYTES: u64 = 1 << 20;

/// What an organisation lets in.
#[derive(Debug, Clone)]
pub struct AuditPolicy {
    /// What it is called.
    pub name: Name,
    /// The digest of its text.
    pub digest: Digest,
    pub(super) seal: Option<SealPolicy>,
    pub(super) origins: Option<Vec<NamePattern>>,
    pub(super) content: Option<ContentPolicy>,
    pub(super) vulnerability: Option<VulnerabilityPolicy>,
    pub(super) license: Option<LicensePolicy>,
    pub(super) size: Option<SizePolicy>,
    pub(super) platforms: Vec<Platform>,
    pub(super) scan: Option<ScanPolicy>,
    pub(super) sbom: Option<SbomPolicy>,
}

/// What becomes of something that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormAnswer {
    /// It is let through, and said to be not checked.
    Allow,
    /// It breaks the policy.
    Refuse,
}

/// What statements of vendors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum VexPolicy {
    /// A vulnerability of which a vendor says that nothing is to be done breaks no rule.
    Counts,
    /// Statements are shown and change nothing.
    Shown,
}

/// Whether the licences of packages are looked at, beside those of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PackageLicenses {
    /// They are.
    Check,
    /// They are not.
    Skip,
}

/// What can be forbidden in a kind of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "each is a rule `content.` of its name, and the table of rules says what it is"
)]
pub enum Forbidden {
    Setuid,
    Setgid,
    Capability,
    WorldWritable,
    Device,
    RootUser,
    Executable,
    Script,
    Secret,
    OddName,
    Outside,
    Ambiguous,
    NestedArchive,
    Hidden,
    Shadowed,
    Altered,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyForm {
    policy: FormHead,
    #[serde(default)]
    seal: Option<SealPolicy>,
    #[serde(default)]
    origin: Option<OriginForm>,
    #[serde(default)]
    content: Option<ContentPolicy>,
    #[serde(default)]
    vulnerability: Option<VulnerabilityPolicy>,
    #[serde(default)]
    license: Option<LicenseForm>,
    #[serde(default)]
    size: Option<SizePolicy>,
    #[serde(default)]
    platform: Option<PlatformForm>,
    #[serde(default)]
    scan: Option<ScanForm>,
    #[serde(default)]
    sbom: Option<SbomPolicy>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FormHead {
    name: Spanned<String>,
}

/// What is asked of signatures, beside what the trust root asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealPolicy {
    #[serde(default)]
    pub(super) packers: Option<usize>,
    #[serde(default)]
    pub(super) approvals: Option<usize>,
    #[serde(default)]
    pub(super) conditions: Vec<Name>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginForm {
    allow: Vec<Spanned<String>>,
}

/// What items may not hold, by their kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContentPolicy {
    #[serde(default)]
    image: Vec<Forbidden>,
    #[serde(default)]
    doc: Vec<Forbidden>,
    #[serde(default)]
    config: Vec<Forbidden>,
    #[serde(default)]
    file: Vec<Forbidden>,
    pub(super) unread: FormAnswer,
}

impl ContentPolicy {
    pub(super) fn of(&self, kind: ItemKind) -> &[Forbidden] {
        match kind {
            ItemKind::Image => &self.image,
            ItemKind::Doc => &self.doc,
            ItemKind::Config => &self.config,
            ItemKind::File => &self.file,
        }
    }

    /// Everything that is forbidden somewhere.
    pub(super) fn all(&self) -> impl Iterator<Item = Forbidden> {
        [&self.image, &self.doc, &self.config, &self.file].into_iter().flatten().copied()
    }
}

/// What is asked about known vulnerabilities.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VulnerabilityPolicy {
    /// The most severe that may travel.
    pub(super) limit: Level,
    pub(super) unscored: FormAnswer,
    pub(super) unchecked: FormAnswer,
    pub(super) vex: VexPolicy,
    #[serde(default)]
    pub(super) max_age_days: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LicenseForm {
    #[serde(default)]
    allow: Vec<Spanned<String>>,
    #[serde(default)]
    deny: Vec<Spanned<String>>,
    unknown: FormAnswer,
    packages: PackageLicenses,
}

#[derive(Debug, Clone)]
pub(super) struct LicensePolicy {
    pub(super) allow: Vec<String>,
    pub(super) deny: Vec<String>,
    pub(super) unknown: FormAnswer,
    pub(super) packages: PackageLicenses,
}

/// How many bytes may travel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SizePolicy {
    #[serde(default)]
    pub(super) bundle: Option<u64>,
    #[serde(default)]
    pub(super) item: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformForm {
    require: Vec<Spanned<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanForm {
    #[serde(default)]
    engine: Option<Spanned<String>>,
    unseen: FormAnswer,
    #[serde(default)]
    max_age_days: Option<u32>,
    #[serde(default)]
    signatures_max_age_days: Option<u32>,
}

/// What is asked of a scan.
#[derive(Debug, Clone)]
pub(super) struct ScanPolicy {
    pub(super) engine: Option<NamePattern>,
    pub(super) unseen: FormAnswer,
    pub(super) max_age_days: Option<u32>,
    pub(super) signatures_max_age_days: Option<u32>,
}

/// What is asked about lists of components.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SbomPolicy {
    pub(super) missing: FormAnswer,
}

impl AuditPolicy {
    /// Reads a policy.
    ///
    /// Everything that is wrong with a value is said at once, each with its line.
    pub fn open(path: &Path) -> Result<Self, PolicyError> {
        let bytes = atomic_file::read_bounded(path, MAX_BYTES).map_err(|source| PolicyError::Read {
            what: "the policy",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&bytes).map_err(|wrong| PolicyError::Form { path: path.to_owned(), wrong })
    }

    /// Reads the text of a policy; or says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<String>> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(vec![format!("it has more than {MAX_BYTES} bytes")]);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            vec![format!("line {}: it is not UTF-8", line_of(bytes, error.valid_up_to()))]
        })?;
        let form: PolicyForm = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(bytes, span.start));
            vec![format!("line {line}: {}", Printable(error.message()))]
        })?;
        let mut reading = PolicyParser { bytes, wrong: Vec::new() };
        let policy = reading.policy(form);
        match policy {
            Some(policy) if reading.wrong.is_empty() => Ok(policy),
            _ => Err(reading.wrong),
        }
    }
}

fn line_of(text: &[u8], at: usize) -> usize {
    text.iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

struct PolicyParser<'a> {
    bytes: &'a [u8],
    wrong: Vec<String>,
}

impl PolicyParser<'_> {
    fn policy(&mut self, form: PolicyForm) -> Option<AuditPolicy> {
        let name = form.policy.name.get_ref().parse::<Name>();
        let name = name.map_err(|error| self.refuse(&form.policy.name.span(), &error.to_string())).ok();
        let mut platforms = Vec::new();
        for text in form.platform.iter().flat_map(|form| &form.require) {
            match text.get_ref().parse::<Platform>() {
                Ok(platform) => platforms.push(platform),
                Err(error) => self.refuse(&text.span(), &error.to_string()),
            }
        }
        Some(AuditPolicy {
            digest: Digest::of(self.bytes),
            origins: form.origin.map(|form| self.patterns(&form.allow)),
            license: form.license.map(|form| LicensePolicy {
                allow: self.licenses(&form.allow),
                deny: self.licenses(&form.deny),
                unknown: form.unknown,
                packages: form.packages,
            }),
            scan: form.scan.map(|form| ScanPolicy {
                engine: form.engine.and_then(|engine| self.patterns(&[engine]).pop()),
                unseen: form.unseen,
                max_age_days: form.max_age_days,
                signatures_max_age_days: form.signatures_max_age_days,
            }),
            seal: form.seal,
            content: form.content,
            vulnerability: form.vulnerability,
            size: form.size,
            platforms,
            sbom: form.sbom,
            name: name?,
        })
    }

    fn refuse(&mut self, span: &Range<usize>, why: &str) {
        self.wrong.push(format!("line {}: {why}", line_of(self.bytes, span.start)));
    }

    fn patterns(&mut self, texts: &[Spanned<String>]) -> Vec<NamePattern> {
        for text in texts.iter().filter(|text| text.get_ref().trim().is_empty()) {
            self.refuse(&text.span(), "an empty pattern fits nothing");
        }
        texts.iter().map(|text| NamePattern::new(text.get_ref())).collect()
    }

    /// Identifiers of SPDX, one by one: an expression in a list would fit nothing.
    fn licenses(&mut self, texts: &[Spanned<String>]) -> Vec<String> {
        let mut licenses = Vec::new();
        for text in texts {
            let license = text.get_ref();
            let known = crate::packages::spdx(std::slice::from_ref(license));
            let is_one = |known: &String| !known.contains([' ', '(']) || known.contains(" WITH ");
            match known.filter(|known| is_one(known) && !known.contains(" AND ") && !known.contains(" OR ")) {
                Some(known) => licenses.push(known),
                None => self.refuse(
                    &text.span(),
                    &format!("`{}` is not an SPDX identifier of one licence", Printable(license)),
                ),
            }
        }
        licenses
    }
}

#[cfg(test)]
mod tests {
    use super::{AuditPolicy, FormAnswer};
    use crate::vulnerability::severity::Level;

    const EXAMPLE: &str = include_str!("../../../manifests/policy.toml");

    #[test]
    fn the_policy_that_ships_is_one_and_sets_every_table() {
        let policy = AuditPolicy::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(policy.name.as_str(), "baseline");
        assert!(policy.seal.is_some() && policy.origins.is_some() && policy.license.is_some());
        assert!(policy.size.is_some() && policy.scan.is_some() && policy.sbom.is_some());
        assert_eq!(policy.platforms.len(), 1);
        assert_eq!(policy.vulnerability.unwrap().limit, Level::Medium);
        assert_eq!(policy.content.unwrap().unread, FormAnswer::Refuse);
    }

    #[test]
    fn mistakes_are_refused_with_their_line() {
        for (text, wrong) in [
            ("", "missing field `policy`"),
            ("[policy]\nname = \"a\"\nnaem = 1", "line 3: unknown field `naem`"),
            ("[policy]\nname = \"A B\"", "line 2: `A B` is not a name"),
            ("[policy]\nname = \"a\"\n[sael]\n", "line 3: unknown field `sael`"),
            (
                "[policy]\nname = \"a\"\n[content]\nimage = [\"setuid\", \"suid\"]\nunread = \"allow\"",
                "line 4: unknown variant `suid`",
            ),
            ("[policy]\nname = \"a\"\n[content]\nimage = []", "missing field `unread`"),
            (
                "[policy]\nname = \"a\"\n[license]\nallow = [\n\"MIT\",\n\"BSD\"]\nunknown = \"allow\"\npackages = \"skip\"",
                "line 6: `BSD` is not an SPDX",
            ),
            (
                "[policy]\nname = \"a\"\n[license]\ndeny = [\"MIT OR Apache-2.0\"]\nunknown = \"allow\"\npackages = \"skip\"",
                "line 4: ",
            ),
            (
                "[policy]\nname = \"a\"\n[platform]\nrequire = [\"linux\"]",
                "line 4: `linux` is not a platform",
            ),
            ("[policy]\nname = \"a\"\n[origin]\nallow = [\"\"]", "line 4: an empty pattern"),
            ("[policy]\nname = \"a\"\n[vulnerability]\nlimit = \"severe\"", "line 4: unknown variant"),
            ("[policy]\nname = \"a\"\nname = \"b\"", "line 3: duplicate key"),
            ("[policy\u{202e}]", "line 1: "),
        ] {
            let found = AuditPolicy::parse(text.as_bytes()).unwrap_err();
            assert!(found.iter().any(|line| line.contains(wrong)), "{text}: {found:?}");
        }
        assert!(AuditPolicy::parse(b"\n\xff").unwrap_err()[0].starts_with("line 2: it is not UTF-8"));
        let deep = format!("[policy]\nname = {}", "[".repeat(100_000));
        assert!(AuditPolicy::parse(deep.as_bytes()).is_err());
        assert!(AuditPolicy::parse(&vec![b'#'; 2 << 20]).is_err());
    }
}
