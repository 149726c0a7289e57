//! The catalog of a set of opened bundles: repositories, tags, manifests, blobs, referrers.
//!
//! Built once, at the start, from verified documents, and only read afterwards.

use super::document::{Announced, ServedDocument, announced};
use super::error::ServeError;
use super::names::ServedNames;
use sealift_bundle::format::blob_order::ImageParts;
use sealift_bundle::format::index::Blob;
use sealift_bundle::format::oci::ReferrerEntry;
use sealift_bundle::trust::verify::OpenBundle;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::limits::Limits;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A bundle that is served, with its name and version as one word.
pub(super) struct ServedBundle {
    /// `NAME-VERSION`.
    pub key: String,
    /// Its file.
    pub place: OpenBundle<'static>,
}

/// Everything that can be pulled.
#[derive(Default)]
pub(super) struct Catalog {
    repositories: BTreeMap<String, ServedRepository>,
    held: HashMap<Digest, HeldBundle>,
    /// Documents by what they are about.
    about: HashMap<Digest, Vec<Digest>>,
    /// What is allowed, and should be said all the same.
    pub warnings: Vec<String>,
}

/// A blob, and in place.
pub(super) struct HeldBundle {
    /// The number of its bundle.
    pub bundle: usize,
    /// Digest and size.
    pub blob: Blob,
    /// For manifests and indexes: what they say.
    pub document: Option<ServedDocument>,
}

#[derive(Default)]
pub(super) struct ServedRepository {
    tags: BTreeMap<String, TagClaim>,
    members: HashSet<Digest>,
}

/// What a tag means, and who says so.
#[derive(Clone, Copy)]
struct TagClaim {
    bundle: usize,
    digest: Digest,
    /// Two images have this short name, so it means neither.
    ambiguous: bool,
    /// The name includes the registry.
    full: bool,
}

/// A part of a sorted list: at most `count` names behind `last`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ListPage {
    /// The most that are wanted; all if nothing is said.
    pub count: Option<usize>,
    /// The name behind which the part begins.
    pub last: Option<String>,
}

/// A tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    /// A tag.
    Tag(String),
    /// A digest.
    Digest(Digest),
}

impl Catalog {
    /// What these bundles offer together; reads every document of theirs once.
    pub(super) fn of(bundles: &[ServedBundle], limits: &Limits) -> Result<Self, ServeError> {
        let mut catalog = Self::default();
        let mut images = Vec::new();
        for (number, bundle) in bundles.iter().enumerate() {
            for contents in &bundle.place.contents.items {
                let (Some(reference), ImageParts::Image { blobs, .. }) =
                    (&contents.item.reference, &contents.parts)
                else {
                    continue;
                };
                catalog.hold(number, bundle, &contents.item.media_type, contents.item.root, limits)?;
                images.push((number, ServedNames::of(reference), contents.item.root.digest, blobs));
                for referrer in &contents.item.referrers {
                    catalog.hold(number, bundle, &referrer.media_type, referrer.root, limits)?;
                    if referrer.tag.is_some() {
                        let names = ServedNames { tag: referrer.tag.clone(), ..ServedNames::of(reference) };
                        images.push((number, names, referrer.root.digest, blobs));
                    }
                }
            }
        }
        // All names with a registry first: a short name never is in the way of a full one.
        for (bundle, names, digest, blobs) in &images {
            let claim = TagClaim { bundle: *bundle, digest: *digest, ambiguous: false, full: true };
            for name in &names.full {
                catalog.offer(bundles, name, names.tag.as_deref(), claim, blobs)?;
            }
        }
        for (bundle, names, digest, blobs) in &images {
            let claim = TagClaim { bundle: *bundle, digest: *digest, ambiguous: false, full: false };
            for name in &names.short {
                catalog.offer(bundles, name, names.tag.as_deref(), claim, blobs)?;
            }
        }
        catalog.bring_referrers();
        Ok(catalog)
    }

    /// Takes up an image's documents and the blobs they announce.
    fn hold(
        &mut self,
        number: usize,
        bundle: &ServedBundle,
        media_type: &str,
        root: Blob,
        limits: &Limits,
    ) -> Result<(), ServeError> {
        let mut stack = vec![(media_type.to_owned(), root)];
        while let Some((media_type, blob)) = stack.pop() {
            if self.held.get(&blob.digest).is_some_and(|held| held.document.is_some()) {
                continue;
            }
            let bytes = bundle.place.document(blob)?;
            let Announced { about, documents, blobs } = announced(&media_type, blob, &bytes, limits)?;
            for part in blobs {
                self.held.entry(part.digest).or_insert(HeldBundle {
                    bundle: number,
                    blob: part,
                    document: None,
                });
            }
            if let Some(subject) = about.subject {
                self.about.entry(subject).or_default().push(blob.digest);
            }
            self.held.insert(blob.digest, HeldBundle { bundle: number, blob, document: Some(about) });
            // What an index lists and the bundle does not have was left out when it was locked.
            stack.extend(documents.into_iter().filter(|(_, blob)| bundle.place.blob(&blob.digest).is_some()));
        }
        Ok(())
    }

    fn offer(
        &mut self,
        bundles: &[ServedBundle],
        name: &str,
        tag: Option<&str>,
        claim: TagClaim,
        blobs: &[Blob],
    ) -> Result<(), ServeError> {
        let repository = self.repositories.entry(name.to_owned()).or_default();
        repository.members.extend(blobs.iter().map(|blob| blob.digest));
        let Some(tag) = tag else { return Ok(()) };
        let Some(other) = repository.tags.get_mut(tag) else {
            repository.tags.insert(tag.to_owned(), claim);
            return Ok(());
        };
        if other.digest == claim.digest {
            return Ok(());
        }
        let key = |number: usize| bundles.get(number).map(|bundle| bundle.key.clone()).unwrap_or_default();
        match (other.full, claim.full) {
            (true, true) => Err(ServeError::Conflict {
                name: format!("{name}:{tag}"),
                one: other.digest.to_string(),
                first: key(other.bundle),
                other: claim.digest.to_string(),
                second: key(claim.bundle),
            }),
            (true, false) => Ok(()),
            (false, _) => {
                if !other.ambiguous {
                    other.ambiguous = true;
                    self.warnings.push(format!(
                        "`{name}:{tag}` is not offered: images of two registries have that name; pull them with \
                         their registry in front"
                    ));
                }
                Ok(())
            }
        }
    }

    /// Makes what is about a member of a repository a member as well, and what is about that.
    fn bring_referrers(&mut self) {
        for repository in self.repositories.values_mut() {
            let mut pending: Vec<Digest> = repository.members.iter().copied().collect();
            while let Some(digest) = pending.pop() {
                let parts = self.held.get(&digest).and_then(|held| held.document.as_ref());
                let parts = parts.map(|about| about.parts.as_slice()).unwrap_or_default();
                let about = self.about.get(&digest).map(Vec::as_slice).unwrap_or_default();
                let new = parts.iter().chain(about).filter(|new| repository.members.insert(**new));
                pending.extend(new);
            }
        }
    }

    /// The repository of that name; `origin` is the registry it stands for, when the client says so.
    pub(super) fn repository(&self, name: &str, origin: Option<&str>) -> Option<&ServedRepository> {
        match origin {
            // Never the short name: it may be that of another registry.
            Some(origin) => self.repositories.get(&format!("{origin}/{name}")),
            None => self.repositories.get(name),
        }
    }

    /// The names of all repositories that can be asked for, sorted.
    ///
    /// A registry with a port makes names with a colon, which the grammar of repositories does not have: those answer
    /// only to a client that names the registry.
    pub(super) fn names(&self, page: &ListPage) -> (Vec<&str>, bool) {
        part(self.repositories.keys().map(String::as_str).filter(|name| !name.contains(':')), page)
    }

    /// A blob of a repository.
    pub(super) fn blob(&self, repository: &ServedRepository, digest: &Digest) -> Option<&HeldBundle> {
        repository.members.get(digest).and_then(|digest| self.held.get(digest))
    }

    /// A manifest or index of a repository.
    pub(super) fn manifest(
        &self,
        repository: &ServedRepository,
        reference: &Reference,
    ) -> Option<(&HeldBundle, &ServedDocument)> {
        let digest = match reference {
            Reference::Tag(tag) => repository.tags.get(tag).filter(|claim| !claim.ambiguous)?.digest,
            Reference::Digest(digest) => *digest,
        };
        let held = self.blob(repository, &digest)?;
        Some((held, held.document.as_ref()?))
    }

    /// Documents whose `subject` is this digest, by their digests.
    pub(super) fn referrers(&self, subject: &Digest) -> Vec<ReferrerEntry> {
        let digests = self.about.get(subject).map(Vec::as_slice).unwrap_or_default();
        let held = digests.iter().filter_map(|digest| self.held.get(digest));
        let mut found: Vec<_> =
            held.filter_map(|held| Some(held.document.as_ref()?.referring.clone())).collect();
        found.sort_by(|one, other| one.digest.bytes().cmp(other.digest.bytes()));
        found
    }

    /// The name and tag by which an image is best pulled: short where that is not ambiguous.
    pub(super) fn pull_name(&self, reference: &ImageName) -> (String, Option<String>) {
        let names = ServedNames::of(reference);
        let short = names.short.first().cloned().unwrap_or_default();
        let full = names.full.first().cloned().unwrap_or_default();
        let Some(tag) = names.tag else { return (short, None) };
        let claim = |name: &str| self.repositories.get(name).and_then(|found| found.tags.get(&tag));
        let same = match (claim(&short), claim(&full)) {
            (Some(short), Some(full)) => short.digest == full.digest && !short.ambiguous,
            (None, _) | (_, None) => false,
        };
        (if same { short } else { full }, Some(tag))
    }
}

impl ServedRepository {
    /// Its tags, sorted by their bytes.
    pub(super) fn tags(&self, page: &ListPage) -> (Vec<&str>, bool) {
        let offered = self.tags.iter().filter(|(_, claim)| !claim.ambiguous);
        part(offered.map(|(tag, _)| tag.as_str()), page)
    }
}

/// A part of sorted names, and whether there are more behind it.
fn part<'a>(names: impl Iterator<Item = &'a str>, page: &ListPage) -> (Vec<&'a str>, bool) {
    let mut names = names.filter(|name| page.last.as_deref().is_none_or(|last| *name > last));
    let found: Vec<_> = names.by_ref().take(page.count.unwrap_or(usize::MAX)).collect();
    let more = page.count != Some(0) && names.next().is_some();
    (found, more)
}

#[cfg(test)]
mod tests {
    use super::{ListPage, part};

    #[test]
    fn pages_of_a_list() {
        let all = ["a", "b", "c"];
        for (count, last, expected, more) in [
            (None, None, "abc", false),
            (Some(2), None, "ab", true),
            (Some(3), None, "abc", false),
            (Some(2), Some("b"), "c", false),
            (Some(1), Some("aa"), "b", true),
            (Some(0), None, "", false),
            (None, Some("c"), "", false),
        ] {
            let page = ListPage { count, last: last.map(str::to_owned) };
            assert_eq!(
                part(all.into_iter(), &page),
                (expected.split("").filter(|c| !c.is_empty()).collect(), more)
            );
        }
    }
}
