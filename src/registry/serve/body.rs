//! Response bodies: in memory, or read from a bundle as the client takes them.

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
        next: BodyTask,
        /// Bytes that are still to come.
        left: u64,
    },
}

/// A piece, and where the next one comes from; nothing when the rest is not to be had.
pub(super) type NextPiece = Option<(Bytes, Box<dyn BodySource>)>;

/// Reads pieces, on a thread that may wait for a disk.
pub(super) trait BodySource: Send + 'static {
    /// The next piece. It has told the operator why, when there is none.
    fn next(self: Box<Self>) -> NextPiece;

    /// Whose turn it is where reading takes much memory; asked before each piece, so that no client holds a place while
    /// it takes nothing.
    fn turns(&self) -> Option<Arc<Semaphore>> {
        None
    }
}

/// A piece that is being read. No one goes on reading for a client that is gone.
pub(super) struct BodyTask(JoinHandle<NextPiece>);

impl Drop for BodyTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to read the next piece.
pub(super) fn begin(source: Box<dyn BodySource>) -> BodyTask {
    BodyTask(tokio::spawn(async move {
        let turn = match source.turns() {
            Some(turns) => Some(turns.acquire_owned().await.ok()?),
            None => None,
        };
        let read = tokio::task::spawn_blocking(move || {
            // Held by the thread that reads, also when no one waits for it any more.
            let _turn = turn;
            source.next()
        });
        read.await.ok().flatten()
    }))
}

impl BodyTask {
    pub(super) async fn wait(mut self) -> NextPiece {
        (&mut self.0).await.ok().flatten()
    }
}

/// Bytes that hold their share of the memory for answers until the last of them is sent.
struct Budgeted {
    bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Budgeted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The answer is cut off: what is left of it could not be read, or is not what was signed.
#[derive(Debug, thiserror::Error)]
#[error("the rest is not handed out")]
pub(super) struct CutOff;

impl Body {
    pub(super) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// `first`, and what follows it; `len` bytes in all.
    pub(super) fn pieces(first: (Bytes, Box<dyn BodySource>), len: u64) -> Self {
        let (bytes, source) = first;
        if bytes.len() as u64 == len {
            return Self::Whole(bytes);
        }
        Self::Pieces { next: BodyTask(tokio::spawn(async move { Some((bytes, source)) })), left: len }
    }

    /// The same, with its share of the memory for answers.
    pub(super) fn budgeted(self, share: OwnedSemaphorePermit) -> Self {
        match self {
            Self::Whole(bytes) => Self::Whole(Bytes::from_owner(Budgeted { bytes, _share: share })),
            pieces @ Self::Pieces { .. } => pieces,
        }
    }

    /// How many bytes of it are in memory.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Pieces { .. } => 0,
        }
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Pieces { left, .. } => *left,
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
    type Error = CutOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Pieces { left: 0, .. } => Poll::Ready(None),
            Self::Pieces { next, left } => match ready!(Pin::new(&mut next.0).poll(cx)) {
                Ok(Some((bytes, source))) => {
                    if (bytes.len() as u64) < *left {
                        *next = begin(source);
                    }
                    Poll::Ready(Some(Ok(came(bytes, left))))
                }
                Ok(None) | Err(_) => Poll::Ready(Some(Err(CutOff))),
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
