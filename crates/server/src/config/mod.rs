//! The configuration: flag over environment over file over default.

mod duration;
mod file;
mod flags;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use herenow_protocol::Limits;

use crate::origin::Origin;
use flags::Flags;

pub use duration::DurationFlag;
pub use flags::LogFormat;

/// What the server does. [`Config::default`] is what it does without any option.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen, `host:port`; [`crate::run`] takes a listener instead.
    pub listen: String,
    /// A directory served at `/`.
    pub www: Option<PathBuf>,
    /// Origins that may connect besides the server's own.
    pub allowed_origins: Vec<Origin>,
    /// The server's own origin.
    pub public_url: Option<Origin>,
    /// How long a lost socket changes nothing for others.
    pub grace: Duration,
    /// From a `bye` to the leave.
    pub goodbye_linger: Duration,
    /// Silence before a connection is asked whether it lives.
    pub ping_interval: Duration,
    /// The shortest time between two diffs of a busy channel.
    pub tick: Duration,
    /// How long stopping may take.
    pub drain: Duration,
    /// Frames a second of a session; 0: no limit.
    pub frames_per_second: u32,
    /// Sockets before `hello`.
    pub max_handshakes: usize,
    /// Sockets before `hello` of one address.
    pub max_handshakes_per_address: usize,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpAddr>,
    /// How logs are written.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8787".into(),
            www: None,
            allowed_origins: Vec::new(),
            public_url: None,
            grace: Duration::from_secs(10),
            goodbye_linger: Duration::from_secs(2),
            ping_interval: Duration::from_secs(10),
            tick: Duration::from_millis(50),
            drain: Duration::from_secs(10),
            frames_per_second: 50,
            max_handshakes: 5_000,
            max_handshakes_per_address: 500,
            trusted_proxies: Vec::new(),
            log_format: LogFormat::Text,
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Help or version was asked for; this is its text.
    #[error("{0}")]
    Shown(String),
    /// An option, a variable or a key is wrong: one line that says which.
    #[error("{0}")]
    Wrong(String),
}

fn wrong<T>(message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Wrong(message.into()))
}

impl Config {
    /// Reads the command line (`arguments`, the first is the program), the environment and the file that they name.
    ///
    /// # Errors
    /// When something is unknown or not of its form, or help was asked for.
    pub fn load(arguments: Vec<OsString>) -> Result<Self, ConfigError> {
        let flags = Flags::try_parse_from(arguments).map_err(one_line)?;
        let below = match &flags.config {
            Some(path) => file::read(path)?,
            None => Flags::default(),
        };
        Self::from_flags(flags.over(below))
    }

    fn from_flags(flags: Flags) -> Result<Self, ConfigError> {
        let default = Self::default();
        let duration = |flag: Option<DurationFlag>, default: Duration| flag.map_or(default, |flag| flag.0);
        let config = Self {
            listen: flags.listen.unwrap_or(default.listen),
            www: flags.www,
            allowed_origins: flags.allowed_origin.unwrap_or_default(),
            public_url: flags.public_url,
            grace: duration(flags.grace, default.grace),
            goodbye_linger: duration(flags.goodbye_linger, default.goodbye_linger),
            ping_interval: duration(flags.ping_interval, default.ping_interval),
            tick: duration(flags.tick, default.tick),
            drain: duration(flags.drain, default.drain),
            frames_per_second: flags.frames_per_second.unwrap_or(default.frames_per_second),
            max_handshakes: flags.max_handshakes.unwrap_or(default.max_handshakes),
            max_handshakes_per_address: flags
                .max_handshakes_per_address
                .unwrap_or(default.max_handshakes_per_address),
            trusted_proxies: flags.trusted_proxy.unwrap_or_default(),
            log_format: flags.log_format.unwrap_or(default.log_format),
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let port = self.listen.rsplit_once(':').and_then(|(host, port)| {
            let bracketed = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
            (!host.is_empty() && bracketed).then(|| port.parse::<u16>().ok()).flatten()
        });
        if port.is_none() {
            return wrong(format!(
                "--listen: `{}` is not an address and a port; write for example 127.0.0.1:8787",
                self.listen
            ));
        }
        if let Some(www) = &self.www
            && !www.is_dir()
        {
            return wrong(format!("--www: {} is not a directory", www.display()));
        }
        if self.ping_interval < Duration::from_millis(10) {
            return wrong("--ping-interval: must be at least 10ms");
        }
        if self.tick < Duration::from_millis(1) || self.tick > Duration::from_secs(1) {
            return wrong("--tick: must be from 1ms to 1s");
        }
        if self.max_handshakes == 0 || self.max_handshakes_per_address == 0 {
            return wrong("--max-handshakes and --max-handshakes-per-address: must be at least 1");
        }
        Ok(())
    }

    /// The same for the registry; `node` names this process.
    pub(crate) fn registry(&self, node: String) -> herenow_registry::Config {
        herenow_registry::Config {
            node,
            tick_ms: millis(self.tick),
            grace_ms: millis(self.grace),
            goodbye_linger_ms: millis(self.goodbye_linger),
            ping_interval_ms: millis(self.ping_interval),
            limits: Limits::with_rate(self.frames_per_second),
            // Of a store that nodes share.
            ..herenow_registry::Config::default()
        }
    }
}

/// Whole milliseconds of `duration`.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// clap's message without its usage and tips, in one line.
fn one_line(error: clap::Error) -> ConfigError {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return ConfigError::Shown(text),
        _ => {}
    }
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let joined = first.split_whitespace().collect::<Vec<_>>().join(" ");
    ConfigError::Wrong(format!("{joined}; see herenow-server --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(arguments: &[&str]) -> Result<Config, String> {
        let all = std::iter::once("herenow-server").chain(arguments.iter().copied());
        Config::load(all.map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn without_options_the_defaults_hold() {
        assert_eq!(load(&[]), Ok(Config::default()));
    }

    #[test]
    fn help_states_the_default_of_each_option() {
        let help = load(&["--help"]).expect_err("help is shown");
        let default = Config::default();
        let shown = |duration: Duration| DurationFlag(duration).to_string();
        let defaults = [
            ("--listen", default.listen.clone()),
            ("--grace", shown(default.grace)),
            ("--goodbye-linger", shown(default.goodbye_linger)),
            ("--ping-interval", shown(default.ping_interval)),
            ("--tick", shown(default.tick)),
            ("--drain", shown(default.drain)),
            ("--frames-per-second", default.frames_per_second.to_string()),
            ("--max-handshakes", default.max_handshakes.to_string()),
            ("--max-handshakes-per-address", default.max_handshakes_per_address.to_string()),
            ("--log-format", "text".into()),
            ("--www", "none".into()),
            ("--config", "none".into()),
        ];
        for (flag, value) in defaults {
            let after = help.split(&format!("{flag} <")).nth(1).unwrap_or_default();
            let own = after.split("\n      --").next().unwrap_or_default();
            assert!(own.contains(&format!("[default: {value}]")), "{flag}: {own}");
            assert!(own.contains("[env: HERENOW_"), "{flag}: {own}");
        }
    }

    #[test]
    fn a_mistake_is_told_in_one_line_that_names_it() {
        let cases: &[(&[&str], &str)] = &[
            (&["--jwt"], "--jwt"),
            (&["--grace", "10"], "--grace"),
            (&["--log-format", "xml"], "--log-format"),
            (&["--frames-per-second", "-1"], "-1"),
            (&["--frames-per-second", "many"], "--frames-per-second"),
            (&["--listen", "8787"], "--listen"),
            (&["--listen", "::1:8787"], "--listen"),
            (&["--allowed-origin", "app.example.com"], "--allowed-origin"),
            (&["--public-url", "null"], "--public-url"),
            (&["--trusted-proxy", "proxy"], "--trusted-proxy"),
            (&["--www", "/does/not/exist"], "--www"),
            (&["--tick", "0s"], "--tick"),
            (&["--ping-interval", "1ms"], "--ping-interval"),
            (&["--max-handshakes", "0"], "--max-handshakes"),
            (&["--config", "/does/not/exist.toml"], "exist.toml"),
            (&["extra"], "extra"),
        ];
        for (arguments, named) in cases {
            let message = load(arguments).expect_err("this is a mistake");
            assert!(message.contains(named) && !message.contains('\n'), "{arguments:?}: {message}");
        }
    }
}
