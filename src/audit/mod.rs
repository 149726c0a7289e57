//! What somebody who approves a bundle, or looks something up in one, gets to see.

pub mod inspect;
