//! Puts a scan together: the source that was asked for, the repository's file and exceptions, the key of fingerprints.

use crate::archive;
use crate::clock::Clock;
use crate::config::installation::{self, InstallationError, Kept};
use crate::config::read_small;
use crate::config::repository::{RepositoryConfig, RepositoryError};
use crate::engine::{Engine, EngineError};
use crate::model::{FingerprintKey, Severity};
use crate::rules::Catalogue;
use crate::scan::Scanner;
use crate::source::files::Files;
pub use crate::source::git::Whereabouts;
use crate::source::git::{
    Draft, Elsewhere, History, Known, Memory, Push, Range, RefUpdate, Repository, Staged, work_tree,
};
use crate::source::stdin::Stdin;
use crate::source::{Exclusions, Limits, Source, SourceError};
use crate::suppress::{FILE_NAME, IgnoreError, IgnoreFile, Suppressions};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Files and directories.
    Paths(Vec<PathBuf>),
    /// Standard input.
    Stdin,
    /// What the next commit brings.
    Staged,
    /// The commits of `A..B`.
    Range(Whereabouts, String),
    /// All commits.
    History(Whereabouts),
    /// The message in this file, which is about to be committed.
    Message(PathBuf),
    /// What these references bring to a side that has something already.
    Push(Vec<RefUpdate>, Known),
}

/// Where the repository's own files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// In the work tree.
    WorkTree,
    /// In a commit.
    Of(String),
    /// Where `HEAD` stands in a repository that receives: a push cannot excuse itself.
    Accepted,
    /// Nowhere.
    BuiltIn,
}

/// A scan as it was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of what.
    pub target: Target,
    /// Items with more bytes are not read.
    pub largest_bytes: u64,
    /// What one thing may expand to, where that is not to go by its size.
    pub most_expanded: Option<u64>,
    /// Paths that are left out, besides the repository's own.
    pub exclude: Vec<String>,
    /// Threads.
    pub jobs: usize,
    /// Whether the files of the repository are left unread.
    pub isolated: bool,
    /// Whether the secrets themselves are kept.
    pub keep_findings: bool,
    /// Whether of a history only that is looked at which no earlier scan by the same rules has seen.
    pub recall: bool,
}

/// A scan that can run.
#[derive(Debug)]
pub struct Prepared {
    /// What scans.
    pub scanner: Arc<Scanner>,
    /// What is scanned.
    pub source: Arc<dyn Source>,
    /// The gate of the repository.
    pub gate: Option<Severity>,
    /// The top of the work tree, if there is one.
    pub top: Option<PathBuf>,
    /// Why the fingerprints hold for this run alone, if they do.
    pub passing_key: Option<String>,
}

/// A scan could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScannerError {
    /// The repository's file.
    #[error("the configuration of this repository is refused")]
    Config(#[source] RepositoryError),
    /// The exceptions.
    #[error("the exceptions of this repository are refused")]
    Exceptions(#[source] IgnoreError),
    /// The exceptions cannot be read.
    #[error("cannot read {}", path.display())]
    Unread {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was asked for is not there.
    #[error(transparent)]
    Source(SourceError),
    /// The kinds cannot be looked for.
    #[error(transparent)]
    Engine(EngineError),
    /// There is no key.
    #[error(transparent)]
    Key(InstallationError),
}

/// Puts a scan together.
///
/// # Errors
/// When a path is missing, there is no repository, or one of its files is refused.
pub fn prepare(request: Request, kinds: Arc<Catalogue>, clock: &dyn Clock) -> Result<Prepared, ScannerError> {
    prepare_by(&Policy::WorkTree, request, kinds, clock)
}

/// Puts a scan together that goes by the repository's files as they stand elsewhere than in the work tree.
///
/// # Errors
/// As for [`prepare`].
pub fn prepare_by(
    policy: &Policy,
    request: Request,
    kinds: Arc<Catalogue>,
    clock: &dyn Clock,
) -> Result<Prepared, ScannerError> {
    let top = top_of(&request.target).map_err(ScannerError::Source)?;
    let (config, exceptions) = match (policy, top.as_deref()) {
        _ if request.isolated => (RepositoryConfig::default(), IgnoreFile::default()),
        (Policy::Of(commit), _) => super::policy::of(&open(&request.target)?, commit)?,
        (Policy::Accepted, _) => super::policy::accepted_by(&open(&request.target)?),
        (Policy::WorkTree, Some(top)) => {
            (RepositoryConfig::discover(top).map_err(ScannerError::Config)?, exceptions_of(top)?)
        }
        (Policy::WorkTree, None) | (Policy::BuiltIn, _) => (RepositoryConfig::default(), IgnoreFile::default()),
    };
    Exclusions::new(&config.exclude).map_err(|error| ScannerError::Config(config.refuse(error.in_words())))?;
    let globs = [config.exclude, request.exclude].concat();
    let exclusions = Exclusions::new(&globs).map_err(ScannerError::Source)?;
    let streamed = |start: &[u8], name: &str| archive::sniff(start, name).is_some();
    let piped = |start: &[u8], name: &str| archive::sniff(start, name).is_some_and(archive::Format::streams);
    let promises = archive::promises;
    let limits = Limits { largest_bytes: request.largest_bytes, exclusions, streamed, piped, promises };
    let state = installation::state_directory();
    let memory = match &request.target {
        Target::History(_) if request.recall => memory_of(state.as_deref(), &kinds, &limits)?,
        _ => None,
    };
    let target = request.target.clone();
    let source = source_of(request.target, top.as_deref(), limits.clone(), request.jobs, memory)
        .map_err(ScannerError::Source)?;
    let source = with_elsewhere(source, &target, top.as_deref(), limits);
    let (key, passing_key) = key_of(config.salt, state.as_deref())?;
    let suppressions = Suppressions::new(exceptions, clock.now());
    let scanner = Arc::new(Scanner {
        engine: Engine::new(kinds).map_err(ScannerError::Engine)?,
        key,
        suppressions: if config.no_remarks { suppressions.without_remarks() } else { suppressions },
        keep_findings: request.keep_findings,
        most_expanded: request.most_expanded,
    });
    Ok(Prepared { scanner, source, gate: config.gate, top, passing_key })
}

fn source_of(
    target: Target,
    top: Option<&Path>,
    limits: Limits,
    jobs: usize,
    memory: Option<Memory>,
) -> Result<Arc<dyn Source>, SourceError> {
    Ok(match target {
        Target::Paths(paths) => {
            let files = Files::new(paths, limits, jobs)?;
            Arc::new(match top {
                Some(top) => files.below(top),
                None => files,
            })
        }
        Target::Stdin => Arc::new(Stdin::new(limits)),
        Target::Staged => Arc::new(Staged::new(limits, jobs)),
        Target::Range(whereabouts, range) => Arc::new(Range::new(whereabouts, &range, limits, jobs)?),
        Target::History(whereabouts) => {
            let history = History::new(whereabouts, limits, jobs);
            Arc::new(match memory {
                Some(memory) => history.remembering(memory),
                None => history,
            })
        }
        Target::Message(file) => Arc::new(Draft::new(file, limits)),
        Target::Push(updates, known) => Arc::new(Push::new(Whereabouts::Environment, updates, known, limits, jobs)),
    })
}

/// The source, with what it only points to.
fn with_elsewhere(source: Arc<dyn Source>, target: &Target, top: Option<&Path>, limits: Limits) -> Arc<dyn Source> {
    let top = || top.map(Path::to_owned);
    let whereabouts = match target {
        Target::Paths(paths) => Whereabouts::Holding(top().or_else(|| paths.first().cloned()).unwrap_or_default()),
        Target::Range(whereabouts, _) | Target::History(whereabouts) => whereabouts.clone(),
        Target::Staged | Target::Push(..) | Target::Stdin => Whereabouts::Environment,
        Target::Message(_) => return source,
    };
    let with = Elsewhere::new(source, whereabouts, limits);
    Arc::new(match target {
        Target::Paths(paths) if top().is_some() => with.with_submodules(paths.clone()),
        Target::History(_) => with.counted().with_submodules(top().into_iter().collect()),
        Target::Push(_, Known::Here) => with.receiving(),
        _ => with,
    })
}

/// What is remembered of histories, and by which rules; nothing where no key can be kept.
fn memory_of(state: Option<&Path>, kinds: &Catalogue, limits: &Limits) -> Result<Option<Memory>, ScannerError> {
    let Some(state) = state else { return Ok(None) };
    let (key, Kept::OnDisk(_)) = installation::key(Some(state)).map_err(ScannerError::Key)? else { return Ok(None) };
    let mut rules = Sha256::new();
    rules.update(kinds.digest().to_string());
    rules.update(limits.largest_bytes.to_be_bytes());
    Ok(Some(Memory::new(state.join("histories"), key, rules.finalize().into())))
}

/// The key stays with the repository; where there is none, with the installation, in its state directory.
pub(super) fn key_of(
    salt: Option<Vec<u8>>,
    state: Option<&Path>,
) -> Result<(FingerprintKey, Option<String>), ScannerError> {
    if let Some(salt) = salt {
        return Ok((FingerprintKey::of_repository(salt), None));
    }
    let (key, kept) = installation::key(state).map_err(ScannerError::Key)?;
    let passing = match kept {
        Kept::OnDisk(_) => None,
        Kept::ThisRunOnly { why } => Some(why),
    };
    Ok((FingerprintKey::of_installation(key), passing))
}

fn exceptions_of(top: &Path) -> Result<IgnoreFile, ScannerError> {
    let path = top.join(FILE_NAME);
    match read_small(&path) {
        Ok(text) => IgnoreFile::parse(&text, FILE_NAME).map_err(ScannerError::Exceptions),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(IgnoreFile::default()),
        Err(source) => Err(ScannerError::Unread { path, source }),
    }
}

/// The repository that holds the target.
fn open(target: &Target) -> Result<Repository, ScannerError> {
    let whereabouts = match target {
        Target::Range(whereabouts, _) | Target::History(whereabouts) => whereabouts,
        _ => &Whereabouts::Environment,
    };
    whereabouts.open().map_err(ScannerError::Source)
}

/// The top of the work tree that holds the target.
fn top_of(target: &Target) -> Result<Option<PathBuf>, SourceError> {
    match target {
        Target::Staged | Target::Message(_) | Target::Push(..) => work_tree(&Whereabouts::Environment),
        Target::Range(whereabouts, _) | Target::History(whereabouts) => work_tree(whereabouts),
        Target::Paths(paths) => Ok(paths.first().and_then(|path| work_tree_above(path))),
        Target::Stdin => Ok(work_tree_above(Path::new("."))),
    }
}

/// The next directory above that holds `.git`. Files can be scanned where git itself would refuse to work, so it is
/// not asked.
#[must_use]
pub fn work_tree_above(path: &Path) -> Option<PathBuf> {
    let path = std::fs::canonicalize(path).ok()?;
    path.ancestors().find(|above| above.join(".git").exists()).map(Path::to_owned)
}
