//! Where a repository keeps its things. The library that opens repositories refuses some that can be read all the same:
//! those whose objects are named by SHA-256, and those that keep their references in tables.

use super::{Whereabouts, plainness, unread};
use crate::source::SourceError;
use git2::{Config, ConfigLevel, ErrorCode};
use std::path::{Path, PathBuf};

/// What a repository may need of its readers; all of it is understood here, or concerns writers alone.
const UNDERSTOOD: [&str; 9] = [
    "noop",
    "noop-v1",
    "objectformat",
    "compatobjectformat",
    "refstorage",
    "partialclone",
    "preciousobjects",
    "worktreeconfig",
    "relativeworktrees",
];

/// Its directories and forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The directory of this work tree.
    pub(super) own: PathBuf,
    /// The directory that all of its work trees share.
    pub(super) common: PathBuf,
    /// Where the files are; none of a bare repository.
    pub(super) top: Option<PathBuf>,
    /// Whether objects are named by SHA-256.
    pub(super) sha256: bool,
    /// Whether references are kept in tables.
    pub(super) tables: bool,
    /// Whether objects may be left with a remote until they are wanted.
    pub(super) partial: bool,
}

impl Layout {
    /// Of the repository that is meant.
    ///
    /// # Errors
    /// When there is none, another user owns it, or it needs what cannot be read.
    pub(super) fn of(whereabouts: &Whereabouts) -> Result<Self, SourceError> {
        match whereabouts.by_library() {
            Ok(repository) => {
                let (own, common) = (repository.path().to_owned(), repository.commondir().to_owned());
                Self::at(own, common, repository.workdir().map(Path::to_owned))
            }
            Err(SourceError::Repository { source }) if matches!(source.code(), ErrorCode::Owner) => {
                Err(SourceError::Repository { source })
            }
            Err(refused @ SourceError::Repository { .. }) => match by_hand(whereabouts)? {
                Some(own) => {
                    let common = shared_by(&own.directory);
                    let top = own.top(&common);
                    Self::at(own.directory, common, top)
                }
                None => Err(refused),
            },
            Err(other) => Err(other),
        }
    }

    /// Of the repository in this directory, of which nothing more is known.
    ///
    /// # Errors
    /// When it needs what cannot be read.
    pub(super) fn in_directory(own: PathBuf) -> Result<Self, SourceError> {
        let common = shared_by(&own);
        Self::at(own, common, None)
    }

    fn at(own: PathBuf, common: PathBuf, top: Option<PathBuf>) -> Result<Self, SourceError> {
        let mut layout = Self { own, common, top, sha256: false, tables: false, partial: false };
        let file = layout.common.join("config");
        if !file.exists() {
            return Ok(layout);
        }
        plainness::settings(&file)?;
        let failed = |source| unread(&file.display().to_string(), source);
        let config = Config::open(&file).map_err(failed)?;
        let version = config.get_i32("core.repositoryformatversion").unwrap_or(0);
        let mut needed = (!(0..=1).contains(&version)).then(|| format!("version {version} of the format"));
        let mut entries = config.entries(None).map_err(failed)?;
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(failed)?;
            let (Ok(name), value) = (entry.name(), entry.value().unwrap_or_default().to_ascii_lowercase()) else {
                continue;
            };
            let name = name.to_ascii_lowercase();
            layout.partial |= name.starts_with("remote.") && name.ends_with(".promisor") && value != "false";
            let Some(extension) = name.strip_prefix("extensions.") else { continue };
            layout.partial |= extension == "partialclone";
            match (extension, value.as_str()) {
                ("objectformat", "sha1") | ("refstorage", "files") => {}
                ("objectformat", "sha256") => layout.sha256 = true,
                ("refstorage", "reftable") => layout.tables = true,
                ("objectformat" | "refstorage", other) => needed = Some(format!("{extension} {other}")),
                (extension, _) if UNDERSTOOD.contains(&extension) => {}
                // Before version 1 nobody was asked to understand extensions.
                (extension, _) if version > 0 => needed = Some(format!("the extension {extension}")),
                _ => {}
            }
        }
        match needed {
            None => Ok(layout),
            Some(needed) => Err(SourceError::Unsupported { path: layout.common.clone(), needed }),
        }
    }

    /// The settings of git for it: of the machine, of the user, and its own.
    ///
    /// # Errors
    /// When a file of them cannot be read.
    pub(super) fn config(&self) -> Result<Config, git2::Error> {
        if let Ok(repository) = git2::Repository::open(&self.own) {
            return repository.config();
        }
        let mut config = Config::new()?;
        let own = [
            (self.common.join("config"), ConfigLevel::Local),
            (self.own.join("config.worktree"), ConfigLevel::Worktree),
        ];
        for (path, level) in plainness::of_user().into_iter().chain(own) {
            if path.is_file() {
                config.add_file(&path, level, false)?;
            }
        }
        Ok(config)
    }

    /// How its directory, or a file in it, is called in reports: from the top of the work tree.
    pub(super) fn name_of(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.common).unwrap_or(path);
        let home =
            if self.common.file_name().is_some_and(|name| name == ".git") { Path::new(".git") } else { Path::new("") };
        home.join(below).to_string_lossy().into_owned()
    }

    /// What stands before the names of references that belong to one work tree.
    pub(super) fn prefix_of(&self, home: &Path) -> String {
        if same(home, &self.common) {
            return String::new();
        }
        let known = self.homes().into_iter().find(|other| same(home, other));
        format!("{} ", self.name_of(known.as_deref().unwrap_or(home)))
    }

    /// The directories of all work trees, this one and the shared one among them, in order.
    pub(super) fn homes(&self) -> Vec<PathBuf> {
        let linked = std::fs::read_dir(self.common.join("worktrees")).into_iter().flatten().flatten();
        let mut homes: Vec<PathBuf> = linked.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        homes.sort();
        homes.insert(0, self.common.clone());
        if !homes.iter().any(|home| same(home, &self.own)) {
            homes.push(self.own.clone());
        }
        homes
    }
}

/// The top of the work tree of a repository; none of a bare one.
///
/// # Errors
/// When there is no repository, another user owns it, or it needs what cannot be read.
pub fn work_tree(whereabouts: &Whereabouts) -> Result<Option<PathBuf>, SourceError> {
    Ok(Layout::of(whereabouts)?.top)
}

/// The directory of git that all work trees of a repository share.
///
/// # Errors
/// When there is none, another user owns it, or it needs what cannot be read.
pub fn directory(whereabouts: &Whereabouts) -> Result<PathBuf, SourceError> {
    Ok(Layout::of(whereabouts)?.common)
}

/// The settings of git for a repository.
///
/// # Errors
/// When there is none, or a file of them cannot be read.
pub fn settings(whereabouts: &Whereabouts) -> Result<Config, SourceError> {
    Layout::of(whereabouts)?.config().map_err(|source| unread("the settings of git", source))
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().ok().is_some_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Looks at what the library would open, which waits for whoever writes into a pipe.
///
/// # Errors
/// When any of it is no plain file.
pub(super) fn unwaited(whereabouts: &Whereabouts) -> Result<(), SourceError> {
    plainness::surroundings()?;
    match by_hand(whereabouts)? {
        Some(own) => plainness::repository(&own.directory, &shared_by(&own.directory)),
        None => Ok(()),
    }
}

/// A repository as git looks for it.
struct Own {
    directory: PathBuf,
    /// The directory in which it was met as `.git`.
    above: Option<PathBuf>,
}

impl Own {
    /// The top of its work tree.
    fn top(&self, common: &Path) -> Option<PathBuf> {
        if let Some(named) = std::env::var_os("GIT_WORK_TREE").filter(|path| self.above.is_none() && !path.is_empty()) {
            return Some(PathBuf::from(named));
        }
        let file = common.join("config");
        let config = file.is_file().then(|| Config::open(&file).ok()).flatten();
        let is_bare = config.as_ref().and_then(|config| config.get_bool("core.bare").ok());
        if is_bare == Some(true) {
            return None;
        }
        if let Some(path) = config.and_then(|config| config.get_path("core.worktree").ok()) {
            return Some(self.directory.join(path));
        }
        // The one that is linked says where its `.git` is.
        let linked = read_line(&self.directory.join("gitdir"));
        let linked = linked.and_then(|text| Path::new(text.trim()).parent().map(|above| self.directory.join(above)));
        let named = || self.directory.file_name().is_some_and(|name| name == ".git");
        let beside = || self.directory.parent().filter(|_| named()).map(Path::to_owned);
        self.above.clone().or(linked).or_else(beside)
    }
}

/// The directory of a repository, as git looks for it.
fn by_hand(whereabouts: &Whereabouts) -> Result<Option<Own>, SourceError> {
    let start = match whereabouts {
        Whereabouts::Environment => match std::env::var_os("GIT_DIR").filter(|path| !path.is_empty()) {
            Some(named) => {
                let directory = PathBuf::from(named);
                let directory = directory.canonicalize().unwrap_or(directory);
                plainness::plain_head(&directory)?;
                return Ok(Some(Own { directory, above: None }).filter(|own| is_repository(&own.directory)));
            }
            None => PathBuf::from("."),
        },
        Whereabouts::Holding(path) => path.clone(),
    };
    let Ok(start) = start.canonicalize() else { return Ok(None) };
    for above in start.ancestors() {
        let inner = above.join(".git");
        match std::fs::metadata(&inner) {
            Ok(about) if about.is_file() => {
                let Some(linked) = linked_to(&inner) else { return Ok(None) };
                plainness::own(&linked)?;
                return Ok(Some(linked)
                    .filter(|path| is_repository(path))
                    .map(|directory| Own { directory, above: Some(above.to_owned()) }));
            }
            Ok(about) if about.is_dir() => {
                plainness::plain_head(&inner)?;
                if is_repository(&inner) {
                    return Ok(Some(Own { directory: inner, above: Some(above.to_owned()) }));
                }
            }
            Ok(_) => plainness::plain(&inner)?,
            Err(_) => {}
        }
        if is_repository(above) {
            return Ok(Some(Own { directory: above.to_owned(), above: None }));
        }
    }
    Ok(None)
}

/// Where the file says that stands in the place of the directory.
fn linked_to(file: &Path) -> Option<PathBuf> {
    let text = read_line(file)?;
    let path = Path::new(text.strip_prefix("gitdir:")?.trim());
    Some(file.parent()?.join(path))
}

/// The directory that a linked work tree shares with the others; a repository's own otherwise.
fn shared_by(own: &Path) -> PathBuf {
    match read_line(&own.join("commondir")) {
        Some(path) => own.join(path.trim()),
        None => own.to_owned(),
    }
}

/// A small file of one line.
fn read_line(file: &Path) -> Option<String> {
    let about = std::fs::symlink_metadata(file).ok()?;
    if !about.is_file() || about.len() > 10_000 {
        return None;
    }
    std::fs::read_to_string(file).ok()
}

/// True for a directory with what every repository has.
pub(super) fn is_repository(path: &Path) -> bool {
    let common = shared_by(path);
    let head = path.join("HEAD");
    (head.is_file() || head.is_symlink()) && common.join("objects").is_dir() && common.join("refs").exists()
}
