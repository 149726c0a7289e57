//! Templates: the texts of a configuration that a site fills with its parameters.
//!
//! A template can name parameters and decide by them. It cannot name a file, another template, a function or the clock,
//! and it cannot go on for ever.

mod tags;

use crate::value::name::Name;
use crate::value::printable::Printable;
use crate::value::size::ByteSize;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of the largest file of an item with templates.
pub const TEMPLATE: u64 = 1 << 20;
/// Bytes of the largest file that a template makes.
pub const OUTPUT: usize = 4 << 20;
/// Work that any template may do, in units of the engine: an instruction, or 64 bytes of text that are made. Each byte
/// of a template adds one, which is more than its expressions need.
const FUEL: u64 = 200_000;
/// How deep a template may call itself. The engine's own 500 do not fit the stack of a thread.
const DEPTH: usize = 32;

/// Why a template cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The line, from 1 on, where one is known.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub reason: String,
    /// The name it has and nobody declared.
    pub unknown: Option<String>,
}

impl Objection {
    fn new(line: Option<usize>, reason: String) -> Self {
        Self { line, reason, unknown: None }
    }
}

/// Fills templates with values.
pub struct Engine {
    environment: Environment<'static>,
    /// What templates may name.
    known: BTreeSet<String>,
}

impl Engine {
    /// With these values; `site` is what the site is called, where there is one.
    pub fn new(values: &BTreeMap<Name, String>, site: Option<&Name>) -> Result<Self, Objection> {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A value cannot leave its place: its format sees to that, in every syntax there is.
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_recursion_limit(DEPTH);
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| Objection::new(None, error.to_string()))?);
        let mut known = BTreeSet::new();
        if let Some(site) = site {
            environment.add_global("site", site.as_str().to_owned());
            known.insert("site".to_owned());
        }
        let mut taken = BTreeSet::new();
        for (name, value) in values {
            let variable = variable(name);
            if !taken.insert(variable.clone()) {
                let reason = format!("two of its parameters are called `{variable}` in templates");
                return Err(Objection::new(None, reason));
            }
            environment.add_global(variable.clone(), value.clone());
            known.insert(variable);
        }
        Ok(Self { environment, known })
    }

    /// The text with everything filled in.
    pub fn fill(&self, text: &str) -> Result<String, Objection> {
        let failed = |error: &minijinja::Error| {
            let reason = match error.kind() {
                ErrorKind::OutOfFuel => "it does more than a template may do".to_owned(),
                kind => {
                    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
                    format!("it is no template that can be filled in: {kind}{}", Printable(detail))
                }
            };
            Objection::new(error.line(), reason)
        };
        tags::check(text).map_err(|(line, reason)| Objection::new(Some(line), reason))?;
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
            return Err(Objection {
                unknown: Some(name.clone()),
                ..Objection::new(line_with(text, name), reason)
            });
        }
        let made = template.render(()).map_err(|error| failed(&error))?;
        if made.len() > OUTPUT {
            let reason = format!("it makes {}, and the ceiling is {}", size(made.len()), size(OUTPUT));
            return Err(Objection::new(None, reason));
        }
        Ok(made)
    }
}

/// What a parameter is called in templates, where `-` and `.` mean something else.
fn variable(name: &Name) -> String {
    name.as_str().replace(['-', '.'], "_")
}

fn size(bytes: usize) -> ByteSize {
    ByteSize(bytes as u64)
}

/// The first line that has this word, and rather one with a brace: the engine does not say where it saw it.
fn line_with(text: &str, word: &str) -> Option<usize> {
    let has = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|one| one == word);
    let at = |braces: bool| text.lines().position(|line| has(line) && (!braces || line.contains('{')));
    at(true).or_else(|| at(false)).map(|at| at + 1)
}
