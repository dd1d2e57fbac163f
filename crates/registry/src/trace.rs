//! What a log at debug tells: spans with the connection, the session and the channel, and the events in them.
//!
//! A session goes by its number on this node, since its secret is a key. No token and no attribute is told. Without a
//! subscriber that wants them they cost the look at one number.

use herenow_protocol::{ClientFrame, Decoded};
use tracing::field::Empty;
use tracing::span::EnteredSpan;

use crate::ConnectionId;
use crate::sessions::SessionId;

/// What happens to a connection's session.
pub(crate) fn session(connection: ConnectionId, session: SessionId) -> EnteredSpan {
    tracing::debug_span!("session", connection = connection.0, session = session.0).entered()
}

/// What a frame makes happen.
pub(crate) fn frame(
    connection: ConnectionId,
    session: SessionId,
    frame: &Decoded<ClientFrame>,
) -> EnteredSpan {
    let span = tracing::debug_span!(
        "frame",
        connection = connection.0,
        session = session.0,
        kind = Empty,
        channel = Empty
    );
    if !span.is_disabled() {
        let (kind, channel) = about(frame);
        span.record("kind", kind);
        span.record("channel", channel);
    }
    let entered = span.entered();
    tracing::debug!("arrived");
    entered
}

fn about(frame: &Decoded<ClientFrame>) -> (&'static str, Option<&str>) {
    let frame = match frame {
        Decoded::Frame(frame) => frame,
        Decoded::Unknown { .. } => return ("unknown", None),
        Decoded::Malformed { .. } => return ("malformed", None),
    };
    match frame {
        ClientFrame::Hello(_) => ("hello", None),
        ClientFrame::Join { channel, .. } => ("join", Some(channel)),
        ClientFrame::Leave { channel, .. } => ("leave", Some(channel)),
        ClientFrame::Set { channel, .. } => ("set", Some(channel)),
        ClientFrame::Observe { channel, .. } => ("observe", Some(channel)),
        ClientFrame::Unobserve { channel, .. } => ("unobserve", Some(channel)),
        ClientFrame::Token { .. } => ("token", None),
        ClientFrame::Bye {} => ("bye", None),
    }
}
