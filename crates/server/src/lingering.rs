//! A TCP stream that lingers when it is dropped.
//!
//! Closing a socket that still has unread input makes the kernel reset it, and the reset overtakes what was written
//! last: the close frame or the error answer that says why. So the stream ends its own side and reads on for a moment.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long it reads on.
const LINGER: Duration = Duration::from_secs(1);
/// How much it reads then.
const MAX_DISCARDED_BYTES: u64 = 1024 * 1024;

/// What can linger.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// See the module.
#[derive(Debug)]
pub(crate) struct LingeringStream<S: Stream> {
    stream: Option<S>,
    /// The other side has ended, or the stream failed: nobody to linger for.
    over: bool,
}

impl<S: Stream> LingeringStream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: Some(stream), over: false }
    }

    /// The stream; from now on it is the caller's to linger.
    pub(crate) fn into_inner(mut self) -> Option<S> {
        self.stream.take()
    }

    fn inner<'a>(self: &'a mut Pin<&mut Self>) -> io::Result<Pin<&'a mut S>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.over |= result.is_err();
        result
    }
}

impl<S: Stream> AsyncRead for LingeringStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(self.inner()?.poll_read(context, buffer));
        self.over |= buffer.filled().len() == before && buffer.remaining() > 0;
        Poll::Ready(self.note(result))
    }
}

impl<S: Stream> AsyncWrite for LingeringStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(self.inner()?.poll_write(context, bytes));
        Poll::Ready(self.note(result))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(self.inner()?.poll_write_vectored(context, bytes));
        Poll::Ready(self.note(result))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_shutdown(context)
    }
}

impl<S: Stream> Drop for LingeringStream<S> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if let (Some(stream), Ok(runtime)) = (self.stream.take(), Handle::try_current()) {
            runtime.spawn(linger(stream));
        }
    }
}

async fn linger(mut stream: impl Stream) {
    if stream.shutdown().await.is_ok() {
        discard(stream).await;
    }
}

/// Reads on for a moment, after the own side has ended.
pub(crate) async fn discard(stream: impl AsyncRead + Unpin) {
    let mut rest = stream.take(MAX_DISCARDED_BYTES);
    // However it ends, the socket is closed now.
    let _ = timeout(LINGER, async {
        let mut discarded = [0_u8; 4096];
        while rest.read(&mut discarded).await.is_ok_and(|count| count > 0) {}
    })
    .await;
}
