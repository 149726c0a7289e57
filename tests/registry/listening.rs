//! A server that notes every request and leaves the answer to whoever made it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
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
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Bytes that are said to stand behind the head.
    pub fn len(&self) -> usize {
        self.header("content-length").and_then(|len| len.parse().ok()).unwrap_or_default()
    }

    /// True for what may change a registry.
    pub fn writes(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }
}

/// What stands behind the head of a request, and the way back.
pub struct Line {
    pub reader: BufReader<TcpStream>,
    pub stream: TcpStream,
}

/// Until it is dropped.
pub struct Listening {
    pub host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    stopped: Arc<AtomicBool>,
}

impl Listening {
    /// `answer` gets a request, all those before it, and the connection, which is closed afterwards.
    pub fn new(
        silence: Duration,
        answer: impl Fn(&Asked, &[Asked], &mut Line) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::at("127.0.0.1:0", silence, answer)
    }

    /// The same at another address.
    pub fn at(
        address: &str,
        silence: Duration,
        answer: impl Fn(&Asked, &[Asked], &mut Line) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (asked, stopped) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (log, end, answer) = (Arc::clone(&asked), Arc::clone(&stopped), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                // Whoever asks may hang up.
                std::thread::spawn(move || stream.and_then(|stream| serve(stream, silence, &log, &*answer)));
            }
        });
        Self { host, asked, stopped }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.host);
    }
}

fn serve(
    mut stream: TcpStream,
    silence: Duration,
    log: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&Asked, &[Asked], &mut Line) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(silence))?;
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
    let asked = Asked { method, path, headers };
    let before = {
        let mut all = log.lock().unwrap();
        all.push(asked.clone());
        all[..all.len() - 1].to_vec()
    };
    let mut line = Line { reader, stream };
    answer(&asked, &before, &mut line)?;
    line.stream.shutdown(Shutdown::Both)
}
