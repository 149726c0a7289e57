//! Someone in front of a real registry: notes each request, and passes it on or does what a script says.

pub use super::listening::Asked;

use super::listening::{Line, Listening};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// What becomes of a request.
pub enum Then {
    Pass,
    /// Status, headers in lines, body.
    Say(u16, String, &'static str),
    /// The registry gets so many bytes of the body, and both connections are cut.
    Cut(usize),
    /// The registry gets all of it, and the connection is cut before the answer.
    Mute,
    /// Nothing, for a while.
    Hold,
    /// Passed on; in the answer, one word becomes another.
    Change(String, String),
}

type Script = dyn Fn(&Asked, usize) -> Then + Send + Sync;

struct Inner {
    behind: String,
    script: Box<Script>,
}

/// Until it is dropped.
pub struct Front {
    pub host: String,
    listening: Listening,
}

impl Front {
    /// The script is told how many requests of the same method there were before.
    pub fn new(behind: &str, script: impl Fn(&Asked, usize) -> Then + Send + Sync + 'static) -> Self {
        let inner = Inner { behind: behind.to_owned(), script: Box::new(script) };
        let listening = Listening::new(Duration::from_secs(60), move |asked, before, line| {
            let before = before.iter().filter(|one| one.method == asked.method).count();
            inner.answer(asked, before, line)
        });
        Self { host: listening.host.clone(), listening }
    }

    /// One that only notes.
    pub fn noting(behind: &str) -> Self {
        Self::new(behind, |_, _| Then::Pass)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.listening.asked()
    }

    pub fn forget(&self) {
        self.listening.forget();
    }

    pub fn count(&self, method: &str, words: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == method && asked.path.contains(words)).count()
    }
}

impl Inner {
    fn answer(&self, asked: &Asked, before: usize, line: &mut Line) -> std::io::Result<()> {
        assert!(asked.header("transfer-encoding").is_none(), "{asked:?}");
        let then = (self.script)(asked, before);
        if matches!(then, Then::Hold) {
            std::thread::sleep(Duration::from_secs(4));
            return Ok(());
        }
        let Line { reader, stream } = line;
        let mut body = vec![0; asked.len()];
        reader.read_exact(&mut body)?;
        match then {
            Then::Say(status, headers, body) => {
                let headers: String = headers.lines().map(|line| format!("{}\r\n", line.trim())).collect();
                let len = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
                )?;
            }
            Then::Cut(len) => drop(self.pass(asked, &body[..len], false)),
            Then::Mute => drop(self.pass(asked, &body, true)?),
            Then::Change(one, other) => {
                let answer = self.pass(asked, &body, true)?;
                let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
                let changed = String::from_utf8_lossy(&answer[..head]).replace(&one, &other);
                stream.write_all(&[changed.as_bytes(), &answer[head..]].concat())?;
            }
            Then::Pass | Then::Hold => stream.write_all(&self.pass(asked, &body, true)?)?,
        }
        Ok(())
    }

    /// What the registry answers.
    fn pass(&self, asked: &Asked, body: &[u8], whole: bool) -> std::io::Result<Vec<u8>> {
        let mut behind = TcpStream::connect(&self.behind)?;
        let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", asked.method, asked.path);
        for (name, value) in asked.headers.iter().filter(|(name, _)| name != "connection") {
            head += &format!("{name}: {value}\r\n");
        }
        behind.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
        let mut answer = Vec::new();
        if whole {
            behind.read_to_end(&mut answer)?;
        } else {
            std::thread::sleep(Duration::from_millis(200));
            behind.shutdown(Shutdown::Both)?;
        }
        Ok(answer)
    }
}
