//! What a Redis counts itself, and what its data take: asked over a connection of our own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::Serialize;

use crate::error::BenchError;

/// An answer that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Adds up the bytes of all keys whose names fit.
const BYTES_OF: &str = "local sum = 0 for _, key in ipairs(redis.call('KEYS', ARGV[1])) do \
    sum = sum + redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0') end return sum";

/// A connection to a Redis.
#[derive(Debug)]
pub(crate) struct Redis {
    stream: BufReader<TcpStream>,
}

/// What it has done since it was started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counts {
    cpu_seconds: f64,
    commands: u64,
    scripts: u64,
    reads: u64,
    received_bytes: u64,
    sent_bytes: u64,
}

/// What it did meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Done {
    /// Processor time, in user and in kernel mode.
    pub(crate) cpu_seconds: f64,
    /// All commands, those within scripts too.
    commands: u64,
    /// Scripts that ran.
    scripts: u64,
    /// Reads of logs.
    reads: u64,
    received_bytes: u64,
    sent_bytes: u64,
}

/// What its data take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// All that it has allocated.
    pub(crate) used_bytes: u64,
    /// Of these, the logs of all partitions: they have a bound of their own.
    pub(crate) log_bytes: u64,
}

impl Counts {
    pub(crate) fn since(self, before: Self) -> Done {
        Done {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            commands: self.commands.saturating_sub(before.commands),
            scripts: self.scripts.saturating_sub(before.scripts),
            reads: self.reads.saturating_sub(before.reads),
            received_bytes: self.received_bytes.saturating_sub(before.received_bytes),
            sent_bytes: self.sent_bytes.saturating_sub(before.sent_bytes),
        }
    }

    /// Of what INFO says; `None` where something is missing.
    fn read(info: &str) -> Option<Self> {
        let whole = |name| field(info, name)?.parse::<u64>().ok();
        let seconds = |name| field(info, name)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: seconds("used_cpu_user")? + seconds("used_cpu_sys")?,
            commands: whole("total_commands_processed")?,
            scripts: calls(info, "evalsha") + calls(info, "eval"),
            reads: calls(info, "xread"),
            received_bytes: whole("total_net_input_bytes")?,
            sent_bytes: whole("total_net_output_bytes")?,
        })
    }
}

impl Redis {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, BenchError> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// What it has done so far.
    pub(crate) fn counts(&mut self) -> Result<Counts, BenchError> {
        let info = self.ask(&["INFO", "cpu", "stats", "commandstats"])?;
        Counts::read(&info).ok_or_else(|| wrong("INFO lacks a figure"))
    }

    /// What its data take.
    pub(crate) fn held(&mut self) -> Result<Held, BenchError> {
        let info = self.ask(&["INFO", "memory"])?;
        let used = field(&info, "used_memory").and_then(|value| value.parse().ok());
        let log = self.ask(&["EVAL", BYTES_OF, "0", "*:log"])?;
        Ok(Held {
            used_bytes: used.ok_or_else(|| wrong("INFO lacks used_memory"))?,
            log_bytes: log.parse().map_err(|_| wrong("the bytes of the logs are no number"))?,
        })
    }

    /// Sends a command and gives its answer, a text or a number.
    fn ask(&mut self, words: &[&str]) -> Result<String, BenchError> {
        let mut command = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| command.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        self.stream.get_mut().write_all(command.as_bytes())?;
        let mut head = String::new();
        self.stream.read_line(&mut head)?;
        match (head.get(..1), head.trim_end().get(1..)) {
            (Some(":" | "+"), Some(value)) => Ok(value.to_owned()),
            (Some("$"), Some(length)) => {
                let length: usize = length.parse().map_err(|_| wrong(&head))?;
                let mut text = vec![0; length + 2];
                self.stream.read_exact(&mut text)?;
                text.truncate(length);
                String::from_utf8(text).map_err(|_| wrong("it is no text"))
            }
            _ => Err(wrong(&head)),
        }
    }
}

fn wrong(what: &str) -> BenchError {
    BenchError::Wrong(format!("the answer of Redis: {}", what.trim_end()))
}

/// A line `name:value`.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

/// How often a command was called; never, where nothing is said of it.
fn calls(info: &str, command: &str) -> u64 {
    let counted = |value: &str| value.strip_prefix("calls=")?.split(',').next()?.parse().ok();
    field(info, &format!("cmdstat_{command}")).and_then(counted).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Stats\r\ntotal_commands_processed:700\r\ntotal_net_input_bytes:9000\r\n\
        total_net_output_bytes:12000\r\n\r\n# CPU\r\nused_cpu_sys:0.250000\r\nused_cpu_user:1.500000\r\n\
        used_cpu_sys_children:9.0\r\n\r\n# Commandstats\r\n\
        cmdstat_evalsha:calls=40,usec=900,usec_per_call=22.50\r\ncmdstat_xread:calls=5,usec=10\r\n";

    #[test]
    fn counts_are_read_from_info() {
        let counts = Counts::read(INFO).expect("nothing is missing");
        let expected = Counts {
            cpu_seconds: 1.75,
            commands: 700,
            scripts: 40,
            reads: 5,
            received_bytes: 9000,
            sent_bytes: 12_000,
        };
        assert_eq!(counts, expected);
        assert_eq!(Counts::read(&INFO.replace("used_cpu_user", "used_cpu")), None);
    }

    #[test]
    fn what_was_done_is_a_difference() {
        let before = Counts::read(INFO).expect("nothing is missing");
        let now = Counts { cpu_seconds: 2.0, commands: 760, sent_bytes: 12_500, ..before };
        let done = now.since(before);
        assert_eq!((done.commands, done.scripts, done.sent_bytes), (60, 0, 500));
        assert!((done.cpu_seconds - 0.25).abs() < 1e-9);
    }
}
