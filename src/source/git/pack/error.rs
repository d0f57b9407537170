//! What can be wrong with an object store.

use super::ObjectId;
use std::io;
use std::path::PathBuf;

/// Something in an object store that could not be read. The rest of it can.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// A file or directory of the store could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A pack stands there without its index.
    #[error("pack {} has no index, so what is in it cannot be named: git index-pack makes one", path.display())]
    NoIndex {
        /// The pack.
        path: PathBuf,
    },
    /// An index stands there without its pack.
    #[error("index {} has no pack: what it names is not there", path.display())]
    NoPack {
        /// The index.
        path: PathBuf,
    },
    /// A pack or its index is not what it should be as a whole.
    #[error("cannot read {}: {fault}", path.display())]
    Pack {
        /// Which of the two.
        path: PathBuf,
        /// What is wrong.
        fault: PackFault,
    },
    /// The list of other stores names one that cannot be read.
    #[error("cannot read the object store {} that {} names", path.display(), list.display())]
    Alternate {
        /// The store.
        path: PathBuf,
        /// Where it is named.
        list: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Stores that name stores that name stores: git follows five.
    #[error("{} names more object stores, deeper than git follows them", list.display())]
    Alternates {
        /// Where they are named.
        list: PathBuf,
    },
    /// One object.
    #[error("object {id} in {}: {fault}", within.display())]
    Object {
        /// Its name.
        id: ObjectId,
        /// The pack that holds it, or its own file.
        within: PathBuf,
        /// Where in the pack.
        offset: Option<u64>,
        /// What is wrong.
        fault: Fault,
    },
}

/// What is wrong with a pack or an index as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackFault {
    /// It does not begin as it should.
    #[error("it does not begin as a pack or an index does")]
    Header,
    /// A version that came after this program.
    #[error("it is of version {0}, which is not known here")]
    Version(u32),
    /// Shorter, or longer, than what it says it holds.
    #[error("its length does not fit what it holds: it was cut short, or written over")]
    Length,
    /// Counts that do not grow.
    #[error("its table of counts is not in order")]
    Counts,
    /// The two do not belong together.
    #[error("pack and index do not belong together")]
    Mismatch,
    /// More than can be held in order.
    #[error("it is larger than what can be walked")]
    TooLarge,
}

/// What is wrong with one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It should begin outside the pack.
    #[error("it lies outside the pack")]
    Offset,
    /// Its first bytes mean nothing.
    #[error("its header is damaged")]
    Header,
    /// It cannot be unpacked.
    #[error("its compressed bytes are damaged")]
    Inflate,
    /// It unpacks to more or less than it says.
    #[error("its size is not what its header says")]
    Size,
    /// A size that so few bytes cannot unpack to, or that no memory holds.
    #[error("its header says {0} bytes, which cannot be")]
    Absurd(u64),
    /// The compressed bytes are not those that were indexed.
    #[error("its checksum is not that of the index")]
    Checksum,
    /// The instructions by which it is made from its base.
    #[error("the instructions that make it from its base are damaged")]
    Delta,
    /// Its base is nowhere.
    #[error("its base {0} is missing")]
    Missing(ObjectId),
    /// Its base is no object of this pack.
    #[error("its base is not where it should be")]
    NoBase,
    /// Its base could not be read.
    #[error("its base could not be read")]
    Base,
    /// It is, by way of others, its own base.
    #[error("it is its own base, by way of others")]
    Cycle,
    /// It is made from too many others.
    #[error("it is made from more objects than git ever makes one from, or from itself")]
    Deep,
    /// It, or what it is made from, is larger than what is held in memory.
    #[error("it takes {0} bytes to read, more than the limit allows")]
    Heavy(u64),
    /// Its file could not be read.
    #[error("its file cannot be read")]
    Unreadable,
}
