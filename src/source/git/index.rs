//! The index: what the next commit is made of. Of versions 2 to 4, whole, split in two files, or with directories in the
//! place of their files, with names of either length. The format is documented by git (`index-format`).

use super::pack::{HashKind, ObjectId};
use super::refs::whole;
use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::path::Path;

/// Bytes of an entry before the name of its object.
const STAT: usize = 40;

/// Bytes of all paths together, for each byte of the file: version 4 says of a path only how it differs from the one
/// before, by which a small file could say many long ones.
const PATHS: usize = 8;

/// Directories below one another whose trees are remembered.
const DEEPEST: usize = 512;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// From the top of the work tree; that of a directory ends in `/`.
    pub(super) path: Vec<u8>,
    /// What it is.
    pub(super) sort: Sort,
    /// Its content.
    pub(super) id: ObjectId,
    /// The file as git saw it when that was its content.
    pub(super) stamp: Stamp,
    /// Which side of a conflict it is; 0 without one.
    pub(super) side: u8,
    /// Whether it is only meant to be added, and has no content yet.
    pub(super) is_intended: bool,
}

/// What the system said of a file: seconds and their fractions, and the low half of its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// When anything of it was changed.
    pub(super) changed: (u32, u32),
    /// When its content was changed.
    pub(super) modified: (u32, u32),
    /// Its bytes; zero as well where git is not sure of the rest.
    pub(super) size: u32,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A file or a link.
    Content,
    /// A directory, in the place of all that is below it.
    Directory,
    /// A commit of another repository.
    Submodule,
}

/// A directory whose tree is known: the next commit has it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Its tree.
    pub(super) id: ObjectId,
    /// How many entries are below it.
    pub(super) entries: usize,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// In the order of their paths.
    pub(super) entries: Vec<Entry>,
    /// The directories whose trees are known, by their paths with `/` at the end; the top is empty.
    pub(super) known: HashMap<Vec<u8>, Known>,
}

impl Index {
    /// Reads a file; without one nothing is staged. `home` is where the other part of a split one lies.
    ///
    /// # Errors
    /// When it cannot be read, or needs of its readers what is not known here.
    pub(super) fn read(file: &Path, home: &Path, hash: HashKind) -> Result<Self> {
        let bytes = match whole(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut part = Part::read(&bytes, hash)?;
        if let Some(link) = part.link.take() {
            let name = format!("sharedindex.{}", link.base);
            let mut shared = whole(&file.with_file_name(&name));
            if shared.is_err() {
                shared = whole(&home.join(&name));
            }
            let told = |error: Error| Error::new(error.kind(), format!("the other part of it, {name}: {error}"));
            let base = shared.and_then(|bytes| Part::read(&bytes, hash)).map_err(told)?;
            part.entries = link.merged(base, part.entries).ok_or_else(|| odd("its two parts do not fit"))?;
        }
        let paths = || part.entries.iter().map(|entry| (&entry.path, entry.side));
        if !paths().zip(paths().skip(1)).all(|(one, next)| one < next) {
            return Err(odd("its entries are not in order"));
        }
        Ok(Self { entries: part.entries, known: part.known })
    }
}

/// The paths that a file of an index names, one a line; none where it is damaged, or where `known` says that its tree is.
pub(super) fn paths(bytes: &[u8], hash: HashKind, known: impl Fn(&ObjectId) -> bool) -> Option<Vec<u8>> {
    let part = Part::read(bytes, hash).ok()?;
    let whole = part.known.get(&Vec::new()).filter(|whole| whole.entries == part.entries.len());
    if part.entries.is_empty() || whole.is_some_and(|whole| known(&whole.id)) {
        return None;
    }
    Some(part.entries.iter().flat_map(|entry| [entry.path.as_slice(), b"\n"]).collect::<Vec<_>>().concat())
}

fn odd(why: &str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

/// One file.
struct Part {
    entries: Vec<Entry>,
    known: HashMap<Vec<u8>, Known>,
    link: Option<Link>,
}

impl Part {
    fn read(bytes: &[u8], hash: HashKind) -> Result<Self> {
        let cut = || odd("it was cut short or written over");
        let body = bytes.len().checked_sub(hash.width()).and_then(|end| bytes.get(..end)).ok_or_else(cut)?;
        let mut text = Text { bytes: body, at: 0, width: hash.width() };
        if text.take(4) != Some(b"DIRC") {
            return Err(odd("it does not begin as an index does"));
        }
        let version = text.number().ok_or_else(cut)?;
        if !(2..=4).contains(&version) {
            return Err(Error::new(ErrorKind::Unsupported, format!("version {version} of it is not known here")));
        }
        let count = text.number().ok_or_else(cut)?;
        let (mut entries, mut path) = (Vec::new(), Vec::new());
        let mut room = bytes.len().saturating_mul(PATHS);
        for _ in 0..count {
            entries.push(text.entry(version, &mut path).ok_or_else(cut)?);
            room = room.checked_sub(path.len()).ok_or_else(|| odd("its paths are longer than any that git writes"))?;
        }
        let (mut known, mut link) = (HashMap::new(), None);
        while text.at < body.len() {
            let name = text.take(4).ok_or_else(cut)?;
            let length = text.number().and_then(|length| usize::try_from(length).ok()).ok_or_else(cut)?;
            let content = text.take(length).ok_or_else(cut)?;
            let mut inner = Text { bytes: content, at: 0, width: text.width };
            match name {
                // Git does without it when it is damaged, and so do we.
                b"TREE" => {
                    let _whole = inner.tree(&mut Vec::new(), &mut known, 0).is_some();
                }
                b"link" => link = inner.link().ok_or_else(cut)?,
                b"sdir" => {}
                // Those that begin in capitals may be passed over.
                [first, ..] if first.is_ascii_uppercase() => {}
                other => {
                    let name = String::from_utf8_lossy(other).escape_debug().to_string();
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        format!("it needs {name}, which is not known here"),
                    ));
                }
            }
        }
        Ok(Self { entries, known, link })
    }
}

/// Bytes that are read from the front.
struct Text<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Bytes of the name of an object.
    width: usize,
}

impl<'t> Text<'t> {
    fn take(&mut self, count: usize) -> Option<&'t [u8]> {
        let end = self.at.checked_add(count)?;
        let part = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(part)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk::<4>().map(|four| u32::from_be_bytes(*four))
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk::<2>().map(|two| u16::from_be_bytes(*two))
    }

    /// All up to a byte, which is passed over.
    fn until(&mut self, byte: u8) -> Option<&'t [u8]> {
        let length = memchr::memchr(byte, self.bytes.get(self.at..)?)?;
        let part = self.take(length)?;
        self.at += 1;
        Some(part)
    }

    /// `path` is that of the entry before, of which version 4 says what stays.
    fn entry(&mut self, version: u32, path: &mut Vec<u8>) -> Option<Entry> {
        let start = self.at;
        let stat = self.take(STAT)?;
        let word = |at: usize| stat.get(at..)?.first_chunk::<4>().map(|four| u32::from_be_bytes(*four));
        let mode = word(24)?;
        let stamp = Stamp { changed: (word(0)?, word(4)?), modified: (word(8)?, word(12)?), size: word(36)? };
        let id = ObjectId::new(self.take(self.width)?)?;
        let flags = self.short()?;
        let more = if flags & 0x4000 != 0 { self.short()? } else { 0 };
        if version == 4 {
            let gone = self.varint()?;
            path.truncate(path.len().checked_sub(gone)?);
            path.extend_from_slice(self.until(0)?);
        } else {
            path.clear();
            path.extend_from_slice(self.until(0)?);
            // Zeros fill an entry up to a multiple of eight; there is one at least, which was passed over.
            let length = (self.at - start).next_multiple_of(8);
            self.at = start.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        }
        let sort = match mode & 0o170_000 {
            0o040_000 => Sort::Directory,
            0o160_000 => Sort::Submodule,
            _ => Sort::Content,
        };
        let side = u8::try_from(flags >> 12 & 3).ok()?;
        Some(Entry { path: path.clone(), sort, id, stamp, side, is_intended: more & 0x2000 != 0 })
    }

    /// Seven bits to a byte, the first ones first, each continued number one more than it says.
    fn varint(&mut self) -> Option<usize> {
        let mut sum = 0_usize;
        loop {
            let byte = *self.take(1)?.first()?;
            sum = sum.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
            if byte & 0x80 == 0 {
                return Some(sum);
            }
            sum = sum.checked_add(1)?;
        }
    }

    /// A directory of which the tree is remembered, and those below it.
    fn tree(&mut self, path: &mut Vec<u8>, known: &mut HashMap<Vec<u8>, Known>, depth: usize) -> Option<()> {
        let length = path.len();
        let name = self.until(0)?;
        if !name.is_empty() {
            path.extend_from_slice(name);
            path.push(b'/');
        }
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
        let (entries, below) = (number(self.until(b' ')?)?, number(self.until(b'\n')?)?);
        if let Ok(entries) = usize::try_from(entries) {
            let id = ObjectId::new(self.take(self.width)?)?;
            known.insert(path.clone(), Known { id, entries });
        }
        for _ in 0..below {
            if depth >= DEEPEST {
                return None;
            }
            self.tree(path, known, depth + 1)?;
        }
        path.truncate(length);
        Some(())
    }

    /// None of a file that needs no other one.
    #[expect(clippy::option_option, reason = "the outer one is damage, the inner one is a file that stands alone")]
    fn link(&mut self) -> Option<Option<Link>> {
        let base = ObjectId::new(self.take(self.width)?)?;
        if base.as_bytes().iter().all(|byte| *byte == 0) {
            return Some(None);
        }
        let gone = if self.at == self.bytes.len() { Vec::new() } else { self.bits()? };
        let replaced = if self.at == self.bytes.len() { Vec::new() } else { self.bits()? };
        Some(Some(Link { base, gone, replaced }))
    }

    /// A list of bits, compressed word by word: which of them are set, in order.
    fn bits(&mut self) -> Option<Vec<Range<usize>>> {
        let size = usize::try_from(self.number()?).ok()?;
        let words = usize::try_from(self.number()?).ok()?;
        let mut words = self.take(words.checked_mul(8)?)?.chunks_exact(8);
        self.number()?; // where the last run is, for those who add to it
        let mut next = || words.next()?.first_chunk::<8>().map(|eight| u64::from_be_bytes(*eight));
        let (mut set, mut at) = (Vec::new(), 0_usize);
        while let Some(run) = next() {
            let length = usize::try_from(run >> 1 & 0xffff_ffff).ok()?.checked_mul(64)?;
            let end = at.checked_add(length)?;
            if run & 1 == 1 {
                set.push(at..end.min(size));
            }
            at = end;
            for _ in 0..run >> 33 {
                let word = next()?;
                let ones = (0..64).filter(|bit| word >> bit & 1 == 1).map(|bit| at + bit);
                set.extend(ones.filter(|bit| *bit < size).map(|bit| bit..bit + 1));
                at = at.checked_add(64)?;
            }
        }
        Some(set)
    }
}

/// What leads from a file to the other one, of which it says only what is different.
struct Link {
    base: ObjectId,
    gone: Vec<Range<usize>>,
    replaced: Vec<Range<usize>>,
}

impl Link {
    /// None where the two do not fit.
    fn merged(&self, base: Part, own: Vec<Entry>) -> Option<Vec<Entry>> {
        let mut base: Vec<Option<Entry>> = base.entries.into_iter().map(Some).collect();
        let mut own = own.into_iter().peekable();
        for at in self.replaced.iter().cloned().flatten() {
            // It has no path of its own.
            let new = own.next_if(|entry| entry.path.is_empty())?;
            let old = base.get_mut(at)?.as_mut()?;
            *old = Entry { path: std::mem::take(&mut old.path), ..new };
        }
        for at in self.gone.iter().cloned().flatten() {
            *base.get_mut(at)? = None;
        }
        let mut entries: Vec<Entry> = base.into_iter().flatten().chain(own).collect();
        entries.sort_by(|one, other| (&one.path, one.side).cmp(&(&other.path, other.side)));
        entries.iter().all(|entry| !entry.path.is_empty()).then_some(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry as version 2 has it, or as version 4 where it says how much of the path before is gone.
    fn entry(path: &str, mode: u32, id: u8, gone: Option<u8>) -> Vec<u8> {
        let mut bytes = vec![0; 24];
        bytes.extend_from_slice(&mode.to_be_bytes());
        bytes.extend_from_slice(&[0; 12]);
        bytes.extend_from_slice(&[id; 32]);
        bytes.extend_from_slice(&[0, path.len() as u8]);
        bytes.extend(gone);
        bytes.extend_from_slice(path.as_bytes());
        let length = if gone.is_some() { bytes.len() + 1 } else { (bytes.len() + 1).next_multiple_of(8) };
        bytes.resize(length, 0);
        bytes
    }

    fn file(version: u32, entries: &[Vec<u8>], rest: &[u8]) -> Vec<u8> {
        let count = (entries.len() as u32).to_be_bytes();
        [b"DIRC", &version.to_be_bytes()[..], &count, &entries.concat(), rest, &[0; 32]].concat()
    }

    fn extension(name: &[u8], content: &[u8]) -> Vec<u8> {
        [name, &(content.len() as u32).to_be_bytes(), content].concat()
    }

    fn written() -> Vec<u8> {
        let tree = extension(b"TREE", &[b"\x002 1\n".as_slice(), &[7; 32], b"d\x00-1 0\n"].concat());
        file(2, &[entry("a", 0o100_644, 1, None), entry("d/b", 0o160_000, 2, None)], &tree)
    }

    #[test]
    fn entries_and_known_directories_are_read() {
        let part = Part::read(&written(), HashKind::Sha256).unwrap();
        let paths: Vec<_> = part.entries.iter().map(|entry| (entry.path.as_slice(), entry.sort)).collect();
        assert_eq!(paths, [(&b"a"[..], Sort::Content), (b"d/b", Sort::Submodule)]);
        assert_eq!(part.known.len(), 1);
        assert_eq!(part.known[&Vec::new()].entries, 2);
        let entries = [entry("dir/a", 0o100_644, 1, Some(0)), entry("b", 0o100_644, 1, Some(1))];
        let part = Part::read(&file(4, &entries, b""), HashKind::Sha256).unwrap();
        assert_eq!(part.entries[1].path, b"dir/b");
    }

    #[test]
    fn damage_is_told_and_what_is_needed_is_named() {
        let whole = written();
        for length in 0..whole.len() {
            let _read = Part::read(&whole[..length], HashKind::Sha256).is_ok();
        }
        for at in 0..whole.len() {
            for flip in [1, 0x40, 0xff] {
                let mut other = whole.clone();
                other[at] ^= flip;
                let _read = Part::read(&other, HashKind::Sha256).is_ok();
            }
        }
        let said = |bytes: &[u8]| Part::read(bytes, HashKind::Sha256).err().unwrap().to_string();
        assert_eq!(said(&file(2, &[], &extension(b"fut1", b""))), "it needs fut1, which is not known here");
        assert!(Part::read(&file(2, &[], &extension(b"FUT1", b"x")), HashKind::Sha256).is_ok());
        assert_eq!(said(&file(5, &[], b"")), "version 5 of it is not known here");
        assert!(said(b"nothing").contains("cut short"));
    }

    #[test]
    fn a_small_file_does_not_say_many_long_paths() {
        let long = "x".repeat(250);
        let mut entries: Vec<_> = (0..100).map(|_| entry(&long, 0o100_644, 1, Some(0))).collect();
        entries.extend((0..1000).map(|_| entry("", 0o100_644, 1, Some(0))));
        let error = Part::read(&file(4, &entries, b""), HashKind::Sha256).err().unwrap();
        assert!(error.to_string().contains("longer than any"), "{error}");
    }

    #[test]
    fn lists_of_bits_are_read_and_none_is_unfolded() {
        let word = |text: u64| text.to_be_bytes();
        // Two words of ones, a word as it is, and a run far beyond the end.
        let words = [word(1 | 2 << 1 | 1 << 33), word(0b101), word(1 | 0xffff_ffff << 1)].concat();
        let list = [&130_u32.to_be_bytes()[..], &3_u32.to_be_bytes(), &words, &0_u32.to_be_bytes()].concat();
        let bits = Text { bytes: &list, at: 0, width: 32 }.bits().unwrap();
        assert_eq!(bits[..2], [0..128, 128..129]);
        assert!(bits[2..].iter().all(Range::is_empty));
        let link = Link {
            base: ObjectId::new(&[1; 32]).unwrap(),
            gone: std::iter::once(0..usize::MAX).collect(),
            replaced: Vec::new(),
        };
        let base = Part { entries: Vec::new(), known: HashMap::new(), link: None };
        assert_eq!(link.merged(base, Vec::new()), None);
    }
}
