//! Channels that are not told in full: what their observers are told, held to what is so.

use herenow_protocol::{Attributes, Mode, Occupancy};
use herenow_registry::Sizes;

use crate::dice::luck;
use crate::failure::Invariant;
use crate::net::LinkId;
use crate::oracle::channel_number;
use crate::plan::CHANNELS;
use crate::world::World;

/// Departures that a snapshot seems to show may be held back for so long after the server has settled, by a page whose
/// timers are throttled.
const HELD_MS: u64 = 65_000;
/// A page that had trouble may have been given a roster later than it was due.
const SLOW_MS: u64 = 60_000;

/// What a tab has last been told of a channel that is not in full.
#[derive(Debug)]
pub(crate) struct Crowd {
    mode: Mode,
    pub(crate) count: u64,
    link: Option<LinkId>,
    since_ms: u64,
    /// Everything was told since it was in full: what is believed has as many members as there are.
    whole: bool,
}

/// A third of the seeds has channels that are large with a few members.
pub(crate) fn sizes(seed: u64) -> Sizes {
    let mut dice = luck([seed, 30]);
    if dice.one_in(3) {
        let full_members = 2 + dice.index(2);
        let interval_members = full_members + dice.index(2);
        Sizes { full_members, interval_members, interval_ms: 500, count_ms: 2_000, changes: 2 }
    } else {
        Sizes::default()
    }
}

/// Members at which a channel that was told otherwise is told in full again.
pub(crate) const fn back_at(full_members: usize) -> usize {
    full_members - full_members.div_ceil(5)
}

impl World {
    /// After so many milliseconds every change has been told to who is told counts.
    pub(crate) fn crowd_ms(&self) -> u64 {
        let Sizes { interval_ms, count_ms, .. } = sizes(self.seed);
        count_ms.max(2 * interval_ms)
    }

    pub(crate) fn told_occupancy(&mut self, slot: usize, told: &Occupancy) {
        self.log(|| {
            format!("tab {slot} is told of {}: {:?}, {} members", told.channel, told.mode, told.count)
        });
        let now = self.now;
        let is_calm = now > self.slots[slot].air.trouble_until_ms.max(self.trouble_until_ms) + SLOW_MS;
        let back_at = back_at(sizes(self.seed).full_members) as u64;
        let Some(channel) = channel_number(&told.channel) else { return };
        let Some(tab) = self.slots[slot].tab.as_mut() else { return };
        let link = tab.link;
        let before = tab.crowds[channel].take();
        if told.mode == Mode::Full {
            if let Some(stream) = &mut tab.streams[channel] {
                stream.early = false;
            }
            let stayed = before.is_some_and(|before| before.link == link);
            if stayed && is_calm && told.count > back_at {
                let message = format!("{} is told in full again with {} members", told.channel, told.count);
                self.fail(Invariant::NoGap, message);
            }
            return;
        }
        let believed = tab.streams[channel].as_ref().map(|stream| stream.roster.len() as u64);
        let greeted = tab.greeted_ms[channel] == Some(now);
        let (whole, since_ms, must_fit) = match &before {
            _ if greeted || told.truncated || told.mode == Mode::Count => (false, now, false),
            None => (believed == Some(told.count) && now > tab.holds_until_ms[channel] + HELD_MS, now, false),
            Some(before) if before.link == link => (before.whole, before.since_ms, before.whole),
            Some(_) => (false, now, false),
        };
        let since_ms = match &before {
            Some(before) if before.link == link && before.mode == told.mode => before.since_ms,
            Some(_) | None => since_ms,
        };
        tab.crowds[channel] = Some(Crowd { mode: told.mode, count: told.count, link, since_ms, whole });
        if must_fit && believed != Some(told.count) {
            let message = format!(
                "{} has {} members, of all changes told {believed:?} are left",
                told.channel, told.count
            );
            self.fail(Invariant::NoGap, message);
        }
    }

    /// Whoever is told counts is told of itself before its call resolves.
    pub(crate) fn check_own_set(&mut self, slot: usize, channel: usize, stored: &Attributes, called_ms: u64) {
        let Some(tab) = self.slots[slot].tab.as_ref() else { return };
        let (Some(crowd), Some(stream)) = (&tab.crowds[channel], &tab.streams[channel]) else { return };
        let is_live = crowd.mode == Mode::Count
            && crowd.link == tab.link
            && crowd.since_ms < called_ms
            && tab.connected_ms < called_ms
            && tab.observing[channel].is_settled()
            && self.shared.is_none();
        let Some(believed) = stream.roster.get(&format!("u{}", tab.user)).filter(|_| is_live) else { return };
        if believed != stored && stored.get("n").is_some() {
            let message = format!(
                "tab {slot} sets {stored:?} in {}, and was told of itself {believed:?}",
                CHANNELS[channel]
            );
            self.fail(Invariant::AckVisible, message);
        }
    }
}
