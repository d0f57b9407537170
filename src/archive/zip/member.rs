//! One member: its local header, and its content undone.

use super::super::format::Format;
use super::super::outlet::{Halt, Outlet};
use super::super::region::{Region, fill};
use super::super::{ArchiveError, DECODER_MEMORY_KIB, compressed};
use super::directory::{Entry, u16_at, u32_at};
use flate2::bufread::DeflateDecoder;
use lzma_rust2::LzmaReader;
use std::io::{self, BufRead, BufReader, Read};

const HEADER: &[u8; 4] = b"PK\x03\x04";
const HEADER_BYTES: u64 = 30;

/// A local header.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) name: Vec<u8>,
    pub(super) method: u16,
    pub(super) encrypted: bool,
    /// True when sizes and checksum stand behind the content.
    pub(super) sizes_follow: bool,
    pub(super) checksum: u32,
    pub(super) compressed: u32,
    /// Where the content begins.
    pub(super) content: u64,
}

impl Local {
    /// The header at this point, if there is one.
    pub(super) fn read(region: &Region<'_>, at: u64) -> io::Result<Option<Self>> {
        let header = region.load(at, HEADER_BYTES)?;
        if !header.starts_with(HEADER) {
            return Ok(None);
        }
        let lengths = u16_at(&header, 26).zip(u16_at(&header, 28));
        let Some((name, extra)) = lengths.map(|(name, extra)| (u64::from(name), u64::from(extra))) else {
            return Ok(None);
        };
        let fields = || -> Option<Self> {
            let flags = u16_at(&header, 6)?;
            Some(Self {
                name: Vec::new(),
                method: u16_at(&header, 8)?,
                encrypted: flags & 1 != 0,
                sizes_follow: flags & 8 != 0,
                checksum: u32_at(&header, 14)?,
                compressed: u32_at(&header, 18)?,
                content: at + HEADER_BYTES + name + extra,
            })
        };
        let Some(mut local) = fields() else { return Ok(None) };
        local.name = region.load(at + HEADER_BYTES, name)?.into_owned();
        Ok(Some(local))
    }
}

/// All of a member's content, where that is not too much and nothing is wrong with it.
pub(super) fn load(region: &Region<'_>, entry: &Entry, limit: u64) -> Option<Vec<u8>> {
    let local = Local::read(region, entry.at).ok()?.filter(|_| !entry.encrypted)?;
    let mut packed = BufReader::new(region.part(local.content, entry.compressed));
    let mut bytes = Vec::new();
    decoder(entry.method, &mut packed).ok()?.take(limit + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= limit).then_some(bytes)
}

/// Hands over a member's content. What is wrong with it is given back; what came before that was handed over.
pub(super) fn expand(
    name: &str,
    held: Region<'_>,
    method: u16,
    checksum: Option<u32>,
    outlet: &mut Outlet<'_, '_>,
) -> Result<Option<ArchiveError>, Halt> {
    if method == 0
        && let Some(bytes) = held.in_memory()
    {
        outlet.bytes(name, bytes)?;
        let holds = checksum.is_none_or(|said| crc32fast::hash(bytes) == said);
        return Ok((!holds).then(|| ArchiveError::damaged("its checksum does not hold")));
    }
    let mut buffered;
    let mut in_memory;
    let input: &mut dyn BufRead = match held.in_memory() {
        Some(bytes) => {
            in_memory = bytes;
            &mut in_memory
        }
        None => {
            buffered = BufReader::with_capacity(1 << 16, held);
            &mut buffered
        }
    };
    let reader = match decoder(method, input) {
        Ok(reader) => reader,
        Err(error) => {
            outlet.count()?;
            return Ok(Some(error));
        }
    };
    let mut checked = Checked { reader, sum: crc32fast::Hasher::new(), said: checksum, done: false };
    match outlet.stream(name, &mut checked)? {
        Some(error) => Ok(Some(ArchiveError::from_io(error))),
        None => match outlet.drain(&mut checked) {
            Err(Halt::Failed(error)) if !error.is_of_budget() => Ok(Some(error)),
            drained => drained.map(|()| None),
        },
    }
}

fn decoder<'a>(method: u16, mut input: &'a mut dyn BufRead) -> Result<Box<dyn Read + 'a>, ArchiveError> {
    match method {
        0 => Ok(Box::new(input)),
        8 => Ok(Box::new(DeflateDecoder::new(input))),
        12 => compressed::decoder(Format::Bzip2, input),
        14 => {
            // Two bytes of version, the length of the properties, the properties.
            let mut head = [0; 9];
            if fill(&mut input, &mut head)? < head.len() {
                return Err(ArchiveError::cut());
            }
            let [_, _, 5, 0, properties, a, b, c, d] = head else {
                return Err(ArchiveError::unsupported("properties of LZMA"));
            };
            let dictionary = u32::from_le_bytes([a, b, c, d]);
            if dictionary >> 10 > DECODER_MEMORY_KIB {
                return Err(ArchiveError::unsupported("more memory is needed than is allowed"));
            }
            // The size is not known here; the content ends with its mark or with its bytes.
            let reader = LzmaReader::new_with_props(input, u64::MAX, properties, dictionary, None);
            Ok(Box::new(reader.map_err(ArchiveError::from_io)?))
        }
        93 => compressed::decoder(Format::Zstd, input),
        95 => compressed::decoder(Format::Xz, input),
        9 => Err(ArchiveError::unsupported("compression Deflate64")),
        98 => Err(ArchiveError::unsupported("compression PPMd")),
        other => Err(ArchiveError::unsupported(&format!("compression method {other}"))),
    }
}

/// Holds the bytes that come by against the checksum that was said.
struct Checked<'a> {
    reader: Box<dyn Read + 'a>,
    sum: crc32fast::Hasher,
    said: Option<u32>,
    done: bool,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.done || buffer.is_empty() {
            return Ok(0);
        }
        let read = self.reader.read(buffer)?;
        self.sum.update(buffer.get(..read).unwrap_or_default());
        if read == 0 {
            self.done = true;
            if self.said.is_some_and(|said| self.sum.clone().finalize() != said) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum does not hold"));
            }
        }
        Ok(read)
    }
}
