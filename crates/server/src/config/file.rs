//! The configuration file: TOML whose keys are the options.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use super::ConfigError;
use super::flags::Flags;

/// Reads `path`.
pub(crate) fn read(path: &Path) -> Result<Flags, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Wrong(format!("cannot read {}: {error}", path.display())))?;
    parse(&text).map_err(|problem| ConfigError::Wrong(format!("{}: {problem}", path.display())))
}

fn parse(text: &str) -> Result<Flags, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let key = wrong_key(text).map(|key| format!("{key}: ")).unwrap_or_default();
        format!("line {line}: {key}{}", error.message().replace('\n', " "))
    })
}

/// The first key whose value is wrong: errors of types do not name it.
fn wrong_key(text: &str) -> Option<String> {
    let all: Table = toml::from_str(text).ok()?;
    let is_wrong = |(key, value): &(String, Value)| {
        Table::from_iter([(key.clone(), value.clone())]).try_into::<Flags>().is_err()
    };
    all.into_iter().find(is_wrong).map(|(key, _)| key)
}

/// A list, or a single string in its place.
pub(crate) fn one_or_more<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a string or a list of strings")]
    enum Given {
        One(String),
        More(Vec<String>),
    }

    let texts = match Given::deserialize(deserializer)? {
        Given::One(text) => vec![text],
        Given::More(texts) => texts,
    };
    let parsed =
        texts.iter().map(|text| text.parse().map_err(|error| D::Error::custom(format!("`{text}`: {error}"))));
    parsed.collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::switch::Switch;

    #[test]
    fn keys_are_those_of_the_options_and_no_others() {
        let text = "listen = \"0.0.0.0:80\"\ngoodbye-linger = \"1s\"\ntrusted-proxy = [\"10.0.0.1\"]\n";
        let flags = parse(text).expect("this file is right");
        assert_eq!(flags.listen.as_deref(), Some("0.0.0.0:80"));
        assert_eq!(flags.trusted_proxy.map(|proxies| proxies.len()), Some(1));
        let unknown = parse("tick = \"50ms\"\nshards = \"x\"\n").expect_err("there is no such key");
        assert!(unknown.starts_with("line 2: ") && unknown.contains("shards"), "{unknown}");
        let wrong = parse("grace = \"10\"").expect_err("a duration has a unit");
        assert!(wrong.contains("not a duration"), "{wrong}");
        assert!(parse("config = \"other\"").is_err(), "a file names no other file");
    }

    #[test]
    fn a_list_may_be_one_string_and_a_mistake_names_its_key() {
        let text = "trusted-proxy = \"10.0.0.1\"\nallowed-origin = \"https://app.example.com\"\njwt-secret-file = \"a\"\njwt-public-key-file = \"b=c\"\n";
        let flags = parse(text).expect("this file is right");
        assert_eq!(flags.trusted_proxy.map(|all| all.len()), Some(1));
        assert_eq!(flags.allowed_origin.map(|all| all.len()), Some(1));
        assert_eq!(flags.jwt_secret_file.map(|all| all.len()), Some(1));
        assert_eq!(flags.jwt_public_key_file.map(|all| all.len()), Some(1));
        for (text, named) in [
            ("trusted-proxy = 7", "trusted-proxy: expected a string or a list"),
            ("trusted-proxy = [\"proxy\"]", "trusted-proxy: `proxy`"),
            ("allowed-origin = \"app\"", "allowed-origin: `app`: expected an origin"),
            ("max-handshakes = \"many\"", "max-handshakes: "),
            ("reuse-port = \"maybe\"", "reuse-port: `maybe`"),
            ("reuse-port = 7", "reuse-port: expected on, off"),
        ] {
            let wrong = parse(text).expect_err("a mistake");
            assert!(wrong.contains(named), "{wrong}");
        }
    }

    #[test]
    fn a_switch_is_a_word_or_a_boolean() {
        for (value, on) in [("\"on\"", true), ("true", true), ("\"off\"", false), ("false", false)] {
            let flags = parse(&format!("reuse-port = {value}")).expect("this file is right");
            assert_eq!(flags.reuse_port.map(Switch::is_on), Some(on), "{value}");
        }
    }
}
