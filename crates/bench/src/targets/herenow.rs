//! Our own protocol, in both encodings.

use std::rc::Rc;

use herenow_protocol::codec::{json, postcard};
use herenow_protocol::{
    ClientFrame, Encoding, Epoch, Hello, Position, ServerFrame, SessionSecret, Transition,
};

use super::herenow_read::{behind, first_frame, frame_bytes};
use super::{Target, Weight};
use crate::crowd::{ABSENT, Channel, Peer, TIMED_OUT, Told};
use crate::frames::{Kind, append};

/// The attribute that holds the number of the update.
const NUMBER: &str = "n";
/// The request that observes.
const OBSERVE: u32 = 1;
/// The attributes that make an update large, and their bytes: together nearly all that a member may have.
const FILLERS: usize = 7;
const FILLER_BYTES: usize = 1000;

/// What a frame says, with slots in place of users: the same for all connections of a channel.
#[derive(Debug)]
pub(crate) enum Summary {
    Welcome { user: String },
    Ok { id: u32 },
    Error { what: String },
    Snapshot { epoch: u64, seq: u64, members: Vec<(u32, u32)>, more: bool },
    Diff { prev: u64, seq: u64, transitions: Vec<(u32, u32)> },
    Other,
}

pub(super) struct Herenow {
    encoding: Encoding,
}

impl Herenow {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding }
    }

    /// Writes frames as one message.
    pub(super) fn send(&self, frames: &[ClientFrame], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Json => {
                let mut message = vec![b'['];
                for frame in frames {
                    if message.len() > 1 {
                        message.push(b',');
                    }
                    message.extend(json::encode(frame));
                }
                message.push(b']');
                append(Kind::Text, &message, out);
            }
            Encoding::Postcard => {
                let mut message = Vec::new();
                frames.iter().for_each(|frame| postcard::append(frame, &mut message));
                append(Kind::Binary, &message, out);
            }
        }
    }

    fn set(&self, peer: &mut Peer, channel: &str, number: u32, weight: Weight) -> ClientFrame {
        peer.progress.request += 1;
        let fillers = if weight == Weight::Heavy { FILLERS } else { 0 };
        let filler = |at| (format!("filler-{at}"), format!("{number:0FILLER_BYTES$}"));
        let attributes = (0..fillers).map(filler).chain([(NUMBER.into(), number.to_string())]).collect();
        ClientFrame::Set { id: peer.progress.request, channel: channel.into(), attributes }
    }

    fn decode(&self, frame: &[u8]) -> Option<ServerFrame> {
        match self.encoding {
            Encoding::Json => serde_json::from_slice(frame).ok(),
            Encoding::Postcard => match postcard::decode(frame).ok()?.pop()? {
                herenow_protocol::codec::Decoded::Frame(frame) => Some(frame),
                herenow_protocol::codec::Decoded::Unknown { .. }
                | herenow_protocol::codec::Decoded::Malformed { .. } => None,
            },
        }
    }
}

impl Target for Herenow {
    fn path(&self) -> &str {
        "/v1/connect"
    }

    fn subprotocol(&self) -> Option<&str> {
        Some(self.encoding.subprotocol())
    }

    fn open(&self, told: &mut Told<'_>) {
        let index = told.peer.index;
        let progress = &mut told.peer.progress;
        progress.attempt += 1;
        progress.request = OBSERVE;
        progress.answered = 0;
        progress.page.clear();
        let channel = told.channel.name.clone();
        let from =
            (progress.epoch != 0).then_some(Position { epoch: Epoch(progress.epoch), seq: progress.seq });
        let hello = Hello {
            client_id: "default".into(),
            token: Some(format!("guest.bench-{index:020}")),
            session: SessionSecret(u128::from(index) << 64 | 1),
            attempt: progress.attempt,
            joined: if progress.absent { Vec::new() } else { vec![channel.clone()] },
        };
        let mut frames = vec![ClientFrame::Hello(hello), ClientFrame::Observe { id: OBSERVE, channel, from }];
        // An update that was on its way when the socket broke may not have arrived.
        let updates = told.peer.slot().map_or(0, |slot| told.channel.updates(slot));
        if updates > 0 && !told.peer.progress.absent {
            frames.push(self.set(told.peer, &told.channel.name, updates, Weight::Light));
        }
        self.send(&frames, told.out);
    }

    fn receive(&self, message: &[u8], told: &mut Told<'_>) {
        let Some(mut rest) = frame_bytes(message, self.encoding) else {
            return told.refused("a message that is no list of frames");
        };
        while !rest.is_empty() {
            let (length, summary) = match told.channel.remembered(rest) {
                Some(known) => known,
                None => {
                    let Some(frame) = first_frame(rest, self.encoding) else {
                        return told.refused("a frame without an end");
                    };
                    let Some(read) = self.decode(frame) else {
                        return told.refused("a frame that is unknown or malformed");
                    };
                    let summary = Rc::new(summarise(read, told.channel));
                    if matches!(*summary, Summary::Snapshot { .. } | Summary::Diff { .. }) {
                        told.channel.remember(frame, &summary);
                    }
                    (frame.len(), summary)
                }
            };
            tell(&summary, told);
            rest = behind(&rest[length..], self.encoding);
        }
    }

    fn exact(&self) -> bool {
        true
    }

    fn update(&self, peer: &mut Peer, channel: &str, number: u32, weight: Weight, out: &mut Vec<u8>) {
        let frame = self.set(peer, channel, number, weight);
        self.send(&[frame], out);
    }

    fn membership(&self, peer: &mut Peer, channel: &str, number: u32, out: &mut Vec<u8>) {
        peer.progress.request += 1;
        let id = peer.progress.request;
        if peer.progress.absent {
            self.send(&[ClientFrame::Leave { id, channel: channel.into() }], out);
        } else {
            let set = self.set(peer, channel, number, Weight::Light);
            self.send(&[ClientFrame::Join { id, channel: channel.into() }, set], out);
        }
    }
}

fn number(attributes: &herenow_protocol::Attributes) -> u32 {
    attributes.iter().find(|(key, _)| *key == NUMBER).and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

fn summarise(frame: ServerFrame, channel: &mut Channel) -> Summary {
    match frame {
        ServerFrame::Welcome(welcome) if welcome.refused.is_empty() => {
            Summary::Welcome { user: welcome.user }
        }
        ServerFrame::Welcome(welcome) => Summary::Error { what: format!("{:?}", welcome.refused) },
        ServerFrame::Ok { id, .. } => Summary::Ok { id },
        ServerFrame::Error { code, message, .. } => Summary::Error { what: format!("{code:?}: {message}") },
        ServerFrame::Snapshot(snapshot) if *snapshot.channel != *channel.name => strange(&snapshot.channel),
        ServerFrame::Diff { channel: of, .. } if *of != *channel.name => strange(&of),
        ServerFrame::Snapshot(snapshot) => Summary::Snapshot {
            epoch: snapshot.epoch.0,
            seq: snapshot.seq,
            members: snapshot
                .members
                .iter()
                .map(|member| (channel.slot(&member.user), number(&member.attributes)))
                .collect(),
            more: snapshot.more,
        },
        ServerFrame::Diff { prev, seq, transitions, .. } => Summary::Diff {
            prev,
            seq,
            transitions: transitions
                .iter()
                .map(|transition| match transition {
                    Transition::Join { user } => (channel.slot(user), 0),
                    Transition::Leave { user } => (channel.slot(user), ABSENT),
                    Transition::Timeout { user } => (channel.slot(user), TIMED_OUT),
                    Transition::Set { user, attributes } => (channel.slot(user), number(attributes)),
                })
                .collect(),
        },
        ServerFrame::Tick {} => Summary::Other,
        ServerFrame::GoingAway { .. }
        | ServerFrame::Membership { .. }
        | ServerFrame::Left { .. }
        | ServerFrame::Occupancy(_) => Summary::Error { what: "a frame that nobody expected".into() },
    }
}

fn strange(channel: &str) -> Summary {
    Summary::Error { what: format!("a frame of {channel}, which is not observed") }
}

fn tell(summary: &Summary, told: &mut Told<'_>) {
    match summary {
        Summary::Welcome { user } => told.is_user(user),
        Summary::Ok { id } => {
            if *id == OBSERVE {
                told.confirmed();
            }
            told.answered(*id);
        }
        Summary::Other => {}
        Summary::Error { what } => told.refused(what),
        Summary::Snapshot { epoch, seq, members, more } => {
            told.peer.progress.page.extend(members);
            if !more {
                let members = std::mem::take(&mut told.peer.progress.page);
                told.roster(&members);
                (told.peer.progress.epoch, told.peer.progress.seq) = (*epoch, *seq);
            }
        }
        Summary::Diff { prev, seq, transitions } => {
            if *prev != told.peer.progress.seq {
                told.tally.gaps += 1;
            }
            told.peer.progress.seq = *seq;
            transitions.iter().for_each(|(slot, update)| told.apply(*slot, *update));
        }
    }
}
