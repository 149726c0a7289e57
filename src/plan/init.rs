//! Writes a first manifest for the content of a directory.

mod mentioned;

use self::mentioned::{MentionedImages, are_charts};
use super::error::{PlanError, shown};
use super::image_files::Members;
use super::image_oci_layout;
use super::lock_writer::Quoted;
use crate::lint::references::normalised;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::member::{MANIFEST, OCI_LAYOUT};
use sealift_bundle::value::ValueError;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::limits::Limits;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::printable::is_deceptive;
use sealift_bundle::value::progress::Progress;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Lines of a list that an error names beside the first.
const LINES: usize = 50;
/// How many files of a directory are looked at to see what it holds.
const GLANCE: usize = 1000;

/// A commented manifest with an item for everything in the directory that could travel, and one for each image to pull: those
/// of a list, and those that files in the directory name. Comments say what was left out, and the list is. `pulled` comes with
/// the file that lists it.
pub fn manifest_for(
    folder: &Path,
    bundle: &Name,
    pulled: (Option<&Path>, &[ImageName]),
    limits: &Limits,
    watch: &dyn Progress,
) -> Result<String, PlanError> {
    let (list, pulled) = pulled;
    let mut draft = Sketch {
        names: HashSet::new(),
        references: HashSet::new(),
        tables: BTreeMap::new(),
        left_out: Vec::new(),
        looked: Vec::new(),
        unclear: Vec::new(),
    };
    let list = list.and_then(|list| list.canonicalize().ok());
    let failed = |source| PlanError::read(folder, source);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>().map_err(failed)?;
    paths.sort();
    for path in paths {
        if watch.is_stopped() {
            return Err(PlanError::Interrupted);
        }
        if list.is_some() && path.canonicalize().ok() == list {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            draft.left_out.push((name, "the list of images that this manifest has"));
            continue;
        }
        draft.add(&path, limits, watch);
    }
    for reference in pulled {
        draft.pull(reference, None);
    }
    let MentionedImages { images, unclear } = mentioned::look(folder, &draft.looked);
    for (image, place) in &images {
        draft.pull(image, Some(place));
    }
    draft.unclear = unclear;
    let has_schema = folder.join("schema.json").is_file();
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = draft.lay(&mut text, bundle, has_schema);
    Ok(text)
}

/// The references of a plain list: one a line, `#` begins a comment. Short names are completed as Docker does. The error
/// names every line that is none.
pub fn references(text: &str, file: &Path) -> Result<Vec<ImageName>, PlanError> {
    let lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default().trim()));
    let mut found: Vec<ImageName> = Vec::new();
    let mut wrong = Vec::new();
    for (line, word) in lines.filter(|(_, word)| !word.is_empty()) {
        match reference(word) {
            Ok(name) if found.contains(&name) => {}
            Ok(name) => found.push(name),
            Err(reason) => wrong.push((line, reason)),
        }
    }
    let Some((line, mut reason)) = wrong.first().cloned() else { return Ok(found) };
    for (line, other) in wrong.iter().skip(1).take(LINES) {
        let _ = write!(reason, "; line {line}: {other}");
    }
    if let Some(more) = wrong.len().checked_sub(LINES + 1).filter(|more| *more > 0) {
        let _ = write!(reason, "; and {more} more lines");
    }
    Err(PlanError::List { path: file.to_owned(), line, reason })
}

/// A reference of a list, in full.
fn reference(word: &str) -> Result<ImageName, String> {
    let name: ImageName = word.parse().map_err(|error: ValueError| error.to_string())?;
    if name.tag().is_none() && name.digest().is_none() {
        return Err(format!("`{name}` has neither a tag nor a digest"));
    }
    let full = normalised(word).ok_or_else(|| format!("`{name}` cannot be written in full"))?;
    full.parse().map_err(|error: ValueError| error.to_string())
}

struct Sketch {
    names: HashSet<String>,
    /// What images here are called by themselves.
    references: HashSet<String>,
    tables: BTreeMap<ItemKind, Vec<String>>,
    left_out: Vec<(String, &'static str)>,
    /// What became an item other than an image: its path and kind.
    looked: Vec<(PathBuf, ItemKind)>,
    /// Images that files name and that could not be resolved.
    unclear: Vec<String>,
}

impl Sketch {
    fn add(&mut self, path: &Path, limits: &Limits, watch: &dyn Progress) {
        let Some(name) = path.file_name() else { return };
        let Some(text) = name.to_str().filter(|text| !text.contains(is_deceptive)) else {
            self.left_out.push((shown(Path::new(name)), "its name has invisible characters"));
            return;
        };
        if text.starts_with('.') {
            return;
        }
        if let Some(reason) = reason_to_leave_out(path, text) {
            self.left_out.push((text.to_owned(), reason));
            return;
        }
        if (path.is_dir() && path.join(OCI_LAYOUT).is_file()) || has_extension(path, &["tar"]) {
            match images(path, limits, watch) {
                Ok(Some(images)) => return self.add_images(text, &images),
                Ok(None) => {}
                Err(_) => {
                    self.left_out.push((text.to_owned(), "it looks like images but cannot be read as such"));
                    return;
                }
            }
        }
        let kind = if path.is_dir() { kind_of_folder(path, text) } else { kind_of_file(path) };
        let stem = if path.is_dir() { text } else { text.split('.').next().unwrap_or(text) };
        let name = self.unique(stem, kind);
        let slash = if path.is_dir() { "/" } else { "" };
        let chart = if kind == ItemKind::File && are_charts(path) { "kind = \"chart\"\n" } else { "" };
        self.looked.push((path.to_owned(), kind));
        self.table(kind, format!("name = \"{name}\"\npath = {}\n{chart}", Quoted(&format!("{text}{slash}"))));
    }

    /// An image to pull, unless one of this name already exists; `place` is what names it.
    fn pull(&mut self, reference: &ImageName, place: Option<&str>) {
        let full = normalised(reference.as_str()).unwrap_or_else(|| reference.to_string());
        let is_here = self.references.iter().any(|known| normalised(known).as_ref() == Some(&full));
        if is_here && place.is_some() {
            return;
        }
        self.references.insert(full);
        let stem = reference.path().rsplit('/').next().unwrap_or_default().to_owned();
        let name = self.unique(&stem, ItemKind::Image);
        let by = place.map_or_else(String::new, |place| format!("   # named by {place}"));
        self.table(ItemKind::Image, format!("name = \"{name}\"\nreference = \"{reference}\"{by}\n"));
    }

    fn add_images(&mut self, path: &str, images: &Images) {
        for names in &images.names {
            let full =
                names.iter().find(|name| name.contains(['/', ':']) && name.parse::<ImageName>().is_ok());
            let stem = full.or(names.first()).map_or(path, String::as_str);
            let stem = stem.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
            let stem = stem.split(':').next().unwrap_or_default();
            let name = self.unique(stem, ItemKind::Image);
            let mut table = format!("name = \"{name}\"\n{} = {}\n", images.form, Quoted(path));
            if let Some(select) = names.first().filter(|_| images.names.len() > 1) {
                let _ = writeln!(table, "select = {}", Quoted(select));
            }
            // Writing to a string does not fail.
            let taken = full.filter(|full| !self.references.insert((*full).clone()));
            let _ = if let Some(full) = taken {
                let tag = full.rsplit_once(':').map_or("1", |(_, tag)| tag);
                let folder = full.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                let other = format!("{folder}{name}:{tag}");
                writeln!(
                    table,
                    "reference = {}   # another image here has its own name, {full}",
                    Quoted(&other)
                )
            } else if let Some(full) = full {
                writeln!(table, "# reference = {}   # another name at the site", Quoted(full))
            } else {
                table.push_str("# it has no full name: take the `#` away and say what it is called there\n");
                writeln!(table, "# reference = \"registry.example.com/{name}:1\"")
            };
            self.table(ItemKind::Image, table);
        }
    }

    fn table(&mut self, kind: ItemKind, table: String) {
        self.tables.entry(kind).or_default().push(table);
    }

    /// A name made from other words, unlike all before.
    fn unique(&mut self, words: &str, kind: ItemKind) -> String {
        let plain: String = words
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
            .take(48)
            .collect();
        let plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let plain = if plain.parse::<Name>().is_ok() { plain.to_owned() } else { format!("{kind}-item") };
        let mut name = plain.clone();
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{plain}-{number}");
        }
        name
    }

    fn lay(&self, text: &mut String, bundle: &Name, has_schema: bool) -> fmt::Result {
        if has_schema {
            text.write_str("#:schema ./schema.json\n")?;
        }
        text.write_str(
            "# The content of the bundle. Paths are relative to this file.\n# next: `sealift lock` pins every source, `sealift pack` builds the bundle.\n",
        )?;
        if !has_schema {
            text.write_str("# with `schema.json` beside this file, editors help: `#:schema ./schema.json` as first line\n")?;
        }
        writeln!(
            text,
            "\n[bundle]\nname = \"{bundle}\"\nscenario = \"{bundle}\"   # a site counts the bundles of each scenario"
        )?;
        text.write_str(
            "version = \"0.1.0\"\n# expires = \"2027-12-31T00:00:00Z\"   # after that no site trusts it\n",
        )?;
        for (kind, tables) in &self.tables {
            for table in tables {
                write!(text, "\n[[{kind}]]\n{table}")?;
            }
        }
        if self.tables.is_empty() {
            text.write_str(EXAMPLES)?;
        }
        if !self.unclear.is_empty() {
            text.write_str(
                "\n# possible images that could not be resolved (`sealift check` lists them too):\n",
            )?;
        }
        self.unclear.iter().try_for_each(|line| writeln!(text, "#   {line}"))?;
        if !self.left_out.is_empty() {
            text.write_str("\n# left out:\n")?;
        }
        self.left_out.iter().try_for_each(|(name, reason)| writeln!(text, "#   {name}: {reason}"))
    }
}

/// Shown where there is nothing to begin with.
const EXAMPLES: &str = r#"
# The folder is empty. Take the `#` away from what you need.

# [[image]]
# name = "nginx"
# reference = "docker.io/library/nginx:1.27"   # pulled from its registry

# [[image]]
# name = "hello"
# layout = "images/hello"          # skopeo copy --all docker://IMAGE oci:images/hello:NAME
# reference = "registry.example.com/tools/hello:1"

# [[doc]]
# name = "runbooks"
# path = "runbooks/"
# include = ["**/*.md"]

# [[config]]
# name = "server"
# path = "config/"

# [[file]]
# name = "package"
# url = "https://example.com/package-1.0.tar.gz"
# sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
"#;

struct Images {
    form: &'static str,
    names: Vec<Vec<String>>,
}

/// The images at a path, if there are any.
fn images(path: &Path, limits: &Limits, watch: &dyn Progress) -> Result<Option<Images>, PlanError> {
    let members = Members::peek(path, limits, watch)?;
    let is_archive = members.find(MANIFEST)?.is_some();
    let images = if image_oci_layout::is_layout(&members)? {
        let found = image_oci_layout::candidates(&members, limits)?;
        let names = found.iter().map(|image| {
            let label = image.label();
            if image.names.is_empty() { vec![label] } else { image.names.clone() }
        });
        Images { form: "layout", names: names.collect() }
    } else if is_archive {
        Images { form: "archive", names: super::image_docker_archive::names(&members, limits)? }
    } else {
        return Ok(None);
    };
    Ok(Some(images).filter(|images| !images.names.is_empty()))
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    known.contains(&extension.as_str())
}

fn reason_to_leave_out(path: &Path, name: &str) -> Option<&'static str> {
    let is_folder = path.is_dir();
    if is_folder && matches!(name, "out" | "target") {
        return Some("a directory for output");
    }
    if is_folder && !WalkDir::new(path).min_depth(1).into_iter().take(GLANCE).any(|entry| entry.is_ok()) {
        return Some("the directory is empty");
    }
    if is_folder {
        return None;
    }
    if !path.is_file() {
        return Some("neither a file nor a directory");
    }
    if has_extension(path, &["key", "pub", "pem"]) || name == "root.json" {
        return Some("a key or a trust root");
    }
    if name.contains(".sealift") {
        return Some("a bundle, or a file that belongs to one");
    }
    if name == "schema.json" {
        return Some("the schema of manifests");
    }
    let is_plan = || fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line == "[bundle]"));
    (has_extension(path, &["toml"]) && is_plan()).then_some("a manifest or a lock")
}

fn kind_of_file(path: &Path) -> ItemKind {
    if has_extension(path, &["md", "rst", "pdf", "html", "txt", "adoc"]) {
        ItemKind::Doc
    } else if has_extension(path, &["toml", "yaml", "yml", "json", "conf", "ini", "env", "cfg"]) {
        ItemKind::Config
    } else {
        ItemKind::File
    }
}

/// By its name, or by what most of its files are.
fn kind_of_folder(path: &Path, name: &str) -> ItemKind {
    let name = name.to_lowercase();
    if ["doc", "runbook", "man"].iter().any(|start| name.starts_with(start)) {
        return ItemKind::Doc;
    }
    if name.starts_with("conf") || name == "etc" {
        return ItemKind::Config;
    }
    let files = WalkDir::new(path).into_iter().flatten().filter(|entry| entry.file_type().is_file());
    let mut counts: BTreeMap<ItemKind, usize> = BTreeMap::new();
    let mut all = 0;
    for entry in files.take(GLANCE) {
        *counts.entry(kind_of_file(entry.path())).or_default() += 1;
        all += 1;
    }
    counts.into_iter().find(|(_, count)| count * 2 > all).map_or(ItemKind::File, |(kind, _)| kind)
}

#[cfg(test)]
mod tests;
