use super::super::folder::{DirectoryFacts, Spelling, Tried};
use super::super::machine::Machine;
use super::super::{Check, CheckOutcome, Circumstances, DoctorFinding, Needs};
use super::judge;
use crate::staging::FreeSpace;
use sealift_bundle::trust::root::Expiry;
use sealift_bundle::value::timestamp::Timestamp;
use std::path::Path;

const MIB: u64 = 1 << 20;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn place() -> DirectoryFacts {
    DirectoryFacts {
        path: "/srv/site".into(),
        file_system: Some("ext4"),
        room: FreeSpace { bytes: 1000 * MIB, inodes: Some(1000), block: 4096 },
        read_only: false,
        no_programs: false,
        name_max: 255,
        own: Tried::Did(()),
        create: Tried::Did(()),
        lock: Tried::Did(()),
        sync: Tried::Did(()),
        rename: Tried::Did(true),
        hard_links: Tried::Did(()),
        links: Tried::Did(()),
        switch: Tried::Did(()),
        modes: Tried::Did(true),
        remove: Tried::Did(()),
        letter_case: Tried::Did(true),
        spelling: Tried::Did(Spelling::Kept),
        large_files: Tried::Did(()),
        refused: Tried::Did(Vec::new()),
        openat2: true,
    }
}

fn machine() -> Machine {
    Machine {
        available: Ok(4096 * MIB),
        group: Ok(None),
        fips: Ok(false),
        open_files: Some(1024),
        file_size: None,
    }
}

fn needs() -> Needs {
    Needs {
        bundle: "sample-1".to_owned(),
        scenario: "air-gapped".parse().unwrap(),
        bytes: 100 * MIB,
        inodes: 100,
        largest: 50 * MIB,
        longest_name: "a".repeat(64),
        foreign_name: None,
        program: Some("config/server/run.sh".to_owned()),
        images: vec![("hello".parse().unwrap(), vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()])],
        asked: sealift_bundle::format::site_inputs::SiteInputs::default(),
        created: at("2026-11-01T00:00:00Z"),
        expires: Some(at("2027-11-01T00:00:00Z")),
        root_expires: None,
        expiry: Expiry::Refuse,
    }
}

fn circumstances() -> Circumstances<'static> {
    Circumstances {
        now: at("2026-11-22T00:00:00Z"),
        is_site: false,
        time_floor: None,
        values: None,
        threads: 2,
        platform: Some("linux/amd64".parse().unwrap()),
        proc: Path::new("/proc"),
        sys: Path::new("/sys"),
    }
}

/// Everything that findings follow from, all of it in order, to be spoiled one by one.
struct World {
    place: DirectoryFacts,
    machine: Machine,
    needs: Option<Needs>,
    circumstances: Circumstances<'static>,
}

impl World {
    fn judged(&self) -> Vec<DoctorFinding> {
        judge(&self.place, &self.machine, self.needs.as_ref(), &self.circumstances)
    }
}

fn world() -> World {
    World { place: place(), machine: machine(), needs: Some(needs()), circumstances: circumstances() }
}

/// What is not ok once the world is spoiled; each of it with a fix.
fn spoiled(spoil: impl FnOnce(&mut World)) -> Vec<(Check, CheckOutcome)> {
    let mut world = world();
    spoil(&mut world);
    let findings = world.judged();
    assert!(findings.iter().map(|finding| finding.name).eq(Check::ALL.iter().copied()));
    for finding in &findings {
        assert!(!finding.found.is_empty(), "{finding:?}");
        assert_eq!(finding.fix.is_some(), finding.outcome != CheckOutcome::Ok, "{finding:?}");
    }
    let bad = findings.into_iter().filter(|finding| finding.outcome != CheckOutcome::Ok);
    bad.map(|finding| (finding.name, finding.outcome)).collect()
}

macro_rules! cases {
    ($($name:ident: { $($spoil:expr => [$($check:ident $outcome:ident),*];)* })*) => { $(
        #[test]
        fn $name() {
            $(
                let expected: &[(Check, CheckOutcome)] = &[$((Check::$check, CheckOutcome::$outcome)),*];
                assert_eq!(spoiled($spoil), expected, "{}", stringify!($spoil));
            )*
        }
    )* };
}

fn failed<T>() -> Tried<T> {
    Tried::Failed("Operation not permitted (os error 1)".to_owned())
}

const fn nothing(_: &mut World) {}

cases! {
    nothing_is_wrong_with_a_good_world: {
        nothing => [];
    }

    space_counts_blocks_and_inodes: {
        // 100 MiB and 100 blocks of 4 KiB.
        |world| world.place.room.bytes = 100 * MIB + 100 * 4096 => [];
        |world| world.place.room.bytes = 100 * MIB + 100 * 4096 - 1 => [Space Problem];
        |world| world.place.room.inodes = Some(100) => [];
        |world| world.place.room.inodes = Some(99) => [Inodes Problem];
        |world| world.place.room.inodes = None => [];
        |world| world.needs.as_mut().unwrap().bytes = u64::MAX => [Space Problem];
    }

    memory_for_all_threads_or_for_one: {
        |world| world.machine.available = Ok(99 * MIB) => [];
        |world| world.machine.available = Ok(97 * MIB) => [Memory Warning];
        |world| world.machine.available = Ok(63 * MIB) => [Memory Problem];
        |world| world.machine.group = Ok(Some(97 * MIB)) => [Memory Warning];
        |world| world.machine.group = Ok(Some(32 * MIB)) => [Memory Problem];
        |world| world.circumstances.threads = 1000 => [Memory Warning];
        |world| world.needs.as_mut().unwrap().inodes = 1000 => [];
        |world| world.machine.available = Err("cannot".to_owned()) => [Memory NotChecked];
        |world| world.machine.group = Err("cannot".to_owned()) => [Memory NotChecked];
    }

    limits_of_the_process: {
        |world| world.machine.open_files = Some(255) => [OpenFiles Warning];
        |world| world.machine.open_files = Some(63) => [OpenFiles Problem];
        |world| world.machine.open_files = None => [];
        |world| world.machine.file_size = Some(50 * MIB) => [];
        |world| world.machine.file_size = Some(50 * MIB - 1) => [FileSize Problem];
    }

    what_cannot_be_done_there: {
        |world| world.place.create = failed() => [Create Problem];
        |world| world.place.lock = failed() => [Lock Problem];
        |world| world.place.sync = failed() => [Sync Problem];
        |world| world.place.rename = failed() => [Rename Problem];
        |world| world.place.rename = Tried::Did(false) => [Rename Warning];
        |world| world.place.hard_links = failed() => [HardLinks Warning];
        |world| world.place.links = failed() => [Links Problem];
        |world| world.place.switch = failed() => [Switch Problem];
        |world| world.place.modes = failed() => [Modes Problem];
        |world| world.place.modes = Tried::Did(false) => [Modes Problem];
        |world| world.place.remove = failed() => [Remove Problem];
        |world| world.place.own = failed() => [Others Problem];
        |world| world.place.openat2 = false => [];
    }

    how_it_is_mounted: {
        |world| {
            world.place.read_only = true;
            world.place.create = Tried::Skipped("read-only".to_owned());
        } => [ReadOnly Problem, Create NotChecked];
        |world| world.place.no_programs = true => [Programs Warning];
        |world| {
            world.place.no_programs = true;
            world.needs.as_mut().unwrap().program = None;
        } => [];
    }

    what_names_and_files_can_be: {
        |world| world.place.letter_case = Tried::Did(false) => [LetterCase Warning];
        |world| world.place.letter_case = failed() => [LetterCase NotChecked];
        |world| world.place.spelling = Tried::Did(Spelling::Folded) => [Unicode Warning];
        |world| world.place.spelling = Tried::Did(Spelling::Refused) => [];
        |world| {
            world.place.spelling = Tried::Did(Spelling::Refused);
            world.needs.as_mut().unwrap().foreign_name = Some("doc/é".to_owned());
        } => [Unicode Problem];
        |world| world.place.large_files = failed() => [];
        |world| {
            world.place.large_files = failed();
            world.needs.as_mut().unwrap().largest = 1 << 32;
        } => [LargeFiles Problem];
        |world| {
            world.place.large_files = Tried::Skipped("too large".to_owned());
            world.machine.file_size = Some(1 << 30);
        } => [];
        |world| world.place.name_max = 64 => [];
        |world| world.place.name_max = 63 => [LongNames Problem];
        |world| world.place.refused = Tried::Did(vec!["a:b", "dot."]) => [];
    }

    which_machine_the_images_are_for: {
        |world| world.circumstances.platform = Some("linux/arm64".parse().unwrap()) => [];
        |world| world.circumstances.platform = Some("linux/arm".parse().unwrap()) => [Architecture Warning];
        |world| world.circumstances.platform = Some("linux/s390x".parse().unwrap()) => [Architecture Warning];
        |world| world.circumstances.platform = None => [Architecture NotChecked];
        |world| world.needs.as_mut().unwrap().images[0].1.clear() => [Architecture NotChecked];
        |world| world.needs.as_mut().unwrap().images.clear() => [];
    }

    what_the_clock_says: {
        |world| world.circumstances.now = at("2026-11-01T00:00:00Z") => [];
        |world| world.circumstances.now = at("2026-10-31T23:59:59Z") => [Clock Warning];
        |world| world.circumstances.now = at("1970-01-01T00:00:00Z") => [Clock Warning];
        |world| world.circumstances.time_floor = Some(at("2026-11-23T00:00:00Z")) => [Clock Warning];
        |world| world.circumstances.now = at("2027-10-01T00:00:00Z") => [];
        |world| world.circumstances.now = at("2027-10-02T00:00:01Z") => [Expiry Warning];
        |world| world.needs.as_mut().unwrap().root_expires = Some(at("2026-11-30T00:00:00Z")) => [Expiry Warning];
        |world| world.circumstances.now = at("2027-11-01T00:00:00Z") => [Expiry Problem];
        |world| {
            world.circumstances.now = at("2027-11-01T00:00:00Z");
            world.needs.as_mut().unwrap().expiry = Expiry::Warn;
        } => [Expiry Warning];
        // A clock that was set back does not make it valid again.
        |world| world.circumstances.time_floor = Some(at("2027-11-01T00:00:00Z")) => [Clock Warning, Expiry Problem];
        |world| {
            world.needs.as_mut().unwrap().expires = None;
            world.circumstances.now = at("9998-01-01T00:00:00Z");
        } => [];
    }

    fips_mode_is_said_and_never_a_problem: {
        |world| world.machine.fips = Ok(true) => [Fips Warning];
        |world| world.machine.fips = Err("cannot".to_owned()) => [Fips NotChecked];
    }

    without_a_bundle_nothing_is_compared: {
        |world| world.needs = None =>
            [Space NotChecked, Inodes NotChecked, Architecture NotChecked, Clock NotChecked, Expiry NotChecked, Parameters NotChecked];
        |world| {
            world.needs = None;
            world.circumstances.time_floor = Some(at("2026-11-01T00:00:00Z"));
            world.place.room.inodes = None;
            world.place.no_programs = true;
            world.place.large_files = failed();
            world.place.name_max = 143;
            world.machine.file_size = Some(MIB);
        } => [
            Space NotChecked, FileSize Warning, Programs NotChecked, LargeFiles NotChecked, LongNames NotChecked,
            Architecture NotChecked, Expiry NotChecked, Parameters NotChecked
        ];
    }
}

#[test]
fn names_of_checks_are_unique_and_dashed() {
    let names: std::collections::BTreeSet<_> = Check::ALL.iter().map(|check| check.as_str()).collect();
    assert_eq!(names.len(), Check::ALL.len());
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
}

#[test]
fn words_from_a_bundle_cannot_move_the_cursor() {
    let mut world = world();
    world.place.no_programs = true;
    world.needs.as_mut().unwrap().program = Some("config/\x1b[2Jrun".to_owned());
    assert!(world.judged().iter().all(|finding| !finding.found.contains('\x1b')));
}

#[test]
fn what_a_bundle_asks_for_is_compared_with_what_the_site_sets() {
    let asks = |world: &mut World| {
        let (name, description) = ("license".parse().unwrap(), "from the portal".to_owned());
        let secret = sealift_bundle::format::site_inputs::SiteSecret { name, description };
        world.needs.as_mut().unwrap().asked.secrets.push(secret);
    };
    let of = |outcome| vec![(Check::Parameters, outcome)];
    assert_eq!(spoiled(asks), of(CheckOutcome::Warning));
    let spoil = |world: &mut World| world.circumstances.values = Some(Err("port is missing".to_owned()));
    assert_eq!(spoiled(spoil), of(CheckOutcome::Problem));
    assert_eq!(spoiled(|world| world.circumstances.values = Some(Ok(()))), vec![]);
    let spoil = |world: &mut World| {
        asks(world);
        world.circumstances.values = Some(Ok(()));
    };
    assert_eq!(spoiled(spoil), of(CheckOutcome::Warning));
}
