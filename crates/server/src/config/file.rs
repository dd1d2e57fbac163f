//! The configuration file: TOML whose keys are the options.

use std::path::Path;

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
        format!("line {line}: {}", error.message().replace('\n', " "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_options_and_no_others() {
        let text = "listen = \"0.0.0.0:80\"\ngoodbye-linger = \"1s\"\ntrusted-proxy = [\"10.0.0.1\"]\n";
        let flags = parse(text).expect("this file is right");
        assert_eq!(flags.listen.as_deref(), Some("0.0.0.0:80"));
        assert_eq!(flags.trusted_proxy.map(|proxies| proxies.len()), Some(1));
        let unknown = parse("tick = \"50ms\"\nredis = \"x\"\n").expect_err("there is no such key yet");
        assert!(unknown.starts_with("line 2: ") && unknown.contains("redis"), "{unknown}");
        let wrong = parse("grace = \"10\"").expect_err("a duration has a unit");
        assert!(wrong.contains("not a duration"), "{wrong}");
        assert!(parse("config = \"other\"").is_err(), "a file names no other file");
    }
}
