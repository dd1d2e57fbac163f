//! Accepting TCP connections and speaking HTTP/1.1 on them.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
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

use crate::lingering::LingeringStream;

/// How long a client may take to send a request's headers, and keep an idle connection.
const HEADERS: Duration = Duration::from_secs(8);
/// The pause after the operating system refused another connection, as when files run out.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The address of the peer, put into each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Accepts and serves connections until `ending` is ready, then gives answers on their way
/// `last_answers` to finish.
///
/// `user_timeout` is how long sent bytes may stay unacknowledged before the kernel gives a connection up.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    user_timeout: Duration,
    last_answers: Duration,
    ending: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    let stop = watch::Sender::new(false);
    let mut ending = std::pin::pin!(ending);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut ending => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        prepare(&stream, user_timeout);
        let router = router.clone();
        let service = service_fn(move |request| answer(router.clone(), peer, request));
        let connection =
            http.serve_connection(TokioIo::new(LingeringStream::new(stream)), service).with_upgrades();
        let mut stop = stop.subscribe();
        tokio::spawn(async move {
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
                tracing::debug!(%error, %peer, "an HTTP connection failed");
            }
        });
    }
    drop(listener);
    stop.send_replace(true);
    // Every connection holds a receiver.
    if timeout(last_answers, stop.closed()).await.is_err() {
        tracing::debug!("some HTTP answers were cut short");
    }
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(Peer(peer));
    router.oneshot(request.map(Body::new)).await
}

/// Without these options a connection still works, only less well.
fn prepare(stream: &TcpStream, user_timeout: Duration) {
    let socket = SockRef::from(stream);
    let mut result = socket.set_tcp_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    {
        result = result.and(socket.set_tcp_user_timeout(Some(user_timeout)));
    }
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = user_timeout;
    if let Err(error) = result {
        tracing::debug!(%error, "cannot set an option of a socket");
    }
}
