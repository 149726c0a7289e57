//! Who may do what, and the one place where bytes become believed.
//!
//! | file | what it decides |
//! |---|---|
//! | `key` | what a public key is, and whether it made a signature |
//! | `secret`, `key_file` | how a secret key is kept, opened and wiped |
//! | `envelope` | how signatures and payload are written (DSSE); hands out no payload |
//! | `approval` | what approvers say about a bundle, and what the policy demands of them |
//! | `root`, `chain` | which keys may do what, from one pinned root to the newest |
//! | `verify` | from the seal to every byte: the only maker of `Verified` |
//! | `threshold` | who signed: the one function that counts, and the one way to a payload |

pub mod approval;
pub mod chain;
pub mod envelope;
pub mod error;
pub mod key;
pub mod key_file;
pub mod root;
mod root_form;
mod root_rules;
pub mod secret;
mod terms;
pub mod threshold;
pub mod verify;

pub use error::TrustError;

#[cfg(test)]
mod tests;
