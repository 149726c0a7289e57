//! Finds the parts of a template that are disabled by default.

use crate::lint::expression::TemplateScope;
use sealift_bundle::value::printable::Printable;

/// The blocks that a line of a template is in, as far as plain conditions tell.
#[derive(Default)]
pub(super) struct Blocks(Vec<TemplateBlock>);

struct TemplateBlock {
    condition: String,
    /// True in the part that is left out by default.
    off: bool,
    /// What holds after `else`; nothing is known of conditions that are not plain.
    on_else: bool,
}

impl Blocks {
    pub(super) fn off(&self) -> Option<String> {
        self.0.iter().find(|block| block.off).map(|block| off_by_default(&block.condition))
    }

    pub(super) fn read(&mut self, line: &str, scope: &TemplateScope<'_>) {
        for tag in line.split("{{").skip(1).filter_map(|part| part.split("}}").next()) {
            let tag = tag.trim_matches(['-', ' ', '\t']);
            let (word, rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            match word {
                "if" | "with" => {
                    let value = scope.plain(rest.trim(), &mut Vec::new());
                    let off = value.as_deref().is_some_and(|value| matches!(value, "false" | ""));
                    // A map or a list is set, although it has no text.
                    let path: Vec<_> = rest
                        .trim()
                        .trim_start_matches('$')
                        .trim_start_matches(".Values.")
                        .split('.')
                        .collect();
                    let filled = scope
                        .find(&path)
                        .is_some_and(|node| !node.elements().is_empty() || !node.entries().is_empty());
                    let off = off && !filled;
                    let on = value.is_some() && !off;
                    self.0.push(TemplateBlock { condition: rest.trim().to_owned(), off, on_else: on });
                }
                "range" | "define" | "block" => {
                    self.0.push(TemplateBlock { condition: String::new(), off: false, on_else: false });
                }
                "else" => {
                    if let Some(block) = self.0.last_mut() {
                        block.off = block.on_else;
                        if block.off {
                            block.condition = format!("not {}", block.condition);
                        }
                    }
                }
                "end" => {
                    self.0.pop();
                }
                _ => {}
            }
        }
    }
}

/// Why something may not be used.
pub(super) fn off_by_default(what: &str) -> String {
    format!("it is used only where `{}` is set, which it is not by default", Printable(what))
}
