//! Objects of a repository, read without git's help: packs and their indexes are mapped, what is stored as differences is
//! put together once, from the bases to what is made of them, and every object is handed out together with what is new in
//! it. Single files and the stores of other repositories are read too.
//!
//! Compressed bytes are compared with the checksum that the index keeps of them, and what they unpack to with that of
//! zlib. Names are not compared: to hash everything would take longer than to scan it, and what is scanned is what is
//! there, whatever its name. Nor is the checksum of a whole pack computed; it is compared with the one in the index, by
//! which a pack that was cut short or exchanged shows.

mod error;
mod family;
mod forest;
mod index;
mod loose;
mod map;
mod packfile;
mod queue;
mod reader;
mod stores;
mod walk;

pub use crate::pack::{Fault, HashKind, Kind, Kinds, NotAnId, ObjectId};
pub use error::{PackError, PackFault};
pub use packfile::Pack;
pub use reader::{Content, Reader};
pub use stores::{Objects, stores_of_environment};

use std::ops::Range;

/// What a walk hands out, and how much of it.
pub struct Walk<'a> {
    /// How many threads read.
    pub jobs: usize,
    /// Which kinds.
    pub kinds: Kinds,
    /// Larger objects are named, not handed out.
    pub limit: u64,
    /// What is known of an object from an earlier walk. Called once or more for every object, from any thread.
    pub known: &'a (dyn Fn(&ObjectId) -> Known + Sync),
}

/// What is known of an object before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is handed out.
    New,
    /// It was handed out before, and nothing was found.
    Quiet,
    /// It was handed out before, and there is something to say of it: what is made from it is handed out whole.
    Loud,
}

/// What the visitor of a walk says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Nothing was found.
    Quiet,
    /// Something was, or a part could not be read: what is made from this object is handed out whole.
    Loud,
    /// No more.
    Stop,
}

/// What a walk hands out.
#[derive(Debug)]
pub enum Item<'a> {
    /// An object.
    Object(Object<'a>),
    /// An object over the limit.
    TooLarge {
        /// Its name.
        id: ObjectId,
        /// What it is.
        kind: Kind,
        /// Its size in bytes.
        size: u64,
    },
    /// Something that could not be read.
    Unread(PackError),
}

/// An object, borrowed for as long as a visit lasts.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Its name.
    pub id: ObjectId,
    /// What it is.
    pub kind: Kind,
    /// All of its bytes.
    pub bytes: &'a [u8],
    /// The stretches that are new, in order and apart from each other; an empty one is a seam, where two stretches meet
    /// that did not, or a new beginning or end. What lies between was handed out inside another object, in one piece and
    /// in which nothing was found. None: all is new.
    pub fresh: Option<&'a [Range<usize>]>,
}

#[cfg(test)]
mod tests;
