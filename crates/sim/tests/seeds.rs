//! A few seeds of each profile, and what makes a run a run.
#![allow(clippy::panic, reason = "a test")]

use herenow_sim::{Profile, run, steps};

fn passes(profile: Profile, seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let outcome = run(seed, &steps(seed, profile), false);
        if let Some(failure) = outcome.failure {
            panic!("seed {seed} of {}: {failure}", profile.name());
        }
        assert!(outcome.events > 1_000, "seed {seed} is no test: {} events", outcome.events);
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
    let all = steps(7, Profile::Rough);
    let (one, other) = (run(7, &all, true), run(7, &all, true));
    assert_eq!(one.trace, other.trace);
    assert!(one.trace.len() > 1_000);
}

#[test]
fn a_rough_run_has_five_hundred_steps() {
    for seed in 1..=20 {
        assert!(steps(seed, Profile::Rough).len() >= 500);
    }
}
