//! Placeholder.
use crate::model::{Digest, Secret};
use serde::{Deserialize, Serialize};
/// Ciphertext and its wrapped data key, bound to a context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// SHA-256 over the sealed form; what records refer to.
    pub digest: Digest,
    /// The id of the envelope key that wraps the data key.
    pub key: String,
    /// The wrapped data key, nonce first.
    pub wrapped: Vec<u8>,
    /// The ciphertext, nonce first.
    pub ciphertext: Vec<u8>,
}
/// Error.
#[derive(Debug, thiserror::Error)]
#[error("seal")]
pub struct SealError;
/// Seals and opens.
#[derive(Debug)]
pub struct Sealer;
impl Sealer {
    /// With a key.
    pub fn new(_key: super::FileKey) -> Self {
        Self
    }
    /// Seals under a fresh data key, bound to `context` (rotation and step, or store path).
    pub fn seal(&self, _context: &str, _secret: &Secret) -> Result<Sealed, SealError> {
        Err(SealError)
    }
    /// Opens what was sealed under the same context.
    pub fn open(&self, _context: &str, _sealed: &Sealed) -> Result<Secret, SealError> {
        Err(SealError)
    }
}
