//! Registries: Debian's, and one that does what a script says.

mod consumers;
mod cutting;
mod engine;
mod faulty;
mod front;
mod images;
mod listening;
mod load;
mod publish;
mod pull;
mod pull_secret;
mod real;
mod referring;
mod runnable;
mod scripted;
mod secrets;
mod tool;
mod uploads;
