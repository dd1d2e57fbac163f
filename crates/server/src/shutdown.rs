//! What stopping needs: the phase that all can see, and the count of open WebSockets.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// How far stopping has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not begun.
    Serving,
    /// No new WebSockets; those that are open were asked to go.
    Draining,
}

/// The phase and the sockets of one server.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: watch::Sender<Phase>,
    sockets: Arc<watch::Sender<usize>>,
    asked: Notify,
}

/// One open WebSocket; counts until it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct OpenSocket(Arc<watch::Sender<usize>>);

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Serving),
            sockets: Arc::new(watch::Sender::new(0)),
            asked: Notify::new(),
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.phase.borrow() == Phase::Draining
    }

    /// An operator asks the server to stop.
    pub(crate) fn ask_to_stop(&self) {
        self.asked.notify_one();
    }

    /// Ready when an operator has asked the server to stop.
    pub(crate) async fn asked_to_stop(&self) {
        self.asked.notified().await;
    }

    pub(crate) fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
    }

    /// Ready when draining begins.
    pub(crate) async fn draining(&self) {
        // The sender lives in `self`, so it cannot be gone.
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Draining).await;
    }

    pub(crate) fn open_socket(&self) -> OpenSocket {
        self.sockets.send_modify(|count| *count += 1);
        OpenSocket(Arc::clone(&self.sockets))
    }

    /// How many WebSockets are open.
    pub(crate) fn sockets(&self) -> usize {
        *self.sockets.borrow()
    }

    /// Ready when no WebSocket is open.
    pub(crate) async fn no_sockets(&self) {
        let _ = self.sockets.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
