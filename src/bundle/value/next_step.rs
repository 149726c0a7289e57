//! The next step after an error, with blanks that the command line fills in.

use std::borrow::Cow;
use std::fmt;

/// What the user named on the command line, and a library knows only by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The bundle file; `-` where it comes from a pipe.
    Bundle,
    /// The pinned root file.
    TrustRoot,
    /// The manifest that is locked and packed.
    Manifest,
    /// The directory of the site.
    Site,
}

impl Subject {
    /// The word that help texts use for it.
    #[must_use]
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Bundle => "BUNDLE",
            Self::TrustRoot => "ROOT",
            Self::Manifest => "MANIFEST",
            Self::Site => "SITE",
        }
    }
}

/// The next step after an error, in the imperative: text, and subjects that the command line fills in.
///
/// Built with [`next_step!`](crate::next_step!).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    parts: Vec<Part>,
}

/// One part of a [`NextStep`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that is printed as it is.
    Text(Cow<'static, str>),
    /// A blank that the command line fills in.
    Subject(Subject),
}

impl NextStep {
    /// Renders it with the names that `name` knows, quoted as a shell needs them, and placeholders for the others.
    #[must_use]
    pub fn render(&self, name: impl Fn(Subject) -> Option<String>) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Subject(subject) => {
                    name(*subject).map_or(Cow::Borrowed(subject.placeholder()), Cow::Owned)
                }
            })
            .collect()
    }
}

impl From<&'static str> for NextStep {
    fn from(text: &'static str) -> Self {
        Self { parts: vec![text.into()] }
    }
}

impl From<String> for NextStep {
    fn from(text: String) -> Self {
        Self { parts: vec![text.into()] }
    }
}

impl FromIterator<Part> for NextStep {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        Self { parts: parts.into_iter().collect() }
    }
}

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(|_| None))
    }
}

impl From<&'static str> for Part {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Subject> for Part {
    fn from(subject: Subject) -> Self {
        Self::Subject(subject)
    }
}

/// A [`NextStep`] of texts and [`Subject`]s: ``next_step!["see its files: `sealift ls ", Subject::Bundle, "`"]``.
#[macro_export]
macro_rules! next_step {
    ($($part:expr),+ $(,)?) => {
        [$($crate::value::next_step::Part::from($part)),+]
            .into_iter()
            .collect::<$crate::value::next_step::NextStep>()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_filled_in_or_left_as_placeholders() {
        let step = next_step!["run `sealift ls ", Subject::Bundle, " --trust ", Subject::TrustRoot, "`"];
        assert_eq!(step.to_string(), "run `sealift ls BUNDLE --trust ROOT`");
        let filled = step.render(|subject| (subject == Subject::Bundle).then(|| "a.sealift".to_owned()));
        assert_eq!(filled, "run `sealift ls a.sealift --trust ROOT`");
    }

    #[test]
    fn a_file_name_that_looks_like_a_placeholder_is_not_replaced() {
        let step = next_step![format!("run `chmod 600 {}`", "BUNDLE")];
        assert_eq!(step.render(|_| Some("x".to_owned())), "run `chmod 600 BUNDLE`");
    }
}
