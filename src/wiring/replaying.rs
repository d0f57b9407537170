//! Files of rules, replayed against a provider on this machine.

use crate::provider::http::replay::Replay;
pub use crate::provider::http::replay::{ReplayError, Replayed};
use crate::rules::{Catalogue, Typed};
use std::path::PathBuf;

/// Replays every sample of these files, whose kinds are in this catalogue.
///
/// # Errors
/// When no port of this machine can be had.
pub async fn replayed(files: &[(PathBuf, String)], catalogue: &Catalogue) -> Result<Vec<Replayed>, ReplayError> {
    let replay = Replay::start().await?;
    let mut all = Vec::new();
    for typed in files.iter().filter_map(|(path, text)| Typed::read(path, text)) {
        all.push(replay.file(&typed, catalogue).await);
    }
    Ok(all)
}
