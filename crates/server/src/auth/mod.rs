//! Who a token names, and what it allows.

mod admin;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod checks;
mod claims;
mod guest;
mod jwk;
mod key_set;
mod keys;
mod make;
mod pem;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use herenow_protocol::{Refusal, validate_application};
use herenow_registry::{Identity, KeyId, Millis};

pub(crate) use admin::AdminToken;
pub(crate) use guest::new_guest;
pub use keys::{KeyError, KeyFile};
use keys::{KeyFiles, Keys};
pub use make::{MakeTokenError, TokenCommand};

/// How tokens are verified.
#[derive(Debug)]
pub(crate) enum Auth {
    /// Everybody may enter as a guest.
    Open,
    /// Tokens are JWTs of an own backend.
    Jwt(Keyring),
}

/// The keys, and the files that they are read from.
#[derive(Debug)]
pub(crate) struct Keyring {
    files: KeyFiles,
    keys: RwLock<Arc<Keys>>,
}

impl Auth {
    /// Takes JWTs that are signed with a key of these files.
    ///
    /// # Errors
    /// When a file cannot be read, holds no key, or two have one name.
    pub(crate) fn jwt(secrets: Vec<KeyFile>, public_keys: Vec<KeyFile>) -> Result<Self, KeyError> {
        let files = KeyFiles { secrets, public_keys };
        let keys = RwLock::new(Arc::new(files.read()?));
        Ok(Self::Jwt(Keyring { files, keys }))
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Verifies `token` for `application`. `now` is the registry's time, in which the end of the token is given.
    ///
    /// # Errors
    /// `invalid_argument` for a wrong application, `unauthorized` for a missing or wrong token, `token_expired` for one
    /// that was right.
    pub(crate) fn verify(
        &self,
        application: &str,
        token: Option<&str>,
        now: Millis,
    ) -> Result<Identity, Refusal> {
        validate_application(application)?;
        match self {
            Self::Open => guest::verify(application, token),
            Self::Jwt(keyring) => claims::verify(&keyring.keys(), application, token, now, SystemTime::now()),
        }
    }

    /// Reads the files of the keys again. When one is wrong, all keys stay as they were. Gives the keys that count no
    /// longer: no token is verified with them from now on.
    ///
    /// # Errors
    /// When a file cannot be read, holds no key, or two have one name.
    pub(crate) fn reload(&self) -> Result<Vec<KeyId>, KeyError> {
        match self {
            Self::Open => Ok(Vec::new()),
            Self::Jwt(keyring) => {
                let (keys, withdrawn) = keyring.files.read()?.replacing(&keyring.keys());
                *keyring.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                Ok(withdrawn)
            }
        }
    }
}

impl Keyring {
    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}
