//! A batch of events as one string and the lengths that cut it: one call into JavaScript, however many events.

use herenow_session::{Event, EventKind};

use crate::bridge;

/// Marks an event that the SDK derived.
const SYNC: u32 = 4;

/// Tells the listeners of `client`.
pub(crate) fn events(client: u32, events: &[Event]) {
    let mut pack = Pack { text: String::new(), lengths: Vec::with_capacity(4 * events.len()) };
    let mut channel = "";
    for event in events {
        let sync = if event.sync { SYNC } else { 0 };
        pack.lengths.push(kind(event.kind) | sync);
        if *event.channel == *channel {
            pack.lengths.push(0);
        } else {
            channel = &event.channel;
            pack.push(channel);
        }
        pack.push(&event.user);
        let Some(attributes) = &event.attributes else {
            pack.lengths.push(0);
            continue;
        };
        pack.lengths.push(attributes.len() as u32 + 1);
        for (key, value) in attributes.iter() {
            pack.push(key);
            pack.push(value);
        }
    }
    bridge::deliver(client, &pack.text, &pack.lengths);
}

struct Pack {
    text: String,
    lengths: Vec<u32>,
}

impl Pack {
    /// Lengths count UTF-16 units, as JavaScript's strings do.
    fn push(&mut self, part: &str) {
        self.text.push_str(part);
        let units = if part.is_ascii() { part.len() } else { part.encode_utf16().count() };
        self.lengths.push(units as u32);
    }
}

fn kind(kind: EventKind) -> u32 {
    match kind {
        EventKind::Join => 0,
        EventKind::Leave => 1,
        EventKind::Timeout => 2,
        EventKind::Update => 3,
    }
}
