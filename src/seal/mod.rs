//! Envelope encryption of what must outlive the process: a leaked secret under rotation, a freshly minted token.

mod envelope;
mod keys;

pub use envelope::{SealError, Sealed, Sealer};
pub use keys::{FileKey, KeyError};

/// Random bytes from the operating system.
fn random<const COUNT: usize>() -> Result<[u8; COUNT], getrandom::Error> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
