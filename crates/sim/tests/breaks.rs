//! Every rule that is broken on purpose is caught. With `--features breaks`; `npm test -- sim` runs it.
#![cfg(feature = "breaks")]
#![allow(clippy::panic, reason = "a test")]

use std::collections::BTreeSet;

use herenow_sim::{Failure, Invariant, breaks, run, steps};

/// Characters of a failure that are printed: a roster may be long.
const SHOWN: usize = 160;
/// Seeds that each break is given.
const SEEDS: u64 = 500;

#[test]
fn every_break_is_caught() {
    let mut shown = BTreeSet::new();
    let mut missed = Vec::new();
    for entry in breaks::ALL {
        breaks::set(Some(entry.rule));
        let found: Option<(u64, Failure)> = (1..=SEEDS).find_map(|seed| {
            Some((
                seed,
                run(seed, &steps(seed, entry.profile, entry.topology), entry.topology, false).failure?,
            ))
        });
        breaks::set(None);
        match found {
            Some((seeds, failure)) => {
                let failure_text: String = failure.to_string().chars().take(SHOWN).collect();
                println!(
                    "{:<22} after {seeds:>3} seeds of {}: {failure_text}",
                    entry.name,
                    entry.profile.name()
                );
                shown.insert(failure.invariant);
            }
            None => missed.push(entry.name),
        }
    }
    assert!(missed.is_empty(), "not caught within {SEEDS} seeds: {missed:?}");
    let nine = [
        Invariant::Member,
        Invariant::Transitions,
        Invariant::Grace,
        Invariant::Bound,
        Invariant::NoGap,
        Invariant::AckVisible,
        Invariant::NoGhosts,
        Invariant::AttributesDie,
        Invariant::Restart,
    ];
    let lacking: Vec<_> = nine.iter().filter(|invariant| !shown.contains(invariant)).collect();
    assert!(lacking.is_empty(), "no break shows that these can fail: {lacking:?}");
}
