//! Suggestions for verbs of other tools: which `sealift` command does the same.

use clap::error::{ContextKind, ContextValue};

/// Verbs of other tools, and the command to use instead.
const VERBS: &[(&[&str], &str)] = &[
    (&["version"], "for the version: `sealift --version`"),
    (&["list", "contents", "files", "tree"], "for the files of a bundle: `sealift ls BUNDLE --trust ROOT`"),
    (&["show", "info", "describe", "view"], "for what is in a bundle: `sealift inspect BUNDLE --trust ROOT`"),
    (
        &["create", "build", "bundle", "save", "export", "archive", "new", "make"],
        "a bundle is built in three steps: `sealift init my.toml`, `sealift lock my.toml`, `sealift pack my.toml`",
    ),
    (
        &["extract", "unarchive", "untar"],
        "for the files of a bundle: `sealift unpack BUNDLE --trust ROOT --to DIR`",
    ),
    (
        &["push", "mirror", "copy", "sync", "import", "upload"],
        "to push images to a registry: `sealift load BUNDLE --trust ROOT --registry HOST`; to publish a bundle: `sealift publish`",
    ),
    (
        &["deploy", "apply", "upgrade", "update"],
        "to put a bundle into use at a site: `sealift install SITE BUNDLE`",
    ),
    (
        &["download", "fetch", "get"],
        "for sources: `sealift lock MANIFEST`; for a published bundle: `sealift pull`",
    ),
    (
        &["sign", "seal"],
        "`sealift pack` seals a bundle, `sealift cosign` adds a packer's signature, `sealift approve` approves",
    ),
    (
        &["validate", "lint"],
        "for a manifest: `sealift check MANIFEST`; for a bundle: `sealift verify BUNDLE`",
    ),
    (&["keygen", "genkey"], "for a key: `sealift key new NAME`"),
    (&["root"], "for a trust root: `sealift trust init --key root.key --packer packer.pub`"),
    (&["completion", "completions"], "for completions: `sealift util completions SHELL`"),
];

/// Replaces clap's suggestion, which goes by spelling alone.
pub(super) fn add(error: &mut clap::Error) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return };
    let Some(tip) = tip(word) else { return };
    error.remove(ContextKind::SuggestedSubcommand);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

fn tip(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    VERBS.iter().find(|(words, _)| words.contains(&word.as_str())).map(|(_, tip)| *tip)
}
