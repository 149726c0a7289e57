//! What a report says, before it is written as a page, as Markdown or as JSON.
//!
//! Sections put their words, tables and figures together here; how they look is the business of the writers. A text
//! knows which of its pieces are words of this program and which come from outside, so that each writer can keep the
//! latter from being anything but text.

use crate::value::moment::Moment;
use serde::{Serialize, Serializer};

/// Rows that a table keeps; how many there are is counted beyond it.
pub const ROWS: usize = 20_000;

/// On whose word something stands. The three are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Computed here, from the bytes that travel.
    Observed,
    /// Signed by somebody whom the trust root knows, or signed upstream and brought along.
    Carried,
    /// Typed by somebody, and believed by nobody for that.
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
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Observed => "computed while this report was made, from the bytes that travel",
            Self::Carried => "signed by somebody, and brought along with the bundle",
            Self::Declared => "typed by somebody; nothing here proves it",
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
    /// Somebody should look.
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

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Words of this program, and numbers.
    Say(String),
    /// As `Say`, and important.
    Strong(String),
    /// Text from outside.
    Out(String),
    /// Text from outside that was made printable where it was found.
    Shown(String),
    /// Text of a machine: a path, a digest, a command. From outside as well.
    Code(String),
}

impl Span {
    /// What is written, as it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Say(text) | Self::Strong(text) | Self::Out(text) | Self::Shown(text) | Self::Code(text) => {
                text
            }
        }
    }
}

/// Text made of pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Span>);

/// Words of this program.
#[must_use]
pub fn say(words: impl Into<String>) -> Text {
    Text::default().say(words)
}

/// Text from outside.
#[must_use]
pub fn out(text: impl Into<String>) -> Text {
    Text::default().out(text)
}

/// Text of a machine.
#[must_use]
pub fn code(text: impl Into<String>) -> Text {
    Text::default().code(text)
}

/// Text from outside that was made printable where it was found.
#[must_use]
pub fn shown(text: impl Into<String>) -> Text {
    Text(vec![Span::Shown(text.into())])
}

impl Text {
    /// Adds words of this program.
    #[must_use]
    pub fn say(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Say(words.into()));
        self
    }

    /// Adds important words of this program.
    #[must_use]
    pub fn strong(mut self, words: impl Into<String>) -> Self {
        self.0.push(Span::Strong(words.into()));
        self
    }

    /// Adds text from outside.
    #[must_use]
    pub fn out(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Out(text.into()));
        self
    }

    /// Adds text of a machine.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Code(text.into()));
        self
    }

    /// Adds another text.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds these texts with commas between them; `none` where there are none.
    #[must_use]
    pub fn list<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>, none: &str) -> Self {
        let before = self.0.len();
        for text in texts {
            if self.0.len() > before {
                self = self.say(", ");
            }
            self = self.out(text);
        }
        if self.0.len() == before && !none.is_empty() { self.say(none) } else { self }
    }

    /// True when there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|span| span.as_str().is_empty())
    }
}

impl Serialize for Text {
    /// As one string, as it is: JSON escapes by itself.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iter().map(Span::as_str).collect::<String>())
    }
}

/// A whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// The bundle's name.
    pub name: String,
    /// The bundle's version.
    pub version: String,
    /// When the report was written: the only thing in it that a clock said.
    pub written: Moment,
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
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Block {
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

/// A table; its first column names the row.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// What it shows.
    pub caption: &'static str,
    /// On whose word it stands; columns say it where it differs among them.
    pub basis: Option<Basis>,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, at most [`ROWS`].
    pub rows: Vec<Vec<Cell>>,
    /// How many rows there are, also those beyond.
    pub total: u64,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Whether it holds numbers, which stand at the right.
    pub number: bool,
    /// On whose word it stands, where that is not said of the table.
    pub basis: Option<Basis>,
}

/// A cell of a table.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Cell {
    /// What stands in it.
    pub text: Text,
    /// How it is to be taken.
    #[serde(skip)]
    pub tone: Tone,
    /// The colour of a figure that the row explains.
    #[serde(skip)]
    pub hue: Option<Hue>,
    /// On whose word the row stands, in the column that says it.
    #[serde(skip)]
    pub basis: Option<Basis>,
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
    pub groups: Vec<Group>,
}

/// An area of a map, and the areas in it.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
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
    pub events: Vec<Event>,
}

/// A point in time.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Seconds since 1970.
    pub second: i64,
    /// The time as text.
    pub when: String,
    /// What happened.
    pub what: Text,
    /// On whose word.
    pub basis: Basis,
}

impl Column {
    /// A column of text.
    #[must_use]
    pub const fn text(title: &'static str) -> Self {
        Self { title, number: false, basis: None }
    }

    /// A column of numbers.
    #[must_use]
    pub const fn number(title: &'static str) -> Self {
        Self { title, number: true, basis: None }
    }

    /// Says on whose word it stands.
    #[must_use]
    pub const fn on(self, basis: Basis) -> Self {
        Self { basis: Some(basis), ..self }
    }
}

impl From<Text> for Cell {
    fn from(text: Text) -> Self {
        Self { text, tone: Tone::Plain, hue: None, basis: None }
    }
}

impl Cell {
    /// A number as people read it: `1,234,567`.
    #[must_use]
    pub fn count(number: u64) -> Self {
        say(grouped(number)).into()
    }

    /// On whose word its row stands.
    #[must_use]
    pub fn basis(basis: Basis) -> Self {
        Self { basis: Some(basis), ..say(basis.as_str()).into() }
    }

    /// Says how it is to be taken.
    #[must_use]
    pub fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    /// Shows a colour in front of it.
    #[must_use]
    pub fn hue(self, hue: Hue) -> Self {
        Self { hue: Some(hue), ..self }
    }
}

impl Table {
    /// A table without rows, all of it on one word.
    #[must_use]
    pub const fn new(caption: &'static str, basis: Option<Basis>, columns: Vec<Column>) -> Self {
        Self { caption, basis, columns, rows: Vec::new(), total: 0 }
    }

    /// Adds a row; beyond [`ROWS`] it is only counted.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.total += 1;
        if self.rows.len() < ROWS {
            self.rows.push(cells.into());
        }
    }
}

/// A number with commas: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn rows_beyond_the_ceiling_are_counted() {
        let mut table = Table::new("t", None, vec![Column::text("a")]);
        for _ in 0..ROWS + 5 {
            table.row([say("x").into()]);
        }
        assert_eq!((table.rows.len(), table.total), (ROWS, ROWS as u64 + 5));
    }
}
