//! What providers said, for later runs: in the user's own directory, sealed with the key of the installation. It holds
//! neither secrets nor anything from which one could be guessed: a secret is found again by a keyed hash. What is not
//! exactly what was written there counts for nothing.

use crate::model::{Credential, Secret, Timestamp, Verdict};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// What the file begins with: its form.
const MAGIC: &[u8; 8] = b"stanchV1";

/// Bytes of the seal.
const SEAL: usize = 32;

/// The longest file that is read.
const LARGEST: u64 = 32 << 20;

/// Verdicts that are kept; the oldest go first.
const MOST: usize = 50_000;

/// For how long a dead token is known to be dead.
const DEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// For how long a live one is believed to live.
const LIVE: Duration = Duration::from_secs(10 * 60);

/// The name of a question: a keyed hash of what is asked, about what, and where.
pub(super) type Mark = [u8; 32];

/// What was learned.
pub struct Memory {
    file: PathBuf,
    key: Zeroizing<Vec<u8>>,
    known: BTreeMap<Mark, Known>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    at: u64,
    verdict: Verdict,
    words: String,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("file", &self.file).field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Known {
    /// Nothing holds for ever, and nothing is known from the future.
    fn holds(&self, now: Timestamp) -> bool {
        let for_how_long = match self.verdict {
            Verdict::Dead => DEAD,
            Verdict::Live(_) | Verdict::Restricted(..) => LIVE,
            Verdict::WrongPlace | Verdict::Unknown(_) => Duration::ZERO,
        };
        let at = Timestamp(self.at);
        at <= now && now.since(at) < for_how_long
    }
}

impl Memory {
    /// What lies in this directory, sealed with this key.
    #[must_use]
    pub fn open(directory: &Path, key: Vec<u8>) -> Self {
        let mut memory = Self { file: directory.join("verdicts"), key: Zeroizing::new(key), known: BTreeMap::new() };
        memory.known = memory.read();
        memory
    }

    fn read(&self) -> BTreeMap<Mark, Known> {
        match self.bytes() {
            Ok(bytes) => self.opened(&bytes).unwrap_or_else(|| {
                tracing::warn!(file = %self.file.display(), "what was learned before is damaged or not ours: all is asked again");
                BTreeMap::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %self.file.display(), %error, "what was learned before cannot be read");
                }
                BTreeMap::new()
            }
        }
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        if !std::fs::symlink_metadata(&self.file)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(&self.file)?.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn opened(&self, bytes: &[u8]) -> Option<BTreeMap<Mark, Known>> {
        let rest = bytes.strip_prefix(MAGIC.as_slice())?;
        let (text, seal) = rest.split_at_checked(rest.len().checked_sub(SEAL)?)?;
        self.seal(text).verify_slice(seal).ok()?;
        postcard::from_bytes(text).ok()
    }

    fn mac(&self, what: &[u8]) -> Hmac<Sha256> {
        // A key of any length will do.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(what);
        mac
    }

    fn seal(&self, text: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac(b"what providers said\0");
        mac.update(text);
        mac
    }

    /// The name of a question about a credential.
    pub(super) fn mark(&self, about: &[&[u8]], credential: &Credential) -> Mark {
        let mut mac = self.mac(b"a question to a provider\0");
        let mut add = |part: &[u8]| {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        };
        about.iter().for_each(|part| add(part));
        add(credential.secret.as_ref().map(exposed).unwrap_or_default());
        for (name, value) in credential.companions.iter() {
            add(name.as_bytes());
            add(exposed(value));
        }
        mac.finalize().into_bytes().into()
    }

    /// What was said not too long ago.
    pub(super) fn recall(&self, mark: &Mark, now: Timestamp) -> Option<(Verdict, String)> {
        let known = self.known.get(mark).filter(|known| known.holds(now))?;
        Some((known.verdict.clone(), known.words.clone()))
    }

    /// Keeps what was learned. That it cannot be kept is no reason for a run to fail.
    pub(super) fn keep(&self, learned: impl Iterator<Item = (Mark, (Verdict, String))>, now: Timestamp) {
        let fresh = learned.map(|(mark, (verdict, words))| (mark, Known { at: now.0, verdict, words }));
        let fresh: Vec<_> = fresh.filter(|(_, known)| known.holds(now)).collect();
        if fresh.is_empty() {
            return;
        }
        // Another run may have written meanwhile.
        let mut all = self.read();
        all.extend(fresh);
        all.retain(|_, known| known.holds(now));
        if all.len() > MOST {
            let mut ages: Vec<u64> = all.values().map(|known| known.at).collect();
            ages.sort_unstable();
            let oldest = ages.get(all.len() - MOST).copied().unwrap_or_default();
            all.retain(|_, known| known.at > oldest);
        }
        if let Err(error) = self.write(&all) {
            tracing::warn!(file = %self.file.display(), %error, "what was learned cannot be kept");
        }
    }

    /// Written whole under another name first: several runs may be at it.
    fn write(&self, all: &BTreeMap<Mark, Known>) -> io::Result<()> {
        let text = postcard::to_stdvec(all).map_err(io::Error::other)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let fresh = self.file.with_extension(format!("{}.new", data_encoding::HEXLOWER.encode(&random)));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let seal = self.seal(&text).finalize().into_bytes();
        let written = options.open(&fresh).and_then(|mut out| out.write_all(&[MAGIC, text.as_slice(), &seal].concat()));
        let written = written.and_then(|()| std::fs::rename(&fresh, &self.file));
        if written.is_err() {
            let _removed = std::fs::remove_file(&fresh).is_ok();
        }
        written
    }
}

#[expect(clippy::disallowed_methods, reason = "a keyed hash is made of it")]
fn exposed(secret: &Secret) -> &[u8] {
    secret.expose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Limit, Reason, TokenId};

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 24 * 60 * MINUTE;

    fn credential(secret: &str, account: &str) -> Credential {
        let sealed = |text: &str| Secret::new(text.as_bytes().to_vec());
        let mut credential = Credential { secret: Some(sealed(secret)), ..Credential::default() };
        credential.companions.push("account", sealed(account));
        credential
    }

    fn learned(memory: &Memory, name: &str, verdict: Verdict) -> (Mark, (Verdict, String)) {
        (memory.mark(&[b"acme"], &credential(name, "a")), (verdict, "words".to_owned()))
    }

    #[test]
    fn the_dead_are_remembered_for_a_month_the_living_for_minutes_and_the_unknown_never() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::open(directory.path(), b"key".to_vec());
        let live = || Verdict::Live(TokenId::new("t-1"));
        let limited = || Verdict::Restricted(TokenId::new("t-2"), Limit::Scope);
        let all = [
            learned(&memory, "dead-canary", Verdict::Dead),
            learned(&memory, "live", live()),
            learned(&memory, "limited", limited()),
            learned(&memory, "unknown", Verdict::Unknown(Reason::Throttled)),
            learned(&memory, "elsewhere", Verdict::WrongPlace),
        ];
        memory.keep(all.into_iter(), NOW);
        let memory = Memory::open(directory.path(), b"key".to_vec());
        let known = |name: &str, at: u64| {
            memory.recall(&memory.mark(&[b"acme"], &credential(name, "a")), Timestamp(at)).map(|(verdict, _)| verdict)
        };
        assert_eq!(known("dead-canary", NOW.0 + 29 * DAY), Some(Verdict::Dead));
        assert_eq!(known("dead-canary", NOW.0 + 30 * DAY), None);
        assert_eq!(known("dead-canary", NOW.0 - 1), None, "nothing is known from the future");
        assert_eq!((known("live", NOW.0 + 9 * MINUTE), known("live", NOW.0 + 10 * MINUTE)), (Some(live()), None));
        assert_eq!(known("limited", NOW.0), Some(limited()));
        assert_eq!((known("unknown", NOW.0), known("elsewhere", NOW.0)), (None, None));
        let bytes = std::fs::read(directory.path().join("verdicts")).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"canary"));
    }

    #[test]
    fn another_question_another_key_or_other_bytes_recall_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::open(directory.path(), b"key".to_vec());
        memory.keep([learned(&memory, "x", Verdict::Dead)].into_iter(), NOW);
        let again = |key: &[u8]| Memory::open(directory.path(), key.to_vec());
        let mark = |memory: &Memory, about: &[u8], secret: &str, account: &str| {
            memory.recall(&memory.mark(&[about], &credential(secret, account)), NOW).is_some()
        };
        let memory = again(b"key");
        assert!(mark(&memory, b"acme", "x", "a"));
        assert!(!mark(&memory, b"other", "x", "a") && !mark(&memory, b"acme", "y", "a"));
        assert!(!mark(&memory, b"acme", "x", "b"), "what stood beside it belongs to the question");
        assert!(again(b"other").known.is_empty());
        let file = directory.path().join("verdicts");
        let bytes = std::fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 0x10;
            std::fs::write(&file, &other).unwrap();
            assert!(again(b"key").known.is_empty(), "{at}");
        }
        std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(again(b"key").known.is_empty());
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert!(again(b"key").known.is_empty(), "what is no plain file is not read");
    }
}
