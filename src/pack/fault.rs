//! What can be wrong with a packed object.

use super::ObjectId;

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
