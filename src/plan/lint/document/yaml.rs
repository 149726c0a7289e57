//! YAML 1.2 as a tree.

use super::node::{DocumentNode, MAX_DEPTH, MAX_WEIGHT, ParseFailure, Value, bounded, too_deep, too_many};
use crate::lint::holes::HOLE;
use crate::lint::numbers::Numbers;
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;

/// Reads the documents of a YAML stream.
///
/// Aliases are replaced by what they stand for, and `<<` merges maps, as YAML 1.1 and compose files have it.
pub(crate) fn yaml(text: &str) -> Result<Vec<DocumentNode>, ParseFailure> {
    yaml_with(text, Numbers::Kept)
}

/// As [`yaml`], with plain numbers as what reads the document prints them.
pub(crate) fn yaml_with(text: &str, numbers: Numbers) -> Result<Vec<DocumentNode>, ParseFailure> {
    let mut builder = Builder { numbers, ..Builder::default() };
    for event in Parser::new_from_str(bounded(text)?) {
        let (event, span) = event.map_err(|error| format!("it is not YAML: {error}"))?;
        builder.take(event, span.start.line())?;
    }
    Ok(builder.documents)
}

/// A collection that is not finished.
struct OpenCollection {
    node: DocumentNode,
    anchor: usize,
    key: Option<String>,
}

#[derive(Default)]
struct Builder {
    open: Vec<OpenCollection>,
    anchored: HashMap<usize, (DocumentNode, usize, usize)>,
    weight: usize,
    documents: Vec<DocumentNode>,
    numbers: Numbers,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), ParseFailure> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.weight += 1 + text.len() / 64;
                let is_plain = style == ScalarStyle::Plain && tag.is_none() && !text.contains(HOLE);
                let printed = if is_plain { self.numbers.printed(&text) } else { None };
                let text = printed.unwrap_or_else(|| text.into_owned());
                self.finish(DocumentNode::new(line, Value::Text(text)), anchor)?;
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(DocumentNode::new(line, Value::List(Vec::new())), anchor)?;
            }
            Event::MappingStart(anchor, _) => {
                self.begin(DocumentNode::new(line, Value::Map(Vec::new())), anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.finish(open.node, open.anchor)?;
                }
            }
            Event::Alias(anchor) => {
                // An anchor within itself has no value yet.
                let (node, weight, depth) =
                    self.anchored.get(&anchor).ok_or("it has an alias that stands within its own anchor")?;
                self.weight = self.weight.saturating_add(*weight);
                if self.weight > MAX_WEIGHT {
                    return Err(too_many());
                }
                if self.open.len() + depth > MAX_DEPTH {
                    return Err(too_deep());
                }
                let node = node.clone();
                self.finish(node, 0)?;
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        if self.weight > MAX_WEIGHT { Err(too_many()) } else { Ok(()) }
    }

    fn begin(&mut self, node: DocumentNode, anchor: usize) -> Result<(), ParseFailure> {
        self.weight += 1;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.open.push(OpenCollection { node, anchor, key: None });
        Ok(())
    }

    fn finish(&mut self, node: DocumentNode, anchor: usize) -> Result<(), ParseFailure> {
        if anchor != 0 {
            let (weight, depth) = (node.weight(), depth(&node));
            // The copy under the anchor takes memory as well.
            self.weight = self.weight.saturating_add(weight);
            self.anchored.insert(anchor, (node.clone(), weight, depth));
        }
        let Some(parent) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut parent.node.value {
            Value::List(elements) => elements.push(node),
            Value::Map(entries) => match parent.key.take() {
                None => parent.key = Some(key_of(node)),
                Some(key) if key == "<<" => merge(entries, node),
                Some(key) => entries.push((key, node)),
            },
            Value::Text(_) => return Err("it is not YAML: a word cannot hold values".to_owned()),
        }
        Ok(())
    }
}

fn depth(node: &DocumentNode) -> usize {
    let below = match &node.value {
        Value::Text(_) => None,
        Value::List(elements) => elements.iter().map(depth).max(),
        Value::Map(entries) => entries.iter().map(|(_, node)| depth(node)).max(),
    };
    below.unwrap_or(0) + 1
}

/// A key that is not a word has no name that a setting could have.
fn key_of(node: DocumentNode) -> String {
    match node.value {
        Value::Text(text) => text,
        Value::List(_) | Value::Map(_) => String::new(),
    }
}

fn merge(entries: &mut Vec<(String, DocumentNode)>, node: DocumentNode) {
    match node.value {
        // In front: what the map says itself wins over what is merged.
        Value::Map(merged) => {
            entries.splice(0..0, merged);
        }
        Value::List(maps) => maps.into_iter().for_each(|map| merge(entries, map)),
        Value::Text(_) => {}
    }
}
