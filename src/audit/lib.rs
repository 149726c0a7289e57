//! What someone who approves a bundle, looks something up in one, or is about to pack one gets to see.

pub mod account;
pub mod analysis;
pub mod codes;
pub mod components;
pub mod diff;
pub mod finding;
pub mod fleet;
pub mod layer;
pub mod packages;
pub mod policy;
pub mod report;
pub mod rules;
pub mod sbom;
pub mod scan;
pub mod secrets;
pub mod vulnerability;
