//! The session: its public face and its state. What it does stands in the files beside, by subject.

use herenow_protocol::{Code, Limits, ServerFrame, SessionSecret};

use crate::channel::Channels;
use crate::outbox::Outbox;
use crate::pacing::Pace;
use crate::random::Random;
use crate::timers::{Timer, Timers};
use crate::token::Token;
use crate::{Config, Intent, Lifecycle, Millis, Output, Problem, Roster, Seed, SocketEvent, SocketId, State};

/// Before the first welcome; the server's defaults.
const PING_INTERVAL_MS: u64 = 10_000;
const GRACE_MS: u64 = 10_000;

/// One client of one user: what it wants, what the server has confirmed, and what has been told to the app.
#[derive(Debug)]
pub struct Session {
    pub(crate) config: Config,
    pub(crate) secret: SessionSecret,
    /// Sockets that this secret has used.
    pub(crate) attempt: u32,
    pub(crate) random: Random,
    pub(crate) state: State,
    pub(crate) phase: Phase,
    pub(crate) last_socket: u32,
    pub(crate) last_frame: u32,
    pub(crate) token: Token,
    pub(crate) user: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) ping_interval_ms: u64,
    pub(crate) grace_ms: u64,
    pub(crate) heard_at: Millis,
    pub(crate) sockets_opened: u32,
    /// Attempts since the last welcome.
    pub(crate) failures: u32,
    pub(crate) pace: Pace,
    /// The channel that is served first, since it had to wait.
    pub(crate) turn: usize,
    pub(crate) hidden: bool,
    /// Why the session is over for good.
    pub(crate) ended: Option<Problem>,
    pub(crate) channels: Channels,
    pub(crate) timers: Timers,
    pub(crate) outbox: Outbox,
    /// Something came in since frames were last made.
    pub(crate) dirty: bool,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is none, and none on its way.
    Idle,
    /// The driver was asked for a token.
    Token,
    /// A socket is opening.
    Opening(SocketId),
    /// `hello` is sent.
    Greeting(SocketId),
    /// The server said welcome.
    Open(SocketId),
    /// Waiting for the next attempt.
    Waiting,
}

impl Session {
    /// A session that wants nothing yet.
    pub fn new(config: Config, seed: Seed) -> Self {
        let limits = Limits::default();
        Self {
            config,
            secret: SessionSecret(seed.session),
            attempt: 0,
            random: Random::new(seed.random),
            state: State::Idle,
            phase: Phase::Idle,
            last_socket: 0,
            last_frame: 0,
            token: Token::default(),
            user: None,
            limits,
            ping_interval_ms: PING_INTERVAL_MS,
            grace_ms: GRACE_MS,
            heard_at: Millis(0),
            sockets_opened: 0,
            failures: 0,
            pace: Pace::new(Millis(0), &limits, 0),
            turn: 0,
            hidden: false,
            ended: None,
            channels: Channels::default(),
            timers: Timers::default(),
            outbox: Outbox::default(),
            dirty: false,
        }
    }

    /// The app wants something. Its promise is settled by an output, now or later.
    pub fn handle_intent(&mut self, now: Millis, intent: Intent) {
        self.dirty = true;
        self.notice_silence(now);
        self.intend(now, intent);
    }

    /// Something happened to a socket. Events of any but the last one that was asked for are ignored.
    pub fn handle_socket(&mut self, now: Millis, socket: SocketId, event: SocketEvent) {
        if self.socket() != Some(socket) {
            return;
        }
        self.dirty = true;
        match event {
            SocketEvent::Opened => self.opened(now, socket),
            SocketEvent::Closed { code, reason } => self.closed(now, code, reason),
            SocketEvent::Impossible => {
                let why = "this platform has no WebSocket, or does not allow this address";
                self.end(Problem::new(Code::Unsupported, why), State::Failed);
            }
        }
    }

    /// The server said something. Frames of any but the current socket are ignored.
    pub fn handle_frame(&mut self, now: Millis, socket: SocketId, frame: ServerFrame) {
        if !self.is_connected() || (self.socket() != Some(socket) && !broken!(HearsOldSockets)) {
            return;
        }
        self.dirty = true;
        self.heard_at = now;
        self.timers.stop(Timer::Probe);
        self.hear(now, frame);
    }

    /// The answer to [`Output::NeedToken`]. One that was not asked for is ignored.
    ///
    /// A problem with a retryable code is tried again later; any other fails the session if it cannot connect without.
    pub fn handle_token(&mut self, now: Millis, token: Result<String, Problem>) {
        self.dirty = true;
        self.token_answered(now, token);
    }

    /// Something happened to the page.
    pub fn handle_lifecycle(&mut self, now: Millis, event: Lifecycle) {
        if self.ended.is_some() {
            return;
        }
        self.dirty = true;
        match event {
            Lifecycle::PageHide => self.hide(),
            Lifecycle::PageShow => self.show(now),
            Lifecycle::Resume | Lifecycle::Online | Lifecycle::Visible => self.check(now),
        }
    }

    /// The time of [`Session::poll_timeout`] has come, or some other time: what is due is done.
    pub fn handle_timeout(&mut self, now: Millis) {
        if self.ended.is_some() || self.hidden {
            return;
        }
        self.dirty = true;
        self.time_passed(now);
    }

    /// The next thing to do, until there is none. Intents become frames here, so that what cancels out within one drain
    /// is never sent.
    pub fn poll_output(&mut self, now: Millis) -> Option<Output> {
        let next = self.outbox.pop();
        if next.is_some() || !self.dirty {
            return next;
        }
        self.dirty = false;
        self.flush(now);
        self.outbox.pop()
    }

    /// When [`Session::handle_timeout`] is to be called at the latest; good until the next input. It may be far away:
    /// a driver whose timers have a limit calls earlier.
    pub fn poll_timeout(&self) -> Option<Millis> {
        if self.ended.is_some() || self.hidden { None } else { self.next_deadline() }
    }

    /// The members of a channel as told so far; `None` unless it is observed in full mode.
    pub fn roster(&self, channel: &str) -> Option<&Roster> {
        self.channels.get(channel).filter(|channel| channel.observation.want)?.mirror.roster()
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        self.state
    }

    /// The own `userProfileId`, once the server has said it.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether a socket is open.
    pub(crate) fn is_connected(&self) -> bool {
        match self.phase {
            Phase::Greeting(_) | Phase::Open(_) => true,
            Phase::Idle | Phase::Token | Phase::Opening(_) | Phase::Waiting => false,
        }
    }

    /// The socket that is opening or open.
    pub(crate) fn socket(&self) -> Option<SocketId> {
        match self.phase {
            Phase::Opening(socket) | Phase::Greeting(socket) | Phase::Open(socket) => Some(socket),
            Phase::Idle | Phase::Token | Phase::Waiting => None,
        }
    }

    /// A number for a request.
    pub(crate) fn frame_id(&mut self) -> u32 {
        self.last_frame = self.last_frame.wrapping_add(1);
        self.last_frame
    }
}
