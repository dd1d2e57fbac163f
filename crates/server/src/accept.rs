//! Accepting TCP connections and speaking HTTP/1.1 on them.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::admission::Admission;
use crate::lingering::{LingeringStream, Stream};
use crate::metrics::{Failed, Metrics};
use crate::tls::Tls;

/// How long a client may take for a TLS handshake, and for a request's headers, and keep an idle connection.
const HEADERS: Duration = Duration::from_secs(8);
/// The pause after the operating system refused another connection, as when files run out.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The address of the peer, put into each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What is served, and how.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) router: Router,
    /// Without it connections are plain.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) metrics: Arc<Metrics>,
    /// Counts connections until they end or become WebSockets.
    pub(crate) admission: Arc<Admission>,
    /// Proxies: they have the connections of many.
    pub(crate) trusted: Vec<IpAddr>,
    /// How long sent bytes may stay unacknowledged before the kernel gives a connection up.
    pub(crate) user_timeout: Duration,
    /// How long answers that are on their way at the end may take.
    pub(crate) last_answers: Duration,
}

/// Accepts and serves connections until `ending` is ready. When `leaving` is ready, no more are accepted than those that
/// have come already.
pub(crate) async fn accept(
    listener: TcpListener,
    service: Service,
    leaving: impl Future<Output = ()>,
    ending: impl Future<Output = ()>,
) {
    let Service { router, tls, metrics, admission, trusted, user_timeout, last_answers } = service;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(MAX_HEAD_BYTES);
    let stop = watch::Sender::new(false);
    let mut ending = std::pin::pin!(ending);
    let mut leaving = std::pin::pin!(leaving);
    let mut listener = Some(listener);
    let mut is_leaving = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut ending => break,
            () = &mut leaving, if !is_leaving => {
                is_leaving = true;
                continue;
            }
            Some(accepted) = next(&mut listener, is_leaving) => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                metrics.failed(Failed::Accept);
                tracing::warn!(%error, "cannot accept a connection");
                sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        let is_proxy = trusted.contains(&peer.ip().to_canonical());
        let admitted = match (!is_proxy).then(|| admission.admit(peer.ip())).transpose() {
            Ok(admitted) => admitted,
            Err(_) => {
                metrics.failed(Failed::TooMany);
                continue;
            }
        };
        prepare(&stream, user_timeout);
        let router = router.clone();
        let (http, stop, metrics) = (http.clone(), stop.subscribe(), Arc::clone(&metrics));
        match tls.as_ref().map(|tls| tls.acceptor()) {
            None => drop(tokio::spawn(async move {
                serve(http, stream, peer, router, metrics, stop).await;
                drop(admitted);
            })),
            Some(acceptor) => drop(tokio::spawn(async move {
                match timeout(HEADERS, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => serve(http, stream, peer, router, metrics, stop).await,
                    Ok(Err(error)) => {
                        metrics.failed(Failed::Tls);
                        tracing::debug!(%error, %peer, "a TLS handshake failed");
                    }
                    Err(_) => {
                        metrics.failed(Failed::TlsTimeout);
                        tracing::debug!(%peer, "a TLS handshake took too long");
                    }
                }
                drop(admitted);
            })),
        }
    }
    drop(listener);
    stop.send_replace(true);
    // Every connection holds a receiver.
    if timeout(last_answers, stop.closed()).await.is_err() {
        tracing::debug!("some HTTP answers were cut short");
    }
}

/// Speaks HTTP on one connection, until its end or until it is asked to stop.
async fn serve(
    http: http1::Builder,
    stream: impl Stream,
    peer: SocketAddr,
    router: Router,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) {
    let answered = AtomicBool::new(false);
    let service = service_fn(|request| {
        let answer = answer(router.clone(), peer, request);
        answer.inspect(|_| answered.store(true, Ordering::Relaxed))
    });
    let connection =
        http.serve_connection(TokioIo::new(LingeringStream::new(stream)), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        // One that was of use may idle, or break off.
        if !answered.load(Ordering::Relaxed) {
            metrics.failed(if error.is_timeout() { Failed::HttpTimeout } else { Failed::Http });
        }
        tracing::debug!(%error, %peer, "an HTTP connection failed");
    }
}

/// The next connection; when leaving, only one that has come already, and then the listener is closed. `None` if it
/// is.
async fn next(
    listener: &mut Option<TcpListener>,
    is_leaving: bool,
) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    if !is_leaving {
        return Some(listener.as_ref()?.accept().await);
    }
    let waiting = listener.as_ref()?.accept().now_or_never();
    if waiting.is_none() {
        *listener = None;
    }
    waiting
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(Peer(peer));
    router.oneshot(request.map(Body::new)).await
}

/// The head of a request: a token is at most 16 KiB of it. By itself hyper keeps 400 kB for one without an end.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// What the kernel takes beyond what is on its way. By itself it takes up to 4 MiB for each reader that stops, of which
/// nothing here knows.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT_BYTES: u32 = 64 * 1024;

/// Without these options a connection still works, only less well.
fn prepare(stream: &TcpStream, user_timeout: Duration) {
    let socket = SockRef::from(stream);
    let mut result = socket.set_tcp_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    {
        result = result.and(socket.set_tcp_user_timeout(Some(user_timeout)));
    }
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        result = result.and(socket.set_tcp_notsent_lowat(UNSENT_BYTES));
    }
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = user_timeout;
    if let Err(error) = result {
        tracing::debug!(%error, "cannot set an option of a socket");
    }
}
