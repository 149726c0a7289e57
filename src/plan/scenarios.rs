//! The embedded reference scenarios: manifests with their parts, configurations and runbooks.

use super::error::{PlanError, shown};
use super::grammar;
use super::include::tidy;
use super::parse::Text;
use include_dir::{Dir, include_dir};
use sealift_bundle::format::atomic_file;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use toml::Spanned;

static MANIFESTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../manifests");

/// What editors look for beside a manifest.
const SCHEMA: &str = "schema.json";

/// A manifest with everything that it names on this machine.
#[derive(Debug, Clone)]
pub struct ReferenceScenario {
    /// The variants of which one is chosen.
    pub variants: Vec<String>,
    /// The manifest's text.
    manifest: &'static str,
    /// Everything else, by its path from the manifest's directory.
    files: BTreeMap<PathBuf, &'static [u8]>,
}

impl ReferenceScenario {
    /// The scenario of that name.
    pub fn of(name: &str) -> Result<Self, PlanError> {
        let missing = |path: &Path| PlanError::Missing { path: path.to_owned() };
        let main = PathBuf::from(format!("{name}.toml"));
        let mut pending = vec![main.clone()];
        let mut seen = BTreeSet::new();
        let mut scenario = Self { variants: Vec::new(), manifest: "", files: BTreeMap::new() };
        scenario.take(Path::new(SCHEMA));
        while let Some(path) = pending.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let file = MANIFESTS.get_file(&path).ok_or_else(|| missing(&path))?;
            let text = file.contents_utf8().ok_or_else(|| missing(&path))?;
            let raw: grammar::Manifest = Text::of(&path.to_string_lossy(), text).parse()?;
            let folder = path.parent().unwrap_or(Path::new(""));
            for named in sources(&raw) {
                let named = tidy(&folder.join(named));
                scenario.take(&named);
            }
            if path == main {
                scenario.manifest = text;
                let variants = raw.bundle.iter().flat_map(|bundle| &bundle.variants);
                scenario.variants = variants.map(|variant| variant.get_ref().clone()).collect();
            } else {
                scenario.take(&path);
            }
            let parts = raw.bundle.iter().flat_map(|bundle| &bundle.include);
            let parts = parts.chain(raw.part.iter().flat_map(|part| &part.include));
            pending.extend(parts.map(|part| tidy(&folder.join(part.get_ref()))));
        }
        Ok(scenario)
    }

    /// Adds the file at a path, or all files of the directory there. What no one wrote yet, the user brings.
    fn take(&mut self, path: &Path) {
        self.files.extend(MANIFESTS.get_file(path).map(|file| (file.path().to_owned(), file.contents())));
        let mut pending: Vec<_> = MANIFESTS.get_dir(path).into_iter().collect();
        while let Some(folder) = pending.pop() {
            self.files.extend(folder.files().map(|file| (file.path().to_owned(), file.contents())));
            pending.extend(folder.dirs());
        }
    }

    /// Writes the manifest to `path` and everything else below its directory.
    ///
    /// What is there and equal stays as it is. Nothing is written where something else is in the way; the manifest is
    /// written last, so anyone who was interrupted can begin again.
    pub fn write(&self, path: &Path) -> Result<(), PlanError> {
        let folder = atomic_file::folder_of(path);
        let mut taken = Vec::new();
        if path.symlink_metadata().is_ok() {
            taken.push(shown(path));
        }
        for (file, content) in &self.files {
            if let Some(found) = in_the_way(folder, file, content) {
                taken.push(shown(&folder.join(found)));
            }
            // The manifest would be in the way of what it names.
            if file.iter().next() == path.file_name() {
                taken.push(shown(path));
            }
        }
        taken.dedup();
        if !taken.is_empty() {
            return Err(PlanError::Taken { taken });
        }
        for (file, content) in &self.files {
            let to = folder.join(file);
            if to.symlink_metadata().is_ok() {
                continue;
            }
            put(&to, content)?;
        }
        put(path, self.manifest.as_bytes())
    }

    /// How many files are written beside the manifest.
    #[must_use]
    pub fn count(&self) -> usize {
        self.files.len()
    }
}

/// The first thing on the way to a file that cannot stay as it is.
fn in_the_way(folder: &Path, file: &Path, content: &[u8]) -> Option<PathBuf> {
    let above = file.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
    for path in above.collect::<Vec<_>>().into_iter().rev() {
        match folder.join(path).symlink_metadata() {
            Ok(found) if !found.is_dir() => return Some(path.to_owned()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
    let to = folder.join(file);
    to.symlink_metadata().ok()?;
    let is_equal = atomic_file::read_bounded(&to, content.len() as u64).is_ok_and(|found| found == content);
    (!is_equal).then(|| file.to_owned())
}

fn put(path: &Path, content: &[u8]) -> Result<(), PlanError> {
    let written = fs::create_dir_all(atomic_file::folder_of(path));
    written
        .and_then(|()| atomic_file::write_new(path, content, 0o644))
        .map_err(|source| PlanError::Write { path: path.to_owned(), source })
}

/// The paths on this machine that the items of a file name.
fn sources(raw: &grammar::Manifest) -> impl Iterator<Item = &str> {
    let images = raw.image.iter().flat_map(|image| [&image.layout, &image.archive]);
    let trees = raw.doc.iter().chain(&raw.config).map(|tree| &tree.path);
    let paths = images.chain(trees).chain(raw.file.iter().map(|file| &file.path));
    paths.flatten().map(|path: &Spanned<String>| path.get_ref().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Manifest, Source};
    use sealift_bundle::value::error_code::Fault as _;

    /// The scenarios of the directory `manifests`; an example and a policy are none.
    fn names() -> Vec<&'static str> {
        let files = MANIFESTS.files().filter(|file| file.path().extension().is_some_and(|one| one == "toml"));
        let names = files.map(|file| file.path().file_stem().unwrap().to_str().unwrap());
        names.filter(|name| !matches!(*name, "example" | "policy")).collect()
    }

    fn all_files(folder: &Path) -> Vec<PathBuf> {
        let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().is_file());
        files.map(|file| file.path().strip_prefix(folder).unwrap().to_owned()).collect()
    }

    #[test]
    fn each_scenario_is_whole_in_an_empty_folder() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests");
        assert_eq!(names().len(), 5);
        for name in names() {
            let scenario = ReferenceScenario::of(name).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("new/mine.toml");
            scenario.write(&path).unwrap();
            let manifest = Manifest::open(&path).unwrap();
            assert_eq!([manifest.scenario.as_str(), manifest.name.as_str()], [name; 2]);
            let variants: Vec<_> = manifest.variants.iter().map(ToString::to_string).collect();
            assert_eq!(scenario.variants, variants);
            let mut named = BTreeSet::from([PathBuf::from("mine.toml"), PathBuf::from(SCHEMA)]);
            for item in &manifest.items {
                let Source::Path { path, .. } = &item.source else { continue };
                let at = folder.path().join("new").join(path);
                assert!(at.exists(), "{name}: `{}` has no `{path}`", item.name);
                let found = if at.is_dir() { all_files(&at) } else { vec![PathBuf::new()] };
                assert!(!found.is_empty(), "{name}: `{path}` is empty");
                named.extend(found.iter().map(|file| Path::new(path).join(file)));
            }
            for file in all_files(&folder.path().join("new")) {
                let is_part = file.starts_with("parts");
                let is_named = named.iter().any(|one| one.components().eq(file.components()));
                assert!(is_part || is_named, "{name}: no one names `{}`", file.display());
                let of =
                    if file == Path::new("mine.toml") { format!("{name}.toml").into() } else { file.clone() };
                let written = fs::read(folder.path().join("new").join(&file)).unwrap();
                assert!(fs::read(here.join(&of)).unwrap() == written, "{} is an old one", of.display());
            }
        }
    }

    #[test]
    fn what_is_there_stays() {
        let scenario = |name: &str| ReferenceScenario::of(name).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        scenario("ddil").write(&at("one.toml")).unwrap();
        // Another scenario with the same parts goes beside it.
        scenario("air-gapped").write(&at("two.toml")).unwrap();
        for (change, said) in [
            ("echo >> one.toml", "one.toml"),
            ("echo >> parts/docs.toml", "parts/docs.toml"),
            ("rm parts/docs.toml && ln -s ../one.toml parts/docs.toml", "parts/docs.toml"),
            ("rm parts/docs.toml && mkdir parts/docs.toml", "parts/docs.toml"),
            ("mv parts elsewhere && ln -s elsewhere parts", "parts"),
            ("rm -r parts && touch parts", "parts"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            scenario("ddil").write(&at("one.toml")).unwrap();
            fs::remove_file(at("schema.json")).unwrap();
            let done =
                std::process::Command::new("sh").args(["-c", change]).current_dir(folder.path()).status();
            assert!(done.unwrap().success());
            let to = if said == "one.toml" { "one.toml" } else { "two.toml" };
            let error = scenario("ddil").write(&at(to)).unwrap_err();
            assert_eq!(error.code().as_str(), "manifest.exists");
            assert!(error.to_string().ends_with(&format!("`{}`", at(said).display())), "{change}: {error}");
            assert!(!at("schema.json").exists() && !at("two.toml").exists(), "{change}");
        }
        for name in ["schema.json", "parts"] {
            let folder = tempfile::tempdir().unwrap();
            let error = scenario("ddil").write(&folder.path().join(name)).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert!(all_files(folder.path()).is_empty());
        }
    }
}
