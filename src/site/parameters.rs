//! The parameters file of a site, which can set only what a bundle declares.

use super::SiteError;
use sealift_bundle::format::atomic_file;
use sealift_bundle::format::site_inputs::{Parameter, SiteInputs};
use sealift_bundle::value::canonical;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::format::Format;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::suggestion::did_you_mean;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// How the name of a site's file of parameters ends; before it stands the scenario.
const FILE: &str = "parameters.toml";

/// Bytes of the largest file of parameters.
const MAX_BYTES: u64 = 64 << 10;

/// What a file of parameters says, before anybody has compared it with a bundle.
#[derive(Debug, Clone)]
pub struct Given {
    path: PathBuf,
    /// Text and line by name.
    values: BTreeMap<String, (String, usize)>,
}

impl Given {
    /// Reads a file of parameters: flat TOML, `name = "text"`.
    pub fn read(path: &Path) -> Result<Self, SiteError> {
        Self::try_read(path).map_err(|source| SiteError::ParametersRead {
            path: path.to_owned(),
            is_link: path.symlink_metadata().is_ok_and(|found| found.is_symlink()),
            source,
        })?
    }

    /// Reads what a site says to the bundles of a scenario; where there is no such file, it sets nothing.
    pub fn of_site(site: &Path, scenario: &Name) -> Result<Self, SiteError> {
        let path = site.join(format!("{scenario}.{FILE}"));
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self { path, values: BTreeMap::new() })
            }
            _ => Self::read(&path),
        }
    }

    /// The outer error is about the file, the inner one about what it says.
    fn try_read(path: &Path) -> io::Result<Result<Self, SiteError>> {
        let bytes = atomic_file::read_bounded(path, MAX_BYTES)?;
        let wrong = |wrong: Vec<String>| Err(SiteError::Parameters { path: path.to_owned(), wrong });
        if bytes.len() as u64 > MAX_BYTES {
            return Ok(wrong(vec![format!("it has more than {MAX_BYTES} bytes")]));
        }
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let line = line_of(&bytes, error.valid_up_to());
                return Ok(wrong(vec![format!("line {line}: it is not UTF-8")]));
            }
        };
        Ok(match parse(text) {
            Ok(values) => Ok(Self { path: path.to_owned(), values }),
            Err(found) => wrong(found),
        })
    }
}

/// The texts of a file with their lines; or all that is wrong with it.
fn parse(text: &str) -> Result<BTreeMap<String, (String, usize)>, Vec<String>> {
    let line = |at: usize| line_of(text.as_bytes(), at);
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map(|span| format!("line {}: ", line(span.start))).unwrap_or_default();
        vec![format!("{place}{}", Printable(error.message()))]
    })?;
    let mut values = BTreeMap::new();
    let mut wrong = Vec::new();
    for (key, value) in table.get_ref() {
        let (name, at) = (key.get_ref().to_string(), line(key.span().start));
        let found = match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            // A port is written without quotes by everybody once.
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
            DeValue::Integer(_) => Err("a number that is not decimal"),
            DeValue::Float(_) => Err("a fraction"),
            DeValue::Boolean(_) => Err("true or false"),
            DeValue::Datetime(_) => Err("a date"),
            DeValue::Array(_) | DeValue::Table(_) => {
                wrong.push(format!(
                    "line {at}: `{}` holds several values: a parameter is one text, and the file is flat",
                    Printable(&name)
                ));
                continue;
            }
        };
        match found {
            Ok(text) => {
                values.insert(name, (text, at));
            }
            Err(what) => {
                wrong.push(format!("line {at}: `{}` is {what}: write it in quotes", Printable(&name)));
            }
        }
    }
    if wrong.is_empty() { Ok(values) } else { Err(wrong) }
}

fn line_of(text: &[u8], at: usize) -> usize {
    text.iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// A value for each parameter of a bundle, each of its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    by_name: BTreeMap<Name, String>,
    digest: Digest,
}

impl Values {
    /// Takes what is given, and what the bundle says where nothing is.
    ///
    /// A name that the bundle does not declare is refused, and so is a value without its format; all that is missing
    /// is said at once.
    pub fn resolve(needs: &SiteInputs, given: &Given) -> Result<Self, SiteError> {
        let wrong = wrong(needs, given);
        if !wrong.is_empty() {
            return Err(SiteError::Parameters { path: given.path.clone(), wrong });
        }
        let mut by_name = BTreeMap::new();
        let mut missing = Vec::new();
        for parameter in &needs.parameters {
            let set = given.values.get(parameter.name.as_str()).map(|(text, _)| text);
            match set.or(parameter.default.as_ref()) {
                Some(text) => drop(by_name.insert(parameter.name.clone(), text.clone())),
                None => missing.push(asked_for(parameter)),
            }
        }
        if !missing.is_empty() {
            return Err(SiteError::ParametersMissing { path: given.path.clone(), missing });
        }
        let bytes = canonical::encode(&by_name)
            .map_err(|error| SiteError::StateDamaged { reason: error.to_string() })?;
        Ok(Self { by_name, digest: Digest::of(&bytes) })
    }

    /// Each value by its name.
    #[must_use]
    pub fn by_name(&self) -> &BTreeMap<Name, String> {
        &self.by_name
    }

    /// What tells these values from others; nothing where the bundle asks for none.
    #[must_use]
    pub fn mark(&self) -> Option<Digest> {
        (!self.by_name.is_empty()).then_some(self.digest)
    }

    /// SHA-256 of the values as canonical JSON: one object, its keys ascending.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// What is given and cannot be taken. Values are not repeated: someone may have put a secret there.
fn wrong(needs: &SiteInputs, given: &Given) -> Vec<String> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (name, (text, line)) in &given.values {
        let shown = Printable(name);
        let Some(parameter) = needs.parameters.iter().find(|one| one.name.as_str() == name) else {
            let is_secret = needs.secrets.iter().any(|secret| secret.name.as_str() == name);
            let known = needs.parameters.iter().map(|one| one.name.as_str());
            let more = match did_you_mean(name, known) {
                _ if is_secret => {
                    "; it is a secret, and a secret is never written here: put it where its description says"
                        .to_owned()
                }
                Some(question) => format!("; {question}"),
                None => String::new(),
            };
            lines.push((*line, format!("line {line}: the bundle has no parameter `{shown}`{more}")));
            continue;
        };
        if !parameter.format.fits(text, &parameter.choices) {
            lines.push((*line, format!("line {line}: `{shown}` has to be {}", looks_like(parameter))));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, text)| text).collect()
}

fn looks_like(parameter: &Parameter) -> String {
    match parameter.format {
        Format::Choice => {
            let choices: Vec<_> = parameter.choices.iter().map(|choice| format!("`{choice}`")).collect();
            format!("one of {}", choices.join(", "))
        }
        format => format.looks_like().to_owned(),
    }
}

/// A parameter that is not set, as lines for the file.
fn asked_for(parameter: &Parameter) -> String {
    let name = parameter.name.as_str();
    // A bare key of TOML has no dots.
    let key = if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() };
    format!("# {}: {}\n{key} = \"\"", parameter.description, looks_like(parameter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_bundle::value::error_code::Fault as _;

    fn needs() -> SiteInputs {
        let parameter = |name: &str, format, default: Option<&str>| Parameter {
            name: name.parse().unwrap(),
            description: format!("what {name} is for"),
            format,
            choices: if format == Format::Choice { vec!["a".into(), "b".into()] } else { Vec::new() },
            default: default.map(str::to_owned),
        };
        SiteInputs {
            parameters: vec![
                parameter("mode", Format::Choice, Some("a")),
                parameter("port", Format::Number, Some("8065")),
                parameter("registry", Format::Registry, None),
                parameter("site-url", Format::Url, None),
            ],
            secrets: vec![sealift_bundle::format::site_inputs::SiteSecret {
                name: "license".parse().unwrap(),
                description: "from the portal".into(),
            }],
        }
    }

    fn given(text: &str) -> Result<Given, SiteError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        Given::read(&path)
    }

    fn resolved(text: &str) -> Result<Values, SiteError> {
        Values::resolve(&needs(), &given(text)?)
    }

    #[test]
    fn defaults_give_way_to_the_site() {
        let values =
            resolved("registry = \"r:5000\"\nport = 443 # as a number\nsite-url = 'https://c.example'\n")
                .unwrap();
        let shown: Vec<_> =
            values.by_name().iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(
            shown,
            [("mode", "a"), ("port", "443"), ("registry", "r:5000"), ("site-url", "https://c.example")]
        );
        let bytes = br#"{"mode":"a","port":"443","registry":"r:5000","site-url":"https://c.example"}"#;
        assert_eq!(values.digest(), Digest::of(bytes));
        // What a default says and what the site says are the same when they are the same.
        let spelled =
            resolved("site-url = \"https://c.example\"\nmode = \"a\"\nregistry = 'r:5000'\nport = \"443\"");
        assert_eq!(spelled.unwrap(), values);
    }

    #[test]
    fn what_is_missing_is_said_at_once_and_can_be_pasted() {
        let error = resolved("port = 1").unwrap_err();
        let said = error.to_string();
        let lines = said.split_once(":\n").unwrap().1;
        assert!(said.contains("2 values"), "{said}");
        assert!(lines.contains("# what registry is for: a registry, like `registry.site"), "{said}");
        let filled = lines
            .replace("registry = \"\"", "registry = \"r\"")
            .replace("site-url = \"\"", "site-url = \"http://a\"");
        assert!(resolved(&filled).is_ok(), "{filled}");
    }

    /// J20: a file of parameters can set declared parameters to values of their formats, and nothing else.
    #[test]
    fn j20_nothing_else_can_be_said() {
        let rest = "registry = \"r\"\nsite-url = \"http://a\"\n";
        assert!(resolved(rest).is_ok());
        for (text, said) in [
            ("regstry = \"r\"", "line 1: the bundle has no parameter `regstry`; did you mean `registry`?"),
            ("version = \"2\"", "line 1: the bundle has no parameter `version`"),
            ("\n\nlicense = \"s3cret\"", "line 3: the bundle has no parameter `license`; it is a secret"),
            ("\nport = true", "line 2: `port` is true or false: write it in quotes"),
            ("port = 1.5", "line 1: `port` is a fraction"),
            ("port = 0x1F", "line 1: `port` is a number that is not decimal"),
            ("port = 2026-01-01", "line 1: `port` is a date"),
            ("port = -1", "line 1: `port` has to be a number"),
            ("port = [\"1\"]", "line 1: `port` holds several values"),
            ("[parameter]\nport = \"1\"", "line 1: `parameter` holds several values"),
            ("port.x = \"1\"", "line 1: `port` holds several values"),
            ("mode = \"c\"", "line 1: `mode` has to be one of `a`, `b`"),
            ("port = \"1\"\nport = \"2\"", "line 2: duplicate key"),
            ("port = \"1", "line 1: "),
            ("\"po\\u0000rt\" = \"1\"", "no parameter `po\\u{0}rt`"),
            ("mode = \"\"\"a\nb\"\"\"", "line 1: `mode` has to be"),
        ] {
            let error = resolved(&format!("{text}\n")).unwrap_err();
            assert!(error.to_string().contains(said), "{text}: {error}");
            assert_eq!(error.code().as_str(), "site.parameters", "{text}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        for value in
            ["a\\\"b", "a'b", "a\\nb", "a\\\\b", "a`b", "$(x)", "{{ x }}", "{% raw %}", "{# x #}", ""]
        {
            let error = resolved(&format!("{rest}port = \"{value}\"\n")).unwrap_err().to_string();
            assert!(error.contains("line 3: `port` has to be a number"), "{value}: {error}");
        }
        // Everything that is wrong is said at once, in the order of the lines.
        let error = resolved("zone = \"x\"\nport = \"x\"\nabc = \"y\"\n").unwrap_err().to_string();
        let at = ["line 1: ", "line 2: ", "line 3: "].map(|line| error.find(line).unwrap());
        assert!(at.is_sorted(), "{error}");
    }

    #[test]
    fn j10_bytes_that_are_no_text_and_files_that_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let scenario: Name = "ddil".parse().unwrap();
        let path = folder.path().join("ddil.parameters.toml");
        assert!(Given::of_site(folder.path(), &scenario).unwrap().values.is_empty());
        assert!(Given::read(&path).is_err());
        std::fs::write(&path, b"port = 1\nx = \"\xff\"\n").unwrap();
        let error = Given::of_site(folder.path(), &scenario).unwrap_err().to_string();
        assert!(error.contains("line 2: it is not UTF-8"), "{error}");
        std::fs::write(&path, format!("# {}\n", "x".repeat(64 << 10))).unwrap();
        let error = Given::of_site(folder.path(), &scenario).unwrap_err().to_string();
        assert!(error.contains("more than 65536 bytes"), "{error}");
        std::fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        for target in ["elsewhere", "nowhere"] {
            std::os::unix::fs::symlink(target, &path).unwrap();
            let error = Given::of_site(folder.path(), &scenario).unwrap_err().to_string();
            assert!(error.contains("is a link"), "{error}");
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::create_dir(&path).unwrap();
        assert!(Given::of_site(folder.path(), &scenario).is_err());
    }
}
