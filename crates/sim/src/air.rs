//! What is wrong with the network around one tab.

use crate::plan::Way;

/// Bytes that a network takes before the other side has read.
const WINDOW_BYTES: usize = 96 * 1024;
const NARROW_BYTES: usize = 3 * 1024;
/// How much slower than usual a slow network is, at most, in milliseconds.
const SLOW_MS: u64 = 2_500;

/// Faults, each until its time.
#[derive(Debug, Default)]
pub(crate) struct Air {
    pub(crate) refuse_until_ms: u64,
    pub(crate) hole_until_ms: u64,
    pub(crate) slow_until_ms: u64,
    pub(crate) narrow: bool,
    pub(crate) reset_next: bool,
    pub(crate) late_hello: Option<(Way, u64)>,
    pub(crate) token_trouble_until_ms: u64,
    pub(crate) old_tokens: u32,
    /// The end of the last fault of any kind.
    pub(crate) trouble_until_ms: u64,
}

impl Air {
    pub(crate) const fn slow_ms(&self, now: u64) -> u64 {
        if self.slow_until_ms > now { SLOW_MS } else { 0 }
    }

    pub(crate) const fn window(&self) -> usize {
        if self.narrow { NARROW_BYTES } else { WINDOW_BYTES }
    }

    /// Notes that something is wrong until then.
    pub(crate) fn trouble(&mut self, until_ms: u64) {
        self.trouble_until_ms = self.trouble_until_ms.max(until_ms);
    }
}
