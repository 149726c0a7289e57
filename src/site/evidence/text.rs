//! `VERIFY.txt` of the evidence: its files, and how to check each with common tools.

use super::{APPROVALS, Evidence, Exporting, JOURNAL, LIST, ROOTS, Roots};
use sealift_bundle::format::member;
use sealift_bundle::value::plural::quoted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::word_fingerprint::WordFingerprint;

const INTRO: &str = include_str!("intro.txt");
const STEPS: &str = include_str!("steps.txt");
const APPROVED: &str = include_str!("approvals.txt");
const FOLLOWED: &str = include_str!("journal.txt");

impl Evidence<'_> {
    pub(super) fn text(&self, roots: &Roots, approvals: usize, journal: Option<&Exporting>) -> String {
        let facts = self.facts(roots, approvals, journal);
        let mut text = INTRO.replace("@TOOL@", &self.tool).replace("@FACTS@", &facts) + STEPS;
        let mut number = 4;
        let mut next = || {
            number += 1;
            number.to_string()
        };
        if approvals > 0 {
            text += &APPROVED.replace("@N@", &next());
            if let Some(needed) = self.bundle.trusted.approvals().demanded() {
                text += &format!(
                    "     test \"$(sort -u \"$work/approvers\" | wc -l)\" -ge {needed}\n\n   The trust root asks for so many: {needed}.\n"
                );
            }
            text.push('\n');
        }
        if journal.is_some() {
            let end = self.site.map(|site| site.head.digest.to_string()).unwrap_or_default();
            text += &FOLLOWED.replace("@N@", &next()).replace("@END@", &end);
        }
        if !self.receipts.is_empty() {
            text += &self.receipts(&next(), journal.is_some());
        }
        if !self.sboms.is_empty() {
            text += &format!("{}. Check that each SBOM is about this bundle.\n\n", next());
            for sbom in &self.sboms {
                let file = quoted(format!("sboms/{}", sbom.name));
                text += &format!(
                    "     jq -e '[.metadata.properties[] | select(.name == \"sealift:statement\").value]\n       == [\"sha256:@STATEMENT@\"]' {file}\n"
                );
            }
            text.push('\n');
        }
        text += "What these commands do not show\n\n";
        text += "   - Dates are what the signers wrote; no independent timestamp confirms them.\n";
        if !self.sboms.is_empty() || !self.reports.is_empty() {
            text += "   - Reports and SBOMs are as reliable as their authors. They are not signed; only step 1 protects them.\n";
        }
        if self.receipts.is_empty() {
            text += "   - What became of the bundle at a site: there is no receipt here.\n";
        }
        if approvals == 0 {
            text += "   - That anybody approved it: there is no approval here.\n";
        }
        text += "   - The content of the bundle, which is not in this folder.\n";
        let pinned = self.pinned.root().version();
        let first = roots.file.versions().next().map_or(pinned, |first| first.proposal().version());
        text.replace("@ROOTS@", if roots.is_apart { ROOTS } else { member::ROOTS })
            .replace("@FIRST@", &first.to_string())
            .replace("@PINNED@", &pinned.to_string())
            .replace("@FINGERPRINT@", &self.pinned.fingerprint().digest().hex())
            .replace("@STATEMENT@", &self.bundle.trusted.id().hex())
    }

    fn receipts(&self, number: &str, has_journal: bool) -> String {
        let mut text = format!(
            "{number}. Check the receipts: each is signed by the key of its site, and about this bundle.\n\n"
        );
        for proven in &self.receipts {
            let file = quoted(format!("receipts/{}", proven.file.name));
            text += &format!("     signed {file} {}\n", proven.key.id());
            text += "     test \"$(jq -r .bundle.statement \"$work/payload\")\" = sha256:@STATEMENT@\n";
            let is_here = self.site.is_some_and(|site| site.state.site == proven.receipt.site);
            for head in if has_journal && is_here { &["entry", "journal"][..] } else { &[] } {
                text += &format!(
                    "     test \"sha256:$(at \"$(jq .{head}.entries \"$work/payload\")\")\" = \"$(jq -r .{head}.digest \"$work/payload\")\"\n"
                );
            }
            text += "     jq -r '\"\\(.name) \\(.outcome) it at \\(.time)\"' \"$work/payload\"\n";
        }
        text + "\n"
    }

    /// What is here, with its dates.
    fn facts(&self, roots: &Roots, approvals: usize, journal: Option<&Exporting>) -> String {
        let trusted = &self.bundle.trusted;
        let predicate = &trusted.statement().predicate;
        let mut text = format!(
            "  bundle      {}-{}, scenario {}, epoch {}, sequence {}\n  statement   {}\n",
            predicate.name,
            predicate.version,
            predicate.scenario,
            predicate.epoch,
            predicate.sequence,
            trusted.id()
        );
        text += &format!("  made        {}", predicate.created);
        text +=
            &predicate.expires.map_or_else(|| "\n".to_owned(), |expires| format!(", expires {expires}\n"));
        text += &format!(
            "  made with   {} {}\n",
            Printable(&predicate.tool.name),
            Printable(&predicate.tool.version)
        );
        let fingerprint = self.pinned.fingerprint();
        text += &format!(
            "  trust root  version {}, fingerprint {}\n  in words    {}\n",
            self.pinned.root().version(),
            fingerprint.digest().hex(),
            fingerprint.spoken()
        );
        for version in roots.file.versions() {
            let root = version.proposal();
            text += &format!("  root        version {} was made {}\n", root.version(), root.created());
        }
        for signer in trusted.signers() {
            text += &format!("  sealed by   {} ({}), key {}\n", signer.name, signer.role, signer.key);
        }
        for approved in &trusted.approvals().approved {
            let conditions: Vec<_> = approved.approval.conditions.iter().map(ToString::to_string).collect();
            let stating =
                if conditions.is_empty() { String::new() } else { format!(", {}", conditions.join(", ")) };
            text += &format!(
                "  approved    by {} at {}{stating}, key {}\n",
                approved.who.name, approved.approval.approved, approved.who.id
            );
            if let Some(reason) = &approved.approval.out_of_order {
                text += &format!("  reason      out of order: {}\n", Printable(reason));
            }
        }
        if let (Some(site), Some(_)) = (self.site, journal) {
            text += &format!(
                "  site        {}, {}\n  journal     {} lines until {}, ends with {}\n  in words    {}\n",
                site.state.name,
                site.state.site,
                site.head.entries,
                site.time,
                site.head.digest,
                WordFingerprint(site.head.digest)
            );
        }
        for proven in &self.receipts {
            let receipt = &proven.receipt;
            text +=
                &format!("  receipt     {} of {}, key {}\n", receipt.issued, receipt.name, proven.key.id());
        }
        text += "\nWhat is here:\n\n";
        text += if roots.is_carried {
            "  seal/                 roots, seal, statement, list of digests and instructions, as in the bundle\n"
        } else {
            "  seal/                 seal, statement, list of digests and instructions, as in the bundle\n"
        };
        let mut line = |is_there: bool, name: &str, what: &str| {
            if is_there {
                text += &format!("  {name:<20}  {what}\n");
            }
        };
        line(roots.is_apart, ROOTS, "the trust root that was named, and what follows from it");
        line(approvals > 0, APPROVALS, "the approvals that count, one envelope a line");
        line(true, "keys/", "the public keys that the roots and receipts name, by their ids");
        line(journal.is_some(), JOURNAL, "the journal of the site, one document a line");
        line(!self.receipts.is_empty(), "receipts/", "what sites signed about what they did with it");
        line(!self.reports.is_empty(), "reports/", "reports, as they were given");
        line(!self.sboms.is_empty(), "sboms/", "SBOMs, as they were given");
        line(true, LIST, "the digest of every other file");
        text
    }
}
