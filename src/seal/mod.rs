//! Envelope encryption of what must outlive the process: a leaked secret under rotation, a freshly minted token. And the
//! key that signs what others shall believe of this program.

mod envelope;
mod keys;
mod note;
mod ring;

pub use envelope::{SealError, Sealed, Sealer};
pub use keys::{FileKey, KeyError};
pub use note::{Note, NoteError, NoteKey, Signer};
pub use ring::Keys;

/// Random bytes from the operating system.
fn random<const COUNT: usize>() -> Result<[u8; COUNT], getrandom::Error> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
