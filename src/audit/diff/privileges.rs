//! Rights: what lets a program or a person do more than others, and how an image is started.

use super::Turn;
use super::compare::Collected;
use super::entry::{EntryNode, EntrySpot};
use super::facts::{Field, ItemFacts};
use super::redact::masked;
use crate::analysis::config::ImageConfig;
use sealift_bundle::value::plural::quoted;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A right, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Programs of the image run as root.
    Root,
    /// A program gets the rights of its owner.
    Setuid,
    /// A program gets the rights of its group.
    Setgid,
    /// A program gets rights of the kernel.
    Capability,
    /// A device of the machine.
    Device,
    /// Everybody may change it.
    WorldWritable,
    /// A port is open.
    Port,
    /// Something else is started.
    Start,
}

impl Right {
    /// The name as it is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "runs as root",
            Self::Setuid => "setuid",
            Self::Setgid => "setgid",
            Self::Capability => "capability",
            Self::Device => "device",
            Self::WorldWritable => "world-writable",
            Self::Port => "port",
            Self::Start => "starts",
        }
    }
}

impl Serialize for Right {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A right that was gained, lost, or is another now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RightChange {
    /// What happened: new, changed (the path has the right as before and other content), gone.
    pub turn: Turn,
    /// Which right.
    pub right: Right,
    /// The path that has it; empty for an image as a whole.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// As it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// As it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl RightChange {
    pub(super) fn of_path(
        turn: Turn,
        right: Right,
        path: &str,
        from: Option<String>,
        to: Option<String>,
    ) -> Self {
        Self { turn, right, path: path.to_owned(), from, to }
    }
}

/// The rights of an entry, each with what it gives: mostly a word that needs no memory of its own.
pub(super) fn rights_of(spot: &EntrySpot<'_>) -> Vec<(Right, Cow<'static, str>)> {
    let mut rights = Vec::new();
    let has = |bits: u16| spot.mode & bits == bits;
    match spot.node {
        EntryNode::File { .. } => {
            if has(0o4000) {
                rights.push((Right::Setuid, Cow::Owned(spot.user())));
            }
            if has(0o2000) {
                rights.push((Right::Setgid, Cow::Owned(spot.group())));
            }
            if let Some(capabilities) = &spot.capabilities {
                rights.push((Right::Capability, Cow::Owned(capabilities.to_string())));
            }
            if has(0o002) {
                rights.push((Right::WorldWritable, Cow::Borrowed("file")));
            }
        }
        // With the sticky bit, like `/tmp`, nobody changes what others have in it.
        EntryNode::Dir if has(0o002) && !has(0o1000) => {
            rights.push((Right::WorldWritable, Cow::Borrowed("folder")));
        }
        EntryNode::Special(what) => rights.push((Right::Device, Cow::Owned(what.to_owned()))),
        EntryNode::Dir | EntryNode::Link(_) => {}
    }
    rights
}

/// Tells how an image is started apart from how it was; without a before, the image is new.
pub(super) fn starting(item: &str, a: Option<&ImageConfig>, b: &ImageConfig, found: &mut Collected) {
    let whole = |turn, right, from, to| RightChange { turn, right, path: String::new(), from, to };
    let user = |config: &ImageConfig| match config.user.as_str() {
        "" => "root, as no user is named".to_owned(),
        user => user.to_owned(),
    };
    match (a.map(ImageConfig::runs_as_root), b.runs_as_root()) {
        (None | Some(false), true) => {
            found.rights.add(whole(Turn::New, Right::Root, a.map(user), Some(user(b))), item);
        }
        (Some(true), false) => {
            found.rights.add(whole(Turn::Gone, Right::Root, a.map(user), Some(user(b))), item);
        }
        (Some(true), true) | (None | Some(false), false) => {}
    }
    let ports = |config: &ImageConfig| config.ports.iter().cloned().collect::<BTreeSet<_>>();
    let (had, has) = (a.map(ports).unwrap_or_default(), ports(b));
    for port in has.difference(&had) {
        found.rights.add(whole(Turn::New, Right::Port, None, Some(port.clone())), item);
    }
    for port in had.difference(&has) {
        found.rights.add(whole(Turn::Gone, Right::Port, Some(port.clone()), None), item);
    }
    let (before, now) = (a.map(start), start(b));
    if before.as_ref() != Some(&now) {
        let shown = |text: String| masked(&text).into_owned();
        found.rights.add(whole(Turn::New, Right::Start, before.map(shown), Some(shown(now))), item);
    }
}

/// What is started, as a shell would take it.
fn start(config: &ImageConfig) -> String {
    let words: Vec<_> = config.entrypoint.iter().chain(&config.cmd).map(quoted).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
}

/// The rest of how an image is started, as facts.
pub(super) fn facts_of(config: &ImageConfig, system: Option<&str>) -> ItemFacts {
    let mut facts = ItemFacts::default();
    facts.put(Field::User, Some(&config.user).filter(|user| !user.is_empty()));
    let variable = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    };
    facts.put_named(Field::Environment, config.env.iter().map(variable));
    facts.put(Field::WorkingDir, Some(&config.working_dir).filter(|folder| !folder.is_empty()));
    facts.put_all(Field::Volume, &config.volumes);
    facts.put(Field::StopSignal, config.stop_signal.as_ref());
    facts.put(Field::System, system);
    facts.put(Field::Machine, Some(format!("{}/{}", config.os, config.architecture)));
    facts.put_named(Field::Label, &config.labels);
    facts.put(Field::Built, config.created.as_ref());
    facts
}
