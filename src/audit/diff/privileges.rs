//! Compares privileges of files, and how images are started.

use super::change::{ChangeKind, Right, RightChange};
use super::change_set::ChangeSet;
use super::entry::{EntryNode, EntrySpot};
use super::facts::{Field, ItemFacts};
use super::redact::masked;
use crate::analysis::config::ImageConfig;
use sealift_bundle::value::plural::quoted;
use std::borrow::Cow;
use std::collections::BTreeSet;

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
        // With the sticky bit, like `/tmp`, no one changes what others have in it.
        EntryNode::Dir if has(0o002) && !has(0o1000) => {
            rights.push((Right::WorldWritable, Cow::Borrowed("folder")));
        }
        EntryNode::Special(what) => rights.push((Right::Device, Cow::Owned(what.to_owned()))),
        EntryNode::Dir | EntryNode::Link(_) => {}
    }
    rights
}

/// Tells how an image is started apart from how it was; without a before, the image is new.
pub(super) fn compare_start(item: &str, a: Option<&ImageConfig>, b: &ImageConfig, found: &mut ChangeSet) {
    let whole = |turn, right, from, to| RightChange { turn, right, path: String::new(), from, to };
    let user = |config: &ImageConfig| match config.user.as_str() {
        "" => "root, as no user is named".to_owned(),
        user => user.to_owned(),
    };
    match (a.map(ImageConfig::runs_as_root), b.runs_as_root()) {
        (None | Some(false), true) => {
            found.rights.add(whole(ChangeKind::New, Right::Root, a.map(user), Some(user(b))), item);
        }
        (Some(true), false) => {
            found.rights.add(whole(ChangeKind::Gone, Right::Root, a.map(user), Some(user(b))), item);
        }
        (Some(true), true) | (None | Some(false), false) => {}
    }
    let ports = |config: &ImageConfig| config.ports.iter().cloned().collect::<BTreeSet<_>>();
    let (had, has) = (a.map(ports).unwrap_or_default(), ports(b));
    for port in has.difference(&had) {
        found.rights.add(whole(ChangeKind::New, Right::Port, None, Some(port.clone())), item);
    }
    for port in had.difference(&has) {
        found.rights.add(whole(ChangeKind::Gone, Right::Port, Some(port.clone()), None), item);
    }
    let (before, now) = (a.map(start), start(b));
    if before.as_ref() != Some(&now) {
        let shown = |text: String| masked(&text).into_owned();
        found.rights.add(whole(ChangeKind::New, Right::Start, before.map(shown), Some(shown(now))), item);
    }
}

/// What is started, as a shell would take it.
fn start(config: &ImageConfig) -> String {
    let words: Vec<_> = config.entrypoint.iter().chain(&config.cmd).map(quoted).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
}

/// The rest of how an image is started, as facts.
pub(super) fn start_facts(config: &ImageConfig, system: Option<&str>) -> ItemFacts {
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
