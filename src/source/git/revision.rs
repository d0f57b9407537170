//! What a person or a service writes for a commit: names of objects, whole or shortened, names of references, and the
//! steps from there to ancestors and to what a tag leads to.

use super::pack::{Kind, ObjectId};
use super::parts::Note;
use super::repository::Repository;
use crate::source::SourceError;
use git2::{ErrorClass, ErrorCode};

/// Where git looks for a name, in this order.
const WHERE: [&str; 6] = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/", "refs/remotes/…/HEAD"];

/// Fewer digits are no name of an object.
const LEAST_DIGITS: usize = 4;

/// Generations that are gone back.
const MOST_BACK: u32 = 1_000_000;

impl Repository {
    /// The object that a revision means.
    ///
    /// # Errors
    /// When it is not in this repository, or means more than one object.
    pub fn object_of(&self, revision: &str) -> Result<ObjectId, SourceError> {
        let found = match self.read_revision(revision) {
            Some(found) => found,
            None => self.by_library(revision),
        };
        found.map_err(|why| missing(revision, &why))
    }

    /// The commit that a revision means.
    ///
    /// # Errors
    /// As [`Repository::object_of`], and when it leads to no commit.
    pub fn commit_at(&self, revision: &str) -> Result<ObjectId, SourceError> {
        let id = self.object_of(revision)?;
        self.commit_of(&id).ok_or_else(|| missing(revision, "it leads to no commit"))
    }

    /// The commit of this name, whole or shortened, or that a tag of this name leads to.
    #[must_use]
    pub fn commit_by_digits(&self, digits: &str) -> Option<ObjectId> {
        let id = match digits.parse::<ObjectId>() {
            Ok(id) => id,
            Err(_) => self.one_of(digits).ok()?,
        };
        self.commit_of(&id)
    }

    /// None when it is written in a way that is not read here.
    fn read_revision(&self, revision: &str) -> Option<Result<ObjectId, String>> {
        if revision.contains("@{") || revision.contains(':') {
            return None;
        }
        let end = revision.find(['~', '^']).unwrap_or(revision.len());
        let (name, mut steps) = revision.split_at_checked(end)?;
        let mut id = match self.named(name) {
            Ok(id) => id,
            Err(why) => return Some(Err(why)),
        };
        while let Some(sign) = steps.chars().next() {
            let (step, rest) = Step::read(sign, steps.get(1..)?)?;
            steps = rest;
            match self.stepped(id, step) {
                Some(next) => id = next,
                None => return Some(Err(format!("'{name}' has no such ancestor or is no such object"))),
            }
        }
        Some(Ok(id))
    }

    fn named(&self, name: &str) -> Result<ObjectId, String> {
        let name = if name == "@" { "HEAD" } else { name };
        if let Ok(id) = name.parse::<ObjectId>()
            && id.hash() == self.hash()
        {
            return if self.contains(&id) { Ok(id) } else { Err("there is no such object".to_owned()) };
        }
        for place in WHERE {
            let full = match place.split_once('…') {
                Some((before, after)) => format!("{before}{name}{after}"),
                None => format!("{place}{name}"),
            };
            let at = self.reference(&full).map_err(|error| error.in_words())?;
            if let Some(id) = at {
                return Ok(id);
            }
        }
        self.one_of(name)
    }

    fn one_of(&self, digits: &str) -> Result<ObjectId, String> {
        let is_name = digits.len() >= LEAST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = if is_name { self.abbreviated(digits) } else { Vec::new() };
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err("there is no such object or reference".to_owned()),
            _ => Err("more than one object has a name that begins like that".to_owned()),
        }
    }

    fn stepped(&self, id: ObjectId, step: Step<'_>) -> Option<ObjectId> {
        let mut reader = self.reader();
        let commit = |id: &ObjectId| self.commit_of(id);
        match step {
            Step::Parent(0) => commit(&id),
            Step::Parent(number) => {
                let parents = self.commit(&mut reader, &commit(&id)?).ok()?.parents;
                parents.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
            }
            Step::Back(count) => {
                let mut id = commit(&id)?;
                for _ in 0..count {
                    id = *self.commit(&mut reader, &id).ok()?.parents.first()?;
                }
                Some(id)
            }
            Step::Peeled("commit") => commit(&id),
            Step::Peeled("object") => Some(id),
            Step::Peeled(kind) => {
                let mut id = id;
                for _ in 0..64 {
                    let (found, bytes) = reader.read(&id).ok()??;
                    if found.name() == kind || (kind.is_empty() && found != Kind::Tag) {
                        return Some(id);
                    }
                    match found {
                        Kind::Tag | Kind::Commit => id = Note::of(&bytes).about?,
                        Kind::Tree | Kind::Blob => return None,
                    }
                }
                None
            }
        }
    }

    /// The other ways to name a commit (`main@{upstream}`, `:/words`), where the library can open the repository.
    fn by_library(&self, revision: &str) -> Result<ObjectId, String> {
        let asked = git2::Repository::open(self.path()).and_then(|repository| {
            let id = repository.revparse_single(revision)?.id();
            Ok(ObjectId::new(id.as_bytes()))
        });
        match asked {
            Ok(Some(id)) => Ok(id),
            Ok(None) => Err("there is no such object".to_owned()),
            Err(error) if error.code() == ErrorCode::NotFound => Err(error.message().to_owned()),
            Err(_) => Err("name the commit by its digits, a branch or a tag, with ~ and ^".to_owned()),
        }
    }
}

/// A step away from an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'t> {
    /// `^N`
    Parent(u32),
    /// `~N`
    Back(u32),
    /// `^{KIND}`
    Peeled(&'t str),
}

impl<'t> Step<'t> {
    /// What stands after the sign, and the rest.
    fn read(sign: char, text: &'t str) -> Option<(Self, &'t str)> {
        if let Some((kind, rest)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
            let known = matches!(kind, "" | "commit" | "tree" | "blob" | "tag" | "object");
            return (sign == '^' && known).then_some((Self::Peeled(kind), rest));
        }
        let end = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at_checked(end)?;
        let number = if digits.is_empty() { 1 } else { digits.parse().ok().filter(|number| *number <= MOST_BACK)? };
        match sign {
            '^' => Some((Self::Parent(number), rest)),
            '~' => Some((Self::Back(number), rest)),
            _ => None,
        }
    }
}

fn missing(revision: &str, why: &str) -> SourceError {
    let source = git2::Error::new(ErrorCode::NotFound, ErrorClass::Reference, why);
    SourceError::MissingRevision { revision: revision.to_owned(), source }
}
