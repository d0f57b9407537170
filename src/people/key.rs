//! A person's public key, as OpenSSH writes it.

use super::NAMESPACE;
use super::wire::Reader;
use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest as _, Sha256};

/// The shortest RSA modulus, in bytes.
const SHORTEST_RSA: usize = 256;
/// The longest RSA modulus, in bytes.
const LONGEST_RSA: usize = 1024;
/// Longer texts are no key.
const LONGEST: usize = 16 * 1024;

/// A public key that may stand for a person; two are the same where their bytes are.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    blob: Vec<u8>,
    parts: Parts,
}

/// What a signature of a key is verified with.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Parts {
    Ed25519(Vec<u8>),
    /// An uncompressed point on P-256.
    P256(Vec<u8>),
    Rsa {
        exponent: Vec<u8>,
        modulus: Vec<u8>,
    },
}

/// Why a text is no key that may stand for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not the form.
    #[error("this is no public key: write one such as ssh-ed25519 AAAA…, or a line of allowed_signers")]
    Form,
    /// Somebody's private key.
    #[error("this is a PRIVATE key: write the public one (the file that ends in .pub), and replace this one")]
    Private,
    /// Another algorithm.
    #[error(
        "a key of this type cannot stand for a person: ssh-ed25519, ecdsa-sha2-nistp256 and ssh-rsa (2048 bits or \
         more) can"
    )]
    Type,
    /// The type's name and its bytes differ, or the bytes are cut.
    #[error("the key is damaged: copy it anew from the file that ends in .pub")]
    Damaged,
    /// A line of allowed signers for somebody else.
    #[error("the line of allowed_signers is for '{principals}', not for '{name}'")]
    Principal {
        /// For whom.
        principals: String,
        /// Under whose name it stands.
        name: String,
    },
    /// A line of allowed signers for other purposes.
    #[error("the line of allowed_signers does not say namespaces=\"{NAMESPACE}\"")]
    Namespace,
    /// An option that is not understood, and so cannot be kept.
    #[error("the option '{option}' of allowed_signers is not known here: only namespaces=\"{NAMESPACE}\" is")]
    Option {
        /// Which.
        option: String,
    },
}

impl Key {
    /// Reads a public key (`ssh-ed25519 AAAA… comment`) or a line of allowed signers
    /// (`name namespaces="stanch" ssh-ed25519 AAAA…`) for the person of this name.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str, name: &str) -> Result<Self, KeyError> {
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let text = text.trim();
        if text.len() > LONGEST || text.contains(['\n', '\r', '\0']) {
            return Err(KeyError::Form);
        }
        let mut words = words(text).into_iter();
        let first = words.next().ok_or(KeyError::Form)?;
        if is_type(first) {
            return Self::of(first, words.next().ok_or(KeyError::Form)?);
        }
        if !first.split(',').any(|principal| principal == name) {
            // A lone word is no line of allowed signers either.
            return Err(match words.next() {
                Some(_) => KeyError::Principal { principals: first.to_owned(), name: name.to_owned() },
                None => KeyError::Form,
            });
        }
        let mut next = words.next().ok_or(KeyError::Form)?;
        if !is_type(next) {
            options(next)?;
            next = words.next().ok_or(KeyError::Form)?;
            if !is_type(next) {
                return Err(KeyError::Form);
            }
        }
        Self::of(next, words.next().ok_or(KeyError::Form)?)
    }

    fn of(kind: &str, encoded: &str) -> Result<Self, KeyError> {
        if !["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"].contains(&kind) {
            return Err(KeyError::Type);
        }
        let blob = BASE64
            .decode(encoded.as_bytes())
            .or_else(|_| BASE64_NOPAD.decode(encoded.as_bytes()))
            .map_err(|_| KeyError::Damaged)?;
        let key = Self::from_blob(&blob)?;
        if Reader::new(&blob).string() != Some(kind.as_bytes()) {
            return Err(KeyError::Damaged);
        }
        Ok(key)
    }

    /// A key from the bytes that a signature carries.
    pub(super) fn from_blob(blob: &[u8]) -> Result<Self, KeyError> {
        let mut fields = Reader::new(blob);
        let parts = match fields.string().ok_or(KeyError::Damaged)? {
            b"ssh-ed25519" => {
                let point = fields.string().filter(|point| point.len() == 32).ok_or(KeyError::Damaged)?;
                Parts::Ed25519(point.to_vec())
            }
            b"ecdsa-sha2-nistp256" => {
                let curve = fields.string().ok_or(KeyError::Damaged)?;
                let point = fields.string().ok_or(KeyError::Damaged)?;
                if curve != b"nistp256" || point.len() != 65 || point.first() != Some(&4) {
                    return Err(KeyError::Damaged);
                }
                Parts::P256(point.to_vec())
            }
            b"ssh-rsa" => {
                let exponent = fields.unsigned().ok_or(KeyError::Damaged)?.to_vec();
                let modulus = fields.unsigned().ok_or(KeyError::Damaged)?.to_vec();
                if !(SHORTEST_RSA..=LONGEST_RSA).contains(&modulus.len()) {
                    return Err(KeyError::Type);
                }
                Parts::Rsa { exponent, modulus }
            }
            _ => return Err(KeyError::Type),
        };
        fields.end().ok_or(KeyError::Damaged)?;
        Ok(Self { blob: blob.to_vec(), parts })
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn print(&self) -> String {
        format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(&self.blob)))
    }

    /// The line of a file that ends in `.pub`.
    #[must_use]
    pub fn line(&self) -> String {
        let kind = match self.parts {
            Parts::Ed25519(_) => "ssh-ed25519",
            Parts::P256(_) => "ecdsa-sha2-nistp256",
            Parts::Rsa { .. } => "ssh-rsa",
        };
        format!("{kind} {}", BASE64.encode(&self.blob))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.print())
    }
}

/// Whether a word is the name of a type of key, known or not.
fn is_type(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-"].iter().any(|lead| word.starts_with(lead))
}

/// The words of a line, quoted white space kept.
fn words(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let split = text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && (c == ' ' || c == '\t')
    });
    split.filter(|word| !word.is_empty()).collect()
}

/// What cannot be kept is refused rather than left out.
fn options(text: &str) -> Result<(), KeyError> {
    let mut quoted = false;
    let split = text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && c == ','
    });
    let mut named = false;
    for option in split {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if !name.eq_ignore_ascii_case("namespaces") {
            return Err(KeyError::Option { option: name.chars().take(40).collect() });
        }
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or(KeyError::Form)?;
        named = value.split(',').any(|one| one == NAMESPACE);
    }
    named.then_some(()).ok_or(KeyError::Namespace)
}
