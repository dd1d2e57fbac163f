//! What can be set, by flag, environment or file: all of it optional here, so that the sources can be laid over each
//! other. The defaults stand in [`super::Config`]; a test compares the help with them.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;

use super::DurationFlag;
use super::file::one_or_more;
use super::size::SizeFlag;
use super::switch::Switch;
use crate::auth::{KeyFile, TokenCommand};
use crate::metrics::MetricsFlag;
use crate::origin::Origin;
use crate::probe::HealthCommand;

/// The server of herenow: user presence for web apps.
///
/// Each option can also be set in the environment and, without the dashes, as a key of the configuration file
/// (TOML). An option wins over the environment, the environment over the file.
#[derive(Debug, Parser)]
#[command(name = "herenow-server", version, args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) flags: Flags,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What else the program does than to serve.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Token(TokenCommand),
    Health(HealthCommand),
}

/// See [`CommandLine`].
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Flags {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR:PORT", env = "HERENOW_LISTEN")]
    pub(crate) listen: Option<String>,

    /// Directory whose files are served at / [default: none]
    #[arg(long, value_name = "DIR", env = "HERENOW_WWW")]
    pub(crate) www: Option<PathBuf>,

    /// Who may enter: `open` lets everybody in as a guest, `jwt` only who has a token that your backend signed
    /// [default: open]
    #[arg(long, value_name = "MODE", env = "HERENOW_AUTH")]
    pub(crate) auth: Option<AuthMode>,

    /// File with the secret of tokens that are signed with HS256, at least 32 bytes; KID=FILE for tokens with that
    /// `kid`; may be repeated (in the environment: separated by commas); read again on SIGHUP [default: none]
    #[arg(long, value_name = "[KID=]FILE", env = "HERENOW_JWT_SECRET_FILE", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) jwt_secret_file: Option<Vec<KeyFile>>,

    /// File with the public key of tokens that are signed with RS256, ES256 or EdDSA: PEM, or a JSON Web Key Set;
    /// KID=FILE for tokens with that `kid`; may be repeated (in the environment: separated by commas); read again on
    /// SIGHUP [default: none]
    #[arg(long, value_name = "[KID=]FILE", env = "HERENOW_JWT_PUBLIC_KEY_FILE", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) jwt_public_key_file: Option<Vec<KeyFile>>,

    /// File with the certificate (PEM, with the chain) for TLS; read again on SIGHUP [default: none]
    #[arg(long, value_name = "FILE", env = "HERENOW_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// File with the private key (PEM) of --tls-cert; read again on SIGHUP [default: none]
    #[arg(long, value_name = "FILE", env = "HERENOW_TLS_KEY")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Origin whose pages may connect, as https://app.example.com; may be repeated (in the environment: separated by
    /// commas) [default: none]
    #[arg(long, value_name = "ORIGIN", env = "HERENOW_ALLOWED_ORIGIN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) allowed_origin: Option<Vec<Origin>>,

    /// Where browsers reach this server, as https://presence.example.com [default: what the Host header says]
    #[arg(long, value_name = "URL", env = "HERENOW_PUBLIC_URL")]
    pub(crate) public_url: Option<Origin>,

    /// How long a lost connection changes nothing for others, as 10s, 250ms, 1m [default: 10s]
    #[arg(long, value_name = "DURATION", env = "HERENOW_GRACE")]
    pub(crate) grace: Option<DurationFlag>,

    /// How long after a page was closed its user leaves, so that a reload is not seen [default: 2s]
    #[arg(long, value_name = "DURATION", env = "HERENOW_GOODBYE_LINGER")]
    pub(crate) goodbye_linger: Option<DurationFlag>,

    /// Silence after which a connection is asked whether it lives; after two it is given up [default: 10s]
    #[arg(long, value_name = "DURATION", env = "HERENOW_PING_INTERVAL")]
    pub(crate) ping_interval: Option<DurationFlag>,

    /// Shortest time between two messages about a busy channel [default: 50ms]
    #[arg(long, value_name = "DURATION", env = "HERENOW_TICK")]
    pub(crate) tick: Option<DurationFlag>,

    /// How long stopping may take; clients come back elsewhere spread over it [default: 10s]
    #[arg(long, value_name = "DURATION", env = "HERENOW_DRAIN")]
    pub(crate) drain: Option<DurationFlag>,

    /// `on` shares the address with a successor (Unix): start that one with the same option, then stop this one, which
    /// takes no new connections from then on [default: off]
    #[arg(long, value_name = "on|off", env = "HERENOW_REUSE_PORT")]
    pub(crate) reuse_port: Option<Switch>,

    /// Frames a second that a session may send, with a burst of four seconds' worth; 0: no limit [default: 50]
    #[arg(long, value_name = "NUMBER", env = "HERENOW_FRAMES_PER_SECOND")]
    pub(crate) frames_per_second: Option<u32>,

    /// Sockets that may be open without having said who they are [default: 5000]
    #[arg(long, value_name = "NUMBER", env = "HERENOW_MAX_HANDSHAKES")]
    pub(crate) max_handshakes: Option<usize>,

    /// The same for one address; for IPv6 one /64 network [default: 500]
    #[arg(long, value_name = "NUMBER", env = "HERENOW_MAX_HANDSHAKES_PER_ADDRESS")]
    pub(crate) max_handshakes_per_address: Option<usize>,

    /// Memory (as 512MiB or 2GB) above which new sessions, members and observers are refused, so that nothing fails; only on
    /// Linux [default: none]
    #[arg(long, value_name = "SIZE", env = "HERENOW_MAX_MEMORY")]
    pub(crate) max_memory: Option<SizeFlag>,

    /// IP address of a proxy whose X-Forwarded-For names the client; may be repeated (in the environment: separated
    /// by commas) [default: none]
    #[arg(long, value_name = "IP", env = "HERENOW_TRUSTED_PROXY", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) trusted_proxy: Option<Vec<IpAddr>>,

    /// File with the token of operators, at least 32 bytes, for /admin and its API; read again on SIGHUP; without it there
    /// is neither [default: none]
    #[arg(long, value_name = "FILE", env = "HERENOW_ADMIN_TOKEN_FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,

    /// Where /metrics is served for Prometheus: `off`, `on` (beside the API, for everybody who reaches it), or an address
    /// and port of its own [default: off]
    #[arg(long, value_name = "off|on|ADDR:PORT", env = "HERENOW_METRICS")]
    pub(crate) metrics: Option<MetricsFlag>,

    /// Redis or Valkey that several servers share, as redis://[user:password@]host:port (rediss:// for TLS); may be repeated
    /// with servers of one Cluster (in the environment: separated by commas); without it this server keeps everything in its
    /// memory [default: none]
    #[arg(long, value_name = "URL", env = "HERENOW_REDIS", hide_env_values = true, value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) redis: Option<Vec<String>>,

    /// What the names of its keys begin with [default: herenow]
    #[arg(long, value_name = "PREFIX", env = "HERENOW_REDIS_PREFIX")]
    pub(crate) redis_prefix: Option<String>,

    /// How long this server may be cut off from Redis before the others take it for gone, the same on all [default: 10s]
    #[arg(long, value_name = "DURATION", env = "HERENOW_NODE_LEASE")]
    pub(crate) node_lease: Option<DurationFlag>,

    /// What is logged: error, warn, info, debug or trace; from debug on with addresses of clients [default: info]
    #[arg(long, value_name = "LEVEL", env = "HERENOW_LOG_LEVEL")]
    pub(crate) log_level: Option<LogLevel>,

    /// How logs are written to standard error [default: text]
    #[arg(long, value_name = "FORMAT", env = "HERENOW_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,

    /// File with the same options as keys [default: none]
    #[arg(long, value_name = "FILE", env = "HERENOW_CONFIG")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
}

/// Who may enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMode {
    /// Everybody, as a guest.
    Open,
    /// Who has a token that the app's backend signed.
    Jwt,
}

/// The least important thing that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Flags {
    /// These, and where they say nothing, `below`.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            listen: self.listen.or(below.listen),
            www: self.www.or(below.www),
            tls_cert: self.tls_cert.or(below.tls_cert),
            tls_key: self.tls_key.or(below.tls_key),
            auth: self.auth.or(below.auth),
            jwt_secret_file: self.jwt_secret_file.or(below.jwt_secret_file),
            jwt_public_key_file: self.jwt_public_key_file.or(below.jwt_public_key_file),
            allowed_origin: self.allowed_origin.or(below.allowed_origin),
            public_url: self.public_url.or(below.public_url),
            grace: self.grace.or(below.grace),
            goodbye_linger: self.goodbye_linger.or(below.goodbye_linger),
            ping_interval: self.ping_interval.or(below.ping_interval),
            tick: self.tick.or(below.tick),
            drain: self.drain.or(below.drain),
            reuse_port: self.reuse_port.or(below.reuse_port),
            frames_per_second: self.frames_per_second.or(below.frames_per_second),
            max_handshakes: self.max_handshakes.or(below.max_handshakes),
            max_handshakes_per_address: self.max_handshakes_per_address.or(below.max_handshakes_per_address),
            max_memory: self.max_memory.or(below.max_memory),
            trusted_proxy: self.trusted_proxy.or(below.trusted_proxy),
            admin_token_file: self.admin_token_file.or(below.admin_token_file),
            metrics: self.metrics.or(below.metrics),
            redis: self.redis.or(below.redis),
            redis_prefix: self.redis_prefix.or(below.redis_prefix),
            node_lease: self.node_lease.or(below.node_lease),
            log_level: self.log_level.or(below.log_level),
            log_format: self.log_format.or(below.log_format),
            config: self.config,
        }
    }
}
