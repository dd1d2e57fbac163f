//! Which pages may talk to this server: origins (RFC 6454) and the Host header.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;

/// Scheme, host and port of a page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin {
    scheme: String,
    authority: Authority,
}

/// A host in lower case, and its port where it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    host: String,
    port: Option<u16>,
}

/// A text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an origin such as https://app.example.com or http://localhost:5173")]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError)?;
        let scheme = scheme.to_ascii_lowercase();
        let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let authority = Authority::parse(rest.strip_suffix('/').unwrap_or(rest)).ok_or(OriginError)?;
        if !named {
            return Err(OriginError);
        }
        Ok(Self { authority: authority.without_default_port(&scheme), scheme })
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        text.parse()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority.host)?;
        match self.authority.port {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            Some(_) | None => (text, None),
        };
        let port = match port {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
            None => None,
        };
        let valid = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            }
        };
        valid.then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    fn without_default_port(self, scheme: &str) -> Self {
        let default = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Self { port: self.port.filter(|port| Some(*port) != default), ..self }
    }

    fn is_address(&self) -> bool {
        // What is in brackets was parsed as an address.
        self.host.starts_with('[') || self.host.parse::<Ipv4Addr>().is_ok()
    }

    fn is_loopback(&self) -> bool {
        if self.host == "localhost" || self.host.ends_with(".localhost") {
            return true;
        }
        if let Ok(address) = self.host.parse::<Ipv4Addr>() {
            return address.is_loopback();
        }
        let inner = self.host.trim_start_matches('[').trim_end_matches(']');
        inner.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The rules of one server.
#[derive(Clone, Debug)]
pub(crate) struct OriginRules {
    /// Everybody may enter: whoever can make a browser ask is answered.
    open: bool,
    /// The server is only reachable from its own machine.
    loopback: bool,
    public: Option<Origin>,
    allowed: Vec<Origin>,
}

impl OriginRules {
    pub(crate) fn new(open: bool, loopback: bool, public: Option<Origin>, allowed: Vec<Origin>) -> Self {
        Self { open, loopback, public, allowed }
    }

    /// The same on another address of the server.
    pub(crate) fn on(&self, loopback: bool) -> Self {
        Self { loopback, ..self.clone() }
    }

    /// Whether a request with these headers may be answered. `origin`: `None` where there is no such header (no
    /// browser, or a page of this server itself).
    ///
    /// On a loopback address the Host must be loopback too (or that of the public URL, behind a proxy on the same
    /// machine): a page whose name was made to resolve to this machine is no friend of it. Elsewhere the server knows its
    /// names only where it has a public URL. An address can be no such page's name. With tokens such a page has none.
    pub(crate) fn allow(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let named = host.is_some();
        let host = host.and_then(Authority::parse);
        let local = host.as_ref().is_some_and(Authority::is_loopback);
        let loopback_only = self.open && self.loopback;
        if loopback_only && !local && !self.is_public(host.as_ref()) {
            return false;
        }
        let Some(origin) = origin else {
            let address = host.as_ref().is_some_and(Authority::is_address);
            let known = !named || local || address || self.is_public(host.as_ref());
            return known || !self.open || self.public.is_none();
        };
        let Ok(origin) = origin.parse::<Origin>() else { return false };
        if self.allowed.contains(&origin) {
            return true;
        }
        if loopback_only && local && origin.authority.is_loopback() {
            return true;
        }
        match &self.public {
            Some(public) => *public == origin,
            None => {
                !loopback_only
                    && host.is_some_and(|host| {
                        host.without_default_port(&origin.scheme) == origin.authority
                            && matches!(origin.scheme.as_str(), "http" | "https")
                    })
            }
        }
    }

    /// Whether a request for what has no origin rules of its own, as `/metrics`, may be answered: on loopback only by a
    /// known Host.
    pub(crate) fn allow_host(&self, host: Option<&str>) -> bool {
        let host = host.and_then(Authority::parse);
        !self.loopback || host.as_ref().is_some_and(Authority::is_loopback) || self.is_public(host.as_ref())
    }

    fn is_public(&self, host: Option<&Authority>) -> bool {
        match (&self.public, host) {
            (Some(public), Some(host)) => {
                host.clone().without_default_port(&public.scheme) == public.authority
            }
            (Some(_), None) | (None, Some(_) | None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().expect("an origin")
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        assert_eq!(origin("HTTPS://App.Example.com:443/"), origin("https://app.example.com"));
        assert_ne!(origin("http://app.example.com"), origin("https://app.example.com"));
        assert_eq!(origin("http://[::1]:3000").to_string(), "http://[::1]:3000");
        assert_eq!(origin("tauri://localhost").to_string(), "tauri://localhost");
        for wrong in [
            "null",
            "",
            "https://",
            "app.example.com",
            "http://a/b",
            "http://a:b",
            "http://u@a",
            "http://a:70000",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn on_loopback_any_loopback_origin_may_come_but_only_by_a_loopback_host() {
        let rules = OriginRules::new(true, true, None, vec![origin("https://app.example.com")]);
        let host = Some("127.0.0.1:8787");
        for good in
            ["http://localhost:5173", "http://127.0.0.1:8787", "http://[::1]", "https://app.example.com"]
        {
            assert!(rules.allow(Some(good), host), "{good}");
        }
        for bad in
            ["null", "http://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example"]
        {
            assert!(!rules.allow(Some(bad), host), "{bad}");
        }
        assert!(rules.allow(None, Some("localhost:8787")));
        assert!(!rules.allow(None, Some("evil.example:8787")), "a rebound name");
        assert!(!rules.allow(Some("http://evil.example:8787"), Some("evil.example:8787")), "a rebound name");
        assert!(!rules.allow(None, None));
    }

    #[test]
    fn behind_a_proxy_on_the_same_machine_the_public_host_counts_too() {
        let rules = OriginRules::new(true, true, Some(origin("https://here.example")), vec![]);
        assert!(rules.allow(Some("https://here.example"), Some("here.example")));
        assert!(!rules.allow(Some("http://localhost:3000"), Some("here.example")));
        assert!(!rules.allow(Some("https://other.example"), Some("here.example")));
    }

    #[test]
    fn elsewhere_the_own_origin_may_come() {
        let by_host = OriginRules::new(true, false, None, vec![]);
        assert!(by_host.allow(Some("https://here.example"), Some("here.example")));
        assert!(by_host.allow(Some("https://here.example"), Some("here.example:443")));
        assert!(by_host.allow(Some("http://here.example:8080"), Some("HERE.example:8080")));
        assert!(!by_host.allow(Some("http://here.example:8081"), Some("here.example:8080")));
        assert!(!by_host.allow(Some("http://localhost:3000"), Some("here.example")));
        assert!(by_host.allow(None, Some("anything")), "no browser");

        let public = OriginRules::new(true, false, Some(origin("https://here.example")), vec![]);
        assert!(public.allow(Some("https://here.example"), Some("10.0.0.7:8787")));
        assert!(!public.allow(Some("http://10.0.0.7:8787"), Some("10.0.0.7:8787")));
    }

    #[test]
    fn where_the_own_name_is_known_a_rebound_one_is_refused() {
        let public = || Some(origin("https://here.example"));
        let open = OriginRules::new(true, false, public(), vec![]);
        for known in [
            "here.example",
            "here.example:443",
            "localhost:8787",
            "127.0.0.1",
            "10.0.0.7:8787",
            "[fd00::7]:8787",
        ] {
            assert!(open.allow(None, Some(known)), "{known}");
        }
        assert!(open.allow(None, None), "no browser");
        for rebound in ["evil.example", "evil.example:8787", "here.example:8787", "10.0.0.7.evil.example", ""]
        {
            assert!(!open.allow(None, Some(rebound)), "{rebound}");
            assert!(!open.allow(Some(&format!("http://{rebound}")), Some(rebound)), "{rebound}");
        }
        let tokens = OriginRules::new(false, false, public(), vec![]);
        assert!(tokens.allow(None, Some("herenow:8787")), "a page has no token");
        let unnamed = OriginRules::new(true, false, None, vec![]);
        assert!(unnamed.allow(None, Some("herenow:8787")), "any name may be its own");
    }

    #[test]
    fn on_loopback_operators_need_a_known_host_too() {
        for open in [true, false] {
            let rules = OriginRules::new(open, true, Some(origin("https://here.example")), vec![]);
            for (host, known) in
                [("localhost:1", true), ("here.example", true), ("[::1]:1", true), ("evil.example:1", false)]
            {
                assert_eq!(rules.allow_host(Some(host)), known, "{host}");
            }
            assert!(!rules.allow_host(None));
        }
        assert!(OriginRules::new(true, false, None, vec![]).allow_host(Some("herenow:8787")));
    }
}
