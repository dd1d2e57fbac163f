//! `herenow-server`: reads its configuration, binds, says where it listens, and serves until it is told to stop.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use herenow_server::{Config, ConfigError, LogFormat, bind, run, wait_for_stop};

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Something failed while starting or serving.
const FAILED: u8 = 1;
/// The command line, the environment or the configuration file is wrong.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let config = match Config::load(std::env::args_os().collect::<Vec<OsString>>()) {
        Ok(config) => config,
        Err(ConfigError::Shown(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(WRONG_USAGE, &error),
    };
    log_to_stderr(config.log_format);
    raise_open_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(FAILED, &error),
    };
    let served = runtime.block_on(serve(config));
    // Idle HTTP connections and lingering sockets need no more time.
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(FAILED, &message),
    }
}

/// Each connection is an open file, and the usual limit is for programs that hold few: takes as many as are allowed.
fn raise_open_files() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::debug!(limit, "connections and other open files at once"),
        Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
    }
}

async fn serve(config: Config) -> Result<(), String> {
    let listener = bind(&config.listen).await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let stop = wait_for_stop().map_err(|error| error.to_string())?;
    println!("listening on http://{address}");
    run(listener, config, stop).await.map_err(|error| error.to_string())
}

fn log_to_stderr(format: LogFormat) {
    let logs = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(tracing::Level::INFO);
    match format {
        LogFormat::Text => logs.with_target(false).init(),
        LogFormat::Json => logs.json().init(),
    }
}

fn fail(code: u8, error: &impl std::fmt::Display) -> ExitCode {
    eprintln!("herenow-server: {error}");
    ExitCode::from(code)
}
