//! The session's timers; those of single channels and promises stand where these are.

use crate::Millis;

/// What a time is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Timer {
    /// A socket must have opened and the server said welcome.
    Welcome,
    /// Something must have been heard since the probe.
    Probe,
    /// The next attempt to connect.
    Backoff,
    /// The server wants the socket closed by then.
    GoingAway,
    /// The token is to be renewed.
    Refresh,
    /// Nothing has been wanted for a while.
    Idle,
    /// The next frame may be sent.
    Pace,
}

/// A deadline for each timer that runs.
#[derive(Debug, Default)]
pub(crate) struct Timers([Option<Millis>; Timer::Pace as usize + 1]);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Millis) {
        self.0[timer as usize] = Some(at);
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(crate) fn stop_all(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn get(&self, timer: Timer) -> Option<Millis> {
        self.0[timer as usize]
    }

    /// Whether the timer's time has come; it stops then.
    pub(crate) fn fires(&mut self, timer: Timer, now: Millis) -> bool {
        let due = self.0[timer as usize].is_some_and(|at| at <= now);
        if due {
            self.stop(timer);
        }
        due
    }

    pub(crate) fn earliest(&self) -> Option<Millis> {
        self.0.iter().flatten().copied().min()
    }
}
