//! The members of a channel: a list with a hash index over it.
//!
//! A small index of our own costs the wasm less than a general hash map, and the list makes the order of what is
//! derived from a roster independent of the hash. User ids come from strangers, so the hash has random keys.

use herenow_protocol::Attributes;

use crate::EventKind;

/// The members of a channel with their attributes, as told so far.
#[derive(Debug)]
pub struct Roster {
    entries: Vec<Entry>,
    /// Open addressing with linear probing; a slot holds a position in `entries` plus one, or 0. The length is 0 or a
    /// power of two, at least a third larger than the number of entries.
    slots: Vec<u32>,
    keys: [u64; 2],
}

/// A member.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) user: String,
    pub(crate) attributes: Attributes,
    pub(crate) held: Held,
    /// Scratch: the snapshot that is being compared names this member.
    pub(crate) seen: bool,
    hash: u32,
}

/// What is known of a member but not told yet, since a server that restarted may still learn otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nothing: what is told is what is so.
    No,
    /// The member is missing; what to tell in the end.
    Absent(EventKind),
    /// The member is there, its attributes are missing.
    Bare,
}

impl Roster {
    /// How many members there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The attributes of a member; `None` for somebody who is none.
    pub fn get(&self, user: &str) -> Option<&Attributes> {
        self.find(user).map(|at| &self.entries[at].attributes)
    }

    /// The members, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attributes)> {
        self.entries.iter().map(|entry| (entry.user.as_str(), &entry.attributes))
    }

    /// An empty roster; `keys` are random.
    pub(crate) fn new(keys: [u64; 2]) -> Self {
        Self { entries: Vec::new(), slots: Vec::new(), keys: [keys[0], keys[1] | 1] }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    /// The position of a member, good until the next insertion or removal.
    pub(crate) fn find(&self, user: &str) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = self.hash(user);
        let mut slot = self.home(hash);
        while let Some(at) = (self.slots[slot] as usize).checked_sub(1) {
            let entry = &self.entries[at];
            if entry.hash == hash && entry.user == user {
                return Some(at);
            }
            slot = self.next(slot);
        }
        None
    }

    /// Adds somebody who is no member.
    pub(crate) fn insert(&mut self, user: String, attributes: Attributes) {
        let hash = self.hash(&user);
        self.entries.push(Entry { user, attributes, held: Held::No, seen: true, hash });
        if self.entries.len() * 4 > self.slots.len() * 3 {
            self.grow();
        } else {
            self.link(self.entries.len() - 1);
        }
    }

    /// Takes the member at `at` out; the last one takes its position.
    pub(crate) fn remove(&mut self, at: usize) -> Entry {
        let mut hole = self.slot_of(at);
        let last = self.entries.len() - 1;
        if at != last {
            let moved = self.slot_of(last);
            self.slots[moved] = at as u32 + 1;
        }
        // Entries behind the hole move up, unless that would bring them before their home.
        let mut slot = self.next(hole);
        while let Some(other) = (self.slots[slot] as usize).checked_sub(1) {
            // The entry that is about to be moved to `at` is still found at `last`.
            let entry = &self.entries[if other == at && at != last { last } else { other }];
            let mask = self.slots.len() - 1;
            let from_home = slot.wrapping_sub(self.home(entry.hash)) & mask;
            let from_hole = slot.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.slots[hole] = self.slots[slot];
                hole = slot;
            }
            slot = self.next(slot);
        }
        self.slots[hole] = 0;
        self.entries.swap_remove(at)
    }

    fn slot_of(&self, at: usize) -> usize {
        let mut slot = self.home(self.entries[at].hash);
        while self.slots[slot] as usize != at + 1 {
            slot = self.next(slot);
        }
        slot
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(8);
        self.slots.clear();
        self.slots.resize(len, 0);
        for at in 0..self.entries.len() {
            self.link(at);
        }
    }

    fn link(&mut self, at: usize) {
        let mut slot = self.home(self.entries[at].hash);
        while self.slots[slot] != 0 {
            slot = self.next(slot);
        }
        self.slots[slot] = at as u32 + 1;
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// Folded multiplication with secret keys, eight bytes at a time: without the keys no two ids are known to collide.
    fn hash(&self, user: &str) -> u32 {
        let mut state = self.keys[0] ^ user.len() as u64;
        for chunk in user.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            state = fold(state ^ u64::from_le_bytes(word), self.keys[1]);
        }
        let hash = fold(state, self.keys[0] | 1);
        (hash ^ (hash >> 32)) as u32
    }
}

fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::random::Random;

    /// The index says what a map of the standard library says, through growth and every kind of removal.
    #[test]
    fn behaves_like_a_map() {
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let mut roster = Roster::new([random.next(), random.next()]);
            let mut model = HashMap::<String, Attributes>::new();
            let users = 1 + random.below(300);
            for step in 0..2_000 {
                let user = random.below(users).to_string();
                let attributes = Attributes::from_iter([("step", step.to_string())]);
                match (roster.find(&user), random.below(3)) {
                    (Some(at), 0 | 1) => {
                        let entry = roster.remove(at);
                        assert_eq!(Some(entry.attributes), model.remove(&user), "seed {seed}, step {step}");
                    }
                    (Some(at), _) => {
                        roster.entries_mut()[at].attributes = attributes.clone();
                        model.insert(user, attributes);
                    }
                    (None, _) => {
                        roster.insert(user.clone(), attributes.clone());
                        model.insert(user, attributes);
                    }
                }
            }
            assert_eq!(roster.len(), model.len());
            for (user, attributes) in &model {
                assert_eq!(roster.get(user), Some(attributes), "seed {seed}");
            }
            assert_eq!(roster.iter().count(), model.len());
        }
    }

    #[test]
    fn ids_that_differ_little_are_told_apart() {
        let mut roster = Roster::new([1, 2]);
        let users = ["", "a", "a\u{0}", "aa", "__proto__", "aaaaaaaa", "aaaaaaaab", "👋"];
        for user in users {
            assert_eq!(roster.find(user), None);
            roster.insert(user.into(), Attributes::new());
        }
        assert_eq!(roster.iter().map(|(user, _)| user).collect::<Vec<_>>(), users);
    }
}
