//! Makes a failing run small: drops steps for as long as the same invariant fails.

use crate::{Failure, Step, Topology, run};

/// Runs that are tried, at most.
const MAX_RUNS: usize = 1_500;

/// The fewest steps found that make the same invariant fail, with that failure.
pub fn shrink(seed: u64, steps: &[Step], topology: Topology, failure: &Failure) -> (Vec<Step>, Failure) {
    let mut steps: Vec<Step> = steps.iter().filter(|step| step.at_ms <= failure.at_ms).cloned().collect();
    steps.push(Step::wait(failure.at_ms + 1));
    let mut failure = failure.clone();
    let mut runs = 0;
    let mut chunk = steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut dropped = false;
        while at < steps.len() && runs < MAX_RUNS {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + chunk).min(steps.len()));
            runs += 1;
            match run(seed, &fewer, topology, false).failure {
                Some(found) if found.invariant == failure.invariant => {
                    steps = fewer;
                    failure = found;
                    dropped = true;
                }
                Some(_) | None => at += chunk,
            }
        }
        if runs >= MAX_RUNS || (chunk == 1 && !dropped) {
            return (steps, failure);
        }
        if !dropped || chunk > steps.len() {
            chunk = (chunk / 2).max(1);
        }
    }
}
