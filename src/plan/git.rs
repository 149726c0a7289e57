//! Files of one commit of a git repository, stored in the store.
//!
//! `git` itself does the work; nothing is checked out, so neither hooks nor attributes of the repository have an
//! effect. What arrives is checked object by object (`fetch.fsckObjects`), and the lock pins every file by SHA-256.

use super::address::{Address, AskedAddress, Scheme};
use super::commit::Commit;
use super::context::{LFS_POINTER, Task, is_lfs_pointer};
use super::error::PlanError;
use super::patterns::Patterns;
use super::tree::travelling;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::tree::Tree;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::rel_path::{Names, RelPath};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of the longest target of a symbolic link.
const TARGET: u64 = 4096;
/// Bytes that are kept of what git complains about.
const COMPLAINTS: usize = 16 << 10;
/// How often someone who waits for git looks whether to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Variables that would lead git to another repository than the one it is given.
const MISLEADING: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// The tree of what belongs to the item, every file of it in the store, and the mirror that the commit came from.
pub(super) fn read(
    url: &Address,
    commit: &Commit,
    patterns: &Patterns,
    task: &Task<'_>,
) -> Result<(Tree, Option<String>), PlanError> {
    let folder = task.work.store.beside("git").join(Digest::of(url.as_str().as_bytes()).hex());
    let asked = url.through(task.work.access);
    let repository = GitRepository { url, folder, asked };
    repository.bring(commit, task)?;
    let listed = repository.list(commit, patterns, task)?;
    let entries = repository.store(listed, patterns.names(), task)?;
    let tree = Tree::with_names(entries, patterns.names(), task.work.limits)
        .map_err(|source| PlanError::Tree { path: PathBuf::from(url.as_str()), source })?;
    Ok((tree, std::fs::read_to_string(repository.mirror_of(commit)).ok()))
}

/// A bare repository beside the store.
struct GitRepository<'a> {
    url: &'a Address,
    folder: PathBuf,
    asked: AskedAddress,
}

/// A file or link of a commit.
struct CommitFile {
    path: RelPath,
    object: String,
    size: u64,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    File { executable: bool },
    Link,
}

impl GitRepository<'_> {
    fn wrong(&self, reason: impl Into<String>) -> PlanError {
        let mirror = self.asked.mirror.as_ref().map(|_| format!("at its mirror `{}`: ", self.asked.address));
        let reason = format!("{}{}", mirror.unwrap_or_default(), reason.into());
        PlanError::Git { url: self.url.to_string(), reason }
    }

    /// The file that says which mirror a commit came from, if it came from one.
    fn mirror_of(&self, commit: &Commit) -> PathBuf {
        self.folder.join(format!("sealift-mirror-{commit}"))
    }

    /// `from` is the address that is asked, where one is.
    fn git(&self, from: Option<&Address>) -> Command {
        let mut command = Command::new("git");
        for name in MISLEADING {
            command.env_remove(name);
        }
        // No one sits there to answer, and messages are read by this program.
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").arg("--git-dir").arg(&self.folder);
        // A server may redirect, and name other repositories that it borrows from: never to a weaker protocol.
        let protocols: &[&str] = match from.map(Address::scheme) {
            None => &[],
            Some(Scheme::Https) => &["protocol.https.allow=always"],
            Some(Scheme::Http) => &["protocol.https.allow=always", "protocol.http.allow=always"],
            Some(Scheme::File) => &["protocol.file.allow=always"],
        };
        for setting in ["fetch.fsckObjects=true", "protocol.allow=never"].iter().chain(protocols) {
            command.arg("-c").arg(setting);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn start(&self, command: &mut Command) -> Result<Running, PlanError> {
        let child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => self.wrong("the program `git` is not installed"),
            _ => self.wrong(error.to_string()),
        })?;
        Ok(Running::new(child))
    }

    /// Runs to the end, or until the person wants to stop.
    fn run(&self, command: &mut Command, task: &Task<'_>) -> Result<(), PlanError> {
        let mut child = self.start(command)?;
        let status = loop {
            task.go_on()?;
            match child.process.try_wait().map_err(|error| self.wrong(error.to_string()))? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK),
            }
        };
        if status.success() {
            return Ok(());
        }
        Err(self.wrong(child.last_words()))
    }

    /// Makes sure that the commit is there.
    fn bring(&self, commit: &Commit, task: &Task<'_>) -> Result<(), PlanError> {
        let is_there = |repository: &Self| {
            let mut command = repository.git(None);
            command.args(["cat-file", "-e", &format!("{commit}^{{commit}}")]);
            repository.run(&mut command, task).is_ok()
        };
        if self.folder.is_dir() && is_there(self) {
            return Ok(());
        }
        std::fs::create_dir_all(&self.folder).map_err(|error| self.wrong(error.to_string()))?;
        self.run(self.git(None).args(["init", "--quiet", "--bare"]), task)?;
        let from = &self.asked.address;
        let mut fetch = self.git(Some(from));
        fetch.args([
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-write-fetch-head",
            "--recurse-submodules=no",
        ]);
        self.run(fetch.arg("--").arg(from.as_str()).arg(commit.as_str()), task)?;
        if is_there(self) {
            if let Some(mirror) = &self.asked.mirror {
                let failed = |error: std::io::Error| self.wrong(error.to_string());
                std::fs::write(self.mirror_of(commit), mirror).map_err(failed)?;
            }
            Ok(())
        } else {
            Err(self.wrong(format!("it gave something else than the commit {commit}")))
        }
    }

    /// What of the commit belongs to the item, in the order of paths.
    fn list(
        &self,
        commit: &Commit,
        patterns: &Patterns,
        task: &Task<'_>,
    ) -> Result<Vec<CommitFile>, PlanError> {
        let mut list = self.git(None);
        list.args(["ls-tree", "-r", "-z", "-l", "--full-tree", commit.as_str()]).stdout(Stdio::piped());
        let mut child = self.start(&mut list)?;
        let Some(output) = child.process.stdout.take() else { return Err(self.wrong("git says nothing")) };
        let mut listed = Vec::new();
        for line in BufReader::new(output).split(0) {
            let line = line.map_err(|error| self.wrong(error.to_string()))?;
            task.go_on()?;
            if let Some(one) = self.listed(&line, patterns)? {
                listed.push(one);
            }
            let (found, limit) = (listed.len(), task.work.limits.entries);
            if found > limit {
                let what = format!("files of `{}`", self.url);
                return Err(PlanError::Limit { what, found: found as u64, limit: limit as u64 });
            }
        }
        if !child.process.wait().is_ok_and(|status| status.success()) {
            return Err(self.wrong(child.last_words()));
        }
        if listed.is_empty() {
            let reason = "the patterns leave nothing of the commit";
            return Err(PlanError::Empty { path: PathBuf::from(self.url.as_str()), reason });
        }
        Ok(listed)
    }

    /// `100644 blob 0123...      42\tpath`
    fn listed(&self, line: &[u8], patterns: &Patterns) -> Result<Option<CommitFile>, PlanError> {
        let unclear = || self.wrong("its list of files cannot be read");
        let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(unclear)?;
        let (head, path) = line.split_at_checked(tab).ok_or_else(unclear)?;
        let path = Path::new(OsStr::from_bytes(path.get(1..).unwrap_or_default()));
        let left_out = path.ancestors().any(|part| !part.as_os_str().is_empty() && patterns.leave_out(part));
        if left_out || !patterns.take(path) {
            return Ok(None);
        }
        let head = std::str::from_utf8(head).map_err(|_| unclear())?;
        let mut words = head.split_ascii_whitespace();
        let (Some(mode), Some(_), Some(object), Some(size)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(unclear());
        };
        let what = match mode {
            "100644" | "100664" => What::File { executable: false },
            "100755" => What::File { executable: true },
            "120000" => What::Link,
            "160000" => {
                let shown = Printable(path.to_string_lossy());
                return Err(self.wrong(format!(
                    "`{shown}` is a submodule, whose files are in another repository: name it in `exclude`, and list that repository as an item of its own"
                )));
            }
            other => return Err(self.wrong(format!("it has an entry of mode {}", Printable(other)))),
        };
        let size = size.parse().map_err(|_| unclear())?;
        Ok(Some(CommitFile {
            path: travelling(path.as_os_str(), path, patterns.names())?,
            object: object.to_owned(),
            size,
            what,
        }))
    }

    /// Takes the content of each file into the store.
    fn store(&self, listed: Vec<CommitFile>, names: Names, task: &Task<'_>) -> Result<Vec<Entry>, PlanError> {
        task.expect(listed.iter().map(|one| one.size).sum());
        let mut batch = self.git(None);
        batch.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = self.start(&mut batch)?;
        let (Some(mut ask), Some(answer)) = (child.process.stdin.take(), child.process.stdout.take()) else {
            return Err(self.wrong("git cannot be spoken to"));
        };
        let mut answer = BufReader::new(answer);
        let mut entries = Vec::with_capacity(listed.len());
        let mut folders = BTreeSet::new();
        for one in listed {
            let mut parent = one.path.parent();
            while let Some(folder) = parent.filter(|folder| folders.insert((*folder).to_owned())) {
                parent = folder.rsplit_once('/').map(|(above, _)| above);
            }
            let node = self.content(&one, &mut ask, &mut answer, task)?;
            entries.push(Entry { path: one.path, node });
        }
        drop(ask);
        if !child.process.wait().is_ok_and(|status| status.success()) {
            return Err(self.wrong(child.last_words()));
        }
        for folder in folders {
            let path = RelPath::parse_for(&folder, names)
                .map_err(|_| self.wrong("it has a folder that cannot travel"))?;
            entries.push(Entry { path, node: Node::Dir });
        }
        entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(entries)
    }

    fn content(
        &self,
        one: &CommitFile,
        ask: &mut ChildStdin,
        answer: &mut BufReader<ChildStdout>,
        task: &Task<'_>,
    ) -> Result<Node, PlanError> {
        let failed = |error: std::io::Error| self.wrong(error.to_string());
        writeln!(ask, "{}", one.object).map_err(failed)?;
        let mut head = String::new();
        answer.read_line(&mut head).map_err(failed)?;
        let expected = format!("{} blob {}\n", one.object, one.size);
        if head != expected {
            return Err(self.wrong(format!("git says `{}` of `{}`", Printable(head.trim()), one.path)));
        }
        let mut content = answer.take(one.size);
        let node = match one.what {
            What::Link if one.size > TARGET => {
                return Err(self.wrong(format!("the link `{}` is too long", one.path)));
            }
            What::Link => {
                let mut target = String::new();
                content.read_to_string(&mut target).map_err(failed)?;
                Node::Link { target }
            }
            What::File { executable } => {
                let (sha256, size) = if one.size < LFS_POINTER as u64 {
                    let mut small = Vec::new();
                    content.read_to_end(&mut small).map_err(failed)?;
                    if is_lfs_pointer(&small) {
                        let next =
                            "clone the repository, run `git lfs pull` in it, and name its folder with `path`";
                        return Err(PlanError::Lfs { path: PathBuf::from(one.path.as_str()), next });
                    }
                    task.work.store.put(&mut small.as_slice(), None)?
                } else {
                    task.work.store.put(&mut content, None)?
                };
                Node::File { size, sha256, executable }
            }
        };
        task.advance(usize::try_from(one.size).unwrap_or(usize::MAX))?;
        let mut end = [0];
        answer.read_exact(&mut end).map_err(failed)?;
        Ok(node)
    }
}

/// A git that runs. It is stopped when no one waits for it any more.
struct Running {
    process: Child,
    /// Reads what git complains about. A pipe that no one empties is full after 64 KiB, which a server can fill with
    /// messages of its own, and then git waits for ever.
    complaints: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    fn new(mut process: Child) -> Self {
        let errors = process.stderr.take();
        let complaints = errors.map(|mut errors| std::thread::spawn(move || tail(&mut errors)));
        Self { process, complaints }
    }

    /// What git gives as the reason, in one line.
    fn last_words(&mut self) -> String {
        let said = self.complaints.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        // Behind the reason, git gives advice that fits or does not.
        let reason = lines().find(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
        let line = reason.or(lines().next_back()).unwrap_or("git failed, and does not say why");
        Printable(line).to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone by itself meanwhile.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The last bytes of a stream that is read to its end.
fn tail(stream: &mut dyn std::io::Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return kept,
            Ok(read) => {
                kept.extend_from_slice(buffer.get(..read).unwrap_or_default());
                kept.drain(..kept.len().saturating_sub(COMPLAINTS));
            }
        }
    }
}
