//! Writing one message in pieces.
//!
//! tungstenite copies what it writes into a buffer that grows to the largest frame and never shrinks. One snapshot of
//! a large channel would cost a connection that much memory for good. So a message leaves as several frames of few
//! kilobytes, which the other side puts together.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, StreamExt};
use herenow_protocol::Encoding;
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::upgrade::{Socket, WRITE_BUFFER_BYTES};
use crate::outbox::Closing;

/// Bytes of one frame of a message.
const PIECE_BYTES: usize = WRITE_BUFFER_BYTES;
/// How long the last frames, the close frame and the client's answer to it may take. A socket that is stuck takes
/// nothing: then it is dropped.
const GOODBYE: Duration = Duration::from_secs(2);

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: Bytes,
    next: Data,
    all_fed: bool,
}

impl Outgoing {
    pub(crate) fn new(encoding: Encoding, payload: Bytes) -> Self {
        let kind = match encoding {
            Encoding::Json => Data::Text,
            Encoding::Postcard => Data::Binary,
        };
        Self { rest: payload, next: kind, all_fed: false }
    }

    /// Only a flush of what is buffered.
    pub(crate) const fn nothing() -> Self {
        Self { rest: Bytes::new(), next: Data::Continue, all_fed: true }
    }

    fn next_piece(&mut self) -> Message {
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        self.all_fed = self.rest.is_empty();
        let kind = std::mem::replace(&mut self.next, Data::Continue);
        Message::Frame(Frame::message(piece, OpCode::Data(kind), self.all_fed))
    }

    /// Writes what is left, and flushes.
    pub(crate) fn poll_write(
        &mut self,
        socket: &mut Socket,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        while !self.all_fed {
            ready!(Pin::new(&mut *socket).poll_ready(context))?;
            Pin::new(&mut *socket).start_send(self.next_piece())?;
        }
        socket.poll_flush_unpin(context)
    }
}

/// Writes `messages`, says goodbye with a close frame, waits for the client to do so, all of it for a short time only.
pub(crate) async fn finish(
    mut socket: Socket,
    messages: impl IntoIterator<Item = Outgoing>,
    closing: Closing,
) {
    let goodbye = async {
        for mut message in messages {
            std::future::poll_fn(|context| message.poll_write(&mut socket, context)).await?;
        }
        let code = CloseCode::from(closing.code.number());
        socket.send(Message::Close(Some(CloseFrame { code, reason: closing.reason.into() }))).await?;
        while let Some(Ok(_)) = socket.next().await {}
        Ok::<(), Error>(())
    };
    match timeout(GOODBYE, goodbye).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a socket broke while it was closed"),
        Err(_) => tracing::debug!(code = closing.code.number(), "a socket did not close in time"),
    }
}

/// Answers a client that said goodbye, for a short time only.
pub(crate) async fn answer_close(mut socket: Socket) {
    // Whether the answer arrives is the client's business.
    let _ = timeout(GOODBYE, async { while let Some(Ok(_)) = socket.next().await {} }).await;
}
