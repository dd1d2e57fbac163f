//! The pace of frames: a token bucket with the server's limits.

use herenow_protocol::Limits;

use crate::Millis;

/// A frame's worth, so that a millisecond's refill is a whole number.
const FRAME: u64 = 1000;

/// How many frames may be sent now.
#[derive(Debug)]
pub(crate) struct Pace {
    /// 0: no limit.
    per_second: u64,
    capacity: u64,
    level: u64,
    at: Millis,
}

impl Pace {
    /// A full bucket, less the frames of the connection's first message.
    pub(crate) fn new(now: Millis, limits: &Limits, spent: usize) -> Self {
        let capacity = u64::from(limits.burst.max(1)) * FRAME;
        let mut pace =
            Self { per_second: limits.frames_per_second.into(), capacity, level: capacity, at: now };
        pace.spend(spent);
        pace
    }

    /// Counts frames that do not wait.
    pub(crate) fn spend(&mut self, frames: usize) {
        self.level = self.level.saturating_sub(frames as u64 * FRAME);
    }

    /// Takes one frame's worth; `false` when it has to wait.
    pub(crate) fn take(&mut self, now: Millis) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let refill = now.since(self.at).saturating_mul(self.per_second);
        self.level = self.level.saturating_add(refill).min(self.capacity);
        self.at = now;
        let enough = self.level >= FRAME;
        if enough {
            self.level -= FRAME;
        }
        enough
    }

    /// When the next frame's worth is there, after [`Pace::take`] refused one.
    pub(crate) fn ready_at(&self) -> Millis {
        let missing = FRAME.saturating_sub(self.level);
        self.at.after(missing.div_ceil(self.per_second.max(1)))
    }
}
