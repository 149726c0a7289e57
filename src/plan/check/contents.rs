//! Checks the content of files: secrets, settings that call the internet, templates, and image references.

use super::super::context::{Work, each_on, read_pinned};
use super::super::error::PlanError;
use super::super::lock::{Lock, LockedTree, TreeSource};
use super::super::lock_to_draft;
use super::super::selection::Chosen;
use crate::lint::hosts::Allowed;
use crate::lint::outward;
use crate::lint::references::{self, Mention};
use sealift_audit::finding::LintFile;
use sealift_audit::finding::{FindingPlace, LintFinding, LintRule};
use sealift_audit::secrets;
use sealift_bundle::format::entry::Node;
use sealift_bundle::format::item::{FileKind, ItemKind};
use sealift_bundle::format::site_inputs::Parameter;
use sealift_bundle::value::format::Format;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::progress::NoProgress;
use sealift_bundle::value::size::ByteSize;
use sealift_template::{TemplateEngine, Unfilled};
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of the largest file that is looked through among those that are neither documents nor configurations: above, it
/// is not a text that the user wrote.
const SMALL: u64 = 1 << 20;
/// Bytes of the largest chart.
const CHART: u64 = 64 << 20;

/// What was seen in the files of a bundle.
pub(super) struct ScannedContent {
    pub(super) findings: Vec<LintFinding>,
    pub(super) mentions: Vec<MentionAt>,
    pub(super) files: u64,
    pub(super) unread: u64,
}

/// An image that a file of an item names.
pub(super) struct MentionAt {
    pub(super) item: Name,
    pub(super) mention: Mention,
}

/// A file that was read.
struct Opened {
    path: String,
    bytes: Vec<u8>,
}

impl ScannedContent {
    pub(super) fn look(
        chosen: &Chosen<'_>,
        lock: &Lock,
        audience: Option<&Name>,
        work: &Work<'_>,
    ) -> Result<Self, PlanError> {
        let mut contents = Self { findings: Vec::new(), mentions: Vec::new(), files: 0, unread: 0 };
        let engine =
            match TemplateEngine::new(&samples(&chosen.needs.parameters), Some(&chosen.manifest.name)) {
                Ok(engine) => Some(engine),
                Err(objection) => {
                    let (name, fix) = (chosen.manifest.name.as_str(), "rename one of the parameters");
                    contents.findings.push(LintFinding::new(
                        LintRule::TemplateSyntax,
                        name,
                        objection.reason,
                        fix,
                    ));
                    None
                }
            };
        let mut configs: Vec<(&Name, Vec<Opened>)> = Vec::new();
        let is_read = |tree: &LockedTree| audience.is_none_or(|audience| tree.head.labels.is_for(audience));
        for tree in lock.trees().filter(|tree| is_read(tree)) {
            let kind = tree.head.kind;
            let before = (contents.findings.len(), contents.mentions.len());
            let files = contents.read(tree, work).map_err(|error| match error {
                PlanError::Bundle(_) => error,
                other => other.about(kind, &tree.head.name),
            })?;
            contents.files += files.len() as u64;
            contents.tree(tree, &files, &chosen.manifest.egress, engine.as_ref(), work)?;
            contents.lead_to_sources(tree, before);
            if kind == ItemKind::Config {
                configs.push((&tree.head.name, files));
            }
        }
        let all = configs.iter().flat_map(|(item, files)| files.iter().map(|file| file.as_file(item)));
        contents.findings.extend(outward::unset(&all.collect::<Vec<_>>()));
        Ok(contents)
    }

    /// The files of a tree that are looked through, each compared with what the lock pins.
    fn read(&mut self, tree: &LockedTree, work: &Work<'_>) -> Result<Vec<Opened>, PlanError> {
        let is_text = matches!(tree.head.kind, ItemKind::Doc | ItemKind::Config);
        let limit = match tree.head.labels.file_kind {
            _ if is_text => secrets::MAX_BYTES as u64,
            Some(FileKind::Chart) => CHART,
            _ => SMALL,
        };
        let (checked, sources) = lock_to_draft::files(tree, work)?;
        let mut readable = Vec::new();
        for ((entry, size), source) in checked.files().zip(&sources) {
            let Node::File { sha256, .. } = &entry.node else { continue };
            let path = entry.path.as_str();
            if size > limit {
                self.unread += 1;
                if is_text || tree.head.labels.file_kind == Some(FileKind::Chart) {
                    let message = format!("the file has {}, and was not searched", ByteSize(size));
                    let fix = "search it with another tool, and explain it with `[[accept]]`";
                    let about = format!("{}/{path}", tree.head.name);
                    let finding = LintFinding::new(LintRule::ContentUnread, &about, message, fix);
                    self.findings.push(finding.at(FindingPlace::new(path, None)));
                }
                continue;
            }
            readable.push((path, size, sha256, source));
        }
        each_on(work.threads, &readable, |(path, size, sha256, source), _| {
            if work.watch.is_stopped() {
                return Err(PlanError::Interrupted);
            }
            Ok(Opened { path: (*path).to_owned(), bytes: read_pinned(source, *size, sha256)? })
        })
    }

    fn tree(
        &mut self,
        tree: &LockedTree,
        files: &[Opened],
        egress: &[String],
        engine: Option<&TemplateEngine>,
        work: &Work<'_>,
    ) -> Result<(), PlanError> {
        let kind = tree.head.kind;
        if kind != ItemKind::Doc && is_only_notes(tree) {
            let message = "it contains only a note about what belongs in it".to_owned();
            let fix = "put the files into the directory and lock again, or leave out the item";
            self.findings.push(LintFinding::new(
                LintRule::ContentEmpty,
                tree.head.name.as_str(),
                message,
                fix,
            ));
        }
        let mut variables = references::Variables::new();
        for file in files {
            variables.extend(references::variables(&file.as_file(&tree.head.name)));
        }
        let looked = each_on(work.threads, files, |opened, _| {
            let file = opened.as_file(&tree.head.name);
            let (mut findings, mut mentions) = (Vec::new(), Vec::new());
            let is_chart = tree.head.labels.file_kind == Some(FileKind::Chart);
            if !is_chart {
                findings.extend(secrets::find(&file));
            }
            if kind == ItemKind::Config {
                findings.extend(outward::lint(&file, Allowed(egress)));
            }
            // Compose files and the like may come as files, too; an archive that is not a chart is not looked into.
            let names_images = kind != ItemKind::Doc && (is_chart || !file.is_gzip());
            if names_images {
                mentions = references::mentions(&file, &variables);
            }
            if let Some(engine) = engine.filter(|_| tree.head.labels.template) {
                findings.extend(template(&file, engine));
            }
            Ok((findings, mentions))
        })?;
        for (findings, mentions) in looked {
            self.findings.extend(findings);
            let mention = |mention| MentionAt { item: tree.head.name.clone(), mention };
            self.mentions.extend(mentions.into_iter().map(mention));
        }
        Ok(())
    }

    /// Findings in files of the packer's own directories name these files, so that an editor finds them.
    fn lead_to_sources(&mut self, tree: &LockedTree, (findings, mentions): (usize, usize)) {
        let TreeSource::Path(base) = &tree.source else { return };
        let is_file = |path: &str| Path::new(base).file_name().is_some_and(|name| name == path);
        let lead = |place: &mut FindingPlace| {
            if is_file(&place.path) {
                *place = FindingPlace::new(base, place.line);
            } else {
                let path = Path::new(base).join(&place.path);
                *place = FindingPlace::new(&path.to_string_lossy(), place.line);
            }
        };
        for finding in self.findings.iter_mut().skip(findings) {
            finding.place.iter_mut().for_each(lead);
        }
        for mentioned in self.mentions.iter_mut().skip(mentions) {
            lead(&mut mentioned.mention.place);
        }
    }
}

impl Opened {
    fn as_file<'a>(&'a self, item: &'a Name) -> LintFile<'a> {
        LintFile { item: item.as_str(), path: &self.path, bytes: &self.bytes }
    }
}

/// Whether a directory has only what keeps it in git, or says what to put there.
fn is_only_notes(tree: &LockedTree) -> bool {
    let files = tree.entries.iter().filter(|entry| !matches!(entry.node, Node::Dir));
    let is_note = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        name == "readme"
            || name.starts_with("readme.")
            || matches!(&*name, ".gitkeep" | ".gitignore" | ".keep")
    };
    // A README that the manifest names by its own path is meant, and so is one of a repository.
    let is_folder = matches!(&tree.source, TreeSource::Path(path) if !is_note(path));
    is_folder && files.map(|entry| entry.path.as_str()).all(is_note)
}

/// Whether a site could fill the template.
fn template(file: &LintFile<'_>, engine: &TemplateEngine) -> Option<LintFinding> {
    let text = std::str::from_utf8(file.bytes).ok()?;
    let objection = match engine.fill(text, &NoProgress) {
        Err(Unfilled::Refused(objection)) => objection,
        Ok(_) | Err(Unfilled::Interrupted) => return None,
    };
    let rule =
        if objection.unknown.is_some() { LintRule::ParameterUndeclared } else { LintRule::TemplateSyntax };
    let fix = match &objection.unknown {
        Some(_) => "declare it, `[parameter.NAME]`, or correct the name in the template",
        None => "correct the template; literal braces go between `{% raw %}` and `{% endraw %}`",
    };
    let line = objection.line.and_then(|line| u32::try_from(line).ok());
    Some(LintFinding::new(rule, &file.about(), objection.reason, fix).at(FindingPlace::new(file.path, line)))
}

/// Values that a site could set.
fn samples(parameters: &[Parameter]) -> BTreeMap<Name, String> {
    let sample = |parameter: &Parameter| match parameter.format {
        Format::Host => "host.site.example",
        Format::Registry => "registry.site.example:5000",
        Format::Url => "https://host.site.example",
        Format::Number => "1",
        Format::Path => "/srv/site",
        Format::Email => "somebody@site.example",
        Format::Word | Format::Text | Format::Choice => "word",
    };
    let value = |parameter: &Parameter| {
        let choice = parameter.default.as_ref().or(parameter.choices.first());
        choice.map_or_else(|| sample(parameter).to_owned(), Clone::clone)
    };
    parameters.iter().map(|parameter| (parameter.name.clone(), value(parameter))).collect()
}
