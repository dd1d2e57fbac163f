//! The pace of frames: a token bucket with the server's limits.

use herenow_protocol::Limits;

use crate::Millis;

/// A frame's worth, so that a millisecond's refill is a whole number.
const FRAME: i64 = 1000;
/// The part of the server's burst that is left to the network: when the first frames of a burst are late and later
/// ones are not, the server's bucket has filled for a shorter time than ours.
const SPARE: u32 = 8;

/// How many frames may be sent now.
#[derive(Debug)]
pub(crate) struct Pace {
    /// 0: no limit.
    per_second: i64,
    capacity: i64,
    /// Below zero after frames that did not wait: the server counts them too.
    level: i64,
    at: Millis,
}

impl Pace {
    /// A full bucket, less the frames of the connection's first message.
    pub(crate) fn new(now: Millis, limits: &Limits, spent: usize) -> Self {
        let capacity = i64::from((limits.burst - limits.burst / SPARE).max(1)) * FRAME;
        let mut pace =
            Self { per_second: limits.frames_per_second.into(), capacity, level: capacity, at: now };
        pace.spend(spent);
        pace
    }

    /// Counts frames that do not wait.
    pub(crate) fn spend(&mut self, frames: usize) {
        self.level = self.level.saturating_sub_unsigned(frames as u64 * FRAME.unsigned_abs());
    }

    /// Takes one frame's worth; `false` when it has to wait.
    pub(crate) fn take(&mut self, now: Millis) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let refill = now.since(self.at).saturating_mul(self.per_second.unsigned_abs());
        self.level = self.level.saturating_add_unsigned(refill).min(self.capacity);
        self.at = now;
        let enough = self.level >= FRAME;
        if enough {
            self.level -= FRAME;
        }
        enough
    }

    /// When the next frame's worth is there, after [`Pace::take`] refused one.
    pub(crate) fn ready_at(&self) -> Millis {
        let missing = FRAME.saturating_sub(self.level).max(0).unsigned_abs();
        self.at.after(missing.div_ceil(self.per_second.max(1).unsigned_abs()))
    }
}
