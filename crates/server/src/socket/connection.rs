//! An open connection: one task that reads, writes, and never blocks one on the other.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use herenow_protocol::codec::Decoded;
use herenow_protocol::{ClientFrame, Encoding, Hello};
use herenow_registry::{ConnectionId, Identity};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::message::{BROKEN, Incoming, Part, join, parts, read};
use super::upgrade::Socket;
use super::wire::{Outgoing, answer_close, finish};
use crate::actor::{Command, RESTART, Stopped};
use crate::app::App;
use crate::auth::authenticate;
use crate::outbox::{Closing, Outbox, Taken};
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
    outbox: Arc<Outbox>,
    /// Frames taken from the outbox that are in no message yet.
    queue: VecDeque<Bytes>,
    /// The message on its way out, and the bytes of its frames.
    outgoing: Option<(Outgoing, usize)>,
    /// Whether reading goes first the next time, so that neither direction starves the other.
    read_first: bool,
    /// Until then the registry needs not hear that the client lives.
    heard_until: Option<Instant>,
    /// Counts the socket as open.
    _open: OpenSocket,
}

enum Event {
    Wrote(Result<(), Error>),
    Message(Option<Result<Message, Error>>),
    Outbox(Taken),
    Closing(Closing),
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
            outbox: Arc::default(),
            queue: VecDeque::new(),
            outgoing: None,
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
            End::ByRegistry(closing) => Box::pin(self.say_last(closing)).await,
            End::ByProtocol(closing) => Box::pin(self.say_last(closing)).await,
            End::ByClient => {
                Box::pin(answer_close(self.socket, self.outgoing.map(|(message, _)| message))).await
            }
            End::Lost => {}
        }
    }

    async fn pump(&mut self, start: Box<Start>) -> Result<std::convert::Infallible, End> {
        Box::pin(self.open(*start)).await?;
        loop {
            match poll_fn(|context| self.poll_event(context)).await {
                Event::Wrote(Ok(())) => self.note_written(),
                Event::Wrote(Err(_)) | Event::Message(None) => return Err(End::Lost),
                Event::Message(Some(Ok(message))) => self.handle(message).await?,
                Event::Message(Some(Err(error))) => return Err(broken(&error)),
                Event::Outbox(taken) => {
                    if taken.ping {
                        // Nothing is on its way out, so this is buffered and does not wait; it is flushed with the
                        // next message, or an empty one.
                        self.socket.feed(Message::Ping(Bytes::new())).await.map_err(|_| End::Lost)?;
                        self.outgoing = Some((Outgoing::new(Bytes::new()), 0));
                    }
                    if let Some(closing) = taken.close {
                        return Err(End::ByRegistry(closing));
                    }
                    self.write_next();
                }
                Event::Closing(closing) => return Err(End::ByRegistry(closing)),
            }
        }
    }

    /// Writing goes on, reading goes on, and the outbox is looked at when nothing is being written.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if let Some((outgoing, _)) = &mut self.outgoing
            && let Poll::Ready(result) = outgoing.poll_write(&mut self.socket, context)
        {
            return Poll::Ready(Event::Wrote(result));
        }
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
        if self.outgoing.is_some() {
            return self.outbox.poll_closing(context).map(Event::Closing);
        }
        self.outbox.poll_take(context, &mut self.queue).map(Event::Outbox)
    }

    fn write_next(&mut self) {
        if let Some((message, bytes)) = join(&mut self.queue, self.encoding) {
            self.outgoing = Some((Outgoing::new(message), bytes));
        } else if self.queue.capacity() > 0 {
            // An idle connection keeps no room for a burst that is over.
            self.queue = VecDeque::new();
        }
    }

    fn note_written(&mut self) {
        if let Some((_, bytes)) = self.outgoing.take()
            && bytes > 0
        {
            self.app.actor.written(self.id, bytes);
        }
        self.write_next();
    }

    async fn open(&mut self, start: Start) -> Result<(), End> {
        let Start { hello, identity, rest } = start;
        self.application = identity.application.as_str().into();
        let command = Command::Open {
            connection: self.id,
            encoding: self.encoding,
            outbox: Arc::clone(&self.outbox),
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

    /// Writes all that was given, then the close frame.
    async fn say_last(mut self: Box<Self>, closing: Closing) {
        self.outbox.take_rest(&mut self.queue);
        let (first, encoding) = (self.outgoing.map(|(outgoing, _)| outgoing), self.encoding);
        let mut queue = self.queue;
        let rest =
            std::iter::from_fn(|| join(&mut queue, encoding)).map(|(message, _)| Outgoing::new(message));
        finish(self.socket, first.into_iter().chain(rest), closing).await;
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
