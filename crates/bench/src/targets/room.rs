//! A room as somebody writes it in an afternoon on top of `ws`: `bench/peers/ws.mjs`.

use serde::{Deserialize, Serialize};

use super::{Target, Weight, user};
use crate::crowd::{Peer, Told};
use crate::frames::{Kind, append};

/// Messages of both directions.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Message<'a> {
    Join { room: &'a str, user: &'a str },
    Roster { users: Vec<(&'a str, Attributes)> },
    Joined { user: &'a str },
    Left { user: &'a str },
    Set { user: &'a str, attributes: Attributes },
}

/// What a member says about itself: the number of its newest update.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Attributes {
    #[serde(default)]
    pub(super) n: u32,
}

pub(super) struct Room;

fn send(message: &Message<'_>, out: &mut Vec<u8>) {
    append(Kind::Text, &serde_json::to_vec(message).unwrap_or_default(), out);
}

impl Target for Room {
    fn path(&self) -> &str {
        "/"
    }

    fn open(&self, told: &mut Told<'_>) {
        let user = user(told.peer.index);
        told.is_user(&user);
        send(&Message::Join { room: &told.channel.name, user: &user }, told.out);
    }

    fn receive(&self, message: &[u8], told: &mut Told<'_>) {
        let Ok(message) = serde_json::from_slice::<Message<'_>>(message) else {
            return told.refused("a message that is none of the room's");
        };
        match message {
            Message::Roster { users } => {
                users.into_iter().for_each(|(user, attributes)| told.member(user, attributes.n));
                told.confirmed();
            }
            Message::Joined { user } => told.member(user, 0),
            Message::Left { user } => told.gone(user),
            Message::Set { user, attributes } => told.member(user, attributes.n),
            Message::Join { .. } => told.refused("a join from the server"),
        }
    }

    fn update(&self, peer: &mut Peer, _channel: &str, number: u32, _weight: Weight, out: &mut Vec<u8>) {
        send(&Message::Set { user: &user(peer.index), attributes: Attributes { n: number } }, out);
    }
}
