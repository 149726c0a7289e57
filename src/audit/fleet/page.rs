//! Renders a fleet as one self-contained HTML page.

use super::labels::{age, bundle_label, in_use_label, lag_label};
use super::overview::{FleetOverview, NotedFile};
use super::{FleetGroup, FleetRow, Lag, Newest};
use sealift_bundle::value::html::{Element, Html, page as whole, tag};
use sealift_bundle::value::plural::counted;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const STYLE: &str = include_str!("page.css");

/// Days after which a site has been silent for long, on the bar that shows how long: a quarter of a year.
const SILENT: i64 = 92;
/// Pixels of that bar.
const BAR: f64 = 110.0;
/// How many files of a kind are named.
const NAMED: usize = 200;

/// Renders the overview as one HTML page that needs no network and no script.
#[must_use]
pub fn page(fleet: &FleetOverview<'_>) -> String {
    let mut main = tag("main").child(figures(fleet)).child(alarms(fleet)).child(group(&fleet.verified, ""));
    if fleet.unverified.records > 0 {
        let apart = tag("section")
            .class("apart")
            .child(tag("h2").text("Unverified"))
            .child(tag("p").text(
                "No key was named for what stands here. It is what files say, and their authors are unknown here: it \
                 counts for nothing above.",
            ))
            .children(fleet.unverified.conflicts.iter().map(alarm))
            .child(group(&fleet.unverified, "Unverified: "));
        main = main.child(apart);
    }
    let body: Html = [header(fleet), main.child(rest(fleet)), footer(fleet)].into_iter().collect();
    whole(&format!("Fleet, {}", fleet.now), STYLE, body)
}

fn header(fleet: &FleetOverview<'_>) -> Element {
    tag("header")
        .child(tag("p").class("eyebrow").text("sealift fleet"))
        .child(tag("h1").text("Who holds what"))
        .child(tag("p").class("lead").text(summary(&fleet.verified)))
        .child(
            tag("p")
                .class("about")
                .text(format!("{} in ", counted(fleet.verified.records, "verified record")))
                .child(tag("code").text(fleet.folder.to_string_lossy()))
                .text(". Ages are by the clock of the machine that made this page, which showed ")
                .child(tag("time").text(fleet.now.to_string()))
                .text("."),
        )
}

/// The state of the fleet in sentences.
fn summary(group: &FleetGroup) -> String {
    if group.rows.is_empty() {
        return "No site has said anything that could be verified.".to_owned();
    }
    let sites = counted(group.sites().len() as u64, "site");
    let mut text = match group.behind() {
        0 if group.rows.iter().all(|row| row.lag == Lag::Newest) => {
            format!("{sites}, and everything is the newest that anybody spoke of.")
        }
        0 => format!("{sites}; of some it is not known how far they are."),
        behind => format!(
            "{sites}; {behind} of {} not the newest.",
            counted(group.rows.len() as u64, "installation") + if behind == 1 { " is" } else { " are" }
        ),
    };
    if let Some(oldest) = group.rows.iter().max_by_key(|row| row.age_days).filter(|row| row.age_days > 0) {
        let (name, scenario, age) = (&oldest.name, &oldest.scenario, age(oldest.age_days));
        text += &format!(" The oldest word is that of {name} about {scenario}: {age}.");
    }
    text
}

fn figures(fleet: &FleetOverview<'_>) -> Element {
    let verified = &fleet.verified;
    let newest = verified.rows.iter().filter(|row| row.lag == Lag::Newest).count();
    let conflicts = verified.conflicts.len() + fleet.unverified.conflicts.len();
    let figure = |number: usize, what: &str, class: &'static str| {
        let class = if number > 0 { class } else { "" };
        let item = tag("li").child(tag("b").text(number.to_string())).child(tag("span").text(what));
        if class.is_empty() { item } else { item.class(class) }
    };
    tag("ul").class("figures").children([
        figure(verified.sites().len(), "sites, verified", ""),
        figure(newest, "have the newest", "good"),
        figure(verified.behind(), "behind", "late"),
        figure(conflicts, "conflicts", "bad"),
        figure(fleet.refused.len(), "files refused", "bad"),
        figure(fleet.unverified.sites().len(), "sites, unverified", "late"),
    ])
}

/// What has to be seen first.
fn alarms(fleet: &FleetOverview<'_>) -> Html {
    let refused = |said: &NotedFile| {
        tag("div")
            .class("alert")
            .child(tag("h3").text("Refused"))
            .child(tag("p").child(tag("code").text(said.file.to_string_lossy())).text(": ").text(&said.why))
            .child(tag("p").class("about").text(
                "It is left out of everything on this page. Ask the site for it again, by another way.",
            ))
    };
    let refused = fleet.refused.iter().map(refused);
    refused.chain(fleet.verified.conflicts.iter().map(alarm)).collect()
}

fn alarm(conflict: &super::conflict::Conflict) -> Element {
    tag("div")
        .class("alert")
        .child(tag("h3").text(capital(conflict.title())))
        .child(tag("p").text(conflict.to_string()))
        .child(tag("p").class("about").text(format!("Next: {}.", conflict.advice())))
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

fn group(group: &FleetGroup, before: &str) -> Html {
    let mut all = Html::new();
    for newest in &group.newest {
        let rows: Vec<_> = group.rows.iter().filter(|row| row.scenario == newest.scenario).collect();
        if !rows.is_empty() {
            all.push(scenario(newest, &rows, before));
        }
    }
    if !group.bare.is_empty() {
        let line = |bare: &super::EmptySite| {
            let said = format!(", said at {}", bare.issued);
            tag("li")
                .text(bare.name.as_str())
                .text(" ")
                .child(tag("span").class("id").text(bare.site.short()))
                .text(said)
        };
        all.push(tag("h2").text(format!("{before}Nothing installed")));
        all.push(tag("ul").children(group.bare.iter().map(line)));
    }
    all
}

fn scenario(newest: &Newest, rows: &[&FleetRow], before: &str) -> Element {
    let bundle = newest.bundle;
    let mut about = format!(
        "The newest is {}, epoch {}, sequence {}",
        bundle_label(bundle.statement, newest.title.as_ref()),
        bundle.epoch,
        bundle.sequence
    );
    if let Some(title) = &newest.title {
        about += &format!(", made {}", title.created);
    }
    let head = ["Site", "In use", "Behind", "Installed", "Last word"]
        .map(|name| tag("th").attr("scope", "col").text(name));
    let table = tag("table")
        .child(tag("thead").child(tag("tr").children(head)))
        .child(tag("tbody").children(rows.iter().map(|row| line(row))));
    tag("section")
        .child(tag("h2").text(before).text(newest.scenario.as_str()))
        .child(tag("p").class("about").text(about).text(". The furthest behind comes first."))
        .child(tag("div").class("scroll").child(table))
}

/// The colour of a state; it never carries meaning alone.
fn class(lag: Lag) -> &'static str {
    match lag {
        Lag::Newest => "mark good",
        Lag::Behind { .. } => "mark late",
        Lag::Epoch => "mark bad",
        Lag::Unknown => "mark mute",
    }
}

fn line(row: &FleetRow) -> Element {
    let site = tag("th")
        .attr("scope", "row")
        .text(row.name.as_str())
        .child(tag("span").class("id").attr("title", row.site.to_string()).text(row.site.short()));
    let mut bundle = tag("td").text(in_use_label(row));
    if let Some(number) = row.number {
        bundle = bundle.child(tag("small").text(number.to_string()));
    }
    if let (Some(in_use), Some(_)) = (row.in_use, &row.title) {
        bundle = bundle.child(tag("span").class("id").attr("title", in_use.to_string()).text(in_use.short()));
    }
    let mut behind = tag("td").child(tag("span").class(class(row.lag)).text(lag_label(row.lag)));
    if let Some(rehearsed) = row.rehearsed {
        behind = behind.child(tag("small").text(format!("rehearsed sequence {}", rehearsed.sequence)));
    }
    let installed = match row.installed {
        Some(installed) => tag("td").child(tag("time").text(installed.to_string())),
        None => tag("td").child(tag("small").text("not told")),
    };
    let older =
        if row.older > 0 { format!(", {}", counted(row.older, "older record")) } else { String::new() };
    let word = tag("td")
        .text(age(row.age_days))
        .child(tag("small").child(tag("time").text(row.issued.to_string())).text(older))
        .child(bar(row.age_days));
    tag("tr").children([site, bundle, behind, installed, word])
}

/// How long a site has been silent, as a bar.
fn bar(days: i64) -> Element {
    let part = f64::from(i32::try_from(days.clamp(0, SILENT)).unwrap_or_default()) / f64::from(92);
    let class = match days {
        ..0 => "bad",
        0..=30 => "good",
        31..=SILENT => "late",
        _ => "bad",
    };
    let rect = |class: &'static str, width: f64| {
        tag("rect").class(class).number("width", width).number("height", 4.0).number("rx", 2.0)
    };
    tag("svg")
        .number("width", BAR)
        .number("height", 4.0)
        .attr("aria-hidden", "true")
        .children([rect("track", BAR), rect(class, (part * BAR).max(4.0))])
}

/// What was not checked, and what else is there.
fn rest(fleet: &FleetOverview<'_>) -> Element {
    let mut list = tag("dl");
    let entry = |list: Element, what: &str, why: &str, files: Vec<Html>| {
        if files.is_empty() {
            return list;
        }
        let mut content = tag("dd").text(why);
        for (at, file) in files.iter().enumerate().take(NAMED) {
            content = content.text(if at == 0 { "" } else { ", " }).child(file.clone());
        }
        if files.len() > NAMED {
            content = content.text(format!(" and {} more", files.len() - NAMED));
        }
        list.child(tag("dt").text(what)).child(content)
    };
    let name = |path: &Path| Html::from(tag("code").text(path.to_string_lossy()));
    let names = |files: &[PathBuf]| files.iter().map(|file| name(file)).collect::<Vec<_>>();
    let said = |list: &[NotedFile]| {
        let line = |said: &NotedFile| {
            [name(&said.file), Html::text(format!(" ({})", said.why))].into_iter().collect()
        };
        list.iter().map(line).collect::<Vec<Html>>()
    };
    let records = fleet.verified.records + fleet.unverified.records;
    let unnamed: BTreeSet<_> =
        fleet.verified.rows.iter().filter(|row| row.title.is_none()).filter_map(|row| row.in_use).collect();
    list = list
        .child(tag("dt").text("Signatures"))
        .child(tag("dd").text(format!(
            "{} of {} checked with a key that was named; {} by keys that were not.",
            fleet.verified.records,
            counted(records, "record"),
            fleet.unverified.records
        )))
        .child(tag("dt").text("Whether it is still so"))
        .child(
            tag("dd")
                .text("Nothing says that a record is the newest, or that a site is today as it was then."),
        );
    if !unnamed.is_empty() {
        list = list.child(tag("dt").text("Names")).child(tag("dd").text(format!(
            "{} shown by digest: no statement of it lies here.",
            counted(unnamed.len() as u64, "bundle")
        )));
    }
    list = entry(list, "Not looked at", "", said(&fleet.unread));
    list = entry(list, "Bundles not opened", "No trust root was named: ", names(&fleet.bundles_not_opened));
    list = entry(list, "Bundles set aside", "", said(&fleet.set_aside));
    list = entry(list, "SBOMs", "For `sealift fleet which`, not looked into here: ", names(&fleet.sboms));
    list = entry(list, "Other files", "Neither receipts nor requests: ", names(&fleet.others));
    tag("section").child(tag("h2").text("What was checked, and what was not")).child(list)
}

fn footer(fleet: &FleetOverview<'_>) -> Element {
    tag("footer")
        .child(
            tag("p")
                .text("Check any line by hand: ")
                .child(tag("code").text("sealift receipt check FILE --key SITE.pub"))
                .text(", and ask the site to read the end of its journal to you."),
        )
        .child(tag("p").text(format!("Made by sealift {} at {}.", env!("CARGO_PKG_VERSION"), fleet.now)))
}
