//! Writes a lock as text, so that a change of one source changes few lines in a review.

use super::lock::{ImageLocation, Lock, LockedAudience, LockedImage, LockedTree, Pin, TreeSource, VERSION};
use sealift_bundle::format::entry::Entry;
use sealift_bundle::format::item::{FileKind, ItemHead, Labels, PRIORITY};
use sealift_bundle::format::site_inputs::{Parameter, SiteSecret};
use sealift_bundle::value::printable::is_deceptive;
use sealift_bundle::value::rel_path::Names;
use std::fmt::{self, Display, Write as _};

impl Lock {
    /// The text of the lock; parsing it gives the same lock, and the same lock always gives the same bytes.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.lay(&mut text);
        text
    }

    fn lay(&self, text: &mut String) -> fmt::Result {
        text.write_str("# written by `sealift lock`; review it, do not edit it\n")?;
        writeln!(text, "lock = {VERSION}\nmanifest = \"{}\"\ncreated = \"{}\"", self.manifest, self.created)?;
        writeln!(text, "sequence = {}", self.sequence)?;
        optional(text, "previous", self.previous.as_ref())?;
        optional(text, "expires", self.expires.as_ref())?;
        optional(text, "variant", self.variant.as_ref())?;
        lay_list(text, "features", &self.features)?;
        lay_list(text, "without", &self.without)?;
        let bundle = &self.bundle;
        writeln!(text, "\n[bundle]\nname = \"{}\"", bundle.name)?;
        writeln!(text, "scenario = \"{}\"\nversion = \"{}\"", bundle.scenario, bundle.version)?;
        self.audience.iter().try_for_each(|audience| lay_audience(text, audience))?;
        self.parameter.iter().try_for_each(|parameter| lay_parameter(text, parameter))?;
        for SiteSecret { name, description } in &self.secret {
            writeln!(text, "\n[[secret]]\nname = \"{name}\"\ndescription = {}", Quoted(description))?;
        }
        self.image.iter().try_for_each(|image| lay_image(text, image))?;
        self.trees().try_for_each(|tree| lay_tree(text, tree))
    }
}

fn lay_audience(text: &mut String, audience: &LockedAudience) -> fmt::Result {
    let LockedAudience { name, hidden_features, hidden_parameters, hidden_secrets } = audience;
    writeln!(text, "\n[[audience]]\nname = \"{name}\"")?;
    lay_list(text, "hidden_features", hidden_features)?;
    lay_list(text, "hidden_parameters", hidden_parameters)?;
    lay_list(text, "hidden_secrets", hidden_secrets)
}

fn lay_parameter(text: &mut String, parameter: &Parameter) -> fmt::Result {
    let Parameter { name, description, format, choices, default } = parameter;
    writeln!(text, "\n[[parameter]]\nname = \"{name}\"\ndescription = {}", Quoted(description))?;
    writeln!(text, "format = \"{format}\"")?;
    lay_list(text, "choices", choices)?;
    optional(text, "default", default.as_ref())
}

/// A list that has something in it, on one line.
fn lay_list<T: Display>(text: &mut String, key: &str, list: &[T]) -> fmt::Result {
    if list.is_empty() { Ok(()) } else { lay_whole_list(text, key, list) }
}

fn lay_whole_list<T: Display>(text: &mut String, key: &str, list: &[T]) -> fmt::Result {
    let words: Vec<_> = list.iter().map(|word| Quoted(&word.to_string()).to_string()).collect();
    writeln!(text, "{key} = [{}]", words.join(", "))
}

/// What is there beside name, kind and licence, and differs from what an item has by itself.
fn lay_labels(text: &mut String, labels: &Labels) -> fmt::Result {
    optional(text, "kind", labels.file_kind.map(FileKind::as_str).as_ref())?;
    optional(text, "version", labels.version.as_ref())?;
    if let Some(audience) = &labels.audience {
        lay_whole_list(text, "audience", audience)?;
    }
    if labels.priority != PRIORITY {
        writeln!(text, "priority = {}", labels.priority)?;
    }
    if labels.template { text.write_str("template = true\n") } else { Ok(()) }
}

fn lay_image(text: &mut String, image: &LockedImage) -> fmt::Result {
    text.write_str("\n[[image]]\n")?;
    let location = |text: &mut String| match &image.location {
        ImageLocation::Store => Ok(()),
        ImageLocation::Layout(path) => assign(text, "layout", path),
        ImageLocation::Archive(path) => assign(text, "archive", path),
    };
    write_head(text, &image.head, location)?;
    writeln!(text, "reference = \"{}\"\nmedia_type = {}", image.reference, Quoted(&image.media_type))?;
    writeln!(text, "digest = \"{}\"\nsize = {}\nblobs = [", image.digest, image.size)?;
    for blob in &image.blobs {
        write!(text, "  {{ digest = \"{}\", size = {}", blob.digest, blob.size)?;
        if let Some(member) = &blob.member {
            write!(text, ", member = {}", Quoted(member))?;
        }
        text.write_str(" },\n")?;
    }
    text.write_str("]\n")?;
    if !image.withheld.is_empty() {
        text.write_str("withheld = [\n")?;
        image.withheld.iter().try_for_each(|digest| writeln!(text, "  \"{digest}\","))?;
        text.write_str("]\n")?;
    }
    if !image.referrers.is_empty() {
        text.write_str("referrers = [\n")?;
        for referrer in &image.referrers {
            write!(text, "  {{ digest = \"{}\", size = {}, media_type = ", referrer.digest, referrer.size)?;
            write!(text, "{}", Quoted(&referrer.media_type))?;
            if let Some(tag) = &referrer.tag {
                write!(text, ", tag = {}", Quoted(tag))?;
            }
            text.write_str(" },\n")?;
        }
        text.write_str("]\n")?;
    }
    Ok(())
}

fn lay_tree(text: &mut String, tree: &LockedTree) -> fmt::Result {
    writeln!(text, "\n[[{}]]", tree.head.kind)?;
    let source = |text: &mut String| match &tree.source {
        TreeSource::Path(path) => assign(text, "path", path),
        TreeSource::Url { url, pin } => {
            assign(text, "url", url)?;
            match pin {
                Some(Pin::FirstUse) => assign(text, "pin", "first-use"),
                None => Ok(()),
            }
        }
        TreeSource::Chart(chart) => assign(text, "chart", chart),
        TreeSource::Git { url, commit } => {
            assign(text, "git", url)?;
            assign(text, "commit", commit)
        }
    };
    write_head(text, &tree.head, source)?;
    if tree.names == Names::Linux {
        text.write_str("names = \"linux\"\n")?;
    }
    // Lines of JSON have no `'` in them, so nothing in them ends the string.
    text.write_str("entries = '''\n")?;
    tree.entries.iter().try_for_each(|entry| lay_entry(text, entry))?;
    text.write_str("'''\n")
}

/// An entry as one line of JSON, in which `'` and what hides or reorders text are escaped.
fn lay_entry(text: &mut String, entry: &Entry) -> fmt::Result {
    let line = serde_json::to_string(entry).map_err(|_| fmt::Error)?;
    for character in line.chars() {
        if character == '\'' || is_deceptive(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04x}")?;
            }
        } else {
            text.write_char(character)?;
        }
    }
    text.write_char('\n')
}

/// What every item says, with its source behind its name.
fn write_head(
    text: &mut String,
    head: &ItemHead,
    source: impl FnOnce(&mut String) -> fmt::Result,
) -> fmt::Result {
    let ItemHead { name, kind: _, origin, license, labels } = head;
    writeln!(text, "name = \"{name}\"")?;
    source(text)?;
    assign(text, "origin", origin)?;
    optional(text, "license", license.as_ref())?;
    lay_labels(text, labels)
}

fn assign(text: &mut String, key: &str, value: &str) -> fmt::Result {
    writeln!(text, "{key} = {}", Quoted(value))
}

fn optional<T: Display>(text: &mut String, key: &str, value: Option<&T>) -> fmt::Result {
    match value {
        Some(value) => writeln!(text, "{key} = {}", Quoted(&value.to_string())),
        None => Ok(()),
    }
}

/// A basic string of TOML.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                // A review must show what is there: nothing that hides or reorders reaches the lock as it is.
                hidden if is_deceptive(hidden) => {
                    write!(f, "\\U{:08X}", u32::from(hidden))?;
                }
                plain => f.write_char(plain)?,
            }
        }
        f.write_char('"')
    }
}
