//! From an HTTP request to a WebSocket.
//!
//! axum's own extractor would do, but it hides the stream, which [`crate::writer`] writes to.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use herenow_protocol::{Encoding, MAX_MESSAGE_BYTES};
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::stream::Stream;
use crate::lingering::LingeringStream;
use crate::outbox::Outbox;

/// The socket of a connection.
pub(crate) type Socket = WebSocketStream<Stream>;

/// Bytes read from the kernel at once. Most messages of a client are short, and every connection has this buffer.
const READ_BUFFER_BYTES: usize = 1024;
/// Bytes of control frames gathered before they are written without a flush.
const WRITE_BUFFER_BYTES: usize = 4096;
/// Length of a `Sec-WebSocket-Key`: 16 bytes in base64.
const KEY_LEN: usize = 24;

/// A valid request for a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgrade {
    key: HeaderValue,
    protocols: Vec<String>,
    on_upgrade: OnUpgrade,
}

impl Upgrade {
    /// Reads the request; `None` if it asks for no WebSocket of version 13.
    pub(crate) fn from_request(request: &mut Request) -> Option<Self> {
        let headers = request.headers();
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == KEY_LEN)?.clone();
        let version = headers.get(SEC_WEBSOCKET_VERSION)?;
        let asks = request.method() == Method::GET
            && names(headers, &CONNECTION, "upgrade")
            && names(headers, &UPGRADE, "websocket")
            && version == "13";
        let protocols = words(headers, &SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect();
        let on_upgrade = asks.then(|| request.extensions_mut().remove::<OnUpgrade>()).flatten()?;
        Some(Self { key, protocols, on_upgrade })
    }

    /// The first offered subprotocol that this server speaks.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        self.protocols.iter().find_map(|name| Encoding::from_subprotocol(name))
    }

    /// Answers the request; `serve` gets the socket when the client has the answer.
    pub(crate) fn accept<S>(self, serve: impl FnOnce(Socket) -> S + Send + 'static) -> Response
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let spoken = self.encoding().map(|encoding| HeaderValue::from_static(encoding.subprotocol()));
        // A refused client still needs one of its own echoed: without it browsers show no close code.
        let echoed = spoken.or_else(|| self.protocols.first().and_then(|name| name.parse().ok()));
        let accept = HeaderValue::from_str(&derive_accept_key(self.key.as_bytes()));
        // A client that is refused for its subprotocols gets no frames.
        let encoding = self.encoding().unwrap_or(Encoding::Json);
        let on_upgrade = self.on_upgrade;
        tokio::spawn(async move {
            match on_upgrade.await {
                Ok(upgraded) => match open(upgraded, encoding).await {
                    Some(socket) => serve(socket).await,
                    None => tracing::error!("an upgraded stream is none of ours"),
                },
                Err(error) => tracing::debug!(%error, "an upgrade failed"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = accept {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(echoed) = echoed {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, echoed);
        }
        response
    }
}

/// `None` if it is not a stream that [`crate::accept`] has accepted.
async fn open(upgraded: Upgraded, encoding: Encoding) -> Option<Socket> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let outbox = |writer| Outbox::new(encoding, writer);
    let (mut stream, early) = match upgraded.downcast::<TokioIo<LingeringStream<TcpStream>>>() {
        Ok(parts) => (Stream::plain(parts.io.into_inner().into_inner()?, outbox), parts.read_buf),
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<LingeringStream<TlsStream<TcpStream>>>>().ok()?;
            (Stream::tls(parts.io.into_inner().into_inner()?, outbox), parts.read_buf)
        }
    };
    // What the client has sent before it had the answer.
    let early = early.to_vec();
    stream.follow(&early);
    Some(WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await)
}

/// The words of a header that is a list.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

fn names(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    words(headers, name).any(|found| found.eq_ignore_ascii_case(word))
}
