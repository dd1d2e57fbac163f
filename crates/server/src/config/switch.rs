//! What is on or off.

use clap::ValueEnum;
use serde::Deserialize;

/// On or off; in a file also a boolean, in the environment also what usually stands for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(try_from = "Given")]
pub(crate) enum Switch {
    #[value(aliases = ["true", "yes", "1"])]
    On,
    #[value(aliases = ["false", "no", "0"])]
    Off,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected on, off, true or false")]
enum Given {
    Boolean(bool),
    Word(String),
}

impl TryFrom<Given> for Switch {
    type Error = String;

    fn try_from(given: Given) -> Result<Self, String> {
        match given {
            Given::Boolean(true) => Ok(Self::On),
            Given::Boolean(false) => Ok(Self::Off),
            Given::Word(word) => {
                Self::from_str(&word, false).map_err(|_| format!("`{word}` is neither on nor off"))
            }
        }
    }
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}
