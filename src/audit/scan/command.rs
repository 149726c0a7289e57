//! Runs a program for each file, with its path as an argument or its content on standard input.
//!
//! Exit code 0 means nothing found, 1 found, and anything else an error, as with `clamscan`. No shell is involved;
//! output and run time are limited.

use super::ScanError;
use super::engine::{CommandWords, Opening, ScanAnswer, Scanner, ScannerIdentity, first_line};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Stands for the path of the file.
const PATH: &str = "{}";
/// Bytes of what a program prints that are kept; the rest is read and thrown away.
const KEPT: u64 = 16 << 10;
/// Failures on end that are taken for the scanner's and not the leaf's.
const IN_A_ROW: u32 = 3;
/// How long the outputs of a program that has ended may stay open.
const GRACE: Duration = Duration::from_secs(2);

/// A program to start.
pub struct Command {
    words: Vec<String>,
    version: Option<CommandWords>,
    patience: Duration,
    scratch: Option<Scratch>,
    failures: AtomicU32,
}

impl Command {
    /// Checks the command; nothing is started yet.
    pub fn new(words: CommandWords, opening: Opening) -> Result<Self, ScanError> {
        let CommandWords(words) = words;
        let Opening { patience, scratch, version } = opening;
        let wants_path = words.iter().any(|word| word.contains(PATH));
        let scratch = if wants_path { Some(Scratch::new(&scratch)?) } else { None };
        Ok(Self { words, version, patience, scratch, failures: AtomicU32::new(0) })
    }

    /// Judges the leaf; the path is that of a file with its bytes.
    fn judged(&self, leaf: &mut dyn Read) -> Result<ScanAnswer, String> {
        let ended = match &self.scratch {
            Some(scratch) => {
                let file = scratch.file(leaf).map_err(|error| format!("the temporary file: {error}"))?;
                let path = file.0.to_string_lossy();
                let words: Vec<_> = self.words.iter().map(|word| word.replace(PATH, &path)).collect();
                let ended = run(&words, None, self.patience)?;
                // The path of the file means nothing to anybody.
                Ended { out: ended.out.replace(&*path, PATH), err: ended.err.replace(&*path, PATH), ..ended }
            }
            None => run(&self.words, Some(leaf), self.patience)?,
        };
        match ended.status.code() {
            Some(0) if ended.is_fed => Ok(ScanAnswer::Clean),
            Some(0) => Err("it ended with 0 before it had read everything".to_owned()),
            Some(1) => Ok(ScanAnswer::Found(signature(&ended.out))),
            Some(code) => {
                let said = first_line(&format!("{}\n{}", ended.err, ended.out));
                Err(format!(
                    "it ended with {code}: {}",
                    if said.is_empty() { "it said nothing" } else { &said }
                ))
            }
            None => Err(format!("signal {} ended it", ended.status.signal().unwrap_or_default())),
        }
    }
}

impl Scanner for Command {
    fn identify(&self) -> Result<ScannerIdentity, ScanError> {
        let asked = self.words.join(" ");
        let failed = |reason: String| ScanError::Unreachable { reason };
        let Some(CommandWords(version)) = &self.version else {
            return Ok(ScannerIdentity { asked, version: None, database: None, dated: None });
        };
        let ended = run(version, None, self.patience).map_err(failed)?;
        if !ended.status.success() {
            return Err(failed(format!(
                "`{}` ended with {}: {}",
                version.join(" "),
                ended.status,
                first_line(&ended.err)
            )));
        }
        Ok(ScannerIdentity::parse(asked, &ended.out))
    }

    fn look(&self, leaf: &mut dyn Read) -> ScanAnswer {
        match self.judged(leaf) {
            Ok(answer) => {
                self.failures.store(0, Ordering::Relaxed);
                answer
            }
            Err(reason) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                ScanAnswer::Failed(reason)
            }
        }
    }

    fn is_there(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < IN_A_ROW
    }
}

/// The name that `clamscan` prints in `PATH: NAME FOUND`, or the first line of another program.
fn signature(out: &str) -> String {
    let line = out.lines().find_map(|line| line.trim().strip_suffix(" FOUND"));
    match line.and_then(|line| line.rsplit_once(": ")) {
        Some((_, name)) => first_line(name),
        None => Some(first_line(out))
            .filter(|said| !said.is_empty())
            .unwrap_or_else(|| "without a name".to_owned()),
    }
}

struct Ended {
    status: ExitStatus,
    out: String,
    err: String,
    /// Whether it took all bytes that it was given.
    is_fed: bool,
}

/// Starts a program, feeds it, and waits for it as long as agreed.
fn run(words: &[String], input: Option<&mut dyn Read>, patience: Duration) -> Result<Ended, String> {
    let (program, rest) = words.split_first().ok_or("it has no words")?;
    let end = Instant::now() + patience;
    let mut child = std::process::Command::new(program)
        .args(rest)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that everything it starts can be ended with it.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("`{program}`: {error}"))?;
    let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
    let is_late = AtomicBool::new(false);
    let group = Pid::from_child(&child);
    let (done, waiting) = mpsc::channel::<()>();
    let (status, is_fed) = thread::scope(|scope| {
        let is_late = &is_late;
        scope.spawn(move || {
            let left = end.saturating_duration_since(Instant::now());
            if waiting.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                is_late.store(true, Ordering::Relaxed);
                let _ = kill_process_group(group, Signal::KILL);
            }
        });
        let is_fed = input.is_none_or(|input| feed(&mut child, input));
        let status = child.wait();
        drop(done);
        (status, is_fed)
    });
    let status = status.map_err(|error| format!("`{program}`: {error}"))?;
    if is_late.load(Ordering::Relaxed) {
        return Err(format!("it took longer than {} seconds, and was ended", patience.as_secs()));
    }
    // Something that it started may hold them open for ever.
    let until = Instant::now() + GRACE;
    let text = |kept: &mpsc::Receiver<Vec<u8>>| {
        let kept = kept.recv_timeout(until.saturating_duration_since(Instant::now()));
        kept.map(|kept| String::from_utf8_lossy(&kept).into_owned())
    };
    let (Ok(out), Ok(err)) = (text(&out), text(&err)) else {
        let _ = kill_process_group(group, Signal::KILL);
        return Err("it ended and left something running".to_owned());
    };
    Ok(Ended { status, out, err, is_fed })
}

/// True when the program took everything.
fn feed(child: &mut Child, input: &mut dyn Read) -> bool {
    let Some(mut stdin) = child.stdin.take() else { return false };
    io::copy(input, &mut stdin).and_then(|_| stdin.flush()).is_ok()
}

/// Reads what a program prints to its end and keeps the beginning.
fn read(source: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut source) = source {
            let _ = source.by_ref().take(KEPT).read_to_end(&mut kept);
            let _ = io::copy(&mut source, &mut io::sink());
        }
        let _ = sender.send(kept);
    });
    receiver
}

/// A directory that no one else can look into; it goes with us.
struct Scratch {
    path: PathBuf,
    count: AtomicU64,
}

impl Scratch {
    fn new(base: &Path) -> Result<Self, ScanError> {
        let failed = |source| ScanError::Scratch { path: base.to_owned(), source };
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| failed(io::Error::other(error.to_string())))?;
        let name = format!("sealift-scan-{:016x}", u64::from_ne_bytes(random));
        // Absolute, so that no program takes it for an option, wherever it is started.
        let path = std::path::absolute(base.join(name)).map_err(failed)?;
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        Ok(Self { path, count: AtomicU64::new(0) })
    }

    /// The leaf as a file.
    fn file(&self, leaf: &mut dyn Read) -> io::Result<TemporaryFile> {
        let path = self.path.join(format!("leaf-{}", self.count.fetch_add(1, Ordering::Relaxed)));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let leaf_file = TemporaryFile(path);
        io::copy(leaf, &mut file)?;
        Ok(leaf_file)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A file that goes when it was looked at.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(words: &str, folder: &Path) -> Command {
        let opening =
            Opening { patience: Duration::from_secs(20), scratch: folder.to_owned(), version: None };
        Command::new(words.parse().unwrap(), opening).unwrap()
    }

    fn looked(words: &str, leaf: &[u8]) -> ScanAnswer {
        let folder = tempfile::tempdir().unwrap();
        let answer = engine(words, folder.path()).look(&mut &leaf[..]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{words} left something");
        answer
    }

    #[test]
    fn programs_say_what_they_found() {
        let found = |name: &str| ScanAnswer::Found(name.to_owned());
        for (words, expected) in [
            ("true {}", ScanAnswer::Clean),
            ("cat", ScanAnswer::Clean),
            ("false {}", found("without a name")),
            ("sh -c 'cat >/dev/null; echo x: y: Sig.Name FOUND; exit 1'", found("Sig.Name")),
            ("sh -c 'cat {}; exit 1'", found("bad leaf")),
            (
                "sh -c 'test $(stat -c %a {}) = 600 && test $(stat -c %a $(dirname {})) = 700'",
                ScanAnswer::Clean,
            ),
        ] {
            assert_eq!(looked(words, b"bad leaf\n"), expected, "{words}");
        }
    }

    #[test]
    fn programs_that_misbehave_are_errors() {
        let large = vec![b'x'; 1 << 20];
        for (words, says) in [
            ("sh -c 'cat >/dev/null; echo why >&2; exit 2'", "it ended with 2: why"),
            ("sh -c 'kill -SEGV $$'", "signal 11 ended it"),
            ("sh -c 'exit 0'", "before it had read everything"),
            ("/nowhere/engine {}", "No such file"),
        ] {
            let answer = looked(words, &large);
            assert!(
                matches!(&answer, ScanAnswer::Failed(reason) if reason.contains(says)),
                "{words}: {answer:?}"
            );
        }
        let megabytes = "sh -c 'cat >/dev/null; head -c 20000000 /dev/zero | tr \"\\0\" x; exit 1'";
        assert!(matches!(looked(megabytes, &large), ScanAnswer::Found(name) if name.len() == 200));
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        for words in [
            "sh -c 'sleep 600 & sleep 600'",
            "sh -c 'sleep 600; true {}'",
            "sh -c 'sleep 600 & cat > /dev/null'",
        ] {
            let mut engine = engine(words, folder.path());
            engine.patience = Duration::from_millis(300);
            let began = Instant::now();
            let answer = engine.look(&mut io::repeat(0).take(1 << 20));
            assert!(matches!(answer, ScanAnswer::Failed(_)), "{words}: {answer:?}");
            assert!(began.elapsed() < Duration::from_secs(20), "{words}");
            assert!(engine.is_there());
            engine.failures.store(IN_A_ROW, Ordering::Relaxed);
            assert!(!engine.is_there());
        }
    }
}
