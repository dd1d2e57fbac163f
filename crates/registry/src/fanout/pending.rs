//! Transitions on their way into one diff, coalesced: of a user's attribute updates only the last is kept, also when a
//! departure follows it: it was acknowledged, so it is told. Joins and departures are all kept.

use std::collections::HashMap;

use herenow_protocol::Transition;

/// A transition with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) transition: Transition,
}

impl Entry {
    /// About what it takes in memory and on the wire, in bytes.
    pub(super) fn bytes(&self) -> usize {
        const OVERHEAD_BYTES: usize = 24;
        const PAIR_BYTES: usize = 6;
        match &self.transition {
            Transition::Join { user } | Transition::Leave { user } | Transition::Timeout { user } => {
                OVERHEAD_BYTES + user.len()
            }
            Transition::Set { user, attributes } => {
                OVERHEAD_BYTES + user.len() + attributes.byte_len() + PAIR_BYTES * attributes.len()
            }
        }
    }
}

/// The transitions, by ascending sequence. The mirror flushes it when it grows beyond a bound.
#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: Vec<Option<Entry>>,
    /// Where each user's attribute update stands, which a later one replaces.
    sets: HashMap<String, usize>,
    kept: usize,
    bytes: usize,
}

impl Pending {
    pub(super) fn push(&mut self, entry: Entry) {
        if self.entries.len() > 2 * self.kept + 64 {
            self.compact();
        }
        match &entry.transition {
            Transition::Join { .. } | Transition::Leave { .. } | Transition::Timeout { .. } => {}
            Transition::Set { user, .. } => {
                let at = self.entries.len();
                let earlier = match self.sets.get_mut(user) {
                    Some(known) => Some(std::mem::replace(known, at)),
                    None => self.sets.insert(user.clone(), at),
                };
                if let Some(earlier) = earlier {
                    self.discard(earlier);
                }
            }
        }
        self.kept += 1;
        self.bytes += entry.bytes();
        self.entries.push(Some(entry));
    }

    fn discard(&mut self, at: usize) {
        if let Some(entry) = self.entries.get_mut(at).and_then(Option::take) {
            self.kept -= 1;
            self.bytes -= entry.bytes();
        }
    }

    /// Closes the gaps of what was discarded. Amortised: at least half are gaps.
    fn compact(&mut self) {
        self.entries.retain(Option::is_some);
        for (at, entry) in self.entries.iter().enumerate() {
            if let Some(Entry { transition: Transition::Set { user, .. }, .. }) = entry
                && let Some(known) = self.sets.get_mut(user)
            {
                *known = at;
            }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.kept == 0
    }

    pub(super) const fn len(&self) -> usize {
        self.kept
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes all, by ascending sequence.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        let taken = std::mem::take(self);
        taken.entries.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use herenow_protocol::Attributes;

    use super::*;

    fn join(user: &str) -> Transition {
        Transition::Join { user: user.into() }
    }

    fn leave(user: &str) -> Transition {
        Transition::Leave { user: user.into() }
    }

    fn set(user: &str, mood: &str) -> Transition {
        Transition::Set { user: user.into(), attributes: Attributes::from_iter([("mood", mood)]) }
    }

    fn coalesced(transitions: Vec<Transition>) -> Vec<Transition> {
        let mut pending = Pending::default();
        for (seq, transition) in (1..).zip(transitions) {
            pending.push(Entry { seq, transition });
        }
        pending.take().into_iter().map(|entry| entry.transition).collect()
    }

    #[test]
    fn only_the_last_update_of_a_user_is_kept() {
        let told = coalesced(vec![set("a", "1"), set("b", "1"), set("a", "2"), set("a", "3")]);
        assert_eq!(told, [set("b", "1"), set("a", "3")]);
    }

    #[test]
    fn joins_and_departures_are_all_kept() {
        let all = vec![join("a"), leave("a"), join("a"), leave("a"), join("a")];
        assert_eq!(coalesced(all.clone()), all);
    }

    #[test]
    fn the_last_update_is_kept_before_a_departure() {
        let told = coalesced(vec![set("a", "1"), set("a", "2"), leave("a"), join("a"), leave("a")]);
        assert_eq!(told, [set("a", "2"), leave("a"), join("a"), leave("a")]);
    }

    #[test]
    fn an_update_of_a_later_membership_replaces_one_of_an_earlier() {
        let told = coalesced(vec![set("a", "1"), leave("a"), join("a"), set("a", "2"), set("a", "3")]);
        assert_eq!(told, [leave("a"), join("a"), set("a", "3")]);
    }

    #[test]
    fn an_update_before_a_join_of_somebody_else_stays_before_it() {
        let told = coalesced(vec![set("a", "1"), join("b"), set("b", "1")]);
        assert_eq!(told, [set("a", "1"), join("b"), set("b", "1")]);
    }

    #[test]
    fn compacting_keeps_replacing_the_right_update() {
        let mut all = vec![join("b"), set("b", "first")];
        all.extend((0..500).map(|n| set("a", &n.to_string())));
        all.push(set("b", "last"));
        let mut pending = Pending::default();
        for (seq, transition) in (1..).zip(all) {
            pending.push(Entry { seq, transition });
            assert!(pending.entries.len() <= 2 * pending.len() + 65);
        }
        let bytes = pending.bytes();
        let entries = pending.take();
        assert_eq!(entries.iter().map(Entry::bytes).sum::<usize>(), bytes);
        let told: Vec<_> = entries.into_iter().map(|entry| entry.transition).collect();
        assert_eq!(told, [join("b"), set("a", "499"), set("b", "last")]);
    }
}
