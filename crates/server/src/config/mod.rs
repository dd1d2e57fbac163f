//! The configuration: flag over environment over file over default.

mod address;
mod duration;
mod file;
mod flags;
mod size;
mod switch;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use herenow_protocol::Limits;

use crate::auth::{AdminToken, Auth, KeyError, KeyFile, TokenCommand};
use crate::metrics::{MetricsFlag, resident_bytes};
use crate::origin::Origin;
use crate::probe::HealthCommand;
use crate::tls::{Tls, TlsError};
use flags::{Command, CommandLine, Flags};
use switch::Switch;

pub use address::RedisUrl;
pub(crate) use address::is_address_and_port;
pub use duration::DurationFlag;
pub use flags::{AuthMode, LogFormat, LogLevel};

/// What the server does. [`Config::default`] is what it does without any option.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen, `host:port`; [`crate::run`] takes a listener instead.
    pub listen: String,
    /// A directory served at `/`.
    pub www: Option<PathBuf>,
    /// The certificate for TLS.
    pub tls_cert: Option<PathBuf>,
    /// Its private key.
    pub tls_key: Option<PathBuf>,
    /// Who may enter.
    pub auth: AuthMode,
    /// Files with secrets of tokens.
    pub jwt_secret_files: Vec<KeyFile>,
    /// Files with public keys of tokens.
    pub jwt_public_key_files: Vec<KeyFile>,
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
    /// Whether a successor may listen on the same address.
    pub reuse_port: bool,
    /// Frames a second of a session; 0: no limit.
    pub frames_per_second: u32,
    /// Sockets before `hello`.
    pub max_handshakes: usize,
    /// Sockets before `hello` of one address.
    pub max_handshakes_per_address: usize,
    /// Bytes of memory above which nothing new is begun.
    pub max_memory: Option<u64>,
    /// Proxies whose `X-Forwarded-For` counts: addresses in canonical form ([`IpAddr::to_canonical`]).
    pub trusted_proxies: Vec<IpAddr>,
    /// The file with the operator's token.
    pub admin_token_file: Option<PathBuf>,
    /// Where `/metrics` is served.
    pub metrics: MetricsFlag,
    /// The store that nodes share: a server, or servers of a Cluster.
    pub redis: Vec<RedisUrl>,
    /// What its keys begin with.
    pub redis_prefix: String,
    /// How long a node may not reach the store before others take it for gone.
    pub node_lease: Duration,
    /// The least important thing that is logged.
    pub log_level: LogLevel,
    /// How logs are written.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8787".into(),
            www: None,
            tls_cert: None,
            tls_key: None,
            auth: AuthMode::Open,
            jwt_secret_files: Vec::new(),
            jwt_public_key_files: Vec::new(),
            allowed_origins: Vec::new(),
            public_url: None,
            grace: Duration::from_secs(10),
            goodbye_linger: Duration::from_secs(2),
            ping_interval: Duration::from_secs(10),
            tick: Duration::from_millis(50),
            drain: Duration::from_secs(10),
            reuse_port: false,
            frames_per_second: 50,
            max_handshakes: 5_000,
            max_handshakes_per_address: 500,
            max_memory: None,
            trusted_proxies: Vec::new(),
            admin_token_file: None,
            metrics: MetricsFlag::Off,
            redis: Vec::new(),
            redis_prefix: "herenow".into(),
            node_lease: Duration::from_secs(10),
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
        }
    }
}

/// A server without clients takes some 8 MiB.
const LEAST_MEMORY: u64 = 16 << 20;

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

/// What the program is asked to do.
#[derive(Debug)]
pub enum Task {
    /// To serve.
    Serve(Box<Config>),
    /// To make a token.
    Token(Box<TokenCommand>),
    /// To ask a running server whether it lives.
    Health(HealthCommand),
}

impl Task {
    /// Reads the command line (`arguments`, the first is the program), the environment and the file that they name.
    ///
    /// # Errors
    /// When something is unknown or not of its form, or help was asked for.
    pub fn load(arguments: Vec<OsString>) -> Result<Self, ConfigError> {
        let CommandLine { flags, command } = CommandLine::try_parse_from(arguments).map_err(one_line)?;
        match command {
            Some(Command::Token(command)) => Ok(Self::Token(Box::new(command))),
            Some(Command::Health(command)) => Ok(Self::Health(command)),
            None => {
                let config = Config::from_sources(flags)?;
                // They are read again when they are used; this says early what is wrong with them.
                let wrong = |what: &str, error| ConfigError::Wrong(format!("{what}: {error}"));
                config.authentication().map_err(|error| wrong("a key of tokens", error))?;
                config.operator().map_err(|error| wrong("--admin-token-file", error))?;
                config.tls().map_err(|error| ConfigError::Wrong(format!("TLS: {error}")))?;
                Ok(Self::Serve(Box::new(config)))
            }
        }
    }
}

impl Config {
    fn from_sources(flags: Flags) -> Result<Self, ConfigError> {
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
            tls_cert: flags.tls_cert,
            tls_key: flags.tls_key,
            auth: flags.auth.unwrap_or(default.auth),
            jwt_secret_files: flags.jwt_secret_file.unwrap_or_default(),
            jwt_public_key_files: flags.jwt_public_key_file.unwrap_or_default(),
            allowed_origins: flags.allowed_origin.unwrap_or_default(),
            public_url: flags.public_url,
            grace: duration(flags.grace, default.grace),
            goodbye_linger: duration(flags.goodbye_linger, default.goodbye_linger),
            ping_interval: duration(flags.ping_interval, default.ping_interval),
            tick: duration(flags.tick, default.tick),
            drain: duration(flags.drain, default.drain),
            reuse_port: flags.reuse_port.map_or(default.reuse_port, Switch::is_on),
            frames_per_second: flags.frames_per_second.unwrap_or(default.frames_per_second),
            max_handshakes: flags.max_handshakes.unwrap_or(default.max_handshakes),
            max_handshakes_per_address: flags
                .max_handshakes_per_address
                .unwrap_or(default.max_handshakes_per_address),
            max_memory: flags.max_memory.map(|size| size.0),
            trusted_proxies: flags
                .trusted_proxy
                .unwrap_or_default()
                .iter()
                .map(IpAddr::to_canonical)
                .collect(),
            admin_token_file: flags.admin_token_file,
            metrics: flags.metrics.unwrap_or(default.metrics),
            redis: flags
                .redis
                .unwrap_or_default()
                .iter()
                .map(|url| RedisUrl::parse(url))
                .collect::<Result<_, _>>()?,
            redis_prefix: flags.redis_prefix.unwrap_or(default.redis_prefix),
            node_lease: duration(flags.node_lease, default.node_lease),
            log_level: flags.log_level.unwrap_or(default.log_level),
            log_format: flags.log_format.unwrap_or(default.log_format),
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if !is_address_and_port(&self.listen) {
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
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return wrong("--tls-cert and --tls-key: give both, or neither");
        }
        let keys = self.jwt_secret_files.len() + self.jwt_public_key_files.len();
        match self.auth {
            AuthMode::Jwt if keys == 0 => {
                return wrong("--auth jwt: give a key with --jwt-secret-file or --jwt-public-key-file");
            }
            AuthMode::Open if keys > 0 => {
                return wrong(
                    "--jwt-secret-file and --jwt-public-key-file: are of use only with --auth jwt; without it everybody may enter",
                );
            }
            AuthMode::Jwt | AuthMode::Open => {}
        }
        if self.ping_interval < Duration::from_millis(10) {
            return wrong("--ping-interval: must be at least 10ms");
        }
        if self.tick < Duration::from_millis(1) || self.tick > Duration::from_secs(1) {
            return wrong("--tick: must be from 1ms to 1s");
        }
        if self.max_memory.is_some_and(|bytes| bytes < LEAST_MEMORY)
            || (self.max_memory.is_some() && resident_bytes().is_none())
        {
            return wrong("--max-memory: at least 16MiB, and only on Linux; write for example 512MiB or 2GB");
        }
        if self.node_lease < Duration::from_secs(1) {
            return wrong("--node-lease: must be at least 1s");
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if self.redis_prefix.is_empty() || !self.redis_prefix.bytes().all(is_plain) {
            return wrong("--redis-prefix: letters, digits, and - _ . : only, at least one");
        }
        if self.max_handshakes == 0 || self.max_handshakes_per_address == 0 {
            return wrong("--max-handshakes and --max-handshakes-per-address: must be at least 1");
        }
        Ok(())
    }

    /// How tokens are verified.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub(crate) fn authentication(&self) -> Result<Auth, KeyError> {
        match self.auth {
            AuthMode::Open => Ok(Auth::Open),
            AuthMode::Jwt => Auth::jwt(self.jwt_secret_files.clone(), self.jwt_public_key_files.clone()),
        }
    }

    /// What connections are made secure with.
    ///
    /// # Errors
    /// When the files are not to be used.
    pub(crate) fn tls(&self) -> Result<Option<Tls>, TlsError> {
        self.tls_cert.clone().zip(self.tls_key.clone()).map(|(cert, key)| Tls::read(cert, key)).transpose()
    }

    /// The operator's token.
    ///
    /// # Errors
    /// When its file is not to be used.
    pub(crate) fn operator(&self) -> Result<Option<AdminToken>, KeyError> {
        self.admin_token_file.clone().map(AdminToken::read).transpose()
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
            node_lease_ms: millis(self.node_lease),
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
        match Task::load(all.map(OsString::from).collect()) {
            Ok(Task::Serve(config)) => Ok(*config),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        }
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
            ("--reuse-port", "off".into()),
            ("--frames-per-second", default.frames_per_second.to_string()),
            ("--max-handshakes", default.max_handshakes.to_string()),
            ("--max-handshakes-per-address", default.max_handshakes_per_address.to_string()),
            ("--max-memory", "none".into()),
            ("--admin-token-file", "none".into()),
            ("--metrics", "off".into()),
            ("--log-level", "info".into()),
            ("--log-format", "text".into()),
            ("--www", "none".into()),
            ("--tls-cert", "none".into()),
            ("--tls-key", "none".into()),
            ("--auth", "open".into()),
            ("--jwt-secret-file", "none".into()),
            ("--jwt-public-key-file", "none".into()),
            ("--config", "none".into()),
            ("--redis", "none".into()),
            ("--redis-prefix", default.redis_prefix.clone()),
            ("--node-lease", shown(default.node_lease)),
        ];
        for (flag, value) in defaults {
            let after = help.split(&format!("{flag} <")).nth(1).unwrap_or_default();
            let own = after.split("\n      --").next().unwrap_or_default();
            assert!(own.contains(&format!("[default: {value}]")), "{flag}: {own}");
            assert!(own.contains("[env: HERENOW_"), "{flag}: {own}");
        }
    }

    /// A proxy's connections come from an address in this form, whatever socket takes them.
    #[test]
    fn a_trusted_proxy_may_be_written_as_ipv6() {
        let config = load(&["--trusted-proxy", "::ffff:10.0.0.1,2001:db8::1"]).expect("addresses");
        let addresses: Vec<_> = config.trusted_proxies.iter().map(IpAddr::to_string).collect();
        assert_eq!(addresses, ["10.0.0.1", "2001:db8::1"]);
    }

    /// Nor does a configuration that is printed.
    #[test]
    fn a_wrong_address_of_a_store_does_not_tell_its_password() {
        let wrong = load(&["--redis", "redis://me:hush@127.0.0.1:none"]).expect_err("no port");
        assert!(!wrong.contains("hush"), "{wrong}");
        let right = load(&["--redis", "redis://me:hush@127.0.0.1:6379/1"]).expect("an address");
        assert!(!format!("{right:?}").contains("hush"));
    }

    #[test]
    fn a_mistake_is_told_in_one_line_that_names_it() {
        let cases: &[(&[&str], &str)] = &[
            (&["--jwt"], "--jwt"),
            (&["--auth", "basic"], "--auth"),
            (&["--tls-cert", "x"], "--tls-key"),
            (&["--tls-key", "x"], "--tls-cert"),
            (&["--tls-cert", "/no/cert.pem", "--tls-key", "/no/key.pem"], "/no/cert.pem"),
            (&["--auth", "jwt"], "--jwt-secret-file"),
            (&["--jwt-secret-file", "x"], "--auth jwt"),
            (&["--auth", "jwt", "--jwt-public-key-file", "kid="], "KID=FILE"),
            (&["--auth", "jwt", "--jwt-secret-file", "/does/not/exist"], "/does/not/exist"),
            (&["--grace", "10"], "--grace"),
            (&["--log-format", "xml"], "--log-format"),
            (&["--max-memory", "lots"], "512MiB"),
            (&["--max-memory", "512"], "--max-memory"),
            (&["--max-memory", "15MiB"], "--max-memory"),
            (&["--log-level", "loud"], "--log-level"),
            (&["--admin-token-file", "/does/not/exist"], "/does/not/exist"),
            (&["--metrics", "maybe"], "127.0.0.1:9090"),
            (&["--metrics", ":9090"], "127.0.0.1:9090"),
            (&["--metrics", "::1:9090"], "--metrics"),
            (&["--reuse-port", "maybe"], "--reuse-port"),
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
            (&["--redis", "localhost"], "redis://127.0.0.1:6379"),
            (&["--redis", "redis://127.0.0.1:none"], "redis://127.0.0.1:6379"),
            (&["--redis-prefix", "a{b}"], "--redis-prefix"),
            (&["--node-lease", "10ms"], "--node-lease"),
            (&["--config", "/does/not/exist.toml"], "exist.toml"),
            (&["extra"], "extra"),
        ];
        for (arguments, named) in cases {
            let message = load(arguments).expect_err("this is a mistake");
            assert!(message.contains(named) && !message.contains('\n'), "{arguments:?}: {message}");
        }
    }
}
