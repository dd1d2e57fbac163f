//! What can be set, by flag, environment or file: all of it optional here, so that the sources can be laid over each
//! other. The defaults stand in [`super::Config`]; a test compares the help with them.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::Deserialize;

use super::DurationFlag;
use crate::origin::Origin;

/// The server of herenow: user presence for web apps.
///
/// Each option can also be set in the environment and, without the dashes, as a key of the configuration file
/// (TOML). An option wins over the environment, the environment over the file.
#[derive(Debug, Default, Parser, Deserialize)]
#[command(name = "herenow-server", version)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Flags {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR:PORT", env = "HERENOW_LISTEN")]
    pub(crate) listen: Option<String>,

    /// Directory whose files are served at / [default: none]
    #[arg(long, value_name = "DIR", env = "HERENOW_WWW")]
    pub(crate) www: Option<PathBuf>,

    /// Origin whose pages may connect, as https://app.example.com; may be repeated (in the environment: separated by
    /// commas) [default: none]
    #[arg(long, value_name = "ORIGIN", env = "HERENOW_ALLOWED_ORIGIN", value_delimiter = ',')]
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

    /// Frames a second that a session may send, with a burst of four seconds' worth; 0: no limit [default: 50]
    #[arg(long, value_name = "NUMBER", env = "HERENOW_FRAMES_PER_SECOND")]
    pub(crate) frames_per_second: Option<u32>,

    /// Sockets that may be open without having said who they are [default: 5000]
    #[arg(long, value_name = "NUMBER", env = "HERENOW_MAX_HANDSHAKES")]
    pub(crate) max_handshakes: Option<usize>,

    /// The same for one address; for IPv6 one /64 network [default: 500]
    #[arg(long, value_name = "NUMBER", env = "HERENOW_MAX_HANDSHAKES_PER_ADDRESS")]
    pub(crate) max_handshakes_per_address: Option<usize>,

    /// IP address of a proxy whose X-Forwarded-For names the client; may be repeated (in the environment: separated
    /// by commas) [default: none]
    #[arg(long, value_name = "IP", env = "HERENOW_TRUSTED_PROXY", value_delimiter = ',')]
    pub(crate) trusted_proxy: Option<Vec<IpAddr>>,

    /// How logs are written to standard error [default: text]
    #[arg(long, value_name = "FORMAT", env = "HERENOW_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,

    /// File with the same options as keys [default: none]
    #[arg(long, value_name = "FILE", env = "HERENOW_CONFIG")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
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
            allowed_origin: self.allowed_origin.or(below.allowed_origin),
            public_url: self.public_url.or(below.public_url),
            grace: self.grace.or(below.grace),
            goodbye_linger: self.goodbye_linger.or(below.goodbye_linger),
            ping_interval: self.ping_interval.or(below.ping_interval),
            tick: self.tick.or(below.tick),
            drain: self.drain.or(below.drain),
            frames_per_second: self.frames_per_second.or(below.frames_per_second),
            max_handshakes: self.max_handshakes.or(below.max_handshakes),
            max_handshakes_per_address: self.max_handshakes_per_address.or(below.max_handshakes_per_address),
            trusted_proxy: self.trusted_proxy.or(below.trusted_proxy),
            log_format: self.log_format.or(below.log_format),
            config: self.config,
        }
    }
}
