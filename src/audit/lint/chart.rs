//! Helm charts as archives: the images that their values, templates and annotations name.
//!
//! Nothing is rendered. A line `image: ...` of a template is resolved where it is made of plain paths; whatever else it
//! is made of is said, and so is what looks like a reference anywhere else. What a chart leaves out by default (`enabled: false`) is unclear, because the site may turn it on.

mod blocks;

use super::document::{self, DocumentNode, Value};
use super::expression::TemplateScope;
use super::image_keys::{is_image_key, is_image_variable};
use super::numbers::Numbers;
use super::references::{Finder, How, ReferenceParts};
use super::tarball::{self, ArchiveMember};
use blocks::Blocks;
use sealift_bundle::value::printable::Printable;
use std::collections::BTreeSet;

/// How deep charts may lie in charts.
const MAX_DEPTH: usize = 5;
const MAX_CHARTS: usize = 200;
/// Lines of a template that are looked at.
const MAX_LINES: usize = 20_000;

/// A chart with the charts in it.
#[derive(Default)]
struct Chart {
    /// Where it lies, with a slash at the end.
    root: String,
    about: Option<DocumentNode>,
    values: Option<DocumentNode>,
    /// `requirements.yaml`, where charts of the first version name what they need.
    requirements: Option<DocumentNode>,
    files: Vec<(String, String)>,
    charts: Vec<Self>,
}

impl Chart {
    /// A text of `Chart.yaml`.
    fn text(&self, key: &str) -> Option<&str> {
        self.about.as_ref()?.get(key)?.text()
    }

    /// The charts that it says it needs.
    fn dependencies(&self) -> impl Iterator<Item = &DocumentNode> {
        let lists = [&self.about, &self.requirements].into_iter().flatten();
        lists.filter_map(|node| node.get("dependencies")).flat_map(DocumentNode::elements)
    }

    /// How the chart above speaks of this one.
    fn dependency<'a>(&self, above: &'a Self) -> Option<&'a DocumentNode> {
        above.dependencies().find(|node| node.get("name").and_then(DocumentNode::text) == self.text("name"))
    }

    /// The key of its values in those of the chart above.
    fn key(&self, above: &Self) -> String {
        let alias = self.dependency(above).and_then(|node| node.get("alias")).and_then(DocumentNode::text);
        alias.or_else(|| self.text("name")).unwrap_or_default().to_owned()
    }
}

/// Whether a chart lies in the archive.
pub(super) fn is_chart(bytes: &[u8]) -> bool {
    let is_about = |path: &str| path == "Chart.yaml" || path.ends_with("/Chart.yaml");
    tarball::members(bytes, is_about).is_ok_and(|members| !members.is_empty())
}

/// Finds the images of a packed chart, and the charts that it lacks. An archive without a chart is unclear.
pub(super) fn find(bytes: &[u8], finder: &mut Finder<'_>) {
    let archive = finder.path.clone();
    match read(bytes, 0, finder) {
        Ok(charts) if charts.is_empty() => finder.unclear("", None, "no `Chart.yaml` is in it"),
        Ok(charts) => {
            for chart in &charts {
                look(chart, &archive, &Above::default(), finder);
            }
        }
        Err(reason) => finder.unclear("", None, &Printable(reason).to_string()),
    }
    finder.path = archive;
}

fn is_wanted(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let inside = path.contains("/templates/") || path.contains("/crds/");
    match ending(path) {
        "yaml" | "yml" | "tpl" | "json" => {
            inside || matches!(name, "Chart.yaml" | "values.yaml" | "requirements.yaml")
        }
        "tgz" => path.contains("/charts/"),
        _ => false,
    }
}

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// The charts of an archive, those that lie directly in it first.
fn read(bytes: &[u8], depth: usize, finder: &mut Finder<'_>) -> Result<Vec<Chart>, String> {
    if depth > MAX_DEPTH {
        return Err("charts lie in charts too deep".to_owned());
    }
    let mut members = tarball::members(bytes, is_wanted)?;
    let mut roots: Vec<String> = members
        .iter()
        .filter_map(|member| member.path.strip_suffix("Chart.yaml"))
        .map(str::to_owned)
        .collect();
    roots.retain(|root| root.is_empty() || root.ends_with('/'));
    roots.sort();
    roots.dedup();
    if roots.len() > MAX_CHARTS || roots.iter().any(|root| root.matches("charts/").count() > MAX_DEPTH) {
        return Err("it holds too many charts, or charts too deep in charts".to_owned());
    }
    let mut charts: Vec<Chart> = Vec::new();
    // The deepest first, so that each file goes to the chart it lies in.
    for root in roots.into_iter().rev() {
        let (mine, others): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|member| member.path.starts_with(&root));
        members = others;
        let mut chart = build(root, mine, depth, finder)?;
        // Charts that were built before and lie in this one.
        let (inside, outside): (Vec<_>, Vec<_>) =
            charts.into_iter().partition(|other| other.root.starts_with(&chart.root));
        chart.charts.extend(inside);
        charts = outside;
        charts.push(chart);
    }
    Ok(charts)
}

fn build(
    root: String,
    members: Vec<ArchiveMember>,
    depth: usize,
    finder: &mut Finder<'_>,
) -> Result<Chart, String> {
    let mut chart = Chart { root, ..Chart::default() };
    for ArchiveMember { path, bytes } in members {
        let Some(bytes) = bytes else {
            finder.unclear(&path, None, "the file is larger than is read");
            continue;
        };
        let below = path.strip_prefix(&chart.root).unwrap_or(&path);
        if ending(below) == "tgz" {
            chart.charts.extend(read(&bytes, depth + 1, finder)?);
            continue;
        }
        let Ok(text) = String::from_utf8(bytes) else {
            finder.unclear(&path, None, "the file is not text");
            continue;
        };
        let slot = match below {
            "Chart.yaml" => &mut chart.about,
            "values.yaml" => &mut chart.values,
            "requirements.yaml" => &mut chart.requirements,
            _ => {
                chart.files.push((path, text));
                continue;
            }
        };
        let numbers = if below == "values.yaml" { Numbers::Values } else { Numbers::Metadata };
        match document::yaml_with(&text, numbers) {
            Ok(mut documents) if !documents.is_empty() => *slot = Some(documents.swap_remove(0)),
            Ok(_) => {}
            Err(reason) => finder.unclear(&path, None, &Printable(reason).to_string()),
        }
    }
    Ok(chart)
}

/// What the charts above a chart hand down.
#[derive(Default, Clone)]
struct Above<'a> {
    values: Vec<&'a DocumentNode>,
    globals: Vec<&'a DocumentNode>,
    /// Why the chart may not be used at all.
    off: Option<String>,
    /// Whether there is a chart above.
    is_within: bool,
}

fn look(chart: &Chart, archive: &str, above: &Above<'_>, finder: &mut Finder<'_>) {
    let text = |key: &str| chart.text(key).map(str::to_owned);
    let mut values = above.values.clone();
    values.extend(&chart.values);
    let mut globals = above.globals.clone();
    globals.extend(chart.values.as_ref().and_then(|values| values.get("global")));
    let scope = TemplateScope {
        values,
        globals,
        app_version: text("appVersion"),
        version: text("version"),
        name: text("name"),
    };

    let mut used = BTreeSet::new();
    for (path, content) in &chart.files {
        finder.path = format!("{archive}!{path}");
        if path.contains("/crds/") && !content.contains("{{") {
            definitions(content, finder);
        } else {
            template(path, content, &scope, above.off.as_deref(), &mut used, finder);
        }
    }
    finder.path = format!("{archive}!{}values.yaml", chart.root);
    let keys: Vec<_> = chart.charts.iter().map(|below| below.key(chart)).collect();
    if let Some(values) = &chart.values {
        let off = above.off.as_deref();
        let mut walk = ValuesWalk { scope: &scope, used: &used, below: &keys, off, finder };
        walk.node(values, &mut Vec::new(), false);
    }
    finder.path = format!("{archive}!{}Chart.yaml", chart.root);
    annotations(chart, finder);
    lacking(chart, above.is_within, finder);

    for below in &chart.charts {
        let key = below.key(chart);
        let handed = scope.values.iter().filter_map(|values| values.get(&key)).collect();
        let condition =
            below.dependency(chart).and_then(|node| node.get("condition")).and_then(DocumentNode::text);
        let off = condition.filter(|condition| is_off(condition, &scope)).map(off_by_default);
        let above = Above {
            values: handed,
            globals: scope.globals.clone(),
            off: above.off.clone().or(off),
            is_within: true,
        };
        look(below, archive, &above, finder);
    }
}

/// Charts that a chart names and that do not lie in it.
///
/// Helm refuses the outermost chart for each, whether or not a condition turns it off (`CheckDependencies`). For a chart
/// within, it does not look, and goes without.
fn lacking(chart: &Chart, is_within: bool, finder: &mut Finder<'_>) {
    for needed in chart.dependencies() {
        let Some(name) = needed.get("name").filter(|name| name.text().is_some()) else { continue };
        if chart.charts.iter().any(|below| below.text("name") == name.text()) {
            continue;
        }
        let text = name.text().unwrap_or_default();
        if is_within {
            finder.unclear(
                text,
                name.line,
                "it is a chart that this chart names and that does not lie in it",
            );
        } else {
            finder.lacks_chart(text, name.line);
        }
    }
}

/// True where the first of the paths of a condition that is set says no.
fn is_off(condition: &str, scope: &TemplateScope<'_>) -> bool {
    let set = condition.split(',').find_map(|path| scope.find(&path.trim().split('.').collect::<Vec<_>>()));
    set.and_then(DocumentNode::text) == Some("false")
}

fn off_by_default(what: &str) -> String {
    format!("it is used only where `{}` is set, which it is not by default", Printable(what))
}

/// Resource definitions: their schemas may have defaults that are images.
fn definitions(content: &str, finder: &mut Finder<'_>) {
    match document::yaml(content) {
        Ok(documents) => documents.iter().for_each(|node| finder.resource(node, &How::Named)),
        Err(reason) => finder.unclear("", None, &Printable(reason).to_string()),
    }
}

/// `artifacthub.io/images`: YAML in a text.
fn annotations(chart: &Chart, finder: &mut Finder<'_>) {
    let annotations = chart.about.as_ref().and_then(|about| about.get("annotations"));
    let Some(node) = annotations.and_then(|node| node.get("artifacthub.io/images")) else { return };
    match document::yaml(node.text().unwrap_or_default()) {
        Ok(lists) => {
            for image in lists.iter().flat_map(DocumentNode::elements).filter_map(|entry| entry.get("image"))
            {
                finder.add(image.text().unwrap_or_default(), node.line, &How::Named);
            }
        }
        Err(reason) => finder.unclear("artifacthub.io/images", node.line, &Printable(reason).to_string()),
    }
}

/// A template, line by line.
fn template(
    path: &str,
    content: &str,
    scope: &TemplateScope<'_>,
    off: Option<&str>,
    used: &mut BTreeSet<String>,
    finder: &mut Finder<'_>,
) {
    let is_test = path.contains("/tests/")
        || content.lines().any(|line| line.contains("helm.sh/hook") && line.contains("test"));
    let mut blocks = Blocks::default();
    let mut image_of_environment = false;
    let mut image_continues = false;
    let is_helper = ending(path) == "tpl";
    for (line, text) in (1..).zip(content.lines().take(MAX_LINES)) {
        blocks.read(text, scope);
        let found = entry(text, "image").or_else(|| entry(text, "imageName")).or_else(|| in_flow(text));
        // `image:`, and its value on a line of its own.
        let is_blank = text.trim().is_empty() || text.trim_start().starts_with('#');
        let continued = if image_continues {
            Some(text.trim()).filter(|text| !text.contains(": ") && !text.ends_with(':'))
        } else {
            None
        };
        image_continues =
            found.is_some_and(|raw| raw.is_empty() || is_folded(raw)) || (image_continues && is_blank);
        let found = found.filter(|raw| !is_folded(raw)).or(continued.filter(|_| !is_blank));
        // `name: RELATED_IMAGE_X`, and its value on the next line.
        let value = entry(text, "value").filter(|_| image_of_environment);
        image_of_environment = entry(text, "name").is_some_and(|name| is_image_variable(unquoted(name)));
        let how = || match (is_test, off.map(str::to_owned).or_else(|| blocks.off())) {
            (true, _) => How::Test,
            (false, Some(reason)) => How::Unclear(reason),
            (false, None) => How::Named,
        };
        let Some(raw) = found.or(value).map(unquoted).filter(|raw| !raw.is_empty()) else {
            if !is_blank {
                finder.probable(text, line, &how());
            }
            continue;
        };
        if is_helper && found.is_some() && !raw.contains('/') && !raw.contains("{{") {
            continue;
        }
        let mut paths = Vec::new();
        match resolve(raw, scope, &mut paths) {
            Ok(reference) => {
                used.extend(paths);
                finder.add(&reference, line, &how());
            }
            Err(reason) => finder.unclear(raw, line, &format!("{} is not understood", Printable(reason))),
        }
    }
    if content.lines().count() > MAX_LINES {
        finder.unclear("", None, "the template has more lines than are read");
    }
}

/// The value of a key on a line of YAML.
fn entry<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let line = line.trim_start().trim_start_matches("- ").trim_start();
    let rest =
        line.strip_prefix(key).or_else(|| line.strip_prefix('"')?.strip_prefix(key)?.strip_prefix('"'))?;
    rest.trim_start().strip_prefix(':').map(str::trim)
}

/// The value of `image` in a map on one line, in YAML or JSON: `- {name: n, image: "x:1"}`.
fn in_flow(line: &str) -> Option<&str> {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("image") {
        rest = after;
        let before = before.trim_end_matches(['"', '\'']).trim_end();
        let value = after.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':').map(str::trim_start);
        let Some(value) = value.filter(|_| before.ends_with(['{', ',']) && !before.ends_with("{{")) else {
            continue;
        };
        return Some(first_value(value));
    }
    None
}

/// A value in a map on one line: quoted, or to the comma or brace behind it, holes left whole.
fn first_value(value: &str) -> &str {
    if let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        let end = value.get(1..).and_then(|rest| rest.find(quote)).map(|at| at + 2);
        return end.and_then(|end| value.get(..end)).unwrap_or(value);
    }
    let (mut depth, mut end) = (0_usize, value.len());
    for (at, character) in value.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    value.get(..end).unwrap_or(value).trim_end()
}

/// `>-` and `|`: the value is on the next line.
fn is_folded(raw: &str) -> bool {
    matches!(raw, ">" | ">-" | ">+" | "|" | "|-" | "|+")
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote) {
            return inner.rfind(quote).and_then(|end| inner.get(..end)).unwrap_or(inner);
        }
    }
    value.split(" #").next().unwrap_or_default().trim()
}

fn resolve(raw: &str, scope: &TemplateScope<'_>, used: &mut Vec<String>) -> Result<String, String> {
    if let Some(root) = image_root(raw) {
        let path: Vec<_> = root.split('.').collect();
        let parts = parts_at(scope, &path).ok_or_else(|| format!("the image at `{root}`"))?;
        used.push(format!("{root}.repository"));
        let registry = registry_of_all(scope);
        return parts
            .joined(registry, scope.app_version.as_deref())
            .ok_or_else(|| format!("the tag at `{root}`"));
    }
    scope.render(raw, used)
}

/// The parts of an image at a path of the values, each from wherever it is set.
fn parts_at(scope: &TemplateScope<'_>, path: &[&str]) -> Option<ReferenceParts> {
    ReferenceParts::from(|key| scope.find(&[path, &[key]].concat()))
}

/// `global.imageRegistry`: the registry of all images of a chart, and of the charts in it.
fn registry_of_all<'a>(scope: &TemplateScope<'a>) -> Option<&'a str> {
    let registry = scope.find(&["global", "imageRegistry"])?.text()?;
    (!matches!(registry, "" | "null" | "~")).then_some(registry)
}

/// The values behind `include "common.images.image" (dict "imageRoot" .Values.image ...)`.
fn image_root(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix("{{")?.strip_suffix("}}")?.trim_matches('-').trim();
    let (_, rest) = inner.strip_prefix("include")?.split_once("\"imageRoot\"")?;
    let path = rest.trim_start().strip_prefix("$").unwrap_or(rest.trim_start()).strip_prefix(".Values.")?;
    path.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).next()
}

/// Images in values that no template was seen to use.
struct ValuesWalk<'a, 'b, 'c> {
    scope: &'a TemplateScope<'a>,
    used: &'a BTreeSet<String>,
    /// Keys that are for charts within, which look at them themselves.
    below: &'a [String],
    off: Option<&'a str>,
    finder: &'b mut Finder<'c>,
}

impl ValuesWalk<'_, '_, '_> {
    fn node(&mut self, node: &DocumentNode, path: &mut Vec<String>, in_list: bool) {
        let how = self.off.map_or(How::Named, |reason| How::Unclear(reason.to_owned()));
        let keys: Vec<_> = path.iter().map(String::as_str).collect();
        // Within a list a path leads nowhere.
        let parts = ReferenceParts::of(node)
            .and_then(|own| if in_list { Some(own) } else { parts_at(self.scope, &keys) });
        if let Some(parts) = &parts
            && !self.is_used(&keys, &["repository", "image", "registry"])
        {
            if let Some(reference) = parts.joined(registry_of_all(self.scope), None) {
                self.finder.add(&reference, node.line, &how);
            } else {
                let reason = "no tag is set, and no template was understood that uses it";
                self.finder.unclear(&parts.repository, node.line, reason);
            }
        }
        for (key, below) in node.entries() {
            if path.is_empty() && self.below.contains(key) {
                continue;
            }
            path.push(key.clone());
            match &below.value {
                Value::Text(text) if is_image_key(key) || key.ends_with("Image") => {
                    // Beside a tag it is a part, which was looked at as a whole.
                    let is_whole = parts.is_none() && text.contains(['/', ':']);
                    let keys: Vec<_> = path.iter().map(String::as_str).collect();
                    if is_whole && !self.is_used(&keys, &[]) {
                        self.finder.add(text, below.line, &how);
                    }
                }
                Value::Text(text) => self.finder.probable(text, below.line, &how),
                _ => self.node(below, path, in_list),
            }
            path.pop();
        }
        for element in node.elements() {
            if let Some(text) = element.text() {
                self.finder.probable(text, element.line, &how);
            }
            self.node(element, path, true);
        }
    }

    /// True where a template uses the value, or one of these keys of it.
    fn is_used(&self, path: &[&str], keys: &[&str]) -> bool {
        let path = path.join(".");
        self.used.contains(&path) || keys.iter().any(|key| self.used.contains(&format!("{path}.{key}")))
    }
}

#[cfg(test)]
mod tests;
