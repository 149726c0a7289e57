//! Findings of `check` about the content of a bundle.

use sealift_bundle::value::printable::Printable;
use serde::de::Error as _;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How much a finding matters; the most severe comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LintSeverity {
    /// It will fail at the site, or must not travel.
    Error,
    /// It may fail at the site, or does something that the site may not want.
    Warning,
    /// Worth knowing.
    Note,
}

impl LintSeverity {
    /// The severity as it is printed; the words of SARIF 2.1.0.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

macro_rules! rules {
    ($($name:ident $text:literal $severity:ident $why:literal)*) => {
        /// What a finding breaks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum LintRule { $(#[doc = $why] $name,)* }

        impl LintRule {
            /// Every rule, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable, dotted name, as `accept` and the output of `check` have it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How much it matters.
            #[must_use]
            pub const fn severity(self) -> LintSeverity {
                match self { $(Self::$name => LintSeverity::$severity,)* }
            }

            /// Why there is such a rule, in one sentence.
            #[must_use]
            pub const fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

rules! {
    ConfigOutward "config.outward" Warning
        "A setting makes the software call a service on the internet, which fails at an isolated site and reveals any other."
    ConfigUpdateCheck "config.update-check" Warning
        "Something looks for newer versions by itself, bypassing everything that was reviewed and signed."
    ConfigStun "config.stun" Warning
        "Calls asks a STUN or TURN server on the internet for an address; without an answer, participants cannot hear each other."
    ConfigOcsp "config.ocsp" Warning
        "The proxy asks the certificate authority on the internet for the status of its certificate, and is slow or fails without an answer."
    ConfigAcme "config.acme" Error
        "A certificate is requested from an authority on the internet, so the site will not get one."
    ConfigHost "config.host" Warning
        "A value contains a host name that looks like an internet host, which an isolated site cannot reach."
    ConfigUnset "config.unset" Warning
        "A setting is missing, and by default the software calls a service on the internet."
    ConfigConflict "config.conflict" Warning
        "Two settings exclude each other, so one of them has no effect."
    ConfigUnverified "config.unverified" Warning
        "A setting turns off signature or certificate checks, so an attacker in between can impersonate anyone."
    ConfigUnread "config.unread" Warning
        "A configuration could not be read, so its effect is unknown."
    ContentSecret "content.secret" Error
        "Bundles are copied, kept for years and read by several people, so a secret in a bundle is disclosed: declare it with `[[secret]]` and supply it at the site."
    ContentInvitation "content.invitation" Error
        "Anyone with an invitation can join or connect, so send it to its recipient separately from the bundle."
    ContentUnread "content.unread" Warning
        "A file could not be searched for secrets, so its content is unknown."
    ContentEmpty "content.empty" Warning
        "A directory contains only a note about what belongs in it, so the site gets an item without content."
    ReferenceMissing "reference.missing" Error
        "An image is referenced but not packed, so the site cannot start what needs it."
    ReferenceUnclear "reference.unclear" Warning
        "An image reference could not be resolved here, so it is unknown whether the image is packed."
    ReferenceTest "reference.test" Note
        "Only a test of a chart references the image, so only that test fails without it."
    ChartDependency "chart.dependency" Error
        "A chart depends on another chart that is not in its archive, so Helm refuses to install it."
    ImageMutableTag "image.mutable-tag" Warning
        "A tag that its publisher moves will name a different image tomorrow than the one that was reviewed."
    ImagePlatform "image.platform" Error
        "An image is not available for the platform of the sites, so it cannot start on their machines."
    ConstraintBroken "constraint.broken" Error
        "Two items are packed in versions that are not compatible with each other."
    ConstraintUnknown "constraint.unknown" Warning
        "A version could not be determined, so it is unknown whether the constraint holds."
    SourceFirstUse "source.first-use" Warning
        "No digest is published for a file, so everything relies on what the first lock downloaded."
    LicenseMissing "license.missing" Note
        "An item does not state the license under which it may be redistributed."
    LicenseAudience "license.audience" Error
        "An item is packed for an audience that rejects its license."
    AudienceConflict "audience.conflict" Error
        "An item is packed for an audience that does not get something it requires."
    MediaSize "media.size" Error
        "The bundle does not fit on the medium."
    MediaFile "media.file" Error
        "A file is larger than the file system of the medium can hold."
    ParameterUndeclared "parameter.undeclared" Error
        "A template uses an undeclared parameter, so no site can set it."
    TemplateSyntax "template.syntax" Error
        "A template cannot be rendered, so the site would lack that file."
}

impl fmt::Display for LintRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LintRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let rule = Self::ALL.iter().find(|rule| rule.as_str() == name);
        rule.copied().ok_or_else(|| D::Error::custom(format!("unknown rule `{name}`")))
    }
}

impl Serialize for LintRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FindingPlace {
    /// The path, made safe to show; in an archive `ARCHIVE!MEMBER`.
    pub path: String,
    /// The line, counted from 1, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl FindingPlace {
    /// A place in a file.
    #[must_use]
    pub fn new(path: &str, line: impl Into<Option<u32>>) -> Self {
        Self { path: Printable(path).to_string(), line: line.into() }
    }
}

/// One thing that `check` found. Every text in it is safe to show.
///
/// The order of the fields is the order of findings: by severity, then by what they are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LintFinding {
    severity: LintSeverity,
    /// What it is about: an item, an image reference, or `ITEM/PATH`.
    pub about: String,
    /// Where it was found.
    pub place: Option<FindingPlace>,
    /// What it breaks.
    pub rule: LintRule,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

impl LintFinding {
    /// A finding about a thing as a whole; `message` and `fix` show texts from outside through `Printable`.
    #[must_use]
    pub fn new(rule: LintRule, about: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let about = Printable(about).to_string();
        Self { severity: rule.severity(), about, place: None, rule, message: message.into(), fix: fix.into() }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: FindingPlace) -> Self {
        self.place = Some(place);
        self
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> LintSeverity {
        self.severity
    }
}

impl Serialize for LintFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 7)?;
        fields.serialize_field("rule", &self.rule)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("about", &self.about)?;
        match &self.place {
            Some(place) => fields.serialize_field("place", place)?,
            None => fields.skip_field("place")?,
        }
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("fix", &self.fix)?;
        fields.serialize_field("why", self.rule.why())?;
        fields.end()
    }
}

/// Puts findings in the one order that they are shown in, each once.
pub fn sort(findings: &mut Vec<LintFinding>) {
    findings.sort();
    findings.dedup();
}

/// A file as `check` looks at it.
#[derive(Debug, Clone, Copy)]
pub struct LintFile<'a> {
    /// The item that it belongs to.
    pub item: &'a str,
    /// Its path within the item.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

impl LintFile<'_> {
    /// Whether its content begins as gzip does.
    #[must_use]
    pub fn is_gzip(&self) -> bool {
        self.bytes.starts_with(b"\x1f\x8b")
    }

    /// What a finding about the whole file is about: `ITEM/PATH`.
    #[must_use]
    pub fn about(&self) -> String {
        format!("{}/{}", self.item, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::{FindingPlace, LintFinding, LintRule, LintSeverity, sort};
    use std::collections::BTreeSet;

    #[test]
    fn rules_are_unique_dotted_and_explained() {
        let names: BTreeSet<_> = LintRule::ALL.iter().map(|rule| rule.as_str()).collect();
        assert_eq!(names.len(), LintRule::ALL.len());
        for rule in LintRule::ALL {
            let (family, word) = rule.as_str().split_once('.').unwrap();
            assert!(
                (family.to_owned() + word).bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{rule}"
            );
            assert!(rule.why().ends_with('.') && !rule.why().contains(". "), "{rule} is one sentence");
        }
    }

    #[test]
    fn the_most_severe_comes_first_and_each_once() {
        let note = LintFinding::new(LintRule::LicenseMissing, "a", "m", "f");
        let error = LintFinding::new(LintRule::ContentSecret, "z", "m", "f");
        let warning = LintFinding::new(LintRule::ConfigHost, "b", "m", "f");
        let late = warning.clone().at(FindingPlace::new("p", 10));
        let early = warning.clone().at(FindingPlace::new("p", 2));
        let mut found =
            vec![note.clone(), late.clone(), error.clone(), warning.clone(), early.clone(), late.clone()];
        sort(&mut found);
        assert_eq!(found, [error, warning, early, late, note]);
        assert_eq!(found.first().unwrap().severity(), LintSeverity::Error);
    }

    #[test]
    fn j24_names_are_shown_escaped_and_json_has_everything() {
        let finding = LintFinding::new(LintRule::ConfigHost, "a\x1b[2J", "m", "f")
            .at(FindingPlace::new("b\u{202e}", None));
        let json = serde_json::to_string(&finding).unwrap();
        assert_eq!(
            json,
            format!(
                r#"{{"rule":"config.host","severity":"warning","about":"a\\u{{1b}}[2J","place":{{"path":"b\\u{{202e}}"}},"message":"m","fix":"f","why":"{}"}}"#,
                LintRule::ConfigHost.why()
            )
        );
    }
}
