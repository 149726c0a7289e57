//! Image references in compose files, Kubernetes and operator resources, environments and Helm charts.

mod parts;
mod reference_text;

pub(super) use parts::ReferenceParts;
pub(crate) use reference_text::below_site;
pub(crate) use reference_text::{Variables, normalised};

use super::chart;
use super::document::{self, DocumentNode, Value};
use super::holes::{HOLE, filled, restored};
use super::image_keys::{OperatorResource, is_image_by_name, is_image_key, names_image, operator_resource};
use super::numbers::Numbers;
use super::probable;
use super::settings::{self, SettingsFormat};
use reference_text::interpolated;
use sealift_audit::finding::FindingPlace;
use sealift_audit::finding::LintFile;
use sealift_bundle::value::printable::Printable;
use serde::Serialize;
use std::collections::BTreeSet;

/// An image that a file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Mention {
    /// The reference with registry and tag, as `docker.io/library/nginx:latest` for `nginx`; of an image in the site's
    /// registry only what follows the registry; of an unclear one the text, made safe to show.
    pub reference: String,
    /// True where a hole stands for the registry: `{{ registry }}/mattermost/x:1`.
    pub site: bool,
    /// Where it stands.
    pub place: FindingPlace,
    /// How sure it is.
    pub how: How,
}

/// How an image is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum How {
    /// It is used.
    Named,
    /// Only a test of a chart uses it.
    Test,
    /// It is not known which one, or whether it is used; the reason is safe to show.
    Unclear(String),
    /// It is not an image: a chart of this name that a chart needs and does not hold.
    Chart,
}

/// Why a text that looks like a reference is no more than that.
const PROBABLE: &str = "the text looks like an image reference, and what reads it is not known";
/// How deep texts in texts are read as documents.
const TEXTS: usize = 3;

/// The variables of an environment file, for the compose files beside it.
#[must_use]
pub(crate) fn variables(file: &LintFile<'_>) -> Variables {
    let text = sealift_audit::secrets::text_of(file.bytes).unwrap_or_default();
    if SettingsFormat::of(file, &text) != SettingsFormat::Environment {
        return Variables::new();
    }
    let settings = settings::of(SettingsFormat::Environment, &text).unwrap_or_default();
    settings.into_iter().map(|setting| (setting.name().to_owned(), setting.value)).collect()
}

/// Every image that a file names, sorted, each once. A file of another kind names none; one that cannot be read gives
/// one mention that is unclear.
#[must_use]
pub(crate) fn mentions(file: &LintFile<'_>, variables: &Variables) -> Vec<Mention> {
    let mut found =
        Finder { variables, path: file.path.to_owned(), found: Vec::new(), within: None, depth: 0 };
    if file.is_gzip() {
        chart::find(file.bytes, &mut found);
    } else if let Some(text) = sealift_audit::secrets::text_of(file.bytes) {
        match SettingsFormat::of(file, &text) {
            form @ (SettingsFormat::Yaml | SettingsFormat::Json) => found.document(form, &text),
            form @ (SettingsFormat::Toml | SettingsFormat::Environment | SettingsFormat::Ini) => {
                found.settings(form, &text);
                found.lines(&text);
            }
            SettingsFormat::Nginx | SettingsFormat::Caddy | SettingsFormat::Other => {}
        }
    }
    let mut found = found.found;
    found.sort();
    found.dedup();
    // What is known to be an image needs no guess beside it.
    let is_probable = |mention: &Mention| matches!(&mention.how, How::Unclear(reason) if reason == PROBABLE);
    let known: BTreeSet<_> = found.iter().filter(|mention| !is_probable(mention)).cloned().collect();
    let is_known = |mention: &Mention| {
        known.iter().any(|one| (&one.reference, &one.place) == (&mention.reference, &mention.place))
    };
    found.retain(|mention| !is_probable(mention) || !is_known(mention));
    found
}

/// Whether an archive is a packed chart.
#[must_use]
pub(crate) fn is_chart(bytes: &[u8]) -> bool {
    super::tarball::is_gzip(bytes) && chart::is_chart(bytes)
}

/// Collects mentions in one file.
pub(super) struct Finder<'a> {
    variables: &'a Variables,
    pub(super) path: String,
    pub(super) found: Vec<Mention>,
    /// The line of the text that a document is in.
    within: Option<u32>,
    depth: usize,
}

impl Finder<'_> {
    fn place(&self, line: impl Into<Option<u32>>) -> FindingPlace {
        FindingPlace::new(&self.path, self.within.or(line.into()))
    }

    /// A text that nothing says is an image: a document within a text, or references in a text.
    pub(super) fn probable(&mut self, text: &str, line: u32, how: &How) {
        let is_document = text.contains('\n') || text.trim_start().starts_with(['{', '[']);
        if is_document
            && self.depth < TEXTS
            && text.contains("mage")
            && let Ok(documents) = document::yaml_with(text, Numbers::Values)
            && documents.iter().any(|node| node.text().is_none())
        {
            let outer = self.within;
            self.within = outer.or(Some(line));
            self.depth += 1;
            for node in &documents {
                self.resource(node, how);
            }
            self.depth -= 1;
            self.within = outer;
            return;
        }
        let how = match how {
            How::Test => How::Test,
            _ => How::Unclear(PROBABLE.to_owned()),
        };
        for reference in probable::references(text) {
            let place = self.place(line);
            self.found.push(Mention { reference, site: false, place, how: how.clone() });
        }
    }

    /// References in the lines of a script, a unit or a file of settings.
    fn lines(&mut self, text: &str) {
        for (line, text) in (1..).zip(text.lines()) {
            if !text.trim_start().starts_with(['#', ';']) {
                self.probable(text, line, &How::Named);
            }
        }
    }

    /// A reference as a file has it.
    pub(super) fn add(&mut self, text: &str, line: u32, how: &How) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let place = self.place(line);
        let full = match interpolated(text, self.variables) {
            Ok(full) => full,
            Err(variable) => {
                let reason = format!("the variable `{}` is set elsewhere", Printable(variable));
                return self.unclear(text, line, &reason);
            }
        };
        let (reference, site) = match (below_site(&full), normalised(&full)) {
            (Some(reference), _) => (reference, true),
            (None, _) if full.contains(HOLE) => {
                return self.unclear(text, line, "a parameter decides which image it is");
            }
            (None, Some(reference)) => (reference, false),
            (None, None) => return self.unclear(text, line, "it is not an image reference"),
        };
        self.found.push(Mention { reference, site, place, how: how.clone() });
    }

    /// A chart that the outermost chart of an archive needs and does not hold.
    pub(super) fn lacks_chart(&mut self, name: &str, line: u32) {
        let shown: String = name.chars().take(200).collect();
        let (reference, place) = (Printable(shown).to_string(), self.place(line));
        self.found.push(Mention { reference, site: false, place, how: How::Chart });
    }

    /// Something that names an image, and it is not known which.
    pub(super) fn unclear(&mut self, text: &str, line: impl Into<Option<u32>>, reason: &str) {
        let shown: String = restored(text).chars().take(200).collect();
        self.found.push(Mention {
            reference: Printable(shown).to_string(),
            site: false,
            place: self.place(line),
            how: How::Unclear(reason.to_owned()),
        });
    }

    fn document(&mut self, form: SettingsFormat, text: &str) {
        let text = filled(text);
        let documents = match form {
            SettingsFormat::Json => document::json(&text).map(|node| vec![node]),
            _ => document::yaml_with(&text, Numbers::Values),
        };
        match documents {
            Ok(documents) => documents.iter().for_each(|node| self.resource(node, &How::Named)),
            Err(reason) => self.unclear("", None, &Printable(reason).to_string()),
        }
    }

    fn settings(&mut self, form: SettingsFormat, text: &str) {
        for setting in settings::of(form, text).unwrap_or_default() {
            let name = setting.name();
            let names = name.eq_ignore_ascii_case("image") || names_image(name, &setting.value);
            if names {
                self.add(&setting.value, setting.line, &How::Named);
            }
        }
    }

    /// A document: what its kind says first, then whatever its keys name.
    pub(super) fn resource(&mut self, node: &DocumentNode, how: &How) {
        let kind = node.get("kind").and_then(DocumentNode::text).unwrap_or_default();
        let group = node.get("apiVersion").and_then(DocumentNode::text).unwrap_or_default();
        match operator_resource(group, kind) {
            Some(resource) => self.operator(resource, node, how),
            None => self.walk(node, how),
        }
    }

    /// The resource of an operator: `spec.image` and `spec.version`, a tag or a digest.
    fn operator(&mut self, resource: &OperatorResource, node: &DocumentNode, how: &How) {
        let Some(spec) = node.get("spec") else { return };
        let text = |key: &str| spec.get(key).and_then(DocumentNode::text).filter(|text| !text.is_empty());
        let image = text("image").unwrap_or(&resource.image);
        let line = spec.get("version").or_else(|| spec.get("image")).unwrap_or(spec).line;
        match text("version") {
            Some(digest) if digest.starts_with("sha256:") => {
                self.add(&format!("{image}@{digest}"), line, how);
            }
            Some(tag) => self.add(&format!("{image}:{tag}"), line, how),
            None => self.unclear(image, line, "`spec.version` is not set, so the operator decides"),
        }
        for (key, below) in spec.entries() {
            if key != "image" {
                self.walk(below, how);
            }
        }
    }

    /// Images in a tree: `image` and its kin, environments that name images, and maps of the parts of a reference.
    fn walk(&mut self, node: &DocumentNode, how: &How) {
        if let Some(text) = node.text() {
            return self.probable(text, node.line, how);
        }
        self.split(node, how);
        if let (Some(name), Some(value)) = (node.get("name").and_then(DocumentNode::text), node.get("value"))
            && let Some(text) = value.text()
            && names_image(name, text)
        {
            self.add(text, value.line, how);
        }
        for element in node.elements() {
            if let Some((name, text)) = element.text().and_then(|text| text.split_once('='))
                && names_image(name, text)
            {
                self.add(text, element.line, how);
            }
            self.walk(element, how);
        }
        for (key, below) in node.entries() {
            match (is_image_key(key), &below.value) {
                (true, Value::Text(text)) if !matches!(text.as_str(), "" | "null" | "~") => {
                    self.add(text, below.line, how);
                }
                (false, Value::Text(text)) if names_image(key, text) => self.add(text, below.line, how),
                (false, Value::Text(text)) if is_image_by_name(key, text) => {
                    self.add(text, below.line, &unless_test(how));
                }
                (true, Value::Map(_)) => self.parts(below, how),
                _ => self.walk(below, how),
            }
        }
    }

    /// A reference in parts where no key says `image`: `repository` beside `tag`, `imageRepository` beside `imageTag`.
    fn split(&mut self, node: &DocumentNode, how: &How) {
        for (key, repository) in node.entries() {
            let Some((front, repository_text)) = key
                .strip_suffix("epository")
                .and_then(|front| front.strip_suffix(['r', 'R']))
                .zip(repository.text().filter(|text| !text.is_empty() && !text.contains("://")))
            else {
                continue;
            };
            let beside = |word: &str| {
                let names = [format!("{front}{word}"), format!("{front}{}", word.to_ascii_lowercase())];
                names
                    .iter()
                    .find_map(|name| node.get(name))
                    .and_then(DocumentNode::text)
                    .filter(|text| !text.is_empty())
            };
            let (tag, digest, registry) = (beside("Tag"), beside("Digest"), beside("Registry"));
            if tag.is_none() && digest.is_none() {
                continue;
            }
            let text = |text: Option<&str>| text.map(str::to_owned);
            let parts = ReferenceParts {
                registry: text(registry),
                repository: repository_text.to_owned(),
                tag: text(tag),
                digest: text(digest),
            };
            if let Some(reference) = parts.joined(None, None) {
                self.add(&reference, repository.line, &unless_test(how));
            }
        }
    }

    /// A map below `image`: parts of a reference, or the schema of one with its default.
    fn parts(&mut self, node: &DocumentNode, how: &How) {
        if let Some(parts) = ReferenceParts::of(node).or_else(|| ReferenceParts::named(node)) {
            match parts.joined(None, None) {
                Some(reference) => self.add(&reference, node.line, how),
                None => self.unclear(&parts.repository, node.line, "no tag is set, so what uses it decides"),
            }
        } else if let Some(text) =
            node.get("default").and_then(DocumentNode::text).filter(|_| node.get("type").is_some())
        {
            self.add(text, node.line, how);
        } else {
            self.walk(node, how);
        }
    }
}

/// How something counts that is an image only by the look of its name.
fn unless_test(how: &How) -> How {
    match how {
        How::Test => How::Test,
        _ => How::Unclear(PROBABLE.to_owned()),
    }
}

#[cfg(test)]
mod tests;
