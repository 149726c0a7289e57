//! Finds the images that a chart template references. Nothing is rendered: it is read line by line.

use super::archive::ending;
use super::blocks::Blocks;
use super::values::{parts_at, registry_of_all};
use crate::lint::expression::TemplateScope;
use crate::lint::image_keys::is_image_variable;
use crate::lint::references::{Finder, How};
use sealift_bundle::value::printable::Printable;
use std::collections::BTreeSet;

/// Lines of a template that are looked at.
const MAX_LINES: usize = 20_000;

/// Finds the images of one template; adds to `used` the paths of the values that it uses for them.
pub(super) fn find_in_template(
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

/// The values behind `include "common.images.image" (dict "imageRoot" .Values.image ...)`.
fn image_root(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix("{{")?.strip_suffix("}}")?.trim_matches('-').trim();
    let (_, rest) = inner.strip_prefix("include")?.split_once("\"imageRoot\"")?;
    let path = rest.trim_start().strip_prefix("$").unwrap_or(rest.trim_start()).strip_prefix(".Values.")?;
    path.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).next()
}
