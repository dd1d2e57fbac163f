//! The simulation's command line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::Instant;

use herenow_sim::{Failure, Profile, run, shrink, steps};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
    let number = |name: &str| value(name).and_then(|text| text.parse::<u64>().ok());
    let profile = value("--profile").and_then(|name| Profile::parse(&name)).unwrap_or(Profile::Rough);
    if let Some(seed) = number("--seed") {
        let all = steps(seed, profile);
        let outcome = run(seed, &all, args.iter().any(|arg| arg == "--trace"));
        outcome.trace.iter().for_each(|line| println!("{line}"));
        println!("{} events", outcome.events);
        if let Some(failure) = outcome.failure {
            println!("{failure}");
            show(seed, profile, &failure);
        }
        return;
    }
    let from = number("--from").unwrap_or(1);
    let count = number("--seeds").unwrap_or(100);
    let next = AtomicU64::new(from);
    let found = Mutex::new(None);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count || found.lock().is_ok_and(|found| found.is_some()) {
                        return;
                    }
                    if let Some(failure) = run(seed, &steps(seed, profile), false).failure
                        && let Ok(mut found) = found.lock()
                    {
                        found.get_or_insert((seed, failure));
                    }
                }
            });
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    println!("{} seeds in {seconds:.1} s", next.load(Ordering::Relaxed) - from);
    if let Ok(Some((seed, failure))) = found.into_inner() {
        println!("seed {seed}: {failure}");
        show(seed, profile, &failure);
        std::process::exit(1);
    }
}

fn show(seed: u64, profile: Profile, failure: &Failure) {
    let (few, failure) = shrink(seed, &steps(seed, profile), failure);
    println!("--- shrunk to {} steps: {failure}", few.len());
    for line in run(seed, &few, true).trace {
        println!("{line}");
    }
}
