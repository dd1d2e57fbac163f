//! An open connection: one task that reads, writes, and never blocks one on the other.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use herenow_protocol::codec::Decoded;
use herenow_protocol::{ClientFrame, Encoding, Hello};
use herenow_registry::{ConnectionId, Identity};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::goodbye::{answer_close, finish};
use super::message::{BROKEN, Incoming, Part, parts, read};
use super::upgrade::Socket;
use crate::actor::{Command, RESTART, Stopped};
use crate::app::App;
use crate::auth::authenticate;
use crate::outbox::{Closing, Work};
use crate::shutdown::OpenSocket;

/// What a verified client began with.
pub(crate) struct Start {
    pub(crate) hello: Hello,
    pub(crate) identity: Identity,
    /// The frames that followed in the message of `hello`.
    pub(crate) rest: Vec<Decoded<ClientFrame>>,
}

/// One connection.
pub(crate) struct Connection {
    app: Arc<App>,
    id: ConnectionId,
    application: Box<str>,
    encoding: Encoding,
    socket: Socket,
    /// Whether reading goes first the next time, so that neither direction starves the other.
    read_first: bool,
    /// Until then the registry needs not hear that the client lives.
    heard_until: Option<Instant>,
    /// Counts the socket as open.
    _open: OpenSocket,
}

enum Event {
    Message(Option<Result<Message, Error>>),
    Outbox(Work),
}

/// How a connection ends.
enum End {
    /// The registry closed it and has forgotten it.
    ByRegistry(Closing),
    /// It is closed for what the client sent.
    ByProtocol(Closing),
    /// The client said goodbye.
    ByClient,
    /// The stream is gone.
    Lost,
}

impl From<Stopped> for End {
    fn from(_: Stopped) -> Self {
        End::ByRegistry(RESTART)
    }
}

impl Connection {
    /// Boxed: an async function that takes itself by value has room for it twice.
    pub(crate) fn new(app: Arc<App>, socket: Socket, encoding: Encoding, open: OpenSocket) -> Box<Self> {
        Box::new(Self {
            _open: open,
            id: app.next_connection(),
            app,
            application: Box::default(),
            encoding,
            socket,
            read_first: false,
            heard_until: None,
        })
    }

    /// Serves the connection to its end.
    pub(crate) async fn serve(mut self: Box<Self>, start: Box<Start>) {
        let Err(end) = self.pump(start).await;
        match &end {
            End::ByRegistry(_) => {}
            End::ByProtocol(_) | End::ByClient | End::Lost => {
                // If the registry has stopped it needs not know.
                let _ = self.app.actor.send(Command::Gone { connection: self.id }).await;
            }
        }
        match end {
            End::ByRegistry(closing) | End::ByProtocol(closing) => {
                Box::pin(finish(self.socket, closing)).await;
            }
            End::ByClient => Box::pin(answer_close(self.socket)).await,
            End::Lost => {}
        }
    }

    async fn pump(&mut self, start: Box<Start>) -> Result<std::convert::Infallible, End> {
        Box::pin(self.open(*start)).await?;
        loop {
            match poll_fn(|context| self.poll_event(context)).await {
                Event::Message(Some(Ok(message))) => self.handle(message).await?,
                Event::Message(Some(Err(error))) => return Err(broken(&error)),
                Event::Message(None) | Event::Outbox(Work::Broken) => return Err(End::Lost),
                Event::Outbox(Work::Wrote(bytes)) => self.app.actor.written(self.id, bytes),
                Event::Outbox(Work::Close(closing)) => return Err(End::ByRegistry(closing)),
            }
        }
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        self.read_first = !self.read_first;
        if self.read_first {
            if let Poll::Ready(message) = self.socket.poll_next_unpin(context) {
                return Poll::Ready(Event::Message(message));
            }
            self.poll_outbox(context)
        } else {
            match self.poll_outbox(context) {
                Poll::Pending => self.socket.poll_next_unpin(context).map(Event::Message),
                ready @ Poll::Ready(_) => ready,
            }
        }
    }

    fn poll_outbox(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        self.socket.get_ref().outbox().poll_work(context).map(Event::Outbox)
    }

    async fn open(&mut self, start: Start) -> Result<(), End> {
        let Start { hello, identity, rest } = start;
        self.application = identity.application.as_str().into();
        let command = Command::Open {
            connection: self.id,
            encoding: self.encoding,
            outbox: Arc::clone(self.socket.get_ref().outbox()),
            hello: Box::new(hello),
            identity,
        };
        self.app.actor.send(command).await?;
        if rest.is_empty() { Ok(()) } else { self.forward(rest).await }
    }

    async fn handle(&mut self, message: Message) -> Result<(), End> {
        match read(&message, self.encoding).map_err(End::ByProtocol)? {
            Incoming::Frames(frames) if frames.is_empty() => self.note_heard().await,
            Incoming::Frames(frames) => self.forward(frames).await,
            Incoming::Alive => self.note_heard().await,
            Incoming::Close => Err(End::ByClient),
        }
    }

    /// Tells the registry that the client lives, but not each time: pings and empty messages cost a client nothing.
    /// The answer to a ping is always told, since a ping follows a longer silence than what is left out here.
    async fn note_heard(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.heard_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        self.heard_until = Some(now + self.app.config.ping_interval / 4);
        Ok(self.app.actor.send(Command::Heard { connection: self.id }).await?)
    }

    async fn forward(&mut self, frames: Vec<Decoded<ClientFrame>>) -> Result<(), End> {
        let connection = self.id;
        for part in parts(frames) {
            let command = match part {
                Part::Frames(frames) => Command::Frames { connection, frames },
                Part::Token { id, token } => {
                    let outcome = authenticate(&self.application, Some(&token));
                    Command::Token { connection, id, outcome }
                }
            };
            self.app.actor.send(command).await?;
        }
        Ok(())
    }
}

/// What an error while reading means.
fn broken(error: &Error) -> End {
    match error {
        Error::Capacity(_) | Error::Protocol(_) | Error::Utf8(_) | Error::AttackAttempt => {
            End::ByProtocol(BROKEN)
        }
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => End::Lost,
    }
}
