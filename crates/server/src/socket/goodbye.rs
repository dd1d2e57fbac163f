//! The end of a socket.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::upgrade::Socket;
use crate::outbox::Closing;

/// How long the last messages, the close frame and the client's answer to it may take. A socket that is stuck takes
/// nothing: then it is dropped.
const GOODBYE: Duration = Duration::from_secs(2);

/// Writes what waits in the outbox, says goodbye with a close frame, waits for the client to do so, all of it for a
/// short time only.
pub(crate) async fn finish(mut socket: Socket, closing: Closing) {
    let goodbye = async {
        socket.get_ref().outbox().seal();
        write_all(&mut socket).await?;
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
pub(crate) async fn answer_close(mut socket: Socket) {
    let answer = async {
        socket.get_ref().outbox().seal();
        socket.get_ref().outbox().drop_waiting();
        write_all(&mut socket).await?;
        while let Some(Ok(_)) = socket.next().await {}
        Ok::<(), Error>(())
    };
    // Whether the answer arrives is the client's business.
    let _ = timeout(GOODBYE, answer).await;
}

/// Writes what the outbox and tungstenite have.
async fn write_all(socket: &mut Socket) -> Result<(), Error> {
    poll_fn(|context| {
        let messages = socket.get_ref().outbox().poll_drained(context)?;
        let controls = socket.poll_flush_unpin(context)?;
        if messages.is_ready() && controls.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}
