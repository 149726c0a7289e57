//! A connection that times out if its client reads too slowly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Ends a connection whose client takes too little of what it asked for.
///
/// A client may keep us waiting for `patience`, and gets that time back as it takes bytes, at `rate` bytes a second. So a
/// slow line lasts, and neither one that takes nothing nor one that takes a byte now and then.
pub(super) struct Guard<S> {
    stream: S,
    patience: Duration,
    rate: u32,
    /// How long we may still be kept waiting.
    credit: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Guard<S> {
    pub(super) fn new(stream: S, patience: Duration, rate: u32) -> Self {
        Self { stream, patience, rate, credit: patience, waiting: None }
    }

    /// Passes on the result of a write that took so many bytes, and turns too long a wait into an error.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
        taken: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(outcome) = outcome {
            if let Some((since, _)) = self.waiting.take() {
                self.credit = self.credit.saturating_sub(since.elapsed());
            }
            if let Ok(value) = &outcome {
                let bytes = u32::try_from(taken(value)).unwrap_or(u32::MAX);
                let earned = Duration::from_secs(1).saturating_mul(bytes) / self.rate.max(1);
                self.credit = self.credit.saturating_add(earned).min(self.patience);
            }
            return Poll::Ready(outcome);
        }
        let credit = self.credit;
        let (_, sleep) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(credit))));
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.watch(cx, outcome, |taken| *taken)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.watch(cx, outcome, |taken| *taken)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.watch(cx, outcome, |()| 0)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.watch(cx, outcome, |()| 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Guard;
    use std::future::poll_fn;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use std::time::Duration;
    use tokio::io::AsyncWrite;
    use tokio::time::{Sleep, sleep};

    /// A client that takes so many bytes each 20 ms.
    struct Slow {
        bytes: usize,
        pause: Option<Pin<Box<Sleep>>>,
    }

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, all: &[u8]) -> Poll<io::Result<usize>> {
            let length = if self.bytes == 0 { Duration::from_hours(1) } else { Duration::from_millis(20) };
            ready!(self.pause.get_or_insert_with(|| Box::pin(sleep(length))).as_mut().poll(cx));
            self.pause = None;
            Poll::Ready(Ok(self.bytes.min(all.len())))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Whether 60 kB arrive at a client that takes so many of them each 20 ms; it may keep us waiting for a fifth of a
    /// second, and has to take 10 kB a second.
    fn arrives(bytes: usize) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut guard = Guard::new(Slow { bytes, pause: None }, Duration::from_millis(200), 10_000);
            let mut left = 60_000;
            while left > 0 {
                match poll_fn(|cx| Pin::new(&mut guard).poll_write(cx, &vec![0; left])).await {
                    Ok(count) => left -= count,
                    Err(_) => return false,
                }
            }
            true
        })
    }

    #[test]
    fn f_sec_16_who_takes_next_to_nothing_is_left() {
        assert!(arrives(3_000), "a slow line");
        assert!(!arrives(0), "a client that takes nothing");
        assert!(!arrives(1), "a client that takes a byte now and then");
    }
}
