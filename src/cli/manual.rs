//! `sealift manual`: the pages of `docs/`, offline.

use super::error::CliError;
use super::term::Term;
use sealift_bundle::next_step;
use sealift_bundle::value::suggestion::did_you_mean;
use serde_json::json;

/// Read the manual
///
/// Without a topic: all of them, one per line.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealift manual\n  sealift manual first-bundle | less")]
pub(super) struct Args {
    /// The page to print
    topic: Option<String>,
}

struct Page {
    topic: &'static str,
    text: &'static str,
}

impl Page {
    fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

macro_rules! pages {
    ($($topic:literal)*) => {
        /// In the order in which their commands build on each other.
        const PAGES: &[Page] =
            &[$(Page { topic: $topic, text: include_str!(concat!("../../docs/", $topic, ".md")) }),*];
    };
}

pages! {
    "first-bundle" "doctor" "variants" "check" "audiences" "site" "parameters" "fleet" "change-trust" "audit" "analyze"
    "scan" "report" "approve" "diff" "policy" "images" "encryption" "trust" "troubleshooting" "architecture"
}

impl Args {
    pub(super) fn run(self, term: &Term) -> Result<(), CliError> {
        let Some(topic) = self.topic else {
            let list: Vec<_> =
                PAGES.iter().map(|page| json!({ "topic": page.topic, "title": page.title() })).collect();
            let mut text = String::new();
            for page in PAGES {
                text += &format!("{:<16} {}\n", page.topic, page.title());
            }
            return term.data("manual", &json!({ "pages": list }), &text);
        };
        let Some(page) = PAGES.iter().find(|page| page.topic == topic) else {
            return Err(CliError::Usage {
                message: format!("the manual has no page `{topic}`"),
                hint: Some(match did_you_mean(&topic, PAGES.iter().map(|page| page.topic)) {
                    Some(question) => next_step![format!("{question} All pages: `sealift manual`")],
                    None => next_step!["list all pages: `sealift manual`"],
                }),
            });
        };
        let value = json!({ "topic": page.topic, "title": page.title(), "text": page.text });
        term.data("manual_page", &value, page.text)
    }
}
