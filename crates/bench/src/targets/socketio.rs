//! socket.io over engine.io 4, WebSocket only, and the room of `bench/peers/socketio.mjs`.

use serde::Serialize;
use serde_json::value::RawValue;

use super::room::Attributes;
use super::{Target, Weight, user};
use crate::crowd::{Peer, Told};
use crate::frames::{Kind, append};

pub(super) struct SocketIo;

/// Sends an event.
fn emit(event: impl Serialize, out: &mut Vec<u8>) {
    let mut message = b"42".to_vec();
    message.extend(serde_json::to_vec(&event).unwrap_or_default());
    append(Kind::Text, &message, out);
}

#[derive(Serialize)]
struct Join<'a> {
    room: &'a str,
    user: &'a str,
}

impl Target for SocketIo {
    fn path(&self) -> &str {
        "/socket.io/?EIO=4&transport=websocket"
    }

    fn open(&self, _told: &mut Told<'_>) {}

    fn receive(&self, message: &[u8], told: &mut Told<'_>) {
        match message {
            [b'0', ..] => append(Kind::Text, b"40", told.out),
            [b'2', ..] => append(Kind::Text, b"3", told.out),
            [b'4', b'0', ..] => {
                let user = user(told.peer.index);
                told.is_user(&user);
                told.member(&user, 0);
                emit(("join", Join { room: &told.channel.name, user: &user }), told.out);
            }
            [b'4', b'2', event @ ..] => {
                if read(event, told).is_none() {
                    told.refused("an event that is none of the room's");
                }
            }
            other => told.refused(String::from_utf8_lossy(other)),
        }
    }

    fn update(&self, _peer: &mut Peer, _channel: &str, number: u32, _weight: Weight, out: &mut Vec<u8>) {
        emit(("set", Attributes { n: number }), out);
    }
}

fn read(event: &[u8], told: &mut Told<'_>) -> Option<()> {
    let parts: Vec<&RawValue> = serde_json::from_slice(event).ok()?;
    let text = |at: usize| serde_json::from_str::<&str>(parts.get(at)?.get()).ok();
    match text(0)? {
        "roster" => {
            let users: Vec<(&str, Attributes)> = serde_json::from_str(parts.get(1)?.get()).ok()?;
            users.into_iter().for_each(|(user, attributes)| told.member(user, attributes.n));
            told.confirmed();
        }
        "joined" => told.member(text(1)?, 0),
        "left" => told.gone(text(1)?),
        "set" => {
            let attributes: Attributes = serde_json::from_str(parts.get(2)?.get()).ok()?;
            told.member(text(1)?, attributes.n);
        }
        _ => return None,
    }
    Some(())
}
