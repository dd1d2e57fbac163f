//! The load generator: many connections from one thread, and what they cost a server.

mod bench;
mod connection;
mod crowd;
mod engine;
mod error;
mod frames;
mod histogram;
mod limits;
mod options;
mod process;
mod report;
mod steps;
mod targets;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde::Serialize;

use bench::Bench;
use error::BenchError;
use options::{Load, Options, Task};
use steps::Paced;

/// How many connections there is room for.
#[derive(Serialize)]
struct Room {
    step: &'static str,
    wanted: usize,
    possible: usize,
}

fn main() -> ExitCode {
    let outcome = match Options::parse().task {
        Task::Load(task) => load(&task),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn load(task: &Load) -> Result<(), BenchError> {
    let (Some(most), Some(fewest)) = (task.connections.iter().max(), task.connections.iter().min()) else {
        return Err(BenchError::Arguments("--connections needs a number"));
    };
    if task.server.size < 2 || *fewest < task.server.size {
        return Err(BenchError::Arguments("--size must be at least 2 and at most --connections"));
    }
    let possible = limits::room_for(*most);
    report::result(&Room { step: "room", wanted: *most, possible });

    let server = task.server;
    let mut bench = Bench::new(server.target.target(), server.address, server.pid, server.size)?;
    let before_bytes = bench.server.resident_bytes();
    // Whole channels only: what is measured is a channel of that size.
    let stages = task.connections.iter().map(|stage| (*stage).min(possible) / server.size * server.size);
    for stage in stages {
        report::result(&steps::join(&mut bench, stage)?);
        report::result(&steps::memory(&mut bench, before_bytes)?);
        if task.idle > 0.0 {
            report::result(&steps::idle(&mut bench, Duration::from_secs_f64(task.idle))?);
        }
        if task.paced > 0.0 {
            let time = Duration::from_secs_f64(task.paced);
            let paced = Paced { rate: task.rate, time, arrivals: task.arrivals };
            report::result(&steps::paced(&mut bench, paced)?);
        }
        if task.burst > 0.0 {
            let time = Duration::from_secs_f64(task.burst);
            report::result(&steps::burst(&mut bench, task.burst_deliveries, time)?);
        }
    }
    Ok(())
}
