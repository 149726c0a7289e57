//! JSON, YAML and TOML as one kind of tree with line numbers.

mod node;
mod toml;
mod yaml;

pub(crate) use node::DocumentNode;
pub(crate) use node::{MAX_BYTES, ParseFailure, Value};
pub(crate) use yaml::yaml;
pub(crate) use {toml::toml, yaml::yaml_with};

use node::bounded;

/// Reads JSON. YAML 1.2 contains JSON, and its parser is the one that knows lines; what JSON has and that parser does
/// not take (surrogate pairs) is read without lines.
pub(crate) fn json(text: &str) -> Result<DocumentNode, ParseFailure> {
    let parsed: serde_json::Value =
        serde_json::from_str(bounded(text)?).map_err(|error| format!("it is not JSON: {error}"))?;
    match yaml(text) {
        Ok(mut documents) if documents.len() == 1 => Ok(documents.swap_remove(0)),
        _ => Ok(of_json(parsed)),
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
            assert!(json(bad).unwrap_err().starts_with("it is not JSON"), "{bad}");
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
