//! Reads credentials from where `docker login` and `podman login` store them.

use super::endpoints::Repository;
use super::error::RegistryError;
use super::token::{Login, RegistrySecret};
use super::waiting::GLANCE;
use base64::Engine as _;
use sealift_bundle::value::progress::Progress;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The most a file of credentials, or a helper's answer, may hold.
const MAX_BYTES: u64 = 1 << 20;
/// The key under which Docker keeps the credentials of Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// The user name that stands for a token in a helper's answer.
const TOKEN_USER: &str = "<token>";
/// How long a helper may take; some ask their owner to unlock a key ring.
const PATIENCE: Duration = Duration::from_mins(2);

/// Files in the form of `containers-auth.json(5)` and of Docker's `config.json`; the first that has something for a
/// repository is taken.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The files, in the order they are looked through; one that is missing is passed over.
    pub files: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthFile {
    auths: Option<BTreeMap<String, Option<CredentialEntry>>>,
    cred_helpers: Option<BTreeMap<String, Option<String>>>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct CredentialEntry {
    auth: Option<String>,
    identitytoken: Option<String>,
    username: Option<String>,
    password: Option<RegistrySecret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

impl Credentials {
    /// Who asks for a repository, as its registry knows them.
    pub(super) fn find(
        &self,
        repository: &Repository,
        watch: &dyn Progress,
    ) -> Result<Option<Login>, RegistryError> {
        for path in &self.files {
            let text = match std::fs::File::open(path) {
                Ok(file) => {
                    let mut text = zeroize::Zeroizing::new(String::new());
                    file.take(MAX_BYTES)
                        .read_to_string(&mut text)
                        .map_err(|source| RegistryError::Read { path: path.clone(), source })?;
                    text
                }
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(source) => return Err(RegistryError::Read { path: path.clone(), source }),
            };
            // Docker reads an empty file as no configuration.
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() {
                continue;
            }
            // The parser's message could repeat what is there.
            let file: AuthFile = serde_json::from_str(text).map_err(|error| RegistryError::Credentials {
                path: path.clone(),
                reason: format!("it is no such file (line {}, column {})", error.line(), error.column()),
            })?;
            if let Some(login) = file.find(repository, path, watch)? {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }
}

impl AuthFile {
    /// An empty or null value counts as one that is missing, as for docker.
    fn find(
        &self,
        repository: &Repository,
        path: &Path,
        watch: &dyn Progress,
    ) -> Result<Option<Login>, RegistryError> {
        let keys = keys(repository);
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let helper = |key: &String| {
            let helper = self.cred_helpers.as_ref()?.get(key)?;
            Some((key.clone(), filled(helper)?))
        };
        if let Some((key, helper)) = keys.iter().find_map(helper) {
            return ask(&helper, &key, watch);
        }
        for key in &keys {
            let Some(Some(entry)) = self.auths.as_ref().and_then(|auths| auths.get(key)) else { continue };
            if let Some(token) = filled(&entry.identitytoken) {
                return Ok(Some(Login::Identity(RegistrySecret::new(token))));
            }
            if let Some(auth) = filled(&entry.auth) {
                return decoded(&auth).map(Some).ok_or_else(|| RegistryError::Credentials {
                    path: path.to_owned(),
                    reason: format!("what it has for `{key}` is not a name and a password"),
                });
            }
            if let (Some(user), Some(secret)) = (filled(&entry.username), entry.password.clone()) {
                return Ok(Some(Login::Password { user, secret }));
            }
        }
        match filled(&self.creds_store) {
            Some(helper) if repository.host == "docker.io" => ask(&helper, DOCKER_HUB, watch),
            Some(helper) => ask(&helper, &repository.host, watch),
            None => Ok(None),
        }
    }
}

/// The keys that may stand for a repository, the most exact first: `host/a/b`, `host/a`, `host`, and addresses as old
/// versions of Docker wrote them.
fn keys(repository: &Repository) -> Vec<String> {
    let mut keys = Vec::new();
    let mut key = repository.to_string();
    loop {
        keys.push(key.clone());
        let Some((parent, _)) = key.rsplit_once('/') else { break };
        key = parent.to_owned();
    }
    if repository.host == "docker.io" {
        keys.push(DOCKER_HUB.to_owned());
    }
    let host = &repository.host;
    keys.extend([
        format!("https://{host}"),
        format!("https://{host}/"),
        format!("https://{host}/v1/"),
        format!("https://{host}/v2/"),
        format!("http://{host}"),
        format!("http://{host}/"),
    ]);
    keys
}

fn decoded(auth: &str) -> Option<Login> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(auth.trim()).ok()?;
    let text = zeroize::Zeroizing::new(String::from_utf8(bytes).ok()?);
    let (user, secret) = text.split_once(':')?;
    // Docker fills up with zero bytes.
    Some(Login::Password {
        user: user.to_owned(),
        secret: RegistrySecret::new(secret.trim_end_matches('\0').to_owned()),
    })
}

/// Asks `docker-credential-HELPER`; one that has nothing for the host, or that is not installed, is not a failure: the
/// registry may need no credentials, and says so if it does.
fn ask(helper: &str, host: &str, watch: &dyn Progress) -> Result<Option<Login>, RegistryError> {
    let failed = |reason: String| RegistryError::Helper { helper: helper.to_owned(), reason };
    if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(failed(
            "its name has other characters than letters, digits, `-`, `_` and `.`".to_owned(),
        ));
    }
    let program = format!("docker-credential-{helper}");
    let spawned = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            watch.note(&format!("no credentials for `{host}`: cannot run `{program}`: {error}"));
            return Ok(None);
        }
    };
    let (status, text) = answer_of(&mut child, host, watch, &failed)?;
    if !status.success() {
        return if text.contains("credentials not found") {
            Ok(None)
        } else {
            Err(failed(format!("it ended with {status}")))
        };
    }
    let answer: HelperAnswer = serde_json::from_str(&text)
        .map_err(|_| failed("it did not answer with a name and a secret".to_owned()))?;
    let secret = RegistrySecret::new(answer.secret);
    Ok(Some(if answer.username == TOKEN_USER {
        Login::Identity(secret)
    } else {
        Login::Password { user: answer.username, secret }
    }))
}

/// What a helper prints, and how it ends; it is ended when it takes too long, or when the operator wants to stop.
fn answer_of(
    child: &mut Child,
    host: &str,
    watch: &dyn Progress,
    failed: &dyn Fn(String) -> RegistryError,
) -> Result<(ExitStatus, zeroize::Zeroizing<String>), RegistryError> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let host = host.to_owned();
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let talk = move || {
        if let Some(mut stdin) = stdin {
            // A helper that does not read says so by its answer.
            let _ = stdin.write_all(host.as_bytes());
        }
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        if let Some(stdout) = stdout {
            let _ = stdout.take(MAX_BYTES).read_to_end(&mut bytes);
        }
        let _ = sender.send(zeroize::Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()));
    };
    let begun = Instant::now();
    let outcome = std::thread::Builder::new().spawn(talk).map_err(|source| RegistryError::Thread { source });
    let outcome = outcome.and_then(|_| {
        let mut text = None;
        loop {
            if text.is_none() {
                text = receiver.recv_timeout(GLANCE).ok();
            } else {
                std::thread::sleep(Duration::from_millis(5));
            }
            let status = child.try_wait().map_err(|error| failed(error.to_string()))?;
            if let Some(status) = status
                && let Some(text) = text.take()
            {
                return Ok((status, text));
            }
            if watch.is_stopped() {
                return Err(RegistryError::Interrupted);
            }
            if begun.elapsed() > PATIENCE {
                return Err(failed(format!("it did not answer within {} seconds", PATIENCE.as_secs())));
            }
        }
    });
    if outcome.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_bundle::value::progress::NoProgress;

    fn found(json: &str, host: &str, path: &str) -> Option<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("auth.json");
        std::fs::write(&file, json).unwrap();
        let files = vec![folder.path().join("missing.json"), file];
        let credentials = Credentials { files };
        match credentials.find(&Repository::at(host, path), &NoProgress).unwrap()? {
            Login::Password { user, secret } => Some((user, secret.expose().to_owned())),
            Login::Identity(secret) => Some((String::new(), secret.expose().to_owned())),
        }
    }

    #[test]
    fn the_most_exact_entry_is_taken() {
        // a:b, c:d and e:f:g
        let json = r#"{"auths":{"r.org":{"auth":"YTpi"},"r.org/team":{"auth":"Yzpk"},"https://index.docker.io/v1/":{"auth":"ZTpmOmc="},"t.org":{"auth":"","identitytoken":"T"},"empty.org":{}}}"#;
        let pair = |user: &str, secret: &str| Some((user.to_owned(), secret.to_owned()));
        assert_eq!(found(json, "r.org", "x"), pair("a", "b"));
        assert_eq!(found(json, "r.org", "team/app"), pair("c", "d"));
        assert_eq!(found(json, "docker.io", "library/nginx"), pair("e", "f:g"));
        assert_eq!(found(json, "t.org", "x"), pair("", "T"));
        assert_eq!(found(json, "empty.org", "x"), None);
        assert_eq!(found(json, "evil-r.org", "x"), None);
    }

    #[test]
    fn secrets_stay_out_of_errors() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("auth.json");
        for text in [r#"{"auths":{"r.org":{"auth":"hunter2"}}}"#, r#"{"auths":"hunter2"}"#, "hunter2"] {
            std::fs::write(&file, text).unwrap();
            let error = Credentials { files: vec![file.clone()] }
                .find(&Repository::at("r.org", "x"), &NoProgress)
                .unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let login =
            Login::Password { user: "a".to_owned(), secret: RegistrySecret::new("hunter2".to_owned()) };
        assert!(!format!("{login:?}").contains("hunter2"));
    }

    #[test]
    fn a_helper_is_a_name_and_not_a_path() {
        assert!(matches!(ask("../x", "r.org", &NoProgress), Err(RegistryError::Helper { .. })));
    }

    #[test]
    fn f_field_13_what_is_empty_is_not_there() {
        for json in [
            "",
            " \n",
            "\u{feff}{}",
            "{}",
            r#"{"credsStore":""}"#,
            r#"{"auths":{},"credsStore":null}"#,
            r#"{"auths":null,"credHelpers":null}"#,
            r#"{"auths":{"r.org":null},"credHelpers":{"r.org":null}}"#,
            r#"{"auths":{"r.org":{}},"credHelpers":{"r.org":""}}"#,
            r#"{"credsStore":"no-such-helper-here"}"#,
            r#"{"credHelpers":{"r.org":"no-such-helper-here"}}"#,
        ] {
            assert_eq!(found(json, "r.org", "x"), None, "{json}");
        }
        let pair = Some(("a".to_owned(), "b".to_owned()));
        assert_eq!(found("\u{feff}{\"auths\":{\"r.org\":{\"auth\":\"YTpi\"}}}", "r.org", "x"), pair);
        assert_eq!(found(r#"{"auths":{"r.org":{"username":"a","password":"b"}}}"#, "r.org", "x"), pair);
        assert_eq!(found(r#"{"auths":{"http://r.org":{"auth":"YTpi"}}}"#, "r.org", "x"), pair);
        assert_eq!(found(r#"{"auths":{"r.org":{"auth":"YTpi"}},"credsStore":""}"#, "r.org", "x"), pair);
    }
}
