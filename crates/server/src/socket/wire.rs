//! Writing messages, and the end of a socket.
//!
//! tungstenite would copy each message into a buffer of the connection that grows to the largest and never shrinks:
//! one snapshot of a large channel would cost that much memory for as long as the socket lives. So messages go to the
//! stream from here, in one write where the kernel takes them; tungstenite reads, and writes the control frames.

use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use herenow_protocol::Encoding;
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::upgrade::Socket;
use crate::outbox::Closing;

/// How long the last messages, the close frame and the client's answer to it may take. A socket that is stuck takes
/// nothing: then it is dropped.
const GOODBYE: Duration = Duration::from_secs(2);
/// The most bytes of a frame's header (RFC 6455, 5.2); the server sends no mask.
const MAX_HEADER_BYTES: usize = 10;
/// First byte of a header: the only frame of its message.
const FINAL: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// A buffer that begins with the header of a message of `len` bytes, with room for those.
pub(crate) fn begin_message(encoding: Encoding, len: usize) -> BytesMut {
    let mut message = BytesMut::with_capacity(MAX_HEADER_BYTES + len);
    message.put_u8(match encoding {
        Encoding::Json => FINAL | TEXT,
        Encoding::Postcard => FINAL | BINARY,
    });
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..=125), _) => message.put_u8(short),
        (_, Ok(medium)) => {
            message.put_u8(126);
            message.put_u16(medium);
        }
        (_, Err(_)) => {
            message.put_u8(127);
            message.put_u64(len as u64);
        }
    }
    message
}

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: Bytes,
    begun: bool,
}

impl Outgoing {
    /// `message` has its header.
    pub(crate) const fn new(message: Bytes) -> Self {
        Self { rest: message, begun: false }
    }

    /// Writes what is left, and what tungstenite has buffered before and meanwhile.
    pub(crate) fn poll_write(
        &mut self,
        socket: &mut Socket,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if !self.begun {
            ready!(socket.poll_flush_unpin(context))?;
            self.begun = true;
            socket.get_mut().hold(true);
        }
        while self.rest.has_remaining() {
            let count = ready!(socket.get_mut().poll_write_held(context, &self.rest))?;
            self.rest.advance(count);
        }
        socket.get_mut().hold(false);
        socket.poll_flush_unpin(context)
    }

    async fn write(mut self, socket: &mut Socket) -> Result<(), Error> {
        std::future::poll_fn(|context| self.poll_write(socket, context)).await
    }
}

/// Writes `messages`, says goodbye with a close frame, waits for the client to do so, all of it for a short time only.
pub(crate) async fn finish(
    mut socket: Socket,
    messages: impl IntoIterator<Item = Outgoing>,
    closing: Closing,
) {
    let goodbye = async {
        for message in messages {
            message.write(&mut socket).await?;
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

/// Answers a client that said goodbye, after the message that is half written, for a short time only.
pub(crate) async fn answer_close(mut socket: Socket, half_written: Option<Outgoing>) {
    let answer = async {
        if let Some(message) = half_written {
            message.write(&mut socket).await?;
        }
        while let Some(Ok(_)) = socket.next().await {}
        Ok::<(), Error>(())
    };
    // Whether the answer arrives is the client's business.
    let _ = timeout(GOODBYE, answer).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_kind_and_length_in_the_fewest_bytes() {
        let header = |encoding, len| begin_message(encoding, len).to_vec();
        assert_eq!(header(Encoding::Json, 0), [0x81, 0]);
        assert_eq!(header(Encoding::Postcard, 125), [0x82, 125]);
        assert_eq!(header(Encoding::Json, 126), [0x81, 126, 0, 126]);
        assert_eq!(header(Encoding::Json, 255), [0x81, 126, 0, 255]);
        assert_eq!(header(Encoding::Json, 65_535), [0x81, 126, 255, 255]);
        assert_eq!(header(Encoding::Json, 65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
