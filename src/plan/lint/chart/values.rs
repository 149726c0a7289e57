//! Finds the images in the values of a chart.

use crate::lint::document::{DocumentNode, Value};
use crate::lint::expression::TemplateScope;
use crate::lint::image_keys::is_image_key;
use crate::lint::references::{Finder, How, ReferenceParts};
use std::collections::BTreeSet;

/// The parts of an image at a path of the values, each from wherever it is set.
pub(super) fn parts_at(scope: &TemplateScope<'_>, path: &[&str]) -> Option<ReferenceParts> {
    ReferenceParts::from(|key| scope.find(&[path, &[key]].concat()))
}

/// `global.imageRegistry`: the registry of all images of a chart, and of the charts in it.
pub(super) fn registry_of_all<'a>(scope: &TemplateScope<'a>) -> Option<&'a str> {
    let registry = scope.find(&["global", "imageRegistry"])?.text()?;
    (!matches!(registry, "" | "null" | "~")).then_some(registry)
}

/// Images in values that no template was seen to use.
pub(super) struct ValuesWalk<'a, 'b, 'c> {
    pub(super) scope: &'a TemplateScope<'a>,
    pub(super) used: &'a BTreeSet<String>,
    /// Keys that are for charts within, which look at them themselves.
    pub(super) below: &'a [String],
    pub(super) off: Option<&'a str>,
    pub(super) finder: &'b mut Finder<'c>,
}

impl ValuesWalk<'_, '_, '_> {
    pub(super) fn node(&mut self, node: &DocumentNode, path: &mut Vec<String>, in_list: bool) {
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
