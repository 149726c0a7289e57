//! Formats of parameters.
//!
//! Values end up in configurations of many syntaxes, so every format is narrow enough to be safe in each of them:
//! without quotes for all but `text`, which may have spaces and commas and has to be quoted where a shell or a list
//! reads it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Characters of the longest value.
const LONGEST: usize = 255;

/// The format of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Format {
    /// A host name (RFC 1123) or an IP address.
    Host,
    /// A registry and perhaps a path in it: `HOST[:PORT][/PATH]`.
    Registry,
    /// An address that begins with `http://` or `https://`.
    Url,
    /// Digits.
    Number,
    /// An absolute path without `..`.
    Path,
    /// A mail address.
    Email,
    /// Letters, digits, `.`, `_` and `-`.
    Word,
    /// Letters of any script, digits, spaces and `.,-_+@/`, from a letter or digit on.
    Text,
    /// One of the `choices`.
    Choice,
}

impl Format {
    /// The word for it in manifests and statements.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Registry => "registry",
            Self::Url => "url",
            Self::Number => "number",
            Self::Path => "path",
            Self::Email => "email",
            Self::Word => "word",
            Self::Text => "text",
            Self::Choice => "choice",
        }
    }

    /// What a value looks like, for users.
    #[must_use]
    pub const fn looks_like(self) -> &'static str {
        match self {
            Self::Host => "a host name or an IP address, like `chat.site.example`",
            Self::Registry => {
                "a registry, like `registry.site.example:5000` or `registry.site.example/mirror`"
            }
            Self::Url => "an address, like `https://chat.site.example`",
            Self::Number => "a number",
            Self::Path => "an absolute path, like `/srv/mattermost`",
            Self::Email => "a mail address, like `help@site.example`",
            Self::Word => "a word of letters, digits, `.`, `_` and `-` that does not begin with `-`",
            Self::Text => {
                "a text of letters, digits, spaces and `.,-_+@/` that begins with a letter or digit"
            }
            Self::Choice => "one of its choices",
        }
    }

    /// Whether `value` has the format.
    #[must_use]
    pub fn fits(self, value: &str, choices: &[String]) -> bool {
        if value.is_empty() || value.chars().count() > LONGEST {
            return false;
        }
        let all = |allowed: fn(char) -> bool| value.chars().all(allowed);
        match self {
            Self::Host => is_host(value),
            Self::Registry => {
                let (host, path) =
                    value.split_once('/').map_or((value, None), |(host, path)| (host, Some(path)));
                is_authority(host) && path.is_none_or(|path| path.split('/').all(is_path_part))
            }
            Self::Url => {
                let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
                rest.is_some_and(|rest| {
                    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                    is_authority(authority)
                        && path.chars().all(|c| c.is_ascii_alphanumeric() || "._~-/?=%+:".contains(c))
                })
            }
            Self::Number => value.len() <= 15 && value.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Path => value.strip_prefix('/').is_some_and(|rest| {
                all(|c| c.is_ascii_alphanumeric() || "._-/+@".contains(c))
                    && rest.split('/').all(|part| part != ".." && part != ".")
            }),
            Self::Email => value.split_once('@').is_some_and(|(user, host)| {
                is_host(host)
                    && !user.is_empty()
                    && user.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
            }),
            // A word in place of an argument must not become an option.
            Self::Word => all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) && !value.starts_with('-'),
            Self::Text => {
                all(|c| is_letter(c) || " .,-_+@/".contains(c))
                    && value.starts_with(is_letter)
                    && !value.ends_with(' ')
            }
            Self::Choice => choices.iter().any(|choice| choice == value),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A letter of any script with its marks, or a digit; nothing that only fills space.
fn is_letter(character: char) -> bool {
    use unicode_normalization::char::is_combining_mark;
    (character.is_alphanumeric() || is_combining_mark(character))
        && !super::printable::is_deceptive(character)
}

/// RFC 1123: labels of letters, digits and inner hyphens; or an address.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(is_label))
}

/// A host and perhaps a port; an IPv6 address is in brackets.
fn is_authority(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<std::net::Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    match text.split_once(':') {
        None => is_host(text),
        Some((host, port)) => is_host(host) && is_port(port),
    }
}

/// `1` to `65535`, without sign and without zeros in front.
pub(super) fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0 && port.to_string() == text)
}

/// A part of the path of a repository, as in the OCI distribution specification.
fn is_path_part(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
        && !text.starts_with(['.', '_', '-'])
        && !text.ends_with(['.', '_', '-'])
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn each_format_takes_what_it_looks_like() {
        for (format, good) in [
            (Format::Host, &["chat.site.example", "10.0.0.1", "::1", "a"][..]),
            (Format::Registry, &["registry:5000", "127.0.0.1:5000/mirror/hub", "[::1]:5000", "r.example"]),
            (Format::Url, &["https://chat.example", "http://127.0.0.1:8065/a?b=c"]),
            (Format::Number, &["0", "8443"]),
            (Format::Path, &["/", "/srv/mattermost/data"]),
            (Format::Email, &["help+x@site.example"]),
            (Format::Word, &["us-gov-west-1", "A_b.c"]),
            (Format::Text, &["Standort Süd, 2. Etage"]),
        ] {
            for value in good {
                assert!(format.fits(value, &[]), "{format}: {value}");
            }
        }
        let choices = ["a".to_owned(), "b c".to_owned()];
        assert!(Format::Choice.fits("b c", &choices) && !Format::Choice.fits("b", &choices));
    }

    /// J20: what a site writes cannot end a string, a line or a template in any configuration.
    #[test]
    fn f_sec_22_j20_values_cannot_leave_their_place() {
        let formats = [
            Format::Host,
            Format::Registry,
            Format::Url,
            Format::Number,
            Format::Path,
            Format::Email,
            Format::Word,
            Format::Text,
        ];
        for format in formats {
            for bad in [
                "",
                "a;b",
                "a&b",
                "a|b",
                "a #b",
                "a: b",
                "[a",
                "a]",
                "(a)",
                "*a",
                "!a",
                "|a",
                "a\nb",
                "a\"b",
                "a'b",
                "a`b",
                "a\\b",
                "$(x)",
                "{{ x }}",
                "a\0",
                "\u{202e}x",
                "<b>",
            ] {
                assert!(!format.fits(bad, &[]), "{format}: {bad:?}");
                let inside = format!("https://a.example/{bad}x");
                assert!(bad.is_empty() || !Format::Url.fits(&inside, &[]), "{inside:?}");
            }
            assert!(!format.fits(&"1".repeat(256), &[]), "{format}");
        }
        for bad in ["-rf", "-"] {
            assert!(!Format::Word.fits(bad, &[]) && !Format::Text.fits(bad, &[]), "{bad}");
        }
        for bad in [" a", "a ", "_a", "@a", "a\u{3164}"] {
            assert!(!Format::Text.fits(bad, &[]), "{bad:?}");
        }
        for bad in ["https://a.example/?a=1&touch", "https://a.example/a,b"] {
            assert!(!Format::Url.fits(bad, &[]), "{bad}");
        }
        for bad in ["/a/../b", "a/b", "/a b"] {
            assert!(!Format::Path.fits(bad, &[]), "{bad}");
        }
        for bad in [
            "https://",
            "ftp://a",
            "https://user:pw@a",
            "https://a:0",
            "https://a:080",
            "https://a:+1",
            "https://[::1]:080",
            "https://a b",
        ] {
            assert!(!Format::Url.fits(bad, &[]), "{bad}");
        }
        for bad in ["r:x", "r/", "r/A", "r//a", "https://r", "r:70000"] {
            assert!(!Format::Registry.fits(bad, &[]), "{bad}");
        }
    }
}
