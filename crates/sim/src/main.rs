//! The simulation's command line: runs seeds on several threads, and shows one that fails.

mod args;

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use args::{Args, HELP, Task};
use herenow_sim::{Failure, Invariant, Profile, Topology, run, shrink, steps};

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
}

fn main() -> ExitCode {
    let args = match args::read(std::env::args()) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    // A release build ends with the first panic: the seed must be known.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        eprintln!("seed {}: {}", SEED.get(), Invariant::NoPanic.name());
        usual(info);
    }));
    if args.broken.as_deref().is_some_and(|name| !breaking::exists(name)) {
        eprintln!("{}", breaking::UNKNOWN);
        return ExitCode::from(2);
    }
    match args.task {
        Task::Help => println!("{HELP}"),
        Task::ListBreaks => breaking::list(),
        Task::One { seed, trace } => return one(&args, seed, trace),
        Task::Many { seeds, from, threads } => return many(&args, seeds, from, threads),
    }
    ExitCode::SUCCESS
}

/// Runs a seed in this thread, on each topology until one fails.
fn play(args: &Args, seed: u64) -> Option<(Topology, Failure)> {
    SEED.set(seed);
    args.topologies.iter().find_map(|topology| {
        breaking::set(args.broken.as_deref());
        let steps = steps(seed, args.profile, *topology);
        let failure =
            std::panic::catch_unwind(AssertUnwindSafe(|| run(seed, &steps, *topology, false).failure));
        let panicked =
            || Failure { invariant: Invariant::NoPanic, at_ms: 0, message: "see the panic above".into() };
        failure.unwrap_or_else(|_| Some(panicked())).map(|failure| (*topology, failure))
    })
}

fn one(args: &Args, seed: u64, trace: bool) -> ExitCode {
    SEED.set(seed);
    for topology in &args.topologies {
        breaking::set(args.broken.as_deref());
        let outcome = run(seed, &steps(seed, args.profile, *topology), *topology, trace);
        outcome.trace.iter().for_each(|line| println!("{line}"));
        let (profile, nodes) = (args.profile.name(), topology.nodes());
        println!("seed {seed}, {profile}, nodes {nodes}: {} events", outcome.events);
        if let Some(failure) = outcome.failure {
            println!("{failure}");
            if !trace {
                show(args.profile, *topology, seed, &failure);
            }
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn many(args: &Args, seeds: u64, from: u64, threads: usize) -> ExitCode {
    println!("{} seeds of {} from {from} on, {threads} threads", seeds, args.profile.name());
    let next = AtomicU64::new(from);
    let done = AtomicU64::new(0);
    let found: Mutex<Option<(u64, Topology, Failure)>> = Mutex::new(None);
    let shown = Mutex::new(Instant::now());
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds || found.lock().is_ok_and(|found| found.is_some()) {
                        return;
                    }
                    if let Some((topology, failure)) = play(args, seed)
                        && let Ok(mut found) = found.lock()
                    {
                        found.get_or_insert((seed, topology, failure));
                    }
                    let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if let Ok(mut shown) = shown.lock()
                        && shown.elapsed() >= PROGRESS
                    {
                        *shown = Instant::now();
                        let rate = count as f64 / started.elapsed().as_secs_f64();
                        println!("{count} of {seeds} seeds, {rate:.1} a second");
                    }
                }
            });
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    let count = done.into_inner();
    println!("{count} seeds in {seconds:.1} s, {:.1} a second", count as f64 / seconds);
    match found.into_inner() {
        Ok(Some((seed, topology, failure))) => {
            println!("seed {seed}, nodes {}: {failure}", topology.nodes());
            breaking::set(args.broken.as_deref());
            show(args.profile, topology, seed, &failure);
            ExitCode::FAILURE
        }
        Ok(None) | Err(_) => {
            println!("no failure");
            ExitCode::SUCCESS
        }
    }
}

/// Shows the fewest steps that fail, and what happens then.
fn show(profile: Profile, topology: Topology, seed: u64, failure: &Failure) {
    if failure.invariant == Invariant::NoPanic {
        return;
    }
    let (few, failure) = shrink(seed, &steps(seed, profile, topology), topology, failure);
    println!("with {} steps: {failure}", few.len());
    for line in run(seed, &few, topology, true).trace {
        println!("{line}");
    }
    let (profile, nodes) = (profile.name(), topology.nodes());
    println!(
        "again: cargo run --release -p sim -- --profile {profile} --nodes {nodes} --seed {seed} --trace"
    );
}

#[cfg(feature = "breaks")]
mod breaking {
    use herenow_sim::breaks;

    pub(crate) const UNKNOWN: &str = "there is no such break; see --list-breaks";

    pub(crate) fn exists(name: &str) -> bool {
        breaks::find(name).is_some()
    }

    pub(crate) fn set(name: Option<&str>) {
        breaks::set(name.and_then(breaks::find));
    }

    pub(crate) fn list() {
        breaks::ALL.iter().for_each(|known| {
            println!("{:<22} {:?}, shows in {}", known.name, known.rule, known.profile.name())
        });
    }
}

#[cfg(not(feature = "breaks"))]
mod breaking {
    pub(crate) const UNKNOWN: &str =
        "this build breaks nothing: cargo run --release -p sim --features breaks -- …";

    pub(crate) const fn exists(_: &str) -> bool {
        false
    }

    pub(crate) const fn set(_: Option<&str>) {}

    pub(crate) fn list() {
        println!("{UNKNOWN}");
    }
}
