//! The bytes of an answer: at hand, or read from a bundle piece by piece as the client takes them.

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

/// Bytes of one piece. A connection holds two at most, one being sent and one being read: 64 pulls hold 16 MiB.
pub(super) const PIECE: usize = 128 << 10;

/// What is sent behind the head of an answer.
pub(super) enum Body {
    /// At hand.
    Whole(Bytes),
    /// Read when it is due.
    Pieces {
        /// The piece that is being read.
        next: JoinHandle<Step>,
        /// Bytes that are still to come.
        left: u64,
    },
    /// Sent by a thread that reads.
    Sent {
        /// Where they come from; an end before the last byte means that the rest is not to be had.
        pieces: Receiver<Bytes>,
        /// Bytes that are still to come.
        left: u64,
    },
}

/// A piece, and where the next one comes from; nothing when the rest is not to be had.
pub(super) type Step = Option<(Bytes, Box<dyn Source>)>;

/// Reads pieces, on a thread that may wait for a disk.
pub(super) trait Source: Send + 'static {
    /// The next piece. It has told the operator why, when there is none.
    fn next(self: Box<Self>) -> Step;
}

/// The answer is cut off: what is left of it could not be read, or is not what was signed.
#[derive(Debug, thiserror::Error)]
#[error("the rest is not handed out")]
pub(super) struct Cut;

impl Body {
    /// Nothing.
    pub(super) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// `first`, and what follows it; `len` bytes in all.
    pub(super) fn pieces(first: (Bytes, Box<dyn Source>), len: u64) -> Self {
        let (bytes, source) = first;
        if bytes.len() as u64 == len {
            return Self::Whole(bytes);
        }
        Self::Pieces { next: tokio::spawn(async move { Some((bytes, source)) }), left: len }
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Pieces { left, .. } | Self::Sent { left, .. } => *left,
        }
    }
}

/// A piece has come: so many bytes fewer are missing.
fn came(bytes: Bytes, left: &mut u64) -> Frame<Bytes> {
    *left = left.saturating_sub(bytes.len() as u64);
    Frame::data(bytes)
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Pieces { left: 0, .. } | Self::Sent { left: 0, .. } => Poll::Ready(None),
            Self::Pieces { next, left } => match ready!(Pin::new(&mut *next).poll(cx)) {
                Ok(Some((bytes, source))) => {
                    if (bytes.len() as u64) < *left {
                        *next = tokio::task::spawn_blocking(|| source.next());
                    }
                    Poll::Ready(Some(Ok(came(bytes, left))))
                }
                Ok(None) | Err(_) => Poll::Ready(Some(Err(Cut))),
            },
            Self::Sent { pieces, left } => match ready!(pieces.poll_recv(cx)) {
                Some(bytes) => Poll::Ready(Some(Ok(came(bytes, left)))),
                None => Poll::Ready(Some(Err(Cut))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}
