//! The connection: opening, greeting, losing, coming back, ending.

use std::borrow::Cow;

use herenow_protocol::{ClientFrame, CloseCode, Code, Hello, SessionSecret, Welcome};

use crate::pacing::Pace;
use crate::session::{Phase, Session};
use crate::slot::Known;
use crate::timers::Timer;
use crate::{Millis, Output, Problem, SocketId, State};

/// Milliseconds for opening a socket and being welcomed.
const WELCOME_MS: u64 = 10_000;
/// Milliseconds, the longest jitter of the first attempt and of the second; doubles with each further one. Of 200 clients
/// whose server was restarted a tenth came back within the same 50 ms or fewer; with 500 ms it was a fifth.
const BACKOFF_MS: u64 = 2_000;
/// Milliseconds, the longest jitter of any attempt.
const MAX_BACKOFF_MS: u64 = 4_000;
/// The close code for "nothing is wrong".
const NORMAL: u16 = 1000;

impl Session {
    pub(crate) fn open_socket(&mut self, now: Millis) {
        self.last_socket = self.last_socket.wrapping_add(1);
        self.attempt = self.attempt.saturating_add(1);
        let socket = SocketId(self.last_socket);
        self.phase = Phase::Opening(socket);
        self.timers.set(Timer::Welcome, now.after(WELCOME_MS));
        self.outbox.push(Output::Connect { socket });
    }

    /// Says hello, and with it everything that is wanted: one message.
    pub(crate) fn opened(&mut self, now: Millis, socket: SocketId) {
        if self.phase != Phase::Opening(socket) {
            return;
        }
        self.phase = Phase::Greeting(socket);
        self.sockets_opened = self.sockets_opened.wrapping_add(1);
        self.heard_at = now;
        let mut joined = Vec::new();
        let mut frames = Vec::new();
        for channel in &mut self.channels.0 {
            if channel.membership.want {
                if !broken!(NamesNothing) {
                    joined.push(String::from(&*channel.name));
                }
                channel.membership.server = Known::Unclear;
            }
            if channel.observation.want {
                self.last_frame = self.last_frame.wrapping_add(1);
                let id = self.last_frame;
                channel.observation.in_flight = Some((id, true));
                let from = channel.asks(now);
                frames.push(ClientFrame::Observe { id, channel: String::from(&*channel.name), from });
            }
        }
        let hello = Hello {
            client_id: self.config.client_id.clone(),
            token: self.token.value.clone(),
            session: self.secret,
            attempt: self.attempt,
            joined,
        };
        frames.insert(0, ClientFrame::Hello(hello));
        self.outbox.send(socket, frames);
    }

    pub(crate) fn welcomed(&mut self, now: Millis, welcome: Welcome) {
        let Phase::Greeting(socket) = self.phase else { return };
        self.phase = Phase::Open(socket);
        self.failures = 0;
        self.token.expired = false;
        self.user = Some(welcome.user);
        self.limits = welcome.limits;
        self.ping_interval_ms = welcome.ping_interval_ms;
        self.grace_ms = welcome.grace_ms;
        self.timers.stop(Timer::Welcome);
        self.token_valid(now, welcome.expires_in_ms);
        self.outbox.state(&mut self.state, State::Connected, None, None);

        let observing =
            self.channels.0.iter().filter(|channel| channel.observation.in_flight.is_some()).count();
        self.pace = Pace::new(now, &welcome.limits, 1 + observing);
        for granted in welcome.joined {
            let Some(channel) = self.channels.get_mut(&granted.channel) else { continue };
            channel.membership.server = Known::Present;
            channel.joined(granted.fresh, self.config.restore_attributes, &mut self.outbox);
            self.outbox.done(channel.membership.waiters.take(true));
        }
        for refused in welcome.refused {
            self.refused(now, &refused.channel, refused.code);
        }
        for channel in &mut self.channels.0 {
            // Named and not answered: the session is not in it. What was not named may be held by another node, and is
            // left.
            if channel.membership.server == Known::Unclear && channel.membership.want {
                channel.membership.server = Known::Absent;
            }
        }
    }

    /// A channel of `hello` that the session may not be in.
    fn refused(&mut self, now: Millis, name: &str, code: Code) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        channel.membership.server = Known::Absent;
        let problem = Problem::new(code, "the server refused the channel");
        channel.join_failed(now, &problem, &mut self.outbox);
    }

    pub(crate) fn closed(&mut self, now: Millis, code: u16, reason: String) {
        self.detach();
        match CloseCode::fatal(code, &reason) {
            Some(Code::TokenExpired) => {
                self.token_expired(now, Problem::new(Code::TokenExpired, "the token has expired"));
            }
            Some(fatal) => {
                let problem = Problem::new(fatal, refusal(fatal));
                let reason = if reason.is_empty() { problem.message.clone() } else { reason.into() };
                self.end_saying(problem, State::Failed, reason);
            }
            None => {
                if code == CloseCode::Replaced.number() {
                    self.renew_secret();
                }
                let reason = if reason.is_empty() { "the connection was lost".into() } else { reason.into() };
                self.retry(now, reason, 0);
            }
        }
    }

    /// The socket is no good: closes it and comes back soon.
    pub(crate) fn abandon(&mut self, now: Millis, reason: &'static str) {
        if let Some(socket) = self.socket() {
            let code = CloseCode::Silent.number();
            self.outbox.push(Output::CloseSocket { socket, code, reason });
        }
        self.detach();
        self.retry(now, reason.into(), 0);
    }

    /// The server's time for going away has come: closes the socket and opens another at once.
    pub(crate) fn move_on(&mut self, now: Millis) {
        let reason = "the server is going away";
        if let Some(socket) = self.socket() {
            self.outbox.push(Output::CloseSocket { socket, code: NORMAL, reason });
        }
        self.detach();
        self.outbox.state(&mut self.state, State::Reconnecting, Some(reason.into()), Some(0));
        self.begin(now);
    }

    /// Waits for the next attempt, at least so long.
    pub(crate) fn retry(&mut self, now: Millis, reason: Cow<'static, str>, at_least_ms: u64) {
        let cap = MAX_BACKOFF_MS.min(self.grace_ms / 2);
        // The first attempt is always jittered: a server that restarts is not to be stormed.
        let longest = match self.failures {
            0 => BACKOFF_MS.min(cap),
            more => (BACKOFF_MS << (more - 1).min(16)).min(cap),
        };
        self.failures = self.failures.saturating_add(1);
        let mut until = now.after(self.random.below(longest + 1).max(at_least_ms));
        if let Some(going) = self.timers.get(Timer::GoingAway) {
            until = until.max(going);
        }
        self.timers.stop(Timer::GoingAway);
        self.phase = Phase::Waiting;
        self.timers.set(Timer::Backoff, until);
        let wait = Some(until.since(now));
        self.outbox.state(&mut self.state, State::Reconnecting, Some(reason), wait);
    }

    /// Says goodbye where somebody hears it, and closes the socket.
    pub(crate) fn hang_up(&mut self, reason: &'static str) {
        let Some(socket) = self.socket() else {
            self.detach();
            return;
        };
        if self.is_connected() {
            self.outbox.send(socket, vec![ClientFrame::Bye {}]);
        }
        self.outbox.push(Output::CloseSocket { socket, code: NORMAL, reason });
        self.detach();
    }

    /// Nothing has been wanted for a while.
    pub(crate) fn go_idle(&mut self) {
        self.hang_up("idle");
        self.timers.stop_all();
        self.failures = 0;
        self.channels.0.clear();
        self.outbox.state(&mut self.state, State::Idle, None, None);
    }

    /// The session is over: everybody who waits is told why, and so is everybody who comes later.
    pub(crate) fn end(&mut self, problem: Problem, state: State) {
        let reason = problem.message.clone();
        self.end_saying(problem, state, reason);
    }

    fn end_saying(&mut self, problem: Problem, state: State, reason: Cow<'static, str>) {
        self.detach();
        self.timers.stop_all();
        for channel in &mut self.channels.0 {
            self.outbox.fail(channel.take_waiters(), &problem);
        }
        self.channels.0.clear();
        self.outbox.state(&mut self.state, state, Some(reason), None);
        self.ended = Some(problem);
    }

    /// There is no socket any more.
    pub(crate) fn detach(&mut self) {
        self.phase = Phase::Idle;
        self.token.in_flight = None;
        for timer in [Timer::Welcome, Timer::Probe, Timer::Backoff, Timer::Refresh, Timer::Pace] {
            self.timers.stop(timer);
        }
        for channel in &mut self.channels.0 {
            channel.detach();
        }
    }

    /// Somebody else uses the session's secret: takes another one, as unknown as the first.
    fn renew_secret(&mut self) {
        let fresh = u128::from(self.random.next()) << 64 | u128::from(self.random.next());
        self.secret = SessionSecret(self.secret.0.rotate_left(64) ^ fresh);
        self.attempt = 0;
    }
}

/// What a close for good means.
const fn refusal(code: Code) -> &'static str {
    match code {
        Code::Unauthorized | Code::TokenExpired => "the server did not accept the token",
        Code::Forbidden => "the server does not allow this page or this user",
        Code::LimitReached => "the user has as many sessions as the server allows",
        Code::Unsupported => "the server does not speak this version of the protocol",
        Code::InvalidArgument
        | Code::NotJoined
        | Code::RateLimited
        | Code::TooLarge
        | Code::Timeout
        | Code::Unavailable
        | Code::Closed
        | Code::Internal => "the server ended the connection for good",
    }
}
