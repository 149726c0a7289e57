//! The common tree of all formats, and its size limits.

/// Bytes of a document that is read; above, it is said that it was not.
pub(crate) const MAX_BYTES: usize = 16 << 20;
/// The weight of a document, with what aliases repeat: what stops an alias bomb. A value weighs 1, and 1 for each 64
/// bytes of its text.
pub(super) const MAX_WEIGHT: usize = 500_000;
/// How deep a document may be nested.
pub(super) const MAX_DEPTH: usize = 100;

/// A value and its line, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DocumentNode {
    pub(crate) line: u32,
    pub(crate) value: Value,
}

/// What a node holds. Keys may repeat: what a reader takes depends on the reader, so none is left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<DocumentNode>),
    Map(Vec<(String, DocumentNode)>),
}

impl DocumentNode {
    pub(super) fn new(line: usize, value: Value) -> Self {
        Self { line: u32::try_from(line).unwrap_or(u32::MAX), value }
    }

    /// The text of a scalar.
    #[must_use]
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The last value of a key: what most readers take.
    #[must_use]
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The entries of a map; nothing for anything else.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The elements of a list; nothing for anything else.
    #[must_use]
    pub(crate) fn elements(&self) -> &[Self] {
        match &self.value {
            Value::List(elements) => elements,
            Value::Text(_) | Value::Map(_) => &[],
        }
    }

    pub(super) fn weight(&self) -> usize {
        let below: usize = match &self.value {
            Value::Text(text) => text.len() / 64,
            Value::List(elements) => elements.iter().map(Self::weight).sum(),
            Value::Map(entries) => entries.iter().map(|(key, node)| key.len() / 64 + node.weight()).sum(),
        };
        below + 1
    }
}

/// Why a document could not be read.
pub(crate) type ParseFailure = String;

pub(super) fn bounded(text: &str) -> Result<&str, ParseFailure> {
    if text.len() > MAX_BYTES {
        return Err(format!("it has {} bytes, and {MAX_BYTES} are read at most", text.len()));
    }
    Ok(text.trim_start_matches('\u{feff}'))
}

pub(super) fn too_many() -> ParseFailure {
    "it holds too much when its aliases are followed".to_owned()
}

pub(super) fn too_deep() -> ParseFailure {
    format!("it is nested deeper than {MAX_DEPTH}")
}
