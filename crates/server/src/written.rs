//! How many bytes of frames have left, on their way to the registry's task.

use std::sync::{Arc, Mutex, PoisonError};

use herenow_registry::ConnectionId;
use tokio::sync::Notify;

use crate::outbox::Outbox;

/// What left since the registry's task looked last. Bounded by what the outboxes hold: each entry stands for frames
/// that the registry still counts.
#[derive(Debug, Default)]
pub(crate) struct Written {
    entries: Mutex<Vec<(ConnectionId, usize)>>,
    some: Notify,
}

impl Written {
    pub(crate) fn add(&self, entries: impl IntoIterator<Item = (ConnectionId, usize)>) {
        let first = {
            let mut all = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            let first = all.is_empty();
            all.extend(entries);
            first && !all.is_empty()
        };
        if first {
            self.some.notify_one();
        }
    }

    /// Flushes some outboxes, and adds what leaves.
    pub(crate) fn flush(&self, outboxes: &[(ConnectionId, Arc<Outbox>)]) {
        let flushed = outboxes.iter().map(|(connection, outbox)| (*connection, outbox.flush()));
        let left: Vec<_> = flushed.filter(|(_, bytes)| *bytes > 0).collect();
        self.add(left);
    }

    /// Ready when there is something.
    pub(crate) async fn some(&self) {
        self.some.notified().await;
    }

    /// Swaps what there is for what is in `with`, which should be empty.
    pub(crate) fn take(&self, with: &mut Vec<(ConnectionId, usize)>) {
        std::mem::swap(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner), with);
    }
}
