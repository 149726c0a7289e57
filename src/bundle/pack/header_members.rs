//! The members at the front of a bundle, whose sizes depend on each other.

use super::assemble::incomplete;
use super::draft::Draft;
use super::{Authority, push_member};
use crate::format::blob_order::Contents;
use crate::format::error::BundleError;
use crate::format::member::{self, blob_name, span};
use crate::format::statement::{Member, Predicate, Statement, Tool, Totals};
use crate::value::digest::Digest;

/// What the members before the blobs are made from.
pub(super) struct Front<'a> {
    pub(super) draft: &'a Draft,
    pub(super) authority: &'a Authority<'a>,
    pub(super) totals: Totals,
    pub(super) room: u64,
    pub(super) contents: &'a Contents,
    pub(super) index: &'a [u8],
    pub(super) docker: &'a [u8],
}

impl Front<'_> {
    /// The fixed members behind the statement, as they are in the file, and the statement; together with the blobs
    /// before the layers they fill the room exactly.
    pub(super) fn fit(&self) -> Result<(Vec<u8>, Vec<u8>), BundleError> {
        let verify = verify_text(self.draft);
        // The room was chosen so that every size of the reserve that can come out has as many digits as this one.
        let reserve = self.room.checked_sub(self.used(&verify, 0)?).ok_or_else(incomplete)?;
        let reserve = self.room.checked_sub(self.used(&verify, reserve)?).ok_or_else(incomplete)?;
        if self.used(&verify, reserve)? + reserve != self.room {
            return Err(incomplete());
        }
        self.members(&verify, reserve)
    }

    /// Bytes before the layers, without the content of the reserve; only the number of digits of `reserve` counts.
    fn used(&self, verify: &str, reserve: u64) -> Result<u64, BundleError> {
        let any = Digest::of(b"");
        let sums = self.sums(any, any).len() as u64;
        let members = self.listed([(sums, any), (verify.len() as u64, any), (reserve, any)]);
        let statement = statement(self.draft, self.authority, members.clone(), self.totals).encode()?.len();
        let head = [self.authority.chain.len() as u64, self.authority.seal_len(statement), statement as u64];
        let fixed = members.iter().map(|listed| if listed.name == member::RESERVE { 0 } else { listed.size });
        let blobs = self.contents.documents.iter().chain(&self.contents.configs).map(|blob| blob.size);
        Ok(head.into_iter().chain(fixed).chain(blobs).map(span).sum())
    }

    fn members(&self, verify: &str, reserve: u64) -> Result<(Vec<u8>, Vec<u8>), BundleError> {
        let zeros = vec![0; usize::try_from(reserve).map_err(|_| incomplete())?];
        let (verify_digest, zeros_digest) = (Digest::of(verify.as_bytes()), Digest::of(&zeros));
        let sums = self.sums(verify_digest, zeros_digest);
        let listed = self.listed([
            (sums.len() as u64, Digest::of(sums.as_bytes())),
            (verify.len() as u64, verify_digest),
            (reserve, zeros_digest),
        ]);
        let mut bytes = Vec::new();
        let contents =
            [sums.as_bytes(), verify.as_bytes(), &zeros, member::OCI_LAYOUT_CONTENT, self.index, self.docker];
        for (name, content) in member::FIXED.into_iter().zip(contents) {
            push_member(&mut bytes, name, content);
        }
        Ok((bytes, statement(self.draft, self.authority, listed, self.totals).encode()?))
    }

    /// The fixed members; of the first three, size and digest are given.
    fn listed(&self, first: [(u64, Digest); 3]) -> Vec<Member> {
        let last = [member::OCI_LAYOUT_CONTENT, self.index, self.docker];
        let last = last.map(|bytes| (bytes.len() as u64, Digest::of(bytes)));
        let all = first.into_iter().chain(last);
        let members = member::FIXED.into_iter().zip(all);
        members.map(|(name, (size, sha256))| Member { name: name.to_owned(), size, sha256 }).collect()
    }

    fn sums(&self, verify: Digest, reserve: Digest) -> String {
        let listed = self.listed([(0, verify), (0, verify), (0, reserve)]);
        let fixed = listed.into_iter().skip(1).map(|member| (member.name, member.sha256));
        member::sums(fixed.chain(self.contents.blobs().map(|blob| (blob_name(&blob.digest), blob.digest))))
    }
}

/// The statement about a draft and its members.
pub(super) fn statement(
    draft: &Draft,
    authority: &Authority<'_>,
    members: Vec<Member>,
    totals: Totals,
) -> Statement {
    Statement::new(Predicate {
        name: draft.name.clone(),
        version: draft.version.clone(),
        scenario: draft.scenario.clone(),
        epoch: authority.root.epoch(),
        sequence: draft.sequence,
        previous: draft.previous,
        created: draft.created,
        expires: draft.expires,
        selection: draft.selection.clone(),
        needs: draft.needs.clone(),
        root_version: authority.root.version(),
        lock: draft.lock,
        members,
        totals,
        tool: Tool { name: "sealift".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
    })
}

/// The content of `VERIFY.txt`.
pub(super) fn verify_text(draft: &Draft) -> String {
    include_str!("../VERIFY.txt").replace("@BUNDLE@", &format!("{}-{}.sealift", draft.name, draft.version))
}
