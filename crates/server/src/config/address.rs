//! Addresses: of a listener, and of a store, which may hold a password.

use std::fmt;

use redis::IntoConnectionInfo;

use super::ConfigError;

/// Whether `text` is `host:port`, an IPv6 address in brackets.
pub(crate) fn is_address_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        !host.is_empty() && bracketed && port.parse::<u16>().is_ok()
    })
}

/// The address of a Redis. Printing it shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none. The message does not repeat it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        match text.into_connection_info() {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err(ConfigError::Wrong("--redis: is no address like redis://127.0.0.1:6379".into())),
        }
    }

    /// All of it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RedisUrl(…)")
    }
}
