//! Preflight: whether a bundle can be unpacked in a directory on this machine, and what to do if not.
//!
//! Three parts that are tested separately: what a bundle needs, what is found by trying, and the conclusions.

mod folder;
mod judge;
mod machine;
mod needs;

pub use needs::Needs;

use super::SiteError;
use sealift_bundle::value::platform::Platform;
use sealift_bundle::value::timestamp::Timestamp;
use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};

macro_rules! checks {
    ($($name:ident $text:literal $about:literal)*) => {
        /// One thing that is looked at; its name is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Check { $(#[doc = $about] $name,)* }

        impl Check {
            /// Every check, in the order in which findings stand.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

checks! {
    ReadOnly "read-only" "The file system takes writes."
    Space "space" "Bytes free against bytes needed."
    Inodes "inodes" "Inodes free against inodes needed."
    Memory "memory" "Memory of the machine and of its control group against the measured peak."
    OpenFiles "open-files" "How many files may be open at once."
    FileSize "file-size" "How large this process may make a file (`ulimit -f`)."
    Others "others" "No one else can rename what is put there."
    Create "create" "Folders and files can be made and written."
    Lock "lock" "A folder can be locked (`flock`)."
    Sync "sync" "Files, folders and the file system can be made durable."
    Rename "rename" "A rename that replaces nothing."
    HardLinks "hard-links" "A file can have two names."
    Links "links" "Symbolic links can be made."
    Switch "switch" "A link can be replaced in one step."
    Modes "modes" "The executable bit is kept as it is set."
    Remove "remove" "What was made can be removed again."
    Programs "programs" "Programs can be started from there."
    LetterCase "letter-case" "`A` and `a` are two names."
    Unicode "unicode" "Names beyond ASCII are taken, and kept as they are spelled."
    LargeFiles "large-files" "A file can pass 4 GiB."
    LongNames "long-names" "The longest name of the bundle fits."
    Characters "characters" "`:` and a dot at the end are taken."
    Architecture "architecture" "The images have a platform that is this machine's."
    Clock "clock" "The clock is not behind what is known to have passed."
    Expiry "expiry" "The bundle and its trust root do not end soon."
    Fips "fips" "Whether the machine is in FIPS mode."
    Kernel "kernel" "Whether the kernel has `openat2`."
    Parameters "parameters" "What the site sets against what the bundle asks for."
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CheckOutcome {
    /// It is as it has to be.
    #[serde(rename = "ok")]
    Ok,
    /// It works, and someone should know.
    #[serde(rename = "warning")]
    Warning,
    /// It is in the way.
    #[serde(rename = "problem")]
    Problem,
    /// It was not looked at; what was found says why.
    #[serde(rename = "not checked")]
    NotChecked,
}

/// What was found by one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorFinding {
    /// The check.
    pub name: Check,
    /// What it came to.
    pub outcome: CheckOutcome,
    /// What was found, in words.
    pub found: String,
    /// What to do about it; there for everything but `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// What was found by all checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// The directory that was asked about.
    pub folder: PathBuf,
    /// Where it was tried: the directory itself, or the one that would hold it.
    pub tried_in: PathBuf,
    /// The kind of file system, where it has a known name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system: Option<&'static str>,
    /// The bundle's name and version, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// How many findings are problems.
    pub problems: u64,
    /// How many are warnings.
    pub warnings: u64,
    /// One finding for each check, in the order of [`Check::ALL`].
    pub checks: Vec<DoctorFinding>,
}

impl DoctorReport {
    /// The findings that came to this.
    pub fn with(&self, outcome: CheckOutcome) -> impl Iterator<Item = &DoctorFinding> {
        self.checks.iter().filter(move |finding| finding.outcome == outcome)
    }

    /// Refuses when something is in the way.
    pub fn refuse_problems(&self) -> Result<(), SiteError> {
        match self.problems {
            0 => Ok(()),
            problems => Err(SiteError::Unfit { path: self.folder.clone(), problems }),
        }
    }
}

/// What is known of the machine without looking at the directory.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    /// What the clock says.
    pub now: Timestamp,
    /// Whether the directory is a site.
    pub is_site: bool,
    /// A moment that the site knows to have passed.
    pub time_floor: Option<Timestamp>,
    /// How many threads would unpack.
    pub threads: usize,
    /// Whether a site sets what the bundle asks for, and if not, why; nothing where the directory is not a site.
    pub values: Option<Result<(), String>>,
    /// The platform of images that run on this machine, where it has a name.
    pub platform: Option<Platform>,
    /// Where the kernel's `proc` is.
    pub proc: &'a Path,
    /// Where the kernel's `sys` is.
    pub sys: &'a Path,
}

/// Looks whether a bundle with these needs can be unpacked to `folder`, or to a new directory in it where it exists.
///
/// What can be tried is tried, in a directory of its own that is removed again.
pub fn examine(
    folder: &Path,
    needs: Option<&Needs>,
    circumstances: &Circumstances<'_>,
) -> Result<DoctorReport, SiteError> {
    let machine = machine::Machine::look(circumstances.proc, circumstances.sys);
    let largest = needs.map_or(0, |needs| needs.largest);
    let place = folder::DirectoryFacts::look(folder, largest, machine.file_size)?;
    let checks = judge::judge(&place, &machine, needs, circumstances);
    let count = |outcome| checks.iter().filter(|finding| finding.outcome == outcome).count() as u64;
    Ok(DoctorReport {
        folder: folder.to_owned(),
        file_system: place.file_system,
        tried_in: place.path,
        bundle: needs.map(|needs| needs.bundle.clone()),
        problems: count(CheckOutcome::Problem),
        warnings: count(CheckOutcome::Warning),
        checks,
    })
}
