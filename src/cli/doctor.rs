//! `sealift doctor`

use super::error::CliError;
use super::term::Term;
use super::{BundleArgs, LIMITS, ThreadArgs, inspection_conditions, now, threads};
use sealift_bundle::format::member_reader;
use sealift_bundle::next_step;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::next_step::Subject;
use sealift_bundle::value::platform::Platform;
use sealift_bundle::value::plural::{counted, quoted};
use sealift_bundle::value::printable::Printable;
use sealift_site::doctor::{CheckOutcome, Circumstances, DoctorFinding, DoctorReport, Needs, examine};
use sealift_site::handle::Site;
use sealift_site::parameters::{Given, Values};
use std::path::{Path, PathBuf};

/// Check whether a bundle can be unpacked here
///
/// Performs the operations of unpacking in a temporary directory below DIR, and compares free space, inodes, memory,
/// limits, file names, clock and architecture with what the bundle needs. Leaves no files behind. Exit code 0: no
/// problems, possibly warnings; 4: problems, each with a fix.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealift doctor /srv/site\n  \
    sealift doctor /srv/site air-gapped-2026.11.0.sealift\n  \
    sealift doctor /srv/new air-gapped-2026.11.0.sealift --trust root.json")]
pub(super) struct Args {
    /// The target directory; if it does not exist, its parent is checked
    folder: PathBuf,
    /// The bundle to be unpacked
    bundle: Option<PathBuf>,
    /// The trust root; not needed for a site, which has one pinned
    #[arg(long, value_name = "ROOT", requires = "bundle")]
    trust: Option<PathBuf>,
    /// Directory with the host's `proc` and `sys`, when run in a container
    #[arg(long, value_name = "DIR", default_value = "/")]
    system: PathBuf,
}

impl Args {
    /// The bundle and the trust root, for error messages.
    pub(super) fn named(&self) -> Option<BundleArgs> {
        let (bundle, trust) = (self.bundle.clone()?, self.trust.clone()?);
        Some(BundleArgs { bundle, trust, approvals: Vec::new() })
    }

    /// The needs of the bundle, if one is given: verified with the given trust root, or with that of the site.
    fn needs(&self, term: &Term, site: Option<&Site>) -> Result<Option<Needs>, CliError> {
        let Some(bundle) = &self.bundle else { return Ok(None) };
        let root = match (&self.trust, site) {
            (Some(trust), _) => PinnedRoot::open(trust, &LIMITS)?,
            (None, Some(site)) => site.root.clone(),
            (None, None) => {
                return Err(CliError::Usage {
                    message: format!(
                        "`{}` is not a site and no trust root is given to verify `{}`",
                        shown(&self.folder),
                        shown(bundle)
                    ),
                    hint: Some(next_step!["pass the trust root: `--trust ", Subject::TrustRoot, "`"]),
                });
            }
        };
        let watch = term.watch("reading");
        let own = inspection_conditions(&watch, ThreadArgs { threads: None })?;
        let own = site.map_or(own, |site| site.circumstances(&own));
        let place = OpenBundle::open(member_reader::open(bundle)?, &root, own)?;
        term.warn_of(place.trusted.warnings());
        let mut needs = Needs::of(&place, &LIMITS)?;
        if let Some(site) = site {
            needs.take_off(&place, &site.store()?);
        }
        Ok(Some(needs))
    }

    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let site = if Site::is_at(&self.folder) { Some(Site::look(&self.folder, &LIMITS)?) } else { None };
        let needs = self.needs(term, site.as_ref())?;
        let bundle = self.named();
        let values = site.as_ref().zip(needs.as_ref()).map(|(site, needs)| {
            let given = Given::of_site(site.folder(), &needs.scenario);
            let values = given.and_then(|given| Values::resolve(&needs.asked, &given));
            values.map(drop).map_err(|error| error.to_string())
        });
        let circumstances = Circumstances {
            values,
            now: now()?,
            is_site: site.is_some(),
            time_floor: site.as_ref().map(|site| site.state.time_floor),
            threads: threads(None),
            platform: platform(),
            proc: &self.system.join("proc"),
            sys: &self.system.join("sys"),
        };
        let report = examine(&self.folder, needs.as_ref(), &circumstances)?;
        term.data("doctor", &report, &human(term, &report))?;
        report.refuse_problems()?;
        if let (Some(bundle), Some(_)) = (&self.bundle, &site) {
            term.say(&format!("next: sealift install {} {}", quoted(&self.folder), quoted(bundle)));
        } else if let Some(BundleArgs { bundle, trust, .. }) = bundle {
            let to = if report.tried_in == self.folder { self.folder.join("NEW-DIR") } else { self.folder };
            term.say(&format!(
                "next: sealift unpack {} --trust {} --to {}",
                quoted(bundle),
                quoted(trust),
                quoted(to)
            ));
        }
        Ok(())
    }
}

/// The architecture of this machine as named by Go and the OCI image specification.
fn platform() -> Option<Platform> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        same @ ("arm" | "riscv64" | "s390x") => same,
        _ => return None,
    };
    format!("{}/{architecture}", std::env::consts::OS).parse().ok()
}

/// Problems and warnings first, each with a fix; passed checks on one line.
fn human(term: &Term, report: &DoctorReport) -> String {
    let folder = shown(&report.folder);
    let is_all = report.with(CheckOutcome::NotChecked).next().is_none();
    let mut text = match report.problems {
        0 if is_all => format!("{} {folder}", term.paint("ready:", "32;1")),
        0 => format!("no problems found: {folder}"),
        problems => {
            format!("{} {folder}: {}", term.paint("not ready:", "31;1"), counted(problems, "problem"))
        }
    };
    if let Some(bundle) = &report.bundle {
        text += &format!(", for {bundle}");
    }
    if report.tried_in != report.folder {
        text += &format!(" (does not exist yet; checked in {})", shown(&report.tried_in));
    }
    text.push('\n');
    for (outcome, word, style) in
        [(CheckOutcome::Problem, "problem", "31;1"), (CheckOutcome::Warning, "warning", "33")]
    {
        for DoctorFinding { name, found, fix, .. } in report.with(outcome) {
            text += &format!("  {}  {:13} {found}\n", term.paint(word, style), name.as_str());
            if let Some(fix) = fix {
                text += &format!("           {:13} {} {fix}\n", "", term.paint("fix:", "36"));
            }
        }
    }
    let groups = grouped(report.with(CheckOutcome::NotChecked));
    for (number, (names, DoctorFinding { found, fix, .. })) in groups.iter().enumerate() {
        text += &format!("  not checked: {}: {found}\n", names.join(", "));
        // A fix shared by several checks is printed once, after the last of them.
        let again = groups.get(number + 1).is_some_and(|(_, next)| next.fix == *fix);
        if let Some(fix) = fix.as_ref().filter(|_| !again) {
            text += &format!("               {} {fix}\n", term.paint("fix:", "36"));
        }
    }
    let fine: Vec<_> = report.with(CheckOutcome::Ok).map(|finding| finding.name.as_str()).collect();
    if !fine.is_empty() {
        text += &format!("  ok: {}\n", fine.join(", "));
    }
    text
}

fn shown(path: &Path) -> Printable<String> {
    Printable(path.to_string_lossy().into_owned())
}

/// Skipped checks, grouped by reason.
fn grouped<'a>(
    findings: impl Iterator<Item = &'a DoctorFinding>,
) -> Vec<(Vec<&'static str>, &'a DoctorFinding)> {
    let mut groups: Vec<(Vec<&'static str>, &DoctorFinding)> = Vec::new();
    for finding in findings {
        match groups.iter_mut().find(|(_, other)| other.found == finding.found) {
            Some((names, _)) => names.push(finding.name.as_str()),
            None => groups.push((vec![finding.name.as_str()], finding)),
        }
    }
    groups
}
