//! The chain: what makes a change of any record show.
//!
//! A record's hash is SHA-256 over its fields, each with its length first: the words `stanch record 1`, the hash of the
//! record before, the rotation, seq, epoch and monotonic (eight bytes each, big end first), and the event as JSON without
//! spaces and with sorted keys. All records of all rotations, in the order of their writing, form a second chain of
//! leaves: a link is SHA-256 over the words `stanch leaf 1`, the link before, the leaf's number and the record's hash.
//! The last link stands for everything that was ever written.

use super::Record;
use super::signatures::Signatures;
use super::summary::Summary;
use crate::model::RotationId;
use crate::rotation::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// A SHA-256 in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(String);

impl Hash {
    /// The hash of nothing: what the first record and the first leaf continue.
    #[must_use]
    pub fn nothing() -> Self {
        Self::over(&[])
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it was kept or typed; whether it is right is what the chain says.
    pub(super) fn kept(text: String) -> Self {
        Self(text)
    }

    fn over(fields: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        Self(data_encoding::HEXLOWER.encode(&hash.finalize()))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where and how a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// In a rotation.
    #[error("record {seq} of {rotation} {flaw}")]
    Record {
        /// Which rotation.
        rotation: RotationId,
        /// Which record.
        seq: u64,
        /// What is wrong.
        flaw: Flaw,
    },
    /// In a rotation, at a place of the order of all records.
    #[error("record {seq} of {rotation}, at entry {number} of the whole journal, {flaw}")]
    Entry {
        /// Its number among all records.
        number: u64,
        /// Which rotation.
        rotation: RotationId,
        /// Which record.
        seq: u64,
        /// What is wrong.
        flaw: Flaw,
    },
    /// In the order of all records.
    #[error("entry {number} of the whole journal {flaw}")]
    Leaf {
        /// Which.
        number: u64,
        /// What is wrong.
        flaw: Flaw,
    },
    /// Among records whose own places are not known.
    #[error(
        "among the entries {from} to {to} of the whole journal at least one is not what the checkpoint stands for, and their \
         chain was written anew: the index beside the checkpoint would name it"
    )]
    Range {
        /// The first that may be it.
        from: u64,
        /// The last that may be it.
        to: u64,
    },
}

impl Broken {
    /// The same, with its place among all records.
    pub(super) fn at(self, number: u64) -> Self {
        match self {
            Self::Record { rotation, seq, flaw } => Self::Entry { number, rotation, seq, flaw },
            other => other,
        }
    }
}

/// What is wrong with a record or a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Its hash is not that of its content.
    #[error("was altered: its content does not match its hash")]
    Altered,
    /// What should stand there is not there.
    #[error("is missing")]
    Missing,
    /// It stands twice, or after a later one.
    #[error("stands where it does not belong: it was repeated or moved")]
    Misplaced,
    /// It does not name the one before as its predecessor.
    #[error("does not continue the one before: one of the two was exchanged")]
    Unlinked,
    /// It is not an event of this version of the program.
    #[error("cannot be read: it is damaged, or a newer version wrote it")]
    Unreadable,
    /// Its plan says more than this version of the program understands.
    #[error("was written by a newer version, which says more in it than this one understands: run the newer stanch")]
    Newer,
    /// It is consistent, but not what the checkpoint stands for.
    #[error("is not what the checkpoint stands for: it was exchanged, and the chain after it written anew")]
    Rewritten,
    /// It stands beside the order of all records.
    #[error("was inserted: the order of all records does not know it")]
    Inserted,
}

/// Makes records of events: the next ones after `previous`, from `seq` on.
///
/// # Errors
/// When an event has no JSON form.
pub fn chain(
    rotation: &RotationId,
    previous: &Hash,
    seq: u64,
    epoch: u64,
    monotonic: u64,
    events: &[Event],
) -> Result<Vec<Record>, serde_json::Error> {
    let monotonic = monotonic.min(i64::MAX.unsigned_abs()); // what a database can keep
    let mut previous = previous.clone();
    let mut records = Vec::with_capacity(events.len());
    for (seq, event) in (seq..).zip(events) {
        let content = canonical(&serde_json::to_value(event)?);
        let hash = hash(&previous, rotation, seq, epoch, monotonic, &content);
        let event = event.clone();
        records.push(Record { rotation: rotation.clone(), seq, epoch, monotonic, event, previous, hash: hash.clone() });
        previous = hash;
    }
    Ok(records)
}

/// Verifies the records of one rotation or more, each rotation's from its first on; where none is broken says how much
/// was verified.
///
/// # Errors
/// The first record that is altered, missing, repeated, moved or exchanged.
pub fn verify(records: &[Record]) -> Result<Summary, Broken> {
    let mut verifier = Verifier::default();
    for record in records {
        let event = serde_json::to_value(&record.event).map_err(|_| Broken::Record {
            rotation: record.rotation.clone(),
            seq: record.seq,
            flaw: Flaw::Unreadable,
        })?;
        verifier.take(&Entry {
            rotation: record.rotation.clone(),
            seq: record.seq,
            epoch: record.epoch,
            monotonic: record.monotonic,
            event,
            previous: record.previous.clone(),
            hash: record.hash.clone(),
        })?;
    }
    Ok(verifier.finish())
}

/// The event as it is hashed and kept: JSON without spaces, keys sorted.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            text.push('{');
            for (index, (key, item)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(item, text);
            }
            text.push('}');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

pub(super) fn hash(previous: &Hash, rotation: &RotationId, seq: u64, epoch: u64, monotonic: u64, event: &str) -> Hash {
    Hash::over(&[
        b"stanch record 1",
        previous.0.as_bytes(),
        rotation.as_str().as_bytes(),
        &seq.to_be_bytes(),
        &epoch.to_be_bytes(),
        &monotonic.to_be_bytes(),
        event.as_bytes(),
    ])
}

/// The link of a leaf.
pub(super) fn link(previous: &Hash, number: u64, record: &Hash) -> Hash {
    Hash::over(&[b"stanch leaf 1", previous.0.as_bytes(), &number.to_be_bytes(), record.0.as_bytes()])
}

/// A record as it lies on the disk: its event not yet understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) rotation: RotationId,
    pub(super) seq: u64,
    pub(super) epoch: u64,
    pub(super) monotonic: u64,
    pub(super) event: Value,
    pub(super) previous: Hash,
    pub(super) hash: Hash,
}

impl Entry {
    /// What its hash must be.
    pub(super) fn content_hash(&self) -> Hash {
        let content = canonical(&self.event);
        hash(&self.previous, &self.rotation, self.seq, self.epoch, self.monotonic, &content)
    }

    /// The record, if this version knows its event.
    pub(super) fn understand(self) -> Result<Record, Broken> {
        let Self { rotation, seq, epoch, monotonic, event, previous, hash } = self;
        let broken = |flaw| Broken::Record { rotation: rotation.clone(), seq, flaw };
        // All that follows hangs on the plan: one that would be understood in part is not carried on at all.
        let plan = (seq == 1).then(|| event.clone());
        let event: Event = serde_json::from_value(event).map_err(|_| broken(Flaw::Unreadable))?;
        if let Some(plan) = plan {
            let read = serde_json::to_value(&event).map_err(|_| broken(Flaw::Unreadable))?;
            if !says_all(&read, &plan) {
                return Err(broken(Flaw::Newer));
            }
        }
        Ok(Record { rotation, seq, epoch, monotonic, event, previous, hash })
    }
}

/// What may as well be left out.
fn says_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false))
}

/// True where nothing that was written got lost in the reading. What an older version did not write may be there.
fn says_all(read: &Value, written: &Value) -> bool {
    match (read, written) {
        (Value::Object(read), Value::Object(written)) => written
            .iter()
            .all(|(key, value)| says_nothing(value) || read.get(key).is_some_and(|read| says_all(read, value))),
        (Value::Array(read), Value::Array(written)) => {
            read.len() == written.len() && read.iter().zip(written).all(|(read, written)| says_all(read, written))
        }
        (Value::Number(read), Value::Number(written)) => read.as_f64() == written.as_f64(),
        (read, written) => read == written,
    }
}

/// Verifies entries one by one; holds one hash per rotation.
#[derive(Debug)]
pub(super) struct Verifier {
    heads: BTreeMap<RotationId, (u64, Hash)>,
    records: u64,
    leaf: u64,
    link: Hash,
    pub(super) signatures: Option<Signatures>,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { heads: BTreeMap::new(), records: 0, leaf: 0, link: Hash::nothing(), signatures: None }
    }
}

impl Verifier {
    /// The next entry; entries of several rotations may alternate.
    pub(super) fn take(&mut self, entry: &Entry) -> Result<(), Broken> {
        let broken = |seq, flaw| Err(Broken::Record { rotation: entry.rotation.clone(), seq, flaw });
        let (last, previous) = match self.heads.get(&entry.rotation) {
            Some((last, hash)) => (*last, hash.clone()),
            None => (0, Hash::nothing()),
        };
        let due = last.saturating_add(1);
        if entry.seq > due {
            return broken(due, Flaw::Missing);
        }
        if entry.seq < due {
            return broken(entry.seq, Flaw::Misplaced);
        }
        if entry.content_hash() != entry.hash {
            return broken(entry.seq, Flaw::Altered);
        }
        if entry.previous != previous {
            return broken(entry.seq, Flaw::Unlinked);
        }
        self.heads.insert(entry.rotation.clone(), (entry.seq, entry.hash.clone()));
        self.records = self.records.saturating_add(1);
        if let Some(signatures) = &mut self.signatures {
            signatures.take(&entry.rotation, entry.seq, &entry.event);
        }
        Ok(())
    }

    /// The leaf of an entry.
    pub(super) fn take_leaf(&mut self, number: u64, found: &Hash, record: &Hash) -> Result<(), Broken> {
        let due = self.leaf.saturating_add(1);
        if number > due {
            return Err(Broken::Leaf { number: due, flaw: Flaw::Missing });
        }
        if number < due {
            return Err(Broken::Leaf { number, flaw: Flaw::Misplaced });
        }
        if link(&self.link, number, record) != *found {
            return Err(Broken::Leaf { number, flaw: Flaw::Altered });
        }
        self.leaf = number;
        self.link = found.clone();
        Ok(())
    }

    /// How many records of a rotation there were.
    pub(super) fn records_of(&self, rotation: &RotationId) -> u64 {
        self.heads.get(rotation).map_or(0, |(last, _)| *last)
    }

    /// What was verified.
    pub(super) fn finish(self) -> Summary {
        Summary {
            rotations: self.heads.len() as u64,
            records: self.records,
            words: self.signatures.map(|signatures| signatures.words).unwrap_or_default(),
            ..Summary::default()
        }
    }
}

#[cfg(test)]
mod tests;
