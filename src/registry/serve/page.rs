//! HTML pages without scripts, also for print and phones.

use super::answer::ServeAnswer;
use super::body::Body;
use super::catalog::ServedBundle;
use super::route::encode;
use super::state::ServeState;
use hyper::StatusCode;
use hyper::body::Bytes;
use sealift_bundle::format::entry::{Entry, Node};
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::format::tree::Tree;
use sealift_bundle::inspect::{ItemLine, Overview, overview as look};
use sealift_bundle::value::html::escaped;
use sealift_bundle::value::image_name::ImageName;
use sealift_bundle::value::size::ByteSize;

const STYLE: &str = include_str!("page.css");

fn page(title: &str, body: &str) -> ServeAnswer {
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escaped(title)
    );
    ServeAnswer::new(StatusCode::OK, "text/html; charset=utf-8", Body::Whole(Bytes::from(text)))
        .with(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        )
        .with("referrer-policy", "no-referrer")
}

/// The list of all bundles; `host` is what the browser calls this server.
pub(super) fn overview(state: &ServeState, host: Option<&str>) -> ServeAnswer {
    let host = host.map_or_else(|| state.address.to_string(), str::to_owned);
    let count = state.bundles.len();
    let mut body = format!(
        "<header>\n<h1>{}</h1>\n<p>Everything here was sealed by packers this server trusts, and is compared with \
         its digest as it is handed out. Nothing can be changed from here. Images are pulled from <code>{}</code>.</p>\n",
        if count == 1 { "One bundle".to_owned() } else { format!("{count} bundles") },
        escaped(&host)
    );
    if count > 1 {
        body += "<ul class=\"toc\">\n";
        for ServedBundle { key, .. } in &state.bundles {
            body += &format!("<li><a href=\"#{0}\">{0}</a></li>\n", escaped(key));
        }
        body += "</ul>\n";
    }
    body += "</header>\n";
    for bundle in &state.bundles {
        body += &section(state, bundle, &host);
    }
    page("sealift", &body)
}

fn section(state: &ServeState, bundle: &ServedBundle, host: &str) -> String {
    let overview = look(&bundle.place.trusted, &bundle.place.contents.items);
    let mut text = format!(
        "<section id=\"{0}\">\n<h2>{1} <small>{2}</small></h2>\n",
        escaped(&bundle.key),
        escaped(overview.name.as_str()),
        escaped(overview.version.as_str())
    );
    for warning in &overview.warnings {
        text += &format!("<p class=\"warning\">Warning: {}</p>\n", escaped(warning));
    }
    text += &facts(&overview);
    let (images, trees): (Vec<_>, Vec<_>) =
        overview.items.iter().partition(|item| item.kind == ItemKind::Image);
    if !images.is_empty() {
        text += "<h3>Images</h3>\n";
        for item in images {
            text += &image(state, item, host);
        }
    }
    if !trees.is_empty() {
        text += "<h3>Documents and files</h3>\n<table>\n<thead><tr><th>Item</th><th>Kind</th><th>Origin</th>\
                 <th class=\"number\">Stored</th></tr></thead>\n<tbody>\n";
        for item in trees {
            let address = format!("/files/{}/{}/", encode(&bundle.key), encode(item.name.as_str()));
            text += &format!(
                "<tr><td><a href=\"{}\">{}</a></td><td>{}</td><td>{}</td><td class=\"number\">{}</td></tr>\n",
                escaped(address),
                escaped(item.name.as_str()),
                item.kind,
                escaped(&item.origin),
                ByteSize(item.stored)
            );
        }
        text += "</tbody>\n</table>\n";
    }
    text + "</section>\n"
}

fn facts(overview: &Overview) -> String {
    let mut text = "<dl>\n".to_owned();
    let mut fact = |name: &str, value: &str| text += &format!("<dt>{name}</dt><dd>{value}</dd>\n");
    let scenario = escaped(overview.scenario.as_str());
    fact("Scenario", &format!("{scenario}, epoch {}, sequence {}", overview.epoch, overview.sequence));
    fact("Statement", &format!("<code>{}</code>", overview.statement));
    for signer in &overview.signers {
        let (name, role) = (escaped(signer.name.as_str()), escaped(&signer.role));
        fact("Sealed by", &format!("{name} ({role}, key <code>{}</code>)", escaped(&signer.key)));
    }
    fact("Created", &overview.created.to_string());
    fact("Expires", &overview.expires.map_or_else(|| "never".to_owned(), |expires| expires.to_string()));
    let totals = overview.totals;
    fact("Holds", &format!("{} items, {}", totals.items, ByteSize(totals.bytes)));
    text + "</dl>\n"
}

fn image(state: &ServeState, item: &ItemLine, host: &str) -> String {
    let Some(reference) = &item.reference else { return String::new() };
    let Ok(parsed) = reference.parse::<ImageName>() else { return String::new() };
    let (name, tag) = state.catalog.pull_name(&parsed);
    let flag = if state.secure { "" } else { "--tls-verify=false " };
    let mut lines = Vec::new();
    if let Some(tag) = tag {
        lines.push(format!("podman pull {flag}{host}/{name}:{tag}"));
    }
    lines.push(format!("podman pull {flag}{host}/{name}@{}", item.digest));
    let platforms =
        if item.platforms.is_empty() { String::new() } else { format!(" · {}", item.platforms.join(", ")) };
    let facts = format!("{} blobs, {}{platforms}", item.blobs, ByteSize(item.stored));
    format!(
        "<h4>{}</h4>\n<p class=\"about\">{}</p>\n<pre>{}</pre>\n",
        escaped(reference),
        escaped(facts),
        lines.iter().map(escaped).collect::<Vec<_>>().join("\n")
    )
}

/// Entries of a directory on one page.
const ENTRIES: usize = 1000;
/// Bytes of a page behind which it ends, however few its entries are.
const LENGTH: usize = 256 << 10;

/// The list of what is in a directory of a tree, from the name behind `after` on; `below` is its path with a slash behind
/// it, or empty. A directory that does not fit on one page goes on at an address of its own, so that no page is large.
pub(super) fn folder(
    (key, item): (&str, &str),
    below: &str,
    after: Option<&str>,
    tree: &Tree,
) -> ServeAnswer {
    let place = format!("{key} / {item} / {}", below.trim_end_matches('/').replace('/', " / "));
    let place = place.trim_end_matches([' ', '/']);
    let mut body = format!("<header>\n<h1>{}</h1>\n<p><a href=\"/\">All bundles</a>", escaped(place));
    if !below.is_empty() {
        body += " · <a href=\"../\">Folder above</a>";
    }
    if after.is_some() {
        body += " · <a href=\"./\">First page</a>";
    }
    body += "</p>\n</header>\n<table>\n<thead><tr><th>Name</th><th class=\"number\">Size</th></tr></thead>\n<tbody>\n";
    let mut last = None;
    for (number, (name, entry)) in children(below, after, tree).enumerate() {
        if number == ENTRIES || body.len() > LENGTH {
            break;
        }
        let (slash, size) = match &entry.node {
            Node::Dir => ("/", String::new()),
            Node::File { size, .. } => ("", ByteSize(*size).to_string()),
            Node::Link { target } => ("", format!("→ {}", escaped(target))),
        };
        last = Some(name);
        let address = format!("./{}{slash}", encode(name));
        let name = escaped(name);
        body += &format!(
            "<tr><td><a href=\"{}\">{name}{slash}</a></td><td class=\"number\">{size}</td></tr>\n",
            escaped(address)
        );
    }
    body += "</tbody>\n</table>\n";
    if let Some(last) = last.filter(|last| children(below, Some(last), tree).next().is_some()) {
        body += &format!("<p><a href=\"./?after={}\">Next page</a></p>\n", escaped(encode(last)));
    }
    page(place, &body)
}

/// What is directly in a directory, behind the name `after`; entries are sorted by their paths.
fn children<'a>(
    below: &'a str,
    after: Option<&str>,
    tree: &'a Tree,
) -> impl Iterator<Item = (&'a str, &'a Entry)> {
    let entries = tree.entries();
    let from = format!("{below}{}", after.unwrap_or_default());
    let first = entries.partition_point(|entry| entry.path.as_str() <= from.as_str());
    let inside = entries.get(first..).unwrap_or_default().iter();
    let inside = inside.map_while(move |entry| Some((entry.path.as_str().strip_prefix(below)?, entry)));
    inside.filter(|(name, _)| !name.contains('/'))
}
