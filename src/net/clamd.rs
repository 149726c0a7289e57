//! Talks to `clamd` over a local socket, or over TCP to a host that the operator names.
//!
//! The protocol is that of clamd(8): `INSTREAM` sends the bytes, so the daemon needs no access to files. Each file
//! has its own connection. The scanner is not trusted: its answers are limited in size and time.

use crate::deadline::{DeadlineStream, Stream};
use sealift_audit::scan::{ScanAnswer, ScanError, Scanner, ScannerIdentity, first_line};
use std::io::{self, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where distributions have the socket: Debian, Fedora, Alpine and the makers' own.
const PLACES: [&str; 4] =
    ["/run/clamav/clamd.ctl", "/run/clamd.scan/clamd.sock", "/run/clamav/clamd.sock", "/tmp/clamd.socket"];
const ANSWER: u64 = 4096;
/// Bytes sent at a time, behind the four that say how many they are.
const CHUNK: usize = 256 << 10;
/// For questions that are answered at once.
const SOON: Duration = Duration::from_secs(30);
/// What begins the names that are limits and no malware (`AlertExceedsMax`).
const EXCEEDED: &str = "Heuristics.Limits.Exceeded";

/// A running `clamd`.
pub struct Clamd {
    place: ClamdAddress,
    patience: Duration,
}

enum ClamdAddress {
    Socket(PathBuf),
    Host(String),
}

impl Clamd {
    /// At the socket or host that the operator named, or where distributions have the socket; it is not asked yet.
    pub fn new(place: Option<String>, patience: Duration) -> Result<Self, ScanError> {
        let place = match place {
            Some(place) if place.contains('/') => ClamdAddress::Socket(place.into()),
            Some(place) if place.contains(':') => ClamdAddress::Host(place),
            Some(place) => {
                let reason = "a socket has a slash in its path, and a host a port behind it";
                return Err(ScanError::Words { asked: format!("clamd:{place}"), reason });
            }
            None => {
                let found = PLACES.iter().find(|place| Path::new(place).exists());
                let found = found.ok_or_else(|| ScanError::Unreachable {
                    reason: format!(
                        "none of the sockets that clamd has by default is there: {}",
                        PLACES.join(", ")
                    ),
                })?;
                ClamdAddress::Socket(found.into())
            }
        };
        Ok(Self { place, patience })
    }

    fn name(&self) -> String {
        match &self.place {
            ClamdAddress::Socket(path) => format!("clamd:{}", path.display()),
            ClamdAddress::Host(host) => format!("clamd:{host}"),
        }
    }

    fn connect(&self, patience: Duration) -> io::Result<DeadlineStream> {
        let end = Instant::now() + patience;
        match &self.place {
            ClamdAddress::Socket(path) => DeadlineStream::to_socket(path, end),
            ClamdAddress::Host(host) => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
                for address in host.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, SOON) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            return Ok(DeadlineStream::new(stream, end));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    /// Asks what is answered in one line.
    fn ask(&self, question: &[u8]) -> io::Result<String> {
        let mut line = self.connect(SOON)?;
        line.write_all(question)?;
        answer(&mut line)
    }
}

impl Scanner for Clamd {
    fn identify(&self) -> Result<ScannerIdentity, ScanError> {
        let failed =
            |error: io::Error| ScanError::Unreachable { reason: format!("{}: {error}", self.name()) };
        let line = self.ask(b"zVERSION\0").map_err(failed)?;
        if line.is_empty() || line.starts_with("UNKNOWN COMMAND") {
            return Err(ScanError::Unreachable { reason: format!("{}: it is not a clamd", self.name()) });
        }
        Ok(ScannerIdentity::parse(self.name(), &line))
    }

    fn look(&self, leaf: &mut dyn Read) -> ScanAnswer {
        let mut line = match self.connect(self.patience) {
            Ok(line) => line,
            Err(error) => return ScanAnswer::Failed(format!("{}: {error}", self.name())),
        };
        match send(&mut line, leaf) {
            Ok(()) => match answer(&mut line) {
                Ok(answer) => judged(&answer),
                Err(error) => ScanAnswer::Failed(format!("{}: {error}", self.name())),
            },
            // What is too large is refused in the middle, and the reason is there to be read.
            Err(error) => match answer(&mut line).map(|answer| judged(&answer)) {
                Ok(answer @ ScanAnswer::Limit(_)) => answer,
                Ok(_) | Err(_) => ScanAnswer::Failed(format!("{}: {error}", self.name())),
            },
        }
    }

    fn is_there(&self) -> bool {
        self.ask(b"zPING\0").is_ok_and(|answer| answer == "PONG")
    }
}

fn send(line: &mut DeadlineStream, leaf: &mut dyn Read) -> io::Result<()> {
    line.write_all(b"zINSTREAM\0")?;
    let mut buffer = vec![0; 4 + CHUNK];
    loop {
        let mut filled = 4;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match leaf.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let count = u32::try_from(filled - 4).unwrap_or_default().to_be_bytes();
        if let Some(place) = buffer.get_mut(..4) {
            place.copy_from_slice(&count);
        }
        // The last chunk says that it has no bytes.
        line.write_all(buffer.get(..filled).unwrap_or_default())?;
        if filled == 4 {
            return Ok(());
        }
    }
}

/// What an answer like `stream: NAME FOUND` says.
fn judged(answer: &str) -> ScanAnswer {
    let said = first_line(answer);
    if said.contains("size limit exceeded") {
        return ScanAnswer::Limit("the engine takes no stream of this size (`StreamMaxLength`)".to_owned());
    }
    let Some(about) = said.strip_prefix("stream: ") else { return ScanAnswer::Failed(said) };
    match (about, about.strip_suffix(" FOUND")) {
        ("OK", _) => ScanAnswer::Clean,
        (_, Some(name)) if name.starts_with(EXCEEDED) => {
            ScanAnswer::Limit(format!("the engine says `{name}`"))
        }
        (_, Some(name)) => ScanAnswer::Found(name.to_owned()),
        (_, None) => ScanAnswer::Failed(said),
    }
}

impl Stream for TcpStream {
    fn wait_no_longer(&self, than: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(than))?;
        self.set_write_timeout(Some(than))
    }
}

/// What comes, up to a byte of zero or the end.
fn answer(line: &mut DeadlineStream) -> io::Result<String> {
    let mut answer = Vec::new();
    let mut piece = [0; 512];
    while answer.len() as u64 <= ANSWER {
        let count = line.read(&mut piece)?;
        let piece = piece.get(..count).unwrap_or_default();
        let whole = piece.iter().position(|byte| *byte == 0);
        answer.extend_from_slice(piece.get(..whole.unwrap_or(count)).unwrap_or_default());
        if whole.is_some() || count == 0 {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is longer than any answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        assert_eq!(judged("stream: OK"), ScanAnswer::Clean);
        assert_eq!(judged("stream: Test.Sig FOUND"), ScanAnswer::Found("Test.Sig".to_owned()));
        assert!(matches!(judged("INSTREAM size limit exceeded. ERROR"), ScanAnswer::Limit(_)));
        assert!(matches!(
            judged("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND"),
            ScanAnswer::Limit(_)
        ));
        for answer in ["", "OK", "stream: ", "stream: x ERROR", "stream:OK", "PONG", "stream: OK stream"] {
            assert!(matches!(judged(answer), ScanAnswer::Failed(_)), "{answer}");
        }
    }
}
