//! What a site made of the templates.

use sealift_bundle::format::entry::Node;
use sealift_bundle::value::digest::Digest;
use sealift_plan::lock::Lock;
use std::path::Path;

/// Every file of every template is there, filled, and still of its form. Gives back the digests that they name: the
/// site's registry has to have them.
pub fn all(release: &Path, lock: &Lock) -> Vec<Digest> {
    let mut digests = Vec::new();
    let templates: Vec<_> = lock.config.iter().filter(|tree| tree.head.labels.template).collect();
    assert!(!templates.is_empty());
    for tree in templates {
        for entry in &tree.entries {
            let Node::File { .. } = entry.node else { continue };
            let path = release.join("rendered").join(tree.head.name.as_str()).join(entry.path.as_str());
            let text =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(!text.contains("{{") && !text.contains("{%"), "{}: {text}", path.display());
            if let Err(error) = parsed(&path, &text) {
                panic!("{}: {error}\n{text}", path.display());
            }
            let hex = text.split("sha256:").skip(1).filter_map(|rest| rest.get(..64));
            digests.extend(hex.filter_map(|hex| Digest::from_hex(hex).ok()));
        }
    }
    digests
}

fn parsed(path: &Path, text: &str) -> Result<(), String> {
    match path.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
        "json" => {
            serde_json::from_str::<serde_json::Value>(text).map(drop).map_err(|error| error.to_string())
        }
        "toml" => text.parse::<toml::Table>().map(drop).map_err(|error| error.to_string()),
        "yaml" | "yml" => saphyr_parser::Parser::new_from_str(text)
            .try_for_each(|event| event.map(drop))
            .map_err(|error| error.to_string()),
        "env" => {
            text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).try_for_each(|line| {
                let key = line.split_once('=').ok_or_else(|| format!("no setting: {line}"))?.0;
                let is_key =
                    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                is_key.then_some(()).ok_or_else(|| format!("no name of a setting: {line}"))
            })
        }
        "service" => {
            let whole =
                ["[Unit]", "[Service]", "ExecStart=", "[Install]"].iter().all(|part| text.contains(part));
            whole.then_some(()).ok_or_else(|| "no unit of systemd".to_owned())
        }
        // `registries.conf` is TOML; others are of their own form.
        "conf" if path.ends_with("registries.conf") => {
            text.parse::<toml::Table>().map(drop).map_err(|error| error.to_string())
        }
        _ if text.trim().is_empty() => Err("it is empty".to_owned()),
        _ => Ok(()),
    }
}
