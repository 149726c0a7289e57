//! TOML as a tree.

use super::node::{DocumentNode, MAX_DEPTH, MAX_WEIGHT, ParseFailure, Value, bounded, too_deep, too_many};
use ::toml::de::{DeTable, DeValue};
use std::ops::Range;

pub(crate) fn toml(text: &str) -> Result<DocumentNode, ParseFailure> {
    let table =
        DeTable::parse(bounded(text)?).map_err(|error| format!("it is not TOML: {}", error.message()))?;
    let lines = LineStarts::of(text);
    let at = table.span();
    let node = of_table(table.get_ref(), &at, &lines, 0)?;
    if node.weight() > MAX_WEIGHT { Err(too_many()) } else { Ok(node) }
}

/// Where the lines of a text begin.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn at(&self, span: &Range<usize>) -> usize {
        self.0.partition_point(|end| *end < span.start) + 1
    }
}

fn of_table(
    table: &DeTable<'_>,
    at: &Range<usize>,
    lines: &LineStarts,
    depth: usize,
) -> Result<DocumentNode, ParseFailure> {
    let entries = table.iter().map(|(key, value)| {
        Ok((key.get_ref().to_string(), of_toml(value.get_ref(), &value.span(), lines, depth + 1)?))
    });
    Ok(DocumentNode::new(lines.at(at), Value::Map(entries.collect::<Result<_, ParseFailure>>()?)))
}

fn of_toml(
    value: &DeValue<'_>,
    at: &Range<usize>,
    lines: &LineStarts,
    depth: usize,
) -> Result<DocumentNode, ParseFailure> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Text(number.as_str().to_owned()),
        DeValue::Float(number) => Value::Text(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Text(truth.to_string()),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(array) => {
            let elements =
                array.iter().map(|element| of_toml(element.get_ref(), &element.span(), lines, depth + 1));
            Value::List(elements.collect::<Result<_, ParseFailure>>()?)
        }
        DeValue::Table(table) => return of_table(table, at, lines, depth),
    };
    Ok(DocumentNode::new(lines.at(at), value))
}
