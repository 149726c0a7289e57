//! What secrets look like.
//!
//! The model is the default configuration of gitleaks (gitleaks/gitleaks 009e025, `config/gitleaks.toml`; the rule ids
//! are named below), narrowed to what is found near a Mattermost deployment, and what Mattermost has of its own.

use super::finding::Rule;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::sync::LazyLock;

/// How a match is judged further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    /// The pattern says it all, unless it is an example.
    Shape,
    /// The value must not be a placeholder.
    Value,
    /// A name and a value: the name must be one of a secret, and the value no placeholder and no ordinary word.
    Assignment,
    /// Base64 that decodes to `USER:PASSWORD`.
    UserAndPassword,
    /// Long, and as mixed as only random bytes are.
    Random,
}

/// One shape. Its group `s` is the secret, its group `n` the name where there is one.
pub(super) struct Pattern {
    pub(super) what: &'static str,
    regex: &'static str,
    pub(super) judge: Judge,
    pub(super) rule: Rule,
}

const fn secret(what: &'static str, judge: Judge, regex: &'static str) -> Pattern {
    Pattern { what, regex, judge, rule: Rule::ContentSecret }
}

const fn invitation(what: &'static str, judge: Judge, regex: &'static str) -> Pattern {
    Pattern { what, regex, judge, rule: Rule::ContentInvitation }
}

/// What the names of secrets have in them.
macro_rules! secret_name {
    () => {
        r"[\w.-]{0,60}(?:passw(?:or)?d|passphrase|secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key|encrypt(?:ion)?[_.-]?key|signing[_.-]?key|bind[_.-]?pw|credential)[\w.-]{0,40}"
    };
}

/// Those that say most stand first: what one has claimed, the later ones leave alone.
pub(super) static PATTERNS: &[Pattern] = &[
    // private-key; the header alone, as documents mention it, is none.
    secret(
        "a private key",
        Judge::Shape,
        r#"(?s-u)(?P<s>-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]|[A-Za-z-]{1,40}: [^\n]{0,200}\n){1,20}[ \t"'>|]{0,20}[A-Za-z0-9+/=]{16})"#,
    ),
    secret("a private key of PuTTY", Judge::Shape, r"(?P<s>PuTTY-User-Key-File-[0-9]+:)"),
    secret(
        "a secret key of minisign or signify",
        Judge::Shape,
        r"(?P<s>untrusted comment: [^\n]{0,100}secret key[^\n]{0,20}\r?\n[A-Za-z0-9+/]{40})",
    ),
    // age-secret-key
    secret(
        "a secret key of age",
        Judge::Shape,
        r"(?P<s>AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})",
    ),
    // aws-access-token
    secret(
        "an access key of AWS",
        Judge::Shape,
        r"\b(?P<s>(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b",
    ),
    // github-pat, github-oauth, github-app-token, github-refresh-token, github-fine-grained-pat
    secret("a token of GitHub", Judge::Shape, r"\b(?P<s>gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{82})\b"),
    // gitlab-pat and its kin
    secret("a token of GitLab", Judge::Shape, r"\b(?P<s>gl(?:pat|dt|rt|soat|ptt|cbt|oas)-[\w-]{20,})"),
    // slack-bot-token and its kin
    secret("a token of Slack", Judge::Shape, r"\b(?P<s>xox[abeoprs]-[0-9A-Za-z-]{10,})"),
    // gcp-api-key
    secret("a key of Google", Judge::Shape, r"\b(?P<s>AIza[\w-]{35})\b"),
    // openai-api-key, anthropic-api-key
    secret(
        "a key of a model provider",
        Judge::Shape,
        r"\b(?P<s>sk-(?:proj-|svcacct-|ant-[a-z0-9]+-)?[A-Za-z0-9_-]{32,})\b",
    ),
    // azure-ad-client-secret
    secret(
        "a client secret of Entra ID",
        Judge::Shape,
        r#"(?:^|[\\'"`\s>=:(,])(?P<s>[a-zA-Z0-9_~.]{3}[0-9]Q~[a-zA-Z0-9_~.-]{31,34})(?:$|[\\'"`\s<),])"#,
    ),
    // A Mattermost licence: base64 of JSON that begins with `{"id":"`, and a signature of 256 bytes.
    secret("a Mattermost licence", Judge::Shape, r"\b(?P<s>eyJpZCI6I[A-Za-z0-9+/]{400,}={0,2})"),
    // jwt
    secret(
        "a JSON Web Token",
        Judge::Shape,
        r"\b(?P<s>ey[A-Za-z0-9]{17,}\.ey[A-Za-z0-9/\\_-]{17,}\.[A-Za-z0-9/\\_-]{10,}={0,2})",
    ),
    secret(
        "the hash of a password",
        Judge::Shape,
        r"(?P<s>\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}|\$[156y]\$[./A-Za-z0-9=$,]{1,60}\$[./A-Za-z0-9]{22,86}|\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}|\$argon2(?:id|i|d)\$[^\s'\x22]{20,}|\{S?SHA(?:256|512)?\}[A-Za-z0-9+/]{27,}={0,2})",
    ),
    secret(
        "a webhook address",
        Judge::Value,
        r#"https?://[^\s/"']{1,200}(?:/[^\s"']{0,100})?/hooks/(?P<s>[a-z0-9]{26})\b"#,
    ),
    secret(
        "a webhook address of Slack",
        Judge::Shape,
        r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9+/]{40,60})",
    ),
    secret(
        "the key of a client in a kubeconfig",
        Judge::Value,
        r"client-key-data:\s{0,8}(?P<s>[A-Za-z0-9+/]{40,}={0,2})",
    ),
    secret(
        "credentials of a registry",
        Judge::UserAndPassword,
        r#""auth"\s{0,4}:\s{0,4}"(?P<s>[A-Za-z0-9+/]{8,}={0,2})""#,
    ),
    secret(
        "credentials of a registry",
        Judge::Value,
        r#""(?:identitytoken|registrytoken)"\s{0,4}:\s{0,4}"(?P<s>[^"\s]{8,})""#,
    ),
    secret(
        "a password in an address",
        Judge::Value,
        r#"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@'"<>]{0,100}:(?P<s>[^\s/@'"<>]{1,200})@[^\s'"]"#,
    ),
    secret(
        "a password in a data source",
        Judge::Value,
        r#"\b[\w.-]{1,60}:(?P<s>[^\s:@/'"]{1,200})@(?:tcp|unix)\("#,
    ),
    // Mattermost: team invitations, links in mails, connected workspaces.
    invitation(
        "an invitation to a team",
        Judge::Value,
        r"/signup_user_complete/?\?(?:[\w=%&.+-]{0,200}&)?(?:id|t|d|iid)=(?P<s>[A-Za-z0-9%]{20,})",
    ),
    invitation(
        "an invitation to a team",
        Judge::Value,
        r#"\binvite_?id["']?\s{0,4}[:=]\s{0,4}["']?(?P<s>[a-z0-9]{26})\b"#,
    ),
    invitation(
        "an invitation to connect workspaces",
        Judge::Random,
        r#"--invite[ =]{1,4}["']?(?P<s>[A-Za-z0-9+/_-]{40,}={0,2})"#,
    ),
    invitation(
        "an invitation to connect workspaces",
        Judge::Random,
        r#"(?i-u:invit(?:e|ation))[^\n]{0,80}?(?:\r?\n[ \t>"'`]{0,20}[^\n]{0,10}){0,3}?(?:^|[\s:="'`>])(?P<s>[A-Za-z0-9+/_-]{80,}={0,2})"#,
    ),
    // generic-api-key
    secret(
        "a secret in an environment",
        Judge::Assignment,
        concat!(
            r#"(?i-u)\bname["']?\s{0,4}:\s{0,4}["']?(?P<n>"#,
            secret_name!(),
            r#")["']?\s{0,4},?[ \t]{0,20}\r?\n?[ \t]{0,60}["']?value["']?\s{0,4}:[ \t]{0,4}(?P<s>"[^"\n]{1,300}"|'[^'\n]{1,300}'|[^\s"'#,}]{1,300})"#
        ),
    ),
    secret(
        "a secret",
        Judge::Assignment,
        concat!(
            r#"(?i-u)(?P<n>"#,
            secret_name!(),
            r#")["']?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}(?P<s>"[^"\n]{1,300}"|'[^'\n]{1,300}'|[^\s"'#,;&<}]{1,300})"#
        ),
    ),
    secret(
        "a secret",
        Judge::Assignment,
        concat!(r#"(?i-u)<(?P<n>"#, secret_name!(), r#")>(?P<s>[^<\n]{1,300})</"#),
    ),
];

/// The patterns, compiled: all at once to see which are there at all, and each by itself.
pub(super) struct Compiled {
    pub(super) all: RegexSet,
    pub(super) each: Vec<Regex>,
}

/// Compiled at the first use. A test holds that they compile; should they not, whoever asks is told.
pub(super) static COMPILED: LazyLock<Result<Compiled, regex::Error>> = LazyLock::new(|| {
    let texts = || PATTERNS.iter().map(|pattern| pattern.regex);
    let each = texts().map(|text| RegexBuilder::new(text).unicode(false).multi_line(true).build());
    Ok(Compiled {
        all: RegexSetBuilder::new(texts()).unicode(false).multi_line(true).build()?,
        each: each.collect::<Result<_, _>>()?,
    })
});
