//! What the server tells of observed channels.

use herenow_protocol::{Occupancy, Snapshot, Transition};

use crate::mirror::{Fit, Teller};
use crate::session::Session;
use crate::{Millis, Output};

impl Session {
    pub(crate) fn follow_snapshot(&mut self, now: Millis, page: Snapshot) {
        let keys = [self.random.next(), self.random.next()];
        let Some(channel) = self.channels.get_mut(&page.channel) else { return };
        if !channel.is_followed() {
            return;
        }
        let was_limited = channel.mirror.is_limited();
        let mut teller = Teller::new(&channel.name, true);
        channel.mirror.snapshot(now, page, keys, &mut teller);
        channel.resync = false;
        self.outbox.tell(teller.into_events());
        if was_limited && let Some(full) = channel.mirror.in_full(&channel.name) {
            self.outbox.push(Output::Occupancy(full));
        }
    }

    pub(crate) fn follow_diff(&mut self, name: &str, prev: u64, seq: u64, transitions: Vec<Transition>) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if !channel.is_followed() {
            return;
        }
        let answer = channel.is_catching_up();
        let mut teller = Teller::new(&channel.name, answer);
        match channel.mirror.diff(prev, seq, transitions, &mut teller) {
            Fit::Good => {}
            // While an answer is awaited, diffs that do not fit are what it is to replace. It overlaps if diffs that fit
            // have come before it: asking once more, while none fits, is exact.
            Fit::Gap => channel.resync |= !answer,
            Fit::Overlap => channel.resync = true,
        }
        self.outbox.tell(teller.into_events());
    }

    pub(crate) fn follow_occupancy(&mut self, mut occupancy: Occupancy) {
        let Some(channel) = self.channels.get_mut(&occupancy.channel) else { return };
        // Before the answer to an `observe`, it belongs to an observation that was given up.
        if !channel.is_followed() || !channel.mirror.has_begun() {
            return;
        }
        let mut teller = Teller::new(&channel.name, false);
        channel.mirror.limited(core::mem::take(&mut occupancy.changes), &mut teller);
        channel.resync = false;
        self.outbox.tell(teller.into_events());
        self.outbox.push(Output::Occupancy(occupancy));
    }

    /// Where the server has settled and something is held back, asks whether it is so: a connection that is slow, or
    /// dead and does not know, would take who is back for gone.
    pub(crate) fn confirm_settled(&mut self, now: Millis) {
        for channel in &mut self.channels.0 {
            if channel.settles_at().is_some_and(|at| at <= now) {
                if channel.mirror.holds_back() && !broken!(SettlesUnasked) {
                    channel.resync = true;
                } else {
                    let mut teller = Teller::new(&channel.name, true);
                    channel.mirror.settle(now, &mut teller);
                    self.outbox.tell(teller.into_events());
                }
            }
        }
    }
}
