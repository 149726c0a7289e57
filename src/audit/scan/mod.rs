//! Feeding everything in a bundle to the malware scanner of a site, and the account of what that engine saw.
//!
//! sealift knows no malware. It opens what the engine would have to open, hands over each leaf by itself and below the
//! engine's limits, and writes down which bytes were seen and which were not. Nothing is decompressed that the seal does
//! not certify, and nothing is written, except the one file that an engine is asked about by its name.

mod archives;
mod command;
mod engine;
mod error;
mod ledger;
mod queue;
mod self_test;
mod stream;
mod walk;

pub use archives::Bounds;
pub use command::Command;
pub use engine::{CommandWords, EngineArg, Opening, ScanAnswer, Scanner, ScannerIdentity, first_line};
pub use error::ScanError;
pub use ledger::{Count, FoundMalware, Ledger, LedgerPart, ScanAccount, ScanOutcome, Unopened, Unseen};
pub use self_test::{Answered, SelfTest, SelfTestRow, TestMarker, self_test};
pub use walk::scan;

use sealift_bundle::value::timestamp::Timestamp;

/// How a scan is done.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// How many archives within each other are opened.
    pub depth: u32,
    /// Bytes of the largest leaf that the scanner is asked about.
    pub max_size: u64,
    /// How many leaves are looked at at once.
    pub threads: usize,
    /// What opening archives may cost.
    pub bounds: Bounds,
    /// What the clock says, asked at the beginning and at the end.
    pub clock: &'a dyn Fn() -> Timestamp,
}

/// Archives within each other that may be asked for: each one that is open takes memory.
pub const DEEPEST: u32 = 8;
