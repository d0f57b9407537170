//! What an earlier scan of the same repository saw by the same rules: which objects have nothing in them, and which have
//! something, without a word of what it is. Kept in the user's own directory and sealed with the key of the installation;
//! what is not exactly what was written there counts for nothing.

use super::located::{Located, Spot};
use super::pack::{Kind, ObjectId};
use super::probe::Found;
use super::refs::plain;
use super::stock::Stock;
use crate::source::Held;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a file begins with: its form.
const MAGIC: &[u8; 8] = b"stanchS4";

/// Bytes of a seal.
const SEAL: usize = 32;

/// Bytes of what is read first.
const LARGEST_HEAD: usize = 256 << 20;

/// Objects that are remembered; larger repositories are scanned whole every time.
const MOST_OBJECTS: usize = 16 << 20;

/// Places that are remembered.
const MOST_SPOTS: usize = 100_000;

/// Repositories that are remembered.
const MOST_FILES: usize = 200;

/// After so long a file that is being written will never be done.
const STALE: Duration = Duration::from_secs(60 * 60);

/// Where it is kept, and by which rules objects are looked at.
#[derive(Clone)]
pub struct Memory {
    directory: PathBuf,
    key: Vec<u8>,
    rules: [u8; 32],
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// What was seen, as it is written down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    rules: [u8; 32],
    stock: Stock,
    /// Of the references.
    tips: [u8; 32],
    /// How many objects have nothing in them, and their bytes.
    items: u64,
    bytes: u64,
    /// How many of them were opened, and what they held.
    holding: u64,
    held: (u64, u64),
    loud: Vec<(Name, u8)>,
    notes: Vec<(Name, Vec<u8>)>,
    large: Vec<(Name, u64)>,
    missing: Vec<Name>,
    odd: Vec<Name>,
    /// Where they live, unless a path itself must not be written down.
    places: Option<Vec<(Name, Vec<Spoken>, bool)>>,
    /// The length of what follows, and its checksum.
    length: u64,
    rest: [u8; 32],
}

type Name = Vec<u8>;
type Spoken = (Name, i64, Vec<u8>);

/// What is known of a repository before it is read.
#[derive(Debug)]
pub(super) struct Recalled {
    head: Head,
    file: PathBuf,
    start: u64,
}

impl Memory {
    /// In this directory, sealed with this key; `rules` stands for everything that decides what is found in an object.
    #[must_use]
    pub fn new(directory: PathBuf, key: Vec<u8>, rules: [u8; 32]) -> Self {
        Self { directory, key, rules }
    }

    fn mac(&self, what: &[u8]) -> Hmac<Sha256> {
        // A key of any length will do.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(what);
        mac
    }

    /// The file of a repository. Its name tells nobody where that is.
    fn file(&self, common: &Path) -> PathBuf {
        let path = common.canonicalize().unwrap_or_else(|_| common.to_owned());
        let mut mac = self.mac(b"the name of a repository\0");
        mac.update(path.as_os_str().as_encoded_bytes());
        let name = data_encoding::HEXLOWER.encode(mac.finalize().into_bytes().get(..16).unwrap_or_default());
        self.directory.join(name)
    }

    fn sealed(&self, file: &Path, head: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac(b"what was seen of a repository\0");
        mac.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        mac.update(head);
        mac
    }

    /// What is known of a repository by the same rules.
    pub(super) fn recall(&self, common: &Path) -> Option<Recalled> {
        let file = self.file(common);
        let mut bytes = match plain(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "what an earlier scan saw cannot be read");
                return None;
            }
        };
        let head = self.head(&file, &mut bytes);
        if head.is_none() {
            tracing::warn!(file = %file.display(), "what an earlier scan saw is damaged or not ours: all is scanned again");
        }
        let (head, start) = head?;
        (head.rules == self.rules).then_some(Recalled { head, file, start })
    }

    fn head(&self, file: &Path, bytes: &mut std::fs::File) -> Option<(Head, u64)> {
        let mut fixed = [0; 12];
        bytes.read_exact(&mut fixed).ok()?;
        let length = fixed.strip_prefix(MAGIC.as_slice())?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        let there = usize::try_from(bytes.metadata().ok()?.len()).ok()?;
        if length > LARGEST_HEAD.min(there) {
            return None;
        }
        let mut text = vec![0; length + SEAL];
        bytes.read_exact(&mut text).ok()?;
        let (text, seal) = text.split_at_checked(length)?;
        self.sealed(file, text).verify_slice(seal).ok()?;
        let head: Head = postcard::from_bytes(text).ok()?;
        Some((head, (12 + length + SEAL) as u64))
    }

    /// Keeps what was seen. That it cannot be kept is no reason for a scan to fail.
    pub(super) fn keep(&self, common: &Path, seen: Seen<'_>) {
        let file = self.file(common);
        let kept = match self.bytes(&file, seen) {
            Some(parts) => self.write(&file, &parts),
            None => std::fs::remove_file(&file),
        };
        if let Err(error) = kept
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(file = %file.display(), %error, "what this scan saw cannot be kept");
        }
    }

    fn bytes(&self, file: &Path, seen: Seen<'_>) -> Option<[Vec<u8>; 4]> {
        let found = seen.found;
        if seen.quiet.len() > MOST_OBJECTS || found.loud.len() > MOST_OBJECTS {
            return None;
        }
        let rest = records(&seen);
        let places = seen.located.and_then(|located| {
            let spots: usize = located.spots.values().map(Vec::len).sum();
            let spoken = |spot: &Spot| (name(&spot.commit), spot.time, spot.path.clone());
            let each = |(id, spots): (&ObjectId, &Vec<Spot>)| {
                (name(id), spots.iter().map(spoken).collect(), located.more.contains(id))
            };
            (spots <= MOST_SPOTS).then(|| located.spots.iter().map(each).collect())
        });
        let head = Head {
            rules: self.rules,
            stock: seen.stock,
            tips: seen.tips,
            items: found.quiet_items(),
            bytes: found.quiet_bytes(),
            holding: seen.held.len() as u64,
            held: (found.held().items, found.held().bytes),
            loud: found.loud.iter().map(|(id, kind)| (name(id), *kind as u8)).collect(),
            notes: seen.notes.iter().map(|(id, notes)| (name(id), notes.clone())).collect(),
            large: found.large.iter().map(|(id, size)| (name(id), *size)).collect(),
            missing: found.missing.iter().map(name).collect(),
            odd: found.odd.iter().map(name).collect(),
            places,
            length: rest.len() as u64,
            rest: Sha256::digest(&rest).into(),
        };
        let head = postcard::to_stdvec(&head).ok().filter(|head| head.len() <= LARGEST_HEAD)?;
        let length = u32::try_from(head.len()).ok()?.to_be_bytes();
        let seal = self.sealed(file, &head).finalize().into_bytes().to_vec();
        Some([[MAGIC.as_slice(), &length].concat(), head, seal, rest])
    }

    /// Written whole under another name first: several scans may be at it.
    fn write(&self, file: &Path, parts: &[Vec<u8>]) -> std::io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.directory)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let fresh = file.with_extension(format!("{}.new", data_encoding::HEXLOWER.encode(&random)));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&fresh).and_then(|mut out| parts.iter().try_for_each(|part| out.write_all(part)));
        let written = written.and_then(|()| std::fs::rename(&fresh, file));
        if written.is_err() {
            let _removed = std::fs::remove_file(&fresh).is_ok();
        }
        self.tidy(file);
        written
    }

    /// Forgets the repositories that were not scanned for the longest time.
    fn tidy(&self, keep: &Path) {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .filter(|(_, path)| path != keep)
            .collect();
        files.sort();
        let many = files.len().saturating_sub(MOST_FILES);
        for (number, (modified, path)) in files.iter().enumerate() {
            let unfinished = path.extension().is_some_and(|extension| extension == "new");
            let stale = unfinished && modified.elapsed().is_ok_and(|age| age > STALE);
            if stale || (number < many && !unfinished) {
                let _gone = std::fs::remove_file(path).is_ok(); // another scan may have been first
            }
        }
    }
}

/// What there is to be kept.
pub(super) struct Seen<'a> {
    pub(super) found: &'a Found,
    /// The objects with nothing in them.
    pub(super) quiet: &'a [(ObjectId, Kind, u64)],
    /// What those of them held that were opened.
    pub(super) held: &'a BTreeMap<ObjectId, Held>,
    /// Those of them whose names may say what they should be.
    pub(super) odd_blobs: &'a BTreeSet<ObjectId>,
    /// What was written down of the others.
    pub(super) notes: &'a BTreeMap<ObjectId, Vec<u8>>,
    /// Where it lives; none where a path must not be written down.
    pub(super) located: Option<&'a Located>,
    pub(super) stock: Stock,
    pub(super) tips: [u8; 32],
}

/// The objects with nothing in them.
#[derive(Debug)]
pub(super) struct Quiet {
    /// In the order of their names.
    pub(super) objects: Vec<(ObjectId, Kind, u64)>,
    /// What those of them held that were opened.
    pub(super) held: BTreeMap<ObjectId, Held>,
    /// Those of them whose names may say what they should be.
    pub(super) odd_blobs: BTreeSet<ObjectId>,
}

/// Those, as they are written down.
fn records(seen: &Seen<'_>) -> Vec<u8> {
    let mut quiet: Vec<&(ObjectId, Kind, u64)> = seen.quiet.iter().collect();
    quiet.sort_unstable_by_key(|(id, ..)| *id);
    let mut records = Vec::new();
    for (id, kind, size) in quiet {
        records.extend_from_slice(id.as_bytes());
        let odd = u64::from(seen.odd_blobs.contains(id));
        records.extend_from_slice(&(size << 3 | odd << 2 | *kind as u64).to_be_bytes());
    }
    for (id, held) in seen.held {
        records.extend_from_slice(id.as_bytes());
        records.extend_from_slice(&held.items.to_be_bytes());
        records.extend_from_slice(&held.bytes.to_be_bytes());
    }
    records
}

fn name(id: &ObjectId) -> Name {
    id.as_bytes().to_vec()
}

fn kind(number: u64) -> Option<Kind> {
    [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag].into_iter().find(|kind| *kind as u64 == number)
}

fn ids<'n>(names: impl IntoIterator<Item = &'n Name>) -> impl Iterator<Item = ObjectId> {
    names.into_iter().filter_map(|name| ObjectId::new(name))
}

/// Stands for where references lead.
pub(super) fn tips_of(tips: &BTreeMap<String, ObjectId>) -> [u8; 32] {
    let mut sum = Sha256::new();
    for (name, id) in tips {
        sum.update((name.len() as u64).to_be_bytes());
        sum.update(name);
        sum.update(id.as_bytes());
    }
    sum.finalize().into()
}

impl Recalled {
    /// What there was.
    pub(super) fn stock(&self) -> &Stock {
        &self.head.stock
    }

    /// What was found, without the names of those with nothing in them.
    pub(super) fn found(&self) -> Option<Found> {
        let head = &self.head;
        let kinds = |(id, number): &(Name, u8)| Some((ObjectId::new(id)?, kind(u64::from(*number))?));
        Some(Found {
            loud: head.loud.iter().map(kinds).collect::<Option<_>>()?,
            notes: head
                .notes
                .iter()
                .map(|(id, notes)| Some((ObjectId::new(id)?, notes.clone())))
                .collect::<Option<_>>()?,
            large: head.large.iter().map(|(id, size)| Some((ObjectId::new(id)?, *size))).collect::<Option<_>>()?,
            missing: ids(&head.missing).collect(),
            odd: ids(&head.odd).collect(),
            earlier: (head.items, head.bytes),
            earlier_held: Held { items: head.held.0, bytes: head.held.1 },
            ..Found::default()
        })
    }

    /// Where it lives, if the references are where they were.
    pub(super) fn located(&self, tips: &[u8; 32]) -> Option<Located> {
        let places = self.head.places.as_ref().filter(|_| self.head.tips == *tips)?;
        let mut located = Located::default();
        for (id, spots, more) in places {
            let id = ObjectId::new(id)?;
            let spot = |(commit, time, path): &Spoken| {
                Some(Spot { commit: ObjectId::new(commit)?, time: *time, path: path.clone() })
            };
            located.spots.insert(id, spots.iter().map(spot).collect::<Option<_>>()?);
            if *more {
                located.more.insert(id);
            }
        }
        Some(located)
    }

    /// The objects with nothing in them, in the order of their names, and what they held; none where they are not what was
    /// written.
    pub(super) fn quiet(&self, width: usize) -> Option<Quiet> {
        use std::io::Seek as _;
        let mut file = plain(&self.file).ok()?;
        file.seek(std::io::SeekFrom::Start(self.start)).ok()?;
        let mut rest = Vec::new();
        file.take(self.head.length).read_to_end(&mut rest).ok()?;
        if <[u8; 32]>::from(Sha256::digest(&rest)) != self.head.rest {
            return None; // another scan wrote it anew meanwhile, or it is damaged
        }
        let holding = usize::try_from(self.head.holding).ok()?.checked_mul(width + 16)?;
        let (objects, holders) = rest.split_at_checked(rest.len().checked_sub(holding)?)?;
        let number = |bytes: &[u8]| Some(u64::from_be_bytes(bytes.try_into().ok()?));
        let mut odd_blobs = BTreeSet::new();
        let mut object = |record: &[u8]| {
            let (id, told) = record.split_at_checked(width)?;
            let (id, told) = (ObjectId::new(id)?, number(told)?);
            if told & 4 != 0 {
                odd_blobs.insert(id);
            }
            Some((id, kind(told & 3)?, told >> 3))
        };
        let objects = objects.chunks(width + 8).map(&mut object).collect::<Option<_>>()?;
        let holder = |record: &[u8]| {
            let (id, held) = record.split_at_checked(width)?;
            let (items, bytes) = held.split_at_checked(8)?;
            Some((ObjectId::new(id)?, Held { items: number(items)?, bytes: number(bytes)? }))
        };
        Some(Quiet { objects, odd_blobs, held: holders.chunks(width + 16).map(holder).collect::<Option<_>>()? })
    }
}
