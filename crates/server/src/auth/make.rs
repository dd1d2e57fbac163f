//! `herenow-server token`: a token for trying out. In production the app's own backend makes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use clap::Args;
use herenow_protocol::{DEFAULT_CLIENT_ID, validate_application, validate_user};
use herenow_registry::Capability;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use super::keys::{KeyError, KeyFile, read, read_secret};
use crate::config::DurationFlag;

/// Make a token (JWT) for trying out, and print it. Your own backend makes those of your users
#[derive(Debug, Args)]
pub struct TokenCommand {
    /// The user, userProfileId
    #[arg(long, value_name = "USER")]
    sub: String,

    /// What it may on which channels, as 'room-*=join,observe,list,attributes'; a name or a prefix and *; may be
    /// repeated [default: everything on every channel]
    #[arg(long = "cap", value_name = "PATTERN=WORDS")]
    caps: Vec<Cap>,

    /// How long it is valid
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    ttl: DurationFlag,

    /// The application, clientId
    #[arg(long, value_name = "NAME", default_value = DEFAULT_CLIENT_ID)]
    client_id: String,

    /// Whether it may read the channels of other users
    #[arg(long)]
    user_channels: bool,

    /// The name of the key, where keys have names
    #[arg(long, value_name = "KID")]
    kid: Option<String>,

    /// File with the secret that the server has as --jwt-secret-file; signs with HS256. Of several the one that --kid
    /// names counts, or the first
    #[arg(
        long,
        value_name = "[KID=]FILE",
        env = "HERENOW_JWT_SECRET_FILE",
        value_delimiter = ',',
        required_unless_present = "private_key_file"
    )]
    jwt_secret_file: Vec<KeyFile>,

    /// File with the private key (PEM, PKCS #8; RSA, P-256 or Ed25519) of a --jwt-public-key-file
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
}

/// `PATTERN=WORD,WORD`. A pattern may hold `=`, words do not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cap {
    pattern: String,
    words: Vec<&'static str>,
}

impl FromStr for Cap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pattern, words) = text.rsplit_once('=').ok_or("write it as 'room-*=join,observe'")?;
        let word = |word: &str| {
            let known = Capability::ALL.map(Capability::as_str);
            let unknown = || format!("`{word}` is none of {}", known.join(", "));
            known.into_iter().find(|known| *known == word.trim()).ok_or_else(unknown)
        };
        let words = words.split(',').map(word).collect::<Result<_, _>>()?;
        Ok(Self { pattern: pattern.into(), words })
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum MakeTokenError {
    /// The user or the application is not of its form.
    #[error("{flag}: {problem}")]
    Name {
        /// The flag.
        flag: &'static str,
        /// What it has to be.
        problem: &'static str,
    },
    /// The file of the key is not to be used.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The key cannot sign.
    #[error("{path}: {problem}")]
    Signing {
        /// The file of the key.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    caps: Option<BTreeMap<&'a str, Vec<&'static str>>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    user_channels: bool,
}

impl TokenCommand {
    /// The token, as it would be at `time`.
    ///
    /// # Errors
    /// When a name is not of its form, or the key is not to be used.
    pub fn make(&self, time: SystemTime) -> Result<String, MakeTokenError> {
        let name = |flag, checked: Result<(), herenow_protocol::Refusal>| {
            checked.map_err(|refusal| MakeTokenError::Name { flag, problem: refusal.message })
        };
        name("--sub", validate_user(&self.sub))?;
        name("--client-id", validate_application(&self.client_id))?;
        let Signing { algorithm, key, path, kid } = self.key()?;
        let ends = time + self.ttl.0;
        let mut caps = BTreeMap::<&str, Vec<&'static str>>::new();
        for cap in &self.caps {
            caps.entry(&cap.pattern).or_default().extend(&cap.words);
        }
        let claims = Claims {
            sub: &self.sub,
            aud: &self.client_id,
            exp: ends.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
            caps: (!caps.is_empty()).then_some(caps),
            user_channels: self.user_channels,
        };
        let kid = self.kid.as_deref().or(kid).map(str::to_owned);
        let header = Header { kid, ..Header::new(algorithm) };
        encode(&header, &claims, &key).map_err(|error| MakeTokenError::Signing {
            path: path.display().to_string(),
            problem: error.to_string(),
        })
    }

    /// What signs: the private key where there is one.
    fn key(&self) -> Result<Signing<'_>, MakeTokenError> {
        if let Some(path) = &self.private_key_file {
            let (algorithm, key) = private_key(path)?;
            return Ok(Signing { algorithm, key, path, kid: None });
        }
        let named = self.jwt_secret_file.iter().find(|file| self.kid.is_some() && file.kid == self.kid);
        let file = named.or(self.jwt_secret_file.first()).ok_or(MakeTokenError::Name {
            flag: "--jwt-secret-file",
            problem: "give it, or --private-key-file",
        })?;
        let key = EncodingKey::from_secret(&read_secret(&file.path)?);
        Ok(Signing { algorithm: Algorithm::HS256, key, path: &file.path, kid: file.kid.as_deref() })
    }
}

/// A key that signs, and its name if the option gave one.
struct Signing<'a> {
    algorithm: Algorithm,
    key: EncodingKey,
    path: &'a Path,
    kid: Option<&'a str>,
}

fn private_key(path: &Path) -> Result<(Algorithm, EncodingKey), MakeTokenError> {
    let pem = read(path)?;
    let rsa = EncodingKey::from_rsa_pem(&pem).map(|key| (Algorithm::RS256, key));
    rsa.or_else(|_| EncodingKey::from_ec_pem(&pem).map(|key| (Algorithm::ES256, key)))
        .or_else(|_| EncodingKey::from_ed_pem(&pem).map(|key| (Algorithm::EdDSA, key)))
        .map_err(|_| MakeTokenError::Signing {
            path: path.display().to_string(),
            problem: "it holds no private key in PEM (PKCS #8): RSA, P-256 or Ed25519, between BEGIN PRIVATE KEY and END PRIVATE KEY".into(),
        })
}
