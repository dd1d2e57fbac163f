//! The recent transitions of one channel, for observers that missed some.

use std::collections::VecDeque;

use herenow_protocol::Transition;

use super::pending::{Entry, Pending};

/// Transitions kept a channel; an observer that missed more gets a snapshot.
const MAX_ENTRIES: usize = 1_024;
/// Bytes of transitions kept a channel; likewise.
const MAX_BYTES: usize = 256 * 1024;

/// What was flushed, by ascending sequence.
#[derive(Debug)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Everything after this sequence is held.
    floor_seq: u64,
    bytes: usize,
}

impl Log {
    /// An empty log that begins after `seq`.
    pub(super) const fn after_seq(seq: u64) -> Self {
        Self { entries: VecDeque::new(), floor_seq: seq, bytes: 0 }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.floor_seq = oldest.seq;
            self.bytes -= oldest.bytes();
        }
    }

    /// Whether everything after `seq` is held.
    pub(super) const fn holds_all_after(&self, seq: u64) -> bool {
        seq >= self.floor_seq
    }

    /// What follows `seq`, coalesced, up to about `max_bytes`; and the sequence it reaches if it stops before the end.
    pub(super) fn piece_after(&self, seq: u64, max_bytes: usize) -> (Vec<Transition>, Option<u64>) {
        let first = self.entries.partition_point(|entry| entry.seq <= seq);
        let mut piece = Pending::default();
        let mut reached_seq = seq;
        for entry in self.entries.range(first..) {
            if !piece.is_empty() && piece.bytes() + entry.bytes() > max_bytes {
                return (transitions(piece), Some(reached_seq));
            }
            reached_seq = entry.seq;
            piece.push(entry.clone());
        }
        (transitions(piece), None)
    }
}

fn transitions(mut piece: Pending) -> Vec<Transition> {
    piece.take().into_iter().map(|entry| entry.transition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64) -> Entry {
        Entry { seq, transition: Transition::Join { user: format!("u{seq}") } }
    }

    #[test]
    fn it_holds_1024_transitions_and_not_one_more() {
        let mut log = Log::after_seq(10);
        for seq in 11..=10 + 1_024 {
            log.push(entry(seq));
        }
        assert!(log.holds_all_after(10));
        log.push(entry(2_000));
        assert!(!log.holds_all_after(10));
        assert!(log.holds_all_after(11));
    }

    #[test]
    fn it_holds_256_kib_and_no_more() {
        let mut log = Log::after_seq(0);
        let big = |seq| Entry { seq, transition: Transition::Join { user: "u".repeat(1_000) } };
        for seq in 1..=256 {
            log.push(big(seq));
        }
        assert!(log.holds_all_after(0));
        assert!(log.bytes <= MAX_BYTES);
        log.push(big(257));
        assert!(!log.holds_all_after(0));
        assert!(log.bytes <= MAX_BYTES);
    }

    #[test]
    fn a_piece_ends_at_a_transition_and_the_next_follows_it() {
        let mut log = Log::after_seq(0);
        for seq in 1..=10 {
            log.push(entry(seq * 3));
        }
        let (first, reached) = log.piece_after(6, 60);
        assert_eq!(first.len(), 2);
        assert_eq!(reached, Some(12));
        let (rest, end) = log.piece_after(12, 10_000);
        assert_eq!(rest.len(), 6);
        assert_eq!(end, None);
    }
}
