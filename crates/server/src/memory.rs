//! `--max-memory`: looks now and then at what the process needs, and tells the registry when that is too much.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::actor::Command;
use crate::app::App;
use crate::metrics::resident_bytes;

/// How often it looks. A core that does nothing but take in what strangers send takes some 20 MB in this time.
const LOOK: Duration = Duration::from_millis(100);

/// How to tell what is needed.
type Needed = fn() -> Option<u64>;

static NEEDED: OnceLock<Needed> = OnceLock::new();

/// Lets `--max-memory` look at what `needed` gives, in bytes: what an allocator has handed out, which does not count what it
/// keeps for later. Otherwise it looks at the resident set, which does. The first call counts.
pub fn measure_memory_with(needed: Needed) {
    NEEDED.get_or_init(|| needed);
}

fn needed_bytes() -> Option<u64> {
    match NEEDED.get() {
        Some(needed) => needed(),
        None => resident_bytes(),
    }
}

/// Looks to the end of the process.
pub(crate) async fn watch(app: Arc<App>, max_bytes: u64) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_short = false;
    loop {
        looks.tick().await;
        let Some(bytes) = needed_bytes() else { return };
        let now_short = is_too_much(bytes, max_bytes, is_short);
        if now_short == is_short {
            continue;
        }
        is_short = now_short;
        if is_short {
            tracing::warn!(bytes, max_bytes, "short of memory: no new sessions, members and observers");
        } else {
            tracing::info!(bytes, max_bytes, "no longer short of memory");
        }
        if app.actor.send(Command::ShortOfMemory(is_short)).await.is_err() {
            return;
        }
    }
}

/// Above the bound, and then until it is a twentieth below it.
const fn is_too_much(bytes: u64, max_bytes: u64, was: bool) -> bool {
    if was { bytes > max_bytes - max_bytes / 20 } else { bytes > max_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_too_much_until_it_is_clearly_less() {
        assert!(!is_too_much(100, 100, false));
        assert!(is_too_much(101, 100, false));
        assert!(is_too_much(96, 100, true));
        assert!(!is_too_much(95, 100, true));
    }
}
