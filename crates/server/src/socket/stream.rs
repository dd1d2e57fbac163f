//! The stream below a WebSocket: tungstenite reads from it, and writes control frames through the outbox.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::runtime::Handle;

use crate::lingering::discard;
use crate::outbox::Outbox;

/// The socket's task reads here. What it writes must not come in between the messages that the outbox writes, so it
/// goes through there.
#[derive(Debug)]
pub(crate) struct Stream {
    reader: Option<OwnedReadHalf>,
    outbox: Arc<Outbox>,
    /// The other side has ended, or the stream failed: nobody to linger for.
    over: bool,
}

impl Stream {
    /// `outbox` makes the outbox of the half that writes.
    pub(crate) fn new(
        stream: TcpStream,
        outbox: impl FnOnce(tokio::net::tcp::OwnedWriteHalf) -> Outbox,
    ) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: Some(reader), outbox: Arc::new(outbox(writer)), over: false }
    }

    pub(crate) const fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.over |= result.is_err();
        result
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Some(reader) = &mut self.reader else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let result = ready!(Pin::new(reader).poll_read(context, buffer));
        self.over |= buffer.filled().len() == before && buffer.remaining() > 0;
        Poll::Ready(self.note(result))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(self.outbox.poll_control(context, bytes));
        Poll::Ready(self.note(result))
    }

    /// TCP has nothing to flush.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbox.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.outbox.end();
        if self.over {
            return;
        }
        if let (Some(reader), Ok(runtime)) = (self.reader.take(), Handle::try_current()) {
            runtime.spawn(discard(reader));
        }
    }
}
