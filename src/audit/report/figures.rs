//! Figures of the HTML report.
//!
//! Positions are percentages of the width, so that they fit any screen; every figure is followed by a table with the
//! same data.

use super::document::{Hue, Map, ReportGroup, Stack, Timeline};
use super::page::text;
use super::text::Text;
use super::treemap::{Rect, squarify};
use sealift_bundle::value::html::{Element, Html, tag};
use sealift_bundle::value::size::ByteSize;

/// The map is twice as wide as it is high.
const MAP: Rect = Rect { x: 0.0, y: 0.0, width: 100.0, height: 50.0 };
/// Rows of a timeline are so many pixels apart.
const STEP: f64 = 46.0;

/// The class that gives a thing its colour.
pub(super) const fn hue(hue: Hue) -> &'static str {
    match hue {
        Hue::One => "h1",
        Hue::Two => "h2",
        Hue::Three => "h3",
        Hue::Four => "h4",
        Hue::Five => "h5",
        Hue::Six => "h6",
        Hue::Zero => "h0",
    }
}

fn percent(value: f64) -> String {
    format!("{value:.3}%")
}

/// An image with a title for those who do not see it.
fn figure(class: &'static str, title: &str, height: Option<f64>) -> Element {
    let svg = tag("svg").class(class).attr("role", "img").attr("aria-label", title).attr("width", "100%");
    match height {
        Some(height) => svg.number("height", height),
        None => svg,
    }
}

/// A place within a figure, as wide and high as it says, in percent.
fn at(element: Element, rect: Rect) -> Element {
    element
        .attr("x", percent(rect.x))
        .attr("y", percent(rect.y))
        .attr("width", percent(rect.width))
        .attr("height", percent(rect.height))
}

/// Shares of a whole as one bar, and what its colours mean.
pub(super) fn stack(stack: &Stack) -> Html {
    let whole: u64 = stack.parts.iter().map(|(_, bytes, _)| bytes).sum();
    let mut svg = figure("stack", stack.title, None);
    let mut x = 0.0;
    for (name, bytes, colour) in &stack.parts {
        let width = ratio(*bytes, whole) * 100.0;
        let rect = Rect { x, y: 0.0, width, height: 100.0 };
        let tip = tag("title").text(format!("{name}: {}", ByteSize(*bytes)));
        svg = svg.child(at(tag("rect").class(hue(*colour)), rect).child(tip));
        x += width;
    }
    let key = stack.parts.iter().map(|(name, bytes, colour)| {
        tag("li").child(swatch(*colour)).text(format!("{name} {}", ByteSize(*bytes)))
    });
    tag("figure").child(svg).child(tag("ul").class("key").children(key)).into()
}

/// The colour of a thing in a figure.
pub(super) fn swatch(colour: Hue) -> Element {
    let dot = tag("rect").class(hue(colour)).attr("width", "12").attr("height", "12").attr("rx", "2");
    tag("svg").class("swatch").attr("width", "12").attr("height", "12").attr("aria-hidden", "true").child(dot)
}

pub(super) fn map(map: &Map) -> Html {
    let sum = |group: &ReportGroup| group.parts.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let values: Vec<_> = map.groups.iter().map(|group| as_float(sum(group))).collect();
    let mut svg = figure("map", map.title, None);
    for (group, rect) in map.groups.iter().zip(squarify(&values, MAP)) {
        let parts: Vec<_> = group.parts.iter().map(|(_, bytes)| as_float(*bytes)).collect();
        // A figure within the figure cuts off what does not fit into it.
        let place = Rect { y: rect.y * 2.0, height: rect.height * 2.0, ..rect };
        let mut area = at(tag("svg"), place);
        let whole = Rect { x: 0.0, y: 0.0, width: rect.width, height: rect.height };
        for ((name, bytes), part) in group.parts.iter().zip(squarify(&parts, whole)) {
            let scaled = Rect {
                x: part.x / rect.width * 100.0,
                y: part.y / rect.height * 100.0,
                width: part.width / rect.width * 100.0,
                height: part.height / rect.height * 100.0,
            };
            let tip = tag("title").text(format!("{}: {name}, {}", group.label, ByteSize(*bytes)));
            area = area.child(at(tag("rect").class(hue(group.hue)), scaled).child(tip));
        }
        let frame = Rect { x: 0.0, y: 0.0, width: 100.0, height: 100.0 };
        area = area.child(at(tag("rect").class("frame"), frame));
        // A name that has no room is in the table below.
        if rect.width > 9.0 && rect.height > 5.0 {
            let class = if rect.width > 24.0 { "name" } else { "name small" };
            // On a page of full width, a percent has some nine pixels and a letter eight.
            let label = fitting(&group.label, rect.width * 9.0 / 8.0 - 1.0);
            area = area.child(tag("text").class(class).attr("x", "8").attr("y", "20").text(label));
            if rect.height > 9.0 {
                let size = ByteSize(sum(group)).to_string();
                let class = if rect.width > 24.0 { "bytes" } else { "bytes small" };
                area = area.child(tag("text").class(class).attr("x", "8").attr("y", "37").text(size));
            }
        }
        svg = svg.child(area);
    }
    tag("figure").child(svg).into()
}

/// A name, cut where it would be longer than so many letters.
fn fitting(name: &str, letters: f64) -> String {
    if as_float(name.chars().count() as u64) <= letters {
        return name.to_owned();
    }
    let cut = (1..).zip(name.chars()).take_while(|(number, _)| f64::from(*number) < letters);
    cut.map(|(_, letter)| letter).chain(['…']).collect()
}

/// Points in time, one below the other, each at its place between the first and the last.
pub(super) fn timeline(line: &Timeline) -> Html {
    let (Some(first), Some(last)) = (line.events.first(), line.events.last()) else { return Html::new() };
    let span = last.second.abs_diff(first.second).max(1);
    let mut y = 0.0;
    let height = STEP * as_float(line.events.len() as u64);
    let mut svg = figure("line", line.title, Some(height));
    for event in &line.events {
        let x = percent(1.0 + 98.0 * ratio(event.second.abs_diff(first.second), span));
        let label = tag("text").class("what").attr("x", "0").number("y", y + 14.0);
        let day = tag("tspan").class("when").text(event.when.get(..10).unwrap_or(&event.when));
        let label = label.child(day).child(Html::literal("  ")).child(plain(&event.what));
        let rail = |from: &str, to: &str, class: &'static str| {
            tag("line")
                .class(class)
                .attr("x1", from)
                .attr("x2", to)
                .number("y1", y + 28.0)
                .number("y2", y + 28.0)
        };
        let dot =
            tag("circle").class(event.basis.as_str()).attr("cx", &x).number("cy", y + 28.0).attr("r", "5");
        svg = svg.child(label).child(rail("1%", "99%", "rail")).child(rail("1%", &x, "run")).child(dot);
        y += STEP;
    }
    tag("figure").child(svg).into()
}

/// Text without elements in it, which SVG does not know.
fn plain(words: &Text) -> Html {
    words.0.iter().map(|span| text(span.as_str(), span)).collect()
}

/// A part of a whole, from 0 to 1.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { as_float(part) / as_float(whole) }
}

#[allow(clippy::cast_precision_loss, reason = "a figure shows three digits")]
const fn as_float(number: u64) -> f64 {
    number as f64
}
