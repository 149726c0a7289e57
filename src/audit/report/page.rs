//! A report as one HTML file: no script, nothing loaded, for screen, paper and keyboard.

use super::document::{Basis, Fact, Light, ReportDocument, Section, SectionPart, Sentence, Tone};
use super::figures;
use super::table::{Cell, Table};
use super::text::{Span, Text, grouped};
use sealift_bundle::value::html::{Element, Html, page, tag};
use sealift_bundle::value::plural::counted;

/// Rows of a table that is shown as a whole.
const WHOLE: usize = 16;
/// Rows of a longer one that are shown before it is unfolded.
const SHOWN: usize = 10;
/// Rows of a table in a page; the others are counted.
const MOST: usize = 400;

const STYLE: &str = include_str!("style.css");

/// The page.
#[must_use]
pub fn html(document: &ReportDocument) -> String {
    let title = format!("{} {}: bundle report", document.name, document.version);
    let body: Html = [
        tag("a").class("skip").to("main").text("Skip to the report"),
        head(document),
        contents(document),
        tag("main")
            .attr("id", "main")
            .attr("tabindex", "-1")
            .child(strip(document))
            .child(legend())
            .children((1..).zip(&document.sections).map(|(number, one)| section(number, one, document))),
        foot(document),
    ]
    .into_iter()
    .collect();
    page(&title, STYLE, body)
}

fn head(document: &ReportDocument) -> Element {
    let heading = tag("h1").text(&document.name).child(Html::literal(" "));
    let heading = heading.child(tag("span").class("version").text(&document.version));
    tag("header")
        .class("head")
        .child(tag("p").class("eyebrow").text("Bundle report"))
        .child(heading)
        .child(tag("ul").class("verdict").children(document.verdict.iter().map(sentence)))
        .child(facts(&document.identity))
}

fn sentence(sentence: &Sentence) -> Element {
    tag("li").class(class(sentence.tone)).child(toned(sentence.tone, words(&sentence.text)))
}

fn contents(document: &ReportDocument) -> Element {
    let entry = |section: &Section| tag("li").child(tag("a").to(section.id).text(section.title));
    tag("nav")
        .attr("aria-label", "Sections of this report")
        .child(tag("ol").children(document.sections.iter().map(entry)))
}

fn strip(document: &ReportDocument) -> Element {
    let light = |light: &Light| {
        let link = tag("a")
            .to(light.section)
            .child(tag("span").class("title").text(light.title))
            .child(tag("span").class("value").child(toned(light.tone, words(&light.value))))
            .child(tag("span").class("note").child(words(&light.note)));
        tag("li").class(class(light.tone)).child(link)
    };
    tag("section")
        .class("strip")
        .attr("aria-label", "The checks at a glance")
        .child(tag("ul").children(document.strip.iter().map(light)))
}

fn legend() -> Element {
    let entry =
        |basis: Basis| tag("div").child(tag("dt").child(label(basis))).child(tag("dd").text(basis.meaning()));
    tag("dl")
        .class("legend")
        .attr("aria-label", "On whose word something stands")
        .children(Basis::ALL.map(entry))
}

fn foot(document: &ReportDocument) -> Element {
    let written =
        tag("time").attr("datetime", document.written.to_string()).text(document.written.to_string());
    tag("footer").child(tag("p").text("Written ").child(written).text(format!(
        " by {}. Equal bundles and equal answers give an equal report, but for this time.",
        document.tool
    )))
}

fn section(number: usize, section: &Section, document: &ReportDocument) -> Element {
    let heading = tag("h2")
        .attr("id", format!("{}-title", section.id))
        .child(tag("span").class("number").text(number.to_string()))
        .text(section.title);
    tag("section")
        .attr("id", section.id)
        .attr("aria-labelledby", format!("{}-title", section.id))
        .child(heading)
        .children(section.blocks.iter().map(|one| block(one, document)))
}

fn block(block: &SectionPart, document: &ReportDocument) -> Html {
    match block {
        SectionPart::Heading { text } => tag("h3").text(text).into(),
        SectionPart::Paragraph { text } => tag("p").child(words(text)).into(),
        SectionPart::Note { tone, text } => {
            tag("p").class(note(*tone)).child(toned(*tone, words(text))).into()
        }
        SectionPart::Unchecked { text, command } => {
            let heading = tag("strong").child(toned(Tone::Unknown, Html::text("Not checked. ")));
            let told = tag("p").child(heading).child(words(text));
            let command = command.iter().map(|line| {
                let code = tag("code").child(Html::shown(line));
                tag("p").class("command").text("This would check it: ").child(code)
            });
            tag("div").class("note unknown").child(told).children(command).into()
        }
        SectionPart::Facts { facts: all } => facts(all).into(),
        SectionPart::Table(one) => table(one, document),
        SectionPart::Stack(one) => figures::stack(one),
        SectionPart::Map(one) => figures::map(one),
        SectionPart::Timeline(one) => figures::timeline(one),
        SectionPart::Lines { title, lines } => {
            let line = |line: &String| {
                let class = match line.as_bytes().first() {
                    Some(b'+') => "new",
                    Some(b'-') => "old",
                    Some(b'@') => "place",
                    _ => "same",
                };
                [tag("span").class(class).text(line).into(), Html::literal("\n")]
            };
            let code = tag("code").children(lines.iter().flat_map(line));
            let heading = tag("p").class("of").child(words(title));
            [Html::from(heading), tag("pre").attr("tabindex", "0").child(code).into()].into_iter().collect()
        }
        SectionPart::Commands { lines } => {
            let line = |line: &String| [Html::shown(line), Html::literal("\n")];
            tag("pre").attr("tabindex", "0").child(tag("code").children(lines.iter().flat_map(line))).into()
        }
    }
}

fn facts(facts: &[Fact]) -> Element {
    let fact = |fact: &Fact| {
        let name = tag("dt").text(fact.name).child(Html::literal(" ")).child(label(fact.basis));
        tag("div").child(name).child(tag("dd").child(words(&fact.value)))
    };
    tag("dl").class("facts").children(facts.iter().map(fact))
}

fn table(table: &Table, document: &ReportDocument) -> Html {
    let shown = if table.rows.len() <= WHOLE { table.rows.len() } else { SHOWN };
    let (first, rest) = table.rows.split_at(shown);
    let folded = rest.get(..rest.len().min(MOST - SHOWN)).unwrap_or_default();
    let mut all = Html::new();
    all.push(rows(table, first, ""));
    if !folded.is_empty() {
        let summary =
            tag("summary").text(format!("{} of the same table", counted(folded.len() as u64, "more row")));
        all.push(tag("details").child(summary).child(rows(table, folded, ", continued")));
    }
    let left = table.total - (first.len() + folded.len()) as u64;
    if left > 0 {
        let code = tag("code").child(Html::shown(&document.everything));
        let told = format!("{} more are not shown here. Every row: ", grouped(left));
        all.push(tag("p").class("rest").text(told).child(code));
    }
    all
}

fn rows(table: &Table, rows: &[Vec<Cell>], continued: &'static str) -> Element {
    let mut caption = tag("caption").text(table.caption).text(continued);
    if let Some(basis) = table.basis {
        caption = caption.child(Html::literal(" ")).child(label(basis));
    }
    let heads = table.columns.iter().map(|column| {
        let head = tag("th").attr("scope", "col");
        let head = if column.number { head.class("number") } else { head };
        let head = head.text(column.title);
        match column.basis {
            Some(basis) => head.child(Html::literal(" ")).child(label(basis)),
            None => head,
        }
    });
    let row = |cells: &Vec<Cell>| {
        let cells = table.columns.iter().zip(cells).enumerate().map(|(at, (column, one))| {
            let element = if at == 0 { tag("th").attr("scope", "row") } else { tag("td") };
            let element = element.attr("data-label", column.title);
            let element = match (column.number, has_long_word(&one.text)) {
                (true, _) => element.class("number"),
                (false, true) => element.class("long"),
                (false, false) => element,
            };
            element.child(cell(one))
        });
        tag("tr").children(cells)
    };
    // A number far away from what it counts is hard to read.
    let is_narrow = table.columns.len() < 4 && table.columns.last().is_some_and(|last| last.number);
    let element = if is_narrow { tag("table").class("narrow") } else { tag("table") };
    element
        .child(caption)
        .child(tag("thead").child(tag("tr").children(heads)))
        .child(tag("tbody").children(rows.iter().map(row)))
}

/// Whether a text has a word that may be broken where a column is narrow: a digest, a path. Words that users read
/// aloud stay whole.
fn has_long_word(text: &Text) -> bool {
    const LONG: usize = 20;
    text.0.iter().any(|span| span.as_str().split_whitespace().any(|word| word.chars().count() > LONG))
}

fn cell(cell: &Cell) -> Html {
    let mut all = Html::new();
    if let Some(hue) = cell.hue {
        all.push(figures::swatch(hue));
    }
    if let Some(basis) = cell.basis {
        return label(basis).into();
    }
    match cell.tone {
        Tone::Plain => all.push(words(&cell.text)),
        tone => all.push(toned(tone, words(&cell.text))),
    }
    all
}

fn words(words: &Text) -> Html {
    let piece = |span: &Span| match span {
        Span::Say(_) | Span::Out(_) | Span::Shown(_) => text(span.as_str(), span),
        Span::Strong(words) => tag("strong").text(words).into(),
        Span::Code(words) => tag("code").text(words).into(),
    };
    words.0.iter().map(piece).collect()
}

/// Text of a piece as text.
pub(super) fn text(text: &str, span: &Span) -> Html {
    match span {
        Span::Shown(_) => Html::shown(text),
        Span::Say(_) | Span::Strong(_) | Span::Out(_) | Span::Code(_) => Html::text(text),
    }
}

/// Text with a sign in front of it, so that no colour is needed to understand it.
fn toned(tone: Tone, content: Html) -> Html {
    let sign = match tone {
        Tone::Good => "✓",
        Tone::Plain => return content,
        Tone::Attention => "!",
        Tone::Bad => "✕",
        Tone::Unknown => "?",
    };
    let sign = tag("span").class("sign").attr("aria-hidden", "true").text(sign);
    let word = tag("span").class("unseen").text(format!("{}: ", tone.as_str()));
    tag("span").class(class(tone)).child(sign).child(word).child(content).into()
}

const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "tone good",
        Tone::Plain => "tone plain",
        Tone::Attention => "tone attention",
        Tone::Bad => "tone bad",
        Tone::Unknown => "tone unknown",
    }
}

const fn note(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "note good",
        Tone::Plain => "note plain",
        Tone::Attention => "note attention",
        Tone::Bad => "note bad",
        Tone::Unknown => "note unknown",
    }
}

fn label(basis: Basis) -> Element {
    let class = match basis {
        Basis::Observed => "basis observed",
        Basis::Carried => "basis carried",
        Basis::Declared => "basis declared",
    };
    tag("span").class(class).text(basis.as_str())
}
