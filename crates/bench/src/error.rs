//! Why a measurement ended early.

use std::io;

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The operating system refused something.
    #[error("the operating system: {0}")]
    Io(#[from] io::Error),
    /// A connection was lost that should not be.
    #[error("connection {index} was lost: {why}")]
    Lost { index: usize, why: String },
    /// Nothing moves any more.
    #[error("{what}: nothing has moved for {seconds} s ({state})")]
    Stuck { what: &'static str, seconds: u64, state: String },
    /// The server ended.
    #[error("the server has ended")]
    ServerEnded,
    /// The server refused something.
    #[error("the server refused {count} times, at last: {last}")]
    Refused { count: u64, last: String },
    /// A rule of presence was broken.
    #[error("{0}")]
    Wrong(String),
    /// The arguments do not fit together.
    #[error("{0}")]
    Arguments(&'static str),
}
