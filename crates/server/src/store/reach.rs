//! What the log says of the store: that it does not answer, why, and that it answers again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// It answers again when nothing has failed for so long: of a store that is full some requests succeed.
const CALM: Duration = Duration::from_secs(5);
/// Another reason is told after so long at the earliest.
const OTHER_REASON: Duration = Duration::from_secs(10);

/// Whether the store answers, as far as the log has told.
#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<Option<Away>>);

#[derive(Debug)]
struct Away {
    reason: String,
    told: Instant,
    failed: Instant,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
enum Say {
    Nothing,
    Away,
    Back,
}

impl Reach {
    pub(super) fn note_failure(&self, now: Instant, reason: &str) {
        match self.failed(now, reason) {
            Say::Away => tracing::warn!(error = reason, "the store does not answer; trying again"),
            Say::Nothing | Say::Back => tracing::debug!(error = reason, "the store does not answer"),
        }
    }

    pub(super) fn note_answer(&self, now: Instant) {
        if self.answered(now) == Say::Back {
            tracing::info!("the store answers again");
        }
    }

    fn failed(&self, now: Instant, reason: &str) -> Say {
        let mut away = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = away.as_mut() {
            known.failed = now;
            if known.reason == reason || now.duration_since(known.told) < OTHER_REASON {
                return Say::Nothing;
            }
        }
        *away = Some(Away { reason: reason.to_owned(), told: now, failed: now });
        Say::Away
    }

    fn answered(&self, now: Instant) -> Say {
        let mut away = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match away.take_if(|known| now.duration_since(known.failed) >= CALM) {
            Some(_) => Say::Back,
            None => Say::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_that_the_store_is_away_and_once_that_it_is_back() {
        let reach = Reach::default();
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(reach.answered(at(0)), Say::Nothing);
        assert_eq!(reach.failed(at(1), "broken pipe"), Say::Away);
        assert_eq!(reach.failed(at(2), "broken pipe"), Say::Nothing);
        assert_eq!(reach.answered(at(3)), Say::Nothing, "others may fail");
        assert_eq!(reach.failed(at(4), "wrong password"), Say::Nothing, "not at once");
        assert_eq!(reach.failed(at(11), "wrong password"), Say::Away, "the reason is another one");
        assert_eq!(reach.failed(at(40), "wrong password"), Say::Nothing);
        assert_eq!(reach.answered(at(44)), Say::Nothing);
        assert_eq!(reach.answered(at(45)), Say::Back);
        assert_eq!(reach.answered(at(46)), Say::Nothing);
        assert_eq!(reach.failed(at(47), "broken pipe"), Say::Away);
    }
}
