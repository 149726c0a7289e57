//! Rendering: the templates of a bundle, filled with the values of a site.
//!
//! A template can name parameters and decide by them. It cannot name a file, another template, a function or the clock,
//! and it cannot go on for ever. What it makes lies beside the original, at `rendered/ITEM/PATH`.

mod tags;

use super::SiteError;
use super::parameters::Values;
use crate::value::canonical;
use crate::value::digest::Digest;
use crate::value::name::Name;
use crate::value::printable::Printable;
use crate::value::size::ByteSize;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Bytes of the largest file of an item with templates.
pub(super) const TEMPLATE: u64 = 1 << 20;
/// Bytes of the largest file that a template makes.
const OUTPUT: usize = 4 << 20;
/// Bytes that all templates of a bundle together may make beyond their own.
const GROWTH: u64 = 64 << 20;
/// Work that any template may do, in units of the engine: an instruction, or 64 bytes of text that are made. Each byte
/// of a template adds one, which is more than its expressions need.
const FUEL: u64 = 200_000;
/// How deep a template may call itself. The engine's own 500 do not fit the stack of a thread.
const DEPTH: usize = 32;
/// Files that the journal names one by one.
const NAMED: usize = 200;

/// A file that was written beneath `rendered`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// The item.
    pub item: Name,
    /// Where it lies beneath `rendered`: item and path.
    pub path: String,
    /// The digest of what was written.
    pub sha256: Digest,
    /// Whether it is no text, and was copied as it is.
    pub is_copy: bool,
}

/// All that was written beneath `rendered`.
#[derive(Debug, Clone)]
pub struct Rendering {
    /// The values it was filled with.
    pub values: Values,
    /// The files, by path.
    pub files: Vec<Written>,
}

/// What the journal says about a rendering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rendered {
    /// The digest of the values.
    pub parameters: Digest,
    /// The values.
    pub values: BTreeMap<Name, String>,
    /// How many files there are.
    pub count: u64,
    /// The files by path; left out where there are more than 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<RenderedFile>,
    /// The digest of that list as canonical JSON, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<Digest>,
}

/// A rendered file in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderedFile {
    /// Where it lies beneath `rendered`: item and path.
    pub path: String,
    /// The digest of its content.
    #[serde(with = "crate::value::digest::bare")]
    pub sha256: Digest,
}

/// How much of an item was rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenderedItem {
    /// The item.
    pub item: Name,
    /// Files that were rendered.
    pub files: u64,
    /// Files that are no text, and were copied as they are.
    pub copied: u64,
}

impl Rendering {
    /// What the journal says about it: each file where there are few, else their digest alone.
    pub fn record(&self) -> Result<Rendered, SiteError> {
        let file = |file: &Written| RenderedFile { path: file.path.clone(), sha256: file.sha256 };
        let mut files: Vec<_> = self.files.iter().map(file).collect();
        let count = files.len() as u64;
        let mut list = None;
        if files.len() > NAMED {
            let bytes = canonical::encode(&files)
                .map_err(|error| SiteError::StateDamaged { reason: error.to_string() })?;
            list = Some(Digest::of(&bytes));
            files.clear();
        }
        let (parameters, values) = (self.values.digest(), self.values.by_name().clone());
        Ok(Rendered { parameters, values, count, files, list })
    }

    /// The same by item.
    #[must_use]
    pub fn items(&self) -> Vec<RenderedItem> {
        let mut items: BTreeMap<&Name, RenderedItem> = BTreeMap::new();
        for file in &self.files {
            let item = items.entry(&file.item).or_insert_with(|| RenderedItem {
                item: file.item.clone(),
                files: 0,
                copied: 0,
            });
            *(if file.is_copy { &mut item.copied } else { &mut item.files }) += 1;
        }
        items.into_values().collect()
    }
}

/// Fills templates with the values of one site.
pub(super) struct Renderer {
    environment: Environment<'static>,
    /// What templates may name.
    known: BTreeSet<String>,
    values: Values,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    files: Vec<Written>,
    growth: u64,
}

impl Renderer {
    /// With these values; `site` is what the site is called, where there is one.
    pub(super) fn new(values: Values, site: Option<&Name>) -> Result<Self, SiteError> {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A value cannot leave its place: its format sees to that, in every syntax there is.
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_recursion_limit(DEPTH);
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| wrong("the templates", None, error.to_string()))?);
        let mut known = BTreeSet::new();
        if let Some(site) = site {
            environment.add_global("site", site.as_str().to_owned());
            known.insert("site".to_owned());
        }
        let mut taken = BTreeSet::new();
        for (name, value) in values.by_name() {
            let variable = variable(name);
            if !taken.insert(variable.clone()) {
                let reason = format!("two of its parameters are called `{variable}` in templates");
                return Err(wrong("the bundle", None, reason));
            }
            environment.add_global(variable.clone(), value.clone());
            known.insert(variable);
        }
        Ok(Self { environment, known, values, done: Mutex::default() })
    }

    /// What is to be written for a file of a template item: a text filled in, anything else as it is.
    pub(super) fn render(&self, item: &Name, path: &str, original: Vec<u8>) -> Result<Vec<u8>, SiteError> {
        let file = format!("{item}/{path}");
        let had = original.len() as u64;
        let (made, is_copy) = match String::from_utf8(original) {
            Ok(text) => (self.fill(&file, &text)?.into_bytes(), false),
            Err(error) => (error.into_bytes(), true),
        };
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.growth = done.growth.saturating_add((made.len() as u64).saturating_sub(had));
        if done.growth > GROWTH {
            let reason = format!("the templates make more than {} of text", ByteSize(GROWTH));
            return Err(wrong(&file, None, reason));
        }
        done.files.push(Written { item: item.clone(), path: file, sha256: Digest::of(&made), is_copy });
        Ok(made)
    }

    fn fill(&self, file: &str, text: &str) -> Result<String, SiteError> {
        let failed = |error: &minijinja::Error| {
            let reason = match error.kind() {
                ErrorKind::OutOfFuel => "it does more than a template may do".to_owned(),
                kind => {
                    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
                    format!("it is no template that can be filled in: {kind}{}", Printable(detail))
                }
            };
            wrong(file, error.line(), reason)
        };
        tags::check(text).map_err(|(line, reason)| wrong(file, Some(line), reason))?;
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL.saturating_add(text.len() as u64)));
        let template =
            environment.template_from_named_str("template", text).map_err(|error| failed(&error))?;
        // Also in parts that these values do not reach: what fails at one site has to fail at each.
        let named: BTreeSet<_> = template.undeclared_variables(false).into_iter().collect();
        if let Some(name) = named.difference(&self.known).next() {
            let reason = match name.as_str() {
                "site" => "it names `site`, and only a site has a name: install it there".to_owned(),
                name => format!("it names `{}`, and the bundle has no such parameter", Printable(name)),
            };
            return Err(wrong(file, line_with(text, name), reason));
        }
        let made = template.render(()).map_err(|error| failed(&error))?;
        if made.len() > OUTPUT {
            let reason = format!("it makes {}, and the ceiling is {}", size(made.len()), size(OUTPUT));
            return Err(wrong(file, None, reason));
        }
        Ok(made)
    }

    /// All that was rendered.
    pub(super) fn finish(&self) -> Rendering {
        let mut files = std::mem::take(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner).files);
        files.sort();
        Rendering { values: self.values.clone(), files }
    }
}

/// What a parameter is called in templates, where `-` and `.` mean something else.
fn variable(name: &Name) -> String {
    name.as_str().replace(['-', '.'], "_")
}

fn size(bytes: usize) -> ByteSize {
    ByteSize(bytes as u64)
}

pub(super) fn wrong(file: &str, line: Option<usize>, reason: String) -> SiteError {
    SiteError::Rendering { file: file.to_owned(), line, reason }
}

/// The first line that has this word, and rather one with a brace: the engine does not say where it saw it.
fn line_with(text: &str, word: &str) -> Option<usize> {
    let has = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|one| one == word);
    let at = |braces: bool| text.lines().position(|line| has(line) && (!braces || line.contains('{')));
    at(true).or_else(|| at(false)).map(|at| at + 1)
}

#[cfg(test)]
mod tests;
