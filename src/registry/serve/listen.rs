//! Accepts connections, limits their number and time, and shuts down in order.

use super::catalog::{Catalog, ServedBundle};
use super::error::ServeError;
use super::guard::Guard;
use super::peers::Peers;
use super::respond::respond;
use super::state::ServeState;
use super::tls;
use super::{Library, Operator, Options};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;

/// Connections at one time; further ones wait in the queue of the system.
const CONNECTIONS: usize = 512;
/// While fewer connections than this are free, each ends after its answer: an unused one takes the place of a client.
const CROWDED: usize = CONNECTIONS / 4;
/// Threads that read bundles at one time.
const READING: usize = 32;
/// Bytes of the head of a request, and of an answer that waits to be sent.
const HEAD: usize = 64 << 10;
/// How long the head of a request, or a TLS handshake, may take; also how long an unused connection is kept.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
const STALL: Duration = Duration::from_mins(1);
/// Bytes a second that a client has to take; a bad satellite link has more.
const RATE: u32 = 4 << 10;
/// How long running answers may go on after the wish to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How often the wish to stop is looked for.
const GLANCE: Duration = Duration::from_millis(100);
/// How long to wait when the system gives no further connection, for want of memory or descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// A server that has its address, and does not answer yet.
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    hosts: Vec<String>,
}

impl Server {
    /// Takes the address, with the port that the system chose where 0 was asked for.
    pub fn bind(options: &Options) -> Result<Self, ServeError> {
        let tls = options.tls.as_ref().map(tls::acceptor).transpose()?;
        let wrong = |source| ServeError::Listen { address: options.listen, source };
        let runtime = Builder::new_multi_thread()
            .worker_threads(options.threads.clamp(1, 16))
            .max_blocking_threads(READING)
            .enable_all()
            .build()
            .map_err(wrong)?;
        let listener = runtime.block_on(TcpListener::bind(options.listen)).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        Ok(Self { runtime, listener, address, tls, hosts: options.hosts.clone() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the operator wants it to stop; running answers then have ten seconds to finish.
    pub fn run(self, library: Library, operator: &dyn Operator) {
        let Self { runtime, listener, address, tls, hosts } = self;
        runtime.block_on(accept(
            &listener,
            tls,
            (address, hosts),
            (library.bundles, library.catalog),
            operator,
        ));
        // A thread that still reads for someone who is gone must not hold up the end.
        runtime.shutdown_background();
    }
}

async fn accept(
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
    (address, hosts): (SocketAddr, Vec<String>),
    library: (Vec<ServedBundle>, Catalog),
    operator: &dyn Operator,
) {
    let (reports, mut reported) = mpsc::channel(64);
    let state = Arc::new(ServeState::new(library, address, tls.is_some(), hosts, reports));
    let peers = Peers::default();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (end, ending) = watch::channel(false);
    let mut glance = tokio::time::interval(GLANCE);
    let accepting = async {
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, from)) => {
                    // Who has enough of them is hung up on, so that others find a place.
                    let Some(ticket) = peers.enter(from.ip()) else { continue };
                    let (state, tls, ending) = (Arc::clone(&state), tls.clone(), ending.clone());
                    let room = Arc::clone(&room);
                    tokio::spawn(async move {
                        connect(stream, tls, (state, room), ending).await;
                        drop((permit, ticket));
                    });
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            }
        }
    };
    let mut accepting = pin!(accepting);
    loop {
        tokio::select! {
            () = &mut accepting => break,
            Some(line) = reported.recv() => operator.warn(&line),
            _ = glance.tick() => if operator.is_stopped() { break },
        }
    }
    let _ = end.send(true);
    // One permit may be held by anyone who was about to accept; the rest come back as connections end.
    let all = u32::try_from(CONNECTIONS - 1).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(GRACE, room.acquire_many(all)).await;
    while let Ok(line) = reported.try_recv() {
        operator.warn(&line);
    }
}

async fn connect(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    shared: (Arc<ServeState>, Arc<Semaphore>),
    ending: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => speak(stream, shared, ending).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
                speak(stream, shared, ending).await;
            }
        }
    }
}

async fn speak<S>(stream: S, shared: (Arc<ServeState>, Arc<Semaphore>), mut ending: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (state, room) = shared.clone();
        async move {
            let mut answer = respond(state, request).await;
            if room.available_permits() < CROWDED {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Guard::new(stream, STALL, RATE)), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // Whatever goes wrong here is between this client and its network.
        _ = connection.as_mut() => return,
        _ = ending.wait_for(|ending| *ending) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
