//! Texts for JavaScript as one string and the lengths that cut it: one call, however many texts.

use herenow_protocol::{Attributes, Occupancy};
use herenow_session::{Event, EventKind, Roster};

/// Marks an event that the SDK derived.
const SYNC: u32 = 4;
/// Marks what is told of a channel instead of what happened to a user.
const OCCUPANCY: u32 = 8;

#[derive(Default)]
pub(crate) struct Pack {
    pub(crate) text: String,
    pub(crate) lengths: Vec<u32>,
}

impl Pack {
    /// A batch of events: kind, channel (empty: as before), user, and for an update one more than its attributes.
    pub(crate) fn events(events: &[Event]) -> Self {
        let mut pack = Self::default();
        let mut channel = "";
        for event in events {
            let sync = if event.sync { SYNC } else { 0 };
            pack.lengths.push(kind(event.kind) | sync);
            let same = *event.channel == *channel;
            channel = &event.channel;
            pack.push(if same { "" } else { channel });
            pack.push(&event.user);
            match &event.attributes {
                Some(attributes) => pack.attributes(attributes),
                None => pack.lengths.push(0),
            }
        }
        pack
    }

    /// How a channel is told: mode, channel, counts, whether it is truncated, and members as a sample.
    pub(crate) fn occupancy(told: &Occupancy) -> Self {
        let mut pack = Self::default();
        pack.lengths.push(OCCUPANCY | told.mode as u32);
        pack.push(&told.channel);
        // Beyond 4 billion they are cut.
        for number in [told.count, told.joins, told.departures, u64::from(told.truncated)] {
            pack.lengths.push(number as u32);
        }
        for member in &told.sample {
            pack.push(&member.user);
            pack.attributes(&member.attributes);
        }
        pack
    }

    /// The members of a roster: each one's name and attributes.
    pub(crate) fn members(roster: &Roster) -> Self {
        let mut pack = Self::default();
        for (user, attributes) in roster.iter() {
            pack.push(user);
            pack.attributes(attributes);
        }
        pack
    }

    /// The attributes of one member; none of somebody who is none.
    pub(crate) fn member(roster: &Roster, user: &str) -> Self {
        let mut pack = Self::default();
        pack.attributes(roster.get(user).unwrap_or(const { &Attributes::new() }));
        pack
    }

    /// Attributes: one more than their number, then keys and values.
    pub(crate) fn attributes(&mut self, attributes: &Attributes) {
        self.lengths.push(attributes.len() as u32 + 1);
        for (key, value) in attributes.iter() {
            self.push(key);
            self.push(value);
        }
    }

    /// Lengths count UTF-16 units, as JavaScript's strings do.
    pub(crate) fn push(&mut self, part: &str) {
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
