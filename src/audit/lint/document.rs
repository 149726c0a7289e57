//! JSON, YAML and TOML as one kind of tree that knows its lines.

use super::holes::HOLE;
use super::numbers::Numbers;
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;
use std::ops::Range;

/// Bytes of a document that is read; above, it is said that it was not.
pub(crate) const MAX_BYTES: usize = 16 << 20;
/// The weight of a document, with what aliases repeat: what stops an alias bomb. A value weighs 1, and 1 for each 64
/// bytes of its text.
const MAX_WEIGHT: usize = 500_000;
/// How deep a document may be nested.
const MAX_DEPTH: usize = 100;

/// A value and its line, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentNode {
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
    fn new(line: usize, value: Value) -> Self {
        Self { line: u32::try_from(line).unwrap_or(u32::MAX), value }
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The last value of a key: what most readers take.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
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
    pub fn elements(&self) -> &[Self] {
        match &self.value {
            Value::List(elements) => elements,
            Value::Text(_) | Value::Map(_) => &[],
        }
    }

    fn weight(&self) -> usize {
        let below: usize = match &self.value {
            Value::Text(text) => text.len() / 64,
            Value::List(elements) => elements.iter().map(Self::weight).sum(),
            Value::Map(entries) => entries.iter().map(|(key, node)| key.len() / 64 + node.weight()).sum(),
        };
        below + 1
    }
}

/// Why a document could not be read.
pub(crate) type Unread = String;

/// Reads the documents of a YAML stream.
///
/// Aliases are replaced by what they stand for, and `<<` merges maps, as YAML 1.1 and compose files have it.
pub fn yaml(text: &str) -> Result<Vec<DocumentNode>, Unread> {
    yaml_with(text, Numbers::Kept)
}

/// As [`yaml`], with plain numbers as what reads the document prints them.
pub(crate) fn yaml_with(text: &str, numbers: Numbers) -> Result<Vec<DocumentNode>, Unread> {
    let mut builder = Builder { numbers, ..Builder::default() };
    for event in Parser::new_from_str(bounded(text)?) {
        let (event, span) = event.map_err(|error| format!("it is no YAML: {error}"))?;
        builder.take(event, span.start.line())?;
    }
    Ok(builder.documents)
}

/// Reads JSON. YAML 1.2 contains JSON, and its parser is the one that knows lines; what JSON has and that parser does
/// not take (surrogate pairs) is read without lines.
pub(crate) fn json(text: &str) -> Result<DocumentNode, Unread> {
    let parsed: serde_json::Value =
        serde_json::from_str(bounded(text)?).map_err(|error| format!("it is no JSON: {error}"))?;
    match yaml(text) {
        Ok(mut documents) if documents.len() == 1 => Ok(documents.swap_remove(0)),
        _ => Ok(of_json(parsed)),
    }
}

pub(crate) fn toml(text: &str) -> Result<DocumentNode, Unread> {
    let table = toml::de::DeTable::parse(bounded(text)?)
        .map_err(|error| format!("it is no TOML: {}", error.message()))?;
    let lines = Lines::of(text);
    let at = table.span();
    let node = of_table(table.get_ref(), &at, &lines, 0)?;
    if node.weight() > MAX_WEIGHT { Err(too_many()) } else { Ok(node) }
}

fn bounded(text: &str) -> Result<&str, Unread> {
    if text.len() > MAX_BYTES {
        return Err(format!("it has {} bytes, and {MAX_BYTES} are read at most", text.len()));
    }
    Ok(text.trim_start_matches('\u{feff}'))
}

fn too_many() -> Unread {
    "it holds too much when its aliases are followed".to_owned()
}

fn too_deep() -> Unread {
    format!("it is nested deeper than {MAX_DEPTH}")
}

/// A collection that is not finished.
struct Open {
    node: DocumentNode,
    anchor: usize,
    key: Option<String>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchored: HashMap<usize, (DocumentNode, usize, usize)>,
    weight: usize,
    documents: Vec<DocumentNode>,
    numbers: Numbers,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Unread> {
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

    fn begin(&mut self, node: DocumentNode, anchor: usize) -> Result<(), Unread> {
        self.weight += 1;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.open.push(Open { node, anchor, key: None });
        Ok(())
    }

    fn finish(&mut self, node: DocumentNode, anchor: usize) -> Result<(), Unread> {
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
            Value::Text(_) => return Err("it is no YAML: a word cannot hold values".to_owned()),
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

/// A key that is no word has no name that a setting could have.
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

fn of_json(value: serde_json::Value) -> DocumentNode {
    // Nested at most as deep as serde_json goes, which is 128. Without lines everything stands on the first.
    let value = match value {
        serde_json::Value::Null => Value::Text("null".to_owned()),
        serde_json::Value::Bool(truth) => Value::Text(truth.to_string()),
        serde_json::Value::Number(number) => Value::Text(number.to_string()),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(elements) => Value::List(elements.into_iter().map(of_json).collect()),
        serde_json::Value::Object(map) => {
            Value::Map(map.into_iter().map(|(key, value)| (key, of_json(value))).collect())
        }
    };
    DocumentNode::new(1, value)
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn at(&self, span: &Range<usize>) -> usize {
        self.0.partition_point(|end| *end < span.start) + 1
    }
}

fn of_table(
    table: &toml::de::DeTable<'_>,
    at: &Range<usize>,
    lines: &Lines,
    depth: usize,
) -> Result<DocumentNode, Unread> {
    let entries = table.iter().map(|(key, value)| {
        Ok((key.get_ref().to_string(), of_toml(value.get_ref(), &value.span(), lines, depth + 1)?))
    });
    Ok(DocumentNode::new(lines.at(at), Value::Map(entries.collect::<Result<_, Unread>>()?)))
}

fn of_toml(
    value: &toml::de::DeValue<'_>,
    at: &Range<usize>,
    lines: &Lines,
    depth: usize,
) -> Result<DocumentNode, Unread> {
    use toml::de::DeValue;
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
            Value::List(elements.collect::<Result<_, Unread>>()?)
        }
        DeValue::Table(table) => return of_table(table, at, lines, depth),
    };
    Ok(DocumentNode::new(lines.at(at), value))
}

#[cfg(test)]
mod tests {
    use super::{DocumentNode, Value, json, toml, yaml};
    use proptest::prelude::*;

    fn at<'a>(node: &'a DocumentNode, path: &[&str]) -> &'a DocumentNode {
        path.iter().fold(node, |node, key| match key.parse::<usize>() {
            Ok(index) => &node.elements()[index],
            Err(_) => node.get(key).unwrap(),
        })
    }

    #[test]
    fn the_three_forms_give_one_tree_with_lines() {
        let forms = [
            yaml("a:\n  b:\n  - 1\n  - c: 'x'\n").unwrap().swap_remove(0),
            json("{\"a\":\n {\"b\":\n[1,\n{\"c\": \"x\"}]}}").unwrap(),
            toml("[a]\nb = [\n1,\n{ c = \"x\" }]\n").unwrap(),
        ];
        for node in forms {
            let c = at(&node, &["a", "b", "1", "c"]);
            assert_eq!((c.text(), c.line), (Some("x"), 4));
            assert_eq!(at(&node, &["a", "b", "0"]).text(), Some("1"));
        }
        assert_eq!(yaml("a: 1\n---\nb: 2\n").unwrap().len(), 2);
    }

    #[test]
    fn aliases_and_merges_are_followed_and_the_map_itself_wins() {
        let text = "x: &x\n  i: 1\n  j: 2\ny:\n  j: 3\n  <<: *x\nz: [*x]\n";
        let node = yaml(text).unwrap().swap_remove(0);
        assert_eq!(at(&node, &["y", "i"]).text(), Some("1"));
        assert_eq!(at(&node, &["y", "j"]).text(), Some("3"));
        assert_eq!(at(&node, &["z", "0", "j"]).line, 3);
    }

    #[test]
    fn json_with_tabs_repeated_keys_and_surrogates() {
        let node = json("{\n\t\"a\": 1,\n\t\"a\": \"\\/\\u0041\"\n}").unwrap();
        assert_eq!((at(&node, &["a"]).text(), at(&node, &["a"]).line), (Some("/A"), 3));
        assert_eq!(node.entries().len(), 2);
        assert_eq!(at(&json("{\"a\": \"\\ud83d\\ude00\"}").unwrap(), &["a"]).text(), Some("😀"));
        for bad in ["", "{", "a: 1", "{\"a\": 1} x"] {
            assert!(json(bad).unwrap_err().starts_with("it is no JSON"), "{bad}");
        }
    }

    #[test]
    fn j08_an_alias_bomb_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..40 {
            let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
        }
        assert!(yaml(&bomb).unwrap_err().contains("aliases"));
        assert!(yaml("a: &a [*a]\n").unwrap_err().contains("alias"));
        // Few values, each of them long.
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(1_000_000), "*a,".repeat(10_000));
        assert!(yaml(&long).unwrap_err().contains("aliases"));
        // Deep by aliases, without being wide.
        let mut tower = "a0: &a0 [x]\n".to_owned();
        for n in 1..400 {
            tower.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
        }
        assert!(yaml(&tower).unwrap_err().contains("deeper"));
    }

    #[test]
    fn j08_ten_megabytes_of_brackets_are_refused() {
        for open in ["[", "{\"a\":", "- ", "? ", "a:\n "] {
            let text = open.repeat(10_000_000 / open.len());
            assert!(yaml(&text).is_err(), "{open}");
            assert!(json(&text).is_err(), "{open}");
            assert!(toml(&format!("a = {text}")).is_err(), "{open}");
        }
        assert!(yaml(&"x".repeat(super::MAX_BYTES + 1)).unwrap_err().contains("bytes"));
        let many = format!("[{}1]", "1,".repeat(1_000_000));
        assert!(yaml(&many).unwrap_err().contains("too much"));
    }

    #[test]
    fn a_document_may_be_empty() {
        assert_eq!(yaml("").unwrap(), []);
        assert_eq!(yaml("# nothing\n").unwrap(), []);
        assert!(matches!(toml("").unwrap().value, Value::Map(entries) if entries.is_empty()));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[\\PC\n\t]{0,200}", like in "[a-c:\\-\\[\\]{}&*<'\"#|>%!?,. \n]{0,200}") {
            for text in [&text, &like] {
                let _ = (yaml(text), json(text), toml(text));
            }
        }

        #[test]
        fn json_reads_as_serde_json_reads_it(keys in prop::collection::vec("[\\PC]{0,12}", 0..6)) {
            let value = serde_json::json!({ "list": keys, "map": keys.iter().map(|k| (k.clone(), k.clone())).collect::<std::collections::BTreeMap<_, _>>() });
            let node = json(&value.to_string()).unwrap();
            let texts: Vec<_> = at(&node, &["list"]).elements().iter().map(|n| n.text().unwrap().to_owned()).collect();
            prop_assert_eq!(&texts, &keys);
            for key in &keys {
                prop_assert_eq!(node.get("map").unwrap().get(key).and_then(DocumentNode::text), Some(key.as_str()));
            }
        }
    }
}
