//! Programs that sealift asks over a socket and does not trust: an `ssh-agent` that signs, and `clamd` that scans.

#[cfg(feature = "agent")]
pub mod agent;
#[cfg(feature = "clamd")]
pub mod clamd;
#[cfg(any(feature = "agent", feature = "clamd"))]
mod deadline;
