//! The close codes of the WebSocket: one table for the server, the SDK and the docs.

use crate::Code;

/// Why the server closed a socket. Codes from 4500 to 4999 mean: do not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The server restarts.
    Restart = 4000,
    /// Nothing was heard from the client.
    Silent = 4001,
    /// The client did not read what it was sent.
    TooSlow = 4002,
    /// Another socket of the same session took over.
    Replaced = 4003,
    /// A message broke the protocol or was too large.
    Protocol = 4500,
    /// The token is missing, wrong or expired; the reason is `unauthorized` or `token_expired`.
    Unauthorized = 4501,
    /// The page's origin is not allowed.
    Origin = 4502,
    /// The server does not want the session; the reason `limit_reached` says that the user has too many.
    Kicked = 4503,
    /// The server does not speak this version.
    UnsupportedVersion = 4504,
}

impl CloseCode {
    /// Every close code.
    pub const ALL: &[CloseCode] = &[
        CloseCode::Restart,
        CloseCode::Silent,
        CloseCode::TooSlow,
        CloseCode::Replaced,
        CloseCode::Protocol,
        CloseCode::Unauthorized,
        CloseCode::Origin,
        CloseCode::Kicked,
        CloseCode::UnsupportedVersion,
    ];

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The error that a close with `number` and `reason` means; `None` when the client should come back.
    pub fn fatal(number: u16, reason: &str) -> Option<Code> {
        let code = match number {
            4501 if reason == Code::TokenExpired.as_str() => Code::TokenExpired,
            4501 => Code::Unauthorized,
            4503 if reason == Code::LimitReached.as_str() => Code::LimitReached,
            4502 | 4503 => Code::Forbidden,
            4504 => Code::Unsupported,
            4500..=4999 => Code::Internal,
            _ => return None,
        };
        Some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_from_4500_to_4999_are_fatal_and_no_others() {
        for number in [0, 1000, 1001, 1006, 1011, 3999, 4000, 4001, 4002, 4003, 4499, 5000, u16::MAX] {
            assert_eq!(CloseCode::fatal(number, "unauthorized"), None, "{number}");
        }
        for number in 4500..=4999 {
            assert!(CloseCode::fatal(number, "").is_some(), "{number}");
        }
    }

    #[test]
    fn the_reason_tells_apart_what_shares_a_number() {
        assert_eq!(CloseCode::fatal(4501, "unauthorized"), Some(Code::Unauthorized));
        assert_eq!(CloseCode::fatal(4501, "token_expired"), Some(Code::TokenExpired));
        assert_eq!(CloseCode::fatal(4503, ""), Some(Code::Forbidden));
        assert_eq!(CloseCode::fatal(4503, "limit_reached"), Some(Code::LimitReached));
        assert_eq!(CloseCode::fatal(4504, ""), Some(Code::Unsupported));
    }
}
