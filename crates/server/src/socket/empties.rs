//! What arrives without frames, on its way to the rate of its session.

use tokio::time::{Duration, Instant};

/// How long what arrives is gathered before the registry's task hears of more, so that a flood costs that task little.
const GATHERED: Duration = Duration::from_millis(100);

/// Messages without frames, pings, and fragments that the registry has not counted yet.
#[derive(Debug, Default)]
pub(crate) struct Empties {
    waiting: u32,
    gathers_until: Option<Instant>,
}

impl Empties {
    /// Adds some, and gives what the registry is to count now: the first at once, what follows soon after it later.
    pub(crate) fn add(&mut self, now: Instant, count: u32) -> u32 {
        self.waiting = self.waiting.saturating_add(count);
        if self.waiting == 0 || self.gathers_until.is_some_and(|until| now < until) {
            return 0;
        }
        self.gathers_until = Some(now + GATHERED);
        self.take()
    }

    /// All that the registry has not counted, for something that comes after it.
    pub(crate) fn take(&mut self) -> u32 {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_a_flood_is_gathered() {
        let mut empties = Empties::default();
        let begun = Instant::now();
        assert_eq!(empties.add(begun, 0), 0);
        assert_eq!(empties.add(begun, 1), 1);
        assert_eq!(empties.add(begun, 1), 0);
        assert_eq!(empties.add(begun + GATHERED / 2, 2), 0);
        assert_eq!(empties.add(begun + GATHERED, 1), 4);
        assert_eq!(empties.add(begun + GATHERED, u32::MAX), 0);
        assert_eq!(empties.add(begun + GATHERED, 1), 0);
        assert_eq!(empties.take(), u32::MAX, "before frames all are told");
        assert_eq!(empties.take(), 0);
    }
}
