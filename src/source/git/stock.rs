//! The files that hold the objects of a repository, so that it can be seen whether any came, went or was written over.

use super::pack::{ObjectId, Objects, Pack};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// When a file was written last, in nanoseconds, and its bytes.
type Stamp = (u64, u64);

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stock {
    /// Packs and their indexes, by the checksums of the packs.
    packs: BTreeMap<Vec<u8>, [Stamp; 2]>,
    /// Sums of the bytes of both, by the same.
    sums: BTreeMap<Vec<u8>, u32>,
    /// Objects in files of their own.
    loose: BTreeMap<Vec<u8>, Stamp>,
    /// Where the history is cut off.
    cut: Vec<Vec<u8>>,
}

impl Stock {
    /// None where they cannot be listed.
    pub(super) fn of(common: &Path, objects: &Objects, boundary: &BTreeSet<ObjectId>) -> Option<Self> {
        let stamps = |pack: &Pack| files_of(pack).map(|path| stamp_of(&path));
        let packs = objects.packs().iter().map(|pack| (pack.checksum().to_vec(), stamps(pack))).collect();
        let own = common.join("objects");
        let each = |id: ObjectId| (id.as_bytes().to_vec(), stamp_of(&loose(&own, &id)));
        let loose = objects.loose_ids().ok()?.into_iter().map(each).collect();
        let cut = boundary.iter().map(|id| id.as_bytes().to_vec()).collect();
        Some(Self { packs, sums: BTreeMap::new(), loose, cut })
    }

    /// True when nothing came, nothing went, and nothing was written over.
    pub(super) fn is(&self, now: &Self) -> bool {
        self.packs == now.packs && self.loose == now.loose
    }

    /// True for an object whose file was written over.
    pub(super) fn is_other(&self, now: &Self, id: &ObjectId) -> bool {
        let stamps = (self.loose.get(id.as_bytes()), now.loose.get(id.as_bytes()));
        matches!(stamps, (Some(then), Some(now)) if then != now)
    }

    /// True when the packs that are still there hold what they held, and the history is cut off where it was. Git touches
    /// packs without writing, so that those that were touched are read.
    pub(super) fn holds(&self, now: &Self, objects: &Objects) -> bool {
        let touched = |pack: &&Pack| {
            self.packs.get(pack.checksum()).is_some_and(|then| now.packs.get(pack.checksum()) != Some(then))
        };
        let same = |pack: &Pack| self.sums.get(pack.checksum()).copied() == sum_of(pack);
        self.cut == now.cut && objects.packs().iter().filter(touched).all(same)
    }

    /// With the sums of all packs, of which those are taken over that are known.
    pub(super) fn with_sums(mut self, before: Option<&Self>, objects: &Objects) -> Self {
        for pack in objects.packs() {
            let stamp = self.packs.get(pack.checksum());
            let known = before.filter(|before| before.packs.get(pack.checksum()) == stamp);
            let known = known.and_then(|before| before.sums.get(pack.checksum())).copied();
            if let Some(sum) = known.or_else(|| sum_of(pack)) {
                self.sums.insert(pack.checksum().to_vec(), sum);
            }
        }
        self
    }
}

fn loose(store: &Path, id: &ObjectId) -> PathBuf {
    let name = id.to_string();
    let (first, rest) = name.split_at_checked(2).unwrap_or((&name, ""));
    store.join(first).join(rest)
}

fn stamp_of(path: &Path) -> Stamp {
    let Ok(about) = std::fs::metadata(path) else { return (0, 0) };
    let time = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)), about.len())
}

/// A pack and its index.
fn files_of(pack: &Pack) -> [PathBuf; 2] {
    [pack.path().to_owned(), pack.path().with_extension("idx")]
}

/// A sum of the bytes of both that tells damage, not malice: whoever can write packs can also write others.
fn sum_of(pack: &Pack) -> Option<u32> {
    let (mut sum, mut buffer) = (crc32fast::Hasher::new(), vec![0; 1 << 18]);
    for path in files_of(pack) {
        let mut file = std::fs::File::open(path).ok()?;
        loop {
            match file.read(&mut buffer).ok()? {
                0 => break,
                count => sum.update(buffer.get(..count)?),
            }
        }
    }
    Some(sum.finalize())
}
