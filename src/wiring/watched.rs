//! Puts the scan of a watched repository together. What excuses a finding is read from the default branch as it was when it
//! was last scanned: a push cannot excuse what it brings, and nothing that was not committed excuses anything.

use super::policy;
use super::scanner::{Prepared, ScannerError, key_of};
use crate::clock::Clock;
use crate::config::installation;
use crate::config::repository::RepositoryConfig;
use crate::engine::Engine;
use crate::model::FingerprintKey;
use crate::rules::Catalogue;
use crate::scan::Scanner;
use crate::source::files::Files;
use crate::source::git::{self, Elsewhere, Since, Tips, Whereabouts};
use crate::source::{Exclusions, Limits, Source};
use crate::suppress::{IgnoreFile, Suppressions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is scanned of a repository.
#[derive(Clone, Debug)]
pub enum Fresh {
    /// What these tips reach and the known ones did not.
    Commits(Tips),
    /// These files of its work tree.
    Files(Vec<PathBuf>),
}

/// A scan of a watched repository.
#[derive(Debug)]
pub struct Watched<'a> {
    /// Where it lies.
    pub path: &'a Path,
    /// What was scanned of it before.
    pub known: &'a Tips,
    /// What is scanned now.
    pub fresh: Fresh,
    /// Where a key of fingerprints is kept if the repository has none.
    pub state: &'a Path,
    /// Threads.
    pub jobs: usize,
    /// Whether a remark beside a finding may excuse it.
    pub remarks: bool,
}

/// Puts it together. A file of the repository that cannot be understood excuses and excludes nothing.
///
/// # Errors
/// When there is no repository, or the kinds cannot be looked for.
pub fn prepare(request: Watched<'_>, kinds: Arc<Catalogue>, clock: &dyn Clock) -> Result<Prepared, ScannerError> {
    let whereabouts = Whereabouts::Holding(request.path.to_owned());
    let repository = whereabouts.open().map_err(ScannerError::Source)?;
    let top = repository.work_tree().map(Path::to_owned);
    let commit = settled(&whereabouts, request.known).map_err(ScannerError::Source)?;
    let (config, exceptions) = match &commit {
        Some(commit) => policy::accepted(&repository, commit),
        None => (RepositoryConfig::default(), IgnoreFile::default()),
    };
    let exclusions = Exclusions::new(&config.exclude).unwrap_or_else(|error| {
        tracing::warn!(%error, "an exclusion of the repository is no glob: nothing is excluded");
        Exclusions::none()
    });
    let limits = Limits { exclusions, ..Limits::default() };
    let mut large = Vec::new();
    let (place, bounds) = (whereabouts.clone(), limits.clone());
    let source: Arc<dyn Source> = match request.fresh {
        Fresh::Commits(tips) => Arc::new(Since::new(whereabouts, tips, request.known.clone(), limits, request.jobs)),
        Fresh::Files(files) => {
            let small;
            let there = files.into_iter().filter(|path| path.symlink_metadata().is_ok());
            (large, small) = there.partition(|path| is_over(path, limits.largest_bytes));
            let files = Files::new(small, limits.clone(), request.jobs).map_err(ScannerError::Source)?;
            Arc::new(match &top {
                Some(top) => files.below(top),
                None => files,
            })
        }
    };
    // Of older commits `git lfs` has nothing on this machine until somebody asks for it, and a mirror never has anything.
    let source: Arc<dyn Source> = Arc::new(Elsewhere::new(source, place, bounds).receiving());
    let (key, passing_key) = key(config.salt, request.state)?;
    let suppressions = Suppressions::new(exceptions, clock.now());
    let scanner = Arc::new(Scanner {
        engine: Engine::new(kinds).map_err(ScannerError::Engine)?,
        key,
        suppressions: if request.remarks && !config.no_remarks { suppressions } else { suppressions.without_remarks() },
        keep_findings: true,
        most_expanded: None,
    });
    // As a gap it would keep the others from being looked at until somebody takes it away; so it is said, once for each
    // change of it, which is when it comes here.
    for path in large.iter().filter(|_| request.remarks) {
        let (file, limit) = (scanner.without_secrets(&path.to_string_lossy()), Limits::LARGEST_BYTES);
        tracing::error!(file, limit, "a file that is not committed is larger than what is read: it is NOT SCANNED");
    }
    Ok(Prepared { scanner, source, gate: config.gate, top, passing_key })
}

/// True for a file with more bytes than are read at once.
fn is_over(path: &Path, limit: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.len() > limit)
}

/// The key by which one secret is known in every source of this installation.
///
/// # Errors
/// When the system gives no random bytes.
pub fn key_of_installation(state: &Path) -> Result<FingerprintKey, ScannerError> {
    key(None, state).map(|(key, _)| key)
}

fn key(salt: Option<Vec<u8>>, state: &Path) -> Result<(FingerprintKey, Option<String>), ScannerError> {
    let directory = installation::state_directory().unwrap_or_else(|| state.to_owned());
    key_of(salt, Some(&directory))
}

/// The default branch as it was when it was last scanned; as it is now, if it never was.
fn settled(whereabouts: &Whereabouts, known: &Tips) -> Result<Option<String>, crate::source::SourceError> {
    let now = match git::default_branch(whereabouts)? {
        Some(now) => Some(now),
        None => of_mirror(&git::tips(whereabouts)?),
    };
    Ok(now.map(|(name, commit)| known.get(&name).cloned().unwrap_or(commit)))
}

/// A mirror has no branch of its own: the usual name of the remote's, or its only branch.
fn of_mirror(tips: &Tips) -> Option<(String, String)> {
    let branches: Vec<_> = tips.iter().filter(|(name, _)| name.starts_with("refs/mirror/heads/")).collect();
    let usual = ["main", "master", "trunk", "develop"].map(|name| format!("refs/mirror/heads/{name}"));
    let called = usual.iter().find_map(|name| tips.get_key_value(name));
    let only = || branches.first().copied().filter(|_| branches.len() == 1);
    called.or_else(only).map(|(name, commit)| (name.clone(), commit.clone()))
}
