//! The table of policy rules: name, statement, and the controls that each rule helps to meet.
//!
//! The controls help an auditor and are not a certification. NIST SP 800-53 revision 5; ISM is the Information
//! Security Manual of the Australian Signals Directorate (2026); CIP-010-4 is by NERC.

use serde::{Serialize, Serializer};
use std::fmt;

macro_rules! rules {
    ($($name:ident $text:literal [$($nist:literal)*] [$($ism:literal)*] [$($cip:literal)*] $sentence:literal)*) => {
        /// A rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PolicyRule { $(#[doc = $sentence] $name,)* }

        impl PolicyRule {
            /// Every rule, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable, dotted name, as waivers and reports have it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it says, in one plain sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// Controls that it helps to meet.
            #[must_use]
            pub const fn controls(self) -> Controls {
                match self {
                    $(Self::$name => Controls { nist: &[$($nist),*], ism: &[$($ism),*], cip: &[$($cip),*] },)*
                }
            }
        }
    };
}

/// Controls of three catalogues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Controls {
    /// NIST SP 800-53.
    pub nist: &'static [&'static str],
    /// Information Security Manual.
    pub ism: &'static [&'static str],
    /// NERC CIP.
    pub cip: &'static [&'static str],
}

rules! {
    SealPackers "seal.packers" ["CM-14" "SI-7(15)" "MP-5"] ["ISM-0677"] ["CIP-010-4 R1.6"]
        "The bundle is sealed by the number of packers that the policy requires."
    SealApprovals "seal.approvals" ["CM-3" "CM-5" "MP-5"] ["ISM-0664"] ["CIP-010-4 R1.2"]
        "The bundle is approved by the number of approvers that the policy requires."
    SealConditions "seal.conditions" ["CM-3" "CM-4"] ["ISM-0664"] ["CIP-010-4 R1.4"]
        "Every approval that counts states the conditions that the policy requires."
    OriginAllowed "origin.allowed" ["SR-4" "SR-3" "CM-11"] [] ["CIP-010-4 R1.6"]
        "Every item comes from an origin on the list."
    ContentSetuid "content.setuid" ["AC-6" "CM-7"] [] []
        "No program is setuid."
    ContentSetgid "content.setgid" ["AC-6" "CM-7"] [] []
        "No program is setgid."
    ContentCapability "content.capability" ["AC-6" "CM-7"] [] []
        "No program has file capabilities."
    ContentWorldWritable "content.world-writable" ["AC-3" "AC-6"] [] []
        "No file or directory is writable by every user."
    ContentDevice "content.device" ["AC-6" "CM-7"] [] []
        "No file gives access to a device of the machine."
    ContentRootUser "content.root-user" ["AC-6" "CM-7"] [] []
        "No image runs as root."
    ContentExecutable "content.executable" ["CM-7" "SI-3"] ["ISM-0657"] []
        "No executable is in a directory meant for data."
    ContentScript "content.script" ["CM-7" "SI-3"] ["ISM-0657"] []
        "No script is in a directory meant for data."
    ContentSecret "content.secret" ["IA-5(7)" "SC-28"] [] []
        "No content looks like a secret."
    ContentOddName "content.odd-name" ["SI-10" "SI-7"] [] []
        "No name is deceptive or has different meanings on different systems."
    ContentOutside "content.outside" ["SI-10" "AC-6"] [] []
        "No path and no link leads out of its image or tree."
    ContentAmbiguous "content.ambiguous" ["SI-10" "SI-7"] [] []
        "All programs read the layer archives in the same way."
    ContentNestedArchive "content.nested-archive" ["SI-3" "SI-10"] ["ISM-1289"] []
        "No archive contains another archive."
    ContentHidden "content.hidden" ["CM-7"] [] []
        "No file has a hidden name."
    ContentBuried "content.shadowed" ["CM-7" "SI-7"] [] []
        "No layer contains a file that a later layer deletes or replaces."
    ContentAltered "content.altered" ["SI-7" "CM-14"] ["ISM-0677"] ["CIP-010-4 R1.6"]
        "Every layer matches the image configuration."
    ContentUnread "content.unread" ["SI-7" "SI-3"] ["ISM-0657"] []
        "All content could be analyzed."
    VulnerabilityLimit "vulnerability.limit" ["RA-5" "SI-2"] ["ISM-1808"] ["CIP-010-4 R3"]
        "No known vulnerability is more severe than the policy allows."
    VulnerabilityUnscored "vulnerability.unscored" ["RA-5" "SI-2"] [] ["CIP-010-4 R3"]
        "Every known vulnerability has a severity."
    VulnerabilityUnchecked "vulnerability.unchecked" ["RA-5"] ["ISM-1808"] ["CIP-010-4 R3"]
        "Every package was checked against vulnerability data."
    VulnerabilityAge "vulnerability.age" ["RA-5(2)"] ["ISM-1808"] ["CIP-010-4 R3"]
        "The vulnerability data is no older than the policy allows."
    LicenseDenied "license.denied" ["CM-10" "SR-4"] [] []
        "No item has a license that the policy rejects."
    LicenseUnlisted "license.unlisted" ["CM-10" "SR-4"] [] []
        "Every license is on the list."
    LicenseUnknown "license.unknown" ["CM-10" "SR-4"] [] []
        "Every item has a known license."
    SizeBundle "size.bundle" ["MP-5"] [] []
        "The bundle is no larger than the policy allows."
    SizeItem "size.item" ["MP-5"] [] []
        "No item is larger than the policy allows."
    PlatformMissing "platform.missing" ["CM-2" "CP-9"] [] []
        "Every image is available for every platform that the policy names."
    ScanMissing "scan.missing" ["SI-3" "MP-5"] ["ISM-0657"] ["CIP-010-4 R4"]
        "A scanner of this site has scanned exactly this bundle completely."
    ScanAge "scan.age" ["SI-3"] ["ISM-0657"] ["CIP-010-4 R4"]
        "The scan and the scanner's signatures are no older than the policy allows."
    ScanFound "scan.found" ["SI-3"] ["ISM-0657" "ISM-1778"] ["CIP-010-4 R4"]
        "The scanner found nothing."
    ScanUnseen "scan.unseen" ["SI-3"] ["ISM-0657" "ISM-1289"] ["CIP-010-4 R4"]
        "The scanner saw all content."
    SbomMissing "sbom.missing" ["CM-8" "SR-4"] ["ISM-1730"] []
        "Every image comes with an SBOM from its maker."
}

impl PolicyRule {
    /// The rule of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.as_str() == name)
    }
}

impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for PolicyRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::PolicyRule;
    use sealift_bundle::value::name::Name;
    use std::collections::BTreeSet;

    #[test]
    fn rules_are_unique_dotted_one_sentence_and_mapped() {
        let names: BTreeSet<_> = PolicyRule::ALL.iter().map(|rule| rule.as_str()).collect();
        assert_eq!(names.len(), PolicyRule::ALL.len());
        for rule in PolicyRule::ALL {
            assert_eq!(PolicyRule::of(rule.as_str()), Some(*rule));
            assert!(rule.as_str().contains('.') && rule.as_str().parse::<Name>().is_ok(), "{rule}");
            assert!(rule.sentence().ends_with('.') && !rule.sentence().contains(". "), "{rule}");
            assert!(!rule.controls().nist.is_empty(), "{rule}");
        }
    }
}
