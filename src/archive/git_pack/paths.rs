//! What the trees of a pack call its objects.

use crate::pack::ObjectId;
use std::collections::{HashMap, HashSet};

/// So many objects get a path; the others are called by their names alone.
const NOTED: usize = 500_000;
/// So many bytes of different names are kept to be looked through.
const NAMES_BYTES: usize = 32 << 20;
/// Directories in each other.
const DEEPEST: usize = 256;
/// A longer path is cut when it is shown.
const LONGEST_BYTES: usize = 4_096;

/// The first eight bytes of an object's name: two that share them would only be called wrongly.
fn key(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |start| u64::from_be_bytes(*start))
}

/// The first tree that has an object, and what it calls it.
#[derive(Debug, Default)]
pub(super) struct Paths {
    noted: HashMap<u64, (u64, Box<[u8]>)>,
    seen: HashSet<Box<[u8]>>,
    bytes: usize,
}

impl Paths {
    /// Takes what a tree says: a mode, a name, a zero, the name of an object, again and again.
    pub(super) fn note(&mut self, tree: &ObjectId, bytes: &[u8]) {
        let (own, width) = (key(tree.as_bytes()), tree.as_bytes().len());
        let mut rest = bytes;
        while let Some((name, id, after)) = first(rest, width) {
            if self.bytes < NAMES_BYTES && !self.seen.contains(name) {
                self.bytes += name.len() + 1;
                self.seen.insert(name.into());
            }
            if self.noted.len() < NOTED {
                self.noted.entry(key(id)).or_insert_with(|| (own, name.into()));
            }
            rest = after;
        }
    }

    /// The path of an object.
    pub(super) fn of(&self, id: &ObjectId) -> Option<Vec<u8>> {
        let (mut at, mut parts, mut length) = (key(id.as_bytes()), Vec::new(), 0);
        while let Some((tree, name)) = self.noted.get(&at) {
            length += name.len();
            parts.push(&**name);
            if parts.len() >= DEEPEST || length >= LONGEST_BYTES {
                break;
            }
            at = *tree;
        }
        parts.reverse();
        (!parts.is_empty()).then(|| parts.join(&b'/'))
    }

    /// Every name that a tree has, one in a line.
    pub(super) fn take_names(&mut self) -> Vec<u8> {
        let mut names: Vec<_> = std::mem::take(&mut self.seen).into_iter().collect();
        names.sort_unstable();
        names.join(&b'\n')
    }
}

fn first(tree: &[u8], width: usize) -> Option<(&[u8], &[u8], &[u8])> {
    let (_, after) = tree.split_at(memchr::memchr(b' ', tree)? + 1);
    let (name, after) = after.split_at(memchr::memchr(0, after)?);
    let (id, after) = after.get(1..)?.split_at_checked(width)?;
    Some((name, id, after))
}
