//! `--metrics`: whether and where `/metrics` is served.

use std::str::FromStr;

use serde::Deserialize;

use crate::config::is_address_and_port;

/// Where `/metrics` is served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum MetricsFlag {
    /// Nowhere.
    #[default]
    Off,
    /// Beside the API.
    On,
    /// On an address of its own, `host:port`.
    At(String),
}

impl FromStr for MetricsFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "on" => Ok(Self::On),
            address if is_address_and_port(address) => Ok(Self::At(address.into())),
            _ => Err(format!("`{text}` is none of off, on, or an address and a port such as 127.0.0.1:9090")),
        }
    }
}

impl TryFrom<String> for MetricsFlag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
