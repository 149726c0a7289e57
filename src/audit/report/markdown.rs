//! Renders a report as Markdown for tickets (`CommonMark` with tables, as GitHub and GitLab read it).
//!
//! Text from outside is put into code spans, where no markup, address or `@name` has a meaning.

use super::document::{Basis, ReportDocument, SectionPart, Tone};
use super::table::Table;
use super::text::{Span, Text, grouped};
use sealift_bundle::value::printable::{Printable, without_deception};

/// Rows of a table; the others are counted.
const MOST: usize = 50;

/// The text.
#[must_use]
pub fn markdown(document: &ReportDocument) -> String {
    let mut text = format!("# Bundle report: {} {}\n\n", code(&document.name), code(&document.version));
    for sentence in &document.verdict {
        text += &format!("- **{}**: {}\n", sentence.tone.as_str(), words(&sentence.text));
    }
    text.push('\n');
    for fact in &document.identity {
        text += &format!("- {} ({}): {}\n", fact.name, fact.basis.as_str(), words(&fact.value));
    }
    text += "\n| Check | State | Result |\n| --- | --- | --- |\n";
    for light in &document.strip {
        let state = light.tone.as_str();
        text += &format!(
            "| {} | {state} | {}, {} |\n",
            light.title,
            in_table(&words(&light.value)),
            in_table(&words(&light.note))
        );
    }
    text.push('\n');
    for basis in Basis::ALL {
        text += &format!("- *{}*: {}\n", basis.as_str(), basis.meaning());
    }
    for (number, section) in (1..).zip(&document.sections) {
        text += &format!("\n## {number}. {}\n\n", section.title);
        for one in &section.blocks {
            text += &block(one, document);
        }
    }
    text + &format!("\nWritten {} by {}.\n", document.written, document.tool)
}

fn block(block: &SectionPart, document: &ReportDocument) -> String {
    match block {
        SectionPart::Heading { text } => format!("### {text}\n\n"),
        SectionPart::Paragraph { text } => format!("{}\n\n", words(text)),
        SectionPart::Note { tone: Tone::Plain, text } => format!("> {}\n\n", words(text)),
        SectionPart::Note { tone, text } => format!("> **{}:** {}\n\n", tone.as_str(), words(text)),
        SectionPart::Unchecked { text, command } => {
            let command = command
                .as_ref()
                .map_or_else(String::new, |line| format!(" This would check it: {}", code_as_is(line)));
            format!("> **not checked:** {}{command}\n\n", words(text))
        }
        SectionPart::Facts { facts } => {
            let fact = |fact: &super::document::Fact| {
                format!("- {} ({}): {}\n", fact.name, fact.basis.as_str(), words(&fact.value))
            };
            facts.iter().map(fact).collect::<String>() + "\n"
        }
        SectionPart::Table(one) => table(one, document),
        // The tables behind them say the same.
        SectionPart::Stack(_) | SectionPart::Map(_) | SectionPart::Timeline(_) => String::new(),
        SectionPart::Commands { lines } => fenced("sh", lines.iter().map(|line| without_deception(line))),
        SectionPart::Lines { title, lines } => {
            format!("{}\n\n", words(title))
                + &fenced("diff", lines.iter().map(|line| Printable(line).to_string()))
        }
    }
}

/// Lines between fences that are longer than any run of backticks in them.
fn fenced(kind: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = lines.map(|line| line.replace('\n', " ")).collect();
    let text = lines.join("\n");
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}{kind}\n{text}\n{fence}\n\n")
}

fn table(table: &Table, document: &ReportDocument) -> String {
    let basis =
        |basis: Option<Basis>| basis.map_or_else(String::new, |basis| format!(" *({})*", basis.as_str()));
    let mut text = format!("**{}**{}\n\n", table.caption, basis(table.basis));
    for column in &table.columns {
        text += &format!("| {}{} ", column.title, basis(column.basis));
    }
    text += "|\n";
    for column in &table.columns {
        text += if column.number { "| ---: " } else { "| --- " };
    }
    text += "|\n";
    for row in table.rows.iter().take(MOST) {
        for cell in row {
            let mark = match cell.tone {
                Tone::Plain | Tone::Good => "",
                Tone::Attention => "(!) ",
                Tone::Bad => "(x) ",
                Tone::Unknown => "(?) ",
            };
            text += &format!("| {mark}{} ", in_table(&words(&cell.text)));
        }
        text += "|\n";
    }
    let left = table.total - table.rows.len().min(MOST) as u64;
    if left > 0 {
        text += &format!(
            "\n{} more are not shown here. Every row: {}\n",
            grouped(left),
            code_as_is(&document.everything)
        );
    }
    text + "\n"
}

fn words(words: &Text) -> String {
    let piece = |span: &Span| match span {
        Span::Say(text) => escaped(text),
        Span::Strong(text) if text.is_empty() => String::new(),
        Span::Strong(text) => format!("**{}**", escaped(text)),
        Span::Out(text) | Span::Code(text) => code(text),
        Span::Shown(text) => code_as_is(text),
    };
    words.0.iter().map(piece).collect()
}

/// Words of this program, in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in without_deception(text).replace('\n', " ").chars() {
        if "\\`*_[]<>|&~#".contains(character) {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

/// Text from outside as a code span.
fn code(text: &str) -> String {
    code_as_is(&Printable(text).to_string())
}

/// Printable text as a code span: between more backticks than it has in a row.
fn code_as_is(text: &str) -> String {
    let text = without_deception(text).replace('\n', " ");
    if text.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    // One space on each side is taken away again (CommonMark 6.1), and keeps the fence apart from what is fenced.
    format!("{fence} {text} {fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or_default()
}

/// Within a table, a bar ends a cell wherever it stands, also within a code span, unless a backslash escapes it that is
/// not escaped itself.
fn in_table(text: &str) -> String {
    let mut safe = String::new();
    let mut backslashes = 0;
    for character in text.chars() {
        if character == '|' && backslashes % 2 == 0 {
            safe.push('\\');
        }
        safe.push(character);
        backslashes = if character == '\\' { backslashes + 1 } else { 0 };
    }
    safe
}
