//! What can be wrong with an object store.

use super::{Fault, ObjectId};
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
