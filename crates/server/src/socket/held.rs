//! The stream below a WebSocket, with two writers that must not mix: tungstenite, which answers pings and closes, and
//! [`super::wire`], which writes messages.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that can be held for a message.
#[derive(Debug)]
pub(crate) struct Held<S> {
    stream: S,
    held: bool,
}

impl<S: AsyncWrite + Unpin> Held<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, held: false }
    }

    /// Begins or ends a message. In between [`AsyncWrite`] is pending and wakes nobody: the task that writes the
    /// message is the one that uses it.
    pub(crate) const fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Writes some bytes of the message.
    pub(crate) fn poll_write_held(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        Poll::Ready(if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.held {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn while_a_message_is_written_nothing_else_is() {
        let (near, mut far) = duplex(64);
        let mut stream = Held::new(near);
        stream.hold(true);
        let wrote = poll_fn(|context| stream.poll_write_held(context, b"half")).await;
        assert_eq!(wrote.ok(), Some(4));
        let control =
            poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_write(context, b"pong").is_pending()))
                .await;
        assert!(control);
        let wrote = poll_fn(|context| stream.poll_write_held(context, b" and half")).await;
        assert_eq!(wrote.ok(), Some(9));
        stream.hold(false);
        assert!(stream.write_all(b", pong").await.is_ok());
        let mut read = [0; 19];
        assert!(far.read_exact(&mut read).await.is_ok());
        assert_eq!(&read, b"half and half, pong");
    }
}
