//! Reads a packed chart and its subcharts.

use crate::lint::document::{self, DocumentNode};
use crate::lint::numbers::Numbers;
use crate::lint::references::Finder;
use crate::lint::tarball::{self, ArchiveMember};
use sealift_bundle::value::printable::Printable;

/// How deep charts may be nested.
const MAX_DEPTH: usize = 5;
const MAX_CHARTS: usize = 200;

/// A chart with the charts in it.
#[derive(Default)]
pub(super) struct Chart {
    /// Where it is, with a slash at the end.
    pub(super) root: String,
    pub(super) about: Option<DocumentNode>,
    pub(super) values: Option<DocumentNode>,
    /// `requirements.yaml`, where charts of the first version name what they need.
    requirements: Option<DocumentNode>,
    pub(super) files: Vec<(String, String)>,
    pub(super) charts: Vec<Self>,
}

impl Chart {
    /// A text of `Chart.yaml`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.about.as_ref()?.get(key)?.text()
    }

    /// The charts that it says it needs.
    pub(super) fn dependencies(&self) -> impl Iterator<Item = &DocumentNode> {
        let lists = [&self.about, &self.requirements].into_iter().flatten();
        lists.filter_map(|node| node.get("dependencies")).flat_map(DocumentNode::elements)
    }

    /// How the chart above speaks of this one.
    pub(super) fn dependency<'a>(&self, above: &'a Self) -> Option<&'a DocumentNode> {
        above.dependencies().find(|node| node.get("name").and_then(DocumentNode::text) == self.text("name"))
    }

    /// The key of its values in those of the chart above.
    pub(super) fn key(&self, above: &Self) -> String {
        let alias = self.dependency(above).and_then(|node| node.get("alias")).and_then(DocumentNode::text);
        alias.or_else(|| self.text("name")).unwrap_or_default().to_owned()
    }
}

/// Whether a chart is in the archive.
pub(in crate::lint) fn is_chart(bytes: &[u8]) -> bool {
    let is_about = |path: &str| path == "Chart.yaml" || path.ends_with("/Chart.yaml");
    tarball::members(bytes, is_about).is_ok_and(|members| !members.is_empty())
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

pub(super) fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// The charts of an archive, those that lie directly in it first.
pub(super) fn read_charts(bytes: &[u8], depth: usize, finder: &mut Finder<'_>) -> Result<Vec<Chart>, String> {
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
    // The deepest first, so that each file goes to the chart it is in.
    for root in roots.into_iter().rev() {
        let (mine, others): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|member| member.path.starts_with(&root));
        members = others;
        let mut chart = build(root, mine, depth, finder)?;
        // Charts that were built before and are in this one.
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
            chart.charts.extend(read_charts(&bytes, depth + 1, finder)?);
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
