//! Renders a difference as text: most severe first, and cut to one screen unless everything is wanted.

use super::change::{
    ChangeAt, ChangeKind, FilesOf, ItemChange, LayerChange, LayerTurn, LayersOf, Right, RightChange,
};
use super::difference::{BlobSums, BundleDifference, DiffVerdict};
use super::facts::{FactChange, Field};
use super::format::{arrow, digests, fact, file, mark, names, sizes, turns, word};
use super::input::DiffHead;
use super::lines::{HunkLine, LineMark, LinesOutcome, TextChange};
use super::packages::{PackageChange, PackageStep};
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;
use std::fmt::Write as _;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListExtent {
    /// The beginning of every list, and how much more there is.
    Screen,
    /// Everything.
    All,
}

/// Lines of a list on one screen.
const LIST: usize = 10;
const TEXT_LINES: usize = 40;
/// A difference as text.
#[must_use]
pub fn text(difference: &BundleDifference, extent: ListExtent) -> String {
    let mut page = TextPage { text: String::new(), extent };
    page.head("from", &difference.a);
    page.head("to", &difference.b);
    page.rights(difference);
    page.executables(difference);
    page.findings(difference);
    page.tags(difference);
    page.packages(difference);
    page.trust(difference);
    page.items(difference);
    page.settings(difference);
    for text in &difference.texts {
        page.lines(text);
    }
    for layers in &difference.layers {
        page.layers(layers);
    }
    for files in &difference.files {
        page.files(files);
    }
    page.sizes(difference);
    let missing = difference.not_compared.iter();
    let missing = missing.map(|one| format!("? {}: {}", Printable(&one.what), Printable(&one.reason)));
    page.list("not compared", &missing.collect::<Vec<_>>());
    page.text += match difference.verdict {
        DiffVerdict::Equal => "\nequal\n",
        DiffVerdict::Different => "\ndifferent\n",
        DiffVerdict::Incomplete => "\nequal as far as compared\n",
    };
    page.text
}

struct TextPage {
    text: String,
    extent: ListExtent,
}

impl TextPage {
    fn head(&mut self, which: &str, head: &DiffHead) {
        let _ = write!(self.text, "{which:4}  {} ({}", Printable(&head.label), head.kind.as_str());
        if let (Some(name), Some(version)) = (&head.name, &head.version) {
            let _ = write!(self.text, ", {}-{}", Printable(name), Printable(version));
        }
        if let Some(created) = &head.created {
            let _ = write!(self.text, " of {}", Printable(created));
        }
        if let Some(statement) = &head.statement {
            let _ = write!(self.text, ", statement {}", statement.short());
        }
        self.text += ")\n";
    }

    /// A heading and its lines, as many as there is room for.
    fn list(&mut self, title: &str, lines: &[String]) {
        self.list_of(title, lines, LIST);
    }

    fn list_of(&mut self, title: &str, lines: &[String], room: usize) {
        if lines.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "\n{title}");
        let room = if self.extent == ListExtent::All { usize::MAX } else { room };
        // A line that says how many more there are is worth no less than the one it takes the place of.
        let shown = if lines.len() > room.saturating_add(1) { room } else { lines.len() };
        for line in lines.iter().take(shown) {
            let _ = writeln!(self.text, "  {}", line.trim_end());
        }
        if lines.len() > shown {
            let _ = writeln!(self.text, "    .. and {} more (`--all`)", lines.len() - shown);
        }
    }

    fn rights(&mut self, difference: &BundleDifference) {
        let lines = difference.rights.iter().map(|at| {
            let RightChange { turn, right, path, from, to } = &at.change;
            let mark = if *turn == ChangeKind::New { '!' } else { mark(*turn) };
            let what = match (turn, right, from, to) {
                (ChangeKind::Gone, Right::Root, ..) => "runs as root no more".to_owned(),
                (ChangeKind::Gone, ..) => format!("{} lost", right.as_str()),
                (ChangeKind::Changed, ..) => format!("{}, other content", right.as_str()),
                (ChangeKind::New | ChangeKind::Moved, ..) => right.as_str().to_owned(),
            };
            let path = if path.is_empty() { String::new() } else { format!(" {}", Printable(path)) };
            format!("{mark} {what}{path}: {}{}", arrow(from.as_deref(), to.as_deref()), names(&at.items))
        });
        let count = |turn| difference.rights.iter().filter(|at| at.change.turn == turn).count();
        let (gained, changed, lost) =
            (count(ChangeKind::New), count(ChangeKind::Changed), count(ChangeKind::Gone));
        let title = format!("rights: {gained} gained, {changed} with other content, {lost} lost");
        // What is gained is shown whole.
        self.list_of(&title, &lines.collect::<Vec<_>>(), gained.clamp(LIST, 200));
    }

    fn executables(&mut self, difference: &BundleDifference) {
        let line = |at: &ChangeAt<super::Executable>| {
            let change = &at.change;
            format!("{} {}  {}{}", mark(change.turn), Printable(&change.path), change.class, names(&at.items))
        };
        let lines = difference.executables.iter().map(line).collect::<Vec<_>>();
        let title = format!("executables: {}", turns(difference.executables.iter().map(|at| at.change.turn)));
        self.list(&title, &lines);
    }

    fn findings(&mut self, difference: &BundleDifference) {
        let lines = difference.findings.iter().map(|at| {
            let change = &at.change;
            let mark = if change.turn == ChangeKind::New { '!' } else { '-' };
            // These texts are safe to show already.
            let path = if change.path.is_empty() { String::new() } else { format!(" {}", change.path) };
            format!("{mark} {}{path}: {}{}", change.kind, change.message, names(&at.items))
        });
        let title =
            format!("secrets and anomalies: {}", turns(difference.findings.iter().map(|at| at.change.turn)));
        self.list(&title, &lines.collect::<Vec<_>>());
    }

    fn tags(&mut self, difference: &BundleDifference) {
        let lines = difference.items.iter().filter(|item| item.same_tag).map(|item| {
            let reference = item.reference.as_deref().unwrap_or_default();
            format!("! {} {}: {}", item.name, Printable(reference), digests(item.from, item.to))
        });
        self.list("same tag, new digest", &lines.collect::<Vec<_>>());
    }

    fn packages(&mut self, difference: &BundleDifference) {
        let line = |at: &ChangeAt<PackageChange>| {
            let PackageChange { step, ecosystem, name, architecture, from, to } = &at.change;
            let mark = match step {
                PackageStep::Down => "! DOWN ",
                PackageStep::New => "+ ",
                PackageStep::Up | PackageStep::Same => "~ ",
                PackageStep::License => "~ licence of ",
                PackageStep::Gone => "- ",
            };
            let architecture = match (step, architecture) {
                (PackageStep::New | PackageStep::Gone, Some(architecture)) => {
                    format!(" {}", Printable(architecture))
                }
                _ => String::new(),
            };
            let versions = arrow(from.as_deref(), to.as_deref());
            format!(
                "{mark}{} {}{architecture} {versions}{}",
                ecosystem.as_str(),
                Printable(name),
                names(&at.items)
            )
        };
        let lines = difference.packages.iter().map(line).collect::<Vec<_>>();
        let count = |step| difference.packages.iter().filter(|at| at.change.step == step).count();
        let words = [
            (PackageStep::Down, "down"),
            (PackageStep::New, "new"),
            (PackageStep::Up, "up"),
            (PackageStep::Same, "written otherwise"),
            (PackageStep::Gone, "gone"),
            (PackageStep::License, "under other licences"),
        ];
        let counts =
            words.into_iter().map(|(step, word)| (count(step), word)).filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts.map(|(count, word)| format!("{count} {word}")).collect();
        // What went down is shown whole.
        let room = count(PackageStep::Down).clamp(2 * LIST, 200);
        self.list_of(&format!("packages: {}", counts.join(", ")), &lines, room);
    }

    fn trust(&mut self, difference: &BundleDifference) {
        let is_trust =
            |change: &&FactChange| matches!(change.field, Field::Signer | Field::Epoch | Field::RootVersion);
        let signers = difference.facts.iter().filter(is_trust).map(fact);
        let root = difference.root.iter().map(|change| format!("trust root: {change}"));
        self.list("signers and trust", &signers.chain(root).collect::<Vec<_>>());
        let rest = difference.facts.iter().filter(|change| !is_trust(change)).map(fact);
        self.list_of("the bundle", &rest.collect::<Vec<_>>(), 2 * LIST);
    }

    fn items(&mut self, difference: &BundleDifference) {
        let mut lines = Vec::new();
        for item in &difference.items {
            let ItemChange { turn, kind, name, before, reference, from, to, .. } = item;
            let mut line = format!("{} {kind} {name}", mark(*turn));
            if let Some(before) = before {
                let _ = write!(line, ", before `{before}`");
            }
            // What only one side knows says nothing about a change.
            let is_whole = item.stored_from.is_some() == item.stored_to.is_some();
            let is_known = is_whole || matches!(turn, ChangeKind::New | ChangeKind::Gone);
            let sizes = if is_known { sizes(item.stored_from, item.stored_to) } else { String::new() };
            match turn {
                ChangeKind::New | ChangeKind::Gone => {
                    if let Some(reference) = reference {
                        let _ = write!(line, "  {}", Printable(reference));
                    }
                }
                ChangeKind::Moved => line += ", the same content",
                ChangeKind::Changed if item.repacked => line += ", the same content, packed otherwise",
                ChangeKind::Changed if from != to && from.is_some() && to.is_some() => {
                    let _ = write!(line, ": {}", digests(*from, *to));
                }
                ChangeKind::Changed => {}
            }
            if !sizes.is_empty() {
                let _ = write!(line, "  {sizes}");
            }
            lines.push(line);
            lines.extend(item.facts.iter().map(|change| format!("    {}", fact(change))));
        }
        let title = format!("items: {}", turns(difference.items.iter().map(|item| item.turn)));
        self.list_of(&title, &lines, 2 * LIST);
    }

    fn settings(&mut self, difference: &BundleDifference) {
        let line = |at: &ChangeAt<FactChange>| format!("{}{}", fact(&at.change), names(&at.items));
        self.list("how images are started", &difference.settings.iter().map(line).collect::<Vec<_>>());
    }

    fn lines(&mut self, text: &TextChange) {
        let path = Printable(format!("{}/{}", text.item, text.path));
        let lines = match &text.outcome {
            LinesOutcome::Binary => {
                let _ = writeln!(self.text, "\n{path}: no text, so no lines to compare");
                return;
            }
            LinesOutcome::Unread { reason } => {
                let _ = writeln!(self.text, "\n{path}: no lines shown: {}", Printable(reason));
                return;
            }
            LinesOutcome::Lines(lines) => lines,
        };
        let mut shown = Vec::new();
        for hunk in &lines.hunks {
            shown.push(format!("@ line {} -> {}", hunk.old, hunk.new));
            for HunkLine { mark, text } in &hunk.lines {
                let mark = match mark {
                    LineMark::Both => ' ',
                    LineMark::Old => '-',
                    LineMark::New => '+',
                };
                shown.push(format!("{mark} {}", Printable(text)));
            }
        }
        if lines.unlisted > 0 {
            shown.push(format!(".. and {} that are not kept", counted(lines.unlisted, "changed line")));
        }
        let coarse = if lines.coarse { ", too many to find what stayed between them" } else { "" };
        let title =
            format!("{path}: {} added, {} removed{coarse}", counted(lines.added, "line"), lines.removed);
        self.list_of(&title, &shown, TEXT_LINES);
    }

    fn layers(&mut self, layers: &LayersOf) {
        let line = |change: &LayerChange| {
            let LayerChange { turn, from, to } = change;
            let (mark, what) = match turn {
                LayerTurn::New => ('+', "layer"),
                LayerTurn::Gone => ('-', "layer"),
                LayerTurn::Recompressed => ('~', "the same layer, compressed otherwise:"),
                LayerTurn::Rebuilt => ('~', "a layer of the same files, built anew:"),
            };
            let digest = |state: &Option<super::LayerState>| state.as_ref().map(|state| state.digest);
            let size = |state: &Option<super::LayerState>| state.as_ref().map(|state| state.stored);
            format!("{mark} {what} {}  {}", digests(digest(from), digest(to)), sizes(size(from), size(to)))
        };
        let title = format!("layers of {}: {} as before", Printable(&layers.item), layers.same);
        self.list(&title, &layers.changes.iter().map(line).collect::<Vec<_>>());
    }

    fn files(&mut self, files: &FilesOf) {
        let counts: Vec<_> =
            files.counts.iter().map(|(turn, count)| format!("{count} {}", word(*turn))).collect();
        let title = format!("files of {}: {}", Printable(&files.item), counts.join(", "));
        let mut lines: Vec<_> = Vec::new();
        for (layer, count) in &files.layers {
            lines.push(format!("{} of these from layer {}", counted(*count, "path"), layer.short()));
        }
        // In images they are many, and mean less than the packages that bring them.
        if files.layers.is_empty() || self.extent == ListExtent::All {
            lines.extend(files.changes.iter().map(file));
        }
        if files.unlisted > 0 {
            lines.push(format!(".. and {} that are not kept", counted(files.unlisted, "change")));
        }
        let shadowed = files.shadowed.iter();
        lines.extend(
            shadowed.map(|path| format!("! {}: hidden by a later layer, and travels", Printable(path))),
        );
        self.list(&title, &lines);
    }

    fn sizes(&mut self, difference: &BundleDifference) {
        let mut lines = Vec::new();
        let (from, to) = (&difference.a, &difference.b);
        if let (Some(old), Some(new)) = (from.stored, to.stored)
            && old != new
        {
            lines.push(format!("all items: {}", sizes(Some(old), Some(new))));
        }
        if let Some(blobs) = &difference.blobs
            && (blobs.new > 0 || blobs.gone > 0)
        {
            let BlobSums { common, common_bytes, new, new_bytes, gone, gone_bytes } = blobs;
            lines.push(format!(
                "blobs of images: {common} in both ({}), {new} only in the second ({}), {gone} only in the first ({})",
                ByteSize(*common_bytes),
                ByteSize(*new_bytes),
                ByteSize(*gone_bytes)
            ));
        }
        self.list("sizes", &lines);
    }
}
