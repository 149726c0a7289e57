//! Possible image references in unusual places: arguments, environments, scripts, values of unknown keys.

use super::holes::HOLE;
use super::references::normalised;
use sealift_bundle::value::image_name::ImageName;

/// References of one text, at most.
const MAX: usize = 100;

/// Every word of a text that is a full image reference: a registry, a repository, and a tag or digest.
///
/// A short name such as `redis:7` could be anything, and an address with a scheme is none.
pub(super) fn references(text: &str) -> Vec<String> {
    let breaks = |c: char| c.is_whitespace() || "\"'`,;|&()[]{}<>=".contains(c);
    text.split(breaks).filter_map(reference).take(MAX).collect()
}

fn reference(word: &str) -> Option<String> {
    let word = word.trim_end_matches(['.', ':', '\\']);
    if word.contains("://") || word.contains(HOLE) || !word.contains('/') {
        return None;
    }
    let name: ImageName = word.parse().ok()?;
    let is_whole = name.tag().is_some() || name.digest().is_some();
    (is_whole && is_host(name.registry()?)).then(|| normalised(word))?
}

/// A host as registries have it: with a port, or with a domain that ends in letters. `v1.2/x` is none.
fn is_host(registry: &str) -> bool {
    let (host, port) = registry.split_once(':').unwrap_or((registry, ""));
    if !port.is_empty() {
        return port.bytes().all(|byte| byte.is_ascii_digit());
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    host == "localhost" || (last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn f_field_18_full_references_are_found_in_any_text() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, found) in [
            ("--reloader=quay.io/p/reloader:v0.68.0", vec!["quay.io/p/reloader:v0.68.0"]),
            (
                "docker run --rm -it r.example.com/a:1 sh && echo localhost:5000/b:2",
                vec!["r.example.com/a:1", "localhost:5000/b:2"],
            ),
            ("{\"x\":\"index.docker.io/library/c:3\"}", vec!["docker.io/library/c:3"]),
            (&format!("a=r.example.com/d@{digest}"), vec![&format!("r.example.com/d@{digest}")]),
            ("see r.example.com/e:1.", vec!["r.example.com/e:1"]),
            ("https://r.example.com/f:1 redis:7 library/redis:7 v1.2/x:3 /etc/x.conf:10 10.0.0.0/8", vec![]),
            ("r.example.com/no-tag r.example.com:443 user@example.com/x", vec![]),
        ] {
            assert_eq!(references(text), found, "{text}");
        }
        assert_eq!(references(&"r.example.com/a:1 ".repeat(5000)).len(), super::MAX);
    }
}
