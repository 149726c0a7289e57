//! An image reference whose registry, repository, tag and digest are separate values.

use crate::lint::document::DocumentNode;

/// A reference in parts, as Helm values have it.
pub(in crate::lint) struct ReferenceParts {
    pub(in crate::lint) registry: Option<String>,
    pub(in crate::lint) repository: String,
    pub(in crate::lint) tag: Option<String>,
    pub(in crate::lint) digest: Option<String>,
}

impl ReferenceParts {
    /// The parts in a map: `repository`, or `image` beside a `registry` or `tag` (ingress-nginx).
    pub(in crate::lint) fn of(node: &DocumentNode) -> Option<Self> {
        Self::from(|key| node.get(key))
    }

    /// The parts in a map below `image` that calls the repository `name`, as `CloudNativePG` and kustomize do.
    pub(super) fn named(node: &DocumentNode) -> Option<Self> {
        let text = |key: &str| node.get(key).and_then(DocumentNode::text).filter(|text| !text.is_empty());
        let is_parts = ["tag", "digest", "registry"].iter().any(|key| text(key).is_some());
        let repository = text("name").filter(|_| is_parts)?.to_owned();
        let owned = |key: &str| text(key).map(str::to_owned);
        Some(Self { registry: owned("registry"), repository, tag: owned("tag"), digest: owned("digest") })
    }

    /// The parts that `get` knows by their keys.
    pub(in crate::lint) fn from<'a>(get: impl Fn(&str) -> Option<&'a DocumentNode>) -> Option<Self> {
        let any = |key: &str| get(key).and_then(DocumentNode::text);
        let text = |key: &str| any(key).filter(|text| !matches!(*text, "" | "null" | "~")).map(str::to_owned);
        let is_parts = ["tag", "digest", "registry", "pullPolicy"].iter().any(|key| any(key).is_some());
        let repository = text("repository").or_else(|| text("image").filter(|_| is_parts))?;
        // The address of a chart repository is none of an image.
        let is_image = !repository.contains("://") && (is_parts || repository.contains('/'));
        is_image.then(|| Self {
            registry: text("registry"),
            repository,
            tag: text("tag"),
            digest: text("digest"),
        })
    }

    /// The reference; `registry` and `version` are in for what is missing. Nothing where there is no tag at all.
    pub(in crate::lint) fn joined(&self, registry: Option<&str>, version: Option<&str>) -> Option<String> {
        let front = registry.or(self.registry.as_deref()).map(|r| format!("{r}/")).unwrap_or_default();
        let last = self.repository.rsplit('/').next().unwrap_or_default();
        let tag =
            self.tag.as_deref().or(if last.contains(':') || self.digest.is_some() { None } else { version });
        if tag.is_none() && self.digest.is_none() && !last.contains(':') {
            return None;
        }
        let tag =
            tag.map(|tag| if tag.starts_with("sha256:") { format!("@{tag}") } else { format!(":{tag}") });
        let digest = self.digest.as_deref().filter(|_| !tag.as_ref().is_some_and(|tag| tag.contains('@')));
        let digest = digest.map(|digest| format!("@{digest}"));
        Some(format!("{front}{}{}{}", self.repository, tag.unwrap_or_default(), digest.unwrap_or_default()))
    }
}
