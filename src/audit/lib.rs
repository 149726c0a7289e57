//! Everything that shows what is in a bundle: layers, packages, analysis, SBOM, differences, policies, reports,
//! malware scans and fleets.

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
