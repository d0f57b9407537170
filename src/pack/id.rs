//! Names and kinds of objects.

use std::fmt;
use std::str::FromStr;

/// Which hash names the objects of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashKind {
    /// Twenty bytes.
    Sha1,
    /// Thirty-two bytes: `extensions.objectFormat = sha256`.
    Sha256,
}

impl HashKind {
    /// Bytes of a name.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// As `extensions.objectFormat` says it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            _ => None,
        }
    }
}

/// The name of an object: its hash. Ordered by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// What is not used is zero.
    bytes: [u8; 32],
    kind: HashKind,
}

impl ObjectId {
    /// From its bytes: 20 or 32.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let kind = match bytes.len() {
            20 => HashKind::Sha1,
            32 => HashKind::Sha256,
            _ => return None,
        };
        let mut whole = [0; 32];
        whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { bytes: whole, kind })
    }

    /// Its bytes, as many as the hash has.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.kind.width()).unwrap_or(&self.bytes)
    }

    /// Which hash it is.
    #[must_use]
    pub fn hash(&self) -> HashKind {
        self.kind
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut text, width) = ([0; 64], self.as_bytes().len() * 2);
        let text = text.get_mut(..width).ok_or(fmt::Error)?;
        f.write_str(data_encoding::HEXLOWER.encode_mut_str(self.as_bytes(), text))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is no name of an object: 40 or 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an object: 40 or 64 hexadecimal digits")]
pub struct NotAnId;

impl FromStr for ObjectId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| NotAnId)?;
        Self::new(&bytes).ok_or(NotAnId)
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A state of the whole tree, with its message.
    Commit,
    /// A directory.
    Tree,
    /// The content of a file.
    Blob,
    /// An annotated tag.
    Tag,
}

impl Kind {
    /// As git writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag].into_iter().find(|kind| kind.name().as_bytes() == name)
    }
}

/// Some kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Contents of files.
    pub const BLOBS: Self = Self(1 << 2);
    /// All.
    pub const ALL: Self = Self(0b1111);

    /// These.
    #[must_use]
    pub fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |all, kind| all | 1 << *kind as u8))
    }

    /// True when this one is among them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for width in [20, 32] {
            let bytes: Vec<u8> = (0..width).map(|n| n * 7).collect();
            let id = ObjectId::new(&bytes).unwrap();
            assert_eq!(id.as_bytes(), bytes);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.hash().width(), usize::from(width));
        }
        assert_eq!(ObjectId::new(&[1; 21]), None);
        assert_eq!("zz".parse::<ObjectId>(), Err(NotAnId));
    }

    #[test]
    fn kinds_hold_what_they_are_made_of() {
        let some = Kinds::of(&[Kind::Commit, Kind::Tag]);
        assert!(some.has(Kind::Commit) && some.has(Kind::Tag) && !some.has(Kind::Blob) && !some.has(Kind::Tree));
        assert!(Kinds::BLOBS.has(Kind::Blob) && !Kinds::BLOBS.has(Kind::Tree));
        assert!(Kind::named(b"tree") == Some(Kind::Tree) && Kind::named(b"twig").is_none());
    }
}
