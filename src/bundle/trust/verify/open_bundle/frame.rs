//! Reads files of trees piece by piece, for servers with many slow clients.

use super::{OpenBundle, missing};
use crate::format::BundleError;
use crate::format::entry::{Entry, Node};
use crate::format::frame::Decoder;
use crate::format::inventory::Inventory;
use crate::format::member_reader::{self, same_digest};
use crate::format::tree;
use crate::trust::TrustError;
use crate::trust::verify::Verified;
use crate::value::digest::Digest;
use std::ops::Range;

/// Where a part of a file is: the number of a frame, and the bytes in it.
pub type FramePart = (usize, Range<usize>);

impl OpenBundle<'_> {
    /// The parts that a file of a tree consists of, in order.
    pub fn parts(&self, inventory: &Inventory, entry: &Entry) -> Result<Vec<FramePart>, TrustError> {
        let Node::File { size, .. } = entry.node else { return Err(missing(entry.path.as_str()).into()) };
        let (starts, _) = inventory.tree.positions();
        let number = inventory.tree.entries().iter().position(|other| other == entry);
        let start =
            number.and_then(|number| starts.get(number)).ok_or_else(|| missing(entry.path.as_str()))?;
        let body = start + tree::head(entry).len() as u64;
        let body = body..body + size;
        let (mut at, mut parts) = (0, Vec::new());
        for (number, frame) in inventory.frames.iter().enumerate() {
            let here = at..at + frame.size;
            at = here.end;
            let wanted = body.start.max(here.start)..body.end.min(here.end);
            if !wanted.is_empty() {
                let inside = |at: u64| usize::try_from(at - here.start).unwrap_or(usize::MAX);
                parts.push((number, inside(wanted.start)..inside(wanted.end)));
            }
        }
        Ok(parts)
    }

    /// What a frame of the tree called `name` holds; compared with its digest before it is decoded.
    pub fn frame(
        &self,
        name: &str,
        inventory: &Verified<Inventory>,
        number: usize,
    ) -> Result<Verified<Vec<u8>>, TrustError> {
        let frame_name = format!("frame {number} of `{name}`");
        let (Some((_, layer)), Some(frame)) = (self.tree(name), inventory.frames.get(number)) else {
            return Err(missing(&frame_name).into());
        };
        let at = self.place(&layer.digest)?.start + frame.offset;
        let stored = member_reader::bytes_at(&self.file, &frame_name, at, frame.stored)?;
        same_digest(&frame_name, frame.sha256, Digest::of(&stored))?;
        let memory = |source| BundleError::Read { what: "memory for decoding".to_owned(), source };
        let mut decoder = Decoder::new().map_err(memory)?;
        let content = decoder.decode(&stored, frame.size, self.conditions.limits);
        let wrong = |reason| BundleError::Frame { layer: format!("`{name}`"), number, reason };
        Ok(Verified(content.map_err(wrong)?))
    }
}
