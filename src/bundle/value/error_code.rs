//! Error codes with their class, explanation and exit code.

use super::next_step::NextStep;
use std::fmt;
use std::process::ExitCode;

/// The kind of an error, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The operation failed: disk, network, permission. Exit code 1.
    Failed,
    /// The command line, the manifest or a named file is wrong. Exit code 2.
    Usage,
    /// Verification failed: signature, digest, policy, format. Exit code 3.
    Rejected,
    /// Verified, but with findings or differences. Exit code 4.
    Findings,
    /// Something that is needed is missing, or was not compared. Exit code 5.
    Incomplete,
    /// Interrupted by the user; nothing is half-written. Exit code 130.
    Interrupted,
}

impl Class {
    /// The exit code of the process.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Rejected => 3,
            Self::Findings => 4,
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

/// An error with a stable code and a next step.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// The stable code of the error.
    fn code(&self) -> Code;

    /// The next step, if there is one.
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
    /// Creates a row of a table of codes.
    #[must_use]
    pub const fn new(text: &'static str, class: Class, explanation: &'static str) -> Self {
        Self { text, class, explanation }
    }

    /// The code as text, like `bundle.digest`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.text
    }

    /// The kind of the error.
    #[must_use]
    pub const fn class(self) -> Class {
        self.class
    }

    /// The text of `sealift explain`.
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
