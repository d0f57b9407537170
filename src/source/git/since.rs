//! What came into a repository since it was last read: everything that its references reach now and did not reach then.

use super::blobs::read_all;
use super::commits::{Against, Reading};
use super::pack::ObjectId;
use super::repository::Repository;
use super::starts::Starts;
use super::walk::Commits;
use super::{Whereabouts, unread};
use crate::source::{Limits, Source, SourceError, Visit};
use std::collections::{BTreeMap, HashSet};

/// Where the references and heads of a repository stand, by name.
pub type Tips = BTreeMap<String, String>;

/// Where they stand now. References that cannot be read are not among them; whoever reads the history meets them as gaps.
///
/// # Errors
/// When there is no repository, or its references cannot be listed at all.
pub fn tips(whereabouts: &Whereabouts) -> Result<Tips, SourceError> {
    let starts = Starts::of(&whereabouts.open()?);
    Ok(starts.named.into_iter().map(|(name, id)| (name, id.to_string())).collect())
}

/// The name of the branch that `HEAD` stands for, and the commit that it is at; none of a repository without commits.
///
/// # Errors
/// When there is no repository, or its head cannot be read.
pub fn default_branch(whereabouts: &Whereabouts) -> Result<Option<(String, String)>, SourceError> {
    let repository = whereabouts.open()?;
    let head = repository.head()?;
    let name = repository.head_name()?;
    Ok(head.map(|commit| (name, commit.to_string())))
}

/// Everything that some tips reach and others do not. What is read is what stood at the tips that were given, wherever
/// the references have moved to since.
#[derive(Debug)]
pub struct Since {
    whereabouts: Whereabouts,
    tips: Tips,
    known: Tips,
    limits: Limits,
    jobs: usize,
}

impl Since {
    /// What `tips` reach and `known` did not. Known objects that are gone hide nothing.
    #[must_use]
    pub fn new(whereabouts: Whereabouts, tips: Tips, known: Tips, limits: Limits, jobs: usize) -> Self {
        Self { whereabouts, tips, known, limits, jobs }
    }

    fn starts(&self, repository: &Repository) -> Result<Starts, SourceError> {
        let known: HashSet<&String> = self.known.values().collect();
        let fresh = self.tips.iter().filter(|(_, object)| !known.contains(object));
        let named = fresh.map(|(name, object)| {
            let odd = |_| unread(name, git2::Error::from_str("it names no object"));
            let id = object.parse::<ObjectId>().map_err(odd)?;
            Ok((name.clone(), id))
        });
        // What cannot be read now is a gap, whatever it was then.
        let gaps = Starts::of(repository).gaps;
        Ok(Starts { named: named.collect::<Result<_, SourceError>>()?, gaps })
    }
}

impl Source for Since {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let repository = self.whereabouts.open()?;
        let starts = self.starts(&repository)?;
        let commit = |text: &String| repository.commit_of(&text.parse().ok()?);
        let bases: Vec<ObjectId> = self.known.values().filter_map(commit).collect();
        let commits = Commits::between(&repository, &bases, &starts.commits(&repository));
        let against = if bases.is_empty() { Against::Nothing } else { Against::Parents };
        read_all(&repository, &self.limits, self.jobs, visit, |readers| {
            let mut reading = Reading::new(&repository, readers, against);
            let _wanted = reading.commits(commits).is_continue() && reading.named_by(starts).is_continue();
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Missed;
    use std::collections::BTreeSet;
    use std::ops::ControlFlow;
    use std::process::Command;
    use std::sync::Mutex;

    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            world.git(&["init", "-q", "-b", "main"]);
            world
        }

        fn git(&self, arguments: &[&str]) -> String {
            let who = ["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"];
            let ran = Command::new("git").args(who).args(arguments).current_dir(self.0.path()).output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            String::from_utf8(ran.stdout).unwrap().trim().to_owned()
        }

        fn commit(&self, name: &str, text: &str) -> String {
            std::fs::write(self.0.path().join(name), text).unwrap();
            self.git(&["add", "-A"]);
            self.git(&["commit", "-qm", &format!("message of {text}")]);
            self.git(&["rev-parse", "HEAD"])
        }

        fn at(&self) -> Whereabouts {
            Whereabouts::Holding(self.0.path().to_owned())
        }

        fn read(&self, tips: &Tips, known: &Tips) -> BTreeSet<String> {
            let seen = Mutex::new(BTreeSet::new());
            let since = Since::new(self.at(), tips.clone(), known.clone(), Limits::default(), 2);
            since
                .walk(&|item| {
                    let text = match item {
                        Ok(blob) => String::from_utf8_lossy(blob.bytes).trim().to_owned(),
                        Err(Missed::Unread(error)) => format!("gap: {error}"),
                        Err(Missed::Skipped { place, .. }) => format!("skipped: {place}"),
                        Err(quiet @ Missed::Quiet { .. }) => format!("{quiet:?}"),
                    };
                    seen.lock().unwrap().insert(text);
                    ControlFlow::Continue(())
                })
                .unwrap();
            seen.into_inner().unwrap()
        }
    }

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_came_since_is_read_on_every_branch_and_tag() {
        let world = World::new();
        assert!(tips(&world.at()).unwrap().is_empty() && default_branch(&world.at()).unwrap().is_none());
        world.commit("a", "one");
        let known = tips(&world.at()).unwrap();
        assert_eq!(world.read(&known, &Tips::new()), set(&["one", "message of one"]));
        assert_eq!(world.read(&known, &known), set(&[]));
        world.git(&["switch", "-qc", "side"]);
        world.commit("b", "two");
        world.git(&["tag", "-am", "words of a tag", "v1"]);
        world.git(&["switch", "-q", "main"]);
        world.commit("c", "three");
        let now = tips(&world.at()).unwrap();
        let fresh = ["two", "message of two", "words of a tag", "three", "message of three"];
        assert_eq!(world.read(&now, &known), set(&fresh));
        world.commit("d", "four");
        assert_eq!(world.read(&now, &known), set(&fresh), "what came after the tips is for the next time");
    }

    #[test]
    fn a_branch_that_was_set_back_or_cut_off_hides_nothing() {
        let world = World::new();
        let first = world.commit("a", "one");
        world.commit("a", "two");
        let known = tips(&world.at()).unwrap();
        world.git(&["reset", "-q", "--hard", &first]);
        world.commit("a", "other");
        world.git(&["reflog", "expire", "--expire=now", "--all"]);
        world.git(&["gc", "-q", "--prune=now"]);
        let now = tips(&world.at()).unwrap();
        assert!(world.read(&now, &known).is_superset(&set(&["other", "message of other"])));
    }

    #[test]
    fn the_default_branch_is_that_of_the_head() {
        let world = World::new();
        let first = world.commit("a", "one");
        let branch = default_branch(&world.at()).unwrap().unwrap();
        assert_eq!(branch, ("refs/heads/main".to_owned(), first));
    }
}
