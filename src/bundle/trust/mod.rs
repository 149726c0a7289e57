//! Who may do what, and the one place where bytes become verified.
//!
//! | file | what it decides |
//! |---|---|
//! | `key` | what a public key is, and whether it made a signature |
//! | `secret`, `key_file` | how a secret key is kept, opened and wiped |
//! | `agent`, `line` | how a key signs that an `ssh-agent` holds, and how long a program on a socket may take |
//! | `envelope` | how signatures and payload are written (DSSE); hands out a payload only as unverified |
//! | `root`, `chain`, `root_file` | which keys may do what, from one pinned root to the newest |
//! | `change`, `difference`, `review` | what users change about a root, what that changes, and what is doubtful in one |
//! | `approval` | what approvers say about a bundle, and what the policy demands of them |
//! | `waiver` | what approvers let through although a policy would not |
//! | `verify` | from the seal to every byte: the only maker of `Verified` |
//! | `threshold` | who signed: the one function that counts, and the one way to a payload |

pub mod approval;
pub mod chain;
pub mod envelope;
pub mod error;
pub mod key;
pub mod key_file;
pub mod root;
pub mod root_diff;
mod root_draft;
pub mod root_edit;
pub mod root_file;
mod root_json;
pub mod root_lint;
mod root_validate;
pub mod secret;
pub mod threshold;
pub mod verify;
pub mod waiver;

pub use error::TrustError;

#[cfg(test)]
mod tests;
