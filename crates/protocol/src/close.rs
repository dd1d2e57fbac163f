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
    /// An operator ended the connection.
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
            4502 | 4503 => Code::Forbidden,
            4504 => Code::Unsupported,
            4500..=4999 => Code::Internal,
            _ => return None,
        };
        Some(code)
    }
}
