//! Objects in files of their own.

use super::map::open_file;
use super::{Fault, HashKind, Kind, ObjectId};
use crate::pack::Inflater;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes that the header of a single object takes at most, by far: a kind, a size and a zero.
const HEADER: usize = 64;

/// Where an object of this name would be.
pub(super) fn path_of(store: &Path, id: &ObjectId) -> PathBuf {
    let name = id.to_string();
    let (first, rest) = name.split_at_checked(2).unwrap_or((&name, ""));
    store.join(first).join(rest)
}

/// The names of the objects whose names begin with this byte, in order.
pub(super) fn names(store: &Path, first: u8, hash: HashKind) -> io::Result<Vec<ObjectId>> {
    let prefix = format!("{first:02x}");
    let entries = match std::fs::read_dir(store.join(&prefix)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        // Other names are those of files that git is still writing.
        let id = name.to_str().filter(|rest| rest.len() == 2 * hash.width() - 2);
        found.extend(id.and_then(|rest| format!("{prefix}{rest}").parse::<ObjectId>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// An object's own file, of which no more is read than needed.
#[derive(Debug)]
pub(super) struct Loose {
    packed: Vec<u8>,
    file: File,
    pub(super) kind: Kind,
    pub(super) size: u64,
    header: usize,
}

/// What reading of a single object came to.
#[derive(Debug)]
pub(super) enum LooseError {
    /// The file could not be read.
    File(io::Error),
    /// It is no object.
    Fault(Fault),
}

impl From<Fault> for LooseError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Loose {
    /// Reads the header.
    pub(super) fn open(path: &Path, inflater: &mut Inflater) -> Result<Self, LooseError> {
        let mut file = open_file(path).map_err(LooseError::File)?;
        let mut packed = vec![0; 4 * HEADER];
        let came = fill(&mut file, &mut packed).map_err(LooseError::File)?;
        packed.truncate(came);
        let mut head = [0; HEADER];
        let came = inflater.head(&packed, &mut head)?;
        let head = head.get(..came).unwrap_or_default();
        let (kind, size, header) = parsed(head).ok_or(Fault::Header)?;
        Ok(Self { packed, file, kind, size, header })
    }

    /// Unpacks it into `out`: what comes before its bytes is taken away.
    pub(super) fn read(mut self, inflater: &mut Inflater, out: &mut Vec<u8>) -> Result<(), LooseError> {
        // What does not compress takes a little more than its size.
        let most = self.size.saturating_add(self.size / 1_000).saturating_add(4_096);
        (&mut self.file).take(most).read_to_end(&mut self.packed).map_err(LooseError::File)?;
        let whole = self.size.checked_add(self.header as u64).ok_or(Fault::Absurd(self.size))?;
        inflater.inflate(&self.packed, whole, out)?;
        out.drain(..self.header);
        Ok(())
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Kind, size, and how long the header is: `blob 12` and a zero.
fn parsed(head: &[u8]) -> Option<(Kind, u64, usize)> {
    let end = head.iter().position(|byte| *byte == 0)?;
    let text = head.get(..end)?;
    let space = text.iter().position(|byte| *byte == b' ')?;
    let kind = Kind::named(text.get(..space)?)?;
    let digits = text.get(space + 1..)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((kind, size, end + 1))
}
