//! Helm charts as archives: the images that their values, templates and annotations name.
//!
//! Nothing is rendered. A line `image: ...` of a template is resolved where it is made of plain paths; whatever else it
//! is made of is said, and so is what looks like a reference anywhere else. What a chart leaves out by default
//! (`enabled: false`) is unclear, because the site may turn it on.
//!
//! `archive` reads a chart and those in it, `template` and `values` find the images.

mod archive;
mod blocks;
mod template;
mod values;

pub(super) use archive::is_chart;

use super::document::{self, DocumentNode};
use super::expression::TemplateScope;
use super::references::{Finder, How};
use archive::{Chart, read_charts};
use blocks::off_by_default;
use sealift_bundle::value::printable::Printable;
use std::collections::BTreeSet;
use template::find_in_template;
use values::ValuesWalk;

/// Finds the images of a packed chart, and the charts that it lacks. An archive without a chart is unclear.
pub(super) fn find(bytes: &[u8], finder: &mut Finder<'_>) {
    let archive = finder.path.clone();
    match read_charts(bytes, 0, finder) {
        Ok(charts) if charts.is_empty() => finder.unclear("", None, "no `Chart.yaml` is in it"),
        Ok(charts) => {
            for chart in &charts {
                find_in_chart(chart, &archive, &Above::default(), finder);
            }
        }
        Err(reason) => finder.unclear("", None, &Printable(reason).to_string()),
    }
    finder.path = archive;
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

fn find_in_chart(chart: &Chart, archive: &str, above: &Above<'_>, finder: &mut Finder<'_>) {
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
            find_in_template(path, content, &scope, above.off.as_deref(), &mut used, finder);
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
        find_in_chart(below, archive, &above, finder);
    }
}

/// Charts that a chart names and that are not in it.
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

#[cfg(test)]
mod tests;
