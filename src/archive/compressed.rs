//! One thing, compressed: gzip, zlib, bzip2, xz and what came before it, lzip, LZ4, Brotli and Zstandard, in one piece or several.

use super::format::Format;
use super::lz4::Lz4;
use super::names;
use super::outlet::{Outlet, Walk};
use super::region::{Feed, fill};
use super::{ArchiveError, DECODER_MEMORY_KIB};
use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::{LzipReader, LzmaReader, XzReader};
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};

const READ_BYTES: usize = 1 << 16;
/// No compressed byte of deflate stands for more than this many.
const MOST_PER_BYTE: u64 = 1_032;
/// Deflate looks back so far, as a power of two.
const WINDOW_BITS: u8 = 15;
/// A start of zlib is known by so many bytes that it expands to, and no more are looked at.
const LEAST_ZLIB: u64 = 32;
const MOST_ZLIB: u64 = 1 << 16;
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Hands over the one thing in it.
pub(super) fn walk(format: Format, name: &str, feed: Feed<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    let in_memory = match &feed {
        Feed::Region(region) => region.in_memory(),
        Feed::Stream(_) => None,
    };
    let inner = names::inner(name);
    if let Some(expanded) =
        in_memory.filter(|_| format == Format::Gzip).and_then(|bytes| at_once(bytes, outlet.largest()))
    {
        return outlet.bytes(&inner, &expanded);
    }
    match in_memory {
        Some(mut bytes) => expand(format, &inner, &mut bytes, outlet),
        None => expand(format, &inner, &mut BufReader::with_capacity(READ_BYTES, feed), outlet),
    }
}

/// What a gzip file expands to that is whole, has one member, and says at its end how large that is. Most are so, and this
/// takes half the time of reading one as a stream.
fn at_once(bytes: &[u8], largest: u64) -> Option<Vec<u8>> {
    let size = bytes.last_chunk::<4>().map(|four| u32::from_le_bytes(*four))?;
    if u64::from(size) > largest || u64::from(size) > (bytes.len() as u64).saturating_mul(MOST_PER_BYTE) {
        return None;
    }
    let size = usize::try_from(size).ok()?;
    let mut expanded = Vec::new();
    expanded.try_reserve_exact(size.max(1)).ok()?;
    let mut decompress = Decompress::new_gzip(WINDOW_BITS);
    let status = decompress.decompress_vec(bytes, &mut expanded, FlushDecompress::Finish).ok()?;
    let whole = status == Status::StreamEnd && decompress.total_in() == bytes.len() as u64;
    (whole && expanded.len() == size).then_some(expanded)
}

fn expand(format: Format, inner: &str, input: &mut dyn BufRead, outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut decoder = decoder(format, input)?;
    match outlet.stream(inner, &mut decoder)? {
        Some(error) => Err(error.into()),
        None => outlet.drain(&mut decoder),
    }
}

/// What undoes the compression, or the reason why it cannot be undone.
pub(super) fn decoder<'a>(format: Format, input: &'a mut dyn BufRead) -> Result<Box<dyn Read + 'a>, ArchiveError> {
    let reader: Box<dyn Read + 'a> = match format {
        Format::Gzip => Box::new(Gzip { member: Some(GzDecoder::new(input)) }),
        Format::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(input)),
        Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Format::Xz => Box::new(XzReader::new_mem_limit(input, true, DECODER_MEMORY_KIB)),
        Format::Lzma => {
            Box::new(LzmaReader::new_mem_limit(input, DECODER_MEMORY_KIB, None).map_err(ArchiveError::from_io)?)
        }
        Format::Lzip => Box::new(LzipReader::new(input)),
        Format::Lz4 => Box::new(Lz4::new(input)),
        Format::Brotli => Box::new(brotli(input)?),
        Format::Zstd => Box::new(Zstd { input, frame: FrameDecoder::new(), begun: false }),
        _ => return Err(ArchiveError::unsupported("this compression")),
    };
    Ok(Box::new(Fused { reader, broken: false }))
}

/// Streams with windows beyond 16 MiB, which no browser takes, say so in their first byte: there is no room for them.
fn brotli(input: &mut dyn BufRead) -> Result<brotli_decompressor::Decompressor<&mut dyn BufRead>, ArchiveError> {
    if input.fill_buf().map_err(ArchiveError::from_io)?.first().is_some_and(|first| first & 0x7f == 0x11) {
        return Err(ArchiveError::unsupported("Brotli with a large window"));
    }
    Ok(brotli_decompressor::Decompressor::new(input, READ_BYTES))
}

/// A decoder that failed is not asked again.
struct Fused<'a> {
    reader: Box<dyn Read + 'a>,
    broken: bool,
}

impl Read for Fused<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.broken {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it broke off before"));
        }
        let read = self.reader.read(buffer);
        self.broken = read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        read
    }
}

/// Members one after another, with zeros after them as padding.
struct Gzip<'a> {
    member: Option<GzDecoder<&'a mut dyn BufRead>>,
}

impl Read for Gzip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(input) = self.member.take().map(GzDecoder::into_inner) else { break };
            match first_after_zeros(input)? {
                None => {}
                Some(0x1f) => self.member = Some(GzDecoder::new(input)),
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "something follows its end")),
            }
        }
        Ok(0)
    }
}

fn first_after_zeros(input: &mut dyn BufRead) -> io::Result<Option<u8>> {
    loop {
        let ready = input.fill_buf()?;
        if ready.is_empty() {
            return Ok(None);
        }
        let zeros = ready.iter().take_while(|byte| **byte == 0).count();
        if let Some(first) = ready.get(zeros).copied() {
            input.consume(zeros);
            return Ok(Some(first));
        }
        input.consume(zeros);
    }
}

/// Frames one after another; those that are to be skipped are skipped.
struct Zstd<'a> {
    input: &'a mut dyn BufRead,
    frame: FrameDecoder,
    begun: bool,
}

impl Zstd<'_> {
    /// False at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let mut magic = [0; 4];
            match fill(&mut self.input, &mut magic)? {
                0 => return Ok(false),
                4 => {}
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            match magic {
                [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                    let mut length = [0; 4];
                    self.input.read_exact(&mut length)?;
                    let length = u64::from(u32::from_le_bytes(length));
                    if io::copy(&mut (&mut self.input).take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                ZSTD => {
                    self.frame.reset(magic.as_slice().chain(&mut self.input)).map_err(refused)?;
                    return Ok(true);
                }
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "something follows its end")),
            }
        }
    }

    fn check(&self) -> io::Result<()> {
        match (self.frame.get_checksum_from_data(), self.frame.get_calculated_checksum()) {
            (Some(said), Some(is)) if said != is => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum does not hold"))
            }
            _ => Ok(()),
        }
    }
}

fn refused(error: FrameDecoderError) -> io::Error {
    let kind = match &error {
        FrameDecoderError::WindowSizeTooBig { .. } => io::ErrorKind::OutOfMemory,
        FrameDecoderError::DictNotProvided { .. } => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
}

impl Read for Zstd<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.begun && self.frame.can_collect() > 0 {
                return self.frame.read(buffer);
            }
            if self.begun && !self.frame.is_finished() {
                self.frame.decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1)).map_err(refused)?;
                continue;
            }
            if self.begun {
                self.check()?;
            }
            self.begun = self.next_frame()?;
            if !self.begun {
                return Ok(0);
            }
        }
    }
}

/// Frames that are to be skipped, and after them one that is not.
pub(super) fn skippable_before_zstd(head: &[u8]) -> bool {
    let mut rest = head;
    loop {
        match rest {
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, after @ ..] => {
                let length = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
                let Some(next) = after.get(length..) else { return false };
                rest = next;
            }
            _ => return rest.starts_with(&ZSTD),
        }
    }
}

/// Two bytes say little: the stream has to go on for as long as there is something, or to end with it.
pub(super) fn looks_like_zlib(head: &[u8]) -> bool {
    let mut decompress = Decompress::new(true);
    let mut expanded = [0; 4096];
    loop {
        let at = usize::try_from(decompress.total_in()).unwrap_or(usize::MAX);
        let before = decompress.total_out();
        let Some(rest) = head.get(at..) else { return false };
        match decompress.decompress(rest, &mut expanded, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return decompress.total_in() == head.len() as u64,
            Ok(_) if decompress.total_in() == head.len() as u64 => return decompress.total_out() >= LEAST_ZLIB,
            Ok(_) if decompress.total_out() > before && decompress.total_out() < MOST_ZLIB => {}
            Ok(_) => return decompress.total_out() >= MOST_ZLIB,
            Err(_) => return false,
        }
    }
}

/// There is no mark at its start: the usual properties, a dictionary size as it is written, a size that can be.
pub(super) fn looks_like_lzma(head: &[u8]) -> bool {
    let [0x5d, a, b, c, d, size @ ..] = head else { return false };
    let dictionary = u32::from_le_bytes([*a, *b, *c, *d]);
    let usual = dictionary == u32::MAX || (dictionary >= 1 << 12 && dictionary.count_ones() <= 2);
    let Some((size, [0, ..])) = size.split_first_chunk::<8>() else { return false };
    let size = u64::from_le_bytes(*size);
    usual && (size == u64::MAX || size < 1 << 40)
}
