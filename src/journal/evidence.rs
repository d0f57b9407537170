//! Checkpoints and their index in a folder, which lies best where the one who writes the journal can add but not change:
//! another machine's, or a bucket that takes everything once.
//!
//! `checkpoint-SIZE` is a signed checkpoint, alone in its file. `index-FROM-TO` names the records from the one number to
//! the other, a line each: `NUMBER ROTATION SEQ HASH`. What follows the number is an entry of the tree of which the
//! checkpoints hold the root, so the index needs no signature of its own. Files are added, never changed; one that was
//! cut by a crash is left as it is, and the next one begins where its last whole line ended.

use super::Checkpoint;
use super::tree::{Mark, Tree};
use crate::seal::{NoteError, NoteKey};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// No line of an index is longer.
const LINE_BYTES: u64 = 4_096;
/// No checkpoint is longer.
const NOTE_BYTES: u64 = 1 << 20;

/// Why evidence cannot be used or added to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// It cannot be read.
    #[error("could not read {}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("could not write {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no checkpoint.
    #[error("there is no whole checkpoint in {}", path.display())]
    None {
        /// Where.
        path: PathBuf,
    },
    /// The checkpoint is none, or not to be believed.
    #[error("the checkpoint {} is not to be believed", path.display())]
    Note {
        /// Where.
        path: PathBuf,
        /// Why.
        source: NoteError,
    },
    /// The index says something else than the checkpoint.
    #[error(
        "the index in {} is not the one of the checkpoint at record {size}: it was changed; copy the checkpoint alone to another \
         folder to verify against it without an index",
        path.display()
    )]
    Index {
        /// Where.
        path: PathBuf,
        /// Which checkpoint.
        size: u64,
    },
    /// There is another file where one is to be written.
    #[error("{} holds something else than what this journal writes there: name another folder", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
    },
}

/// What the files of a folder are called.
#[derive(Debug, Default)]
struct Listing {
    checkpoints: Vec<(u64, PathBuf)>,
    indexes: Vec<(u64, u64, PathBuf)>,
}

impl Listing {
    fn of(folder: &Path) -> Result<Self, EvidenceError> {
        let failed = |source| EvidenceError::Read { path: folder.to_owned(), source };
        let mut listing = Self::default();
        for file in std::fs::read_dir(folder).map_err(failed)? {
            let name = file.map_err(failed)?.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = folder.join(name);
            if let Some(size) = name.strip_prefix("checkpoint-").and_then(|size| size.parse().ok()) {
                listing.checkpoints.push((size, path));
            } else if let Some((from, to)) = name.strip_prefix("index-").and_then(|name| name.split_once('-'))
                && let (Ok(from), Ok(to)) = (from.parse(), to.parse())
            {
                listing.indexes.push((from, to, path));
            }
        }
        listing.checkpoints.sort();
        listing.indexes.sort();
        Ok(listing)
    }
}

/// Reads an index mark by mark, from the first on, as far as it has no gap.
#[derive(Debug, Default)]
pub(super) struct Index {
    files: VecDeque<PathBuf>,
    lines: Option<(PathBuf, BufReader<File>)>,
    read: u64,
}

impl Index {
    fn of(listing: &Listing) -> Self {
        Self { files: listing.indexes.iter().map(|(_, _, path)| path.clone()).collect(), lines: None, read: 0 }
    }

    /// How many marks were read.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn next(&mut self) -> Result<Option<Mark>, EvidenceError> {
        loop {
            if self.lines.is_none() {
                let Some(path) = self.files.pop_front() else { return Ok(None) };
                let file = File::open(&path).map_err(|source| EvidenceError::Read { path: path.clone(), source })?;
                self.lines = Some((path, BufReader::new(file)));
            }
            let Some((path, lines)) = &mut self.lines else { continue };
            let mut line = Vec::new();
            let read = lines.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line);
            read.map_err(|source| EvidenceError::Read { path: path.clone(), source })?;
            match parse(&line) {
                Some((number, mark)) if number == self.read + 1 => {
                    self.read = number;
                    return Ok(Some(mark));
                }
                // Two that wrote at the same time may both have written it.
                Some((number, _)) if number <= self.read => {}
                // The end, a line that was cut, or a gap.
                _ => self.lines = None,
            }
        }
    }
}

fn parse(line: &[u8]) -> Option<(u64, Mark)> {
    let (number, mark) = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.split_once(' ')?;
    Some((number.parse().ok()?, Mark::parse(mark)?))
}

/// Checkpoints that were read, and whether they may be believed.
#[derive(Debug)]
pub struct Evidence {
    folder: PathBuf,
    checkpoints: Vec<Checkpoint>,
    /// Who signed the last one, where keys were given.
    signer: Option<String>,
    /// Up to which record the index is that of a checkpoint.
    pub(super) indexed: u64,
}

impl Evidence {
    /// Reads a checkpoint with the index beside it, or all those of a folder. With keys, each must be signed with one of
    /// them.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn read(path: &Path, keys: &[NoteKey]) -> Result<Self, EvidenceError> {
        let failed = |source| EvidenceError::Read { path: path.to_owned(), source };
        let is_folder = std::fs::metadata(path).map_err(failed)?.is_dir();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = if is_folder { path } else { parent };
        let listing = Listing::of(folder)?;
        let files = match is_folder {
            true => listing.checkpoints.iter().map(|(_, path)| path.clone()).collect(),
            false => vec![path.to_owned()],
        };
        let (mut checkpoints, mut signer) = (Vec::new(), None);
        for file in files {
            let wrong = |source| EvidenceError::Note { path: file.clone(), source };
            let text = small(&file).map_err(|source| EvidenceError::Read { path: file.clone(), source })?;
            let checkpoint = match Checkpoint::parse(&text) {
                Ok(checkpoint) => checkpoint,
                // A crash cut it while it was written.
                Err(_) if is_folder => continue,
                Err(error) => return Err(wrong(error)),
            };
            if !keys.is_empty() {
                signer = Some(checkpoint.verify(keys).map_err(wrong)?.name().to_owned());
            }
            checkpoints.push(checkpoint);
        }
        if checkpoints.is_empty() {
            return Err(EvidenceError::None { path: path.to_owned() });
        }
        checkpoints.sort_by_key(|checkpoint| checkpoint.size);
        let mut evidence = Self { folder: folder.to_owned(), checkpoints, signer, indexed: 0 };
        evidence.indexed = evidence.match_index(&listing)?;
        Ok(evidence)
    }

    /// How far the index goes, if all that the checkpoints stand for is what it says.
    fn match_index(&self, listing: &Listing) -> Result<u64, EvidenceError> {
        let (mut index, mut tree, mut matched) = (Index::of(listing), Tree::default(), 0);
        for checkpoint in &self.checkpoints {
            while tree.size() < checkpoint.size {
                let Some(mark) = index.next()? else { return Ok(matched) };
                tree.push(&mark);
            }
            if tree.root() != checkpoint.root {
                return Err(EvidenceError::Index { path: self.folder.clone(), size: checkpoint.size });
            }
            matched = checkpoint.size;
        }
        Ok(matched)
    }

    /// The checkpoints, the smallest first.
    #[must_use]
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    pub(super) fn signer(&self) -> Option<&str> {
        self.signer.as_deref()
    }

    /// The index, and up to which record it may be believed.
    pub(super) fn index(&self) -> Result<(Index, u64), EvidenceError> {
        Ok((Index::of(&Listing::of(&self.folder)?), self.indexed))
    }
}

/// A folder that checkpoints are added to.
#[derive(Debug)]
pub struct EvidenceFolder {
    path: PathBuf,
    /// Up to which record the index goes.
    indexed: u64,
}

impl EvidenceFolder {
    /// The folder, made where there is none.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        std::fs::create_dir_all(path).map_err(|source| EvidenceError::Write { path: path.to_owned(), source })?;
        let mut index = Index::of(&Listing::of(path)?);
        while index.next()?.is_some() {}
        Ok(Self { path: path.to_owned(), indexed: index.read() })
    }

    /// Up to which record the index goes.
    pub(super) fn indexed(&self) -> u64 {
        self.indexed
    }

    /// The last checkpoint there that this key signed.
    pub(super) fn last(&self, key: &NoteKey) -> Result<Option<Checkpoint>, EvidenceError> {
        for (_, path) in Listing::of(&self.path)?.checkpoints.into_iter().rev() {
            let text = small(&path).map_err(|source| EvidenceError::Read { path, source })?;
            let signed = |checkpoint: &Checkpoint| checkpoint.verify(std::slice::from_ref(key)).is_ok();
            if let Some(checkpoint) = Checkpoint::parse(&text).ok().filter(signed) {
                return Ok(Some(checkpoint));
            }
        }
        Ok(None)
    }

    /// Adds marks to the index: those that follow the ones it has.
    pub(super) fn add_marks(&mut self, marks: &[Mark]) -> Result<(), EvidenceError> {
        if marks.is_empty() {
            return Ok(());
        }
        let from = self.indexed + 1;
        let to = self.indexed + marks.len() as u64;
        let lines: String = (from..).zip(marks).map(|(number, mark)| format!("{number} {mark}\n")).collect();
        self.write(&format!("index-{from:020}-{to:020}"), &lines)?;
        self.indexed = to;
        Ok(())
    }

    /// Adds a checkpoint; where it is.
    pub(super) fn add(&self, checkpoint: &Checkpoint) -> Result<PathBuf, EvidenceError> {
        self.write(&format!("checkpoint-{:020}", checkpoint.size), checkpoint.text())
    }

    /// Writes a file that is not there, or the rest of one that a crash cut: what is written there is the same each time.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf, EvidenceError> {
        let path = self.path.join(name);
        let failed = |source| EvidenceError::Write { path: path.clone(), source };
        let rest = match std::fs::read(&path) {
            Ok(there) => match text.as_bytes().strip_prefix(there.as_slice()) {
                Some([]) => return Ok(path),
                Some(rest) => rest,
                None => return Err(EvidenceError::Occupied { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => text.as_bytes(),
            Err(source) => return Err(EvidenceError::Read { path, source }),
        };
        let mut file = OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
        file.write_all(rest).and_then(|()| file.sync_all()).map_err(failed)?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(path)
    }
}

fn small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(NOTE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
