//! Which commits there are, from some and without others.

use super::pack::{ObjectId, Reader};
use super::repository::Repository;
use crate::source::SourceError;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};

/// Commits that are looked at after the last one that may be wanted: clocks go wrong by a little.
const SLOP: u32 = 64;

/// Commits, oldest first, so that a blob is named by the commit that brought it.
pub(super) struct Commits {
    /// Those that can be read.
    pub(super) ids: Vec<ObjectId>,
    /// Those that cannot.
    pub(super) gaps: Vec<SourceError>,
}

impl Commits {
    /// What `tips` reach and `bases` do not. What cannot be read on the side of the bases only means that more is read on
    /// the other.
    pub(super) fn between(repository: &Repository, bases: &[ObjectId], tips: &[ObjectId]) -> Self {
        let mut paint = Paint::new(repository);
        bases.iter().for_each(|id| paint.put(*id, HIDDEN));
        tips.iter().for_each(|id| paint.put(*id, WANTED));
        paint.walk();
        let mut lost = std::mem::take(&mut paint.lost);
        lost.retain(|id, _| paint.marks.get(id).is_some_and(|mark| mark & HIDDEN == 0));
        Self { ids: paint.sorted(), gaps: lost.into_values().collect() }
    }
}

impl Repository {
    /// True when one commit is another, or reaches it.
    #[must_use]
    pub fn reaches(&self, commit: ObjectId, other: ObjectId) -> bool {
        let mut paint = Paint::new(self);
        paint.put(commit, HIDDEN);
        paint.put(other, WANTED);
        paint.walk();
        paint.marks.get(&other).is_some_and(|mark| mark & HIDDEN != 0)
    }

    /// The newest commit that two reach.
    #[must_use]
    pub fn merge_base(&self, one: ObjectId, other: ObjectId) -> Option<ObjectId> {
        let mut paint = Paint::new(self);
        paint.put(one, HIDDEN);
        paint.put(other, WANTED);
        while let Some((id, _)) = paint.next() {
            let both = |id: &ObjectId| paint.marks.get(id) == Some(&(HIDDEN | WANTED));
            if both(&id) && paint.queue.iter().all(|(_, id)| both(id)) {
                break;
            }
        }
        let common = || paint.marks.iter().filter(|(_, mark)| **mark == HIDDEN | WANTED).map(|(id, _)| *id);
        let older: HashSet<ObjectId> =
            common().filter_map(|id| paint.commits.get(&id)).flat_map(|node| node.parents.iter().copied()).collect();
        let newest = common().filter(|id| !older.contains(id));
        newest.max_by_key(|id| (paint.commits.get(id).map(|node| node.committed), *id))
    }
}

/// Reached from what is wanted.
const WANTED: u8 = 1;

/// Reached from what is known.
const HIDDEN: u8 = 2;

/// A commit that was met.
struct Node {
    committed: i64,
    parents: Vec<ObjectId>,
}

/// A walk from the newest commits to the oldest that paints them.
struct Paint<'a> {
    repository: &'a Repository,
    reader: Reader<'a>,
    marks: HashMap<ObjectId, u8>,
    commits: HashMap<ObjectId, Node>,
    lost: BTreeMap<ObjectId, SourceError>,
    queue: BinaryHeap<(i64, ObjectId)>,
    /// Those in the queue that are not hidden.
    open: usize,
    waiting: HashSet<ObjectId>,
}

impl<'a> Paint<'a> {
    fn new(repository: &'a Repository) -> Self {
        Self {
            repository,
            reader: repository.reader(),
            marks: HashMap::new(),
            commits: HashMap::new(),
            lost: BTreeMap::new(),
            queue: BinaryHeap::new(),
            open: 0,
            waiting: HashSet::new(),
        }
    }

    /// Paints a commit, and all before it that were painted already.
    fn put(&mut self, id: ObjectId, paint: u8) {
        let mut next = vec![id];
        while let Some(id) = next.pop() {
            let before = self.marks.get(&id).copied();
            let after = before.unwrap_or(0) | paint;
            if before == Some(after) {
                continue;
            }
            self.marks.insert(id, after);
            match before {
                None => self.enqueue(id, after),
                Some(before) => {
                    let was_open = before & HIDDEN == 0 && self.waiting.contains(&id);
                    if was_open && after & HIDDEN != 0 {
                        self.open -= 1;
                    }
                    if !self.waiting.contains(&id)
                        && let Some(commit) = self.commits.get(&id)
                    {
                        next.extend(&commit.parents);
                    }
                }
            }
        }
    }

    fn enqueue(&mut self, id: ObjectId, mark: u8) {
        match self.repository.commit(&mut self.reader, &id) {
            Ok(commit) => {
                self.queue.push((commit.committed, id));
                self.commits.insert(id, Node { committed: commit.committed, parents: commit.parents });
                self.waiting.insert(id);
                self.open += usize::from(mark & HIDDEN == 0);
            }
            Err(error) => {
                self.lost.insert(id, error);
            }
        }
    }

    /// Takes the newest that waits, and paints what is before it.
    fn next(&mut self) -> Option<(ObjectId, i64)> {
        let (time, id) = self.queue.pop()?;
        self.waiting.remove(&id);
        let mark = self.marks.get(&id).copied().unwrap_or(0);
        self.open -= usize::from(mark & HIDDEN == 0);
        let parents = self.commits.get(&id).map(|commit| commit.parents.clone()).unwrap_or_default();
        parents.into_iter().for_each(|parent| self.put(parent, mark));
        Some((id, time))
    }

    /// Goes on until nothing that waits can be wanted, or hide what is.
    fn walk(&mut self) {
        let (mut oldest, mut slop) = (i64::MAX, SLOP);
        while let Some((time, _)) = self.queue.peek().copied() {
            if self.open > 0 || time >= oldest {
                slop = SLOP;
            } else if slop == 0 {
                break;
            } else {
                slop -= 1;
            }
            if let Some((id, time)) = self.next()
                && self.marks.get(&id).is_some_and(|mark| mark & HIDDEN == 0)
            {
                oldest = oldest.min(time);
            }
        }
    }

    /// Those that are wanted, parents before children, and the older of two that are neither.
    fn sorted(&self) -> Vec<ObjectId> {
        let wanted = |id: &ObjectId| self.marks.get(id) == Some(&WANTED) && self.commits.contains_key(id);
        let (mut waits, mut children) = (HashMap::new(), HashMap::<ObjectId, Vec<ObjectId>>::new());
        let mut ready = BinaryHeap::new();
        for (id, commit) in self.commits.iter().filter(|(id, _)| wanted(id)) {
            let parents: BTreeSet<ObjectId> = commit.parents.iter().copied().filter(wanted).collect();
            if parents.is_empty() {
                ready.push(Reverse((commit.committed, *id)));
            }
            waits.insert(*id, parents.len());
            parents.into_iter().for_each(|parent| children.entry(parent).or_default().push(*id));
        }
        let mut order = Vec::with_capacity(waits.len());
        while let Some(Reverse((_, id))) = ready.pop() {
            order.push(id);
            for child in children.remove(&id).unwrap_or_default() {
                let Some(left) = waits.get_mut(&child) else { continue };
                *left -= 1;
                if *left == 0 {
                    let committed = self.commits.get(&child).map_or(0, |commit| commit.committed);
                    ready.push(Reverse((committed, child)));
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::git::Whereabouts;
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::path::Path;
    use std::process::{Command, Stdio};

    const COMMITS: u64 = 120;

    fn git(top: &Path, arguments: &[&str]) -> BTreeSet<ObjectId> {
        let ran = Command::new("git").args(arguments).current_dir(top).output().unwrap();
        String::from_utf8(ran.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }

    /// Commits with one to three parents among the ones before. `time` gives their times.
    fn woven(form: &str, time: impl Fn(u64, u64) -> u64) -> (tempfile::TempDir, Vec<ObjectId>) {
        let world = tempfile::tempdir().unwrap();
        git(world.path(), &["init", "-q", "--object-format", form]);
        let (mut stream, mut state) = (String::new(), 77_u64);
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        for number in 1..=COMMITS {
            let time = 1_700_000_000 + time(number, next(1000));
            write!(stream, "commit refs/heads/c{number}\nmark :{number}\ncommitter k <k@x> {time} +0000\ndata 1\nm\n")
                .unwrap();
            let mut parents: Vec<u64> = (0..1 + next(3)).map(|_| number.saturating_sub(1 + next(9))).collect();
            parents.dedup();
            for (place, parent) in parents.iter().filter(|parent| **parent > 0).enumerate() {
                writeln!(stream, "{} :{parent}", if place == 0 { "from" } else { "merge" }).unwrap();
            }
            stream.push('\n');
        }
        let mut child = Command::new("git")
            .args(["fast-import", "--quiet"])
            .current_dir(world.path())
            .stdin(Stdio::piped())
            .spawn();
        child.as_mut().unwrap().stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        assert!(child.unwrap().wait().unwrap().success());
        let names = (1..=COMMITS).map(|number| format!("refs/heads/c{number}"));
        let ids = names.map(|name| git(world.path(), &["rev-parse", &name]).pop_first().unwrap()).collect();
        (world, ids)
    }

    #[test]
    fn ranges_are_those_of_git() {
        for (form, same) in [("sha1", false), ("sha256", true)] {
            let (world, ids) = woven(form, |number, _| if same { 0 } else { number });
            let repository = Whereabouts::Holding(world.path().to_owned()).open().unwrap();
            for step in 1..40 {
                let (one, other) = (ids[(step * 37) % ids.len()], ids[(step * 53 + 11) % ids.len()]);
                let expected = git(world.path(), &["rev-list", &format!("{one}..{other}")]);
                let found = Commits::between(&repository, &[one], &[other]);
                assert!(found.gaps.is_empty());
                assert_eq!(found.ids.iter().copied().collect::<BTreeSet<_>>(), expected, "{one}..{other}");
                let place = |id: &ObjectId| found.ids.iter().position(|other| other == id);
                for id in &found.ids {
                    let parents = repository.commit(&mut repository.reader(), id).unwrap().parents;
                    assert!(parents.iter().filter_map(place).all(|parent| Some(parent) < place(id)), "parents first");
                }
                let bases = git(world.path(), &["merge-base", "--all", &one.to_string(), &other.to_string()]);
                let base = repository.merge_base(one, other);
                assert_eq!(base.is_some(), !bases.is_empty());
                assert!(base.is_none_or(|base| bases.contains(&base)), "{one} {other}");
                assert_eq!(repository.reaches(one, other), bases.contains(&other));
            }
        }
    }

    #[test]
    fn clocks_that_go_wrong_hide_nothing() {
        let (world, ids) = woven("sha1", |_, random| random);
        let repository = Whereabouts::Holding(world.path().to_owned()).open().unwrap();
        for step in 1..40 {
            let (one, other) = (ids[(step * 37) % ids.len()], ids[(step * 53 + 11) % ids.len()]);
            // Git itself is led astray by such clocks where it may stop early.
            let all = |id: ObjectId| git(world.path(), &["rev-list", &id.to_string()]);
            let expected: BTreeSet<_> = all(other).difference(&all(one)).copied().collect();
            let found: BTreeSet<_> = Commits::between(&repository, &[one], &[other]).ids.into_iter().collect();
            assert!(found.is_superset(&expected), "{one}..{other}");
        }
    }
}
