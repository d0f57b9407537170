//! What holds an image: a tar in memory or on disk, or a directory. Its parts are read by name, where they lie.

use crate::archive::outlet::{Halt, Outlet};
use crate::archive::region::{Feed, Region};
use crate::archive::tar::{Kind, Tape};
use crate::archive::{ArchiveError, Budget};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How many links lead on to another link.
const LONGEST_CHAIN: usize = 8;

/// Parts of an image.
const MOST_MEMBERS: usize = 1_000_000;

/// An image that can be looked into.
#[derive(Debug)]
pub(super) enum Holder<'a> {
    Tar { whole: Region<'a>, members: BTreeMap<String, Member> },
    Folder { path: PathBuf, members: BTreeSet<String> },
}

/// A part of a tar.
#[derive(Debug)]
pub(super) enum Member {
    At { start: u64, size: u64 },
    Link(String),
}

impl<'a> Holder<'a> {
    /// What a tar holds, if its first entry has the name that the first entry of an image has; where the tar ends before
    /// its end, the error stands beside what came before.
    pub(super) fn of_tar(whole: Region<'a>, budget: &Budget) -> Option<(Self, Option<ArchiveError>)> {
        // What is only passed over costs nothing of what may be expanded.
        let (mut budget, mut visit) = (budget.clone(), |_: crate::archive::Item<'_>| ControlFlow::Continue(()));
        let mut outlet = Outlet::new(&mut budget, &mut visit);
        let (mut tape, mut members) = (Tape::new(Feed::Region(whole), String::new()), BTreeMap::new());
        let mut first = true;
        let error = loop {
            let entry = match tape.next(&mut outlet) {
                Ok(Some(entry)) => entry,
                Ok(None) | Err(Halt::Stopped) => break None,
                Err(Halt::Failed(error)) => break Some(error),
            };
            let (path, target) = (entry.path(), String::from_utf8_lossy(&entry.target));
            if first && !path.is_empty() {
                first = false;
                if !begins_an_image(&path) {
                    return None;
                }
            }
            let member = match entry.kind {
                Kind::File => Member::At { start: entry.at, size: entry.size },
                Kind::HardLink => Member::Link(target.trim_start_matches("./").to_owned()),
                Kind::SymbolicLink => Member::Link(beside(&path, &target)),
                Kind::Directory | Kind::Other => continue,
            };
            members.insert(path, member);
            if members.len() > MOST_MEMBERS {
                return None; // no image has so many parts; as any tar it is read from front to back
            }
        };
        Some((Self::Tar { whole, members }, error))
    }

    /// What a directory holds that is an image: an OCI layout, or the parts that `skopeo` puts side by side. Of the
    /// directories below it that cannot be listed, it is said why.
    pub(super) fn of_folder(path: &Path) -> (Self, Vec<(String, io::Error)>) {
        let (mut members, mut unread) = (BTreeSet::new(), Vec::new());
        let mut waiting = vec![(path.to_owned(), String::new())];
        while let Some((directory, before)) = waiting.pop() {
            if let Err(error) = list(&directory, &before, &mut members, &mut waiting) {
                unread.push((before.trim_end_matches('/').to_owned(), error));
            }
        }
        unread.sort_by(|one, other| one.0.cmp(&other.0));
        (Self::Folder { path: path.to_owned(), members }, unread)
    }

    /// The names of all parts that have bytes of their own.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Tar { members, .. } => members
                .iter()
                .filter(|(_, member)| matches!(member, Member::At { .. }))
                .map(|(name, _)| name)
                .cloned()
                .collect(),
            Self::Folder { members, .. } => members.iter().cloned().collect(),
        }
    }

    /// The name under which a part really lies; none if it is not there.
    pub(super) fn find(&self, name: &str) -> Option<String> {
        match self {
            Self::Folder { members, .. } => members.contains(name).then(|| name.to_owned()),
            Self::Tar { members, .. } => {
                let mut name = name;
                for _ in 0..LONGEST_CHAIN {
                    match members.get(name)? {
                        Member::At { .. } => return Some(name.to_owned()),
                        Member::Link(target) => name = target,
                    }
                }
                None
            }
        }
    }

    /// Where a part stands in a tar.
    pub(super) fn stands(&self, name: &str) -> Option<u64> {
        match self {
            Self::Tar { members, .. } => match members.get(name)? {
                Member::At { start, .. } => Some(*start),
                Member::Link(_) => None,
            },
            Self::Folder { .. } => None,
        }
    }

    /// A part, by the name under which it really lies.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(&self, name: &str) -> io::Result<Box<dyn Read + 'a>> {
        match self {
            Self::Tar { whole, members } => match members.get(name) {
                Some(Member::At { start, size }) if start.saturating_add(*size) <= whole.length() => {
                    Ok(Box::new(whole.part(*start, *size)))
                }
                Some(Member::At { .. }) => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            Self::Folder { path, .. } => Ok(Box::new(File::open(path.join(name))?)),
        }
    }
}

/// The plain files of a directory, and the directories in it; links are not followed.
fn list(
    directory: &Path,
    before: &str,
    members: &mut BTreeSet<String>,
    waiting: &mut Vec<(PathBuf, String)>,
) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, format!("{before}{}", entry.file_name().to_string_lossy()));
        if kind.is_file() {
            members.insert(name);
        } else if kind.is_dir() {
            waiting.push((entry.path(), format!("{name}/")));
        }
    }
    Ok(())
}

/// Whether the first entry of a tar is one that an image begins with.
fn begins_an_image(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    let hex = first.split('.').next().unwrap_or_default();
    matches!(first, "blobs" | "oci-layout" | "index.json" | "manifest.json" | "repositories" | "version")
        || super::manifest::is_hex(hex)
}

/// The path that a link leads to, from where it stands.
fn beside(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
