//! Clients that come back as PROTOCOL.md asks them to: after a random time, then with a growing one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::dice::Dice;
use crate::error::BenchError;

/// The longest first wait; it doubles with each failure.
const FIRST_MS: usize = 500;
/// The longest wait of all.
const LONGEST_MS: usize = 5000;

/// Who comes back, and when.
#[derive(Debug)]
pub(crate) struct Returning {
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Attempts in a row that failed, by connection.
    failures: Vec<u32>,
    dice: Dice,
}

impl Returning {
    pub(crate) fn new(count: usize) -> Self {
        Self { due: BinaryHeap::new(), failures: vec![0; count], dice: Dice::default() }
    }

    /// The connection is lost, and comes back after a random time.
    pub(crate) fn lost(&mut self, bench: &Bench, index: usize) {
        let failures = &mut self.failures[index];
        *failures = if bench.engine.connections[index].opened { 0 } else { *failures + 1 };
        let longest = (FIRST_MS << (*failures).min(8)).min(LONGEST_MS);
        let wait = Duration::from_millis(self.dice.below(longest) as u64);
        self.due.push(Reverse((Instant::now() + wait, index)));
    }

    /// The connection is lost, and comes back after that time.
    pub(crate) fn away(&mut self, index: usize, time: Duration) {
        self.due.push(Reverse((Instant::now() + time, index)));
    }

    /// All that are away come back as if they had just been lost.
    pub(crate) fn call_back(&mut self, bench: &Bench) {
        for Reverse((_, index)) in std::mem::take(&mut self.due) {
            self.lost(bench, index);
        }
    }

    /// Connects who is due, and notes who was lost.
    pub(crate) fn look(&mut self, bench: &mut Bench) -> Result<(), BenchError> {
        while let Some((index, _)) = bench.engine.lost.pop() {
            self.lost(bench, index);
        }
        while let Some(Reverse((at, index))) = self.due.peek().copied() {
            if at > Instant::now() {
                break;
            }
            self.due.pop();
            bench.engine.connect(index)?;
        }
        Ok(())
    }

    /// When somebody comes back next.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }
}
