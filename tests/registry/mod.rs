//! Registries: Debian's, and one that does what a script says.

mod consumers;
mod cutting;
pub mod engine;
mod faulty;
mod findings;
mod findings_load;
mod front;
pub mod images;
mod listening;
pub mod load;
mod odd;
mod publish;
pub mod pull;
mod pull_secret;
pub mod real;
mod referring;
pub mod runnable;
pub mod scripted;
mod secrets;
mod tool;
mod uploads;
