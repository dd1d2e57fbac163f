//! Random histories of a few users, sessions and channels, compared after each step with a model of who is where.
//!
//! `histories` in the other test asks whether observers that come, go and lag end with the right roster. This one asks
//! whether each step does to members, attributes and observers exactly what the invariants say, and when. A failure is
//! made as short as it can be and printed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod backing;
#[cfg(feature = "breaks")]
mod broken;
mod driver;
mod eye;
mod model;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use driver::{APPLICATIONS, CHANNELS, Driver, SESSIONS, TICK_MS};
use model::{Channel, GRACE_MS, Key, LINGER_MS, Mood};

const MAX_STEPS: usize = 120;

#[derive(Clone, Debug)]
enum Op {
    /// A new socket says hello. `step` is added to the attempt of the one before.
    Hello {
        key: Key,
        step: i64,
        joined: Vec<Channel>,
    },
    Join(Key, Channel),
    Leave(Key, Channel),
    Set(Key, Channel, Mood),
    Bye {
        key: Key,
        closes: bool,
    },
    Cut(Key),
    Vanish(Key),
    Late(Key, Channel),
    Observe {
        application: &'static str,
        channel: Channel,
        anew: bool,
    },
    /// Observes where a session asked for something last: perhaps what came of it is still on its way.
    ObserveThere {
        anew: bool,
    },
    Unobserve(&'static str, Channel),
}

/// Something that happens, and how long nothing happens then.
#[derive(Clone, Debug)]
struct Step {
    op: Op,
    then_ms: u64,
}

fn key() -> impl Strategy<Value = Key> {
    select(SESSIONS.as_slice())
}

fn channel() -> impl Strategy<Value = Channel> {
    select(CHANNELS.as_slice())
}

fn application() -> impl Strategy<Value = &'static str> {
    select(APPLICATIONS.as_slice())
}

fn op() -> impl Strategy<Value = Op> {
    let steps = prop_oneof![6 => Just(1), 2 => Just(0), 1 => Just(-1), 1 => Just(2)];
    prop_oneof![
        8 => (key(), steps, vec(channel(), 0..5)).prop_map(|(key, step, joined)| Op::Hello { key, step, joined }),
        8 => (key(), channel()).prop_map(|(key, channel)| Op::Join(key, channel)),
        5 => (key(), channel()).prop_map(|(key, channel)| Op::Leave(key, channel)),
        12 => (key(), channel(), 0..3_u8).prop_map(|(key, channel, mood)| Op::Set(key, channel, mood)),
        3 => (key(), any::<bool>()).prop_map(|(key, closes)| Op::Bye { key, closes }),
        3 => key().prop_map(Op::Cut),
        1 => key().prop_map(Op::Vanish),
        1 => (key(), channel()).prop_map(|(key, channel)| Op::Late(key, channel)),
        6 => any::<bool>().prop_map(|anew| Op::ObserveThere { anew }),
        2 => (application(), channel(), any::<bool>())
            .prop_map(|(application, channel, anew)| Op::Observe { application, channel, anew }),
        2 => (application(), channel()).prop_map(|(application, channel)| Op::Unobserve(application, channel)),
    ]
}

/// All even, as `LINGER_MS` asks for; many of them at the very edge of a deadline.
fn pause() -> impl Strategy<Value = u64> {
    let edges = vec![LINGER_MS - 1, LINGER_MS + 1, GRACE_MS - 2, GRACE_MS, GRACE_MS - LINGER_MS + 1];
    prop_oneof![
        8 => Just(0),
        6 => Just(TICK_MS),
        3 => select(vec![2, 10, 48, 100, 500]),
        2 => select(edges),
        1 => select(vec![4_000, 20_000, 40_000]),
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    vec((op(), pause()).prop_map(|(op, then_ms)| Step { op, then_ms }), 1..MAX_STEPS)
}

fn play(history: Vec<Step>, partitions: Option<u16>) {
    let mut driver = Driver::new(partitions);
    for Step { op, then_ms } in history {
        match op {
            Op::Hello { key, step, joined } => {
                let attempt = driver.attempt(key, step);
                driver.hello(key, attempt, &joined);
            }
            Op::Join(key, channel) => driver.join(key, channel),
            Op::Leave(key, channel) => driver.leave(key, channel),
            Op::Set(key, channel, mood) => driver.set(key, channel, mood),
            Op::Bye { key, closes } => driver.bye(key, closes),
            Op::Cut(key) => driver.cut(key),
            Op::Vanish(key) => driver.vanish(key),
            Op::Late(key, channel) => driver.late(key, channel),
            Op::Observe { application, channel, anew } => driver.observe(application, channel, anew),
            Op::ObserveThere { anew } => {
                if let Some((application, channel)) = driver.asked_last {
                    driver.observe(application, channel, anew);
                }
            }
            Op::Unobserve(application, channel) => driver.unobserve(application, channel),
        }
        driver.pass(then_ms);
        if then_ms >= TICK_MS {
            driver.compare_streams();
        }
    }
    driver.compare_streams();
    // All who are still connected stay; all others go.
    driver.pass(40_000);
    driver.compare_streams();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_step_does_what_the_model_says(history in history()) {
        play(history, None);
    }

    #[test]
    fn every_step_does_the_same_with_a_shared_store(history in history(), partitions in 1..4_u16) {
        play(history, Some(partitions));
    }
}
