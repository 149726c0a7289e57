//! From one state of a site to the next: decided in one moment, and finished whatever happens.
//!
//! Everything that needs space is written first, beside its place. Then `pending.json` appears, and with it the act is
//! decided; it holds all that the remaining steps need, and each step can be done again. After a power cut the next
//! command does them again. The only one of them that needs space is the line of the journal, so it comes first: where
//! it fails, it is taken back, and with it the act.

use super::SiteError;
use super::gc::{clear_away, share};
use super::handle::{self, Anchor, CURRENT, JOURNAL, LockedSite, PENDING, RELEASES, STATE, STORE};
use super::journal::{self, Act, JournalEntry, JournalHead};
use super::reserve;
use super::staging::staging_name;
use super::state::SiteState;
use sealift_bundle::format::atomic_file;
use sealift_bundle::trust::chain::PinnedRoot;
use sealift_bundle::value::canonical;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// An act that is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PendingTransaction {
    /// Bytes of the journal before the act.
    journal_len: u64,
    /// The line for the journal, without its line break.
    line: String,
    /// What `state.json` will hold.
    state: String,
    /// The release that gets its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<TransactionStep>,
    /// The release that comes into use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    switch: Option<TransactionStep>,
    /// The releases that go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remove: Vec<TransactionStep>,
}

/// A release of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TransactionStep {
    pub(super) scenario: Name,
    pub(super) folder: Name,
}

/// What an act does beside being remembered.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) place: Option<TransactionStep>,
    pub(super) switch: Option<TransactionStep>,
    pub(super) remove: Vec<TransactionStep>,
}

impl TransactionStep {
    /// Where the release is out of sight, and in place by its name.
    fn places(&self, site: &Path) -> (PathBuf, PathBuf) {
        let named = handle::release(site, &self.scenario, &self.folder);
        (named.with_file_name(staging_name(self.folder.as_str())), named)
    }
}

impl PendingTransaction {
    /// Bytes that it takes, but for names.
    fn size(&self) -> u64 {
        (self.line.len() + self.state.len()) as u64
    }

    /// The act that is pending at a site, if one is.
    pub(super) fn load(site: &Path) -> Result<Option<Self>, SiteError> {
        let path = site.join(PENDING);
        match atomic_file::read_bounded(&path, handle::MAX_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SiteError::StateRead { path, source }),
            // It appears whole or not at all, so what is not whole was changed by someone.
            Ok(bytes) => canonical::decode(&bytes, bytes.len() as u64)
                .map(Some)
                .map_err(|error| SiteError::StateDamaged { reason: format!("`{PENDING}`: {error}") }),
        }
    }
}

impl LockedSite {
    /// Does an act and remembers it. When this fails before the act is decided, nothing has changed.
    pub(super) fn commit(
        &mut self,
        now: Timestamp,
        act: Act,
        state: SiteState,
        root: PinnedRoot,
        moves: Moves,
    ) -> Result<(), SiteError> {
        let folder = self.site.folder.clone();
        if is_there(&folder.join(PENDING))
            .map_err(|source| SiteError::StateRead { path: folder.clone(), source })?
        {
            // What was decided and could not be finished is not overwritten.
            return Err(SiteError::Pending { path: folder });
        }
        let may_use_reserve = reserve::may_use(&act);
        let (line, head) = JournalEntry::after(Some(&self.site.head), now, act, state.clone())?;
        let pending = pending(self.site.journal_len, &line, head, &root, moves)?;
        let decided = || {
            decide(&folder, &pending)?;
            append(&folder, &pending).map_err(|error| take_back(&folder, &pending, error))
        };
        if may_use_reserve {
            reserve::with_reserve(&folder, decided)?;
            reserve::with_reserve(&folder, || carry_out(&folder, &pending))?;
        } else {
            decided()?;
            carry_out(&folder, &pending)?;
        }
        reserve::fill(&folder, pending.size());
        self.site.time = now;
        self.site.journal_len += line.len() as u64;
        self.site.head = head;
        self.site.state = state;
        self.site.root = root;
        Ok(())
    }
}

/// Writes the memory of a new site; there is none yet.
pub(super) fn found(
    folder: &Path,
    line: &[u8],
    head: JournalHead,
    root: &PinnedRoot,
) -> Result<(), SiteError> {
    let journal = folder.join(JOURNAL);
    atomic_file::write_new(&journal, line, 0o644)
        .map_err(|source| SiteError::Write { path: journal.clone(), source })?;
    let state = Anchor::encode(head, root)?;
    replace(folder, STATE, &state)?;
    reserve::fill(folder, (line.len() + state.len()) as u64);
    Ok(())
}

/// Writes the memory of a site again behind its journal.
pub(super) fn refound(
    folder: &Path,
    journal_len: u64,
    line: &[u8],
    head: JournalHead,
    root: &PinnedRoot,
) -> Result<(), SiteError> {
    let pending = pending(journal_len, line, head, root, Moves::default())?;
    reserve::with_reserve(folder, || decide(folder, &pending))?;
    finish(folder, &pending)?;
    reserve::fill(folder, pending.size());
    Ok(())
}

fn pending(
    journal_len: u64,
    line: &[u8],
    head: JournalHead,
    root: &PinnedRoot,
    moves: Moves,
) -> Result<PendingTransaction, SiteError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(PendingTransaction {
        journal_len,
        line: text(line.strip_suffix(b"\n").unwrap_or(line)),
        state: text(&Anchor::encode(head, root)?),
        place: moves.place,
        switch: moves.switch,
        remove: moves.remove,
    })
}

/// Writes what the act needs beside its place, then the act itself: from then on it is decided.
fn decide(folder: &Path, pending: &PendingTransaction) -> Result<(), SiteError> {
    let prepared = prepare(folder, pending).map_err(|(path, source)| SiteError::Write { path, source });
    let prepared = prepared.and_then(|()| {
        let bytes = canonical::encode(pending)
            .map_err(|error| SiteError::StateDamaged { reason: error.to_string() })?;
        replace(folder, PENDING, &bytes)
    });
    if prepared.is_err() {
        // The record of the act may be there all the same when only the sync behind it failed.
        let _ = fs::remove_file(folder.join(PENDING));
        let _ = atomic_file::sync_folder(folder);
        clear(folder, pending);
    }
    prepared
}

/// What the new state and the new link are called until they have their place.
pub(super) fn next(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.next"))
}

fn current(folder: &Path, spot: &TransactionStep) -> PathBuf {
    folder.join(CURRENT).join(spot.scenario.as_str())
}

/// The new state and the new link, beside the old ones.
fn prepare(folder: &Path, pending: &PendingTransaction) -> Result<(), (PathBuf, io::Error)> {
    let state = next(&folder.join(STATE));
    remove_file(&state)
        .and_then(|()| atomic_file::write_new(&state, pending.state.as_bytes(), 0o644))
        .map_err(|source| (state, source))?;
    let Some(spot) = &pending.switch else { return Ok(()) };
    let link = next(&current(folder, spot));
    remove_file(&link)
        .and_then(|()| std::os::unix::fs::symlink(target(spot), &link))
        .map_err(|source| (link, source))
}

fn target(spot: &TransactionStep) -> String {
    format!("../{RELEASES}/{}/{}", spot.scenario, spot.folder)
}

/// Takes away what [`prepare`] wrote.
fn clear(folder: &Path, pending: &PendingTransaction) {
    let _ = fs::remove_file(next(&folder.join(STATE)));
    if let Some(spot) = &pending.switch {
        let _ = fs::remove_file(next(&current(folder, spot)));
    }
}

/// The line of the journal could not be written: what there is of it is cut off again, and the act is forgotten.
fn take_back(folder: &Path, pending: &PendingTransaction, error: SiteError) -> SiteError {
    let cut = cut_off(folder, pending)
        .and_then(|()| remove_file(&folder.join(PENDING)))
        .and_then(|()| atomic_file::sync_folder(folder));
    match cut {
        Ok(()) => {
            clear(folder, pending);
            error
        }
        // Half a line may be there: anyone who comes next finishes the act.
        Err(source) => SiteError::Unfinished { path: folder.to_owned(), source },
    }
}

/// Cuts the line of an act off the journal. Where something else is in its place, nothing is touched: that is for
/// users to look at.
fn cut_off(folder: &Path, pending: &PendingTransaction) -> io::Result<()> {
    let path = folder.join(JOURNAL);
    let mut file = journal::open_for_writing(&path)?;
    let mut tail = Vec::new();
    if file.metadata()?.len() > pending.journal_len {
        file.seek(SeekFrom::Start(pending.journal_len))?;
        (&mut file).take(pending.line.len() as u64 + 2).read_to_end(&mut tail)?;
        if [pending.line.as_bytes(), b"\n"].concat().starts_with(&tail) {
            file.set_len(pending.journal_len)?;
        }
    }
    file.sync_all()
}

/// Finishes an act that was decided before, in this process or in one that was ended. Every step may have been done.
pub(super) fn finish(folder: &Path, pending: &PendingTransaction) -> Result<(), SiteError> {
    reserve::with_reserve(folder, || finish_once(folder, pending))
}

fn finish_once(folder: &Path, pending: &PendingTransaction) -> Result<(), SiteError> {
    if let Some(spot) = &pending.place {
        let (from, to) = spot.places(folder);
        let unfinished = |source| SiteError::Unfinished { path: folder.to_owned(), source };
        let is_gone = !is_there(&from).map_err(unfinished)? && !is_there(&to).map_err(unfinished)?;
        if is_gone && !is_done(&folder.join(STATE), &pending.state) {
            // What was to be put into use is gone, so the act is not: the record of it came back with a power cut.
            cut_off(folder, pending).map_err(unfinished)?;
            clear(folder, pending);
            return remove_file(&folder.join(PENDING))
                .and_then(|()| atomic_file::sync_folder(folder))
                .map_err(unfinished);
        }
    }
    append(folder, pending)?;
    carry_out(folder, pending)
}

fn is_done(path: &Path, content: &str) -> bool {
    fs::read(path).is_ok_and(|now| now == content.as_bytes())
}

/// Everything behind the line of the journal. What fails here is finished by the next command.
fn carry_out(folder: &Path, pending: &PendingTransaction) -> Result<(), SiteError> {
    let unfinished = |source| SiteError::Unfinished { path: folder.to_owned(), source };
    if let Some(spot) = &pending.place {
        let (from, to) = spot.places(folder);
        match atomic_file::rename_new(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(unfinished)?,
        }
        // Done before, or the directory that is to come into use is missing: then nothing does.
        fs::symlink_metadata(&to).map_err(unfinished)?;
        atomic_file::sync_folder(atomic_file::folder_of(&to)).map_err(unfinished)?;
    }
    let state = folder.join(STATE);
    if is_done(&state, &pending.state) {
        let _ = fs::remove_file(next(&state));
    } else {
        if !is_done(&next(&state), &pending.state) {
            prepare(folder, pending).map_err(|(_, source)| unfinished(source))?;
        }
        fs::rename(next(&state), &state).map_err(unfinished)?;
    }
    if let Some(spot) = &pending.switch {
        switch(folder, spot).map_err(unfinished)?;
    }
    atomic_file::sync_folder(folder).map_err(unfinished)?;
    if let Some(spot) = &pending.place {
        let blobs = handle::release(folder, &spot.scenario, &spot.folder).join("images/blobs/sha256");
        share(&blobs, &folder.join(STORE)).map_err(unfinished)?;
    }
    for spot in &pending.remove {
        // Out of sight in one step; that the disk takes its time, or will not, is no reason to stop.
        let (to, from) = spot.places(folder);
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(unfinished)?,
        }
        atomic_file::sync_folder(atomic_file::folder_of(&from)).map_err(unfinished)?;
    }
    remove_file(&folder.join(PENDING)).and_then(|()| atomic_file::sync_folder(folder)).map_err(unfinished)?;
    for spot in &pending.remove {
        clear_away(folder, &spot.scenario);
    }
    Ok(())
}

/// How many lines end within so many bytes of a file.
fn lines(mut file: &fs::File, bytes: u64) -> io::Result<u64> {
    file.rewind()?;
    let (mut left, mut count, mut buffer) = (file.take(bytes), 0, vec![0; 64 << 10]);
    loop {
        match left.read(&mut buffer)? {
            0 => return Ok(count),
            read => {
                let piece = buffer.get(..read).unwrap_or_default();
                count += memchr::memchr_iter(b'\n', piece).count() as u64;
            }
        }
    }
}

/// Writes the line of the journal, where it is missing yet; what is there of it is written again.
fn append(folder: &Path, pending: &PendingTransaction) -> Result<(), SiteError> {
    let path = folder.join(JOURNAL);
    let failed = |source| SiteError::JournalWrite { path: path.clone(), source };
    let line = [pending.line.as_bytes(), b"\n"].concat();
    let mut file = journal::open_for_writing(&path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    if found < pending.journal_len {
        let before = pending.journal_len;
        let reason = format!("the file has {found} bytes, and had {before} before the act that is pending");
        return Err(SiteError::JournalDamaged { line: lines(&file, found).map_err(failed)? + 1, reason });
    }
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(pending.journal_len)).map_err(failed)?;
    (&mut file).take(line.len() as u64 + 1).read_to_end(&mut tail).map_err(failed)?;
    if tail == line {
        // Written, and perhaps not on the disk yet.
        return file.sync_all().map_err(failed);
    }
    if !line.starts_with(&tail) {
        let reason = "another line stands where the act that is pending belongs".to_owned();
        let line = lines(&file, pending.journal_len).map_err(failed)? + 1;
        return Err(SiteError::JournalDamaged { line, reason });
    }
    let mut write = || {
        file.seek(SeekFrom::Start(pending.journal_len))?;
        file.write_all(&line)?;
        file.sync_all()
    };
    write().map_err(failed)
}

/// Puts a release into use, in one step.
fn switch(folder: &Path, spot: &TransactionStep) -> io::Result<()> {
    let link = current(folder, spot);
    let target = target(spot);
    if fs::read_link(&link).is_ok_and(|now| now == Path::new(&target)) {
        remove_file(&next(&link))?;
        return atomic_file::sync_folder(atomic_file::folder_of(&link));
    }
    if !fs::read_link(next(&link)).is_ok_and(|now| now == Path::new(&target)) {
        remove_file(&next(&link))?;
        std::os::unix::fs::symlink(&target, next(&link))?;
    }
    fs::rename(next(&link), &link)?;
    atomic_file::sync_folder(atomic_file::folder_of(&link))
}

/// Whether there is something of that name; when that cannot be said, the error and not a guess.
pub(super) fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), SiteError> {
    let path = folder.join(name);
    atomic_file::replace(&path, bytes).map_err(|source| SiteError::Write { path: path.clone(), source })
}
