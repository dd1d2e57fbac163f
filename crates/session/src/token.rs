//! The token: asked for when it is needed, kept for reconnecting, renewed before it expires.

use herenow_protocol::{ClientFrame, Code, FrameId};

use crate::session::{Phase, Session};
use crate::timers::Timer;
use crate::{Millis, Output, Problem, State};

/// A token is not renewed more often than this.
const MIN_REFRESH_MS: u64 = 1_000;
/// Milliseconds before a renewal that failed is tried again, where no time is named.
const RETRY_REFRESH_MS: u64 = 5_000;
/// Milliseconds for which a token is as it was given: if it is refused as expired so soon, asking again is no use.
const FRESH_MS: u64 = 10_000;

/// The token and what is known of it.
#[derive(Debug, Default)]
pub(crate) struct Token {
    pub(crate) value: Option<String>,
    pub(crate) given_at: Option<Millis>,
    /// The driver was asked and has not answered.
    pub(crate) asked: bool,
    /// The server refused one as expired, and has not said welcome since.
    pub(crate) expired: bool,
    /// From then on the token is not used for a new connection.
    pub(crate) stale_at: Option<Millis>,
    /// The `token` frame in flight.
    pub(crate) in_flight: Option<FrameId>,
}

impl Session {
    /// The way to a socket begins: with the token that is there, or by asking for one.
    pub(crate) fn begin(&mut self, now: Millis) {
        if self.state == State::Idle {
            self.outbox.state(&mut self.state, State::Connecting, None, None);
        }
        self.timers.stop(Timer::Backoff);
        self.timers.stop(Timer::GoingAway);
        let stale = self.token.stale_at.is_some_and(|at| at <= now);
        if self.token.value.is_some() && !stale {
            self.open_socket(now);
            return;
        }
        self.phase = Phase::Token;
        self.ask_for_token(stale || self.token.expired);
    }

    pub(crate) fn ask_for_token(&mut self, renew: bool) {
        if !self.token.asked {
            self.token.asked = true;
            self.outbox.push(Output::NeedToken { renew });
        }
    }

    pub(crate) fn token_answered(&mut self, now: Millis, answer: Result<String, Problem>) {
        if !core::mem::take(&mut self.token.asked) || self.ended.is_some() {
            return;
        }
        match answer {
            Ok(value) => {
                self.token.value = Some(value.clone());
                self.token.given_at = Some(now);
                self.token.stale_at = None;
                match self.phase {
                    Phase::Token => self.open_socket(now),
                    Phase::Open(socket) => {
                        let id = self.frame_id();
                        self.token.in_flight = Some(id);
                        self.pace.spend(1);
                        self.outbox.send(socket, vec![ClientFrame::Token { id, token: value }]);
                    }
                    Phase::Idle | Phase::Opening(_) | Phase::Greeting(_) | Phase::Waiting => {}
                }
            }
            Err(problem) => match self.phase {
                Phase::Token if problem.code.retryable() => {
                    self.retry(now, problem.message, problem.retry_in_ms.unwrap_or(0));
                }
                Phase::Token => self.end(problem, State::Failed),
                Phase::Open(_) => {
                    self.outbox.warn(&["the token could not be renewed: ", &problem.message]);
                    if problem.code.retryable() {
                        let wait = problem.retry_in_ms.unwrap_or(0).max(RETRY_REFRESH_MS);
                        self.timers.set(Timer::Refresh, now.after(wait));
                    }
                }
                Phase::Idle | Phase::Opening(_) | Phase::Greeting(_) | Phase::Waiting => {}
            },
        }
    }

    /// The server says how long the token is valid: it is renewed at four fifths of that.
    pub(crate) fn token_valid(&mut self, now: Millis, expires_in_ms: Option<u64>) {
        self.token.stale_at = None;
        self.timers.stop(Timer::Refresh);
        if let Some(valid) = expires_in_ms {
            let at = now.after((valid / 5).saturating_mul(4).max(MIN_REFRESH_MS));
            self.token.stale_at = Some(at);
            self.timers.set(Timer::Refresh, at);
        }
    }

    /// The answer to a `token` frame.
    pub(crate) fn token_frame_answered(&mut self, now: Millis, answer: Result<Option<u64>, &Problem>) {
        self.token.in_flight = None;
        match answer {
            Ok(expires_in_ms) => self.token_valid(now, expires_in_ms),
            Err(problem) => {
                self.outbox.warn(&["the server refused the new token: ", &problem.message]);
            }
        }
    }

    /// The server closed the socket since the token has expired. Another one is asked for, unless this is the answer to
    /// that. One that expired while it could not be used is no such answer.
    pub(crate) fn token_expired(&mut self, now: Millis, problem: Problem) {
        self.token.value = None;
        let fresh = self.token.given_at.is_some_and(|at| now.since(at) < FRESH_MS);
        if core::mem::replace(&mut self.token.expired, true) && (fresh || broken!(TrustsOldTokens)) {
            self.end(problem, State::Failed);
            return;
        }
        self.outbox.state(
            &mut self.state,
            State::Reconnecting,
            Some(Code::TokenExpired.as_str().into()),
            None,
        );
        self.begin(now);
    }
}
