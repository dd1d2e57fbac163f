//! An open connection: one task that reads, writes, and never blocks one on the other.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use herenow_protocol::codec::Decoded;
use herenow_protocol::{ClientFrame, Code, Encoding, Hello, Refusal};
use herenow_registry::{ConnectionId, Identity, TokenRefusal};
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::empties::Empties;
use super::goodbye::{answer_close, finish};
use super::message::{BROKEN, Incoming, Part, is_lost, parts, read};
use super::upgrade::Socket;
use crate::actor::{Command, RESTART, Stopped};
use crate::app::App;
use crate::outbox::{Closing, Work};
use crate::shutdown::OpenSocket;

/// Fresh tokens of one connection that are verified in [`TOKENS_SPAN`].
const TOKENS: u32 = 5;
const TOKENS_SPAN: Duration = Duration::from_secs(5);
const TOO_MANY_TOKENS: Refusal =
    Refusal { code: Code::RateLimited, message: "the connection sends fresh tokens too fast" };

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
    /// Until then the registry needs not hear that the client lives, unless it has asked with a ping.
    heard_until: Option<Instant>,
    /// Pongs that answered a ping.
    pongs: u32,
    empties: Empties,
    /// Since when fresh tokens are counted, and how many were verified.
    tokens: Option<(Instant, u32)>,
    /// Counts the socket as open.
    _open: OpenSocket,
}

enum Event {
    Message(Option<Result<Message, Error>>),
    /// So many fragments of a message that goes on.
    Fragments(u32),
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
            pongs: 0,
            empties: Empties::default(),
            tokens: None,
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
                self.app.metrics.closed(closing.code);
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
                Event::Message(Some(Err(error))) if is_lost(&error) => return Err(End::Lost),
                Event::Message(Some(Err(_))) => return Err(End::ByProtocol(BROKEN)),
                Event::Fragments(count) => self.count(count).await?,
                Event::Message(None) | Event::Outbox(Work::Broken) => return Err(End::Lost),
                Event::Outbox(Work::Wrote(bytes)) => self.app.actor.written(self.id, bytes),
                Event::Outbox(Work::Close(closing)) => return Err(End::ByRegistry(closing)),
            }
        }
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        self.read_first = !self.read_first;
        if self.read_first {
            match self.poll_socket(context) {
                Poll::Pending => self.poll_outbox(context),
                ready @ Poll::Ready(_) => ready,
            }
        } else {
            match self.poll_outbox(context) {
                Poll::Pending => self.poll_socket(context),
                ready @ Poll::Ready(_) => ready,
            }
        }
    }

    fn poll_socket(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(message) = self.socket.poll_next_unpin(context) {
            return Poll::Ready(Event::Message(message));
        }
        match self.socket.get_mut().take_fragments() {
            0 => Poll::Pending,
            count => Poll::Ready(Event::Fragments(count)),
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
        let fragments = self.socket.get_mut().take_fragments();
        let empty = match read(&message, self.encoding).map_err(End::ByProtocol)? {
            Incoming::Frames(frames) if frames.is_empty() => 1,
            Incoming::Frames(frames) => {
                self.count(fragments).await?;
                return self.forward(frames).await;
            }
            Incoming::Ping => 1,
            Incoming::Pong if self.is_answer() => {
                self.heard_until = None;
                0
            }
            Incoming::Pong => 1,
            Incoming::Close => return Err(End::ByClient),
        };
        self.note_heard().await?;
        self.count(fragments.saturating_add(empty)).await
    }

    /// Whether a pong may be the answer to a ping: there are no more of those than pings.
    fn is_answer(&mut self) -> bool {
        let is_asked = self.pongs < self.socket.get_ref().outbox().pings();
        self.pongs += u32::from(is_asked);
        is_asked
    }

    /// Takes so many frames' worth of the session's rate, for what arrived without frames.
    async fn count(&mut self, count: u32) -> Result<(), End> {
        if count == 0 {
            return Ok(());
        }
        match self.empties.add(Instant::now(), count) {
            0 => Ok(()),
            count => Ok(self.app.actor.send(Command::Empty { connection: self.id, count }).await?),
        }
    }

    /// Verifies a fresh token. Signatures cost more than anything else that a client may ask for, so not many of them.
    fn verify(&mut self, token: &str) -> Result<Identity, TokenRefusal> {
        let now = Instant::now();
        let (since, verified) =
            self.tokens.filter(|(since, _)| now < *since + TOKENS_SPAN).unwrap_or((now, 0));
        if verified >= TOKENS {
            let wait = (since + TOKENS_SPAN).saturating_duration_since(now);
            // Whole milliseconds, and not too early.
            let retry_in_ms = u64::try_from(wait.as_millis()).ok().map(|wait| wait + 1);
            return Err(TokenRefusal { refusal: TOO_MANY_TOKENS, retry_in_ms });
        }
        self.tokens = Some((since, verified + 1));
        Ok(self.app.auth.verify(&self.application, Some(token), self.app.actor.now())?)
    }

    /// Tells the registry that the client lives, but not each time: pings and empty messages cost a client nothing.
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
        let count = self.empties.take();
        if count > 0 {
            self.app.actor.send(Command::Empty { connection, count }).await?;
        }
        for part in parts(frames) {
            let command = match part {
                Part::Frames(frames) => Command::Frames { connection, frames },
                Part::Token { id, token } => {
                    let outcome = self.verify(&token);
                    Command::Token { connection, id, outcome }
                }
            };
            self.app.actor.send(command).await?;
        }
        Ok(())
    }
}
