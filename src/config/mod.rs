//! What is configured: the repository's file, which is not trusted, the operator's, which is, and what this
//! installation keeps for itself.

pub mod installation;
#[cfg(feature = "rotate")]
pub mod operator;
#[cfg(feature = "rotate")]
pub mod policy;
pub mod repository;
#[cfg(feature = "rotate")]
mod secret;
#[cfg(feature = "rotate")]
pub mod service;

use std::io::{self, Read as _};
use std::path::Path;

/// A file of this size is no configuration.
const LARGEST_BYTES: u64 = 4 << 20;

/// Reads a file that others may have written: a plain one, and a small one.
///
/// # Errors
/// When it cannot be read, or is a pipe, a device, too large, or not UTF-8.
pub fn read_small(path: &Path) -> io::Result<String> {
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8");
    String::from_utf8(read_small_bytes(path)?).map_err(no_text)
}

/// The same, of a file that may be no text.
///
/// # Errors
/// When it cannot be read, or is a pipe, a device or too large.
pub fn read_small_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {LARGEST_BYTES} bytes")));
    }
    Ok(bytes)
}
