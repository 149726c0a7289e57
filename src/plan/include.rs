//! Reads a manifest with the parts that it includes.

use super::diagnostic::Diagnostic;
use super::error::{PlanError, shown};
use super::grammar::{self, Tables};
use super::manifest::{Manifest, ManifestAudience, ManifestItem, Scoped};
use super::parse::{KnownNames, Text};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::site_inputs::{Parameter, SiteSecret};
use sealift_bundle::value::digest::{Digest, Hasher};
use sealift_bundle::value::name::Name;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use toml::Spanned;

/// Files of the longest composition; parts that include parts that include parts end somewhere.
const FILES: usize = 256;

/// A file of a composition.
struct IncludedFile {
    /// What drawings of mistakes call it.
    file: String,
    text: String,
    /// Its directory, as seen from the directory of the manifest; empty for that directory itself.
    folder: PathBuf,
    raw: grammar::Manifest,
}

impl IncludedFile {
    fn text(&self) -> Text<'_> {
        Text { file: &self.file, text: &self.text, folder: &self.folder, is_part: self.raw.part.is_some() }
    }
}

/// Reads a manifest whose text is known, and its parts from below `folder`.
pub(super) fn compose(text: &str, file: &str, folder: &Path) -> Result<Manifest, PlanError> {
    let files = load(text, file, folder)?;
    let Some(main) = files.first() else { unreachable!("the manifest itself is always loaded") };
    let head = main.text();
    let Some(bundle) = &main.raw.bundle else {
        let (place, title, help) = if let Some(part) = &main.raw.part {
            let help = "name the manifest that includes it, which begins with `[bundle]`";
            (part.description.span(), "this is a part of manifests, and no manifest", help)
        } else {
            let help = "begin with `[bundle]` and its `name`, `scenario` and `version`";
            (0..0, "missing field `bundle`", help)
        };
        let drawing = head.draw(place, title).help(Some(help.to_owned()));
        return Err(PlanError::Item(Box::new(drawing)));
    };
    let mut known = KnownNames { variants: head.words(&bundle.variants)?, ..KnownNames::default() };
    let features = declared(&files, |raw| &raw.feature, "feature")?;
    let audiences = declared(&files, |raw| &raw.audience, "audience")?;
    known.features = features.keys().cloned().collect();
    known.audiences = audiences.keys().cloned().collect();
    known.items = item_names(&files)?;
    let mut manifest = Manifest {
        name: head.word(&bundle.name)?,
        scenario: head.word(&bundle.scenario)?,
        version: head.word(&bundle.version)?,
        expires: bundle.expires.as_ref().map(|expires| head.word(expires)).transpose()?,
        sequence: bundle.sequence.as_ref().map(|sequence| head.sequence(sequence)).transpose()?,
        variants: known.variants.clone(),
        platforms: head.words(&bundle.platforms)?,
        egress: bundle.egress.iter().map(|host| head.egress(host)).collect::<Result<_, _>>()?,
        features: BTreeMap::new(),
        audiences: BTreeMap::new(),
        parameters: parameters(&files, &known)?,
        secrets: secrets(&files, &known)?,
        constraints: Vec::new(),
        accepts: Vec::new(),
        items: Vec::new(),
        digest: digest(&files),
    };
    for (name, (text, feature)) in features {
        manifest.features.insert(name, text.feature(feature, &known)?);
    }
    let mut withholds = HashMap::new();
    for (name, (text, audience)) in audiences {
        withholds.insert(name.clone(), text.item_names(&audience.withholds, &known)?);
        manifest.audiences.insert(name, text.audience(audience)?);
    }
    for loaded in &files {
        let text = loaded.text();
        manifest.items.extend(items(text, &loaded.raw, &known)?);
        for constraint in &loaded.raw.constraint {
            manifest.constraints.push(text.constraint(constraint, &known)?);
        }
        for accept in &loaded.raw.accept {
            manifest.accepts.push(text.accept(accept)?);
        }
    }
    manifest.items.sort_by_key(|item| item.kind);
    for item in &mut manifest.items {
        withhold(item, &manifest.audiences, &withholds);
    }
    if manifest.items.is_empty() {
        let help = "add a table `[[image]]`, `[[doc]]`, `[[config]]` or `[[file]]`".to_owned();
        let drawing = head.draw(bundle.name.span(), "the manifest lists no item");
        return Err(PlanError::Item(Box::new(drawing.help(Some(help)))));
    }
    Ok(manifest)
}

/// An item that an audience withholds is for all the others.
fn withhold(
    item: &mut ManifestItem,
    audiences: &BTreeMap<Name, ManifestAudience>,
    withholds: &HashMap<Name, Vec<Name>>,
) {
    let withheld = |audience: &Name| withholds.get(audience).is_some_and(|items| items.contains(&item.name));
    if audiences.keys().any(withheld) {
        let all = || audiences.keys().cloned().collect();
        let mut allowed = item.labels.audience.clone().unwrap_or_else(all);
        allowed.retain(|audience| !withheld(audience));
        item.labels.audience = Some(allowed);
    }
}

/// The text of the manifest, and where there are parts, their names and texts too.
fn digest(files: &[IncludedFile]) -> Digest {
    let mut hasher = Hasher::new();
    for (number, loaded) in files.iter().enumerate() {
        if number > 0 {
            let name = loaded.folder.join(Path::new(&loaded.file).file_name().unwrap_or_default());
            hasher.update(format!("\0{}\0", name.display()).as_bytes());
        }
        hasher.update(loaded.text.as_bytes());
    }
    hasher.finish()
}

/// The manifest first, then each part where it is included first.
fn load(text: &str, file: &str, folder: &Path) -> Result<Vec<IncludedFile>, PlanError> {
    let mut files = Vec::new();
    let mut open = Vec::new();
    let mut known = HashSet::new();
    let main = parse(text.to_owned(), file.to_owned(), PathBuf::new())?;
    include(main, folder, &mut open, &mut known, &mut files)?;
    Ok(files)
}

fn parse(text: String, file: String, folder: PathBuf) -> Result<IncludedFile, PlanError> {
    let raw = Text { folder: &folder, ..Text::of(&file, &text) }.parse()?;
    Ok(IncludedFile { file, text, folder, raw })
}

fn include(
    loaded: IncludedFile,
    base: &Path,
    open: &mut Vec<PathBuf>,
    known: &mut HashSet<PathBuf>,
    files: &mut Vec<IncludedFile>,
) -> Result<(), PlanError> {
    let listed: &[Spanned<String>] = match (&loaded.raw.bundle, &loaded.raw.part) {
        (Some(bundle), None) => &bundle.include,
        (None, Some(part)) => &part.include,
        (Some(_), Some(part)) => {
            let title = "a file is a manifest or a part of manifests, and not both";
            let help = "take out `[part]`, or move `[bundle]` into a manifest that includes this file";
            return Err(loaded.text().item(&part.description.span(), title, help));
        }
        (None, None) => &[],
    };
    let mut parts = Vec::new();
    for word in listed {
        let path = tidy(Path::new(&loaded.text().path(word)?));
        let wrong = |title: String, help: &str| Err(loaded.text().item(&word.span(), &title, help));
        if open.contains(&path) {
            return wrong(
                "this part includes itself, by way of others".to_owned(),
                "take out one of the includes",
            );
        }
        if known.len() >= FILES {
            return wrong(format!("more than {FILES} parts are included"), "put parts together");
        }
        if !known.insert(path.clone()) {
            continue;
        }
        let at = base.join(&path);
        let text = match fs::read_to_string(&at) {
            Ok(text) => text,
            Err(error) => {
                return wrong(
                    format!("the part cannot be read: {error}"),
                    "correct the path; it is relative to this file",
                );
            }
        };
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let part = parse(text, shown(&at), folder)?;
        match (&part.raw.part, &part.raw.bundle) {
            (Some(_), None) => {}
            (_, Some(bundle)) => {
                let help = "include parts only, which begin with `[part]`";
                return Err(part.text().item(&bundle.name.span(), "a manifest cannot be included", help));
            }
            (None, None) => {
                let help = "begin it with `[part]` and a `description`";
                return Err(part.text().item(&(0..0), "a part begins with `[part]`", help));
            }
        }
        parts.push((path, part));
    }
    files.push(loaded);
    for (path, part) in parts {
        open.push(path);
        include(part, base, open, known, files)?;
        open.pop();
    }
    Ok(())
}

/// `parts/../config` is `config`.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            Component::ParentDir | Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                tidy.push(component);
            }
        }
    }
    tidy
}

type Declared<'a, T> = BTreeMap<Name, (Text<'a>, &'a T)>;

/// Tables with a name each, over all files.
fn declared<'a, T>(
    files: &'a [IncludedFile],
    tables: impl Fn(&'a grammar::Manifest) -> &'a Tables<T>,
    what: &str,
) -> Result<Declared<'a, T>, PlanError> {
    let mut found: Declared<'a, T> = BTreeMap::new();
    for loaded in files {
        let text = loaded.text();
        for (word, table) in tables(&loaded.raw) {
            let name: Name = text.word(word)?;
            if let Some((other, _)) = found.get(&name) {
                let title = format!("the {what} `{name}` is described in `{}` already", other.file);
                return Err(text.duplicate(&word.span(), &title, "describe it in one place"));
            }
            found.insert(name, (text, table));
        }
    }
    Ok(found)
}

fn parameters(files: &[IncludedFile], known: &KnownNames) -> Result<Vec<Scoped<Parameter>>, PlanError> {
    let mut all = Vec::new();
    for (name, (text, parameter)) in declared(files, |raw| &raw.parameter, "parameter")? {
        all.push(text.parameter(name, parameter, known)?);
    }
    Ok(all)
}

fn secrets(files: &[IncludedFile], known: &KnownNames) -> Result<Vec<Scoped<SiteSecret>>, PlanError> {
    let mut all: BTreeMap<Name, Scoped<SiteSecret>> = BTreeMap::new();
    for loaded in files {
        let text = loaded.text();
        for secret in &loaded.raw.secret {
            let scoped = text.secret(secret, known)?;
            let name = scoped.what.name.clone();
            if let Some(other) = all.insert(name.clone(), scoped) {
                let title = format!("the secret `{name}` is described in `{}` already", other.spot.file);
                return Err(text.duplicate(&secret.name.span(), &title, "describe it in one place"));
            }
        }
    }
    Ok(all.into_values().collect())
}

/// The names of all items, of which no two are equal.
fn item_names(files: &[IncludedFile]) -> Result<HashSet<Name>, PlanError> {
    let mut places: HashMap<Name, (usize, Range<usize>)> = HashMap::new();
    for (number, loaded) in files.iter().enumerate() {
        let (text, raw) = (loaded.text(), &loaded.raw);
        let trees = raw.doc.iter().chain(&raw.config).map(|tree| &tree.name);
        let names = raw.image.iter().map(|image| &image.name).chain(trees);
        for word in names.chain(raw.file.iter().map(|file| &file.name)) {
            let name: Name = text.word(word)?;
            let Some((other, first)) = places.insert(name.clone(), (number, word.span())) else { continue };
            let title = format!("two items are called `{name}`");
            let drawing = match files.get(other) {
                Some(one) if other != number => {
                    text.draw(word.span(), &format!("{title}; the first one is in `{}`", one.file))
                }
                _ => Diagnostic::with_earlier(
                    text.file,
                    text.text,
                    word.span(),
                    &title,
                    Some((first, "the first one")),
                ),
            };
            let help = "give one of them another `name`".to_owned();
            return Err(PlanError::Duplicate(Box::new(drawing.help(Some(help)))));
        }
    }
    Ok(places.into_keys().collect())
}

fn items(
    text: Text<'_>,
    raw: &grammar::Manifest,
    known: &KnownNames,
) -> Result<Vec<ManifestItem>, PlanError> {
    let mut items = Vec::new();
    for image in &raw.image {
        items.push(text.listed(ItemKind::Image, image.common(), text.image(image)?, known)?);
    }
    for tree in &raw.doc {
        if let Some(template) = &tree.template {
            let help = "take it out, or make the item a `[[config]]`";
            return Err(text.item(&template.span(), "`template` belongs to configurations", help));
        }
        items.push(text.listed(ItemKind::Doc, tree.common(), text.tree(tree)?, known)?);
    }
    for tree in &raw.config {
        let mut item = text.listed(ItemKind::Config, tree.common(), text.tree(tree)?, known)?;
        item.labels.template = tree.template.as_ref().is_some_and(|template| *template.get_ref());
        items.push(item);
    }
    for file in &raw.file {
        let mut item = text.listed(ItemKind::File, file.common(), text.file(file)?, known)?;
        item.labels.file_kind = file.kind.as_ref().map(|word| text.file_kind(word)).transpose()?;
        items.push(item);
    }
    Ok(items)
}
