//! Rendering: the templates of a bundle, filled with the values of a site.
//!
//! A template can name parameters and decide by them. It cannot name a file, another template, a function or the clock,
//! and it cannot go on for ever. What it makes is beside the original, at `rendered/ITEM/PATH`.

use super::SiteError;
use super::parameters::Values;
use sealift_bundle::format::BundleError;
use sealift_bundle::value::canonical;
use sealift_bundle::value::digest::Digest;
use sealift_bundle::value::name::Name;
use sealift_bundle::value::progress::Progress;
use sealift_bundle::value::size::ByteSize;
use sealift_template::{TemplateEngine, TemplateObjection, Unfilled};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that all templates of a bundle together may make beyond their own.
const GROWTH: u64 = 64 << 20;
/// More than a template takes on a slow machine.
const USUAL: Duration = Duration::from_millis(250);
/// How much longer than that all templates of a bundle together may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Files that the journal names one by one.
const NAMED: usize = 200;

/// A file that was written beneath `rendered`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrittenFile {
    /// The item.
    pub item: Name,
    /// Where it is beneath `rendered`: item and path.
    pub path: String,
    /// The digest of what was written.
    pub sha256: Digest,
    /// Bytes of it.
    pub size: u64,
    /// Whether it is not a text, and was copied as it is.
    pub is_copy: bool,
}

/// All that was written beneath `rendered`.
#[derive(Debug, Clone)]
pub struct Rendering {
    /// The values it was filled with.
    pub values: Values,
    /// The files, by path.
    pub files: Vec<WrittenFile>,
}

/// What the journal says about a rendering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rendered {
    /// The digest of the values.
    pub parameters: Digest,
    /// The values.
    pub values: BTreeMap<Name, String>,
    /// How many files there are.
    #[serde(deserialize_with = "sealift_bundle::value::exact::deserialize")]
    pub count: u64,
    /// The files by path; left out where there are more than 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<RenderedFile>,
    /// The digest of that list as canonical JSON, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<Digest>,
}

/// A rendered file in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderedFile {
    /// Where it is beneath `rendered`: item and path.
    pub path: String,
    /// The digest of its content.
    #[serde(with = "sealift_bundle::value::digest::bare")]
    pub sha256: Digest,
}

/// How much of an item was rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenderedItem {
    /// The item.
    pub item: Name,
    /// Files that were rendered.
    pub files: u64,
    /// Files that are no text, and were copied as they are.
    pub copied: u64,
}

impl Rendering {
    /// What the journal says about it: each file where there are few, else their digest alone.
    pub fn record(&self) -> Result<Rendered, SiteError> {
        let file = |file: &WrittenFile| RenderedFile { path: file.path.clone(), sha256: file.sha256 };
        let mut files: Vec<_> = self.files.iter().map(file).collect();
        let count = files.len() as u64;
        let mut list = None;
        if files.len() > NAMED {
            let bytes = canonical::encode(&files)
                .map_err(|error| SiteError::StateDamaged { reason: error.to_string() })?;
            list = Some(Digest::of(&bytes));
            files.clear();
        }
        let (parameters, values) = (self.values.digest(), self.values.by_name().clone());
        Ok(Rendered { parameters, values, count, files, list })
    }

    /// The same by item.
    #[must_use]
    pub fn items(&self) -> Vec<RenderedItem> {
        let mut items: BTreeMap<&Name, RenderedItem> = BTreeMap::new();
        for file in &self.files {
            let item = items.entry(&file.item).or_insert_with(|| RenderedItem {
                item: file.item.clone(),
                files: 0,
                copied: 0,
            });
            *(if file.is_copy { &mut item.copied } else { &mut item.files }) += 1;
        }
        items.into_values().collect()
    }
}

/// Fills templates with the values of one site.
pub(super) struct Renderer {
    engine: TemplateEngine,
    values: Values,
    done: Mutex<RenderedTotals>,
}

#[derive(Default)]
struct RenderedTotals {
    files: Vec<WrittenFile>,
    growth: u64,
    /// How much longer than usual they took together.
    late: Duration,
}

impl Renderer {
    /// With these values; `site` is what the site is called, where there is one.
    pub(super) fn new(values: Values, site: Option<&Name>) -> Result<Self, SiteError> {
        let engine = TemplateEngine::new(values.by_name(), site)
            .map_err(|objection| refused("the bundle", objection))?;
        Ok(Self { engine, values, done: Mutex::default() })
    }

    /// What is to be written for a file of a template item: a text filled in, anything else as it is.
    pub(super) fn render(
        &self,
        item: &Name,
        path: &str,
        original: Vec<u8>,
        watch: &dyn Progress,
    ) -> Result<Vec<u8>, SiteError> {
        let begun = Instant::now();
        let file = format!("{item}/{path}");
        let had = original.len() as u64;
        let (made, is_copy) = match String::from_utf8(original) {
            Ok(text) => {
                let filled = self.engine.fill(&text, watch).map_err(|unfilled| match unfilled {
                    Unfilled::Refused(objection) => refused(&file, objection),
                    Unfilled::Interrupted => BundleError::Interrupted.into(),
                });
                (filled?.into_bytes(), false)
            }
            Err(error) => (error.into_bytes(), true),
        };
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.late += begun.elapsed().saturating_sub(USUAL);
        if done.late > PATIENCE {
            let reason =
                format!("the templates take more than {} seconds beyond what is usual", PATIENCE.as_secs());
            return Err(wrong(&file, None, reason));
        }
        done.growth = done.growth.saturating_add((made.len() as u64).saturating_sub(had));
        if done.growth > GROWTH {
            let reason = format!("the templates make more than {} of text", ByteSize(GROWTH));
            return Err(wrong(&file, None, reason));
        }
        let (sha256, size) = (Digest::of(&made), made.len() as u64);
        done.files.push(WrittenFile { item: item.clone(), path: file, sha256, size, is_copy });
        Ok(made)
    }

    pub(super) fn finish(&self) -> Rendering {
        let mut files = std::mem::take(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner).files);
        files.sort();
        Rendering { values: self.values.clone(), files }
    }
}

fn refused(file: &str, objection: TemplateObjection) -> SiteError {
    wrong(file, objection.line, objection.reason)
}

pub(super) fn wrong(file: &str, line: Option<usize>, reason: String) -> SiteError {
    SiteError::Rendering { file: file.to_owned(), line, reason }
}

#[cfg(test)]
mod tests;
