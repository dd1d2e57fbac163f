//! Names that are numbers: the epoch of a log, a position in it, the secret of a session.
//!
//! JSON has them as hexadecimal digits, since JavaScript cannot hold 64 bits in a number.

use core::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! hex_number {
    ($(#[$doc:meta])* $name:ident, $number:ty, $digits:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $number);

        impl $name {
            /// Reads exactly the digits that [`fmt::Display`] writes.
            pub fn parse(text: &str) -> Option<Self> {
                let hex = text.len() == $digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                if !hex {
                    return None;
                }
                <$number>::from_str_radix(text, 16).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:0width$x}", self.0, width = $digits)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Digits;
                impl Visitor<'_> for Digits {
                    type Value = $name;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str(concat!(stringify!($digits), " hexadecimal digits"))
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text)
                            .ok_or_else(|| E::custom(concat!("expected ", stringify!($digits), " hexadecimal digits")))
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Digits)
                } else {
                    <$number>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

hex_number! {
    /// The life of a log: 16 hexadecimal digits in JSON. Sequences of different epochs do not compare.
    Epoch, u64, 16
}

hex_number! {
    /// What names a session and proves that it is the same one: 128 random bits, 32 hexadecimal digits in JSON.
    SessionSecret, u128, 32
}

/// A place in the log of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The life of the log.
    pub epoch: Epoch,
    /// The last transition that was seen, below 2^53.
    pub seq: u64,
}
