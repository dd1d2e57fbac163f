//! What the app wants: checked, and noted as a wish.

use herenow_protocol::{Attributes, Code, Refusal, validate_attributes, validate_channel};

use crate::channel::NOT_JOINED;
use crate::session::Session;
use crate::waiters::Waiter;
use crate::{Intent, Millis, Problem, PromiseId, State};

/// Promises that may wait at a time; further ones reject with `limit_reached`.
const MAX_WAITING: usize = 10_000;

const CLOSED: Problem = Problem::new(Code::Closed, "the client was closed");

enum Wish {
    Join(bool),
    Set(Attributes),
    Observe(bool),
}

impl Session {
    pub(crate) fn intend(&mut self, now: Millis, intent: Intent) {
        let (promise, channel, wish) = match intent {
            Intent::Join { promise, channel } => (promise, channel, Wish::Join(true)),
            Intent::Leave { promise, channel } => (promise, channel, Wish::Join(false)),
            Intent::Set { promise, channel, attributes } => (promise, channel, Wish::Set(attributes)),
            Intent::Observe { promise, channel } => (promise, channel, Wish::Observe(true)),
            Intent::Unobserve { promise, channel } => (promise, channel, Wish::Observe(false)),
            Intent::Close { promise } => return self.close(promise),
        };
        if let Err(problem) = self.note(now, promise, &channel, wish) {
            self.outbox.reject(promise, problem);
        }
    }

    fn note(&mut self, now: Millis, promise: PromiseId, name: &str, wish: Wish) -> Result<(), Problem> {
        if let Some(problem) = &self.ended {
            return Err(problem.clone());
        }
        validate_channel(name).map_err(refused)?;
        if let Wish::Set(attributes) = &wish {
            validate_attributes(attributes).map_err(refused)?;
        }
        if self.outbox.waiting() >= MAX_WAITING {
            return Err(Problem::new(Code::LimitReached, "too many calls are waiting for the server"));
        }
        self.check_limit(name, &wish)?;
        let timeout_ms = if broken!(ForgetsDeadlines) { 1 << 40 } else { self.config.request_timeout_ms };
        let deadline = now.after(timeout_ms);
        // One that is open now counts as opened since.
        let sockets_opened = self.sockets_opened.wrapping_sub(u32::from(self.is_connected()));
        let waiter = |wants| Waiter { promise, wants, sockets_opened, deadline };
        match wish {
            Wish::Join(want) => {
                let channel = self.channels.ensure(name);
                channel.membership.wish(want, self.outbox.wait(waiter(want)));
                if !want {
                    self.outbox.fail(channel.setting.drop_draft(), &NOT_JOINED);
                }
            }
            Wish::Observe(want) => {
                self.channels.ensure(name).observation.wish(want, self.outbox.wait(waiter(want)));
            }
            Wish::Set(attributes) => {
                let joined = self.channels.get_mut(name).filter(|channel| channel.membership.want);
                let channel = joined.ok_or(NOT_JOINED)?;
                channel.setting.wish(attributes, self.outbox.wait(waiter(true)));
            }
        }
        Ok(())
    }

    /// Whether one channel more may be joined or observed.
    fn check_limit(&self, name: &str, wish: &Wish) -> Result<(), Problem> {
        let channels = &self.channels.0;
        let (count, limit, message) = match wish {
            Wish::Join(true) => (
                channels.iter().filter(|c| c.membership.want && &*c.name != name).count(),
                self.limits.joined,
                "too many channels are joined",
            ),
            Wish::Observe(true) => (
                channels.iter().filter(|c| c.observation.want && &*c.name != name).count(),
                self.limits.observed,
                "too many channels are observed",
            ),
            Wish::Join(false) | Wish::Observe(false) | Wish::Set(_) => return Ok(()),
        };
        if count < limit as usize { Ok(()) } else { Err(Problem::new(Code::LimitReached, message)) }
    }

    fn close(&mut self, promise: PromiseId) {
        self.hang_up("closed by the app");
        self.end(CLOSED, State::Closed);
        self.outbox.resolve(promise);
    }
}

fn refused(refusal: Refusal) -> Problem {
    Problem::new(refusal.code, refusal.message)
}
