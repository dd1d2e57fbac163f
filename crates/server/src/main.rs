//! `herenow-server`: reads its configuration, binds, says where it listens, and serves until it is told to stop.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::SystemTime;

use herenow_server::{
    Config, ConfigError, Listeners, LogFormat, LogLevel, Task, open_store, run_on, survive_hangups,
    wait_for_stop,
};

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What the allocator has handed out, with what it needs for that itself.
#[cfg(not(target_env = "msvc"))]
fn allocated_bytes() -> Option<u64> {
    use tikv_jemalloc_ctl::{epoch, stats};
    // Figures are those of the epoch.
    epoch::advance().ok()?;
    u64::try_from(stats::active::read().ok()? + stats::metadata::read().ok()?).ok()
}

/// Something failed while starting or serving.
const FAILED: u8 = 1;
/// The command line, the environment or the configuration file is wrong.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    #[cfg(not(target_env = "msvc"))]
    herenow_server::measure_memory_with(allocated_bytes);
    let config = match Task::load(std::env::args_os().collect::<Vec<OsString>>()) {
        Ok(Task::Serve(config)) => *config,
        Ok(Task::Token(command)) => {
            return match command.make(SystemTime::now()) {
                Ok(token) => {
                    println!("{token}");
                    ExitCode::SUCCESS
                }
                Err(error) => fail(WRONG_USAGE, &error),
            };
        }
        Ok(Task::Health(command)) => {
            return match command.run() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(FAILED, &error),
            };
        }
        Err(ConfigError::Shown(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(WRONG_USAGE, &error),
    };
    log_to_stderr(config.log_format, config.log_level);
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
    let listeners = Listeners::bind(&config).await.map_err(|error| error.to_string())?;
    let address = listeners.main.local_addr().map_err(|error| error.to_string())?;
    let store = open_store(&config).await.map_err(|error| error.to_string())?;
    let stop = wait_for_stop().map_err(|error| error.to_string())?;
    // Who reads the line may send signals.
    survive_hangups().map_err(|error| error.to_string())?;
    let scheme = if config.tls_cert.is_some() { "https" } else { "http" };
    println!("listening on {scheme}://{address}");
    run_on(store, listeners, config, stop).await.map_err(|error| error.to_string())
}

fn log_to_stderr(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let logs = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(level);
    match format {
        LogFormat::Text => logs.with_target(false).init(),
        LogFormat::Json => logs.json().init(),
    }
}

fn fail(code: u8, error: &impl std::fmt::Display) -> ExitCode {
    eprintln!("herenow-server: {error}");
    ExitCode::from(code)
}
