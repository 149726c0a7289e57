//! Renders the templates of a configuration with the parameters of a site.
//!
//! A template can use parameters in text and conditions. It cannot name a file, another template, a function or the
//! clock, and it always ends: `tags` rejects what the engine would do without counting it, the engine counts the
//! rest, and rendering runs on a thread that is abandoned after ten seconds.

mod run;
mod tags;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use sealift_bundle::value::name::Name;
use sealift_bundle::value::progress::Progress;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of the largest file of an item with templates.
pub const TEMPLATE: u64 = 1 << 20;
/// Bytes of the largest file that a template makes.
pub(crate) const OUTPUT: usize = 4 << 20;
/// Work that any template may do, in units of the engine: an instruction, or 64 bytes of text that are made. Each byte
/// of a template adds one, which is more than its expressions need.
const FUEL: u64 = 200_000;
/// How deep a template may call itself. The engine's own 500 do not fit the stack of a thread.
const DEPTH: usize = 32;

/// Why a template cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateObjection {
    /// The line, from 1 on, where one is known.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub reason: String,
    /// The name it has and no one declared.
    pub unknown: Option<String>,
}

impl TemplateObjection {
    fn new(line: Option<usize>, reason: String) -> Self {
        Self { line, reason, unknown: None }
    }
}

/// Fills templates with values.
pub struct TemplateEngine {
    environment: Environment<'static>,
    /// What templates may name.
    known: BTreeSet<String>,
}

impl TemplateEngine {
    /// With these values; `site` is what the site is called, where there is one.
    pub fn new(values: &BTreeMap<Name, String>, site: Option<&Name>) -> Result<Self, TemplateObjection> {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A value cannot leave its place: its format sees to that, in every syntax there is.
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_recursion_limit(DEPTH);
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| TemplateObjection::new(None, error.to_string()))?);
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
                return Err(TemplateObjection::new(None, reason));
            }
            environment.add_global(variable.clone(), value.clone());
            known.insert(variable);
        }
        Ok(Self { environment, known })
    }

    /// The text with everything filled in, unless `watch` is stopped meanwhile.
    pub fn fill(&self, text: &str, watch: &dyn Progress) -> Result<String, Unfilled> {
        tags::check(text)
            .map_err(|(line, reason)| Unfilled::Refused(TemplateObjection::new(Some(line), reason)))?;
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL.saturating_add(text.len() as u64)));
        run::run(run::RenderJob { environment, known: self.known.clone(), text: text.to_owned() }, watch)
    }
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfilled {
    /// The template is wrong.
    Refused(TemplateObjection),
    /// Someone wants the work to stop.
    Interrupted,
}

impl From<TemplateObjection> for Unfilled {
    fn from(objection: TemplateObjection) -> Self {
        Self::Refused(objection)
    }
}

/// What a parameter is called in templates, where `-` and `.` mean something else.
fn variable(name: &Name) -> String {
    name.as_str().replace(['-', '.'], "_")
}
