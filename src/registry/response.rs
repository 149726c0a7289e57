//! Turns answers of registries into errors that reveal no secrets.

use super::client::{Ask, Client, ClientTarget, is_writing, locked};
use super::error::RegistryError;
use super::http::REDIRECTS;
use super::token::{Login, RegistrySecret};
use serde::Deserialize;
use std::io;
use ureq::Body;
use ureq::http::Response;

/// The most of an error's body or of a token's answer that is read.
pub(super) const ANSWER: u64 = 1 << 20;
/// The most of what a registry says that is repeated.
const SAID: usize = 300;

#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Client {
    /// The error that an answer is.
    pub(super) fn refused(
        &self,
        target: &ClientTarget,
        ask: &Ask<'_>,
        mut response: Response<Body>,
    ) -> RegistryError {
        let (status, what) = (response.status().as_u16(), ask.what.clone());
        let body = response.body_mut().with_config().limit(ANSWER).lossy_utf8(true).read_to_string();
        // Shortened last: the beginning of a secret is not recognised as one.
        let said = self.harmless(target, &said(&body.unwrap_or_default())).chars().take(SAID).collect();
        let host = target.endpoint.host.clone();
        match status {
            401 | 403 => {
                let who = match self.known_login(target) {
                    Some(Login::Password { user, .. }) => format!("`{user}`"),
                    Some(Login::Identity(_)) => "the holder of this token".to_owned(),
                    None => "an anonymous user".to_owned(),
                };
                RegistryError::Denied { host, status, what, who, said }
            }
            404 if !is_writing(&ask.method) => RegistryError::NotFound { host, what },
            _ => RegistryError::Status { host, status, what, said },
        }
    }

    /// A text of a registry without the words that we told it in confidence.
    fn harmless(&self, target: &ClientTarget, text: &str) -> String {
        let logins = self.known_login(target);
        let tokens: Vec<RegistrySecret> = locked(&self.proofs).values().cloned().collect();
        let words = logins.iter().flat_map(Login::words).chain(tokens);
        words.fold(text.to_owned(), |text, word| {
            let word = word.expose().trim_start_matches("Bearer ").trim_start_matches("Basic ").to_owned();
            if word.is_empty() { text } else { text.replace(&word, "***") }
        })
    }
}

pub(super) fn is_no_tls(error: &ureq::Error) -> bool {
    // The words of rustls for what does not begin like a TLS record.
    error.to_string().contains("InvalidContentType")
}

/// True for what a further attempt would only say again: certificates, redirects and what is not TLS.
pub(super) fn stays(reason: &str) -> bool {
    reason.contains("ertificate") || reason.starts_with("it ")
}

/// Says what went wrong without repeating addresses: what a redirect leads to may hold a token.
pub(super) fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::TooManyRedirects => format!("it redirects more than {REDIRECTS} times"),
        ureq::Error::RequireHttpsOnly(_) => "it redirects from https to http".to_owned(),
        ureq::Error::BadUri(_) => "it is, or redirects to, no address".to_owned(),
        error if is_no_tls(error) => {
            "it speaks no TLS; where that is meant to be, allow it with `--plain-http HOST`".to_owned()
        }
        ureq::Error::Io(error) => broken(error),
        other => other.to_string(),
    }
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            format!("the connection was cut ({error})")
        }
        _ => error.to_string(),
    }
}

/// What the body of an error says (OCI distribution 1.1, "Error Codes").
fn said(body: &str) -> String {
    match serde_json::from_str::<Errors>(body) {
        Ok(Errors { errors }) => errors
            .iter()
            .take(3)
            .map(|error| format!("{} {}", error.code, error.message).trim().to_owned())
            .collect::<Vec<_>>()
            .join("; "),
        // A page of HTML says nothing to the user in a terminal.
        Err(_) if body.trim_start().starts_with('<') => String::new(),
        Err(_) => body.trim().to_owned(),
    }
}
