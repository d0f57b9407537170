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
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {LARGEST_BYTES} bytes")));
    }
    Ok(text)
}
