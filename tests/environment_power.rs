//! Power cuts. The calls with which a command changes the disk are recorded; then, for every moment at which the power
//! may fail, they are replayed without those that nobody had waited for: without all of them, without one, with one.

use crate::cli::Shop;
use crate::environment::{BUNDLE, PACK_TO, UNPACK, each, names, shop};
use crate::support;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A file, folder or link, whatever it is called.
type Inode = usize;
type Name = (Inode, String);
const ROOT: Inode = 0;

#[derive(Clone)]
enum Op {
    Named(Name, Inode),
    Renamed(Name, Name, Inode),
    Removed(Name),
    Written(Inode, usize, Vec<u8>),
    Length(Inode, usize),
    Mode(Inode, u32),
    /// The content of a file, or the names in a folder, are on the disk.
    Synced(Inode),
    AllSynced,
}

impl Op {
    fn is_kept_by(&self, sync: &Self) -> bool {
        let Self::Synced(inode) = sync else { return matches!(sync, Self::AllSynced) };
        match self {
            Self::Named((folder, _), _) | Self::Removed((folder, _)) => folder == inode,
            Self::Renamed((from, _), (to, _), _) => from == inode && to == inode,
            Self::Written(of, ..) | Self::Length(of, _) | Self::Mode(of, _) => of == inode,
            Self::Synced(_) | Self::AllSynced => true,
        }
    }

    fn is_name(&self) -> bool {
        matches!(self, Self::Named(..) | Self::Renamed(..) | Self::Removed(_))
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Folder,
    File(Vec<u8>),
    Link(String),
}

/// What a command did below one folder.
struct Record {
    nodes: Vec<(Node, u32)>,
    /// Names as they were before the command.
    before: BTreeMap<Name, Inode>,
    ops: Vec<Op>,
    /// Names as they are at the end of the record.
    live: BTreeMap<Name, Inode>,
    /// Where the next `write` to a file goes.
    places: BTreeMap<Inode, usize>,
    folder: PathBuf,
}

/// What lies in a folder before anything is done to it; all of it is on the disk.
fn there(folder: &Path, inode: Inode, nodes: &mut Vec<(Node, u32)>, names: &mut BTreeMap<Name, Inode>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let node = if metadata.is_symlink() {
            Node::Link(std::fs::read_link(entry.path()).unwrap().into_os_string().into_string().unwrap())
        } else if metadata.is_dir() {
            Node::Folder
        } else {
            Node::File(std::fs::read(entry.path()).unwrap())
        };
        nodes.push((node, metadata.permissions().mode() & 0o7777));
        let new = nodes.len() - 1;
        names.insert((inode, entry.file_name().into_string().unwrap()), new);
        if metadata.is_dir() {
            there(&entry.path(), new, nodes, names);
        }
    }
}

/// The texts of a line of strace: paths of descriptors and arguments, all spelled as `\x..`.
fn texts(line: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['"', '<']) {
        let close = if rest[at..].starts_with('"') { '"' } else { '>' };
        let Some(len) = rest[at + 1..].find(close) else { break };
        let text = &rest[at + 1..at + 1 + len];
        if text.is_empty() || text.starts_with("\\x") {
            let bytes = text.split("\\x").skip(1).map(|hex| u8::from_str_radix(hex, 16).unwrap());
            found.push(bytes.collect());
        }
        rest = &rest[at + len + 2..];
    }
    found
}

/// The lines of a trace without the ids of threads; a call that was interrupted by another stands where it ended.
fn lines(trace: &str) -> Vec<String> {
    let (mut begun, mut whole) = (BTreeMap::new(), Vec::new());
    for line in trace.lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let line = line.trim_start();
        if let Some(beginning) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, beginning);
        } else if let Some((_, end)) = line.split_once(" resumed>") {
            whole.push(format!("{}{end}", begun.remove(thread).unwrap()));
        } else {
            whole.push(line.to_owned());
        }
    }
    whole
}

impl Record {
    fn of(shop: &Shop, command: &str, folder: &str) -> Self {
        let calls = "open,openat,mkdir,mkdirat,write,writev,pwrite64,pwritev,ftruncate,fallocate,copy_file_range,\
                     sendfile,chmod,fchmod,fchmodat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,unlink,\
                     unlinkat,rmdir,fsync,fdatasync,sync,syncfs,lseek";
        let folder = shop.path(folder).canonicalize().unwrap();
        let (mut nodes, mut before) = (vec![(Node::Folder, 0o755)], BTreeMap::new());
        there(&folder, ROOT, &mut nodes, &mut before);
        shop.done(&format!(
            "strace -f -y -xx -s 1000000000 -o trace -e trace=$(tr -d ' ' <<<'{calls}') {command} --threads 1 <<<pw"
        ));
        let mut record =
            Self { nodes, live: before.clone(), before, ops: Vec::new(), places: BTreeMap::new(), folder };
        let base = shop.path("").canonicalize().unwrap();
        let trace = String::from_utf8(shop.read("trace")).unwrap();
        for line in lines(&trace) {
            record.take(&line, &base);
        }
        let sync = |op: &Op| matches!(op, Op::Synced(_) | Op::AllSynced);
        println!(
            "{} changes, {} of them syncs: {command}",
            record.ops.len(),
            record.ops.iter().filter(|op| sync(op)).count()
        );
        record
    }

    /// Folder and name of a path, when it lies below the folder that is watched.
    fn name(&self, path: &Path) -> Option<Name> {
        let inner = path.strip_prefix(&self.folder).ok()?;
        let name = inner.file_name()?.to_str().unwrap().to_owned();
        let folder = inner
            .parent()
            .unwrap()
            .iter()
            .fold(ROOT, |folder, part| self.live[&(folder, part.to_str().unwrap().to_owned())]);
        Some((folder, name))
    }

    fn inode(&self, path: &Path) -> Option<Inode> {
        if path == self.folder { Some(ROOT) } else { Some(self.live[&self.name(path)?]) }
    }

    fn make(&mut self, path: &Path, node: Node, mode: u32) {
        let Some(name) = self.name(path) else { return };
        if !self.live.contains_key(&name) {
            self.nodes.push((node, mode));
            let inode = self.nodes.len() - 1;
            self.live.insert(name.clone(), inode);
            self.ops.push(Op::Named(name, inode));
        }
    }

    fn take(&mut self, line: &str, base: &Path) {
        let Some((call, rest)) = line.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        let bytes = texts(line);
        let path = |at: usize| base.join(std::ffi::OsString::from_vec(bytes[at].clone()));
        let below = |at: usize| path(at).join(path(at + 1).strip_prefix(base).unwrap_or(&path(at + 1)));
        let number = |text: &str| text.trim().parse::<usize>().unwrap();
        let last = || arguments.trim_end().trim_end_matches(')').rsplit(", ").next().unwrap();
        let mode = || u32::from_str_radix(last(), 8).unwrap() & !0o022;
        match call {
            "open" | "openat" if arguments.contains("O_CREAT") => {
                let path = path(bytes.len() - 1);
                self.make(&path, Node::File(Vec::new()), mode());
                if let Some(inode) = self.inode(&path).filter(|_| arguments.contains("O_TRUNC")) {
                    self.ops.push(Op::Length(inode, 0));
                }
            }
            "mkdir" => self.make(&path(0), Node::Folder, mode()),
            "mkdirat" => self.make(&below(0), Node::Folder, mode()),
            "symlink" | "symlinkat" => {
                let target = String::from_utf8(bytes[0].clone()).unwrap();
                let path = if call == "symlink" { path(1) } else { below(1) };
                self.make(&path, Node::Link(target), 0o777);
            }
            "link" | "linkat" => {
                let (from, to) = if call == "link" { (path(0), path(1)) } else { (below(0), below(2)) };
                let Some(name) = self.name(&to) else { return };
                let inode = self.inode(&from).unwrap();
                self.live.insert(name.clone(), inode);
                self.ops.push(Op::Named(name, inode));
            }
            "lseek" => {
                let Some(inode) = self.inode(&path(0)) else { return };
                self.places.insert(inode, number(result));
            }
            // Pipes have no path.
            "write" | "pwrite64" if bytes.len() < 2 => {}
            "write" | "pwrite64" => {
                let Some(inode) = self.inode(&path(0)) else { return };
                let written = bytes[1][..number(result)].to_vec();
                let at = if call == "write" {
                    self.places.get(&inode).copied().unwrap_or(0)
                } else {
                    number(last())
                };
                if call == "write" {
                    self.places.insert(inode, at + written.len());
                }
                self.ops.push(Op::Written(inode, at, written));
            }
            "ftruncate" => {
                let Some(inode) = self.inode(&path(0)) else { return };
                self.ops.push(Op::Length(inode, number(last())));
            }
            "fchmod" => {
                let Some(inode) = self.inode(&path(0)) else { return };
                self.ops.push(Op::Mode(inode, u32::from_str_radix(last(), 8).unwrap()));
            }
            "rename" | "renameat" | "renameat2" => {
                let (from, to) = if call == "rename" { (path(0), path(1)) } else { (below(0), below(2)) };
                let (Some(from), Some(to)) = (self.name(&from), self.name(&to)) else { return };
                let inode = self.live.remove(&from).unwrap();
                self.live.insert(to.clone(), inode);
                self.ops.push(Op::Renamed(from, to, inode));
            }
            "unlink" | "rmdir" | "unlinkat" => {
                let path = if call == "unlinkat" { below(0) } else { path(0) };
                let Some(name) = self.name(&path) else { return };
                self.live.remove(&name);
                self.ops.push(Op::Removed(name));
            }
            "fsync" | "fdatasync" => {
                let Some(inode) = self.inode(&path(0)) else { return };
                self.ops.push(Op::Synced(inode));
            }
            "syncfs" | "sync" => self.ops.push(Op::AllSynced),
            "open" | "openat" => {
                let opened = path(bytes.len() - 1);
                if let Some(inode) = self.name(&opened).and_then(|name| self.live.get(&name)) {
                    self.places.insert(*inode, 0);
                }
            }
            "chmod" => {
                let Some(inode) = self.inode(&path(0)) else { return };
                self.ops.push(Op::Mode(inode, u32::from_str_radix(last(), 8).unwrap()));
            }
            // Calls that nothing here makes below the folder; whoever begins to make one teaches it to the replay.
            _ => {
                let touches = (0..bytes.len()).any(|at| path(at).starts_with(&self.folder));
                assert!(!touches, "{call} is not replayed");
            }
        }
    }

    /// What is reachable when the first `len` changes were made and those that `keep` refuses are lost.
    fn state(&self, ops: &[Op], keep: impl Fn(usize) -> bool) -> BTreeMap<String, (Node, u32)> {
        let (mut nodes, mut entries) = (self.nodes.clone(), self.before.clone());
        for (number, op) in ops.iter().enumerate() {
            if !keep(number) {
                continue;
            }
            match op {
                Op::Named(name, inode) => drop(entries.insert(name.clone(), *inode)),
                Op::Renamed(from, to, inode) => {
                    entries.remove(from);
                    entries.insert(to.clone(), *inode);
                }
                Op::Removed(name) => drop(entries.remove(name)),
                Op::Written(inode, at, bytes) => {
                    let Node::File(content) = &mut nodes[*inode].0 else { panic!("no file") };
                    content.resize(content.len().max(at + bytes.len()), 0);
                    content[*at..at + bytes.len()].copy_from_slice(bytes);
                }
                Op::Length(inode, len) => {
                    let Node::File(content) = &mut nodes[*inode].0 else { panic!("no file") };
                    content.resize(*len, 0);
                }
                Op::Mode(inode, mode) => nodes[*inode].1 = *mode,
                Op::Synced(_) | Op::AllSynced => {}
            }
        }
        let (mut found, mut open) = (BTreeMap::new(), vec![(ROOT, String::new())]);
        while let Some((folder, above)) = open.pop() {
            for ((_, name), inode) in entries.range((folder, String::new())..(folder + 1, String::new())) {
                let path = format!("{above}{name}");
                if nodes[*inode].0 == Node::Folder {
                    open.push((*inode, format!("{path}/")));
                }
                found.insert(path, nodes[*inode].clone());
            }
        }
        found
    }

    /// Calls `visit` with every state that is possible after a power cut; whether it is one to try the command in, and
    /// whether the command had ended and waited for nothing more.
    fn states(&self, ops: &[Op], mut visit: impl FnMut(&BTreeMap<String, (Node, u32)>, bool, bool)) {
        for len in 0..=ops.len() {
            let ops_until = &ops[..len];
            let lost: Vec<usize> = (0..len)
                .filter(|at| !ops_until[*at..].iter().any(|sync| ops_until[*at].is_kept_by(sync)))
                .collect();
            let volatile: BTreeSet<usize> = lost.iter().copied().collect();
            let ended = len == ops.len();
            let kept = |at: usize| !volatile.contains(&at);
            visit(&self.state(ops_until, |_| true), true, ended);
            visit(&self.state(ops_until, kept), true, ended);
            visit(&self.state(ops_until, |at| kept(at) || ops_until[at].is_name()), true, ended);
            visit(&self.state(ops_until, |at| kept(at) || !ops_until[at].is_name()), true, ended);
            for one in lost {
                visit(&self.state(ops_until, |at| kept(at) || at == one), false, ended);
                visit(&self.state(ops_until, |at| at != one), false, ended);
            }
        }
    }

    fn without_syncs(&self) -> Vec<Op> {
        let sync = |op: &&Op| !matches!(op, Op::Synced(_) | Op::AllSynced);
        self.ops.iter().filter(sync).cloned().collect()
    }
}

fn put(folder: &Path, state: &BTreeMap<String, (Node, u32)>) {
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::create_dir(folder).unwrap();
    for (path, (node, _)) in state {
        match node {
            Node::Folder => std::fs::create_dir(folder.join(path)).unwrap(),
            Node::File(content) => std::fs::write(folder.join(path), content).unwrap(),
            Node::Link(target) => std::os::unix::fs::symlink(target, folder.join(path)).unwrap(),
        }
    }
    for (path, (node, mode)) in state {
        if !matches!(node, Node::Link(_)) {
            std::fs::set_permissions(folder.join(path), PermissionsExt::from_mode(*mode)).unwrap();
        }
    }
}

#[test]
fn e03_power_cut_while_packing() {
    let (shop, bundle, _) = shop();
    let out = shop.path("out");
    let record = Record::of(&shop, PACK_TO, "out");
    let partial = format!(".{BUNDLE}.partial");
    let is_whole = |state: &BTreeMap<String, (Node, u32)>| match state.get(BUNDLE) {
        None => None,
        Some((Node::File(content), _)) => Some(*content == bundle),
        Some(_) => Some(false),
    };
    let (mut states, mut tried) = (0, Vec::new());
    record.states(&record.ops, |state, try_it, ended| {
        states += 1;
        assert!(state.keys().all(|name| *name == BUNDLE || *name == partial));
        assert!(is_whole(state).unwrap_or(!ended), "state {states}: no bundle, or one that is none");
        if try_it && !tried.contains(state) {
            tried.push(state.clone());
            put(&out, state);
            shop.done(&format!("{PACK_TO} <<<pw"));
            assert_eq!(names(&out), [BUNDLE]);
            assert!(std::fs::read(out.join(BUNDLE)).unwrap() == bundle);
        }
    });
    println!("{states} states, {} tried", tried.len());
    assert!(states > 50 && tried.len() > 5);
    let mut broken = 0;
    record.states(&record.without_syncs(), |state, _, _| broken += u32::from(is_whole(state) == Some(false)));
    assert!(broken > 0, "a pack that waits for nothing would be found out");
}

#[test]
fn e03_power_cut_while_unpacking() {
    let (shop, _, listing) = shop();
    let (to, site) = (shop.path("to"), shop.path("to/site"));
    let record = Record::of(&shop, UNPACK, "to");
    let last = {
        put(&to, &record.state(&record.ops, |_| true));
        support::listing(&site)
    };
    assert!(last == listing, "the record lacks something");
    let whole = record.state(&record.ops, |_| true);
    let (mut states, mut tried) = (0, Vec::new());
    record.states(&record.ops, |state, try_it, ended| {
        states += 1;
        let there = state.contains_key("site");
        assert!(there || !ended, "state {states}: success was said before it would last");
        assert!(!there || *state == whole, "state {states}: a target that is not whole");
        if try_it && !tried.contains(state) {
            tried.push(state.clone());
            put(&to, state);
            if !there {
                shop.done(UNPACK);
            }
            assert_eq!(names(&to), ["site"]);
            assert!(support::listing(&site) == listing);
        }
    });
    println!("{states} states, {} tried", tried.len());
    assert!(states > 1000 && tried.len() > 20);
    let mut broken = 0;
    record.states(&record.without_syncs(), |state, _, _| {
        broken += u32::from(state.contains_key("site") && *state != whole);
    });
    assert!(broken > 0, "an unpack that waits for nothing would be found out");
}

/// What is in use, if all of it is there.
fn in_use(
    state: &BTreeMap<String, (Node, u32)>,
    whole: &[(String, crate::environment::Listing)],
) -> Option<String> {
    let Some((Node::Link(target), _)) = state.get("current/air-gapped") else { return None };
    let folder = target.strip_prefix("../").unwrap();
    let version = folder.rsplit('/').next().unwrap().rsplit_once('-').unwrap().0;
    let (_, expected) = whole.iter().find(|(name, _)| name == version)?;
    let is_there = expected.iter().all(|(path, mode, content)| {
        state.get(&format!("{folder}/{path}")).is_some_and(|(node, found)| match node {
            Node::Folder => *found == mode & 0o7777,
            Node::File(bytes) => *found == mode & 0o7777 && bytes == content,
            Node::Link(target) => target.as_bytes() == content,
        })
    });
    is_there.then(|| version.to_owned())
}

#[test]
fn e03_power_cut_while_installing() {
    let shop = crate::site::shop();
    let mut whole = Vec::new();
    for version in ["1.0.0", "1.1.0"] {
        shop.done(&format!("sealift unpack sample-{version}.sealift --trust root.json --to whole-{version}"));
        let listing = support::listing(&shop.path(format!("whole-{version}")));
        whole.push((version.to_owned(), listing));
    }
    shop.done("sealift install site sample-1.0.0.sealift");
    let install = "sealift install site sample-1.1.0.sealift";
    let record = Record::of(&shop, install, "site");
    let site = shop.path("site");
    let last = record.state(&record.ops, |_| true);
    assert_eq!(in_use(&last, &whole).as_deref(), Some("1.1.0"), "the record lacks something");
    let (mut states, mut tried) = (0, Vec::new());
    record.states(&record.ops, |state, try_it, ended| {
        states += 1;
        let found = in_use(state, &whole).unwrap_or_else(|| panic!("state {states}: what is in use is not whole"));
        assert!(found == "1.1.0" || !ended, "state {states}: success was said before it would last");
        if try_it && !tried.contains(state) {
            tried.push(state.clone());
            put(&site, state);
            let looked = shop.run("sealift status site && sealift journal verify site");
            assert_eq!(looked.code, Some(0), "state {states}: {}", looked.shown());
            shop.done(install);
            shop.done("sealift journal verify site; diff -r whole-1.1.0 site/current/air-gapped/.; test ! -e site/pending.json");
        }
    });
    println!("{states} states, {} tried", tried.len());
    assert!(states > 1000 && tried.len() > 20);
    let mut broken = 0;
    record
        .states(&record.without_syncs(), |state, _, _| broken += u32::from(in_use(state, &whole).is_none()));
    assert!(broken > 0, "an install that waits for nothing would be found out");
}

/// The rename went well, and then the folder could not be synced: what is there is whole, and the message says so.
#[test]
fn e01_a_folder_that_cannot_be_synced() {
    let (shop, bundle, listing) = shop();
    let said = |shop: &Shop, command: &str, there: &dyn Fn() -> bool, words: [&str; 3]| {
        let mut late = 0;
        each(shop, &format!("{command} --threads 1"), "fsync", "error=EIO", |inject, outcome| {
            let failed = outcome.code != Some(0);
            assert!(!failed || outcome.code == Some(1), "{inject} {}", outcome.shown());
            let says = words.iter().all(|words| outcome.err.contains(words));
            assert_eq!(says, failed && there(), "{inject} {}", outcome.shown());
            late += u32::from(says);
            shop.done("rm -rf out to; mkdir out to");
        });
        assert_eq!(late, 1, "{command}");
    };
    let path = shop.path("out").join(BUNDLE);
    let whole = || std::fs::read(&path).is_ok_and(|found| found == bundle);
    let words = [
        "bundle.write",
        "the bundle was written to `out/sample-1.0.0.sealift`",
        "run `sync`, then verify it",
    ];
    said(&shop, PACK_TO, &whole, words);
    let site = shop.path("to/site");
    let whole = || site.exists() && support::listing(&site) == listing;
    let words = ["site.write", "everything was unpacked to `to/site`", "run `sync`"];
    said(&shop, UNPACK, &whole, words);
}
