//! The subset of Go templates that references images: plain paths, literals, `default`, `printf`.

use super::document::DocumentNode;

/// Words of one expression that are read.
const MAX_WORDS: usize = 64;

/// What a template may look at.
pub(super) struct TemplateScope<'a> {
    /// The values, those that win first: a parent's values for a chart precede the chart's own.
    pub(super) values: Vec<&'a DocumentNode>,
    /// `global` of each chart above, those that win first.
    pub(super) globals: Vec<&'a DocumentNode>,
    pub(super) app_version: Option<String>,
    pub(super) version: Option<String>,
    pub(super) name: Option<String>,
}

impl<'a> TemplateScope<'a> {
    /// What a path below `.Values` leads to.
    pub(super) fn find(&self, path: &[&str]) -> Option<&'a DocumentNode> {
        let walk = |starts: &[&'a DocumentNode], path: &[&str]| {
            starts.iter().copied().find_map(|node| path.iter().try_fold(node, |node, key| node.get(key)))
        };
        match path.split_first() {
            Some((&"global", rest)) => walk(&self.globals, rest).or_else(|| walk(&self.values, path)),
            _ => walk(&self.values, path),
        }
    }

    /// The text of a path, without `null`.
    fn text(&self, path: &[&str]) -> Option<&'a str> {
        self.find(path)?.text().filter(|text| !matches!(*text, "null" | "~"))
    }

    /// The text of a plain path as templates write it: `.Values.a.b`, `$.Chart.AppVersion`.
    ///
    /// Nothing where it is not a plain path; an empty text where nothing is set.
    pub(super) fn plain(&self, word: &str, used: &mut Vec<String>) -> Option<String> {
        let path = word.strip_prefix('$').unwrap_or(word).strip_prefix('.')?;
        let (root, rest) = path.split_once('.')?;
        let is_name =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let parts: Vec<_> = rest.split('.').collect();
        if !parts.iter().all(|part| is_name(part)) {
            return None;
        }
        match (root, parts.as_slice()) {
            ("Values", parts) => {
                used.push(rest.to_owned());
                Some(self.text(parts).unwrap_or_default().to_owned())
            }
            ("Chart", ["AppVersion"]) => Some(self.app_version.clone().unwrap_or_default()),
            ("Chart", ["Version"]) => Some(self.version.clone().unwrap_or_default()),
            ("Chart", ["Name"]) => Some(self.name.clone().unwrap_or_default()),
            _ => None,
        }
    }

    /// Renders a text with expressions in it; the values that it used are added to `used`.
    ///
    /// # Errors
    ///
    /// The expression that is not understood.
    pub(super) fn render(&self, text: &str, used: &mut Vec<String>) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("{{") {
            out.push_str(before);
            let (inner, after) = from.split_once("}}").ok_or("a hole that is not closed on its line")?;
            let inner = inner.trim_start_matches('-').trim_end_matches('-').trim();
            out.push_str(&self.evaluate(inner, used).ok_or_else(|| format!("the expression `{inner}`"))?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn evaluate(&self, expression: &str, used: &mut Vec<String>) -> Option<String> {
        let words = words(expression)?;
        let mut pipeline = words.split(|word| word == "|");
        let mut value = self.call(pipeline.next()?, None, used)?;
        for stage in pipeline {
            value = self.call(stage, Some(value), used)?;
        }
        Some(value)
    }

    /// A function with its arguments, or a plain value; what a pipeline hands over comes last.
    fn call(&self, words: &[String], piped: Option<String>, used: &mut Vec<String>) -> Option<String> {
        let (first, rest) = words.split_first()?;
        let mut arguments = rest.iter().map(|word| self.argument(word, used)).collect::<Option<Vec<_>>>()?;
        let is_function = first.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_function {
            let alone = arguments.is_empty() && piped.is_none();
            return if alone { self.argument(first, used) } else { None };
        }
        arguments.extend(piped);
        match (first.as_str(), arguments.as_slice()) {
            // `default X Y` and `Y | default X`: Y where there is something in it.
            ("default", [fallback, value]) => Some(if value.is_empty() { fallback } else { value }.clone()),
            ("coalesce", values) => values.iter().find(|value| !value.is_empty()).cloned(),
            ("quote" | "squote" | "toString" | "trim" | "required", values) => {
                values.last().map(|value| value.trim().to_owned())
            }
            ("trimPrefix", [prefix, value]) => {
                Some(value.strip_prefix(prefix.as_str()).unwrap_or(value).to_owned())
            }
            ("trimSuffix", [suffix, value]) => {
                Some(value.strip_suffix(suffix.as_str()).unwrap_or(value).to_owned())
            }
            ("printf", [form, values @ ..]) => printf(form, values),
            _ => None,
        }
    }

    fn argument(&self, word: &str, used: &mut Vec<String>) -> Option<String> {
        for quote in ['"', '`'] {
            if let Some(inner) = word.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
                return (!inner.contains('\\')).then(|| inner.to_owned());
            }
        }
        if let Some(inner) = word.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            // Each pair of parentheses makes the text shorter, so this ends.
            return self.evaluate(inner, used);
        }
        self.plain(word, used)
    }
}

/// `%s` and `%v` filled in their order.
fn printf(form: &str, values: &[String]) -> Option<String> {
    let mut parts = form.replace("%v", "%s");
    for value in values {
        // A value with `%s` in it would be filled with the next one.
        let value = value.replace('%', "\0");
        parts.contains("%s").then_some(())?;
        parts = parts.replacen("%s", &value, 1);
    }
    (!parts.contains('%')).then(|| parts.replace('\0', "%"))
}

/// Splits at blanks, keeping quoted texts and parentheses whole.
fn words(expression: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let (mut quote, mut depth) = (None, 0_usize);
    for character in expression.chars() {
        let last = words.last_mut()?;
        match (quote, character) {
            (Some(open), close) => {
                last.push(close);
                if open == close {
                    quote = None;
                }
                continue;
            }
            (None, '"' | '`') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.checked_sub(1)?,
            (None, blank) if blank.is_whitespace() && depth == 0 => {
                words.push(String::new());
                continue;
            }
            (None, '|') if depth == 0 => {
                words.extend(["|".to_owned(), String::new()]);
                continue;
            }
            (None, _) => {}
        }
        last.push(character);
    }
    words.retain(|word| !word.is_empty());
    (quote.is_none() && depth < 1 && words.len() <= MAX_WORDS && expression.matches('(').count() <= MAX_WORDS)
        .then_some(words)
}

#[cfg(test)]
mod tests {
    use super::TemplateScope;
    use crate::lint::document;
    use proptest::prelude::*;

    fn render(text: &str) -> Result<String, String> {
        let values = document::yaml(
            "image:\n  repository: mattermost/rtcd\n  tag: \"\"\n  none: null\nregistry: r.test\n",
        )
        .unwrap();
        let scope = TemplateScope {
            values: vec![&values[0]],
            globals: vec![],
            app_version: Some("v1.2.6".to_owned()),
            version: Some("1.4.1".to_owned()),
            name: Some("rtcd".to_owned()),
        };
        scope.render(text, &mut Vec::new())
    }

    #[test]
    fn what_charts_write() {
        for (text, rendered) in [
            ("nginx:1", "nginx:1"),
            ("{{ .Values.image.repository }}:1", "mattermost/rtcd:1"),
            (
                "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}",
                "mattermost/rtcd:v1.2.6",
            ),
            ("{{- $.Values.registry -}}/x:{{ default \"latest\" .Values.image.tag }}", "r.test/x:latest"),
            (
                "{{ printf \"%s/%s:%v\" .Values.registry \"a b\" (default .Chart.Version .Values.image.none) }}",
                "r.test/a b:1.4.1",
            ),
            ("{{ .Values.image.tag | default (printf \"v%s\" .Chart.Version) | quote }}", "v1.4.1"),
            ("{{ coalesce .Values.a.b .Values.registry }}", "r.test"),
            ("{{ .Chart.AppVersion | trimPrefix \"v\" }}", "1.2.6"),
        ] {
            assert_eq!(render(text).as_deref(), Ok(rendered), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for text in [
            "{{ include \"x\" . }}",
            "{{ .repository }}",
            "{{ .Values.x",
            "{{ if .Values.x }}a{{ end }}",
            "{{ $x }}",
            "{{ .Values.a b }}",
            "{{ ( }}",
            "{{ printf \"%d\" 1 }}",
            "{{ }}",
            "{{ index .Values \"a\" }}",
        ] {
            assert!(render(text).is_err(), "{text}");
        }
        assert_eq!(render("{{ include \"x\" . }}"), Err("the expression `include \"x\" .`".to_owned()));
        assert!(render(&format!("{{{{ {} }}}}", "(".repeat(100_000))).is_err());
        assert!(render(&format!("{{{{ {}{} }}}}", "(".repeat(1000), ")".repeat(1000))).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[{}|()\"a-zA-Z.$ %\\-\\PC]{0,120}") {
            let _ = render(&text);
            let _ = render(&format!("{{{{{text}}}}}"));
        }
    }
}
