//! The stream below a WebSocket: tungstenite reads from it, and writes control frames through the outbox.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::runtime::Handle;
use tokio_rustls::server::TlsStream;

use super::fragments::Fragments;
use crate::lingering::discard;
use crate::outbox::Outbox;
use crate::writer::Writer;

/// The socket's task reads here. What it writes must not come in between the messages that the outbox writes, so it
/// goes through there.
#[derive(Debug)]
pub(crate) struct Stream {
    reader: Option<Reader>,
    fragments: Fragments,
    outbox: Arc<Outbox>,
    /// The other side has ended, or the stream failed: nobody to linger for.
    over: bool,
}

/// The half that reads.
#[derive(Debug)]
enum Reader {
    Plain(OwnedReadHalf),
    Tls(ReadHalf<TlsStream<TcpStream>>),
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_read(context, buffer),
            Self::Tls(half) => Pin::new(half).poll_read(context, buffer),
        }
    }
}

impl Stream {
    /// `outbox` makes the outbox of the half that writes. What of the WebSocket was read before goes to
    /// [`Stream::follow`].
    pub(crate) fn plain(stream: TcpStream, outbox: impl FnOnce(Writer) -> Outbox) -> Self {
        let (reader, writer) = stream.into_split();
        Self::new(Reader::Plain(reader), outbox(Writer::Plain(writer)))
    }

    /// The same with TLS.
    pub(crate) fn tls(stream: TlsStream<TcpStream>, outbox: impl FnOnce(Writer) -> Outbox) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self::new(Reader::Tls(reader), outbox(Writer::Tls(writer)))
    }

    fn new(reader: Reader, outbox: Outbox) -> Self {
        Self { reader: Some(reader), fragments: Fragments::default(), outbox: Arc::new(outbox), over: false }
    }

    /// Looks at bytes that were read before this stream was made.
    pub(crate) fn follow(&mut self, early: &[u8]) {
        self.fragments.follow(early);
    }

    /// How many fragments that continue a message arrived since this was asked last.
    pub(crate) fn take_fragments(&mut self) -> u32 {
        self.fragments.take()
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
        self.fragments.follow(&buffer.filled()[before..]);
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

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(self.outbox.poll_flush(context));
        Poll::Ready(self.note(result))
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
