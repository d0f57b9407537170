//! Envelope encryption of what must outlive the process: a leaked secret under rotation, a freshly minted token.

mod envelope;
mod keys;

pub use envelope::{SealError, Sealed, Sealer};
pub use keys::{FileKey, KeyError};
