//! A rate limit: a token bucket.

use herenow_protocol::Limits;

use crate::Millis;

const THOUSANDTHS: u64 = 1_000;

/// Holds up to a burst of frames and fills at the rate. Counted in thousandths of a frame, so that a rate of `n`
/// frames a second adds `n` a millisecond.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    thousandths: u64,
    filled_at: Millis,
}

impl Bucket {
    /// A full one.
    pub fn full(now: Millis, limits: &Limits) -> Self {
        Self { thousandths: capacity(limits), filled_at: now }
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// In how many milliseconds there is one.
    pub fn take(&mut self, now: Millis, limits: &Limits) -> Result<(), u64> {
        let rate = u64::from(limits.frames_per_second);
        if rate == 0 {
            return Ok(());
        }
        let filled = now.since(self.filled_at).saturating_mul(rate);
        self.thousandths = self.thousandths.saturating_add(filled).min(capacity(limits));
        self.filled_at = now;
        match self.thousandths.checked_sub(THOUSANDTHS) {
            Some(rest) => {
                self.thousandths = rest;
                Ok(())
            }
            None => Err((THOUSANDTHS - self.thousandths).div_ceil(rate)),
        }
    }

    /// Whether it is as good as a new one.
    pub fn is_full(&self, now: Millis, limits: &Limits) -> bool {
        let filled = now.since(self.filled_at).saturating_mul(u64::from(limits.frames_per_second));
        self.thousandths.saturating_add(filled) >= capacity(limits)
    }
}

fn capacity(limits: &Limits) -> u64 {
    u64::from(limits.burst.max(1)) * THOUSANDTHS
}
