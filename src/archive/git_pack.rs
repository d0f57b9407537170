//! A pack of a git repository that lies elsewhere than in one, in an image or a backup, and a bundle: references, and a
//! pack behind them. It is read without its index. Contents are called by the start of their object's name and by the
//! first path under which a tree of the same pack has them.

mod listing;
mod paths;

use super::outlet::{Outlet, Walk};
use super::region::{Feed, Region};
use super::{ArchiveError, names};
use crate::pack::{Fault, HashKind, Inflater, Kind, ObjectId, delta};
use listing::Listing;
use paths::Paths;
use sha1::Digest as _;
use std::collections::HashMap;
use std::io::{self, Read as _};

/// A list of references that is longer is none.
const LONGEST_LIST: u64 = 16 << 20;

/// Hands over what a pack holds.
pub(super) fn walk(feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    outlet.by_region(feed, |region, outlet| {
        let hash = hash_of(&region)?;
        read(region, hash, outlet)
    })
}

/// Hands over the list of references of a bundle, and what its pack holds.
pub(super) fn walk_bundle(feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    outlet.by_region(feed, |region, outlet| {
        let head = region.load(0, LONGEST_LIST)?;
        let Some(end) = memchr::memmem::find(&head, b"\n\n") else {
            return Err(ArchiveError::damaged("its list of references does not end").into());
        };
        // Without its first line, which only says what it is.
        let start = memchr::memchr(b'\n', &head).unwrap_or(end);
        let list = head.get(start + 1..=end).unwrap_or_default();
        outlet.bytes("references", list)?;
        let sha256 = memchr::memmem::find(&head[..], b"\n@object-format=sha256\n").is_some_and(|at| at < end);
        let pack = region.part(end as u64 + 2, u64::MAX);
        let kind = if sha256 { HashKind::Sha256 } else { HashKind::Sha1 };
        let hash = is_summed_by(&pack, kind)?.then_some(kind).ok_or(kind);
        read(pack, hash, outlet)
    })
}

/// By which hash the objects of a pack are named, which only the checksum at its end tells; the usual one where that is
/// damaged.
fn hash_of(pack: &Region<'_>) -> io::Result<Result<HashKind, HashKind>> {
    for kind in [HashKind::Sha1, HashKind::Sha256] {
        if is_summed_by(pack, kind)? {
            return Ok(Ok(kind));
        }
    }
    Ok(Err(HashKind::Sha1))
}

fn is_summed_by(pack: &Region<'_>, kind: HashKind) -> io::Result<bool> {
    let Some(end) = pack.length().checked_sub(kind.width() as u64) else { return Ok(false) };
    let (mut body, mut buffer, mut sum) = (pack.part(0, end), vec![0; 1 << 16], Sum::new(kind));
    loop {
        match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => sum.add(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sum.name().is_some_and(|name| pack.load(end, u64::MAX).is_ok_and(|said| *said == *name.as_bytes())))
}

/// A hash of either kind.
enum Sum {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Sum {
    fn new(kind: HashKind) -> Self {
        match kind {
            HashKind::Sha1 => Self::Sha1(sha1::Sha1::new()),
            HashKind::Sha256 => Self::Sha256(sha2::Sha256::new()),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(sum) => sum.update(bytes),
            Self::Sha256(sum) => sum.update(bytes),
        }
    }

    fn name(self) -> Option<ObjectId> {
        match self {
            Self::Sha1(sum) => ObjectId::new(&sum.finalize()),
            Self::Sha256(sum) => ObjectId::new(&sum.finalize()),
        }
    }
}

/// Hands over what a pack holds that is named by this hash; by its error, if the pack's own checksum is not right.
fn read(pack: Region<'_>, hash: Result<HashKind, HashKind>, outlet: &mut Outlet<'_, '_>) -> Walk {
    let (Ok(kind) | Err(kind)) = hash;
    let (mut listing, end) = Listing::read(&pack, kind, outlet)?;
    let mut reading = Reading {
        pack,
        hash: kind,
        made: vec![false; listing.len() as usize],
        waiting: listing.take_waiting(),
        listing,
        inflater: Inflater::new(),
        instructions: Vec::new(),
        fresh: Vec::new(),
        kept: 0,
        paths: Paths::default(),
    };
    // Trees come first: they say what the others are called.
    for wanted in [Kind::Tree, Kind::Commit, Kind::Tag, Kind::Blob] {
        for root in 0..reading.listing.len() {
            if reading.listing.whole(root) == Some(wanted) {
                reading.family(root, wanted, outlet)?;
            }
        }
    }
    reading.name_the_rest(outlet)?;
    end?;
    match hash {
        Ok(_) => Ok(()),
        Err(_) => Err(ArchiveError::damaged("its checksum is not that of its content").into()),
    }
}

/// An object that others are made from, and which of them are still to be made, the next one last.
struct Base {
    bytes: Vec<u8>,
    left: Vec<u32>,
}

struct Reading<'a> {
    pack: Region<'a>,
    hash: HashKind,
    listing: Listing,
    /// Which entries were handed over, or named as missed.
    made: Vec<bool>,
    /// Entries that are made from an object of this name, wherever it stands.
    waiting: HashMap<ObjectId, Vec<u32>>,
    inflater: Inflater,
    instructions: Vec<u8>,
    fresh: Vec<std::ops::Range<usize>>,
    /// Bytes of bases.
    kept: u64,
    paths: Paths,
}

impl Reading<'_> {
    /// Hands over what stands whole, and all that is made from it. What most is made from comes last everywhere: then few
    /// bases have to be kept at once.
    fn family(&mut self, root: u32, kind: Kind, outlet: &mut Outlet<'_, '_>) -> Walk {
        let mut bases: Vec<Base> = Vec::new();
        let mut next = Some(root);
        while let Some(entry) = next {
            self.mark(entry);
            let made = self.make(entry, bases.last().map(|base| base.bytes.as_slice()), outlet);
            while bases.last().is_some_and(|base| base.left.is_empty()) {
                let done = bases.pop().map_or(0, |base| base.bytes.len() as u64);
                self.kept = self.kept.saturating_sub(done);
            }
            match made {
                Ok(bytes) => {
                    let left = self.hand(kind, &bytes, entry, outlet)?;
                    if !left.is_empty() {
                        self.kept = self.kept.saturating_add(bytes.len() as u64);
                        bases.push(Base { bytes, left });
                    }
                }
                Err(error) => outlet.missed(&self.listing.shown(entry), error)?,
            }
            next = bases.last_mut().and_then(|base| base.left.pop());
        }
        Ok(())
    }

    fn mark(&mut self, entry: u32) {
        if let Some(made) = self.made.get_mut(entry as usize) {
            *made = true;
        }
    }

    /// The bytes of an object.
    fn make(&mut self, entry: u32, base: Option<&[u8]>, outlet: &Outlet<'_, '_>) -> Result<Vec<u8>, ArchiveError> {
        let listed = self.listing.entry(entry).ok_or_else(|| damaged(Fault::Offset))?;
        let most = outlet.largest();
        let (from, length) = (listed.data, listed.end.saturating_sub(listed.data));
        let packed = self.pack.load(from, length)?;
        if listed.size > most {
            return Err(ArchiveError::OverBudget);
        }
        let mut out = Vec::new();
        let Some(base) = base else {
            self.inflater.inflate(&packed, listed.size, &mut out).map_err(damaged)?;
            return Ok(out);
        };
        self.inflater.inflate(&packed, listed.size, &mut self.instructions).map_err(damaged)?;
        let sizes = delta::Sizes::read(&self.instructions).ok_or_else(|| damaged(Fault::Delta))?;
        if self.kept.saturating_add(sizes.result) > most.saturating_mul(2) {
            return Err(ArchiveError::OverBudget);
        }
        delta::apply(base, &self.instructions, sizes, &mut out, &mut self.fresh).map_err(damaged)?;
        Ok(out)
    }

    /// Hands an object over, and says what is made from it.
    fn hand(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        entry: u32,
        outlet: &mut Outlet<'_, '_>,
    ) -> Result<Vec<u32>, super::outlet::Halt> {
        let mut sum = Sum::new(self.hash);
        sum.add(format!("{} {}\0", kind.name(), bytes.len()).as_bytes());
        sum.add(bytes);
        let Some(id) = sum.name() else { return Ok(Vec::new()) };
        let short: String = id.to_string().chars().take(SHORT).collect();
        match kind {
            Kind::Tree => {
                outlet.count()?;
                outlet.spend(bytes.len() as u64)?;
                self.paths.note(&id, bytes);
            }
            Kind::Commit | Kind::Tag => outlet.bytes(&format!("{} {short}", kind.name()), bytes)?,
            Kind::Blob => match self.paths.of(&id) {
                Some(path) => outlet.bytes(&format!("blob {short}/{}", names::shown(&path)), bytes)?,
                None => outlet.bytes(&format!("blob {short}"), bytes)?,
            },
        }
        let mut left = self.listing.made_from(entry);
        left.extend(self.waiting.remove(&id).unwrap_or_default());
        Ok(left)
    }

    /// Names what could not be made, since what it is made from is not there or could not be read itself; and hands over the
    /// names of files, for what stands in them.
    fn name_the_rest(&mut self, outlet: &mut Outlet<'_, '_>) -> Walk {
        outlet.bytes("names of files", &self.paths.take_names())?;
        for entry in 0..self.listing.len() {
            if self.made.get(entry as usize) == Some(&true) {
                continue;
            }
            let why = match self.listing.waits(entry) {
                true => ArchiveError::Absent { why: "it is made from an object that this pack does not hold" },
                false => ArchiveError::damaged("what it is made from could not be read"),
            };
            outlet.missed(&self.listing.shown(entry), why)?;
        }
        Ok(())
    }
}

/// So many digits of an object's name tell it from the others; git takes them for the whole.
const SHORT: usize = 12;

fn damaged(fault: Fault) -> ArchiveError {
    ArchiveError::Damaged { source: io::Error::new(io::ErrorKind::InvalidData, fault.to_string()) }
}
