//! Pages that can be handed on: one file, no script, nothing loaded, and everything from outside escaped by type.
//!
//! Markup is [`Html`], and there are three ways to get some: text, which is escaped; an element, whose name and whose
//! names of attributes are literals of this program; and a literal. Anyone who has a string from outside has nothing to
//! put it into a page with but [`Element::text`] and [`Element::attr`].
//!
//! ```
//! use sealift_bundle::value::html::{Html, tag};
//! let cell: Html = tag("td").attr("title", "a\" onclick=\"x").text("<script>").into();
//! assert_eq!(cell.as_str(), "<td title=\"a&quot; onclick=&quot;x\">&lt;script&gt;</td>");
//! ```

use crate::value::printable::{Printable, without_deception};

/// Markup in which every text is escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

/// An element that is being written: first its attributes, then what is in it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Element {
    name: &'static str,
    open: String,
    content: Html,
}

/// The elements that have no content and no end tag (HTML, 13.1.2).
const VOID: [&str; 9] = ["br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"];

/// Attributes whose value is code or an address, so that escaping does not make a text from outside harmless.
const ACTIVE: [&str; 9] =
    ["action", "background", "data", "formaction", "href", "src", "srcdoc", "style", "xlink:href"];

/// An element of this name.
pub fn tag(name: &'static str) -> Element {
    Element { name, open: format!("<{name}"), content: Html::new() }
}

impl Html {
    /// No markup.
    #[must_use]
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Text from anywhere: escaped, and what cannot be seen or deceives shown by its number.
    #[must_use]
    pub fn text(text: impl AsRef<str>) -> Self {
        Self(escaped(text))
    }

    /// Text that [`Printable`] has gone over before: escaped, without doubling its backslashes.
    #[must_use]
    pub fn shown(text: impl AsRef<str>) -> Self {
        Self(without_markup(&without_deception(text.as_ref())))
    }

    /// Markup of this program.
    #[must_use]
    pub fn literal(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// Adds more behind it.
    pub fn push(&mut self, more: impl Into<Self>) {
        self.0 += &more.into().0;
    }

    /// The markup.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Element {
    /// An attribute with text from anywhere.
    ///
    /// A value that a browser would run or fetch has no place here: such an attribute is left out. Links within the
    /// page are made with [`Element::to`].
    pub fn attr(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        if !ACTIVE.contains(&name) && !name.starts_with("on") {
            self.open += &format!(" {name}=\"{}\"", escaped(value));
        }
        self
    }

    /// An attribute with a number.
    pub fn number(mut self, name: &'static str, value: f64) -> Self {
        // Three digits are less than any screen or printer shows.
        let text = format!("{value:.3}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        self.open += &format!(" {name}=\"{text}\"");
        self
    }

    /// Its class, or several.
    pub fn class(self, names: &'static str) -> Self {
        self.attr("class", names)
    }

    /// A link to the place in this page that has this `id`.
    pub fn to(mut self, id: impl AsRef<str>) -> Self {
        self.open += &format!(" href=\"#{}\"", escaped(id));
        self
    }

    /// Text from anywhere in it.
    pub fn text(mut self, text: impl AsRef<str>) -> Self {
        self.content.push(Html::text(text));
        self
    }

    /// Markup in it.
    pub fn child(mut self, child: impl Into<Html>) -> Self {
        self.content.push(child);
        self
    }

    /// All of these in it.
    pub fn children<T: Into<Html>>(mut self, children: impl IntoIterator<Item = T>) -> Self {
        children.into_iter().for_each(|child| self.content.push(child));
        self
    }
}

impl From<Element> for Html {
    fn from(element: Element) -> Self {
        let Element { name, open, content } = element;
        if VOID.contains(&name) {
            return Self(format!("{open}>"));
        }
        Self(format!("{open}>{}</{name}>", content.0))
    }
}

impl<T: Into<Self>> FromIterator<T> for Html {
    fn from_iter<I: IntoIterator<Item = T>>(parts: I) -> Self {
        let mut all = Self::new();
        parts.into_iter().for_each(|part| all.push(part));
        all
    }
}

/// The policy that every page brings along: should markup from outside ever get into one, it loads and runs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'";

/// A whole page with this title, style and body.
#[must_use]
pub fn page(title: &str, style: &'static str, body: impl Into<Html>) -> String {
    let head = tag("head")
        .child(tag("meta").attr("charset", "utf-8"))
        .child(tag("meta").attr("http-equiv", "Content-Security-Policy").attr("content", POLICY))
        .child(tag("meta").attr("name", "viewport").attr("content", "width=device-width, initial-scale=1"))
        .child(tag("meta").attr("name", "referrer").attr("content", "no-referrer"))
        .child(tag("title").text(title))
        .child(tag("style").child(Html::literal(style)));
    let page = tag("html").attr("lang", "en").child(head).child(tag("body").child(body));
    format!("<!doctype html>\n{}\n", Html::from(page).0)
}

/// Text from anywhere as it may stand between tags and in a quoted attribute, for pages that are no [`Html`].
#[must_use]
pub fn escaped(text: impl AsRef<str>) -> String {
    without_markup(&Printable(text).to_string())
}

fn without_markup(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            plain => safe.push(plain),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{Html, escaped, page, tag};

    /// What users write who want a page to do something.
    const HOSTILE: [&str; 8] = [
        "<script>alert(1)</script>",
        "\" onmouseover=\"alert(1)",
        "' onfocus='alert(1)",
        "</style></title></textarea><img src=x onerror=alert(1)>",
        "<!-- --><svg/onload=alert(1)>",
        "&lt;script&gt;",
        "]]><script>",
        "a\0b\u{202e}c\x1b[31m\u{200b}\r\n",
    ];

    #[test]
    fn text_and_attributes_cannot_leave_their_place() {
        for hostile in HOSTILE {
            let inside: Html = tag("b").attr("title", hostile).text(hostile).into();
            let markup = inside.as_str();
            let title = markup.strip_prefix("<b title=\"").unwrap();
            let (title, rest) = title.split_once("\">").unwrap();
            let text = rest.strip_suffix("</b>").unwrap();
            assert_eq!(title, text);
            for special in ['<', '>', '"', '\'', '\0', '\x1b', '\u{202e}', '\n'] {
                assert!(!text.contains(special), "{hostile:?}: {text}");
            }
            // Each ampersand begins one of our five.
            for (at, _) in text.match_indices('&') {
                let rest = &text[at..];
                assert!(["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].iter().any(|one| rest.starts_with(one)));
            }
        }
        assert_eq!(Html::text("&lt;").as_str(), "&amp;lt;");
        assert_eq!(Html::shown("a\\\\b\u{202e}<\x1b").as_str(), "a\\\\b\\u{202e}&lt;\\u{1b}");
    }

    #[test]
    fn what_a_bundle_says_is_text() {
        assert_eq!(
            escaped("<b a='x' c=\"y\">&\u{202e}"),
            "&lt;b a=&#39;x&#39; c=&quot;y&quot;&gt;&amp;\\u{202e}"
        );
    }

    #[test]
    fn attributes_that_run_or_fetch_take_no_text() {
        for name in ["href", "src", "style", "onclick", "onload", "xlink:href", "srcdoc", "formaction"] {
            let link: Html = tag("a").attr(name, "javascript:alert(1)").text("x").into();
            assert_eq!(link.as_str(), "<a>x</a>", "{name}");
        }
        let link: Html = tag("a").to("javascript:alert(1)\" x=\"").text("x").into();
        assert_eq!(link.as_str(), "<a href=\"#javascript:alert(1)&quot; x=&quot;\">x</a>");
    }

    #[test]
    fn elements_nest_and_void_ones_have_no_end() {
        let list: Html = tag("ul").children(["a", "<b>"].map(|text| tag("li").text(text))).into();
        assert_eq!(list.as_str(), "<ul><li>a</li><li>&lt;b&gt;</li></ul>");
        let line: Html = tag("br").text("never").into();
        assert_eq!(line.as_str(), "<br>");
        let bar: Html = tag("rect").number("x", 0.0).number("width", 33.3333).number("y", 100.0).into();
        assert_eq!(bar.as_str(), "<rect x=\"0\" width=\"33.333\" y=\"100\"></rect>");
        let both: Html = [tag("i").text("1"), tag("i").text("2")].into_iter().collect();
        assert_eq!(both.as_str(), "<i>1</i><i>2</i>");
    }

    #[test]
    fn a_page_has_one_title_and_loads_nothing() {
        let text = page("</title><script>x</script>", "p { margin: 0 }", tag("p").text("<hr>"));
        assert!(
            text.starts_with("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"),
            "{text}"
        );
        assert!(text.contains("<title>&lt;/title&gt;&lt;script&gt;x&lt;/script&gt;</title>"), "{text}");
        assert!(text.contains("content=\"default-src &#39;none&#39;;"), "{text}");
        assert!(!text.contains("<script") && text.ends_with("<p>&lt;hr&gt;</p></body></html>\n"), "{text}");
    }
}
