//! The task that owns the registry.
//!
//! It handles all that has arrived, then drains the registry once, then flushes each connection that got something.
//! It arms one timer, for the registry's next deadline.

use std::sync::Arc;
use std::time::Duration;

use herenow_protocol::codec::Decoded;
use herenow_protocol::{ClientFrame, CloseCode, Encoding, FrameId, Hello};
use herenow_registry::store::{Answer, Request};
use herenow_registry::{ConnectionId, Identity, KeyId, Millis, Output, Registry, TokenRefusal};
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::metrics::Metrics;
use crate::outbox::{Closing, Outbox};
use crate::store::driver::Driver;
use crate::store::redis::RedisStore;
use crate::written::Written;

/// Commands that may wait for the actor. A connection whose command finds no room waits, and reads no more from its
/// socket until there is: back-pressure to that client.
const QUEUE: usize = 1024;
/// Commands handled before the registry is drained.
const MAX_TURN: usize = 512;
/// Connections that are flushed in one go; more are shared out over the cores.
const SHARE: usize = 64;
/// How long reports of written bytes are gathered before the registry hears them, if nothing else wakes it.
const WRITTEN_DELAY: Duration = Duration::from_millis(5);

/// What connections and HTTP requests ask of the registry.
pub(crate) enum Command {
    /// A connection whose token was verified, its `hello`, and frames that came with it.
    Open {
        connection: ConnectionId,
        encoding: Encoding,
        outbox: Arc<Outbox>,
        hello: Box<Hello>,
        identity: Identity,
    },
    Frames {
        connection: ConnectionId,
        frames: Vec<Decoded<ClientFrame>>,
    },
    Token {
        connection: ConnectionId,
        id: FrameId,
        outcome: Result<Identity, TokenRefusal>,
    },
    Heard {
        connection: ConnectionId,
    },
    /// See [`Registry::handle_empty`].
    Empty {
        connection: ConnectionId,
        count: u32,
    },
    Gone {
        connection: ConnectionId,
    },
    Read(ReadFn),
    /// See [`Registry::kick`]; the number of sessions is answered.
    Kick {
        application: String,
        user: String,
        channel: Option<String>,
        answer: oneshot::Sender<usize>,
    },
    /// See [`Registry::handle_withdrawn_keys`].
    Withdraw(Vec<KeyId>),
    /// The store has answered.
    Answered(Answer),
    /// The store has not answered.
    Unanswered(Request),
    /// Memory is short, or no longer.
    ShortOfMemory(bool),
    /// Tell everybody to come back elsewhere within so many milliseconds.
    Shutdown {
        over_ms: u64,
    },
    /// Close every connection with 4000.
    CloseAll,
}

type ReadFn = Box<dyn FnOnce(&Registry, Millis) + Send>;

/// The registry's task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// A way to the actor.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    commands: mpsc::Sender<Command>,
    written: Arc<Written>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// Milliseconds since the server's start.
#[derive(Clone, Copy, Debug)]
struct Clock {
    start: Instant,
}

impl Clock {
    fn now(self) -> Millis {
        Millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn instant(self, at: Millis) -> Instant {
        self.start + Duration::from_millis(at.0)
    }
}

impl Actor {
    /// Starts the task; the registry's clock stands at 0. `store`: what the registry shares, if it does.
    pub(crate) fn start(registry: Registry, store: Option<Arc<RedisStore>>) -> (Self, JoinHandle<()>) {
        let (commands, inbox) = mpsc::channel(QUEUE);
        let clock = Clock { start: Instant::now() };
        let written = Arc::new(Written::default());
        let metrics = Arc::new(Metrics::new());
        let driver = store.map(|store| Driver::new(store, commands.downgrade(), Arc::clone(&metrics)));
        let turns = Turns {
            registry,
            driver,
            clock,
            written: Arc::clone(&written),
            metrics: Arc::clone(&metrics),
            boxes: FxHashMap::default(),
            touched: Vec::new(),
            left: Vec::new(),
            cores: Handle::current().metrics().num_workers(),
            draining: false,
        };
        let task = tokio::spawn(turns.run(inbox));
        (Self { commands, written, clock, metrics }, task)
    }

    /// What the server counts; the actor has its part in it.
    pub(crate) const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The registry's time.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Hands over a command, waiting for room.
    pub(crate) async fn send(&self, command: Command) -> Result<(), Stopped> {
        match self.commands.try_send(command) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Stopped),
            // Boxed: this is rare, and a connection's task has room for all that it may wait for.
            Err(TrySendError::Full(command)) => {
                Box::pin(self.commands.send(command)).await.map_err(|_| Stopped)
            }
        }
    }

    /// Looks something up in the registry.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Registry, Millis) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        let read: ReadFn = Box::new(move |registry, now| {
            // The asker may have gone away: then nobody misses the answer.
            let _ = answer.send(look(registry, now));
        });
        self.send(Command::Read(read)).await?;
        answered.await.map_err(|_| Stopped)
    }

    /// Reports that so many bytes of frames left a connection's outbox.
    pub(crate) fn written(&self, connection: ConnectionId, bytes: usize) {
        self.written.add([(connection, bytes)]);
    }
}

struct Turns {
    registry: Registry,
    /// For a registry that shares a store.
    driver: Option<Driver>,
    clock: Clock,
    written: Arc<Written>,
    metrics: Arc<Metrics>,
    /// One for each open connection; admission and the limit of open files bound them.
    boxes: FxHashMap<ConnectionId, Slot>,
    /// Those whose outbox got something.
    touched: Vec<ConnectionId>,
    /// Bytes of frames that left with the last flushes; the registry hears of them in the next turn.
    left: Vec<(ConnectionId, usize)>,
    cores: usize,
    draining: bool,
}

struct Slot {
    outbox: Arc<Outbox>,
    touched: bool,
}

impl Turns {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut commands = Vec::with_capacity(MAX_TURN);
        let mut written = Vec::new();
        let mut written_due: Option<Instant> = None;
        loop {
            let due = earliest(written_due, self.registry.poll_timeout().map(|at| self.clock.instant(at)));
            tokio::select! {
                biased;
                count = inbox.recv_many(&mut commands, MAX_TURN) => if count == 0 {
                    return;
                },
                () = std::future::ready(()), if !self.left.is_empty() => {}
                () = self.written.some() => {
                    written_due = Some(Instant::now() + WRITTEN_DELAY);
                    continue;
                }
                () = wait_until(due) => {}
            }
            let began = Instant::now();
            self.written.take(&mut written);
            written_due = None;
            let now = self.clock.now();
            for (connection, bytes) in written.drain(..).chain(self.left.drain(..)) {
                self.metrics.flushed(bytes);
                self.registry.handle_written(now, connection, bytes);
            }
            for command in commands.drain(..) {
                self.handle(now, command);
            }
            if self.registry.poll_timeout().is_some_and(|at| at <= now) {
                self.registry.handle_timeout(now);
            }
            self.drain(now);
            self.deliver();
            self.metrics.turned(began.elapsed());
        }
    }

    fn handle(&mut self, now: Millis, command: Command) {
        match command {
            Command::Open { connection, encoding, outbox, hello, identity } => {
                self.boxes.insert(connection, Slot { outbox, touched: false });
                if self.draining {
                    self.close(connection, RESTART);
                    return;
                }
                self.registry.handle_hello(now, connection, encoding, *hello, identity);
            }
            Command::Frames { connection, frames } => self.registry.handle_frames(now, connection, frames),
            Command::Token { connection, id, outcome } => {
                self.registry.handle_token(now, connection, id, outcome);
            }
            Command::Heard { connection } => self.registry.handle_heard(now, connection),
            Command::Empty { connection, count } => self.registry.handle_empty(now, connection, count),
            Command::Gone { connection } => {
                self.boxes.remove(&connection);
                self.registry.handle_disconnect(now, connection);
            }
            Command::Read(look) => look(&self.registry, now),
            Command::Kick { application, user, channel, answer } => {
                // The asker may have gone away: then nobody misses the answer.
                let _ = answer.send(self.registry.kick(now, &application, &user, channel.as_deref()));
            }
            Command::Withdraw(keys) => self.registry.handle_withdrawn_keys(now, &keys),
            Command::Answered(answer) => self.registry.handle_store(now, answer),
            Command::Unanswered(request) => self.registry.handle_store_failure(now, &request),
            Command::ShortOfMemory(is_short) => self.registry.set_short_of_memory(is_short),
            Command::Shutdown { over_ms } => {
                self.draining = true;
                self.registry.handle_shutdown(now, over_ms);
            }
            Command::CloseAll => {
                // What the registry has for them goes first.
                self.drain(now);
                let all: Vec<ConnectionId> = self.boxes.keys().copied().collect();
                for connection in all {
                    self.close(connection, RESTART);
                }
            }
        }
    }

    fn drain(&mut self, now: Millis) {
        while let Some(output) = self.registry.poll_output(now) {
            match output {
                Output::Send { connection, frame } => {
                    if let Some(outbox) = self.touch(connection) {
                        outbox.add(frame);
                    }
                }
                Output::Ask(request) => {
                    // Only a registry that shares a store asks one.
                    if let Some(driver) = &self.driver {
                        driver.ask(request);
                    }
                }
                Output::Ping { connection } => {
                    if let Some(outbox) = self.touch(connection) {
                        outbox.add_ping();
                    }
                }
                Output::Close { connection, code, reason } => {
                    self.close(connection, Closing { code, reason })
                }
            }
        }
    }

    fn touch(&mut self, connection: ConnectionId) -> Option<&Outbox> {
        let slot = self.boxes.get_mut(&connection)?;
        if !slot.touched {
            slot.touched = true;
            self.touched.push(connection);
        }
        Some(&slot.outbox)
    }

    /// Closes a connection after what it was given, and forgets it.
    fn close(&mut self, connection: ConnectionId, closing: Closing) {
        if let Some(slot) = self.boxes.remove(&connection) {
            slot.outbox.close(closing);
        }
    }

    /// Writes to those who got something. Many are shared out, where there are other cores.
    fn deliver(&mut self) {
        while self.cores > 1 && self.touched.len() > SHARE {
            let share = self.touched.split_off(self.touched.len() - SHARE);
            let outboxes: Vec<_> = share
                .into_iter()
                .filter_map(|connection| Some((connection, Arc::clone(self.untouch(connection)?))))
                .collect();
            let written = Arc::clone(&self.written);
            tokio::spawn(async move { written.flush(&outboxes) });
        }
        while let Some(connection) = self.touched.pop() {
            let bytes = self.untouch(connection).map_or(0, |outbox| outbox.flush());
            if bytes > 0 {
                self.left.push((connection, bytes));
            }
        }
    }

    fn untouch(&mut self, connection: ConnectionId) -> Option<&Arc<Outbox>> {
        let slot = self.boxes.get_mut(&connection)?;
        slot.touched = false;
        Some(&slot.outbox)
    }
}

/// A close that asks to come back.
pub(crate) const RESTART: Closing = Closing { code: CloseCode::Restart, reason: "the server restarts" };

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
