//! A client of whole messages, in either encoding.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use herenow_protocol::codec::{self, Decoded};
use herenow_protocol::{ClientFrame, Encoding, Hello, ServerFrame, SessionSecret};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{PATIENCE, Server, guest};

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    encoding: Encoding,
    frames: VecDeque<ServerFrame>,
    /// The subprotocol that the server echoed.
    pub(crate) echoed: Option<String>,
}

/// A hello of a guest.
pub(crate) fn hello(name: &str, session: u128) -> ClientFrame {
    hello_with(guest(name), session)
}

/// A hello with any token.
pub(crate) fn hello_with(token: String, session: u128) -> ClientFrame {
    ClientFrame::Hello(Hello {
        client_id: "default".into(),
        token: Some(token),
        session: SessionSecret(session),
        attempt: 1,
        joined: Vec::new(),
    })
}

impl Client {
    /// Opens a socket with headers besides the usual ones.
    pub(crate) async fn open(
        server: &Server,
        protocols: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{}/v1/connect", server.address).into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        if let Some(protocols) = protocols {
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_str(protocols).unwrap());
        }
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (socket, response) = client_async(request, stream).await?;
        let echoed = response.headers().get("sec-websocket-protocol");
        let echoed = echoed.map(|value| value.to_str().unwrap().to_owned());
        let encoding = echoed.as_deref().and_then(Encoding::from_subprotocol).unwrap_or(Encoding::Json);
        Ok(Self { socket, encoding, frames: VecDeque::new(), echoed })
    }

    /// Opens a socket that has said nothing.
    pub(crate) async fn silent(server: &Server, encoding: Encoding) -> Self {
        Self::open(server, Some(encoding.subprotocol()), &[]).await.unwrap()
    }

    /// Opens a socket and is welcomed.
    pub(crate) async fn connect(server: &Server, encoding: Encoding, name: &str, session: u128) -> Self {
        let mut client = Self::silent(server, encoding).await;
        client.send(&[hello(name, session)]).await;
        let ServerFrame::Welcome(welcome) = client.next().await else { panic!("no welcome") };
        assert!(welcome.user.starts_with("guest-"));
        client
    }

    pub(crate) async fn send(&mut self, frames: &[ClientFrame]) {
        let message = match self.encoding {
            Encoding::Json => Message::text(serde_json::to_string(frames).unwrap()),
            Encoding::Postcard => {
                Message::binary(frames.iter().flat_map(codec::postcard::encode).collect::<Vec<u8>>())
            }
        };
        self.send_message(message).await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends messages so that they arrive together.
    pub(crate) async fn send_at_once(&mut self, messages: Vec<Message>) {
        for message in messages {
            self.socket.feed(message).await.unwrap();
        }
        self.socket.flush().await.unwrap();
    }

    /// Waits for the answer to a ping.
    pub(crate) async fn pong(&mut self) {
        while !matches!(timeout(PATIENCE, self.socket.next()).await, Ok(Some(Ok(Message::Pong(_))))) {}
    }

    /// The next WebSocket message, but for pings and pongs.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("the server is silent") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The frames of the next message.
    pub(crate) async fn batch(&mut self) -> Vec<ServerFrame> {
        let message = self.message().await.expect("the server closed the stream");
        let frames = match (&message, self.encoding) {
            (Message::Text(text), Encoding::Json) => codec::json::decode(text.as_bytes()),
            (Message::Binary(bytes), Encoding::Postcard) => codec::postcard::decode(bytes),
            _ => panic!("{message:?} is no message of {:?}", self.encoding),
        };
        let known = frames.unwrap().into_iter().map(|frame| match frame {
            Decoded::Frame(frame) => frame,
            other => panic!("{other:?}"),
        });
        known.collect()
    }

    /// The next frame that is no tick.
    pub(crate) async fn next(&mut self) -> ServerFrame {
        loop {
            match self.frames.pop_front() {
                Some(ServerFrame::Tick {}) => {}
                Some(frame) => return frame,
                None => self.frames = self.batch().await.into(),
            }
        }
    }

    /// Waits for the answer to a request, dropping what comes before it.
    pub(crate) async fn answer(&mut self, request: u32) -> ServerFrame {
        loop {
            match self.next().await {
                ServerFrame::Ok { id, fresh, expires_in_ms } if id == request => {
                    return ServerFrame::Ok { id, fresh, expires_in_ms };
                }
                ServerFrame::Error { id, code, message, retry_in_ms } if id == request => {
                    return ServerFrame::Error { id, code, message, retry_in_ms };
                }
                _ => {}
            }
        }
    }

    /// Sets 7 kB of attributes in the channel `noise` for each id, with the id in them.
    pub(crate) async fn make_noise(&mut self, ids: std::ops::Range<u32>) {
        for id in ids {
            let attributes = (0..7).map(|key| (format!("k{key}"), format!("{id:>1000}"))).collect();
            self.send(&[ClientFrame::Set { id, channel: "noise".into(), attributes }]).await;
            assert!(matches!(self.answer(id).await, ServerFrame::Ok { .. }));
        }
    }

    pub(crate) async fn join(&mut self, id: u32, channel: &str) {
        self.send(&[ClientFrame::Join { id, channel: channel.into() }]).await;
        assert!(matches!(self.answer(id).await, ServerFrame::Ok { .. }));
    }

    /// Code and reason of the close that comes, dropping what comes before it.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.message().await {
                Some(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.to_string()),
                Some(Message::Close(None)) => panic!("a close without a code"),
                Some(_) => {}
                None => panic!("the stream ended without a close frame"),
            }
        }
    }
}
