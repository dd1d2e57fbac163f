//! The load generator: many connections from one thread, and what they cost a server.

mod bench;
mod connection;
mod crowd;
mod dice;
mod engine;
mod error;
mod frames;
mod histogram;
mod limits;
mod metrics;
mod options;
mod process;
mod redis;
mod report;
mod scenarios;
mod steps;
mod targets;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde::Serialize;

use bench::Bench;
use error::BenchError;
use options::{Load, Options, Scenario, Server, Task};
use steps::{Kind, Paced};

/// How long a cut may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

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
        Task::Stalled(task) => scenario(&task, |bench, time| scenarios::stalled(bench, task.rate, time)),
        Task::Cut(task) => scenario(&task, |bench, time| scenarios::cut(bench, time, PATIENCE)),
        Task::Churn(task) => scenario(&task, |bench, time| scenarios::churn(bench, task.rate, time)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Joins as many as asked for, in whole channels, and runs a scenario on them.
fn scenario<R: Serialize>(
    task: &Scenario,
    run: impl FnOnce(&mut Bench, Duration) -> Result<R, BenchError>,
) -> Result<(), BenchError> {
    let (mut bench, possible) = begin(&task.server, task.connections, task.connections)?;
    report::result(&steps::join(&mut bench, possible / task.server.size * task.server.size)?);
    report::result(&run(&mut bench, Duration::from_secs_f64(task.seconds))?);
    Ok(())
}

/// Servers under measurement, and how many connections to them are possible.
fn begin(server: &Server, fewest: usize, most: usize) -> Result<(Bench, usize), BenchError> {
    if server.size < 2 || fewest < server.size {
        return Err(BenchError::Arguments("--size must be at least 2 and at most --connections"));
    }
    if server.address.len() != server.pid.len() {
        return Err(BenchError::Arguments("--pid needs as many as --address"));
    }
    let possible = limits::room_for(most);
    report::result(&Room { step: "room", wanted: most, possible });
    let addresses = server.address.clone();
    let bench = Bench::new(server.target.target(), addresses, &server.pid, server.redis, server.size)?;
    Ok((bench, possible))
}

fn load(task: &Load) -> Result<(), BenchError> {
    let (Some(most), Some(fewest)) = (task.connections.iter().max(), task.connections.iter().min()) else {
        return Err(BenchError::Arguments("--connections needs a number"));
    };
    let server = &task.server;
    let (mut bench, possible) = begin(server, *fewest, *most)?;
    let before = steps::held(&mut bench)?;
    // Whole channels only: what is measured is a channel of that size.
    let stages = task.connections.iter().map(|stage| (*stage).min(possible) / server.size * server.size);
    for stage in stages {
        report::result(&steps::join(&mut bench, stage)?);
        report::result(&steps::memory(&mut bench, before)?);
        if task.idle > 0.0 {
            report::result(&steps::idle(&mut bench, Duration::from_secs_f64(task.idle))?);
        }
        if task.paced > 0.0 {
            let time = Duration::from_secs_f64(task.paced);
            for rate in task.rate.iter().copied() {
                report::result(&steps::paced(&mut bench, Paced { rate, time, arrivals: task.arrivals })?);
            }
        }
        if task.burst > 0.0 {
            let time = Duration::from_secs_f64(task.burst);
            report::result(&steps::burst(&mut bench, task.burst_deliveries, time)?);
        }
        if task.operations > 0.0 {
            let time = Duration::from_secs_f64(task.operations);
            for kind in [Kind::Sets, Kind::Comings] {
                report::result(&steps::operations(&mut bench, kind, task.window, time)?);
            }
        }
    }
    Ok(())
}
