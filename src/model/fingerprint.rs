//! The name of a secret that does not give it away: a keyed hash of the secret alone.

use super::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of the hash that are kept: 80 bits, 16 characters of base 32.
const KEPT: usize = 10;

/// `st1:` (key of the repository) or `st1l:` (key of the installation) and 16 characters of base 32. Moving or
/// renaming the file changes nothing; a changed value is always new.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form shown to people: the first eight characters in two groups, for instance `st1:4f0c-91ab`.
    #[must_use]
    pub fn short(&self) -> String {
        let (scheme, body) = self.0.split_once(':').unwrap_or(("st1", &self.0));
        format!("{scheme}:{}-{}", body.get(..4).unwrap_or(body), body.get(4..8).unwrap_or_default())
    }

    /// True when `prefix`, as a person typed it, names this fingerprint.
    #[must_use]
    pub fn starts_with(&self, prefix: &FingerprintPrefix) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A fingerprint or the beginning of one, as typed: dashes and case do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintPrefix(String);

/// The text is no fingerprint. It is not repeated: perhaps it is the token itself.
#[derive(Debug, thiserror::Error)]
#[error("this is not a fingerprint: write st1: (or st1l:) and at least four of the characters a-z, 2-7")]
pub struct NotAFingerprint;

impl std::str::FromStr for FingerprintPrefix {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.trim().to_ascii_lowercase().replace('-', "");
        let body = plain.strip_prefix("st1:").or_else(|| plain.strip_prefix("st1l:"));
        match body {
            Some(body) if body.len() >= 4 && body.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')) => {
                Ok(Self(plain))
            }
            _ => Err(NotAFingerprint),
        }
    }
}

/// The salt of fingerprints: of a repository (kept in its `stanch.yaml`) or of the installation.
#[derive(Clone)]
pub struct FingerprintKey {
    bytes: Zeroizing<Vec<u8>>,
    scheme: &'static str,
}

impl FingerprintKey {
    /// The key that stays with a repository.
    #[must_use]
    pub fn of_repository(bytes: Vec<u8>) -> Self {
        Self { bytes: Zeroizing::new(bytes), scheme: "st1" }
    }

    /// The key of this installation, or of this run where none can be kept.
    #[must_use]
    pub fn of_installation(bytes: Vec<u8>) -> Self {
        Self { bytes: Zeroizing::new(bytes), scheme: "st1l" }
    }

    /// The fingerprint of a secret under this key.
    #[must_use]
    pub fn fingerprint(&self, secret: &Secret) -> Fingerprint {
        #[expect(clippy::disallowed_methods, reason = "a fingerprint is a keyed hash of the bytes")]
        let hash = self.hash(b"stanch fingerprint", secret.expose());
        let body = data_encoding::BASE32_NOPAD.encode(hash.get(..KEPT).unwrap_or(&hash)).to_ascii_lowercase();
        Fingerprint(format!("{}:{body}", self.scheme))
    }

    /// A keyed digest of a secret for comparing copies, 64 hex digits; `purpose` keeps uses apart.
    #[must_use]
    pub fn digest(&self, purpose: &str, secret: &Secret) -> super::Digest {
        #[expect(clippy::disallowed_methods, reason = "copies are compared by keyed hash")]
        let hash = self.hash(purpose.as_bytes(), secret.expose());
        super::Digest::new(data_encoding::HEXLOWER.encode(&hash))
    }

    fn hash(&self, purpose: &[u8], bytes: &[u8]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.bytes) else {
            return Vec::new(); // HMAC takes keys of any length
        };
        mac.update(&(purpose.len() as u64).to_le_bytes());
        mac.update(purpose);
        mac.update(bytes);
        mac.finalize().into_bytes().to_vec()
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FingerprintKey({})", self.scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_in_any_spelling_names_its_fingerprint() {
        let key = FingerprintKey::of_repository(vec![7; 32]);
        let print = key.fingerprint(&Secret::new(b"hello".to_vec()));
        assert_eq!(print.as_str().len(), 20);
        let typed: FingerprintPrefix = print.short().to_ascii_uppercase().parse().unwrap();
        assert!(print.starts_with(&typed));
        assert!("st1:ab".parse::<FingerprintPrefix>().is_err());
        assert!("sk_live".parse::<FingerprintPrefix>().is_err());
    }

    #[test]
    fn the_key_and_the_purpose_change_the_hash() {
        let secret = Secret::new(b"hello".to_vec());
        let (a, b) = (FingerprintKey::of_repository(vec![1; 32]), FingerprintKey::of_repository(vec![2; 32]));
        assert_ne!(a.fingerprint(&secret), b.fingerprint(&secret));
        assert_ne!(a.digest("one", &secret), a.digest("two", &secret));
    }
}
