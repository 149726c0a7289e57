//! Tables of a report, with a count of the rows that are not kept.

use super::document::{Basis, Hue, Tone};
use super::text::{Text, grouped, say};
use serde::Serialize;

/// Rows that a table keeps; how many there are is counted beyond it.
pub(crate) const ROWS: usize = 20_000;

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
    /// What is in it.
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
    pub(crate) const fn on(self, basis: Basis) -> Self {
        Self { basis: Some(basis), ..self }
    }
}

impl From<Text> for Cell {
    fn from(text: Text) -> Self {
        Self { text, tone: Tone::Plain, hue: None, basis: None }
    }
}

impl Cell {
    /// A number as users read it: `1,234,567`.
    #[must_use]
    pub fn count(number: u64) -> Self {
        say(grouped(number)).into()
    }

    /// On whose word its row stands.
    #[must_use]
    pub(crate) fn basis(basis: Basis) -> Self {
        Self { basis: Some(basis), ..say(basis.as_str()).into() }
    }

    /// Says how it is to be taken.
    #[must_use]
    pub(crate) fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    /// Shows a colour in front of it.
    #[must_use]
    pub(crate) fn hue(self, hue: Hue) -> Self {
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
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.total += 1;
        if self.rows.len() < ROWS {
            self.rows.push(cells.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_limit_are_counted() {
        let mut table = Table::new("t", None, vec![Column::text("a")]);
        for _ in 0..ROWS + 5 {
            table.row([say("x").into()]);
        }
        assert_eq!((table.rows.len(), table.total), (ROWS, ROWS as u64 + 5));
    }
}
