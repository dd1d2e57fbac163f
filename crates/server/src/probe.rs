//! `herenow-server health`: asks a running server whether it lives, for containers that hold no other program.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use clap::Args;
use tokio_rustls::rustls::StreamOwned;

use crate::tls::unverified;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of an answer that are looked at.
const MAX_ANSWER_BYTES: u64 = 1024;
/// Where a server listens that was told nothing.
const DEFAULT_LISTEN: &str = "127.0.0.1:8787";

/// Ask a running server whether it lives: ends with 0 if it does, with 1 if not
#[derive(Debug, Args)]
pub struct HealthCommand {
    /// What to ask, without TLS [default: /healthz where HERENOW_LISTEN says, 127.0.0.1:8787 without it; with TLS where
    /// HERENOW_TLS_CERT is set]
    #[arg(value_name = "URL")]
    url: Option<String>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    authority: String,
    path: String,
    tls: bool,
}

/// Why a server does not seem to live.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The URL is none that can be asked.
    #[error("`{0}` cannot be asked; write for example http://127.0.0.1:8787/healthz")]
    Url(String),
    /// Nobody answers.
    #[error("{url}: {error}")]
    Silent {
        /// What was asked.
        url: String,
        /// What happened.
        error: io::Error,
    },
    /// It answers something else than 200.
    #[error("{url}: answered {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The first line of the answer.
        status: String,
    },
}

impl HealthCommand {
    /// Asks.
    ///
    /// # Errors
    /// When the server does not answer with 200.
    pub fn run(&self) -> Result<(), HealthError> {
        let target = match &self.url {
            Some(url) => Target::parse(url)?,
            None => {
                // An empty variable is none, as for the server's options.
                let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
                Target::own(set("HERENOW_LISTEN").as_deref(), set("HERENOW_TLS_CERT").is_some())
            }
        };
        let answer = target.ask().map_err(|error| HealthError::Silent { url: target.to_string(), error })?;
        let status = answer.lines().next().unwrap_or_default();
        if status.starts_with("HTTP/1.1 200 ") {
            return Ok(());
        }
        let status = status.chars().filter(|character| !character.is_control()).collect();
        Err(HealthError::Status { url: target.to_string(), status })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.path)
    }
}

impl Target {
    fn parse(url: &str) -> Result<Self, HealthError> {
        let wrong = || HealthError::Url(url.into());
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if authority.is_empty() || !is_plain(rest) {
            return Err(wrong());
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { authority: authority.into(), path: path.into(), tls: false })
    }

    /// The server of this machine that was started in the same environment. Where it listens on all addresses, the one
    /// of the machine itself is asked.
    fn own(listen: Option<&str>, tls: bool) -> Self {
        let listen = listen.unwrap_or(DEFAULT_LISTEN);
        let authority = match listen.rsplit_once(':') {
            Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
            Some(("[::]", port)) => format!("[::1]:{port}"),
            Some(_) | None => listen.into(),
        };
        Self { authority, path: "/healthz".into(), tls }
    }

    fn ask(&self) -> io::Result<String> {
        let Self { authority, path, tls } = self;
        let with_port = if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        };
        let address = with_port.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        if *tls {
            let connection = unverified(address.ip()).map_err(io::Error::other)?;
            first_line(StreamOwned::new(connection, stream), &request)
        } else {
            first_line(stream, &request)
        }
    }
}

/// Sends a request; the first line of the answer.
fn first_line(mut stream: impl Read + Write, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_ANSWER_BYTES)).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn without_a_url_the_environment_says_where_to_ask() {
        for (listen, tls, asked) in [
            (None, false, "http://127.0.0.1:8787/healthz"),
            (Some("0.0.0.0:9000"), false, "http://127.0.0.1:9000/healthz"),
            (Some("[::]:9000"), true, "https://[::1]:9000/healthz"),
            (Some("10.0.0.7:443"), true, "https://10.0.0.7:443/healthz"),
            (Some("localhost:1"), false, "http://localhost:1/healthz"),
        ] {
            assert_eq!(Target::own(listen, tls).to_string(), asked);
        }
        assert_eq!(Config::default().listen, DEFAULT_LISTEN);
    }
}
