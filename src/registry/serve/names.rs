//! The repository names under which an image is served.

use sealift_bundle::value::image_name::ImageName;

/// The registry that a reference without one means, for all engines that know short names.
const DOCKER: &str = "docker.io";

/// The names of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServedNames {
    /// With the registry that the image came from: `registry.example.com/team/app`. The first is the one to show.
    pub full: Vec<String>,
    /// Without it: `team/app`.
    pub short: Vec<String>,
    /// The tag, if the image has one; `latest` where its reference has neither tag nor digest.
    pub tag: Option<String>,
}

impl ServedNames {
    /// The names that follow from a reference.
    pub(super) fn of(reference: &ImageName) -> Self {
        let registry = reference.registry().unwrap_or(DOCKER);
        let path = reference.path();
        let mut short = vec![path.to_owned()];
        if registry == DOCKER {
            match path.strip_prefix("library/") {
                Some(official) if !official.contains('/') => short.push(official.to_owned()),
                None if !path.contains('/') => short.push(format!("library/{path}")),
                Some(_) | None => {}
            }
        }
        let full = short.iter().map(|path| format!("{registry}/{path}")).collect();
        let tag = match (reference.tag(), reference.digest()) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, None) => Some("latest".to_owned()),
            (None, Some(_)) => None,
        };
        Self { full, short, tag }
    }
}

#[cfg(test)]
mod tests {
    use super::ServedNames;

    #[test]
    fn an_image_has_its_name_with_and_without_the_registry() {
        for (reference, full, short, tag) in [
            ("registry.example.com/team/app:1.2", "registry.example.com/team/app", "team/app", Some("1.2")),
            ("localhost:5000/a:b", "localhost:5000/a", "a", Some("b")),
            ("team/app", "docker.io/team/app", "team/app", Some("latest")),
            (
                "docker.io/nginx:1",
                "docker.io/nginx docker.io/library/nginx",
                "nginx library/nginx",
                Some("1"),
            ),
            (
                "docker.io/library/nginx:1",
                "docker.io/library/nginx docker.io/nginx",
                "library/nginx nginx",
                Some("1"),
            ),
            ("nginx:1", "docker.io/nginx docker.io/library/nginx", "nginx library/nginx", Some("1")),
            ("quay.io/nginx:1", "quay.io/nginx", "nginx", Some("1")),
        ] {
            let names = ServedNames::of(&reference.parse().unwrap());
            assert_eq!((names.full.join(" ").as_str(), names.short.join(" ").as_str()), (full, short));
            assert_eq!(names.tag.as_deref(), tag);
        }
        let pinned = format!("a.example/b@sha256:{}", "0".repeat(64));
        assert_eq!(ServedNames::of(&pinned.parse().unwrap()).tag, None);
    }
}
