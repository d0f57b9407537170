//! Commits of a range: the blobs they bring and their messages.

use super::blobs::{Readers, Wanted, read_all};
use super::pack::{Kind, ObjectId, Reader};
use super::parts::{Entries, Note, Sort};
use super::repository::Repository;
use super::starts::Starts;
use super::walk::Commits;
use super::{Whereabouts, unread};
use crate::model::Place;
use crate::source::{Blob, Limits, Source, SourceError, Visit};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Directories below one another that are followed; git itself stops sooner.
const DEEPEST: usize = 512;

/// Places of one tree that are looked at, each for itself, where something is excluded.
const MOST_PLACES: u32 = 10_000;

const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());

/// The commits of `A..B`: what each of them adds to or changes in its parents. Where `B` is a tag, its message is read
/// too.
#[derive(Debug)]
pub struct Range {
    whereabouts: Whereabouts,
    base: String,
    tip: String,
    limits: Limits,
    jobs: usize,
}

impl Range {
    /// Reads `A..B`. An `A` of zeros, as hooks and CI write it for a new branch, excludes nothing.
    ///
    /// # Errors
    /// When the text is no such range.
    pub fn new(whereabouts: Whereabouts, range: &str, limits: Limits, jobs: usize) -> Result<Self, SourceError> {
        let ends = range.split_once("..").filter(|(base, tip)| !base.is_empty() && !tip.starts_with('.'));
        let Some((base, tip)) = ends else {
            return Err(SourceError::Range { range: range.to_owned() });
        };
        let tip = if tip.is_empty() { "HEAD" } else { tip };
        Ok(Self { whereabouts, base: base.to_owned(), tip: tip.to_owned(), limits, jobs })
    }
}

impl Source for Range {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let repository = self.whereabouts.open()?;
        let new_branch = self.base.len() >= 40 && self.base.bytes().all(|byte| byte == b'0');
        let base = if new_branch { None } else { Some(repository.commit_at(&self.base)?) };
        let named = repository.object_of(&self.tip)?;
        let tip = repository.commit_at(&self.tip)?;
        let commits = Commits::between(&repository, base.as_slice(), &[tip]);
        read_all(&repository, &self.limits, self.jobs, visit, |readers| {
            let mut reading = Reading::new(&repository, readers, Against::Parents);
            let _wanted = reading.commits(commits).is_continue() && reading.named(named, &self.tip).is_continue();
            Ok(())
        })
    }
}

/// What a commit's tree is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// Its parents: what they have at the same path is not new.
    Parents,
    /// Nothing but what was seen already.
    Nothing,
}

/// Reads what commits bring, each thing once.
pub(super) struct Reading<'a> {
    repository: &'a Repository,
    reader: Reader<'a>,
    readers: &'a Readers<'a>,
    against: Against,
    blobs: HashSet<(ObjectId, u64)>,
    trees: HashSet<(ObjectId, u64)>,
    /// Paths that were looked at.
    names: HashSet<u64>,
    /// At how many places a tree was met, where its place counts.
    times: HashMap<ObjectId, u32>,
}

/// A directory that was read.
type Tree = (ObjectId, Arc<Vec<u8>>);

impl<'a> Reading<'a> {
    pub(super) fn new(repository: &'a Repository, readers: &'a Readers<'a>, against: Against) -> Self {
        Self {
            repository,
            reader: repository.reader(),
            readers,
            against,
            blobs: HashSet::new(),
            trees: HashSet::new(),
            names: HashSet::new(),
            times: HashMap::new(),
        }
    }

    /// Reads them until the end, or until no more is wanted.
    pub(super) fn commits(&mut self, commits: Commits) -> ControlFlow<()> {
        commits.gaps.into_iter().try_for_each(|gap| self.readers.gap(gap))?;
        commits.ids.into_iter().try_for_each(|id| self.commit(id))
    }

    /// What is named besides commits: messages of tags, and files and trees without a commit.
    pub(super) fn named_by(&mut self, starts: Starts) -> ControlFlow<()> {
        starts.gaps.into_iter().try_for_each(|gap| self.readers.gap(gap))?;
        starts.named.into_iter().try_for_each(|(name, id)| self.named(id, &name))
    }

    /// What a name leads to, except commits.
    pub(super) fn named(&mut self, mut id: ObjectId, name: &str) -> ControlFlow<()> {
        for _ in 0..DEEPEST {
            let (kind, bytes) = match self.reader.read(&id) {
                Ok(Some(found)) => found,
                Ok(None) => return self.readers.gap(self.repository.absent(&format!("{name} ({id})"))),
                Err(source) => return self.readers.gap(SourceError::Store { source }),
            };
            let origin = Origin { commit: id.to_string(), time: 0 };
            match kind {
                Kind::Tag => {
                    let note = Note::of(&bytes);
                    let place = Place::Message { commit: id.to_string() };
                    self.readers.visit(Ok(Blob::new(place, note.message)))?;
                    let Some(about) = note.about else {
                        let why = git2::Error::from_str("it names no object");
                        return self.readers.gap(unread(&format!("tag {id}"), why));
                    };
                    id = about;
                }
                Kind::Tree => return self.tree(&(id, bytes), &[], &mut Vec::new(), &origin, 0),
                Kind::Blob => return self.blob(id, name.as_bytes(), &origin),
                Kind::Commit => return CONTINUE, // commits were walked
            }
        }
        CONTINUE
    }

    fn commit(&mut self, id: ObjectId) -> ControlFlow<()> {
        if self.repository.is_boundary(&id) {
            self.readers.gap(SourceError::Shallow { commit: id.to_string() })?;
        }
        let commit = match self.repository.commit(&mut self.reader, &id) {
            Ok(commit) => commit,
            Err(error) => return self.readers.gap(error),
        };
        let place = Place::Message { commit: id.to_string() };
        self.readers.visit(Ok(Blob::new(place, commit.message())))?;
        let mut parents = Vec::new();
        if self.against == Against::Parents {
            for parent in &commit.parents {
                let tree = self.repository.commit(&mut self.reader, parent).map(|parent| parent.tree);
                match tree.and_then(|tree| self.read_tree(tree, &format!("the tree of commit {parent}"))) {
                    Ok(tree) => parents.push(tree),
                    Err(error) => self.readers.gap(error)?,
                }
            }
        }
        match self.read_tree(commit.tree, &format!("the tree of commit {id}")) {
            Ok(tree) => {
                let origin = Origin { commit: id.to_string(), time: commit.time };
                self.tree(&tree, &parents, &mut Vec::new(), &origin, 0)
            }
            Err(error) => self.readers.gap(error),
        }
    }

    fn read_tree(&mut self, id: ObjectId, what: &str) -> Result<Tree, SourceError> {
        Ok((id, self.repository.object(&mut self.reader, &id, Kind::Tree, what)?))
    }

    fn tree(
        &mut self,
        tree: &Tree,
        parents: &[Tree],
        path: &mut Vec<u8>,
        origin: &Origin,
        depth: usize,
    ) -> ControlFlow<()> {
        if depth > DEEPEST {
            let what = format!("{} (too deep)", String::from_utf8_lossy(path));
            return self.readers.gap(unread(&what, git2::Error::from_str("directories nested too deep")));
        }
        // Met a second time, a tree has nothing new: without this, a few small trees that hold one another many times
        // over would be read for ever. An exclusion may hold for one place of a tree and not for another.
        let path_counts = self.readers.excludes_any().then(|| hash_of(path));
        let olds: Vec<ObjectId> = parents.iter().map(|(id, _)| *id).collect();
        let whole = self.trees.contains(&(tree.0, hash_of(&(path_counts, Vec::<ObjectId>::new()))));
        if whole || !self.trees.insert((tree.0, hash_of(&(path_counts, olds)))) {
            return self.name(path, origin);
        }
        self.names.insert(hash_of(path.as_slice()));
        if path_counts.is_some() {
            let times = self.times.entry(tree.0).or_default();
            *times += 1;
            if *times > MOST_PLACES {
                let what = format!("tree {} ({})", tree.0, String::from_utf8_lossy(path));
                let why = git2::Error::from_str("it stands at too many places to try the exclusions at each of them");
                return if *times == MOST_PLACES + 1 { self.readers.gap(unread(&what, why)) } else { CONTINUE };
            }
        }
        let width = tree.0.as_bytes().len();
        let before: Vec<HashMap<&[u8], ObjectId>> = parents
            .iter()
            .map(|(_, old)| Entries::of(old, width).map(|entry| (entry.name, entry.id)).collect())
            .collect();
        let mut entries = Entries::of(&tree.1, width);
        for entry in entries.by_ref() {
            let olds: Vec<ObjectId> = before.iter().filter_map(|old| old.get(entry.name)).copied().collect();
            if olds.contains(&entry.id) {
                continue;
            }
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(entry.name);
            let flow = match entry.sort {
                Sort::Content => self.blob(entry.id, path, origin),
                Sort::Directory => self.below(entry.id, &olds, path, origin, depth),
                Sort::Submodule => CONTINUE, // it has its own history
            };
            path.truncate(length);
            flow?;
        }
        if entries.is_whole() {
            return CONTINUE;
        }
        let what = format!("tree {} ({})", tree.0, String::from_utf8_lossy(path));
        self.readers.gap(unread(&what, git2::Error::from_str("it is not of the form of its kind")))
    }

    fn below(
        &mut self,
        id: ObjectId,
        olds: &[ObjectId],
        path: &mut Vec<u8>,
        origin: &Origin,
        depth: usize,
    ) -> ControlFlow<()> {
        let olds: Vec<Tree> = olds.iter().filter_map(|old| self.read_tree(*old, "").ok()).collect();
        match self.read_tree(id, &format!("tree {id} ({})", String::from_utf8_lossy(path))) {
            Ok(tree) => self.tree(&tree, &olds, path, origin, depth + 1),
            Err(error) => self.readers.gap(error),
        }
    }

    /// What was read elsewhere stands under this name too, and a name may hold a token.
    fn name(&mut self, path: &[u8], origin: &Origin) -> ControlFlow<()> {
        if path.is_empty() || !self.names.insert(hash_of(path)) {
            return CONTINUE;
        }
        let path = String::from_utf8_lossy(path).into_owned();
        if self.readers.excludes(&path) {
            return CONTINUE;
        }
        let place = Place::Commit { commit: origin.commit.clone(), path, time: origin.time };
        self.readers.visit(Ok(Blob::new(place, &[])))
    }

    fn blob(&mut self, id: ObjectId, path: &[u8], origin: &Origin) -> ControlFlow<()> {
        let shown = String::from_utf8_lossy(path).into_owned();
        // A blob is read once, except that a path which is left out must not hide it at another.
        let key = if self.readers.excludes(&shown) { hash_of(path) } else { 0 };
        if !self.blobs.insert((id, key)) {
            return self.name(path, origin);
        }
        self.names.insert(hash_of(path));
        let place = Place::Commit { commit: origin.commit.clone(), path: shown, time: origin.time };
        self.readers.want(Wanted { id, place })
    }
}

/// The commit that is being read.
struct Origin {
    commit: String,
    time: i64,
}

fn hash_of(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish() | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_two_ends() {
        let range = |text: &str| Range::new(Whereabouts::Environment, text, Limits::default(), 1);
        let ends = |text: &str| range(text).map(|range| (range.base, range.tip)).ok();
        assert_eq!(ends("a..b"), Some(("a".to_owned(), "b".to_owned())));
        assert_eq!(ends("a.."), Some(("a".to_owned(), "HEAD".to_owned())));
        for wrong in ["a", "..b", "a...b", ""] {
            assert!(matches!(range(wrong), Err(SourceError::Range { .. })), "{wrong}");
        }
    }
}
