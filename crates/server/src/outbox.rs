//! What waits to be written to one socket: a plain queue between the actor that fills it and the task that writes.
//!
//! There is no channel and no notification object a connection, only the waker of its task.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use herenow_protocol::CloseCode;

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) code: CloseCode,
    pub(crate) reason: &'static str,
}

/// What the actor adds in one go.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Encoded frames.
    pub(crate) frames: Vec<Bytes>,
    /// Whether to send a WebSocket ping.
    pub(crate) ping: bool,
    /// Close after all of it.
    pub(crate) close: Option<Closing>,
}

/// What the writing task takes in one go, besides frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) ping: bool,
    pub(crate) close: Option<Closing>,
}

/// The outbox of one connection. It holds what the registry gives and no more: the registry counts the bytes that
/// wait, drops diffs beyond its bound, and closes a connection that does not drain.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    frames: VecDeque<Bytes>,
    ping: bool,
    close: Option<Closing>,
    waker: Option<Waker>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be left half done by a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds `batch`, leaving it empty, and wakes the writing task.
    pub(crate) fn push(&self, batch: &mut Batch) {
        let waker = {
            let mut inner = self.lock();
            inner.frames.extend(batch.frames.drain(..));
            inner.ping |= std::mem::take(&mut batch.ping);
            inner.close = inner.close.or(batch.close.take());
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Moves all frames to the end of `queue` when there is something to do; pending while there is nothing.
    pub(crate) fn poll_take(&self, context: &Context<'_>, queue: &mut VecDeque<Bytes>) -> Poll<Taken> {
        let mut inner = self.lock();
        if inner.frames.is_empty() && !inner.ping && inner.close.is_none() {
            inner.remember(context);
            return Poll::Pending;
        }
        queue.append(&mut inner.frames);
        Poll::Ready(Taken { ping: std::mem::take(&mut inner.ping), close: inner.close })
    }

    /// Ready once the socket is to be closed, whatever else waits.
    pub(crate) fn poll_closing(&self, context: &Context<'_>) -> Poll<Closing> {
        let mut inner = self.lock();
        match inner.close {
            Some(closing) => Poll::Ready(closing),
            None => {
                inner.remember(context);
                Poll::Pending
            }
        }
    }

    /// Moves all frames to the end of `queue`.
    pub(crate) fn take_rest(&self, queue: &mut VecDeque<Bytes>) {
        queue.append(&mut self.lock().frames);
    }
}

impl Inner {
    fn remember(&mut self, context: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.waker = Some(context.waker().clone()),
        }
    }
}
