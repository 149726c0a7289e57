//! `os-release`: which operating system an image says it is.

use super::System;

/// What os-release(5) says, with the defaults it gives to what is left out.
pub(super) fn system(bytes: &[u8]) -> Result<System, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let [mut id, mut version, mut name] = [const { None }; 3];
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        match key {
            "ID" => id = Some(value),
            "VERSION_ID" => version = Some(value),
            "PRETTY_NAME" => name = Some(value),
            _ => {}
        }
    }
    let value = |found: Option<&str>| found.map(unquoted).filter(|value| !value.is_empty());
    Ok(System {
        id: value(id).unwrap_or_else(|| "linux".to_owned()),
        version: value(version),
        name: value(name).unwrap_or_else(|| "Linux".to_owned()),
    })
}

/// A value as a shell reads it: without its quotes, and without the backslashes before what a shell would expand.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    if let Some(plain) = inner('\'') {
        return plain.to_owned();
    }
    let mut plain = String::new();
    let mut characters = inner('"').unwrap_or(value).chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}
