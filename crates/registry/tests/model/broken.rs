//! That the comparison can fail: rules of the crate are broken on purpose, and each is noticed.
//!
//! `cargo test -p herenow-registry --features breaks --test model broken -- --nocapture` says how many histories each
//! took.

use std::cell::Cell;

use herenow_registry::breaks::{self, Break};
use proptest::test_runner::{Config, TestError, TestRunner};

use crate::{history, play};

/// Histories within which a broken rule must be noticed.
const MAX_HISTORIES: u32 = 2_000;

/// Those that a single node without lagging observers, restarts and pauses can show.
const RULES: [Break; 15] = [
    Break::SkipsGrace,
    Break::SkipsLinger,
    Break::SweepMisses,
    Break::KeepsSilent,
    Break::KeepsAttributes,
    Break::CountsOwners,
    Break::LeavesForAll,
    Break::LeavesLingering,
    Break::IgnoresAttempt,
    Break::SnapshotsUnflushed,
    Break::TellsUpdateAsRejoin,
    Break::TellsSecondJoin,
    Break::AcksUndone,
    Break::KeepsUnnamed,
    Break::CatchesUpLate,
];

/// How many histories it takes until one fails; `None` if all of them pass.
fn histories_until_noticed(rule: Break) -> Option<u32> {
    let config =
        Config { cases: MAX_HISTORIES, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let played = Cell::new(0);
    let outcome = TestRunner::new(config).run(&history(), |history| {
        breaks::set(Some(rule));
        played.set(played.get() + 1);
        play(history, None);
        Ok(())
    });
    breaks::set(None);
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(..)) => Some(played.get()),
        Err(TestError::Abort(reason)) => panic!("{rule:?}: {reason}"),
    }
}

#[test]
fn broken_rules_are_noticed() {
    let results = RULES.map(|rule| (rule, histories_until_noticed(rule)));
    for (rule, histories) in results {
        match histories {
            Some(histories) => println!("{rule:?}: noticed in history {histories}"),
            None => println!("{rule:?}: NOT NOTICED in {MAX_HISTORIES} histories"),
        }
    }
    assert!(results.iter().all(|(_, histories)| histories.is_some()), "see above");
}
