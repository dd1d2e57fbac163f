//! From an open socket to a connection of the registry: `hello` and its token.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use herenow_protocol::codec::Decoded;
use herenow_protocol::{ClientFrame, CloseCode, Code, Encoding, HELLO_TIMEOUT_MS};
use tokio::time::timeout;

use super::connection::{Connection, Start};
use super::goodbye::{answer_close, finish};
use super::message::{BROKEN, Incoming, is_lost, read};
use super::upgrade::Socket;
use crate::actor::RESTART;
use crate::admission::Admitted;
use crate::app::App;
use crate::outbox::Closing;
use crate::shutdown::OpenSocket;

/// Why a socket is closed before anything is read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The page's origin is not allowed.
    Origin,
    /// It offered no subprotocol that this server speaks.
    Version,
}

impl Refused {
    const fn closing(self) -> Closing {
        match self {
            Refused::Origin => Closing { code: CloseCode::Origin, reason: "this origin is not allowed" },
            Refused::Version => Closing {
                code: CloseCode::UnsupportedVersion,
                reason: "offer the subprotocol herenow.v1.json or herenow.v1.postcard",
            },
        }
    }
}

const NO_HELLO: Closing = Closing { code: CloseCode::Protocol, reason: "the first frame is not a hello" };
const BAD_HELLO: Closing =
    Closing { code: CloseCode::Protocol, reason: "the hello lacks a field, or one is wrong" };
const LATE: Closing = Closing { code: CloseCode::Silent, reason: "there was no hello in time" };

/// How the time before `hello` ended.
enum End {
    Hello(Box<Start>),
    Refuse(Closing),
    /// The client closed or is gone.
    Gone,
}

/// Serves a socket to its end.
pub(crate) async fn serve(
    app: Arc<App>,
    mut socket: Socket,
    encoding: Result<Encoding, Refused>,
    admitted: Admitted,
    open: OpenSocket,
) {
    let encoding = match encoding {
        Ok(encoding) => encoding,
        Err(refused) => {
            let closing = refused.closing();
            app.metrics.closed(closing.code);
            return finish(socket, closing).await;
        }
    };
    let end = tokio::select! {
        end = timeout(Duration::from_millis(HELLO_TIMEOUT_MS), wait_for_hello(&app, &mut socket, encoding)) => {
            end.unwrap_or(End::Refuse(LATE))
        }
        () = app.lifecycle.draining() => End::Refuse(RESTART),
    };
    match end {
        End::Hello(start) => {
            drop(admitted);
            // A task of its own, so that the room of this one, which is larger, is free for as long as it lives.
            tokio::spawn(Connection::new(app, socket, encoding, open).serve(start));
        }
        End::Refuse(closing) => {
            app.metrics.closed(closing.code);
            finish(socket, closing).await;
        }
        End::Gone => answer_close(socket).await,
    }
}

async fn wait_for_hello(app: &App, socket: &mut Socket, encoding: Encoding) -> End {
    loop {
        let message = match socket.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) if !is_lost(&error) => return End::Refuse(BROKEN),
            Some(Err(_)) | None => return End::Gone,
        };
        match read(&message, encoding) {
            Ok(Incoming::Ping | Incoming::Pong) => {}
            Ok(Incoming::Close) => return End::Gone,
            Ok(Incoming::Frames(frames)) => return check_hello(app, frames),
            Err(closing) => return End::Refuse(closing),
        }
    }
}

fn check_hello(app: &App, mut frames: Vec<Decoded<ClientFrame>>) -> End {
    if frames.is_empty() {
        return End::Refuse(NO_HELLO);
    }
    let rest = frames.split_off(1);
    let hello = match frames.pop() {
        Some(Decoded::Frame(ClientFrame::Hello(hello))) => hello,
        Some(Decoded::Malformed { id: None }) => return End::Refuse(BAD_HELLO),
        Some(Decoded::Frame(_) | Decoded::Unknown { .. } | Decoded::Malformed { .. }) | None => {
            return End::Refuse(NO_HELLO);
        }
    };
    match app.auth.verify(&hello.client_id, hello.token.as_deref(), app.actor.now()) {
        Ok(identity) => End::Hello(Box::new(Start { hello, identity, rest })),
        Err(refusal) => End::Refuse(refused_token(refusal.code)),
    }
}

/// How a socket is closed whose `hello` was refused with `code`.
const fn refused_token(code: Code) -> Closing {
    match code {
        Code::TokenExpired => Closing { code: CloseCode::Unauthorized, reason: Code::TokenExpired.as_str() },
        Code::InvalidArgument
        | Code::TooLarge
        | Code::NotJoined
        | Code::Unsupported
        | Code::Closed
        | Code::Internal
        | Code::RateLimited
        | Code::LimitReached
        | Code::Timeout
        | Code::Unavailable => BAD_HELLO,
        Code::Unauthorized | Code::Forbidden => {
            Closing { code: CloseCode::Unauthorized, reason: Code::Unauthorized.as_str() }
        }
    }
}
