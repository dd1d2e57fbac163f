//! The Pusher protocol, as soketi and Sockudo speak it. A member of a presence channel has no attributes that change:
//! an update is a client event, which goes to all others.

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::Sha256;

use super::room::Attributes;
use super::{Target, Weight, user};
use crate::crowd::{Peer, Told};
use crate::frames::{Kind, append};

/// Key and secret of the application that the runner configures.
const KEY: &str = "bench";
const SECRET: &[u8] = b"bench";
const UPDATE: &str = "client-set";

pub(super) struct Pusher;

#[derive(Deserialize)]
struct Incoming<'a> {
    event: &'a str,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    user_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Outgoing<'a, D> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    data: D,
}

#[derive(Serialize)]
struct Subscription<'a> {
    channel: &'a str,
    auth: String,
    channel_data: String,
}

#[derive(Deserialize)]
struct Established {
    socket_id: String,
}

#[derive(Deserialize)]
struct Succeeded {
    presence: Presence,
}

#[derive(Deserialize)]
struct Presence {
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct Member {
    user_id: String,
}

impl Target for Pusher {
    fn path(&self) -> &str {
        "/app/bench?protocol=7&client=bench&version=1.0"
    }

    fn open(&self, _told: &mut Told<'_>) {}

    fn receive(&self, message: &[u8], told: &mut Told<'_>) {
        if read(message, told).is_none() {
            told.refused(String::from_utf8_lossy(message));
        }
    }

    fn update(&self, _peer: &mut Peer, channel: &str, number: u32, _weight: Weight, out: &mut Vec<u8>) {
        send(UPDATE, Some(channel), Attributes { n: number }, out);
    }
}

fn send<D: Serialize>(event: &str, channel: Option<&str>, data: D, out: &mut Vec<u8>) {
    let message = Outgoing { event, channel, data };
    append(Kind::Text, &serde_json::to_vec(&message).unwrap_or_default(), out);
}

fn read(message: &[u8], told: &mut Told<'_>) -> Option<()> {
    let incoming: Incoming<'_> = serde_json::from_slice(message).ok()?;
    match incoming.event {
        UPDATE => {
            let attributes: Attributes = serde_json::from_str(incoming.data?.get()).ok()?;
            told.member(incoming.user_id?, attributes.n);
        }
        "pusher:connection_established" => {
            let established: Established = within(incoming.data?)?;
            subscribe(&established.socket_id, told)?;
        }
        "pusher_internal:subscription_succeeded" => {
            let succeeded: Succeeded = within(incoming.data?)?;
            succeeded.presence.ids.iter().for_each(|user| told.member(user, 0));
            told.confirmed();
        }
        "pusher_internal:member_added" => told.member(&within::<Member>(incoming.data?)?.user_id, 0),
        "pusher_internal:member_removed" => told.gone(&within::<Member>(incoming.data?)?.user_id),
        "pusher:ping" => send("pusher:pong", None, Attributes::default(), told.out),
        "pusher:pong" => {}
        _ => return None,
    }
    Some(())
}

/// Data is JSON, or a string that holds JSON.
fn within<T: for<'a> Deserialize<'a>>(data: &RawValue) -> Option<T> {
    match serde_json::from_str::<String>(data.get()) {
        Ok(text) => serde_json::from_str(&text).ok(),
        Err(_) => serde_json::from_str(data.get()).ok(),
    }
}

fn subscribe(socket: &str, told: &mut Told<'_>) -> Option<()> {
    let user = user(told.peer.index);
    told.is_user(&user);
    let channel = &told.channel.name;
    let channel_data = format!(r#"{{"user_id":"{user}","user_info":{{}}}}"#);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).ok()?;
    mac.update(format!("{socket}:{channel}:{channel_data}").as_bytes());
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let subscription = Subscription { channel, auth: format!("{KEY}:{digits}"), channel_data };
    send("pusher:subscribe", None, subscription, told.out);
    Some(())
}
