//! Commits of a range: the blobs they bring and their messages.

use super::blobs::{Readers, Wanted, read_all};
use super::starts::Starts;
use super::walk::Commits;
use super::{Whereabouts, unread};
use crate::model::Place;
use crate::source::{Blob, Limits, Source, SourceError, Visit};
use git2::{ObjectType, Oid, Repository, Tree};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::ops::ControlFlow;

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
        let base = if new_branch { None } else { Some(commit_id(&repository, &self.base)?) };
        let named = object_of(&repository, &self.tip)?;
        let tip = commit_id(&repository, &self.tip)?;
        let commits = Commits::between(&repository, base.as_slice(), &[tip]);
        read_all(&self.whereabouts, &self.limits, self.jobs, visit, |readers| {
            let mut reading = Reading::new(&repository, readers, Against::Parents);
            let _wanted = reading.commits(commits).is_continue() && reading.named(named, &self.tip).is_continue();
            Ok(())
        })
    }
}

fn object_of(repository: &Repository, revision: &str) -> Result<Oid, SourceError> {
    let missing = |source| SourceError::MissingRevision { revision: revision.to_owned(), source };
    Ok(repository.revparse_single(revision).map_err(missing)?.id())
}

fn commit_id(repository: &Repository, revision: &str) -> Result<Oid, SourceError> {
    let missing = |source| SourceError::MissingRevision { revision: revision.to_owned(), source };
    let object = repository.revparse_single(revision).map_err(missing)?;
    Ok(object.peel_to_commit().map_err(missing)?.id())
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
    readers: &'a Readers<'a>,
    against: Against,
    /// Commits whose parents were cut off.
    boundary: HashSet<Oid>,
    blobs: HashSet<(Oid, u64)>,
    trees: HashSet<(Oid, u64)>,
    /// Paths that were looked at.
    names: HashSet<u64>,
    /// At how many places a tree was met, where its place counts.
    times: HashMap<Oid, u32>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(repository: &'a Repository, readers: &'a Readers<'a>, against: Against) -> Self {
        let boundary = boundary_of(repository);
        Self {
            repository,
            readers,
            against,
            boundary,
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
    pub(super) fn named(&mut self, mut id: Oid, name: &str) -> ControlFlow<()> {
        for _ in 0..DEEPEST {
            let object = match self.repository.find_object(id, None) {
                Ok(object) => object,
                Err(source) => return self.readers.gap(unread(&format!("{name} ({id})"), source)),
            };
            let origin = Origin { commit: id.to_string(), time: 0 };
            if let Some(tag) = object.as_tag() {
                let place = Place::Message { commit: id.to_string() };
                let bytes = tag.message_bytes().unwrap_or_default();
                self.readers.visit(Ok(Blob::new(place, bytes)))?;
                id = tag.target_id();
            } else if let Some(tree) = object.as_tree() {
                return self.tree(tree, &[], &mut Vec::new(), &origin, 0);
            } else if object.as_blob().is_some() {
                return self.blob(id, name.as_bytes(), &origin);
            } else {
                return CONTINUE; // commits were walked
            }
        }
        CONTINUE
    }

    fn commit(&mut self, id: Oid) -> ControlFlow<()> {
        if self.boundary.contains(&id) {
            self.readers.gap(SourceError::Shallow { commit: id.to_string() })?;
        }
        let commit = match self.repository.find_commit(id) {
            Ok(commit) => commit,
            Err(source) => return self.readers.gap(unread(&format!("commit {id}"), source)),
        };
        let place = Place::Message { commit: id.to_string() };
        self.readers.visit(Ok(Blob::new(place, commit.message_bytes())))?;
        let mut parents = Vec::new();
        if self.against == Against::Parents {
            for parent in commit.parents() {
                match parent.tree() {
                    Ok(tree) => parents.push(tree),
                    Err(source) => self.readers.gap(unread(&format!("the tree of commit {}", parent.id()), source))?,
                }
            }
        }
        match commit.tree() {
            Ok(tree) => {
                let origin = Origin { commit: id.to_string(), time: commit.author().when().seconds() };
                self.tree(&tree, &parents, &mut Vec::new(), &origin, 0)
            }
            Err(source) => self.readers.gap(unread(&format!("the tree of commit {id}"), source)),
        }
    }

    fn tree(
        &mut self,
        tree: &Tree<'_>,
        parents: &[Tree<'_>],
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
        let olds: Vec<Oid> = parents.iter().map(Tree::id).collect();
        let whole = self.trees.contains(&(tree.id(), hash_of(&(path_counts, Vec::<Oid>::new()))));
        if whole || !self.trees.insert((tree.id(), hash_of(&(path_counts, olds)))) {
            return self.name(path, origin);
        }
        self.names.insert(hash_of(path.as_slice()));
        if path_counts.is_some() {
            let times = self.times.entry(tree.id()).or_default();
            *times += 1;
            if *times > MOST_PLACES {
                let what = format!("tree {} ({})", tree.id(), String::from_utf8_lossy(path));
                let why = git2::Error::from_str("it stands at too many places to try the exclusions at each of them");
                return if *times == MOST_PLACES + 1 { self.readers.gap(unread(&what, why)) } else { CONTINUE };
            }
        }
        for entry in tree.iter() {
            let (id, name) = (entry.id(), entry.name_bytes());
            let before: Vec<_> = parents.iter().filter_map(|parent| parent.get_name_bytes(name)).collect();
            if before.iter().any(|old| old.id() == id) {
                continue;
            }
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            let flow = match entry.kind() {
                Some(ObjectType::Blob) => self.blob(id, path, origin),
                Some(ObjectType::Tree) => {
                    let old: Vec<_> =
                        before.iter().filter_map(|old| self.repository.find_tree(old.id()).ok()).collect();
                    match self.repository.find_tree(id) {
                        Ok(below) => self.tree(&below, &old, path, origin, depth + 1),
                        Err(source) => {
                            let what = format!("tree {id} ({})", String::from_utf8_lossy(path));
                            self.readers.gap(unread(&what, source))
                        }
                    }
                }
                _ => CONTINUE, // a submodule has its own history
            };
            path.truncate(length);
            flow?;
        }
        CONTINUE
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

    fn blob(&mut self, id: Oid, path: &[u8], origin: &Origin) -> ControlFlow<()> {
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

/// Where a shallow clone is cut off.
fn boundary_of(repository: &Repository) -> HashSet<Oid> {
    let Ok(text) = std::fs::read_to_string(repository.commondir().join("shallow")) else {
        return HashSet::new(); // only shallow clones have the file
    };
    text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()
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
