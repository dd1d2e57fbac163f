//! The 3 s cache of `getPresenceChannelUsers`: concurrent calls share one request.

use js_sys::Promise;

/// How old an answer may be, counted from when its request began.
const MAX_AGE_MS: u64 = 3_000;
/// Channels remembered at once; beyond it the oldest is forgotten.
const MAX_ENTRIES: usize = 256;

/// Requests by channel, oldest first.
#[derive(Default)]
pub(crate) struct Cache {
    entries: Vec<Entry>,
}

struct Entry {
    channel: String,
    began_ms: u64,
    answer: Promise,
}

impl Cache {
    /// The request for `channel` that is still fresh.
    pub(crate) fn get(&mut self, channel: &str, now_ms: u64) -> Option<Promise> {
        self.entries.retain(|entry| now_ms.saturating_sub(entry.began_ms) < MAX_AGE_MS);
        self.entries.iter().find(|entry| entry.channel == channel).map(|entry| entry.answer.clone())
    }

    /// Remembers a request.
    pub(crate) fn insert(&mut self, channel: &str, now_ms: u64, answer: Promise) {
        self.forget(channel);
        if self.entries.len() >= MAX_ENTRIES {
            self.entries.remove(0);
        }
        self.entries.push(Entry { channel: channel.into(), began_ms: now_ms, answer });
    }

    /// Forgets what is known of `channel`.
    pub(crate) fn forget(&mut self, channel: &str) {
        self.entries.retain(|entry| entry.channel != channel);
    }

    /// Forgets a request that failed.
    pub(crate) fn forget_answer(&mut self, answer: &Promise) {
        self.entries.retain(|entry| !js_sys::Object::is(&entry.answer, answer));
    }
}
