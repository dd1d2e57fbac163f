//! Hocuspocus: the awareness of a Yjs document. Its clients renew their state every 15 s, or it is taken for gone.

use std::time::Duration;

use super::room::Attributes;
use super::{Target, Weight};
use crate::crowd::{Peer, Told};
use crate::frames::{Kind, append};

const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const SYNC_STATUS: u64 = 8;
/// Within [`AUTH`]: a client's token, and the server's answers.
const TOKEN: u64 = 0;
const AUTHENTICATED: u64 = 2;
/// Half of the time after which y-protocols takes a client for gone.
const RENEWAL: Duration = Duration::from_secs(15);

pub(super) struct Hocuspocus;

impl Target for Hocuspocus {
    fn path(&self) -> &str {
        "/"
    }

    fn open(&self, told: &mut Told<'_>) {
        let id = client_id(told.peer.index);
        told.is_user(&id.to_string());
        told.member(&id.to_string(), 0);
        let mut message = Vec::new();
        put_text(&told.channel.name, &mut message);
        [AUTH, TOKEN].into_iter().for_each(|number| put(number, &mut message));
        put_text("", &mut message);
        append(Kind::Binary, &message, told.out);
        say(told.peer, &told.channel.name, 0, told.out);
    }

    fn receive(&self, message: &[u8], told: &mut Told<'_>) {
        if read(message, told).is_none() {
            told.refused(format!("{message:?}"));
        }
    }

    fn update(&self, peer: &mut Peer, channel: &str, number: u32, _weight: Weight, out: &mut Vec<u8>) {
        say(peer, channel, number, out);
    }

    fn renewal(&self) -> Option<Duration> {
        Some(RENEWAL)
    }
}

fn client_id(index: u32) -> u64 {
    u64::from(index) + 1
}

/// Sends the own state with the next clock.
fn say(peer: &mut Peer, channel: &str, number: u32, out: &mut Vec<u8>) {
    peer.progress.request += 1;
    let mut update = Vec::new();
    [1, client_id(peer.index), u64::from(peer.progress.request)]
        .into_iter()
        .for_each(|n| put(n, &mut update));
    put_text(&serde_json::to_string(&Attributes { n: number }).unwrap_or_default(), &mut update);
    let mut message = Vec::new();
    put_text(channel, &mut message);
    put(AWARENESS, &mut message);
    put(update.len() as u64, &mut message);
    message.extend(update);
    append(Kind::Binary, &message, out);
}

fn read(mut message: &[u8], told: &mut Told<'_>) -> Option<()> {
    let rest = &mut message;
    take_bytes(rest)?;
    match take(rest)? {
        AWARENESS => {
            let mut update = take_bytes(rest)?;
            let states = &mut update;
            for _ in 0..take(states)? {
                let (id, _clock) = (take(states)?, take(states)?);
                match serde_json::from_slice::<Option<Attributes>>(take_bytes(states)?).ok()? {
                    Some(attributes) => told.member(&id.to_string(), attributes.n),
                    None => told.gone(&id.to_string()),
                }
            }
        }
        AUTH if take(rest)? == AUTHENTICATED => told.confirmed(),
        SYNC_STATUS => {}
        _ => return None,
    }
    Some(())
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}
