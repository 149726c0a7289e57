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
                _ => format!("it is no template that can be filled in: {error}"),
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
mod tests {
    use super::*;
    use crate::bundle::needs::{Needs, Parameter};
    use crate::site::parameters::Given;
    use crate::value::format::Format;

    fn renderer() -> Renderer {
        let parameter = |name: &str, value: &str| Parameter {
            name: name.parse().unwrap(),
            description: "x".into(),
            format: Format::Text,
            choices: Vec::new(),
            default: Some(value.into()),
        };
        let parameters = vec![parameter("mode", "on"), parameter("site-url", "https://c.example/?a=1&b=2")];
        let needs = Needs { parameters, secrets: Vec::new() };
        let given = Given::of_site(std::path::Path::new("/nowhere")).unwrap();
        let values = Values::resolve(&needs, &given).unwrap();
        Renderer::new(values, Some(&"office-1".parse().unwrap())).unwrap()
    }

    fn filled(text: &str) -> Result<String, String> {
        // As small as the stacks of the threads on which templates are filled.
        let text = text.to_owned();
        let work = move || {
            let made = renderer().render(&"app".parse().unwrap(), "a.conf", text.into_bytes());
            made.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.to_string())
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
    }

    #[test]
    fn templates_are_filled_and_nothing_around_them_changes() {
        for (template, made) in [
            ("url = {{ site_url }}\n", "url = https://c.example/?a=1&b=2\n"),
            ("no newline {{ mode }}", "no newline on"),
            ("a\r\n{{ mode }}\r\n\r\n", "a\r\non\r\n\r\n"),
            ("{{ mode }}\n\n\n", "on\n\n\n"),
            ("<a href='{{ site_url }}'>", "<a href='https://c.example/?a=1&b=2'>"),
            ("{% if mode == \"on\" %}yes{% else %}no{% endif %}", "yes"),
            ("{% raw %}{{ left_alone }}{% endraw %}", "{{ left_alone }}"),
            ("{# a note #}x", "x"),
            ("{{ site }}", "office-1"),
            ("{% set two = mode ~ mode %}{{ two }}", "onon"),
            ("", ""),
            ("\u{feff}x\n", "\u{feff}x\n"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(made), "{template}");
        }
    }

    #[test]
    fn what_is_no_text_is_copied() {
        let renderer = renderer();
        let item = "app".parse().unwrap();
        let made = renderer.render(&item, "logo.png", b"\xff{{ mode }}".to_vec()).unwrap();
        assert_eq!(made, b"\xff{{ mode }}");
        renderer.render(&item, "a", b"{{ mode }}".to_vec()).unwrap();
        let rendering = renderer.finish();
        assert_eq!(rendering.items(), [RenderedItem { item, files: 1, copied: 1 }]);
        let record = rendering.record().unwrap();
        assert_eq!((record.count, record.files.len(), record.list), (2, 2, None));
        assert_eq!(record.files[0].path, "app/a");
        assert_eq!(record.files[0].sha256, Digest::of(b"on"));
    }

    #[test]
    fn many_files_are_one_digest_in_the_journal() {
        let renderer = renderer();
        for number in 0..=NAMED {
            renderer.render(&"app".parse().unwrap(), &format!("{number:04}"), b"x".to_vec()).unwrap();
        }
        let record = renderer.finish().record().unwrap();
        assert_eq!((record.count, record.files.len()), (201, 0));
        assert!(record.list.is_some());
    }

    #[test]
    fn names_that_nobody_declared_are_refused_with_their_line() {
        for (template, said) in [
            ("one\ntwo {{ regsitry }}\n", "`app/a.conf`, line 2: it names `regsitry`"),
            ("\n{% if mode == 'off' %}\n{{ other }}\n{% endif %}", "line 3: it names `other`"),
            ("range\n{% for x in range(3) %}{% endfor %}", "line 2: it names `range`"),
            ("{{ namespace(a=1) }}", "line 1: it names `namespace`"),
            ("{{ debug() }}", "line 1: it names `debug`"),
            ("{{ env.HOME }}", "line 1: it names `env`"),
            ("{{ self }}", "line 1: "),
            ("{{ mode.real }}", "line 1: "),
            ("{{ mode", "line 1: a tag has braces in it, or no end"),
            ("a\n{% if mode %}", "line 2: it is no template"),
            ("a\n{{ {'b': 1} }}", "line 2: a tag has braces in it"),
        ] {
            let error = filled(template).unwrap_err();
            assert!(error.contains(said), "{template}: {error}");
        }
    }

    #[test]
    fn nothing_is_read_and_nothing_is_called() {
        for template in [
            "{% include '/etc/passwd' %}",
            "{% include 'a.conf' %}",
            "{% extends 'base' %}",
            "{% import 'x' as x %}",
            "{% from 'x' import y %}",
            "{% block a %}{% endblock %}",
            "{% macro a() %}{% endmacro %}",
            "{{ mode | tojson }}",
            "{{ mode | replace('o', 'x') }}",
            "{{ mode.__class__ }}",
            "{{ mode.upper() }}",
            "{% do mode %}",
        ] {
            let error = filled(template).unwrap_err();
            assert!(error.contains("`app/a.conf`"), "{template}: {error}");
        }
    }

    /// L10: whatever a template says, it ends soon and takes little memory.
    #[test]
    fn bombs_do_not_go_off() {
        let loops = |deep: usize| {
            let many = "x".repeat(400);
            let open: String = (0..deep).map(|n| format!("{{% for c{n} in '{many}' %}}")).collect();
            format!("{open}y{}", "{% endfor %}".repeat(deep))
        };
        let doubled = format!("{{% set a = 'xxxxxxxx' %}}{}{{{{ a }}}}", "{% set a = a ~ a %}".repeat(60));
        let captured = format!(
            "{{% set a %}}xxxxxxxx{{% endset %}}{}{{{{ a }}}}",
            "{% set a %}{{ a }}{{ a }}{% endset %}".repeat(60)
        );
        let folded = "{{ 'aaaaaaaaaa' * 9999999 }}".repeat(1000);
        let large = format!("{}{}", "z".repeat(1 << 20), "{{ 'a' * 4000000 }}");
        let recursive = "{% for x in 'a' recursive %}{{ loop('a') }}{% endfor %}".to_owned();
        let deep = |open: &str, close: &str, count: usize| {
            format!("{{{{ {}1{} }}}}", open.repeat(count), close.repeat(count))
        };
        let nested = format!("{}{}", "{% if 1 %}".repeat(50_000), "{% endif %}".repeat(50_000));
        for (case, template) in [
            ("loops", loops(4)),
            ("doubled", doubled),
            ("captured", captured),
            ("folded", folded),
            ("large", large),
            ("recursive", recursive),
            ("parentheses", deep("(", ")", 100_000)),
            ("lists", deep("[", "]", 100_000)),
            ("minus", deep("-", "", 100_000)),
            ("not", deep("not ", "", 100_000)),
            ("nested", nested),
            ("elif", format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(50_000))),
            ("sum", deep("1+", "", 100_000)),
            ("filters", deep("", "|safe", 100_000)),
            ("attributes", deep("", ".a", 100_000)),
            ("items", deep("", "[0]", 100_000)),
            ("compared", deep("1<", "", 100_000)),
            ("otherwise", deep("1 if 1 else ", "", 100_000)),
            ("power", "{{ 9 ** 9 ** 9 ** 9 }}".to_owned()),
            ("product", "{{ [1] * 99999999999 }}".to_owned()),
        ] {
            let begun = std::time::Instant::now();
            let error = filled(&template).err();
            let took = begun.elapsed();
            println!("{case}: {took:?}, {}", error.clone().unwrap_or_default());
            assert!(took < std::time::Duration::from_secs(20), "{case} took {took:?}");
            assert!(error.is_some(), "{case} was rendered");
        }
        // As deep as a tag can make it, in as many tags as there can be around it.
        let deepest = ["-", "not ", "1+", "(", "[", "a if a else "].map(|part| part.repeat(480 / part.len()));
        for part in
            deepest.iter().flat_map(|part| [format!("{{{{ {part}mode }}}}"), format!("{{% if {part} 1 %}}")])
        {
            let _ = filled(&format!("{}{part}", "{% if mode %}".repeat(140)));
        }
        assert_eq!(filled(&"{{ mode }}".repeat(50_000)).map(|made| made.len()), Ok(100_000));
    }

    #[test]
    fn all_templates_together_have_a_ceiling() {
        let renderer = renderer();
        let item: Name = "app".parse().unwrap();
        let template = "{{ 'a' * 4000000 }}".to_owned().into_bytes();
        let outcomes: Vec<_> =
            (0..20).map(|n| renderer.render(&item, &n.to_string(), template.clone())).collect();
        assert!(outcomes[0].is_ok() && outcomes[15].is_ok());
        let error = outcomes[19].as_ref().unwrap_err().to_string();
        assert!(error.contains("the templates make more than"), "{error}");
    }

    #[test]
    fn two_parameters_of_one_name_are_refused() {
        let parameter = |name: &str| Parameter {
            name: name.parse().unwrap(),
            description: "x".into(),
            format: Format::Word,
            choices: Vec::new(),
            default: Some("v".into()),
        };
        let needs = Needs { parameters: vec![parameter("a-b"), parameter("a_b")], secrets: Vec::new() };
        let given = Given::of_site(std::path::Path::new("/nowhere")).unwrap();
        let values = Values::resolve(&needs, &given).unwrap();
        assert!(Renderer::new(values, None).is_err());
    }
}
