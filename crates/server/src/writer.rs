//! The half of a socket that writes: plain, or with TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncWrite, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio_rustls::server::TlsStream;

/// See the module.
#[derive(Debug)]
pub(crate) enum Writer {
    /// What is written goes to the kernel.
    Plain(OwnedWriteHalf),
    /// What is written is encrypted first, and may wait there: a flush pushes it on.
    Tls(WriteHalf<TlsStream<TcpStream>>),
}

/// Who writes.
pub(crate) enum By<'a, 'b> {
    /// Somebody who does not wait: whoever does is to be woken when the socket takes no more.
    AtOnce,
    /// The connection's task, which is woken by the socket itself.
    Task(&'a mut Context<'b>),
}

impl Writer {
    pub(crate) fn poll_write(&mut self, by: &mut By<'_, '_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match (self, by) {
            (Self::Plain(half), By::AtOnce) => match half.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                result => Poll::Ready(result),
            },
            (Self::Plain(half), By::Task(context)) => Pin::new(half).poll_write(context, bytes),
            (Self::Tls(half), By::AtOnce) => {
                Pin::new(half).poll_write(&mut Context::from_waker(Waker::noop()), bytes)
            }
            (Self::Tls(half), By::Task(context)) => Pin::new(half).poll_write(context, bytes),
        }
    }

    /// Pushes on what was taken.
    pub(crate) fn poll_flush(&mut self, by: &mut By<'_, '_>) -> Poll<io::Result<()>> {
        match (self, by) {
            (Self::Plain(_), _) => Poll::Ready(Ok(())),
            (Self::Tls(half), By::AtOnce) => {
                Pin::new(half).poll_flush(&mut Context::from_waker(Waker::noop()))
            }
            (Self::Tls(half), By::Task(context)) => Pin::new(half).poll_flush(context),
        }
    }

    /// Ends this side, as the other end sees it, too.
    pub(crate) fn end(self) {
        match self {
            // Dropping does it.
            Self::Plain(half) => drop(half),
            Self::Tls(mut half) => {
                // If the socket does not take this, there is nobody to tell.
                let _ = Pin::new(&mut half).poll_shutdown(&mut Context::from_waker(Waker::noop()));
            }
        }
    }
}
