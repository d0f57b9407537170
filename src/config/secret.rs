//! Where the secrets that the operator's file names come from: never from the file itself.

use std::path::PathBuf;

/// Where a secret that stanch itself needs comes from: never the file itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable, because this file names it.
    Env(String),
    /// A file in the directory that the service manager hands over in `CREDENTIALS_DIRECTORY`.
    Credential(String),
}
