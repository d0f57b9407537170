//! What a verification found, and what to note of it for the next one.

use super::{Hash, SignedWord};
use serde::Serialize;
use std::fmt;

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rotations.
    pub rotations: u64,
    /// Records.
    pub records: u64,
    /// The last link of the chain over everything, where the whole order was there to be verified. Noted elsewhere (with
    /// the number of records), it shows later whether anything up to here was changed or cut.
    pub head: Option<Hash>,
    /// The checkpoint that was met on the way, if one was given.
    #[serde(skip)]
    pub against: Option<Checkpoint>,
    /// The signed words that were held against people's keys.
    #[serde(skip)]
    pub words: Vec<SignedWord>,
}

/// A head noted earlier, written `RECORDS:HEAD`: proves later that everything up to it is still there, unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many records there were.
    pub records: u64,
    /// The last link.
    pub head: Hash,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.records, self.head)
    }
}

/// The text is no checkpoint.
#[derive(Debug, thiserror::Error)]
#[error(
    "not a checkpoint: write the number of records, a colon and the 64 hex digits that an earlier verification showed"
)]
pub struct NotACheckpoint;

impl std::str::FromStr for Checkpoint {
    type Err = NotACheckpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (records, head) = text.trim().split_once(':').ok_or(NotACheckpoint)?;
        let head = head.to_ascii_lowercase();
        if head.len() != 64 || !head.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotACheckpoint);
        }
        let records = records.parse().ok().filter(|records| *records > 0).ok_or(NotACheckpoint)?;
        Ok(Self { records, head: Hash::kept(head) })
    }
}

impl Summary {
    /// What to note elsewhere, where the whole order was verified.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.head.clone().map(|head| Checkpoint { records: self.records, head })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records of {} rotations are unchanged and in order", self.records, self.rotations)?;
        match (self.checkpoint(), &self.against) {
            (Some(now), Some(noted)) => write!(
                f,
                "; everything up to the checkpoint at record {} is there. Whether records were cut after it cannot be seen. \
                 The checkpoint now is {now}",
                noted.records
            ),
            (Some(now), None) => write!(
                f,
                ". Whether records were cut from the end cannot be seen without an earlier checkpoint; the one now is {now}"
            ),
            (None, _) => f.write_str(
                ". Whether records were cut from the end, or other rotations left out, cannot be seen from this part alone",
            ),
        }
    }
}
