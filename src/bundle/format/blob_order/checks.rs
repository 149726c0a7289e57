//! Checks across all documents, once each of them has been read.

use super::{BlobOrder, count_references, wrong};
use crate::format::error::BundleError;
use crate::format::index::IndexItem;
use crate::format::oci::OciDocument;
use std::collections::{BTreeSet, HashSet};

impl BlobOrder<'_> {
    /// Many entries that share what is below them must not make it long to walk below each.
    pub(super) fn check_references(&self) -> Result<(), BundleError> {
        let mut count = 0;
        for root in self.index.items().iter().flat_map(IndexItem::roots) {
            let (mut seen, mut stack) = (HashSet::new(), vec![root.digest]);
            while let Some(digest) = stack.pop() {
                let Some((_, document)) = self.known.get(&digest).filter(|_| seen.insert(digest)) else {
                    continue;
                };
                count = count_references(count, document)?;
                if let OciDocument::Index(children) = document {
                    stack.extend(children.iter().map(|child| child.digest));
                }
            }
        }
        Ok(())
    }

    /// A referrer must be about a document of the image that it follows, or of a referrer before it.
    pub(super) fn check_referrers(&self) -> Result<(), BundleError> {
        for item in self.index.items().iter().filter(|item| !item.referrers.is_empty()) {
            let documents = |root| self.below(root).into_iter().filter(|(.., document)| document.is_some());
            let mut known: HashSet<_> = documents(item.root).map(|(blob, ..)| blob.digest).collect();
            for referrer in &item.referrers {
                let stated = self.subjects.get(&referrer.root.digest).copied();
                if !referrer.tagged_subject().or(stated).is_some_and(|subject| known.contains(&subject)) {
                    let reason = "it refers to nothing of the image that it stands behind";
                    return Err(wrong(&referrer.root.digest, reason));
                }
                known.extend(documents(referrer.root).map(|(blob, ..)| blob.digest));
            }
        }
        Ok(())
    }

    /// An image must say of everything that its indexes list and the bundle does not have that it is withheld, and of
    /// nothing else.
    pub(super) fn check_withheld(&self) -> Result<(), BundleError> {
        for item in self.index.items().iter().filter(|_| !self.withheld.is_empty()) {
            let mut listed = BTreeSet::new();
            for (.., document) in item.roots().flat_map(|root| self.below(root)) {
                if let Some(OciDocument::Index(children)) = document {
                    let digests = children.iter().map(|child| child.digest);
                    listed.extend(digests.filter(|digest| self.withheld.contains(digest)));
                }
            }
            let withheld = item.withheld.iter().copied().collect();
            if let Some(digest) = listed.difference(&withheld).next() {
                return Err(wrong(
                    digest,
                    "one image withholds it, and another lists it and does not say so",
                ));
            }
            if let Some(digest) = withheld.difference(&listed).next() {
                return Err(wrong(digest, "it is withheld, and no index of its image lists it"));
            }
        }
        Ok(())
    }
}
