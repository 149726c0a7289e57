//! Reads settings of all formats into one list of names and values.

use super::document::{self, DocumentNode, ParseFailure, Value};
use super::holes;
use sealift_audit::finding::LintFile;

/// How deep JSON may be wrapped in values of JSON: plugin settings in an environment variable in a custom resource.
const MAX_WRAPPED: usize = 3;
/// Bytes of the names on the way to one setting; what is deeper is not a setting of anything.
const MAX_PATH: usize = 512;

/// One setting where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileSetting {
    /// The names on the way to it, without the numbers of lists.
    pub(super) path: Vec<String>,
    pub(super) value: String,
    pub(super) line: u32,
}

impl FileSetting {
    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The name as users know it: the last two parts.
    pub(super) fn shown(&self) -> String {
        let from = self.path.len().saturating_sub(2);
        self.path.get(from..).unwrap_or_default().join(".")
    }

    /// True where the names, joined by dots, end with this key; capitals do not matter.
    pub(super) fn ends_with(&self, key: &str) -> bool {
        let mut rest = key;
        for part in self.path.iter().rev() {
            let Some((front, end)) =
                rest.len().checked_sub(part.len()).and_then(|at| rest.split_at_checked(at))
            else {
                return false;
            };
            if !end.eq_ignore_ascii_case(part) {
                return false;
            }
            match front.strip_suffix('.') {
                Some(front) => rest = front,
                None => return front.is_empty(),
            }
        }
        false
    }

    /// True where nothing is set: an empty value, or a null.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.value.trim(), "" | "null" | "~")
    }
}

/// What a file is, by its name and at most its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingsFormat {
    Json,
    Yaml,
    Toml,
    /// `KEY=value`: environment files, shell exports, systemd units.
    Environment,
    /// `[section]` and `key = value`; `.reg` files of Windows look the same.
    Ini,
    Nginx,
    Caddy,
    /// Nothing that settings are looked for in.
    Other,
}

impl SettingsFormat {
    pub(super) fn of(file: &LintFile<'_>, text: &str) -> Self {
        let lower = file.path.to_ascii_lowercase();
        let mut name = lower.rsplit('/').next().unwrap_or_default();
        // What a template or an example will be called when it is used.
        for ending in
            [".j2", ".jinja", ".tmpl", ".tpl", ".template", ".example", ".sample", ".dist", ".default"]
        {
            name = name.strip_suffix(ending).unwrap_or(name);
        }
        if name == "env" || name.starts_with(".env") || name.starts_with("env.") {
            return Self::Environment;
        }
        if name.starts_with("caddyfile") {
            return Self::Caddy;
        }
        match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "json" => Self::Json,
            "yaml" | "yml" => Self::Yaml,
            "toml" => Self::Toml,
            "env" | "service" | "sh" | "bash" | "profile" => Self::Environment,
            "conf" if looks_like_nginx(text) => Self::Nginx,
            "conf" | "" | "txt" if text.trim_start().starts_with('{') => Self::Json,
            "conf" | "" | "txt"
                if text
                    .lines()
                    .any(|line| assignment(line).is_some_and(|(key, _)| key.starts_with("MM_"))) =>
            {
                Self::Environment
            }
            "ini" | "reg" | "cfg" | "inf" | "container" | "conf" => Self::Ini,
            _ if lower.contains("nginx") && looks_like_nginx(text) => Self::Nginx,
            _ => Self::Other,
        }
    }
}

fn looks_like_nginx(text: &str) -> bool {
    text.lines().map(without_comment).any(|line| line.ends_with(';') || line.ends_with('{'))
}

/// The settings of a file; its holes are filled with a neutral word first.
pub(super) fn of(form: SettingsFormat, text: &str) -> Result<Vec<FileSetting>, ParseFailure> {
    if text.len() > document::MAX_BYTES {
        return Err(format!("it has {} bytes, and {} are read at most", text.len(), document::MAX_BYTES));
    }
    let text = holes::filled(text);
    let mut found = Vec::new();
    match form {
        SettingsFormat::Json => walk(&document::json(&text)?, &mut Vec::new(), 0, &mut found),
        SettingsFormat::Toml => walk(&document::toml(&text)?, &mut Vec::new(), 0, &mut found),
        SettingsFormat::Yaml => {
            for node in document::yaml(&text)? {
                walk(&node, &mut Vec::new(), 0, &mut found);
            }
        }
        SettingsFormat::Environment => environment(&text, &mut found),
        SettingsFormat::Ini => ini(&text, &mut found),
        SettingsFormat::Nginx | SettingsFormat::Caddy => statements(&text, &mut found),
        SettingsFormat::Other => {}
    }
    Ok(found)
}

/// Collects the leaves below a node.
fn walk(node: &DocumentNode, path: &mut Vec<String>, wrapped: usize, found: &mut Vec<FileSetting>) {
    if path.iter().map(String::len).sum::<usize>() > MAX_PATH {
        return;
    }
    match &node.value {
        Value::Text(text) => leaf(path, text, node.line, wrapped, found),
        Value::Map(entries) => {
            // `{ name: MM_X, value: "true" }`: custom resources, Kubernetes, Helm.
            let pair = (node.get("name").and_then(DocumentNode::text), node.get("value"));
            if let (Some(name), Some(value)) = pair {
                path.push(name.to_owned());
                walk(value, path, wrapped, found);
                path.pop();
            }
            for (key, below) in entries {
                if pair.0.is_some() && pair.1.is_some() && key == "value" {
                    continue;
                }
                path.push(key.clone());
                walk(below, path, wrapped, found);
                path.pop();
            }
        }
        Value::List(elements) => {
            for element in elements {
                // `- MM_X=true`: compose files, and systemd units as lists.
                match element.text().and_then(assignment) {
                    Some((key, value)) => {
                        path.push(key.to_owned());
                        leaf(path, &value, element.line, wrapped, found);
                        path.pop();
                    }
                    None => walk(element, path, wrapped, found),
                }
            }
        }
    }
}

/// A value, or the settings in it where it is JSON itself.
fn leaf(path: &mut Vec<String>, value: &str, line: u32, wrapped: usize, found: &mut Vec<FileSetting>) {
    let before = found.len();
    if wrapped < MAX_WRAPPED
        && value.trim_start().starts_with(['{', '['])
        && let Ok(inner) = document::json(value)
    {
        walk(&inner, path, wrapped + 1, found);
        // Lines within the value say nothing to anyone who looks at the file.
        found.iter_mut().skip(before).for_each(|setting| setting.line = line);
    }
    if found.len() == before {
        found.push(FileSetting { path: path.clone(), value: value.to_owned(), line });
    }
}

/// `KEY=value`, with what may stand around it in a shell or a unit.
fn assignment(line: &str) -> Option<(&str, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    // Environment="KEY=value" of systemd
    let line = match line.strip_prefix("Environment=") {
        Some(rest) => rest.trim().trim_matches(['"', '\'']),
        None => line,
    };
    let (key, value) = line.split_once('=')?;
    let key = key.trim_end();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (!key.is_empty() && key.bytes().all(is_name)).then(|| (key, unquoted(value)))
}

/// A value without its quotes, or without the comment behind it.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some(end) = rest.rfind(quote)
        {
            let inner = rest.get(..end).unwrap_or_default();
            return if quote == '"' { inner.replace("\\\"", "\"") } else { inner.to_owned() };
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.lines())
}

fn environment(text: &str, found: &mut Vec<FileSetting>) {
    for (line, content) in numbered(text) {
        if let Some((key, value)) = assignment(content) {
            leaf(&mut vec![key.to_owned()], &value, line, 0, found);
        }
    }
}

fn ini(text: &str, found: &mut Vec<FileSetting>) {
    let mut section = String::new();
    for (line, content) in numbered(text) {
        let content = content.trim();
        if content.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            // A key of the registry is a path; its last part is what a section is.
            name.rsplit('\\').next().unwrap_or(name).trim().clone_into(&mut section);
        } else if let Some((key, value)) = content.split_once('=') {
            let key = unquoted(key);
            let value = unquoted(value);
            let value = match value.strip_prefix("dword:").map(|hex| u32::from_str_radix(hex, 16)) {
                Some(Ok(number)) => number.to_string(),
                Some(Err(_)) | None => value,
            };
            leaf(&mut vec![section.clone(), key], &value, line, 0, found);
        }
    }
}

/// The part of a line before its comment.
fn without_comment(line: &str) -> &str {
    let hash = line.match_indices('#').map(|(at, _)| at);
    // Within a word `#` is a character, as in `$request_uri#x`.
    let start = hash.into_iter().find(|at| {
        line.get(..*at).is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t', ';', '{', '}']))
    });
    line.get(..start.unwrap_or(line.len())).unwrap_or_default().trim()
}

/// `name words;` and `name words {`, as nginx has it; a line is a statement for Caddy.
fn statements(text: &str, found: &mut Vec<FileSetting>) {
    for (line, content) in numbered(text) {
        for statement in without_comment(content).split([';', '{', '}']) {
            let statement = statement.trim();
            let (name, value) = statement.split_once(char::is_whitespace).unwrap_or((statement, ""));
            if !name.is_empty() {
                found.push(FileSetting { path: vec![name.to_owned()], value: unquoted(value), line });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FileSetting, SettingsFormat, of};
    use proptest::prelude::*;
    use sealift_audit::finding::LintFile;
    use sealift_audit::secrets::text_of;

    fn forms(path: &str, text: &str) -> SettingsFormat {
        SettingsFormat::of(&LintFile { item: "i", path, bytes: text.as_bytes() }, text)
    }

    fn found(form: SettingsFormat, text: &str) -> Vec<(String, String, u32)> {
        let list = of(form, text).unwrap().into_iter();
        list.map(|FileSetting { path, value, line }| (path.join("/"), value, line)).collect()
    }

    fn has(list: &[(String, String, u32)], path: &str, value: &str, line: u32) {
        let wanted = (path.to_owned(), value.to_owned(), line);
        assert!(list.contains(&wanted), "{wanted:?} in {list:#?}");
    }

    #[test]
    fn a_file_is_known_by_its_name_and_by_what_it_looks_like() {
        for (path, text, form) in [
            ("a/config.json", "", SettingsFormat::Json),
            ("docker-compose.yml", "", SettingsFormat::Yaml),
            ("values.yaml.tmpl", "", SettingsFormat::Yaml),
            ("rtcd.toml", "", SettingsFormat::Toml),
            (".env", "", SettingsFormat::Environment),
            ("env.example", "", SettingsFormat::Environment),
            ("mattermost.env.j2", "", SettingsFormat::Environment),
            ("grafana.ini", "", SettingsFormat::Ini),
            ("policy.reg", "", SettingsFormat::Ini),
            ("conf.d/default.conf", "server {\n}", SettingsFormat::Nginx),
            ("mattermost", "export MM_X=1\n", SettingsFormat::Environment),
            ("grafana.conf", "[analytics]\na = b", SettingsFormat::Ini),
            ("Caddyfile", "", SettingsFormat::Caddy),
            ("notes.md", "MM_X=1", SettingsFormat::Other),
        ] {
            assert_eq!(forms(path, text), form, "{path}");
        }
    }

    #[test]
    fn environment_files_in_all_their_shapes() {
        let text = "# MM_A=0\nMM_A=true\nexport MM_B=\"x # y\"\nMM_C='{\"k\": {\"v\": \"w\"}}'\nMM_D=1 # one\nEnvironment=\"MM_E=e\"\nbad line\n";
        let list = found(SettingsFormat::Environment, text);
        has(&list, "MM_A", "true", 2);
        has(&list, "MM_B", "x # y", 3);
        has(&list, "MM_C/k/v", "w", 4);
        has(&list, "MM_D", "1", 5);
        has(&list, "MM_E", "e", 6);
        assert_eq!(list.len(), 5);
    }

    #[test]
    fn yaml_pairs_maps_and_lists() {
        let text = "spec:\n  mattermostEnv:\n  - name: MM_A\n    value: \"true\"\nservices:\n  m:\n    environment:\n      MM_B: x\n  n:\n    environment:\n    - MM_C=y\n    - TZ\n";
        let list = found(SettingsFormat::Yaml, text);
        has(&list, "spec/mattermostEnv/MM_A", "true", 4);
        has(&list, "services/m/environment/MM_B", "x", 8);
        has(&list, "services/n/environment/MM_C", "y", 11);
        has(&list, "services/n/environment", "TZ", 12);
    }

    #[test]
    fn sections_registry_files_and_statements() {
        let ini = "; c\n[analytics]\ncheck_for_updates = true\n";
        has(&found(SettingsFormat::Ini, ini), "analytics/check_for_updates", "true", 3);
        let reg = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Mattermost]\r\n\"EnableAutoUpdates\"=dword:00000001\r\n";
        let mut wide = vec![0xff, 0xfe];
        wide.extend(reg.encode_utf16().flat_map(u16::to_le_bytes));
        has(&found(SettingsFormat::Ini, &text_of(&wide).unwrap()), "Mattermost/EnableAutoUpdates", "1", 4);
        let nginx = "server { listen 80; # c\n  #resolver 1.1.1.1;\n  ssl_stapling on;\n}\n";
        let list = found(SettingsFormat::Nginx, nginx);
        has(&list, "listen", "80", 1);
        has(&list, "ssl_stapling", "on", 3);
        assert!(list.iter().all(|(name, ..)| name != "resolver"));
    }

    #[test]
    fn a_key_ends_a_path_at_a_dot() {
        let setting = |path: &[&str]| FileSetting {
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            value: String::new(),
            line: 1,
        };
        for (path, key, is) in [
            (&["spec", "LogSettings", "EnableSentry"][..], "logsettings.enablesentry", true),
            (&["EnableSentry"], "LogSettings.EnableSentry", false),
            (&["a", "x.io/y"], "x.io/y", true),
            (&["ingest", "geoip", "downloader.enabled"], "geoip.downloader.enabled", true),
            (&["MyLogSettings", "EnableSentry"], "LogSettings.EnableSentry", false),
            (&[], "a", false),
            (&[""], "", true),
        ] {
            assert_eq!(setting(path).ends_with(key), is, "{path:?}");
        }
    }

    #[test]
    fn templates_are_read_with_their_holes_filled() {
        has(
            &found(SettingsFormat::Json, "{\"a\": {{ port }},\n\"b\": \"{{ x }}:1\"}"),
            "b",
            "90909090909:1",
            2,
        );
        has(&found(SettingsFormat::Yaml, "{% if x %}\na: {{ port }}\n{% endif %}\n"), "a", "90909090909", 2);
        has(&found(SettingsFormat::Toml, "a = {{ port }}\n"), "a", "90909090909", 1);
    }

    #[test]
    fn j08_json_in_json_in_json_is_followed_only_so_far() {
        let mut value = "\"x\"".to_owned();
        for _ in 0..8 {
            value = format!("{{\"k\": {}}}", serde_json::to_string(&value).unwrap());
        }
        let list = of(SettingsFormat::Json, &value).unwrap();
        assert_eq!(list.len(), 1);
        assert!(list[0].value.starts_with('{') && list[0].path.len() < 8);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), like in "[\\[\\]{}=\"'#;:a-c\n .-]{0,200}") {
            for text in [text_of(&bytes).unwrap_or_default(), like] {
                for form in [SettingsFormat::Json, SettingsFormat::Yaml, SettingsFormat::Toml, SettingsFormat::Environment, SettingsFormat::Ini, SettingsFormat::Nginx, SettingsFormat::Caddy, SettingsFormat::Other] {
                    let _ = of(form, &text);
                }
                let _ = forms("x.conf", &text);
            }
        }
    }
}
