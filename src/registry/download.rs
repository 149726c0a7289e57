//! GET requests for URLs: the only way in which the connected side downloads files.

use crate::RegistryAccess;
use crate::error::RegistryError;
use crate::http::{Http, HttpQuery, REDIRECTS, RequestFailure, through};
use crate::waiting::{Pump, watched};
use sealift_bundle::value::progress::Progress;
use std::io::{self, Read};
use std::time::Duration;
use ureq::Body;
use ureq::http::Response;

/// How long anything may take that moves no bytes.
const SILENCE: Duration = Duration::from_mins(1);

/// The answer to a GET, with its content still to read.
pub struct Download<'a> {
    body: Pump<'a>,
    /// Bytes of the content, where the server announced them.
    pub length: Option<u64>,
    /// The first byte of the file that is in the content, if it is a part of the file; `None` for the whole file.
    pub part_from: Option<u64>,
}

/// Why a server gave no content.
pub struct NoContent {
    /// The status code, if the server answered at all.
    pub status: Option<u16>,
    /// What to tell the user. Names no address: what a redirect leads to may hold a token.
    pub reason: String,
}

impl<'a> Download<'a> {
    /// Asks for a file from byte `from` on. With `only_tls`, a redirect from https to http is an error.
    pub fn get(
        url: &str,
        from: u64,
        only_tls: bool,
        access: &RegistryAccess,
        watch: &'a dyn Progress,
    ) -> Result<Result<Self, NoContent>, RegistryError> {
        let http = Http::new(access, SILENCE)?;
        let mut query = HttpQuery::get(url.to_owned(), only_tls);
        if from > 0 {
            query.headers.push(("range", format!("bytes={from}-")));
        }
        let (error, proxy) = match watched(watch, move || http.exchange(query))? {
            Ok(response) if response.status().is_success() => return Self::read(response, watch).map(Ok),
            Ok(response) => (ureq::Error::StatusCode(response.status().as_u16()), None),
            Err(RequestFailure::Sent { error, proxy }) => (error, proxy),
            Err(RequestFailure::Proxy(error)) => return Err(error),
        };
        let status = if let ureq::Error::StatusCode(code) = error { Some(code) } else { None };
        Ok(Err(NoContent { status, reason: reason(&error) + &through(proxy) }))
    }

    fn read(response: Response<Body>, watch: &'a dyn Progress) -> Result<Self, RegistryError> {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let length = header("content-length").and_then(|length| length.parse().ok());
        // A part whose range cannot be read is not the one that was asked for.
        let begin = || header("content-range")?.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok();
        let part_from = (response.status() == 206).then(|| begin().unwrap_or(u64::MAX));
        let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Self { body: Pump::new(reader, watch)?, length, part_from })
    }
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(404) => "the server has no such file (status 404)".to_owned(),
        ureq::Error::StatusCode(code @ (401 | 403)) => {
            format!("the server wants to know who asks (status {code}), and a manifest holds no secrets")
        }
        ureq::Error::StatusCode(code) => format!("the server answers with status {code}"),
        ureq::Error::TooManyRedirects => format!("it was redirected more than {REDIRECTS} times"),
        ureq::Error::RequireHttpsOnly(_) => "it is redirected from https to http".to_owned(),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::BadUri(_) => "it is, or is redirected to, no address".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
