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
    /// Failures in a row, by connection.
    failures: Vec<u32>,
    dice: Dice,
}

impl Returning {
    pub(crate) fn new(count: usize) -> Self {
        Self { due: BinaryHeap::new(), failures: vec![0; count], dice: Dice::default() }
    }

    /// The connection is lost, and comes back after a random time.
    pub(crate) fn lost(&mut self, index: usize) {
        let longest = (FIRST_MS << self.failures[index].min(8)).min(LONGEST_MS);
        let wait = Duration::from_millis(self.dice.below(longest) as u64);
        self.failures[index] += 1;
        self.due.push(Reverse((Instant::now() + wait, index)));
    }

    /// Connects who is due, and notes who was lost.
    pub(crate) fn look(&mut self, bench: &mut Bench) -> Result<(), BenchError> {
        while let Some((index, _)) = bench.engine.lost.pop() {
            self.lost(index);
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

    /// Who is back begins anew with short waits.
    pub(crate) fn settled(&mut self) {
        self.failures.fill(0);
    }
}
