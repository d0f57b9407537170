//! How git packs objects: their names and kinds, the entries of a pack, what is stored as differences. Nothing here knows
//! where a pack lies: in a repository, where it has an index, or in something else that holds it.

pub(crate) mod delta;
mod entry;
mod fault;
mod id;
mod inflate;

pub use fault::Fault;
pub use id::{HashKind, Kind, Kinds, NotAnId, ObjectId};

pub(crate) use entry::{Entry, Form, LONGEST_HEADER};
pub(crate) use inflate::Inflater;
