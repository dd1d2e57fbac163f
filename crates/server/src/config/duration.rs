//! Durations as people write them: `10s`, `250ms`, `1m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// The longest duration that a flag takes: a week is already a mistake.
const MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A duration of a flag, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DurationFlag(pub Duration);

impl FromStr for DurationFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text)
            .map_err(|_| format!("`{text}` is not a duration; write for example 10s, 250ms or 1m"))?;
        if duration > MAX {
            return Err(format!("`{text}` is longer than a week"));
        }
        Ok(Self(duration))
    }
}

impl TryFrom<String> for DurationFlag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for DurationFlag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", humantime::format_duration(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit_and_an_end() {
        assert_eq!("10s".parse(), Ok(DurationFlag(Duration::from_secs(10))));
        assert_eq!("250ms".parse(), Ok(DurationFlag(Duration::from_millis(250))));
        assert_eq!("1m".parse(), Ok(DurationFlag(Duration::from_secs(60))));
        assert_eq!("0s".parse(), Ok(DurationFlag(Duration::ZERO)));
        for wrong in ["", "10", "-1s", "s", "10 parsecs", "99999999999999999999s", "8d"] {
            assert!(wrong.parse::<DurationFlag>().is_err(), "{wrong}");
        }
    }
}
