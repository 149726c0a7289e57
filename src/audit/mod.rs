//! What somebody who approves a bundle, looks something up in one, or is about to pack one gets to see.

pub mod census;
pub mod components;
pub mod diff;
pub mod html;
pub mod inspect;
pub mod layer;
pub mod lint;
pub mod packages;
pub mod policy;
pub mod sbom;
pub mod scan;
pub mod vulnerability;
