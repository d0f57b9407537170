//! A tar, entry by entry, from a stream: nothing is held but the entry's name, and no header makes it hold more.

use crate::archive::region::fill;
use ::tar::{EntryType, GnuExtSparseHeader, Header};
use std::io::{self, Read};

const BLOCK: usize = 512;

/// The longest name or extended header that is read.
const LONGEST_HEADER: u64 = 1 << 20;

/// Something that can be passed over: by reading it, or by not reading it.
pub(super) trait Forward: Read {
    /// Passes over as many bytes; fewer are an error.
    fn pass(&mut self, bytes: u64) -> io::Result<()>;
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    HardLink,
    SymbolicLink,
    /// A device or a pipe: a name without content.
    Other,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// Without `./` before it and a slash behind.
    pub(super) name: String,
    /// Where a link leads, as it is written.
    pub(super) target: String,
    pub(super) kind: Kind,
    /// Of its content.
    pub(super) size: u64,
    /// Where its content begins.
    pub(super) at: u64,
}

/// A tar being read.
#[derive(Debug)]
pub(super) struct Tape<R> {
    reader: R,
    at: u64,
    /// Content of the current entry that was not read yet.
    left: u64,
    padding: u64,
    common: Extended,
}

/// What extended headers say of the entry behind them.
#[derive(Clone, Debug, Default)]
struct Extended {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: Forward> Tape<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, at: 0, left: 0, padding: 0, common: Extended::default() }
    }

    /// The next entry, once what is left of the one before is passed over. The zeros that end a tar are passed over as
    /// well: some writers put another one behind.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = self.common.clone();
        loop {
            self.pass_rest()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size()?;
            match header.entry_type() {
                EntryType::GNULongName => extended.name = Some(until_zero(self.text(size)?)),
                EntryType::GNULongLink => extended.target = Some(until_zero(self.text(size)?)),
                EntryType::XHeader => extended.read(&self.text(size)?),
                EntryType::XGlobalHeader => {
                    let text = self.text(size)?;
                    self.common.read(&text);
                    extended.read(&text);
                }
                kind => return self.entry(&header, kind, extended).map(Some),
            }
        }
    }

    fn entry(&mut self, header: &Header, kind: EntryType, extended: Extended) -> io::Result<Entry> {
        let mut more = kind == EntryType::GNUSparse && header.as_gnu().is_some_and(::tar::GnuHeader::is_extended);
        while more {
            let mut sparse = GnuExtSparseHeader::new();
            self.reader.read_exact(sparse.as_mut_bytes())?;
            self.at = self.at.saturating_add(BLOCK as u64);
            more = sparse.is_extended();
        }
        let kind = match kind {
            EntryType::Directory => Kind::Directory,
            EntryType::Link => Kind::HardLink,
            EntryType::Symlink => Kind::SymbolicLink,
            EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Other,
            _ => Kind::File,
        };
        let size = match kind {
            Kind::File => extended.size.map_or_else(|| header.entry_size(), Ok)?,
            // Some writers give a link the size of what it leads to, and no content.
            _ => 0,
        };
        self.left = size;
        self.padding = padding_of(size);
        let name = extended.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let target = extended.target.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        Ok(Entry { name: plain(&name), target: lossy(&target.unwrap_or_default()), kind, size, at: self.at })
    }

    /// The content of the current entry.
    pub(super) fn content(&mut self) -> Content<'_, R> {
        Content { tape: self }
    }

    fn pass_rest(&mut self) -> io::Result<()> {
        let rest = self.left.saturating_add(self.padding);
        if rest > 0 {
            // What ends without its last padding lost nothing.
            if self.left > 0 {
                self.reader.pass(self.left)?;
            }
            match self.reader.pass(self.padding) {
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
                Ok(()) | Err(_) => {}
            }
            self.at = self.at.saturating_add(rest);
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// The next header that is not made of zeros; none at the end.
    fn header(&mut self) -> io::Result<Option<Header>> {
        loop {
            let mut block = [0; BLOCK];
            let read = fill(&mut self.reader, &mut block)?;
            self.at = self.at.saturating_add(read as u64);
            if block.iter().all(|byte| *byte == 0) {
                if read < BLOCK {
                    return Ok(None);
                }
                continue;
            }
            if read < BLOCK {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let header = Header::from_byte_slice(&block).clone();
            if !is_header(&block) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a header of a tar is damaged"));
            }
            return Ok(Some(header));
        }
    }

    /// A name or an extended header.
    fn text(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > LONGEST_HEADER {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a header of a tar is longer than any name"));
        }
        (self.left, self.padding) = (size, padding_of(size));
        let mut text = Vec::new();
        self.content().read_to_end(&mut text)?;
        if text.len() as u64 == size { Ok(text) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Whether a block is a header: its checksum is right.
pub(super) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.first_chunk::<BLOCK>() else { return false };
    let header = Header::from_byte_slice(block);
    let sum = |at: usize, byte: u8| if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(byte) };
    let sum: u32 = block.iter().enumerate().map(|(at, byte)| sum(at, *byte)).sum();
    header.cksum().is_ok_and(|written| written == sum) && block.first() != Some(&0)
}

/// The content of an entry, read from the tape.
#[derive(Debug)]
pub(super) struct Content<'a, R> {
    tape: &'a mut Tape<R>,
}

impl<R: Forward> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let tape = &mut *self.tape;
        let most = usize::try_from(tape.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(room) = buffer.get_mut(..most).filter(|room| !room.is_empty()) else { return Ok(0) };
        let read = tape.reader.read(room)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        tape.left = tape.left.saturating_sub(read as u64);
        tape.at = tape.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl Extended {
    /// Lines of the form `LENGTH KEY=VALUE`.
    fn read(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
            let number =
                |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok());
            let Some(line) = rest.get(..space).and_then(number).and_then(|length| rest.get(space + 1..length)) else {
                return;
            };
            rest = rest.get(space + 1 + line.len()..).unwrap_or_default();
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let Some(equals) = line.iter().position(|byte| *byte == b'=') else { continue };
            let (key, value) = line.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            match key {
                b"path" | b"GNU.sparse.name" => self.name = Some(value.to_vec()),
                b"linkpath" => self.target = Some(value.to_vec()),
                b"size" => self.size = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()),
                _ => {}
            }
        }
    }
}

fn padding_of(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64).saturating_sub(size)
}

fn until_zero(mut text: Vec<u8>) -> Vec<u8> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.truncate(end);
    text
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// A name as it is compared: without what means nothing.
fn plain(name: &[u8]) -> String {
    let name = lossy(name);
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/")
}
