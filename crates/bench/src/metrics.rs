//! What the server counts itself: `/metrics`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::BenchError;

/// An answer that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// A counter without labels.
///
/// # Errors
/// When the server does not tell it: it must run with `--metrics on`.
pub(crate) fn counter(server: SocketAddr, name: &str) -> Result<u64, BenchError> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let value =
        answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
    value.ok_or_else(|| BenchError::Wrong(format!("/metrics does not tell {name}")))
}
