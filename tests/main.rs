//! One test binary, so that there is one link on a small machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::print_stdout,
    clippy::type_complexity,
    unreachable_pub,
    reason = "a test that cannot go on should stop where it stands"
)]

#[cfg(feature = "agent")]
mod agent;
#[cfg(feature = "connected")]
mod analyze;
#[cfg(feature = "connected")]
mod auditor_findings;
mod bounds_findings;
mod check;
mod checking_without_us;
mod cli;
mod diff;
mod doctor;
#[cfg(feature = "encryption")]
mod encryption;
#[cfg(feature = "encryption")]
mod encryption_sites;
mod environment;
mod environment_media;
mod environment_power;
mod evidence;
mod fleet;
mod forge;
mod format_doc;
mod format_findings;
mod hostile_documents;
mod hostile_frames;
mod hostile_seals;
mod hostile_streams;
mod hostile_trees;
mod images_findings;
mod init;
mod mission_partner;
mod offline;
#[cfg(feature = "connected")]
mod policy;
mod readme;
mod registry;
mod rendering;
mod report;
mod roundtrip;
mod rule_tables;
#[cfg(feature = "registry")]
mod sbom_carried;
#[cfg(feature = "clamd")]
mod scan;
mod scenarios;
#[cfg(feature = "registry")]
mod serve;
mod shape;
mod site;
mod site_faults;
mod site_findings;
#[cfg(feature = "connected")]
mod sources;
#[cfg(feature = "connected")]
mod sources_findings;
mod support;
mod tamper;
#[cfg(feature = "registry")]
mod trust_findings;
mod trust_life;
mod vector_carriers;
mod vector_cases;
mod vector_choices;
mod vector_documents;
mod vector_images;
mod vector_judges;
mod vector_records;
mod vector_roots;
mod vector_rules;
mod vector_signatures;
mod vector_trees;
mod vector_writer;
mod vectors;
