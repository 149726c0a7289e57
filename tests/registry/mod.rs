//! Registries: Debian's, and one that does what a script says.

mod cutting;
mod faulty;
mod images;
mod pull;
mod pull_secret;
mod real;
mod referring;
mod scripted;
mod secrets;
mod tool;
