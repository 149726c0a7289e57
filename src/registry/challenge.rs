//! Parses authentication challenges (RFC 9110, section 11; the token protocol of the distribution project).

use std::collections::BTreeMap;

/// What a registry wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password with every request.
    Basic,
    /// A token that `realm` gives.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// Reads the values of `WWW-Authenticate`; a token is preferred to a password.
    pub(super) fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut basic = false;
        for header in headers {
            let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
            if scheme.eq_ignore_ascii_case("basic") {
                basic = true;
            } else if scheme.eq_ignore_ascii_case("bearer") {
                let mut values = parameters(rest).ok_or("its `WWW-Authenticate` cannot be read")?;
                let realm = values.remove("realm").ok_or("it names no `realm` that gives tokens")?;
                let (service, scope) = (values.remove("service"), values.remove("scope"));
                return Ok(Self::Bearer { realm, service, scope });
            }
        }
        if basic { Ok(Self::Basic) } else { Err("it offers neither `Bearer` nor `Basic`".to_owned()) }
    }
}

/// `key="value", key=value`
fn parameters(text: &str) -> Option<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let mut rest = text.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let (key, behind) = rest.split_once('=')?;
        let (value, behind) = if let Some(quoted) = behind.strip_prefix('"') {
            let mut value = String::new();
            let mut characters = quoted.char_indices();
            let end = loop {
                match characters.next()? {
                    (at, '"') => break at,
                    (_, '\\') => value.push(characters.next()?.1),
                    (_, plain) => value.push(plain),
                }
            };
            (value, quoted.get(end + 1..)?)
        } else {
            let end = behind.find(',').unwrap_or(behind.len());
            (behind.get(..end)?.trim().to_owned(), behind.get(end..)?)
        };
        values.insert(key.trim().to_ascii_lowercase(), value);
        rest = behind.trim_start_matches([' ', ',', '\t']);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_as_registries_write_them() {
        let bearer = |service: Option<&str>, scope: Option<&str>| Challenge::Bearer {
            realm: "https://auth.r.org/token".to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        };
        for (header, expected) in [
            ("Basic realm=\"x\"", Ok(Challenge::Basic)),
            (
                "Bearer realm=\"https://auth.r.org/token\",service=\"r.org\",scope=\"repository:a/b:pull,push\"",
                Ok(bearer(Some("r.org"), Some("repository:a/b:pull,push"))),
            ),
            ("bearer Realm=https://auth.r.org/token , service=r", Ok(bearer(Some("r"), None))),
            ("Bearer service=\"x\"", Err(())),
            ("Bearer realm=\"x", Err(())),
            ("Negotiate", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(Challenge::parse([header].into_iter()).map_err(drop), expected, "{header}");
        }
        let both = ["Basic realm=x", "Bearer realm=\"https://auth.r.org/token\""];
        assert_eq!(Challenge::parse(both.into_iter()), Ok(bearer(None, None)));
    }
}
