//! A few seeds of each profile, and what makes a run a run.
#![allow(clippy::panic, reason = "a test")]

use herenow_sim::{Profile, Topology, run, steps};

fn passes(profile: Profile, seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        for topology in Topology::ALL {
            let outcome = run(seed, &steps(seed, profile, topology), topology, false);
            if let Some(failure) = outcome.failure {
                panic!("seed {seed} of {} on {} nodes: {failure}", profile.name(), topology.nodes());
            }
            assert!(outcome.events > 1_000, "seed {seed} is no test: {} events", outcome.events);
        }
    }
}

#[test]
fn calm_seeds_pass() {
    passes(Profile::Calm, 1..=8);
}

#[test]
fn rough_seeds_pass() {
    passes(Profile::Rough, 1..=8);
}

#[test]
fn seeds_of_hell_pass() {
    passes(Profile::Hell, 1..=4);
}

#[test]
fn a_seed_decides_everything() {
    for topology in Topology::ALL {
        let all = steps(7, Profile::Rough, topology);
        let (one, other) = (run(7, &all, topology, true), run(7, &all, topology, true));
        assert_eq!(one.trace, other.trace);
        assert!(one.trace.len() > 1_000);
    }
}

#[test]
fn a_rough_run_has_five_hundred_steps() {
    for seed in 1..=20 {
        assert!(steps(seed, Profile::Rough, Topology::Shared).len() >= 500);
    }
}
