//! What holds an image: a tar in memory or on disk, or a directory. Its parts are read by name, where they lie.

use super::tape::{Forward, Kind, Tape};
use crate::archive::Input;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// How many links lead on to another link.
const LONGEST_CHAIN: usize = 8;

/// Parts of an image.
const MOST_MEMBERS: usize = 1_000_000;

/// An image that can be looked into.
#[derive(Debug)]
pub(super) enum Holder<'a> {
    Tar { whole: Window<'a>, members: BTreeMap<String, Member> },
    Folder { path: PathBuf, members: BTreeSet<String> },
}

/// A part of a tar.
#[derive(Debug)]
pub(super) enum Member {
    At { start: u64, size: u64 },
    Link(String),
}

/// A stretch of bytes that lie in memory or in a file, read without moving the file's own position.
#[derive(Clone, Debug)]
pub(super) struct Window<'a> {
    from: From<'a>,
    at: u64,
    end: u64,
}

#[derive(Clone, Debug)]
enum From<'a> {
    Bytes(&'a [u8]),
    File(&'a File),
    Opened(std::sync::Arc<File>),
}

impl<'a> Window<'a> {
    /// All of it.
    pub(super) fn of(input: &Input<'a>) -> io::Result<Self> {
        Ok(match *input {
            Input::Bytes(bytes) => Self { from: From::Bytes(bytes), at: 0, end: bytes.len() as u64 },
            Input::File(file) => Self { from: From::File(file), at: 0, end: file.metadata()?.len() },
        })
    }

    fn part(&self, start: u64, size: u64) -> Self {
        Self { from: self.from.clone(), at: start, end: start.saturating_add(size).min(self.end) }
    }

    /// How much of it is left.
    pub(super) fn len(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.len()).unwrap_or(usize::MAX).min(buffer.len());
        let Some(room) = buffer.get_mut(..most) else { return Ok(0) };
        let read = match &self.from {
            From::Bytes(bytes) => {
                let at = usize::try_from(self.at).unwrap_or(usize::MAX);
                bytes.get(at..).unwrap_or_default().read(room)?
            }
            From::File(file) => file.read_at(room, self.at)?,
            From::Opened(file) => file.read_at(room, self.at)?,
        };
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl Forward for Window<'_> {
    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let there = self.len() >= bytes;
        self.at = self.at.saturating_add(bytes).min(self.end);
        if there { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl<'a> Holder<'a> {
    /// What a tar holds, if its first entry has the name that the first entry of an image has; where the tar ends before
    /// its end, the error stands beside what came before.
    pub(super) fn of_tar(input: &Input<'a>) -> Option<(Self, Option<io::Error>)> {
        let whole = Window::of(input).ok()?;
        let (mut tape, mut members, mut first) = (Tape::new(whole.clone()), BTreeMap::new(), true);
        let error = loop {
            let entry = match tape.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            if first && !entry.name.is_empty() {
                first = false;
                if !begins_an_image(&entry.name) {
                    return None;
                }
            }
            let member = match entry.kind {
                Kind::File => Member::At { start: entry.at, size: entry.size },
                Kind::HardLink => Member::Link(entry.target.trim_start_matches("./").to_owned()),
                Kind::SymbolicLink => Member::Link(beside(&entry.name, &entry.target)),
                Kind::Directory | Kind::Other => continue,
            };
            members.insert(entry.name, member);
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

    /// A part, by the name under which it really lies.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(&self, name: &str) -> io::Result<Window<'a>> {
        match self {
            Self::Tar { whole, members } => match members.get(name) {
                Some(Member::At { start, size }) if start.saturating_add(*size) <= whole.end => {
                    Ok(whole.part(*start, *size))
                }
                Some(Member::At { .. }) => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            Self::Folder { path, .. } => {
                let file = File::open(path.join(name))?;
                let end = file.metadata()?.len();
                Ok(Window { from: From::Opened(std::sync::Arc::new(file)), at: 0, end })
            }
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
