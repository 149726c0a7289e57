"""Reads a report as a browser would and says what is wrong with it: elements and attributes that have no place there,
ends that do not fit, links that lead nowhere. Prints the text that a reader sees."""

import html.parser
import sys

VOID = {"meta", "br", "link", "img", "input", "hr", "wbr", "col", "source"}
KNOWN = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "p", "h1", "h2", "h3", "span", "dl", "dt", "dd",
    "div", "nav", "ol", "ul", "li", "main", "section", "footer", "time", "strong", "code", "pre", "figure", "table",
    "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg", "rect", "text", "tspan", "line",
    "circle",
}
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "href", "id", "tabindex", "aria-label", "scope",
    "aria-labelledby", "aria-hidden", "datetime", "data-label", "role", "width", "height", "x", "y", "x1", "x2", "y1",
    "y2", "cx", "cy", "r", "rx",
}


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.seen, self.ids, self.links = [], [], [], [], []
        self.counts = {}

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in KNOWN:
            self.wrong.append(f"element {tag}")
        if tag not in VOID:
            self.open.append(tag)
        names = [name for name, _ in attributes]
        if len(set(names)) != len(names):
            self.wrong.append(f"attribute twice in {tag}")
        for name, value in attributes:
            if name not in ATTRIBUTES:
                self.wrong.append(f"attribute {name} of {tag}")
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.links.append(value)
        scope = dict(attributes).get("scope")
        if tag == "th" and scope not in ("col", "row"):
            self.wrong.append("a th without scope")

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"end of {tag}")

    def handle_data(self, text):
        if "style" not in self.open:
            self.seen.append(text)

    def handle_comment(self, text):
        self.wrong.append(f"comment {text}")

    def unknown_decl(self, text):
        self.wrong.append(f"declaration {text}")


reader = Reader()
page = open(sys.argv[1], encoding="utf-8").read()
reader.feed(page)
reader.close()
if reader.open:
    reader.wrong.append(f"not closed: {reader.open}")
if len(set(reader.ids)) != len(reader.ids):
    reader.wrong.append("an id twice")
for link in reader.links:
    if not link.startswith("#") or link[1:] not in reader.ids:
        reader.wrong.append(f"link to {link}")
for once in ("h1", "main", "nav", "header", "footer", "style"):
    if reader.counts.get(once) != 1:
        reader.wrong.append(f"{once} {reader.counts.get(once)} times")
if reader.counts.get("caption") != reader.counts.get("table"):
    reader.wrong.append("a table without a caption")
for sign in ("\x1b", "\u202e", "\x00", "\r"):
    if sign in page:
        reader.wrong.append(f"character {sign!r}")
for wrong in sorted(set(reader.wrong)):
    print(f"wrong: {wrong}")
if not reader.wrong:
    print(" ".join("".join(reader.seen).split()))
sys.exit(bool(reader.wrong))
