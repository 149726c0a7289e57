//! Clients of untrusted programs behind a socket: an `ssh-agent` that signs, and `clamd` that scans.

#[cfg(feature = "agent")]
pub mod agent;
#[cfg(feature = "clamd")]
pub mod clamd;
#[cfg(any(feature = "agent", feature = "clamd"))]
mod deadline;
