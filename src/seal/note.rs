//! Signed notes, as the C2SP text `signed-note` has them: a text that ends in a new line, an empty line, and a line for
//! each who signed it. Others sign the same text by adding a line; a line of somebody unknown says nothing.

use super::keys::{self, KeyError};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::Path;

/// What the key is called in messages.
const WHAT: &str = "checkpoint key";
/// What a line of a signature begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";
/// The type of a signature that is Ed25519 over the text.
const ED25519_NOTE: u8 = 1;
/// Bytes that name a key.
const ID_BYTES: usize = 4;
/// Bytes of a public key.
const PUBLIC_BYTES: usize = 32;
/// The longest note, in bytes: post-quantum signatures are large.
const LONGEST: usize = 1 << 20;
/// The most signatures under a note.
const MOST: usize = 100;

/// Why a note or a key is none, or is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The text is no signed note.
    #[error("it is no signed note: {problem}")]
    Form {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The text is no public key of a signer.
    #[error("it is no verifier key: write it as stanch key list shows it, NAME+HASH+KEY")]
    Key,
    /// None of the keys signed it.
    #[error("none of the given keys signed it; it names: {signers}")]
    Stranger {
        /// Who did, as the note says.
        signers: String,
    },
    /// A signature under a known name does not hold.
    #[error("the signature of {signer} does not hold: the text was changed, or somebody else signed it in that name")]
    Forged {
        /// In whose name.
        signer: String,
    },
}

/// Who signs: a name, and an Ed25519 key whose seed lies in a 0600 file.
pub struct Signer {
    key: NoteKey,
    pair: Ed25519KeyPair,
}

/// The public half of a signer.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    public: [u8; PUBLIC_BYTES],
}

/// A signed note, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What was signed, with its last line end.
    pub text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: [u8; ID_BYTES],
    bytes: Vec<u8>,
}

impl Signer {
    /// Reads the key, or makes a new one (0600) where there is none. Without a name it is called after the key.
    ///
    /// # Errors
    /// When the file cannot be read or made, is open to other users, or is not a key.
    pub fn load_or_create(path: &Path, name: Option<&str>) -> Result<Self, KeyError> {
        let seed = keys::load_or_create(path, WHAT)?;
        let malformed = || KeyError::Malformed { what: WHAT, path: path.to_owned() };
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| malformed())?;
        let public = <[u8; PUBLIC_BYTES]>::try_from(pair.public_key().as_ref()).map_err(|_| malformed())?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => {
                let print = data_encoding::HEXLOWER.encode(&Sha256::digest(public));
                format!("stanch.invalid/journal/{}", print.get(..16).unwrap_or(&print))
            }
        };
        Ok(Self { key: NoteKey { name, public }, pair })
    }

    /// The public half.
    #[must_use]
    pub fn key(&self) -> &NoteKey {
        &self.key
    }

    /// The note that says this text, which ends in a new line, with this signature alone. The same text gives the same
    /// note every time.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let signature = [&self.key.id(), self.pair.sign(text.as_bytes()).as_ref()].concat();
        format!("{text}\n{DASH}{} {}\n", self.key.name, BASE64.encode(&signature))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.key).finish()
    }
}

/// True for what may be the name of a key: without spaces and `+`.
fn is_signer_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

impl NoteKey {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; ID_BYTES] {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update([b'\n', ED25519_NOTE]);
        hash.update(self.public);
        let hash: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519_NOTE][..], &self.public].concat();
        write!(f, "{}+{}+{}", self.name, data_encoding::HEXLOWER.encode(&self.id()), BASE64.encode(&key))
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for NoteKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        // Base64 knows a plus as well, so the first two part the fields.
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let key = BASE64.decode(key.as_bytes()).map_err(|_| NoteError::Key)?;
        let Some((&ED25519_NOTE, public)) = key.split_first() else { return Err(NoteError::Key) };
        let public = public.try_into().map_err(|_| NoteError::Key)?;
        let key = Self { name: name.to_owned(), public };
        let named = data_encoding::HEXLOWER_PERMISSIVE.decode(id.as_bytes()).map_err(|_| NoteError::Key)?;
        if !is_signer_name(name) || named != key.id() {
            return Err(NoteError::Key);
        }
        Ok(key)
    }
}

impl Note {
    /// Reads a note; whether a signature holds is what [`Note::verify`] says.
    ///
    /// # Errors
    /// [`NoteError::Form`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let form = |problem| NoteError::Form { problem };
        if text.len() > LONGEST {
            return Err(form("it is too long"));
        }
        if text.contains(|c: char| c < ' ' && c != '\n') {
            return Err(form("it holds control characters"));
        }
        let (said, signed) = text.rsplit_once("\n\n").ok_or_else(|| form("no empty line parts text and signatures"))?;
        let signed = signed.strip_suffix('\n').ok_or_else(|| form("its last line is cut"))?;
        let signatures: Option<Vec<_>> = signed.split('\n').take(MOST + 1).map(Signature::parse).collect();
        let signatures = signatures.ok_or_else(|| form("a line of a signature is none"))?;
        if signatures.len() > MOST {
            return Err(form("it has too many signatures"));
        }
        Ok(Self { text: format!("{said}\n"), signatures })
    }

    /// That one of these keys signed it, and no signature in the name of one of them is forged; which one did.
    ///
    /// # Errors
    /// [`NoteError::Stranger`] and [`NoteError::Forged`].
    pub fn verify<'k>(&self, keys: &'k [NoteKey]) -> Result<&'k NoteKey, NoteError> {
        let mut holds = None;
        for signature in &self.signatures {
            for key in keys.iter().filter(|key| key.name == signature.name && key.id() == signature.id) {
                let public = UnparsedPublicKey::new(&ED25519, &key.public);
                if public.verify(self.text.as_bytes(), &signature.bytes).is_err() {
                    return Err(NoteError::Forged { signer: key.name.clone() });
                }
                holds = holds.or(Some(key));
            }
        }
        holds.ok_or_else(|| {
            let names: Vec<_> = self.signatures.iter().map(|signature| signature.name.as_str()).take(8).collect();
            NoteError::Stranger { signers: names.join(", ").escape_debug().to_string() }
        })
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = BASE64.decode(encoded.as_bytes()).ok()?;
        let (id, bytes) = bytes.split_first_chunk::<ID_BYTES>()?;
        let whole = is_signer_name(name) && !bytes.is_empty();
        whole.then(|| Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference implementation: golang.org/x/mod/sumdb/note.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer(folder: &tempfile::TempDir, name: &str) -> Signer {
        Signer::load_or_create(&folder.path().join(name), Some(name)).unwrap()
    }

    #[test]
    fn a_note_that_others_signed_is_verified() {
        let key: NoteKey = KEY.parse().unwrap();
        assert_eq!((key.to_string().as_str(), key.name()), (KEY, "PeterNeumann"));
        let note = Note::parse(NOTE).unwrap();
        assert!(note.text.ends_with("your problem is.\n"));
        assert_eq!(note.verify(std::slice::from_ref(&key)).unwrap(), &key);
        let changed = Note::parse(&NOTE.replace("problem is", "problem was")).unwrap();
        assert!(matches!(changed.verify(std::slice::from_ref(&key)), Err(NoteError::Forged { .. })));
    }

    #[test]
    fn what_is_signed_here_is_verified_beside_lines_of_others_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (signer(&folder, "example.com/a"), signer(&folder, "example.com/b"));
        let said = mine.sign("a text\n\nof two parts\n");
        assert_eq!(said, signer(&folder, "example.com/a").sign("a text\n\nof two parts\n"), "every time the same");
        let key: NoteKey = mine.key().to_string().parse().unwrap();
        assert_eq!(&key, mine.key());
        let note = Note::parse(&said).unwrap();
        assert_eq!(note.text, "a text\n\nof two parts\n");
        assert_eq!(note.verify(&[other.key().clone(), key.clone()]).unwrap(), &key);
        let unknown = other.sign(&note.text);
        let both = format!("{said}{}", unknown.rsplit_once("\n\n").unwrap().1);
        assert_eq!(Note::parse(&both).unwrap().verify(std::slice::from_ref(&key)).unwrap(), &key);
        assert!(matches!(Note::parse(&unknown).unwrap().verify(&[key]), Err(NoteError::Stranger { .. })));
        let shown = format!("{mine:?}");
        let seed = std::fs::read(folder.path().join("example.com/a")).unwrap();
        assert!(!shown.contains(&BASE64.encode(&seed)) && shown.contains("example.com/a+"), "{shown}");
    }

    #[test]
    fn one_forged_signature_in_a_known_name_spoils_the_note() {
        let folder = tempfile::tempdir().unwrap();
        let mine = signer(&folder, "a");
        let good = mine.sign("text\n");
        let forged = mine.sign("other\n");
        let both = format!("{good}{}", forged.rsplit_once("\n\n").unwrap().1);
        let outcome = Note::parse(&both).unwrap().verify(std::slice::from_ref(mine.key())).cloned();
        assert_eq!(outcome, Err(NoteError::Forged { signer: "a".into() }));
    }

    #[test]
    fn what_is_no_note_or_no_key_is_refused() {
        let many = format!("{NOTE}{}", NOTE.rsplit_once("\n\n").unwrap().1.repeat(MOST));
        for text in [
            "",
            "\n",
            "text\n",
            "text\n\n",
            &NOTE.replace("\n\n", "\n"),
            NOTE.trim_end(),
            &NOTE.replace('\u{2014}', "-"),
            &NOTE.replace("x08g", "x08"),
            &NOTE.replace("PeterNeumann", ""),
            &NOTE.replace("problem is", "problem\tis"),
            &many,
            "text\n\n\u{2014} a AAAAAA==\n",
        ] {
            assert!(matches!(Note::parse(text), Err(NoteError::Form { .. })), "{text:?}");
        }
        for text in [
            "",
            "a",
            "a+b",
            &KEY.replace("c74f", "c74e"),
            &KEY.replace("ARpc", "AhpC"),
            &KEY.replace("Peter", "Peter "),
            "+c74f20a3+AQ==",
        ] {
            assert_eq!(text.parse::<NoteKey>(), Err(NoteError::Key), "{text}");
        }
        assert!(is_signer_name("example.com/log") && !is_signer_name("a b") && !is_signer_name("a\u{a0}b"));
    }
}
