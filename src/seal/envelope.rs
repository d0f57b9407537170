//! Sealing and opening: AES-256-GCM under a fresh data key, which is wrapped under the envelope key.
//!
//! The digest of the ciphertext is the name of a sealed value: records refer to it, and the wrapped data key is bound to
//! it. To be sealed under another envelope key means that the data key is wrapped anew; the ciphertext and its name stay,
//! so that what refers to it holds, and whoever has the ciphertext can see that it is the one that is meant.

use super::keys::{FileKey, KEY_BYTES, KeyError};
use super::random;
use super::ring::Ring;
use crate::model::{Digest, Secret};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Ciphertext and its wrapped data key, bound to a context. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// SHA-256 over the ciphertext; what records refer to.
    pub digest: Digest,
    /// The id of the envelope key that wraps the data key.
    pub key: String,
    /// The wrapped data key, nonce first.
    #[serde(with = "base64")]
    pub wrapped: Vec<u8>,
    /// The ciphertext, nonce first.
    #[serde(with = "base64")]
    pub ciphertext: Vec<u8>,
}

/// Why something was not sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The operating system gave no random bytes.
    #[error("could not draw a data key from the operating system")]
    Random(#[source] getrandom::Error),
    /// The key that seals cannot be read any more.
    #[error("nothing can be sealed")]
    Key(#[from] KeyError),
    /// The cipher refused; values beyond 64 GiB are the only known reason.
    #[error("could not encrypt the value")]
    Encrypt,
    /// Another envelope key wrapped the data key.
    #[error("sealed under the envelope key {needed}, but the key at hand is {held}: restore that key's file")]
    OtherKey {
        /// The id of the key that would open it.
        needed: String,
        /// The id of the key there is.
        held: String,
    },
    /// The sealed form is not what it was.
    #[error("the sealed value {digest} is damaged: its bytes do not match its digest")]
    Damaged {
        /// The digest it claims.
        digest: Digest,
    },
    /// It does not open: sealed for another context, or altered together with its digest.
    #[error("the sealed value {digest} does not open here: it was sealed for another purpose, or altered")]
    Refused {
        /// Its digest.
        digest: Digest,
    },
}

/// Seals under the envelope key of an installation, and opens with the ones it had before too.
#[derive(Debug)]
pub struct Sealer {
    ring: Ring,
}

impl Sealer {
    /// With a key. Others that lie beside its file open as well, and the file is followed when it changes.
    #[must_use]
    pub fn new(key: FileKey) -> Self {
        Self { ring: Ring::of(key) }
    }

    /// Seals under a fresh data key, bound to `context` (rotation and step, or store path).
    ///
    /// # Errors
    /// When there is no randomness, or the key's file is gone.
    pub fn seal(&self, context: &str, secret: &Secret) -> Result<Sealed, SealError> {
        let data_key = Zeroizing::new(random::<KEY_BYTES>().map_err(SealError::Random)?);
        #[expect(clippy::disallowed_methods, reason = "sealing encrypts the bytes")]
        let ciphertext = encrypt(&data_key, &value_label(context), secret.expose())?;
        let key = self.ring.current()?;
        wrap(&key, &data_key, ciphertext)
    }

    /// The same value under the key that seals now; none if it is already. What it was sealed for stays as it is.
    ///
    /// # Errors
    /// When the key it is under is not at hand, or any byte differs.
    pub fn reseal(&self, sealed: &Sealed) -> Result<Option<Sealed>, SealError> {
        let current = self.ring.current()?;
        if sealed.key == current.id() {
            return Ok(None);
        }
        let refused = || SealError::Refused { digest: sealed.digest.clone() };
        let data_key = self.unwrap(sealed)?.ok_or_else(refused)?;
        wrap(&current, &data_key, sealed.ciphertext.clone()).map(Some)
    }

    /// Opens what was sealed under the same context.
    ///
    /// # Errors
    /// When another envelope key is needed, or when the context or any byte differs.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Secret, SealError> {
        let data_key = self.unwrap(sealed)?;
        let opened = data_key.and_then(|data_key| decrypt(&data_key, &value_label(context), &sealed.ciphertext));
        opened.ok_or_else(|| SealError::Refused { digest: sealed.digest.clone() })
    }

    /// Whether the key of this id is at hand.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.ring.find(id).is_some()
    }

    fn unwrap(&self, sealed: &Sealed) -> Result<Option<Zeroizing<[u8; KEY_BYTES]>>, SealError> {
        if digest(&sealed.ciphertext) != sealed.digest {
            return Err(SealError::Damaged { digest: sealed.digest.clone() });
        }
        let missing = || SealError::OtherKey { needed: sealed.key.clone(), held: self.ring.last_id() };
        let key = self.ring.find(&sealed.key).ok_or_else(missing)?;
        let Some(unwrapped) = decrypt(key.bytes(), &key_label(&sealed.key, &sealed.digest), &sealed.wrapped) else {
            return Ok(None);
        };
        #[expect(clippy::disallowed_methods, reason = "the data key opens the value")]
        Ok(unwrapped.expose().first_chunk::<KEY_BYTES>().map(|key| Zeroizing::new(*key)))
    }
}

fn wrap(key: &FileKey, data_key: &[u8; KEY_BYTES], ciphertext: Vec<u8>) -> Result<Sealed, SealError> {
    let digest = digest(&ciphertext);
    let wrapped = encrypt(key.bytes(), &key_label(key.id(), &digest), data_key)?;
    Ok(Sealed { digest, key: key.id().to_owned(), wrapped, ciphertext })
}

fn value_label(context: &str) -> Vec<u8> {
    [b"stanch value 1\0", context.as_bytes()].concat()
}

fn key_label(id: &str, digest: &Digest) -> Vec<u8> {
    [b"stanch key 2\0", id.as_bytes(), b"\0", digest.as_str().as_bytes()].concat()
}

/// Nonce and ciphertext. The plaintext's only copy is the buffer that becomes the ciphertext; it never grows.
fn encrypt(key: &[u8; KEY_BYTES], label: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = random::<NONCE_LEN>().map_err(SealError::Random)?;
    let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
    body.extend_from_slice(plain);
    let cipher = cipher(key).ok_or(SealError::Encrypt)?;
    cipher
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(label), &mut *body)
        .map_err(|_| SealError::Encrypt)?;
    Ok([&nonce, body.as_slice()].concat())
}

fn decrypt(key: &[u8; KEY_BYTES], label: &[u8], sealed: &[u8]) -> Option<Secret> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut body = Zeroizing::new(body.to_vec());
    let plain = cipher(key)?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(label), &mut body).ok()?;
    Some(Secret::new(plain.to_vec()))
}

fn cipher(key: &[u8; KEY_BYTES]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

fn digest(ciphertext: &[u8]) -> Digest {
    Digest::new(data_encoding::HEXLOWER.encode(&Sha256::digest(ciphertext)))
}

mod base64 {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&data_encoding::BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        data_encoding::BASE64.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests compare what was sealed with what opens")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer(folder: &tempfile::TempDir, name: &str) -> Sealer {
        Sealer::new(FileKey::load_or_create(&folder.path().join(name)).unwrap())
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn what_was_sealed_opens_also_after_a_restart_and_through_json() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "a", "the old password"] {
            let sealed = sealer(&folder, "key").seal("C-0001/old", &secret(text)).unwrap();
            let json = serde_json::to_string(&sealed).unwrap();
            let read: Sealed = serde_json::from_str(&json).unwrap();
            assert_eq!(read, sealed);
            assert_eq!(sealer(&folder, "key").open("C-0001/old", &read).unwrap().expose(), text.as_bytes());
        }
    }

    #[test]
    fn the_plain_text_is_nowhere_and_no_two_seals_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = sealer(&folder, "key");
        let (a, b) = (sealer.seal("c", &secret("visible")).unwrap(), sealer.seal("c", &secret("visible")).unwrap());
        assert_ne!(a.digest, b.digest);
        assert_ne!(a.wrapped, b.wrapped);
        assert_ne!(a.ciphertext, b.ciphertext);
        assert!(!a.ciphertext.windows(7).any(|window| window == b"visible"));
        assert!(!format!("{sealer:?} {a:?}").contains("visible"));
    }

    #[test]
    fn another_context_or_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (sealer(&folder, "mine"), sealer(&folder, "other"));
        let sealed = mine.seal("C-0001/old", &secret("x")).unwrap();
        assert!(matches!(mine.open("C-0001/new", &sealed), Err(SealError::Refused { .. })));
        match other.open("C-0001/old", &sealed) {
            Err(SealError::OtherKey { needed, held }) => {
                assert_eq!((needed, held), (sealed.key, other.ring.last_id()));
            }
            outcome => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn parts_of_two_seals_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = sealer(&folder, "key");
        let (a, b) = (sealer.seal("c", &secret("a")).unwrap(), sealer.seal("c", &secret("b")).unwrap());
        let mut mixed = Sealed { ciphertext: b.ciphertext, ..a };
        assert!(matches!(sealer.open("c", &mixed), Err(SealError::Damaged { .. })));
        mixed.digest = digest(&mixed.ciphertext);
        assert!(matches!(sealer.open("c", &mixed), Err(SealError::Refused { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whether or not the forger also mends the digest.
        #[test]
        fn any_altered_or_cut_byte_is_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), flip in 1..=255_u8,
            cut in any::<bool>(), wrapped in any::<bool>(), mend in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let sealer = sealer(&folder, "key");
            let mut sealed = sealer.seal("c", &Secret::new(bytes.clone())).unwrap();
            let opened = sealer.open("c", &sealed).unwrap();
            prop_assert_eq!(opened.expose(), bytes.as_slice());
            let part = if wrapped { &mut sealed.wrapped } else { &mut sealed.ciphertext };
            let at = at.index(part.len());
            if cut { part.truncate(at) } else { part[at] ^= flip }
            if mend { sealed.digest = digest(&sealed.ciphertext) }
            let refused = sealer.open("c", &sealed).unwrap_err();
            prop_assert_eq!(matches!(refused, SealError::Refused { .. }), mend || wrapped, "{:?}", refused);
        }
    }
}
