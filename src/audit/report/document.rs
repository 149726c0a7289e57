//! The content of a report before it is written as HTML, Markdown or JSON.
//!
//! Sections fill in texts, tables and figures; writers decide how they look. A text knows which of its parts come
//! from outside, so that each writer can keep those from being markup.

use super::table::Table;
use super::text::Text;
use sealift_bundle::value::timestamp::Timestamp;
use serde::Serialize;

/// On whose word something stands. The three are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Computed here, from the bytes that travel.
    Observed,
    /// Signed by someone whom the trust root knows, or signed upstream and brought along.
    Carried,
    /// Typed by someone, and not verified.
    Declared,
}

impl Basis {
    /// All of them, strongest first.
    pub const ALL: [Self; 3] = [Self::Observed, Self::Carried, Self::Declared];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Carried => "carried",
            Self::Declared => "declared",
        }
    }

    /// What the word means, for the legend.
    #[must_use]
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Observed => "computed from the bytes of the bundle when this report was written",
            Self::Carried => "signed upstream and carried in the bundle",
            Self::Declared => "declared, not proved",
        }
    }
}

/// How something is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// As it should be.
    Good,
    /// Neither good nor bad.
    Plain,
    /// Someone should look.
    Attention,
    /// Not as it should be.
    Bad,
    /// Not checked.
    Unknown,
}

impl Tone {
    /// A word that says it where there are no colours.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "in order",
            Self::Plain => "for information",
            Self::Attention => "to look at",
            Self::Bad => "not in order",
            Self::Unknown => "not checked",
        }
    }
}

/// A whole report.
#[derive(Debug, Clone, Serialize)]
pub struct ReportDocument {
    /// The bundle's name.
    pub name: String,
    /// The bundle's version.
    pub version: String,
    /// When the report was written: the only thing in it that a clock said.
    pub written: Timestamp,
    /// What wrote it.
    pub tool: String,
    /// What a reader takes away from it, in a few sentences.
    pub verdict: Vec<Sentence>,
    /// What the bundle is known by.
    pub identity: Vec<Fact>,
    /// The checks at a glance.
    pub strip: Vec<Light>,
    /// The sections, in order.
    pub sections: Vec<Section>,
    /// The command that writes every row of every table.
    pub everything: String,
}

/// A sentence, and how it is to be taken.
#[derive(Debug, Clone, Serialize)]
pub struct Sentence {
    /// How.
    pub tone: Tone,
    /// The sentence.
    pub text: Text,
}

/// One check at a glance.
#[derive(Debug, Clone, Serialize)]
pub struct Light {
    /// What was checked.
    pub title: &'static str,
    /// How it came out.
    pub tone: Tone,
    /// The result, in a word or number.
    pub value: Text,
    /// What that means, in a few words.
    pub note: Text,
    /// The section with the details.
    pub section: &'static str,
}

/// A named value.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// On whose word it stands.
    pub basis: Basis,
    /// The value.
    pub value: Text,
}

/// One part of a report.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// Its place in the page.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it holds.
    pub blocks: Vec<SectionPart>,
}

/// A piece of a section.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SectionPart {
    /// A smaller heading.
    Heading {
        /// Its words.
        text: &'static str,
    },
    /// A paragraph.
    Paragraph {
        /// Its words.
        text: Text,
    },
    /// A paragraph that stands out.
    Note {
        /// How it is to be taken.
        tone: Tone,
        /// Its words.
        text: Text,
    },
    /// A check that did not run.
    Unchecked {
        /// What is not known for that.
        text: Text,
        /// The command that would check it.
        command: Option<String>,
    },
    /// Named values.
    Facts {
        /// The values.
        facts: Vec<Fact>,
    },
    /// A table.
    Table(Table),
    /// Shares of a whole; a table that says the same follows.
    Stack(Stack),
    /// Areas within a whole; a table that says the same follows.
    Map(Map),
    /// Points in time; a table that says the same follows.
    Timeline(Timeline),
    /// What to type into a terminal.
    Commands {
        /// The lines.
        lines: Vec<String>,
    },
    /// Lines of a text from outside, each with a sign for what became of it.
    Lines {
        /// Whose they are.
        title: Text,
        /// The lines.
        lines: Vec<String>,
    },
}

/// Colours of figures: one for each thing that a figure tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Hue {
    /// Images, and layers.
    One,
    /// Documents.
    Two,
    /// Configurations.
    Three,
    /// Files.
    Four,
    /// The seal.
    Five,
    /// Lists of what is there.
    Six,
    /// What only holds it together.
    Zero,
}

/// Shares of a whole.
#[derive(Debug, Clone, Serialize)]
pub struct Stack {
    /// What is shown.
    pub title: &'static str,
    /// The shares: name, bytes, colour.
    pub parts: Vec<(&'static str, u64, Hue)>,
}

/// Areas within a whole.
#[derive(Debug, Clone, Serialize)]
pub struct Map {
    /// What is shown.
    pub title: &'static str,
    /// The areas, largest first.
    pub groups: Vec<ReportGroup>,
}

/// An area of a map, and the areas in it.
#[derive(Debug, Clone, Serialize)]
pub struct ReportGroup {
    /// What it is.
    pub label: String,
    /// Its colour.
    pub hue: Hue,
    /// Its parts: name and bytes, largest first.
    pub parts: Vec<(String, u64)>,
}

/// Points in time.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    /// What is shown.
    pub title: &'static str,
    /// The points, earliest first: seconds since 1970, the day as text, what happened, and on whose word.
    pub events: Vec<TimelineEvent>,
}

/// A point in time.
#[derive(Debug, Clone, Serialize)]
pub struct TimelineEvent {
    /// Seconds since 1970.
    pub second: i64,
    /// The time as text.
    pub when: String,
    /// What happened.
    pub what: Text,
    /// On whose word.
    pub basis: Basis,
}
