//! Seeds that failed once. Each names the break that brings the mistake back: with it the seed fails again, so that
//! a change of the plan cannot make it a test of nothing unnoticed.
#![allow(clippy::panic, reason = "a test")]

use herenow_sim::{Profile, Topology, run, steps};

/// The break, and a topology, a profile and a seed that show it.
const SEEDS: &[(&str, Topology, Profile, u64)] = &[
    // A join of what is joined was confirmed by a socket whose silence had lasted too long.
    ("trust-silence", Topology::Alone, Profile::Rough, 5),
    // Who was back was told as lost by an observer on a slow or dead connection, when the server had settled.
    ("settle-unasked", Topology::Alone, Profile::Rough, 1),
    // Diffs on their way while a question was asked were told again with its answer.
    ("apply-overlaps", Topology::Alone, Profile::Rough, 254),
    // A withdrawn join was carried out late, and the next leave resolved without it.
    ("forget-unclear", Topology::Alone, Profile::Hell, 133),
    // A token that expired while nobody was reached ended the client for good.
    ("trust-old-tokens", Topology::Alone, Profile::Rough, 49),
    // A join on its way to the store came after the leave that another node had made of it, and nobody was left to end it.
    ("forget-gone", Topology::Shared, Profile::Rough, 32),
    // Who came to a node that was behind was told what it knew to be over.
    ("tell-older", Topology::Shared, Profile::Rough, 252),
    // A large channel was observed again over a node that was behind, and who was back was told to have left.
    ("forget-place", Topology::Shared, Profile::Rough, 38),
    // Who had seemed to be missing since a restart was not told of itself in a large channel.
    ("keep-absent", Topology::Alone, Profile::Rough, 1_795_606_242),
    // After a loss of data a node asserted sessions unheard, though its first lease since had ended while no answer came.
    ("assert-reborn", Topology::Shared, Profile::Hell, 306),
];

#[test]
fn seeds_that_failed_once_pass() {
    for (name, topology, profile, seed) in SEEDS {
        if let Some(failure) = run(*seed, &steps(*seed, *profile, *topology), *topology, false).failure {
            panic!("{name}, seed {seed} of {}: {failure}", profile.name());
        }
    }
}

#[cfg(feature = "breaks")]
#[test]
fn they_fail_with_the_mistake() {
    use herenow_sim::breaks;
    for (name, topology, profile, seed) in SEEDS {
        breaks::set(breaks::find(name));
        let failure = run(*seed, &steps(*seed, *profile, *topology), *topology, false).failure;
        breaks::set(None);
        assert!(failure.is_some(), "{name} does not show with seed {seed} of {}", profile.name());
    }
}
