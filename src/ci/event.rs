//! GitHub's event: the file that says what was pushed or proposed.

use super::{CiError, Service};
use serde::Deserialize;
use std::io::Read as _;
use std::path::Path;

/// An event of this size is none.
const LARGEST_BYTES: u64 = 64 << 20;

/// The part of it that names commits.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Event {
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    #[serde(rename = "ref")]
    pub(super) reference: Option<String>,
    #[serde(default)]
    pub(super) deleted: bool,
    pub(super) pull_request: Option<PullRequest>,
    pub(super) merge_group: Option<MergeGroup>,
    pub(super) repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequest {
    pub(super) base: End,
    pub(super) head: End,
}

#[derive(Debug, Deserialize)]
pub(super) struct End {
    pub(super) sha: String,
    #[serde(rename = "ref")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MergeGroup {
    pub(super) base_sha: String,
    pub(super) head_sha: String,
    pub(super) base_ref: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) default_branch: Option<String>,
}

/// Reads it.
pub(super) fn read(path: &Path) -> Result<Event, CiError> {
    let service = Service::GitHub;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes))
        .and_then(|length| match length as u64 {
            ..=LARGEST_BYTES => Ok(()),
            _ => Err(std::io::ErrorKind::FileTooLarge.into()),
        })
        .map_err(|source| CiError::Unread { service, path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| CiError::Event { service, path: path.to_owned(), source })
}
