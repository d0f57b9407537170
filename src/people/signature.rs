//! A signature in the form of `ssh-keygen -Y sign` (PROTOCOL.sshsig).

use super::NAMESPACE;
use super::key::{Key, Parts};
use super::wire::{Reader, put};
use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use data_encoding::BASE64;
use std::str::FromStr;

/// What a signature begins with, and what is signed begins with.
const MAGIC: &[u8] = b"SSHSIG";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// Longer texts are no signature.
const LONGEST: usize = 64 * 1024;

/// A signature for [`NAMESPACE`], not verified yet.
#[derive(Clone, Debug)]
pub struct Signature {
    key: Key,
    reserved: Vec<u8>,
    hash: Hash,
    algorithm: Vec<u8>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha256,
    Sha512,
}

/// Why a signature is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not the form.
    #[error("this is no signature as ssh-keygen -Y sign -n {NAMESPACE} makes one")]
    Form,
    /// A key that cannot stand for a person.
    #[error("the signature is of a type of key that cannot stand for a person")]
    Key,
    /// Given for something else.
    #[error("the signature was given for another purpose: ssh-keygen -Y sign needs -n {NAMESPACE}")]
    Namespace,
    /// Of another text, or damaged.
    #[error("the signature is not of this statement")]
    Invalid,
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let blob = armoured(text).ok_or(SignatureError::Form)?;
        let mut fields = Reader::new(&blob);
        let form = SignatureError::Form;
        fields.skip(MAGIC).ok_or(form.clone())?;
        if fields.number() != Some(1) {
            return Err(form);
        }
        let key = fields.string().ok_or(form.clone())?;
        let namespace = fields.string().ok_or(form.clone())?;
        let reserved = fields.string().ok_or(form.clone())?;
        let hash = match fields.string().ok_or(form.clone())? {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            _ => return Err(form),
        };
        let mut inner = Reader::new(fields.string().ok_or(form.clone())?);
        fields.end().ok_or(form.clone())?;
        let algorithm = inner.string().ok_or(form.clone())?;
        let bytes = inner.string().ok_or(form.clone())?;
        inner.end().ok_or(form)?;
        if namespace != NAMESPACE.as_bytes() {
            return Err(SignatureError::Namespace);
        }
        Ok(Self {
            key: Key::from_blob(key).map_err(|_| SignatureError::Key)?,
            reserved: reserved.to_vec(),
            hash,
            algorithm: algorithm.to_vec(),
            bytes: bytes.to_vec(),
        })
    }
}

/// The bytes between the two lines.
fn armoured(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let joined: String = body.split_ascii_whitespace().collect();
    BASE64.decode(joined.as_bytes()).ok()
}

impl Signature {
    /// The key that made it, which may be anybody's.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`] when it is of another text.
    pub fn verify(&self, text: &[u8]) -> Result<&Key, SignatureError> {
        let (name, hashed) = match self.hash {
            Hash::Sha256 => (&b"sha256"[..], digest::digest(&digest::SHA256, text)),
            Hash::Sha512 => (&b"sha512"[..], digest::digest(&digest::SHA512, text)),
        };
        let mut signed = MAGIC.to_vec();
        for field in [NAMESPACE.as_bytes(), &self.reserved, name, hashed.as_ref()] {
            put(&mut signed, field);
        }
        let holds = match (self.key.parts(), self.algorithm.as_slice()) {
            (Parts::Ed25519(point), b"ssh-ed25519") => {
                UnparsedPublicKey::new(&ED25519, point).verify(&signed, &self.bytes).is_ok()
            }
            (Parts::P256(point), b"ecdsa-sha2-nistp256") => match fixed(&self.bytes) {
                Some(bytes) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(&signed, &bytes).is_ok(),
                None => false,
            },
            (Parts::Rsa { exponent, modulus }, algorithm) => {
                let scheme = match algorithm {
                    b"rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
                    b"rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
                    _ => return Err(SignatureError::Invalid),
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(scheme, &signed, &self.bytes).is_ok()
            }
            _ => false,
        };
        if holds { Ok(&self.key) } else { Err(SignatureError::Invalid) }
    }
}

/// The two numbers of an ECDSA signature side by side, each 32 bytes.
fn fixed(bytes: &[u8]) -> Option<[u8; 64]> {
    let mut fields = Reader::new(bytes);
    let (r, s) = (fields.unsigned()?, fields.unsigned()?);
    fields.end()?;
    let mut both = [0; 64];
    for (half, number) in both.chunks_exact_mut(32).zip([r, s]) {
        let from = half.len().checked_sub(number.len())?;
        half.get_mut(from..)?.copy_from_slice(number);
    }
    Some(both)
}
