//! What secrets look like.
//!
//! The model is the default configuration of gitleaks (gitleaks/gitleaks 009e025, `config/gitleaks.toml`; the rule ids
//! are named below), narrowed to what is found near a Mattermost deployment, and what Mattermost has of its own.

use super::finding::LintRule;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};
use std::ops::Range;
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
    keys: &'static Keys,
    regex: &'static str,
    pub(super) judge: Judge,
    pub(super) rule: LintRule,
}

/// Texts of which every match of a pattern has one, whatever its case. Most files have none, so that the pattern itself,
/// which is slow, sees only what stands around them.
struct Keys {
    any: &'static [&'static str],
    /// Bytes in front of such a text at which a match may begin, and behind it at which it may end; the rest of the line
    /// is seen as well.
    reach: (usize, usize),
    /// Bytes of which one stands so close behind such a text, if any are named.
    near: (&'static [u8], usize),
}

const fn keys(any: &'static [&'static str]) -> Keys {
    Keys { any, reach: (256, 512), near: (b"", 0) }
}

const fn secret(what: &'static str, judge: Judge, keys: &'static Keys, regex: &'static str) -> Pattern {
    Pattern { what, keys, regex, judge, rule: LintRule::ContentSecret }
}

const fn invitation(what: &'static str, judge: Judge, keys: &'static Keys, regex: &'static str) -> Pattern {
    Pattern { what, keys, regex, judge, rule: LintRule::ContentInvitation }
}

/// What each name of a secret has in it; [`secret_name`] in words.
const NAMES: Keys = Keys {
    any: &[
        "passwd",
        "password",
        "passphrase",
        "secret",
        "token",
        "credential",
        "bindpw",
        "bind_pw",
        "bind.pw",
        "bind-pw",
        "apikey",
        "api_key",
        "api.key",
        "api-key",
        "accesskey",
        "access_key",
        "access.key",
        "access-key",
        "privatekey",
        "private_key",
        "private.key",
        "private-key",
        "encryptkey",
        "encrypt_key",
        "encrypt.key",
        "encrypt-key",
        "encryptionkey",
        "encryption_key",
        "encryption.key",
        "encryption-key",
        "signingkey",
        "signing_key",
        "signing.key",
        "signing-key",
    ],
    reach: (128, 640),
    near: (b"=:>", 64),
};

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
        &Keys { any: &["private key"], reach: (128, 8192), near: (b"", 0) },
        r#"(?s-u)(?P<s>-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]|[A-Za-z-]{1,40}: [^\n]{0,200}\n){1,20}[ \t"'>|]{0,20}[A-Za-z0-9+/=]{16})"#,
    ),
    secret(
        "a private key of PuTTY",
        Judge::Shape,
        &keys(&["putty-user-key-file-"]),
        r"(?P<s>PuTTY-User-Key-File-[0-9]+:)",
    ),
    secret(
        "a secret key of minisign or signify",
        Judge::Shape,
        &keys(&["untrusted comment: "]),
        r"(?P<s>untrusted comment: [^\n]{0,100}secret key[^\n]{0,20}\r?\n[A-Za-z0-9+/]{40})",
    ),
    // age-secret-key
    secret(
        "a secret key of age",
        Judge::Shape,
        &keys(&["age-secret-key-"]),
        r"(?P<s>AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})",
    ),
    // aws-access-token
    secret(
        "an access key of AWS",
        Judge::Shape,
        &keys(&["a3t", "akia", "asia", "abia", "acca"]),
        r"\b(?P<s>(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b",
    ),
    // github-pat, github-oauth, github-app-token, github-refresh-token, github-fine-grained-pat
    secret(
        "a token of GitHub",
        Judge::Shape,
        &keys(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"]),
        r"\b(?P<s>gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{82})\b",
    ),
    // gitlab-pat and its kin
    secret(
        "a token of GitLab",
        Judge::Shape,
        &keys(&["glpat-", "gldt-", "glrt-", "glsoat-", "glptt-", "glcbt-", "gloas-"]),
        r"\b(?P<s>gl(?:pat|dt|rt|soat|ptt|cbt|oas)-[\w-]{20,})",
    ),
    // slack-bot-token and its kin
    secret("a token of Slack", Judge::Shape, &keys(&["xox"]), r"\b(?P<s>xox[abeoprs]-[0-9A-Za-z-]{10,})"),
    // gcp-api-key
    secret("a key of Google", Judge::Shape, &keys(&["aiza"]), r"\b(?P<s>AIza[\w-]{35})\b"),
    // openai-api-key, anthropic-api-key
    secret(
        "a key of a model provider",
        Judge::Shape,
        &keys(&["sk-"]),
        r"\b(?P<s>sk-(?:proj-|svcacct-|ant-[a-z0-9]+-)?[A-Za-z0-9_-]{32,})\b",
    ),
    // azure-ad-client-secret
    secret(
        "a client secret of Entra ID",
        Judge::Shape,
        &keys(&["q~"]),
        r#"(?:^|[\\'"`\s>=:(,])(?P<s>[a-zA-Z0-9_~.]{3}[0-9]Q~[a-zA-Z0-9_~.-]{31,34})(?:$|[\\'"`\s<),])"#,
    ),
    // A Mattermost licence: base64 of JSON that begins with `{"id":"`, and a signature of 256 bytes.
    secret(
        "a Mattermost licence",
        Judge::Shape,
        &keys(&["eyjpzci6i"]),
        r"\b(?P<s>eyJpZCI6I[A-Za-z0-9+/]{400,}={0,2})",
    ),
    // jwt
    secret(
        "a JSON Web Token",
        Judge::Shape,
        &Keys { any: &[".ey"], reach: (2048, 2048), near: (b"", 0) },
        r"\b(?P<s>ey[A-Za-z0-9]{17,}\.ey[A-Za-z0-9/\\_-]{17,}\.[A-Za-z0-9/\\_-]{10,}={0,2})",
    ),
    secret(
        "the hash of a password",
        Judge::Shape,
        &keys(&[
            "$2a$", "$2b$", "$2x$", "$2y$", "$1$", "$5$", "$6$", "$y$", "$apr1$", "$argon2", "{sha", "{ssha",
        ]),
        r"(?P<s>\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}|\$[156y]\$[./A-Za-z0-9=$,]{1,60}\$[./A-Za-z0-9]{22,86}|\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}|\$argon2(?:id|i|d)\$[^\s'\x22]{20,}|\{S?SHA(?:256|512)?\}[A-Za-z0-9+/]{27,}={0,2})",
    ),
    secret(
        "a webhook address",
        Judge::Value,
        &keys(&["/hooks/"]),
        r#"https?://[^\s/"']{1,200}(?:/[^\s"']{0,100})?/hooks/(?P<s>[a-z0-9]{26})\b"#,
    ),
    secret(
        "a webhook address of Slack",
        Judge::Shape,
        &keys(&["hooks.slack.com/"]),
        r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9+/]{40,60})",
    ),
    secret(
        "the key of a client in a kubeconfig",
        Judge::Value,
        &keys(&["client-key-data:"]),
        r"client-key-data:\s{0,8}(?P<s>[A-Za-z0-9+/]{40,}={0,2})",
    ),
    secret(
        "credentials of a registry",
        Judge::UserAndPassword,
        &keys(&["\"auth\""]),
        r#""auth"\s{0,4}:\s{0,4}"(?P<s>[A-Za-z0-9+/]{8,}={0,2})""#,
    ),
    secret(
        "credentials of a registry",
        Judge::Value,
        &keys(&["identitytoken", "registrytoken"]),
        r#""(?:identitytoken|registrytoken)"\s{0,4}:\s{0,4}"(?P<s>[^"\s]{8,})""#,
    ),
    secret(
        "a password in an address",
        Judge::Value,
        &Keys { any: &["://"], reach: (32, 384), near: (b"@", 384) },
        r#"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@'"<>]{0,100}:(?P<s>[^\s/@'"<>]{1,200})@[^\s'"]"#,
    ),
    secret(
        "a password in a data source",
        Judge::Value,
        &keys(&["@tcp(", "@unix("]),
        r#"\b[\w.-]{1,60}:(?P<s>[^\s:@/'"]{1,200})@(?:tcp|unix)\("#,
    ),
    // Mattermost: team invitations, links in mails, connected workspaces.
    invitation(
        "an invitation to a team",
        Judge::Value,
        &keys(&["signup_user_complete"]),
        r"/signup_user_complete/?\?(?:[\w=%&.+-]{0,200}&)?(?:id|t|d|iid)=(?P<s>[A-Za-z0-9%]{20,})",
    ),
    invitation(
        "an invitation to a team",
        Judge::Value,
        &keys(&["inviteid", "invite_id"]),
        r#"\binvite_?id["']?\s{0,4}[:=]\s{0,4}["']?(?P<s>[a-z0-9]{26})\b"#,
    ),
    invitation(
        "an invitation to connect workspaces",
        Judge::Random,
        &keys(&["--invite"]),
        r#"--invite[ =]{1,4}["']?(?P<s>[A-Za-z0-9+/_-]{40,}={0,2})"#,
    ),
    invitation(
        "an invitation to connect workspaces",
        Judge::Random,
        &keys(&["invite", "invitation"]),
        r#"(?i-u:invit(?:e|ation))[^\n]{0,80}?(?:\r?\n[ \t>"'`]{0,20}[^\n]{0,10}){0,3}?(?:^|[\s:="'`>])(?P<s>[A-Za-z0-9+/_-]{80,}={0,2})"#,
    ),
    // generic-api-key
    secret(
        "a secret in an environment",
        Judge::Assignment,
        &NAMES,
        concat!(
            r#"(?i-u)\bname["']?\s{0,4}:\s{0,4}["']?(?P<n>"#,
            secret_name!(),
            r#")["']?\s{0,4},?[ \t]{0,20}\r?\n?[ \t]{0,60}["']?value["']?\s{0,4}:[ \t]{0,4}(?P<s>"[^"\n]{1,300}"|'[^'\n]{1,300}'|[^\s"'#,}]{1,300})"#
        ),
    ),
    secret(
        "a secret",
        Judge::Assignment,
        &NAMES,
        concat!(
            r#"(?i-u)(?P<n>"#,
            secret_name!(),
            r#")["']?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}(?P<s>"[^"\n]{1,300}"|'[^'\n]{1,300}'|[^\s"'#,;&<}]{1,300})"#
        ),
    ),
    secret(
        "a secret",
        Judge::Assignment,
        &NAMES,
        concat!(r#"(?i-u)<(?P<n>"#, secret_name!(), r#")>(?P<s>[^<\n]{1,300})</"#),
    ),
];

/// The patterns, compiled, and the texts that tell where to look for them.
pub(super) struct Compiled {
    keys: AhoCorasick,
    /// The pattern of each text.
    of_key: Vec<usize>,
    pub(super) each: Vec<Regex>,
}

/// Bytes that a line may go on behind what is in reach.
const LINE: usize = 64 << 10;

impl Compiled {
    fn new() -> Result<Self, String> {
        let regex =
            |pattern: &Pattern| RegexBuilder::new(pattern.regex).unicode(false).multi_line(true).build();
        let each = PATTERNS.iter().map(regex).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let all = || {
            PATTERNS
                .iter()
                .enumerate()
                .flat_map(|(number, pattern)| pattern.keys.any.iter().map(move |key| (number, *key)))
        };
        // Every text of a bundle goes through it: the fastest kind, whose table is built once.
        let keys = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .ascii_case_insensitive(true)
            .build(all().map(|(_, key)| key));
        let of_key = all().map(|(number, _)| number).collect();
        Ok(Self { keys: keys.map_err(|error| error.to_string())?, of_key, each })
    }

    /// For each pattern the places where a match may be, in order and apart from each other.
    pub(super) fn windows(&self, bytes: &[u8]) -> Vec<Vec<Range<usize>>> {
        let mut windows: Vec<Vec<Range<usize>>> = vec![Vec::new(); PATTERNS.len()];
        for hit in self.keys.find_overlapping_iter(bytes) {
            let Some(number) = self.of_key.get(hit.pattern().as_usize()) else { continue };
            let (Some(pattern), Some(windows)) = (PATTERNS.get(*number), windows.get_mut(*number)) else {
                continue;
            };
            let Keys { reach: (before, after), near: (near, within), .. } = pattern.keys;
            let behind = bytes.get(hit.end()..bytes.len().min(hit.end() + after)).unwrap_or_default();
            let is_near = |byte: &u8| near.contains(byte);
            if !near.is_empty() && !behind.iter().take(*within).any(is_near) {
                continue;
            }
            let start = hit.start().saturating_sub(*before);
            let end = hit.end() + behind.len();
            match windows.last_mut() {
                Some(last) if last.end >= start => last.end = last.end.max(end),
                _ => windows.push(start..end),
            }
        }
        for windows in &mut windows {
            let mut whole: Vec<Range<usize>> = Vec::with_capacity(windows.len());
            for window in windows.drain(..) {
                // A window that ends within a word would make an end of it.
                let rest = bytes.get(window.end..bytes.len().min(window.end + LINE)).unwrap_or_default();
                let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let window = window.start..window.end + line;
                match whole.last_mut() {
                    Some(last) if last.end >= window.start => last.end = last.end.max(window.end),
                    _ => whole.push(window),
                }
            }
            *windows = whole;
        }
        windows
    }
}

/// Compiled at the first use. A test holds that they compile; should they not, whoever asks is told.
pub(super) static COMPILED: LazyLock<Result<Compiled, String>> = LazyLock::new(Compiled::new);
