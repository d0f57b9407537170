//! The tree over all records, as RFC 6962 has it: one hash, the root, stands for the first so many records, and whoever
//! has it can be shown later that they are still there.
//!
//! An entry of the tree is the text `ROTATION SEQ HASH` of a record, in the order of their writing.

use super::Hash;
use super::chain::Entry;
use crate::model::RotationId;
use sha2::{Digest as _, Sha256};
use std::fmt;

type Node = [u8; 32];

/// What stands for the first so many records.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Root(Node);

impl Root {
    /// From its text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(Self(data_encoding::BASE64.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A record as the tree knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) rotation: RotationId,
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

impl Mark {
    pub(super) fn of(entry: &Entry) -> Self {
        Self { rotation: entry.rotation.clone(), seq: entry.seq, hash: entry.hash.clone() }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, hash) = text.rsplit_once(' ')?;
        let (rotation, seq) = rest.rsplit_once(' ')?;
        let mark = Self { rotation: RotationId::new(rotation), seq: seq.parse().ok()?, hash: Hash::kept(hash.into()) };
        (mark.to_string() == text).then_some(mark)
    }

    pub(super) fn is_of(&self, rotation: &RotationId, seq: u64) -> bool {
        self.rotation == *rotation && self.seq == seq
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rotation, self.seq, self.hash)
    }
}

/// A tree that grows: its size, and the roots of the whole trees that it is made of, the largest first. There are no more
/// of them than the size has binary digits, and nothing else is needed to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    size: u64,
    peaks: Vec<Node>,
}

impl Tree {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn push(&mut self, mark: &Mark) {
        let mut node: Node = Sha256::new().chain_update([0]).chain_update(mark.to_string()).finalize().into();
        let mut size = self.size;
        while size & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            node = above(&left, &node);
            size >>= 1;
        }
        self.peaks.push(node);
        self.size = self.size.saturating_add(1);
    }

    pub(super) fn root(&self) -> Root {
        let mut peaks = self.peaks.iter().rev();
        let last = peaks.next().copied().unwrap_or_else(|| Sha256::digest([]).into());
        Root(peaks.fold(last, |right, left| above(left, &right)))
    }

    /// The peaks as text, to go on from later.
    pub(super) fn peaks(&self) -> String {
        self.peaks.iter().map(|peak| data_encoding::BASE64.encode(peak)).collect::<Vec<_>>().join(" ")
    }

    /// The tree of this size with these peaks.
    pub(super) fn kept(size: u64, peaks: &str) -> Option<Self> {
        let peaks: Option<Vec<Node>> =
            peaks.split_whitespace().map(|peak| Root::parse(peak).map(|root| root.0)).collect();
        peaks.filter(|peaks| peaks.len() as u64 == u64::from(size.count_ones())).map(|peaks| Self { size, peaks })
    }
}

fn above(left: &Node, right: &Node) -> Node {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(number: u64) -> Mark {
        Mark { rotation: RotationId::new("C-0001"), seq: number, hash: Hash::nothing() }
    }

    /// RFC 6962, section 2.1, word for word.
    fn by_the_book(leaves: &[String]) -> Node {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => Sha256::new().chain_update([0]).chain_update(leaf).finalize().into(),
            leaves => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                above(&by_the_book(left), &by_the_book(right))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_book_at_every_size_and_after_every_pause() {
        let (mut tree, mut leaves) = (Tree::default(), Vec::new());
        for number in 0..200 {
            assert_eq!(tree.root(), Root(by_the_book(&leaves)), "{number}");
            assert_eq!(Tree::kept(number, &tree.peaks()).unwrap(), tree);
            assert_eq!(
                Tree::kept(number + 64, &tree.peaks()).is_some(),
                number.count_ones() == (number + 64).count_ones()
            );
            tree = Tree::kept(number, &tree.peaks()).unwrap();
            tree.push(&mark(number));
            leaves.push(mark(number).to_string());
        }
        assert_eq!(Tree::default().root().to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert!(Tree::kept(1, "short").is_none());
    }

    proptest! {
        #[test]
        fn a_mark_is_read_as_it_was_written(rotation in "[^ ]{1,9}( [^ ]{1,4})?", seq in any::<u64>(), hash in "[0-9a-f]{4}") {
            let mark = Mark { rotation: RotationId::new(rotation), seq, hash: Hash::kept(hash) };
            prop_assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
    }
}
