//! What waits to be written to one socket, and the half of the socket that writes.
//!
//! The registry's task adds frames and flushes: mostly the kernel takes all of them at once, and the connection's own
//! task has nothing to do. Only what the kernel does not take, a close, and a broken socket wake it. tungstenite reads in
//! that task, and its control frames go through here, too: it would copy each message into a buffer of the connection
//! that grows to the largest and never shrinks.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use herenow_protocol::{CloseCode, Encoding};

use crate::joining::join;
use crate::writer::{By, Writer};

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
    writer: Option<Writer>,
    /// Frames that are in no message yet.
    frames: VecDeque<Bytes>,
    /// What is left of the message on its way out, and the bytes of its frames.
    message: Bytes,
    message_frames_bytes: usize,
    ping: bool,
    /// Pings that have gone into messages.
    pings: u32,
    /// A control frame is half written: no message may come in between.
    control: bool,
    close: Option<Closing>,
    sealed: bool,
    broken: bool,
    /// Of the connection's task, while it has nothing to do.
    waker: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(encoding: Encoding, writer: Writer) -> Self {
        let inner = Inner {
            encoding,
            writer: Some(writer),
            frames: VecDeque::new(),
            message: Bytes::new(),
            message_frames_bytes: 0,
            ping: false,
            pings: 0,
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
            let (bytes, written) = inner.write(&mut By::AtOnce);
            let idle = matches!(written, Poll::Ready(Ok(())));
            (bytes, if idle { None } else { inner.waker.take() })
        };
        wake(waker);
        bytes
    }

    // --- the connection's task ---

    /// How many pings were sent, or are on their way.
    pub(crate) fn pings(&self) -> u32 {
        self.lock().pings
    }

    /// Writes what waits; pending when there is nothing, or while the socket takes no more.
    pub(crate) fn poll_work(&self, context: &mut Context<'_>) -> Poll<Work> {
        let mut inner = self.lock();
        if let Some(closing) = inner.close {
            return Poll::Ready(Work::Close(closing));
        }
        let (bytes, written) = inner.write(&mut By::Task(context));
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
        let count = ready!(writer.poll_write(&mut By::Task(context), bytes))?;
        inner.control = count < bytes.len();
        if !inner.control && inner.waits() {
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(count))
    }

    /// Pushes on what was taken of control frames.
    pub(crate) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.lock().writer {
            Some(writer) => writer.poll_flush(&mut By::Task(context)),
            None => Poll::Ready(Ok(())),
        }
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
        self.lock().write(&mut By::Task(context)).1
    }

    /// Ends the side that writes, as the other end sees it, too.
    pub(crate) fn end(&self) {
        let mut inner = self.lock();
        inner.sealed = true;
        inner.frames = VecDeque::new();
        inner.message = Bytes::new();
        if let Some(writer) = inner.writer.take() {
            writer.end();
        }
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

    /// Writes until nothing waits or the socket takes no more. Gives the bytes of frames that have left, too.
    fn write(&mut self, by: &mut By<'_, '_>) -> (usize, Poll<io::Result<()>>) {
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
                    break if self.waits() { Poll::Pending } else { self.push_on(by) };
                }
            }
            let Some(writer) = &mut self.writer else { break Poll::Ready(Ok(())) };
            match writer.poll_write(by, &self.message) {
                Poll::Ready(Ok(count)) if count > 0 => self.message.advance(count),
                Poll::Ready(_) => self.broken = true,
                Poll::Pending => break Poll::Pending,
            }
        };
        (left, end)
    }

    fn push_on(&mut self, by: &mut By<'_, '_>) -> Poll<io::Result<()>> {
        let Some(writer) = &mut self.writer else { return Poll::Ready(Ok(())) };
        let pushed = writer.poll_flush(by);
        self.broken |= matches!(pushed, Poll::Ready(Err(_)));
        pushed
    }

    /// Begins the next message, if one waits and nothing else is half written.
    fn begin_message(&mut self) -> bool {
        if self.control || self.writer.is_none() {
            return false;
        }
        let ping = std::mem::take(&mut self.ping);
        let Some((message, bytes)) = join(&mut self.frames, self.encoding, ping) else { return false };
        self.message = message;
        self.pings = self.pings.saturating_add(u32::from(ping));
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
