//! A repository that is read by the names of its objects and references, in whichever form it keeps them.

use super::history::boundary_of;
use super::layout::Layout;
use super::pack::{HashKind, Kind, ObjectId, Objects, Pack, PackError, Reader, stores_of_environment};
use super::parts::{Entries, Note, Sort};
use super::refs::{Refs, packed_at, read};
use super::{Whereabouts, unread};
use crate::source::SourceError;
use git2::Config;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Bytes of a commit, a tag or a tree that are read at most.
const LARGEST: u64 = 1 << 28;

/// References and tags that lead to one another.
const DEEPEST: usize = 64;

/// A commit, as far as histories are walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its directory.
    pub tree: ObjectId,
    /// The commits before it that are said to be here.
    pub parents: Vec<ObjectId>,
    /// The author's time, seconds since the Unix epoch.
    pub time: i64,
    /// When it was made a part of the history.
    pub committed: i64,
    bytes: Arc<Vec<u8>>,
}

impl Commit {
    /// What a person wrote.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        Note::of(&self.bytes).message
    }
}

/// A file of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileAt {
    /// Its content.
    pub id: ObjectId,
    /// Whether it is a symbolic link.
    pub is_link: bool,
}

/// It, opened.
#[derive(Debug)]
pub struct Repository {
    layout: Layout,
    objects: Objects,
    refs: OnceLock<Refs>,
    /// Commits whose parents were cut off.
    boundary: BTreeSet<ObjectId>,
    of_environment: bool,
    /// What could not be read of the object stores.
    troubles: Mutex<Vec<PackError>>,
    /// Whether something was wanted that is not there.
    lacks: AtomicBool,
}

impl Repository {
    /// The one that is meant.
    ///
    /// # Errors
    /// When there is none, another user owns it, or it needs what cannot be read.
    pub(super) fn open(whereabouts: &Whereabouts) -> Result<Self, SourceError> {
        let layout = Layout::of(whereabouts)?;
        let of_environment = *whereabouts == Whereabouts::Environment;
        let more = if of_environment { stores_of_environment() } else { Vec::new() };
        let hash = if layout.sha256 { HashKind::Sha256 } else { HashKind::Sha1 };
        let mut objects = Objects::open(&layout.common, hash, &more).map_err(|source| SourceError::Store { source })?;
        let (troubles, lacks) = (Mutex::new(objects.take_troubles()), AtomicBool::new(false));
        let (boundary, odd) = boundary_of(&layout);
        if let Some(odd) = odd {
            return Err(odd);
        }
        Ok(Self { layout, objects, refs: OnceLock::new(), boundary, of_environment, troubles, lacks })
    }

    /// The directory of this work tree's own files of git.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.layout.own
    }

    /// The directory of git that linked work trees share.
    #[must_use]
    pub fn common(&self) -> &Path {
        &self.layout.common
    }

    /// The top of the work tree; none of a bare repository.
    #[must_use]
    pub fn work_tree(&self) -> Option<&Path> {
        self.layout.top.as_deref()
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// True for a clone whose history is cut off.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        !self.boundary.is_empty()
    }

    /// True for a clone that leaves content with its remote until it is wanted.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.layout.partial
    }

    /// True for a commit whose parents were cut off.
    pub(super) fn is_boundary(&self, id: &ObjectId) -> bool {
        self.boundary.contains(id)
    }

    /// What the name of an object has in this repository.
    #[must_use]
    pub fn hash(&self) -> HashKind {
        self.objects.hash()
    }

    /// The index that git names, or that of the work tree.
    pub(super) fn index(&self) -> PathBuf {
        let named = std::env::var_os("GIT_INDEX_FILE").filter(|path| self.of_environment && !path.is_empty());
        named.map_or_else(|| self.layout.own.join("index"), PathBuf::from)
    }

    /// The settings of git for it: of the machine, of the user, and its own.
    ///
    /// # Errors
    /// When a file of them cannot be read.
    pub fn config(&self) -> Result<Config, git2::Error> {
        self.layout.config()
    }

    /// Where its objects are: its own store, and those it borrows from.
    pub(super) fn stores(&self) -> &[PathBuf] {
        self.objects.stores()
    }

    /// What could not be read of the object stores as a whole, once something was wanted that is not there.
    pub(super) fn take_troubles(&self) -> Vec<PackError> {
        if !self.lacks.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.troubles.lock().map(|mut troubles| std::mem::take(&mut *troubles)).unwrap_or_default()
    }

    /// Of something that is wanted and not there.
    pub(super) fn absent(&self, what: &str) -> SourceError {
        self.lacks.store(true, Ordering::Relaxed);
        unread(what, git2::Error::from_str("it is not in this repository"))
    }

    /// Reads its objects, for one thread.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        self.objects.reader(LARGEST)
    }

    /// The same with another limit.
    pub(super) fn reader_up_to(&self, limit: u64) -> Reader<'_> {
        self.objects.reader(limit)
    }

    /// True when there is an object of this name.
    #[must_use]
    pub fn contains(&self, id: &ObjectId) -> bool {
        self.objects.contains(id)
    }

    /// An object of one kind.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is of another kind.
    pub fn object(
        &self,
        reader: &mut Reader<'_>,
        id: &ObjectId,
        kind: Kind,
        what: &str,
    ) -> Result<Arc<Vec<u8>>, SourceError> {
        match reader.read(id) {
            Ok(Some((found, bytes))) if found == kind => Ok(bytes),
            Ok(Some((found, _))) => {
                let why = format!("it is a {} and no {}", found.name(), kind.name());
                Err(unread(what, git2::Error::from_str(&why)))
            }
            Ok(None) => Err(self.absent(what)),
            Err(source) => Err(SourceError::Store { source }),
        }
    }

    /// A commit.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn commit(&self, reader: &mut Reader<'_>, id: &ObjectId) -> Result<Commit, SourceError> {
        let what = format!("commit {id}");
        let bytes = self.object(reader, id, Kind::Commit, &what)?;
        let note = Note::of(&bytes);
        let tree = note.about.ok_or_else(|| unread(&what, git2::Error::from_str("it names no tree")))?;
        let parents = if self.is_boundary(id) { Vec::new() } else { note.parents };
        let (time, committed) = (note.time, note.committed);
        Ok(Commit { tree, parents, time, committed, bytes })
    }

    /// The commit that an object is or that a tag leads to.
    #[must_use]
    pub fn commit_of(&self, id: &ObjectId) -> Option<ObjectId> {
        Self::commit_by(&mut self.reader(), id)
    }

    /// The same with a reader at hand.
    pub(super) fn commit_by(reader: &mut Reader<'_>, id: &ObjectId) -> Option<ObjectId> {
        let mut id = *id;
        for _ in 0..DEEPEST {
            match reader.header(&id).ok()??.0 {
                Kind::Commit => return Some(id),
                Kind::Tag => id = Note::of(&reader.read(&id).ok()??.1).about?,
                Kind::Tree | Kind::Blob => return None,
            }
        }
        None
    }

    /// A file at a path of a tree; none where there is no file.
    ///
    /// # Errors
    /// When a directory on the way cannot be read.
    pub fn file_at(&self, tree: &ObjectId, path: &Path) -> Result<Option<FileAt>, SourceError> {
        let (mut reader, mut tree) = (self.reader(), *tree);
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            let bytes = self.object(&mut reader, &tree, Kind::Tree, &format!("tree {tree}"))?;
            let name = part.as_os_str().as_encoded_bytes();
            let Some(entry) = Entries::of(&bytes, tree.as_bytes().len()).find(|entry| entry.name == name) else {
                return Ok(None);
            };
            match (entry.sort, parts.peek()) {
                (Sort::Directory, Some(_)) => tree = entry.id,
                (Sort::Content, None) => return Ok(Some(FileAt { id: entry.id, is_link: entry.is_link })),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// All references and heads.
    pub(super) fn refs(&self) -> &Refs {
        self.refs.get_or_init(|| Refs::standing(&self.layout))
    }

    /// Where `HEAD` is; none on a branch without commits.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<Option<ObjectId>, SourceError> {
        let unread = |why: &str| unread("HEAD", git2::Error::from_str(why));
        let (_, id) = self.followed("HEAD")?.ok_or_else(|| unread("it is not there"))?;
        match id {
            Some(id) => self.commit_of(&id).map(Some).ok_or_else(|| unread("it leads to no commit")),
            None => Ok(None),
        }
    }

    /// The reference that `HEAD` stands for, or `HEAD` itself.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head_name(&self) -> Result<String, SourceError> {
        Ok(self.followed("HEAD")?.map_or_else(|| "HEAD".to_owned(), |(name, _)| name))
    }

    /// Where a reference leads, by its full name.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn reference(&self, name: &str) -> Result<Option<ObjectId>, SourceError> {
        Ok(self.followed(name)?.and_then(|(_, id)| id))
    }

    /// The reference that another one stands for.
    #[must_use]
    pub fn stands_for(&self, name: &str) -> Option<String> {
        let (other, _) = self.followed(name).ok()??;
        (other != name).then_some(other)
    }

    /// The last reference that a name leads to by way of others, and its object. None without such a reference.
    fn followed(&self, name: &str) -> Result<Option<(String, Option<ObjectId>)>, SourceError> {
        let mut name = name.to_owned();
        for depth in 0..DEEPEST {
            match self.step(&name)? {
                Some(Step::At(id)) => return Ok(Some((name, Some(id)))),
                Some(Step::To(other)) => name = other,
                None if depth == 0 => return Ok(None),
                None => return Ok(Some((name, None))),
            }
        }
        Err(unread(&name, git2::Error::from_str("it leads to itself by way of others")))
    }

    fn step(&self, name: &str) -> Result<Option<Step>, SourceError> {
        if !is_safe(name) {
            return Ok(None);
        }
        if self.layout.tables {
            let refs = self.refs();
            let own = self.layout.prefix_of(&self.layout.own);
            let names = [format!("{own}{name}"), name.to_owned()];
            let to = names.iter().find_map(|name| refs.standing_for.get(name));
            let at = names.iter().find_map(|name| refs.tips.get(name));
            return Ok(match (to, at) {
                (Some(other), _) => Some(Step::To(other.clone())),
                (None, Some(id)) => id.parse().ok().map(Step::At),
                (None, None) => None,
            });
        }
        for home in [&self.layout.own, &self.layout.common] {
            let path = home.join(name);
            let text = match read(&path) {
                Ok(text) => text,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(_) if path.is_dir() => continue,
                Err(source) => return Err(SourceError::Read { place: format!("the reference {name}"), source }),
            };
            if let Some(other) = text.strip_prefix("ref:") {
                return Ok(Some(Step::To(other.trim().to_owned())));
            }
            let id = text.split_ascii_whitespace().next().and_then(|id| id.parse().ok());
            let odd = || unread(&format!("the reference {name}"), git2::Error::from_str("it names no object"));
            return id.map(|id| Some(Step::At(id))).ok_or_else(odd);
        }
        packed_at(&self.layout.common, name)
            .map(|found| found.map(Step::At))
            .map_err(|source| SourceError::Read { place: "packed-refs".to_owned(), source })
    }

    /// The objects whose names begin with these digits; two at most.
    pub(super) fn abbreviated(&self, digits: &str) -> Vec<ObjectId> {
        let digits = digits.to_ascii_lowercase();
        let loose = self.objects.loose_ids().unwrap_or_default();
        let all = self.objects.packs().iter().flat_map(Pack::ids).chain(loose);
        let mut found: BTreeSet<ObjectId> = BTreeSet::new();
        for id in all.filter(|id| begins_with(id, &digits)) {
            found.insert(id);
            if found.len() > 1 {
                break;
            }
        }
        found.into_iter().collect()
    }
}

/// Where a reference leads.
enum Step {
    At(ObjectId),
    To(String),
}

/// True for a name that a reference can have, so that no other file of git is taken for one: `refs/…`, or `HEAD` and its
/// like.
fn is_safe(name: &str) -> bool {
    let parts = name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    let capital = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    parts && (capital || name.starts_with("refs/")) && !name.contains('\0') && !name.ends_with(".lock")
}

/// True for a name with these digits at its beginning.
fn begins_with(id: &ObjectId, digits: &str) -> bool {
    let bytes = id.as_bytes();
    let digit = |at: usize| bytes.get(at / 2).map(|byte| if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 });
    digits.chars().enumerate().all(|(at, sign)| digit(at).map(u32::from) == sign.to_digit(16))
}
