//! What an app wants of one thing, by its calls and what became of them.

use std::collections::BTreeSet;

/// A membership or an observation that is wanted or not.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) want: bool,
    /// It was confirmed since it was last not wanted.
    pub(crate) acked: bool,
    /// The calls for it since then that are not settled.
    pending: BTreeSet<u32>,
    /// When it was last called for.
    pub(crate) called_ms: u64,
    off_ms: u64,
}

impl Wish {
    pub(crate) fn call(&mut self, now_ms: u64, want: bool, promise: u32) {
        // Called off and for again in one tick is nothing.
        if want && !self.want && self.off_ms != now_ms {
            self.called_ms = now_ms;
        }
        if !want {
            self.off_ms = now_ms;
        }
        self.want = want;
        if want {
            self.pending.insert(promise);
        } else {
            self.acked = false;
            self.pending.clear();
        }
    }

    pub(crate) fn resolved(&mut self, promise: u32) {
        if self.pending.remove(&promise) && self.want {
            self.acked = true;
        }
    }

    /// A rejected call withdraws the wish, back to what was acknowledged.
    pub(crate) fn rejected(&mut self, promise: u32, retryable: bool) {
        if self.pending.remove(&promise) && self.pending.is_empty() && !(self.acked && retryable) {
            self.want = false;
            self.acked = false;
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }
}
