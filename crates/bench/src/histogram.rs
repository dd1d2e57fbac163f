//! Latencies in constant memory: 64 steps to each doubling, so within 1.6 % of the truth.

use std::time::Duration;

const STEP_BITS: u32 = 6;
const STEPS: usize = 1 << STEP_BITS;

/// Counts durations.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; STEPS * (64 - STEP_BITS as usize + 1)], total: 0 }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.counts[place(nanoseconds)] += 1;
        self.total += 1;
    }

    /// The duration that this share of all do not exceed; zero when there is none.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let rank = (share * self.total as f64).ceil() as u64;
        let mut below = 0;
        for (place, count) in self.counts.iter().enumerate() {
            below += count;
            if *count > 0 && below >= rank {
                return Duration::from_nanos(highest(place));
            }
        }
        Duration::ZERO
    }

    /// How many were counted.
    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }
}

fn place(value: u64) -> usize {
    if value < STEPS as u64 {
        return value as usize;
    }
    let shift = value.ilog2() - STEP_BITS;
    (shift as usize + 1) * STEPS + ((value >> shift) as usize - STEPS)
}

fn highest(place: usize) -> u64 {
    if place < STEPS {
        return place as u64;
    }
    let shift = (place / STEPS - 1) as u32;
    let first = ((place % STEPS + STEPS) as u64) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_holds_its_value() {
        for value in (0..200).chain([1_000, 65_535, 65_536, 1 << 40, u64::MAX]) {
            let top = highest(place(value));
            assert!(top >= value, "{value} is in the place up to {top}");
            assert!(top - value <= value / 64, "{value} is told as {top}");
        }
    }

    #[test]
    fn quantiles_are_of_what_was_recorded() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        (1..=100).for_each(|ms| histogram.record(ms * 1_000_000));
        let near = |share, ms: u64| {
            let found = histogram.quantile(share);
            let truth = Duration::from_millis(ms);
            assert!(found >= truth && found < truth.mul_f64(1.02), "{share}: {found:?}");
        };
        near(0.5, 50);
        near(0.99, 99);
        near(1.0, 100);
    }
}
