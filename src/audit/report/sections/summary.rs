//! Section: the verdict, the checks at a glance, and a summary in sentences.

use super::super::document::{Light, SectionPart, Sentence, Tone};
use super::super::facts::ReportFacts;
use super::super::text::{Text, grouped, out, say};
use super::{packages, signers, unchecked};
use crate::analysis::anomaly::{AnomalyGroup, AnomalyKind};
use crate::diff::{ChangeKind, DiffVerdict};
use crate::vulnerability::severity::Level;
use sealift_bundle::format::item::ItemKind;
use sealift_bundle::value::plural::counted;
use sealift_bundle::value::size::ByteSize;

/// How many things of a sort there are: `1 image`, `no image`, `1,234 images`.
fn number(count: u64, thing: &str) -> String {
    match count {
        0 => format!("no {thing}"),
        1 => format!("one {thing}"),
        _ => format!("{} {thing}s", grouped(count)),
    }
}

/// What was counted for the sentences and the strip.
struct Counts {
    images: u64,
    roots: u64,
    views: u64,
    rising: u64,
    odd: u64,
    secrets: u64,
    packages: u64,
    executables: u64,
    unread: u64,
    unmade: u64,
}

impl Counts {
    fn of(facts: &ReportFacts<'_>) -> Self {
        let odd = |is_wanted: &dyn Fn(AnomalyKind) -> bool| {
            facts.anomalies().filter(|(anomaly, _)| is_wanted(anomaly.kind)).count() as u64
        };
        let rises =
            |kind| matches!(kind, AnomalyKind::Setuid | AnomalyKind::Setgid | AnomalyKind::Capability);
        let starts_as_root = |config: &crate::analysis::config::ImageConfig| config.runs_as_root();
        Self {
            images: facts.overview.items.iter().filter(|item| item.kind == ItemKind::Image).count() as u64,
            views: facts.images().count() as u64,
            roots: facts.images().filter(|(_, view)| view.config.as_ref().is_some_and(starts_as_root)).count()
                as u64,
            rising: odd(&rises),
            odd: odd(&|kind| kind.group() != AnomalyGroup::Privilege),
            secrets: facts.secrets().count() as u64,
            packages: packages::distinct(facts).len() as u64,
            executables: executables(facts),
            unread: facts.analysis.unchecked.len() as u64,
            unmade: unchecked::checks(facts).len() as u64,
        }
    }
}

/// Files that can be executed, each layer counted once.
fn executables(facts: &ReportFacts<'_>) -> u64 {
    use crate::analysis::LayerNode;
    let entries = facts.analysis.layers.iter().flat_map(|layer| &layer.entries);
    entries
        .filter(|entry| matches!(&entry.node, LayerNode::File { class, .. } if class.is_executable()))
        .count() as u64
}

/// What a reader takes away.
pub(super) fn verdict(facts: &ReportFacts<'_>) -> Vec<Sentence> {
    let counts = Counts::of(facts);
    let overview = facts.overview;
    let (tone, verified) = if facts.account.is_exact() {
        (Tone::Good, "The seal is verified, and every byte is accounted for.")
    } else {
        (Tone::Bad, "The seal is verified, but the bytes of the file do not add up.")
    };
    let lacks = overview.approvals_demanded.map_or(0, |asked| asked.saturating_sub(overview.approvals.len()));
    let many = |count: u64, one: &str, several: &str| match count {
        0 => None,
        1 => Some(format!("one {one}")),
        _ => Some(format!("{} {several}", grouped(count))),
    };
    let strip = [changes(facts), vulnerabilities(facts), malware(facts), policy(facts)];
    let is_bad = counts.secrets > 0 || strip.iter().any(|light| light.tone == Tone::Bad);
    let severe = strip.iter().filter(|light| matches!(light.tone, Tone::Bad | Tone::Attention));
    let severe = severe.map(|light| format!("{}: {}", light.title.to_lowercase(), light.value));
    let open: Vec<_> = [
        many(counts.secrets, "place looks like a secret", "places look like secrets"),
        many(lacks as u64, "approval is missing", "approvals are missing"),
        many(
            counts.unread,
            "part of the bundle could not be analyzed",
            "parts of the bundle could not be analyzed",
        ),
    ]
    .into_iter()
    .flatten()
    .chain(severe)
    .collect();
    let mut sentences = vec![Sentence { tone, text: say(verified) }];
    if !open.is_empty() {
        let tone = if is_bad { Tone::Bad } else { Tone::Attention };
        sentences.push(Sentence { tone, text: say(format!("Needs attention: {}.", open.join("; "))) });
    }
    let text = say(format!("{} checks were not made; their outcome is unknown.", counts.unmade));
    sentences.push(Sentence { tone: Tone::Unknown, text });
    sentences
}

/// The checks at a glance.
pub(super) fn strip(facts: &ReportFacts<'_>) -> Vec<Light> {
    let counts = Counts::of(facts);
    let overview = facts.overview;
    let light = |title, tone, value: String, note: &str, section| Light {
        title,
        tone,
        value: say(value),
        note: say(note),
        section,
    };
    let given = overview.approvals.len();
    let approvals = match overview.approvals_demanded {
        Some(asked) if given >= asked => (Tone::Good, "required by the trust root"),
        Some(_) => (Tone::Attention, "required by the trust root"),
        None => (Tone::Plain, "none required"),
    };
    let some = |count: u64, tone| if count == 0 { Tone::Good } else { tone };
    let signed = counted(overview.signers.len() as u64, "signature");
    let read = if counts.unread == 0 { "every layer was read" } else { "parts could not be read" };
    vec![
        light("Seal", Tone::Good, "verified".to_owned(), &format!("{signed} of trusted keys"), "signers"),
        light(
            "Bytes",
            if facts.account.is_exact() { Tone::Good } else { Tone::Bad },
            if facts.account.is_exact() {
                "all accounted for".to_owned()
            } else {
                "do not add up".to_owned()
            },
            &ByteSize(facts.account.size).to_string(),
            "bytes",
        ),
        light("Approvals", approvals.0, signers::approvals_in_words(facts), approvals.1, "signers"),
        light(
            "Content",
            some(counts.unread, Tone::Attention),
            if counts.unread == 0 {
                "all read".to_owned()
            } else {
                format!("{} unread", grouped(counts.unread))
            },
            read,
            "unchecked",
        ),
        light(
            "Secrets",
            some(counts.secrets, Tone::Bad),
            grouped(counts.secrets),
            "possible secrets",
            "findings",
        ),
        light(
            "Anomalies",
            some(counts.odd, Tone::Attention),
            grouped(counts.odd),
            "names, links, archives",
            "findings",
        ),
        light(
            "Privileges",
            some(counts.rising, Tone::Attention),
            grouped(counts.rising),
            "programs that gain privileges",
            "privileges",
        ),
        light(
            "Root",
            some(counts.roots, Tone::Attention),
            format!("{} of {}", counts.roots, counts.views),
            "images start as root",
            "privileges",
        ),
        changes(facts),
        vulnerabilities(facts),
        malware(facts),
        policy(facts),
    ]
}

/// A check that was not made.
fn unmade(title: &'static str, why: &str, section: &'static str) -> Light {
    Light { title, tone: Tone::Unknown, value: say("not checked"), note: say(why), section }
}

fn changes(facts: &ReportFacts<'_>) -> Light {
    let (title, section) = ("Changes", "changes");
    let Some(changes) = facts.changes else { return unmade(title, "no earlier bundle given", section) };
    let gained = changes.rights.iter().filter(|at| at.change.turn == ChangeKind::New).count() as u64;
    let (tone, value) = match (changes.verdict, gained) {
        (DiffVerdict::Equal, _) => (Tone::Good, "none".to_owned()),
        (DiffVerdict::Incomplete, _) => (Tone::Attention, "not everything compared".to_owned()),
        (DiffVerdict::Different, 0) => (Tone::Plain, "different".to_owned()),
        (DiffVerdict::Different, _) => (Tone::Attention, format!("{} gained", number(gained, "right"))),
    };
    Light { title, tone, value: say(value), note: say("since ").out(&changes.a.label), section }
}

fn vulnerabilities(facts: &ReportFacts<'_>) -> Light {
    let (title, section) = ("Vulnerabilities", "packages");
    let Some(known) = facts.vulnerabilities else { return unmade(title, "no data given", section) };
    let open: Vec<_> = known.found.iter().filter(|one| super::vulnerabilities::is_open(one)).collect();
    let severe = open.iter().filter(|one| one.severity.level >= Some(Level::High)).count() as u64;
    let gaps: u64 = known.not_checked.iter().map(|one| one.packages).sum();
    let (tone, value) = match (open.len() as u64, severe, gaps) {
        (0, _, 0) => (Tone::Good, "none known".to_owned()),
        (0, ..) => (Tone::Attention, "none known in part".to_owned()),
        (all, 0, _) => (Tone::Attention, format!("{} open", grouped(all))),
        (all, severe, _) => (Tone::Bad, format!("{} open, {} severe", grouped(all), grouped(severe))),
    };
    let mut note = say(format!("{} packages compared", grouped(known.compared)));
    if gaps > 0 {
        note = note.say(format!(", {} not", grouped(gaps)));
    }
    Light { title, tone, value: say(value), note, section }
}

fn malware(facts: &ReportFacts<'_>) -> Light {
    let (title, section) = ("Malware", "scan");
    let rank = |tone| match tone {
        Tone::Bad => 3,
        Tone::Attention | Tone::Unknown => 2,
        Tone::Plain => 1,
        Tone::Good => 0,
    };
    let outcomes = facts.own_scans().map(|scan| (super::scan::outcome(scan), scan.engine.name()));
    match outcomes.max_by_key(|((tone, _), _)| rank(*tone)) {
        None => unmade(title, "no ledger given", section),
        Some(((tone, words), engine)) => Light { title, tone, value: say(words), note: out(engine), section },
    }
}

fn policy(facts: &ReportFacts<'_>) -> Light {
    let (title, section) = ("Policy", "policy");
    let Some(verdict) = facts.verdict else { return unmade(title, "none given", section) };
    let (tone, value) = match (verdict.violations.len() as u64, verdict.waived.len()) {
        (0, 0) => (Tone::Good, "met".to_owned()),
        (0, waived) => (Tone::Attention, format!("met, {waived} waived")),
        (violated, _) => (Tone::Bad, format!("{} violated", grouped(violated))),
    };
    Light { title, tone, value: say(value), note: out(verdict.policy.as_str()), section }
}

pub(super) fn blocks(facts: &ReportFacts<'_>) -> Vec<SectionPart> {
    let counts = Counts::of(facts);
    vec![
        SectionPart::Paragraph { text: what(facts, &counts) },
        SectionPart::Paragraph { text: inside(facts, &counts) },
        SectionPart::Paragraph { text: unknown(facts, &counts) },
    ]
}

/// What it is, and who follows it.
fn what(facts: &ReportFacts<'_>, counts: &Counts) -> Text {
    let overview = facts.overview;
    let kind = |kind| overview.items.iter().filter(|item| item.kind == kind).count() as u64;
    let kinds = [
        (counts.images, "container image"),
        (kind(ItemKind::Doc), "collection of documents"),
        (kind(ItemKind::Config), "configuration"),
        (kind(ItemKind::File), "set of files"),
    ];
    let kinds: Vec<_> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, thing)| plural(count, thing))
        .collect();
    let holds = match kinds.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    };
    let day = |moment: sealift_bundle::value::timestamp::Timestamp| {
        moment.to_string().chars().take(10).collect::<String>()
    };
    let mut text = out(format!("{} {}", overview.name, overview.version))
        .say(format!(" carries {holds} for the scenario "))
        .out(overview.scenario.as_str())
        .say(format!(
            ": {} in {}. It was packed from a lock of {} and sealed by ",
            ByteSize(facts.account.size),
            counted(overview.totals.blobs, "blob"),
            day(overview.created)
        ))
        .list(overview.signers.iter().map(|signer| signer.name.to_string()), "nobody");
    text = match (overview.approvals_demanded, overview.approvals.len()) {
        (None, 0) => text.say("; the trust root requires no approval, and there is none."),
        (None, _) => text
            .say("; it was approved by ")
            .list(overview.approvals.iter().map(|one| one.name.to_string()), "")
            .say("."),
        (Some(asked), given) => {
            text.say(format!("; it has {given} of the {asked} approvals that the trust root requires."))
        }
    };
    if let Some(expires) = overview.expires {
        text = text.say(format!(" It expires on {}.", day(expires)));
    }
    text
}

/// `1 set of files`, `2 sets of files`.
fn plural(count: u64, thing: &str) -> String {
    match (count, thing.split_once(' ')) {
        (1, _) => number(1, thing),
        (_, Some((head @ ("collection" | "set"), rest))) => format!("{} {head}s {rest}", grouped(count)),
        _ => number(count, thing),
    }
}

/// What was found in it.
fn inside(facts: &ReportFacts<'_>, counts: &Counts) -> Text {
    let layers = facts.analysis.layers.len() as u64;
    let mut text = say(format!(
        "In {} there {} {} that can be executed",
        number(layers, "layer"),
        if counts.executables == 1 { "is" } else { "are" },
        number(counts.executables, "file"),
    ));
    text = text.say(format!(
        " and {} that {} listed. ",
        number(counts.packages, "package"),
        if counts.packages == 1 { "is" } else { "are" }
    ));
    if counts.views > 0 {
        text = text.say(match (counts.roots, counts.views) {
            (0, _) => "No image starts as root. ".to_owned(),
            (1, 1) => "The one image starts as root. ".to_owned(),
            (roots, views) if roots == views => "Every image starts as root. ".to_owned(),
            (roots, views) => format!("{roots} of {views} images start as root. "),
        });
    }
    text = text.say(match counts.rising {
        0 => "No program gains privileges when it is started. ".to_owned(),
        1 => "One program gains privileges when it is started. ".to_owned(),
        many => format!("{} programs gain privileges when they are started. ", grouped(many)),
    });
    let secrets = match counts.secrets {
        0 => "Nothing that was read looks like a secret".to_owned(),
        1 => "One place looks like a secret".to_owned(),
        many => format!("{} places look like secrets", grouped(many)),
    };
    let odd = match counts.odd {
        0 => "and no name, link or archive is anomalous.".to_owned(),
        1 => "and one name, link or archive is anomalous.".to_owned(),
        many => format!("and {} names, links or archives are anomalous.", grouped(many)),
    };
    text.say(format!("{secrets}, {odd}"))
}

/// The result of the checks that were asked for, and what no one knows.
fn unknown(facts: &ReportFacts<'_>, counts: &Counts) -> Text {
    let parts = match counts.unread {
        0 => "Every layer was read completely.".to_owned(),
        1 => "One part of the bundle could not be analyzed.".to_owned(),
        many => format!("{} parts of the bundle could not be analyzed.", grouped(many)),
    };
    let mut text = say(format!("{parts} "));
    for light in [changes(facts), vulnerabilities(facts), malware(facts), policy(facts)] {
        if light.tone != Tone::Unknown {
            text = text.say(format!("{}: {} (", light.title, light.value)).and(light.note).say("). ");
        }
    }
    text.strong(format!("{} checks were not made", counts.unmade)).say(": see Not checked for the reasons.")
}
