//! What a push brings: of every reference that it moves, the commits that the other side does not have yet, the tags on
//! the way with their messages, and the names of the references.

use super::blobs::{Readers, read_all};
use super::commits::{Against, Reading};
use super::pack::ObjectId;
use super::repository::Repository;
use super::starts::Starts;
use super::walk::Commits;
use super::{Whereabouts, tracking};
use crate::model::Place;
use crate::source::{Blob, Limits, Source, SourceError, Visit};
use std::ops::ControlFlow;

/// A reference that a push moves, makes or deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// Its name on the receiving side.
    pub name: String,
    /// Where it is now; none when it is new.
    pub old: Option<ObjectId>,
    /// Where it is to be; none when it is to be deleted.
    pub new: Option<ObjectId>,
}

impl RefUpdate {
    /// The lines that git writes for `pre-push`: local reference, local object, remote reference, remote object.
    ///
    /// # Errors
    /// When one of them is no such line.
    pub fn pushed(lines: &[u8]) -> Result<Vec<Self>, SourceError> {
        // What was pushed is named as it was typed, which may hold spaces.
        each(lines, |line| {
            let mut words = line.rsplitn(4, |&byte| byte == b' ');
            let (old, name, new, typed) = (words.next()?, words.next()?, words.next()?, words.next()?);
            if typed.is_empty() { None } else { Self::of(name, old, new) }
        })
    }

    /// The lines that git writes for `pre-receive`: old object, new object, reference.
    ///
    /// # Errors
    /// When one of them is no such line.
    pub fn received(lines: &[u8]) -> Result<Vec<Self>, SourceError> {
        each(lines, |line| {
            let mut words = line.splitn(3, |&byte| byte == b' ');
            let (old, new, name) = (words.next()?, words.next()?, words.next()?);
            Self::of(name, old, new)
        })
    }

    /// From its three parts.
    #[must_use]
    pub fn of(name: &[u8], old: &[u8], new: &[u8]) -> Option<Self> {
        let spaced = name.iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control());
        if name.is_empty() || spaced {
            return None;
        }
        Some(Self { name: String::from_utf8_lossy(name).into_owned(), old: object(old)?, new: object(new)? })
    }
}

fn each(lines: &[u8], read: impl Fn(&[u8]) -> Option<RefUpdate>) -> Result<Vec<RefUpdate>, SourceError> {
    let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let numbered = lines.split(|&byte| byte == b'\n').zip(1..);
    numbered.map(|(line, number)| read(line).ok_or(SourceError::RefLine { number })).collect()
}

/// An object's name in full; zeros stand for none.
fn object(text: &[u8]) -> Option<Option<ObjectId>> {
    let id: ObjectId = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(id.as_bytes().iter().any(|byte| *byte != 0).then_some(id))
}

/// What the other side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// This remote: what it said it has, and what was seen of it before.
    Remote(String),
    /// This repository, which receives: everything that its references reach.
    Here,
}

/// All that a push brings. There is no limit to the commits.
#[derive(Debug)]
pub struct Push {
    whereabouts: Whereabouts,
    updates: Vec<RefUpdate>,
    known: Known,
    limits: Limits,
    jobs: usize,
}

impl Push {
    /// Of these references.
    #[must_use]
    pub fn new(whereabouts: Whereabouts, updates: Vec<RefUpdate>, known: Known, limits: Limits, jobs: usize) -> Self {
        Self { whereabouts, updates, known, limits, jobs }
    }
}

impl Source for Push {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let repository = self.whereabouts.open()?;
        read_all(&repository, &self.limits, self.jobs, visit, |readers| {
            let mut reading = Reading::new(&repository, readers, Against::Parents);
            for group in groups(&repository, &self.updates, &self.known)? {
                let commits = Commits::between(&repository, &group.known, &group.tips);
                if reading.commits(commits).is_break() {
                    return Ok(());
                }
            }
            for update in &self.updates {
                let Some(new) = update.new else { continue };
                // An object that is not here is met when it is read, and is a gap.
                if name(readers, update, new).is_break() || reading.named(new, &update.name).is_break() {
                    return Ok(());
                }
            }
            Ok(())
        })
    }
}

/// A branch or tag may be called like a token.
fn name(readers: &Readers<'_>, update: &RefUpdate, new: ObjectId) -> ControlFlow<()> {
    let place = Place::Commit { commit: new.to_string(), path: update.name.clone(), time: 0 };
    readers.visit(Ok(Blob::new(place, &[])))
}

/// Commits, and what of them is known already.
struct Group {
    tips: Vec<ObjectId>,
    known: Vec<ObjectId>,
}

/// References that were there are held against what they were; those that are new, or were moved by somebody else
/// meanwhile, against all that is known of the other side.
fn groups(repository: &Repository, updates: &[RefUpdate], known: &Known) -> Result<Vec<Group>, SourceError> {
    let tip = |update: &RefUpdate| update.new.and_then(|id| repository.commit_of(&id));
    let remote = match known {
        Known::Here => {
            let known = Starts::of(repository).commits(repository);
            return Ok(vec![Group { tips: updates.iter().filter_map(tip).collect(), known }]);
        }
        Known::Remote(remote) => remote,
    };
    let old = |update: &RefUpdate| update.old.and_then(|id| repository.commit_of(&id));
    let there: Vec<ObjectId> = updates.iter().filter_map(old).collect();
    let (moved, new): (Vec<_>, Vec<_>) = updates.iter().partition(|update| old(update).is_some());
    let moved = Group { tips: moved.into_iter().filter_map(tip).collect(), known: there.clone() };
    let mut new = Group { tips: new.into_iter().filter_map(tip).collect(), known: there };
    if !new.tips.is_empty() {
        let missing = updates.iter().filter(|update| update.old.is_none() && update.new.is_some());
        let missing: Vec<&str> = missing.map(|update| update.name.as_str()).collect();
        new.known.extend(tracking::seen_of(repository, remote, &missing)?);
    }
    Ok([moved, new].into_iter().filter(|group| !group.tips.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    #[test]
    fn lines_of_a_push_are_read_from_their_end() {
        let text = format!("HEAD@{{2 days ago}} {A} refs/heads/x {ZERO}\n(delete) {ZERO} refs/heads/y {A}\n");
        let updates = RefUpdate::pushed(text.as_bytes()).unwrap();
        let a = A.parse().ok();
        assert_eq!(updates[0], RefUpdate { name: "refs/heads/x".to_owned(), old: None, new: a });
        assert_eq!(updates[1], RefUpdate { name: "refs/heads/y".to_owned(), old: a, new: None });
        assert_eq!(RefUpdate::pushed(b"").unwrap(), []);
    }

    #[test]
    fn other_lines_are_errors_with_their_number() {
        let right = format!("x {A} refs/heads/x {ZERO}");
        for wrong in [
            "x".to_owned(),
            format!("{A} refs/heads/x {ZERO}"),
            format!(" {A} refs/heads/x {ZERO}"),
            format!("x {A} refs/heads/x 000"),
            format!("x {A} refs/heads/x {ZERO}0"),
            format!("x {A} refs/heads/x {}", A.replace('1', "g")),
            format!("x {A}  {ZERO}"),
            format!("x {A} refs/heads/x {ZERO} "),
            String::new(),
        ] {
            let text = format!("{right}\n{wrong}\n{right}\n");
            let error = RefUpdate::pushed(text.as_bytes()).unwrap_err();
            assert!(matches!(error, SourceError::RefLine { number: 2 }), "{wrong:?}: {error}");
        }
        for wrong in ["x", "1 2 refs/heads/x", &format!("{A} {ZERO}"), &format!("{A} {ZERO} a b")] {
            assert!(RefUpdate::received(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let name = "refs/heads/x".to_owned();
        let made = RefUpdate { name, old: None, new: A.parse().ok() };
        assert_eq!(RefUpdate::received(format!("{ZERO} {A} refs/heads/x\n").as_bytes()).unwrap(), [made]);
    }
}
