//! Conclusions from what was found, without side effects, so that each case can be tested on any machine.

mod place;

use super::folder::{DirectoryFacts, Tried};
use super::machine::Machine;
use super::{Check, CheckOutcome, Circumstances, DoctorFinding, Needs};
use sealift_bundle::trust::root::Expiry;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;

const MIB: u64 = 1 << 20;

/// Memory that `unpack` takes: however little it does, for each thread, and for each entry of a bundle.
///
/// Above everything measured as peak resident size with 1, 2, 4 and 8 threads: 59, 91, 160 and 261 MiB for two files of
/// 200 and 260 MB, 39 to 73 MiB for 100,000 entries, and 214 MiB for a million (`tests/environment.rs`, e13). A thread
/// holds one frame as it is stored and one decoded: at most `frame_stored` and `frame` of FORMAT.md, and the copy of its window that zstd keeps: less than 32 MiB together.
const MEMORY: (u64, u64, u64) = (30 * MIB, 34 * MIB, 192);

/// Open files with which `unpack` is tested to work (`tests/environment.rs`, e11), and with which no one has to think.
const OPEN_FILES: (u64, u64) = (64, 256);

/// How many days before its end something is said about it.
const SOON: i64 = 30;

/// What was not looked at because there is no bundle.
const NAME_ONE: &str = "name the bundle as well: `sealift doctor FOLDER BUNDLE --trust ROOT`";

pub(super) fn judge(
    place: &DirectoryFacts,
    machine: &Machine,
    needs: Option<&Needs>,
    circumstances: &Circumstances<'_>,
) -> Vec<DoctorFinding> {
    let case = Case { place, machine, needs, circumstances };
    Check::ALL.iter().map(|check| case.finding(*check)).collect()
}

/// Everything that a finding follows from.
struct Case<'a> {
    place: &'a DirectoryFacts,
    machine: &'a Machine,
    needs: Option<&'a Needs>,
    circumstances: &'a Circumstances<'a>,
}

/// What a check came to, before it has its name.
struct Verdict(CheckOutcome, String, Option<String>);

fn fine(found: impl Into<String>) -> Verdict {
    Verdict(CheckOutcome::Ok, found.into(), None)
}

fn warning(found: impl Into<String>, fix: impl Into<String>) -> Verdict {
    Verdict(CheckOutcome::Warning, found.into(), Some(fix.into()))
}

fn problem(found: impl Into<String>, fix: impl Into<String>) -> Verdict {
    Verdict(CheckOutcome::Problem, found.into(), Some(fix.into()))
}

fn unchecked(found: impl Into<String>, fix: impl Into<String>) -> Verdict {
    Verdict(CheckOutcome::NotChecked, found.into(), Some(fix.into()))
}

/// What was tried and has to go.
fn needed(tried: &Tried, what: &str, fix: impl Into<String>) -> Verdict {
    match tried {
        Tried::Did(()) => fine(format!("{what} works")),
        Tried::Failed(error) => problem(format!("{what} does not work: {error}"), fix),
        Tried::Skipped(why) => skipped(why),
    }
}

fn skipped(why: &str) -> Verdict {
    unchecked(why, "fix the problems above, then run it again")
}

impl Case<'_> {
    fn finding(&self, check: Check) -> DoctorFinding {
        let Verdict(outcome, found, fix) = match check {
            Check::ReadOnly => self.read_only(),
            Check::Space => self.space(),
            Check::Inodes => self.inodes(),
            Check::Memory => self.memory(),
            Check::OpenFiles => self.open_files(),
            Check::FileSize => self.file_size(),
            Check::Others => self.others(),
            Check::Create => self.create(),
            Check::Lock => needed(&self.place.lock, "locking a folder", self.elsewhere()),
            Check::Sync => needed(&self.place.sync, "making things durable", self.elsewhere()),
            Check::Rename => self.rename(),
            Check::HardLinks => self.hard_links(),
            Check::Links => needed(&self.place.links, "making a symbolic link", self.elsewhere()),
            Check::Switch => needed(&self.place.switch, "replacing a link in one step", self.elsewhere()),
            Check::Modes => self.modes(),
            Check::Remove => self.remove(),
            Check::Programs => self.programs(),
            Check::LetterCase => self.letter_case(),
            Check::Unicode => self.unicode(),
            Check::LargeFiles => self.large_files(),
            Check::LongNames => self.long_names(),
            Check::Characters => self.characters(),
            Check::Architecture => self.architecture(),
            Check::Clock => self.clock(),
            Check::Expiry => self.expiry(),
            Check::Fips => self.fips(),
            Check::Kernel => self.kernel(),
            Check::Parameters => self.parameters(),
        };
        DoctorFinding { name: check, outcome, found, fix }
    }

    fn memory(&self) -> Verdict {
        let (base, thread, entry) = MEMORY;
        let entries = self.needs.map_or(0, |needs| needs.inodes).saturating_mul(entry);
        let peak = |threads: usize| {
            base.saturating_add(entries).saturating_add(thread.saturating_mul(threads as u64))
        };
        let (available, group) = match (&self.machine.available, &self.machine.group) {
            (Ok(available), Ok(group)) => (*available, *group),
            (Err(why), _) | (_, Err(why)) => {
                return unchecked(
                    why,
                    format!("look yourself, for {}: `free -h`", ByteSize(peak(self.circumstances.threads))),
                );
            }
        };
        let (have, whose) = match group {
            Some(group) if group < available => (group, "the control group allows"),
            Some(_) | None => (available, "the machine has"),
        };
        let threads = self.circumstances.threads;
        let found = format!(
            "unpacking may take {} on {}, {whose} {}",
            ByteSize(peak(threads)),
            counted(threads as u64, "thread"),
            ByteSize(have)
        );
        if have >= peak(threads) {
            fine(found)
        } else if have >= peak(1) {
            warning(found, "unpack with `--threads 1`")
        } else if group.is_some_and(|group| group == have) {
            let fix = format!(
                "raise its limit: `systemctl set-property UNIT MemoryMax={}M`",
                peak(1).div_ceil(MIB)
            );
            problem(found, fix)
        } else {
            problem(found, format!("stop other programs until {} are free: `free -h`", ByteSize(peak(1))))
        }
    }

    fn open_files(&self) -> Verdict {
        let (tested, easy) = OPEN_FILES;
        match self.machine.open_files {
            None => fine("no limit"),
            Some(limit) => {
                let found = format!("{limit} files may be open at once");
                if limit >= easy {
                    fine(found)
                } else if limit >= tested {
                    warning(found, format!("`ulimit -n {easy}`"))
                } else {
                    problem(found, format!("`ulimit -n {easy}`"))
                }
            }
        }
    }

    fn file_size(&self) -> Verdict {
        let Some(limit) = self.machine.file_size else { return fine("no limit") };
        let allowed = format!("this process may write files of up to {}", ByteSize(limit));
        let fix = "`ulimit -f unlimited`";
        match self.needs {
            None => warning(allowed, fix),
            Some(needs) if needs.largest > limit => {
                problem(format!("{allowed}, and the largest has {}", ByteSize(needs.largest)), fix)
            }
            Some(_) => fine(allowed),
        }
    }

    fn architecture(&self) -> Verdict {
        let Some(needs) = self.needs else { return unchecked("no image to compare with", NAME_ONE) };
        if needs.images.is_empty() {
            return fine("the bundle has no image");
        }
        let Some(own) = &self.circumstances.platform else {
            return unchecked(
                "images have no name for the architecture of this machine",
                "compare it yourself: `uname -m`, and `sealift inspect BUNDLE --trust ROOT`",
            );
        };
        let unknown: Vec<_> = needs.images.iter().filter(|(_, found)| found.is_empty()).collect();
        let foreign: Vec<_> = needs
            .images
            .iter()
            .filter(|(_, found)| !found.is_empty() && !found.iter().any(|found| own.covers(found)))
            .collect();
        if let Some((name, found)) = foreign.first() {
            let others = match foreign.len() {
                1 => String::new(),
                more => format!(" (and {} more)", more - 1),
            };
            return warning(
                format!("`{name}`{others} is for {}, this machine is {own}", Printable(found.join(", "))),
                "nothing to do if the images are for other machines; else ask the packer for this platform",
            );
        }
        match unknown.first() {
            None => fine(format!("every image is there for {own}")),
            Some((name, _)) => unchecked(
                format!("`{name}` does not say which platform it is for"),
                "ask the packer, or look at it in the registry",
            ),
        }
    }

    fn clock(&self) -> Verdict {
        let now = self.circumstances.now;
        let known = [
            self.needs.map(|needs| (needs.created, "the bundle or its trust root was made")),
            self.circumstances.time_floor.map(|floor| (floor, "this site last did something")),
        ];
        let Some((known, what)) = known.into_iter().flatten().max_by_key(|(moment, _)| *moment) else {
            return unchecked(format!("it says {now}, and there is nothing to compare it with"), NAME_ONE);
        };
        if known <= now {
            return fine(format!("it says {now}"));
        }
        warning(
            format!("it says {now}, which is before {known}, when {what}: it is wrong"),
            "set it by a watch that is right: `date -u -s 'YYYY-MM-DD hh:mm'`",
        )
    }

    fn expiry(&self) -> Verdict {
        let Some(needs) = self.needs else { return unchecked("nothing to compare with the clock", NAME_ONE) };
        let ends = [
            needs.expires.map(|end| (end, "the bundle")),
            needs.root_expires.map(|end| (end, "its trust root")),
        ];
        let Some((end, what)) = ends.into_iter().flatten().min_by_key(|(end, _)| *end) else {
            return fine("neither the bundle nor its trust root ends");
        };
        // Time does not run back: a clock that does is no reason to trust for longer.
        let now = self
            .circumstances
            .time_floor
            .map_or(self.circumstances.now, |floor| floor.max(self.circumstances.now));
        let fix = format!(
            "ask the packer for a newer {}",
            if what == "the bundle" { "bundle" } else { "trust root" }
        );
        if end <= now {
            let found = format!("{what} has ended at {end}");
            return match needs.expiry {
                Expiry::Refuse => problem(found, fix),
                Expiry::Warn => warning(format!("{found}; the trust root only warns of that"), fix),
            };
        }
        let days = now.days_until(end);
        let left = counted(days.unsigned_abs(), "day");
        if days < SOON {
            warning(format!("{what} ends at {end}, in {left}"), format!("install it before, and {fix}"))
        } else {
            fine(format!("{what} ends at {end}, in {left}"))
        }
    }

    fn parameters(&self) -> Verdict {
        let Some(needs) = self.needs else { return unchecked("no bundle that asks for any", NAME_ONE) };
        let secrets: Vec<_> = needs.asked.secrets.iter().map(|secret| secret.name.as_str()).collect();
        match &self.circumstances.values {
            Some(Err(why)) => problem(why, "fix that file in the folder of the site"),
            Some(Ok(())) if !secrets.is_empty() => warning(
                format!("every parameter has a value; still to provide: {}", secrets.join(", ")),
                "what each is, and where it belongs: `sealift inspect BUNDLE --trust ROOT`",
            ),
            Some(Ok(())) => fine("every parameter has a value"),
            None if needs.asked.is_nothing() => fine("the bundle asks for none"),
            None => warning(
                "the bundle asks for parameters or secrets, and this is not a site that could set them",
                "what it asks for: `sealift inspect BUNDLE --trust ROOT`; to fill them in: `unpack --parameters FILE`",
            ),
        }
    }

    fn fips(&self) -> Verdict {
        match &self.machine.fips {
            Ok(false) => fine("not in FIPS mode"),
            Ok(true) => warning(
                "this machine is in FIPS mode, and sealift's Ed25519 and SHA-256 are not of a validated module",
                "nothing stops working; ask who answers for the site whether that is allowed",
            ),
            Err(why) => unchecked(why, "look yourself: `sysctl crypto.fips_enabled`"),
        }
    }
}

#[cfg(test)]
mod tests;
