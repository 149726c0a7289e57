//! Someone in front of a real registry: notes each request, and passes it on or does what a script says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// Bytes of its body.
    pub len: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// True for what may change a registry.
    pub fn writes(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }
}

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
    asked: Mutex<Vec<Asked>>,
    stopped: AtomicBool,
}

/// Until it is dropped.
pub struct Front {
    pub host: String,
    inner: Arc<Inner>,
}

impl Front {
    /// The script is told how many requests of the same method there were before.
    pub fn new(behind: &str, script: impl Fn(&Asked, usize) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let inner = Arc::new(Inner {
            behind: behind.to_owned(),
            script: Box::new(script),
            asked: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let served = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let served = Arc::clone(&served);
                // Whoever asks may hang up.
                std::thread::spawn(move || stream.and_then(|stream| served.serve(stream)));
            }
        });
        Self { host, inner }
    }

    /// One that only notes.
    pub fn noting(behind: &str) -> Self {
        Self::new(behind, |_, _| Then::Pass)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.inner.asked.lock().unwrap().clear();
    }

    pub fn count(&self, method: &str, words: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == method && asked.path.contains(words)).count()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.inner.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.host);
    }
}

impl Inner {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut first = [0];
        stream.peek(&mut first)?;
        if first == [0x16] {
            // A TLS handshake.
            let _ = stream.read(&mut [0; 4096])?;
            return stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        }
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut asked = Asked { method, path, headers, len: 0 };
        asked.len = asked.header("content-length").map_or(0, |len| len.parse().unwrap());
        assert!(asked.header("transfer-encoding").is_none(), "{asked:?}");
        let before = {
            let mut all = self.asked.lock().unwrap();
            all.push(asked.clone());
            all.iter().filter(|one| one.method == asked.method).count() - 1
        };
        let then = (self.script)(&asked, before);
        if matches!(then, Then::Hold) {
            std::thread::sleep(Duration::from_secs(4));
            return stream.shutdown(Shutdown::Both);
        }
        let mut body = vec![0; asked.len];
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
            Then::Cut(len) => drop(self.pass(&asked, &body[..len], false)),
            Then::Mute => drop(self.pass(&asked, &body, true)?),
            Then::Change(one, other) => {
                let answer = self.pass(&asked, &body, true)?;
                let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
                let changed = String::from_utf8_lossy(&answer[..head]).replace(&one, &other);
                stream.write_all(&[changed.as_bytes(), &answer[head..]].concat())?;
            }
            Then::Pass | Then::Hold => stream.write_all(&self.pass(&asked, &body, true)?)?,
        }
        stream.shutdown(Shutdown::Both)
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
