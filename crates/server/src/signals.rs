//! Signals of the operating system as a future.

use std::future::Future;
use std::io;

/// Exit status after a second signal: the first one's drain was cut short.
const CUT_SHORT: i32 = 130;

/// Begins to listen for SIGTERM and Ctrl-C; the future is ready at the first. A second one ends the process at once.
///
/// # Errors
/// When the operating system gives no handler.
pub fn wait_for_stop() -> io::Result<impl Future<Output = ()> + Send> {
    let mut signals = Signals::new()?;
    Ok(async move {
        signals.next().await;
        tracing::info!("asked to stop: draining; a second signal stops at once");
        tokio::spawn(async move {
            signals.next().await;
            std::process::exit(CUT_SHORT);
        });
    })
}

/// From now on a SIGHUP does not end the process. One that comes before the files are read needs no more: the server
/// reads them then. Later ones are heard by the server that runs.
///
/// # Errors
/// When the operating system gives no handler.
pub fn survive_hangups() -> io::Result<()> {
    // The handler stays for as long as the process.
    Hangups::new().map(drop)
}

/// SIGHUPs: the operator has changed a file that the server read. There are none on other systems than Unix.
#[derive(Debug)]
pub(crate) struct Hangups {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangups {
    /// Begins to listen; from now on a SIGHUP does not end the process.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
        })
    }

    /// Ready at the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
