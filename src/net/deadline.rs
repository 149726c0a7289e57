//! Connections to untrusted programs, with a deadline.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a connection runs over.
pub(crate) trait Stream: Read + Write {
    /// Lets no single read or write wait longer than this.
    fn wait_no_longer(&self, than: Duration) -> io::Result<()>;
}

impl Stream for UnixStream {
    fn wait_no_longer(&self, than: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(than))?;
        self.set_write_timeout(Some(than))
    }
}

/// A connection on which everything together takes no longer than agreed, in however small pieces it comes.
pub(crate) struct DeadlineStream {
    stream: Box<dyn Stream>,
    end: Instant,
}

impl DeadlineStream {
    /// Over this stream, until then.
    pub(crate) fn new(stream: impl Stream + 'static, end: Instant) -> Self {
        Self { stream: Box::new(stream), end }
    }

    /// To a socket of the machine, until then.
    pub(crate) fn to_socket(path: &Path, end: Instant) -> io::Result<Self> {
        Ok(Self::new(UnixStream::connect(path)?, end))
    }

    /// Does something that may take all the time that is left.
    fn in_time(&mut self, what: impl FnOnce(&mut dyn Stream) -> io::Result<usize>) -> io::Result<usize> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "it took too long to answer");
        let left = self.end.saturating_duration_since(Instant::now());
        // Zero would mean without end.
        if left.is_zero() {
            return Err(late());
        }
        self.stream.wait_no_longer(left)?;
        what(&mut *self.stream)
            .map_err(|error| if error.kind() == io::ErrorKind::WouldBlock { late() } else { error })
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.in_time(|stream| stream.read(buffer))
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.in_time(|stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
