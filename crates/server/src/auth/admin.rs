//! The operator's token: a secret in a file.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use sha2::{Digest, Sha256};

use super::keys::{KeyError, read_secret};

/// The operator's token. Only its hash is kept; two hashes say nothing about how alike two tokens are, so that the time
/// that comparing takes does not either.
#[derive(Debug)]
pub(crate) struct AdminToken {
    file: PathBuf,
    hash: RwLock<[u8; 32]>,
}

impl AdminToken {
    /// Reads the token.
    ///
    /// # Errors
    /// When the file cannot be read, or holds less than 32 bytes.
    pub(crate) fn read(file: PathBuf) -> Result<Self, KeyError> {
        let hash = RwLock::new(hash(&read_secret(&file)?));
        Ok(Self { file, hash })
    }

    /// Reads it again.
    ///
    /// # Errors
    /// Likewise; the token stays as it was.
    pub(crate) fn reload(&self) -> Result<(), KeyError> {
        let new = hash(&read_secret(&self.file)?);
        *self.hash.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(crate) fn is(&self, given: &str) -> bool {
        *self.hash.read().unwrap_or_else(PoisonError::into_inner) == hash(given.as_bytes())
    }
}

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
