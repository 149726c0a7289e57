//! Limits of the machine and the process: memory, open files, modes.

use rustix::process::{Resource, getrlimit};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Something that was looked up, or why it could not be.
pub(super) type FoundMachine<T> = Result<T, String>;

/// What was found out about the machine. Sizes are in bytes; where there is no limit, there is nothing.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// Memory that can be had without swapping.
    pub(super) available: FoundMachine<u64>,
    /// The lowest memory limit of the control groups that hold this process.
    pub(super) group: FoundMachine<Option<u64>>,
    pub(super) fips: FoundMachine<bool>,
    /// Files that this process may have open.
    pub(super) open_files: Option<u64>,
    /// The largest file that it may write.
    pub(super) file_size: Option<u64>,
}

impl Machine {
    pub(super) fn look(proc: &Path, sys: &Path) -> Self {
        Self {
            available: available(proc),
            group: group_limit(proc, sys),
            fips: fips(proc),
            open_files: getrlimit(Resource::Nofile).current,
            file_size: getrlimit(Resource::Fsize).current,
        }
    }
}

fn read(path: &Path) -> FoundMachine<String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn available(proc: &Path) -> FoundMachine<u64> {
    let path = proc.join("meminfo");
    let text = read(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib.saturating_mul(1024))
        .ok_or_else(|| format!("`{}` does not say what is available", path.display()))
}

/// Control groups of either version: each group from that of the process to the outermost may have a limit.
fn group_limit(proc: &Path, sys: &Path) -> FoundMachine<Option<u64>> {
    let text = read(&proc.join("self/cgroup"))?;
    let mut lowest: Option<u64> = None;
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (top, file) = if controllers.is_empty() {
            (sys.join("fs/cgroup"), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (sys.join("fs/cgroup/memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        let inner = Path::new(group).components().filter(|part| matches!(part, Component::Normal(_)));
        let mut folder = top.join(inner.collect::<PathBuf>());
        loop {
            // A group that is not to be seen from inside a container, or the outermost one, has no such file.
            let limit = match fs::read_to_string(folder.join(file)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                other => other
                    .map_err(|error| format!("cannot read `{}`: {error}", folder.join(file).display()))?
                    .trim()
                    .parse::<u64>()
                    .ok(),
            };
            // Version 1 says "none" as the largest multiple of a page.
            lowest = lowest.into_iter().chain(limit.filter(|limit| *limit < 1 << 62)).min();
            if folder == top || !folder.pop() {
                break;
            }
        }
    }
    Ok(lowest)
}

fn fips(proc: &Path) -> FoundMachine<bool> {
    let path = proc.join("sys/crypto/fips_enabled");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim() == "1"),
        // A kernel that knows no such mode.
        Err(error) if error.kind() == io::ErrorKind::NotFound && proc.join("sys").is_dir() => Ok(false),
        Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::Machine;
    use std::fs;

    #[test]
    fn memory_is_the_lowest_limit_on_the_way_out() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let look = || Machine::look(&root.path().join("proc"), &root.path().join("sys"));
        let none = look();
        assert!(none.available.is_err() && none.group.is_err() && none.fips.is_err());

        put("proc/meminfo", "MemTotal:  9 kB\nMemAvailable:      2048 kB\n");
        put("proc/self/cgroup", "4:cpu,memory:/a/b\n3:cpuset:/c\n0::/../x/y\n");
        put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        put("proc/sys/kernel/ostype", "Linux\n");
        let found = look();
        assert_eq!(found.available, Ok(2 << 20));
        assert_eq!((found.group, found.fips), (Ok(None), Ok(false)));

        put("sys/fs/cgroup/x/y/memory.max", "max\n");
        put("sys/fs/cgroup/x/memory.max", "5000\n");
        put("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "7000\n");
        put("proc/sys/crypto/fips_enabled", "1\n");
        let found = look();
        assert_eq!((found.group, found.fips), (Ok(Some(5000)), Ok(true)));
        put("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n");
        assert_eq!(look().group, Ok(Some(4000)));
    }
}
