//! Error codes with their class, explanation and exit code.

use super::next_step::NextStep;
use std::fmt;
use std::process::ExitCode;

/// What a caller can do about an error; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It could not be done: disk, network, permission. Exit code 1.
    CouldNot,
    /// Wrong use: flags, manifest, a file missing by name. Exit code 2.
    WrongUse,
    /// Rejected: signature, digest, policy, format. Exit code 3.
    NotBelieved,
    /// Verified, but not as wanted: findings, differences. Exit code 4.
    NotAsWanted,
    /// Incomplete: a volume or the base is missing. Exit code 5.
    Incomplete,
    /// Interrupted by the user; nothing is half-written. Exit code 130.
    Interrupted,
}

impl Class {
    /// The exit code of the process.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::CouldNot => 1,
            Self::WrongUse => 2,
            Self::NotBelieved => 3,
            Self::NotAsWanted => 4,
            Self::Incomplete => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Class> for ExitCode {
    fn from(class: Class) -> Self {
        Self::from(class.exit())
    }
}

/// An error that the user or a script can act on.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// Its code, which scripts may rely on.
    fn code(&self) -> Code;

    /// The next step, as a command or an action, where one is known.
    fn hint(&self) -> Option<NextStep>;
}

/// A stable, dotted error code; each crate declares its own with [`codes!`](crate::codes!).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    text: &'static str,
    class: Class,
    explanation: &'static str,
}

impl Code {
    /// A row of a table of codes.
    #[must_use]
    pub const fn new(text: &'static str, class: Class, explanation: &'static str) -> Self {
        Self { text, class, explanation }
    }

    /// The code as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.text
    }

    /// What a caller can do about it.
    #[must_use]
    pub const fn class(self) -> Class {
        self.class
    }

    /// What it means and what to do, for `sealift explain`.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        self.explanation
    }
}

/// Declares the error codes of a crate: a constant each, and `ALL` of them in the order of the table.
#[macro_export]
macro_rules! codes {
    ($($name:ident $text:literal $class:ident $explanation:literal)*) => {
        $(
            #[doc = $explanation]
            pub const $name: $crate::value::error_code::Code = $crate::value::error_code::Code::new(
                $text,
                $crate::value::error_code::Class::$class,
                $explanation,
            );
        )*

        /// Every code of this crate.
        pub const ALL: &[$crate::value::error_code::Code] = &[$($name),*];
    };
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text)
    }
}
