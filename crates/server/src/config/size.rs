//! Sizes of memory as people write them: `512MiB`, `2GB`.

use std::str::FromStr;

use bytesize::ByteSize;
use serde::Deserialize;

/// A size of memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SizeFlag(pub(crate) u64);

impl FromStr for SizeFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size: ByteSize =
            text.parse().map_err(|_| format!("`{text}` is not a size; write for example 512MiB or 2GB"))?;
        Ok(Self(size.as_u64()))
    }
}

impl TryFrom<String> for SizeFlag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_of_bytes() {
        assert_eq!("512MiB".parse(), Ok(SizeFlag(512 << 20)));
        assert_eq!("2GB".parse(), Ok(SizeFlag(2_000_000_000)));
        for wrong in ["", "much", "-1MB", "5 parsecs"] {
            assert!(wrong.parse::<SizeFlag>().is_err(), "{wrong}");
        }
    }
}
