//! What waits to be written to one socket, and the half of the socket that writes.
//!
//! The registry's task adds frames and flushes: mostly the kernel takes all of them at once, and the connection's own
//! task has nothing to do. Only what the kernel does not take, a close, and a broken socket wake it. tungstenite reads in
//! that task, and its control frames go through here, too: it would copy each message into a buffer of the connection
//! that grows to the largest and never shrinks.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use herenow_protocol::{CloseCode, Encoding};
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

use crate::joining::join;

/// Frames for which an idle connection keeps room.
const KEPT: usize = 4;

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) code: CloseCode,
    pub(crate) reason: &'static str,
}

/// What the connection's task has to do, or to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// So many bytes of frames have left.
    Wrote(usize),
    /// The socket is to be closed, whatever else waits.
    Close(Closing),
    /// The socket takes nothing any more.
    Broken,
}

/// The outbox of one connection. It holds what the registry gives and no more: the registry counts the bytes that
/// wait, drops diffs beyond its bound, and closes a connection that does not drain.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    encoding: Encoding,
    /// `None` when the connection has ended.
    writer: Option<OwnedWriteHalf>,
    /// Frames that are in no message yet.
    frames: VecDeque<Bytes>,
    /// What is left of the message on its way out, and the bytes of its frames.
    message: Bytes,
    message_frames_bytes: usize,
    ping: bool,
    /// A control frame is half written: no message may come in between.
    control: bool,
    close: Option<Closing>,
    sealed: bool,
    broken: bool,
    /// Of the connection's task, while it has nothing to do.
    waker: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(encoding: Encoding, writer: OwnedWriteHalf) -> Self {
        let inner = Inner {
            encoding,
            writer: Some(writer),
            frames: VecDeque::new(),
            message: Bytes::new(),
            message_frames_bytes: 0,
            ping: false,
            control: false,
            close: None,
            sealed: false,
            broken: false,
            waker: None,
        };
        Self { inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be left half done by a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- the registry's task: it adds, then flushes ---

    /// Adds an encoded frame.
    pub(crate) fn add(&self, frame: Bytes) {
        let mut inner = self.lock();
        if !inner.sealed {
            inner.frames.push_back(frame);
        }
    }

    /// Adds a WebSocket ping.
    pub(crate) fn add_ping(&self) {
        let mut inner = self.lock();
        inner.ping |= !inner.sealed;
    }

    /// Closes the socket after what was added.
    pub(crate) fn close(&self, closing: Closing) {
        let waker = {
            let mut inner = self.lock();
            inner.close.get_or_insert(closing);
            inner.waker.take()
        };
        wake(waker);
    }

    /// Writes what the kernel takes at once, and leaves the rest to the connection's task. Gives the bytes of frames
    /// that have left.
    pub(crate) fn flush(&self) -> usize {
        let (bytes, waker) = {
            let mut inner = self.lock();
            if !inner.message.is_empty() || inner.close.is_some() {
                return 0;
            }
            let (bytes, written) = inner.write(|writer, bytes| match writer.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                result => Poll::Ready(result),
            });
            let idle = matches!(written, Poll::Ready(Ok(())));
            (bytes, if idle { None } else { inner.waker.take() })
        };
        wake(waker);
        bytes
    }

    // --- the connection's task ---

    /// Writes what waits; pending when there is nothing, or while the socket takes no more.
    pub(crate) fn poll_work(&self, context: &mut Context<'_>) -> Poll<Work> {
        let mut inner = self.lock();
        if let Some(closing) = inner.close {
            return Poll::Ready(Work::Close(closing));
        }
        let (bytes, written) = inner.poll_write(context);
        if bytes > 0 {
            return Poll::Ready(Work::Wrote(bytes));
        }
        if let Poll::Ready(Err(_)) = written {
            return Poll::Ready(Work::Broken);
        }
        inner.remember(context);
        Poll::Pending
    }

    /// Writes a part of a control frame; pending while a message is on its way.
    pub(crate) fn poll_control(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = self.lock();
        // The task that writes messages is this one: it comes back when that one is written.
        if !inner.message.is_empty() {
            return Poll::Pending;
        }
        let writer = inner.writer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let count = ready!(Pin::new(writer).poll_write(context, bytes))?;
        inner.control = count < bytes.len();
        if !inner.control && inner.waits() {
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(count))
    }

    /// From now on nothing is added.
    pub(crate) fn seal(&self) {
        self.lock().sealed = true;
    }

    /// Drops what is in no message yet.
    pub(crate) fn drop_waiting(&self) {
        let mut inner = self.lock();
        inner.frames = VecDeque::new();
        inner.ping = false;
    }

    /// Writes all that waits; ready when nothing does.
    pub(crate) fn poll_drained(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_write(context).1
    }

    /// Ends the side that writes, as the other end sees it, too.
    pub(crate) fn end(&self) {
        let mut inner = self.lock();
        inner.sealed = true;
        inner.frames = VecDeque::new();
        inner.message = Bytes::new();
        inner.writer = None;
    }
}

impl Inner {
    fn waits(&self) -> bool {
        self.ping || !self.frames.is_empty()
    }

    fn remember(&mut self, context: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.waker = Some(context.waker().clone()),
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> (usize, Poll<io::Result<()>>) {
        self.write(|writer, bytes| Pin::new(writer).poll_write(context, bytes))
    }

    /// Writes with `some` until nothing waits or it is pending. Gives the bytes of frames that have left, too.
    fn write(
        &mut self,
        mut some: impl FnMut(&mut OwnedWriteHalf, &[u8]) -> Poll<io::Result<usize>>,
    ) -> (usize, Poll<io::Result<()>>) {
        let mut left = 0;
        let end = loop {
            if self.broken {
                break Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if self.message.is_empty() {
                // Even when nothing of it is left it holds its memory.
                self.message = Bytes::new();
                left += std::mem::take(&mut self.message_frames_bytes);
                if !self.begin_message() {
                    break if self.waits() { Poll::Pending } else { Poll::Ready(Ok(())) };
                }
            }
            let Some(writer) = &mut self.writer else { break Poll::Ready(Ok(())) };
            match some(writer, &self.message) {
                Poll::Ready(Ok(count)) if count > 0 => self.message.advance(count),
                Poll::Ready(_) => self.broken = true,
                Poll::Pending => break Poll::Pending,
            }
        };
        (left, end)
    }

    /// Begins the next message, if one waits and nothing else is half written.
    fn begin_message(&mut self) -> bool {
        if self.control || self.writer.is_none() {
            return false;
        }
        let ping = std::mem::take(&mut self.ping);
        let Some((message, bytes)) = join(&mut self.frames, self.encoding, ping) else { return false };
        self.message = message;
        self.message_frames_bytes = bytes;
        if self.frames.is_empty() && self.frames.capacity() > KEPT {
            // An idle connection keeps no room for a burst that is over.
            self.frames = VecDeque::new();
        }
        true
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test")]
mod tests;
