//! A blob without its compression.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, Read};

/// What is compressed is expanded, and whether it was.
pub(super) fn expanded<'r>(stored: &'r mut dyn BufRead) -> io::Result<(Box<dyn Read + 'r>, bool)> {
    Ok(match stored.fill_buf()? {
        [0x1f, 0x8b, 8, ..] => (Box::new(flate2::bufread::MultiGzDecoder::new(stored)), true),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            (Box::new(Zstandard { stored, frame: FrameDecoder::new(), within: false }), true)
        }
        _ => (Box::new(stored), false),
    })
}

/// All frames, one behind the other, and what stands between them passed over.
struct Zstandard<'r> {
    stored: &'r mut dyn BufRead,
    frame: FrameDecoder,
    within: bool,
}

impl Zstandard<'_> {
    /// False at the end.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.stored.fill_buf()?.is_empty() {
            match self.frame.reset(&mut self.stored) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut (&mut self.stored).take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(false)
    }
}

impl Read for Zstandard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.within && self.frame.can_collect() > 0 {
                return self.frame.read(buffer);
            }
            if self.within && !self.frame.is_finished() {
                let read = self.frame.decode_blocks(&mut self.stored, BlockDecodingStrategy::UptoBlocks(1));
                read.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                continue;
            }
            self.within = self.begin()?;
            if !self.within {
                return Ok(0);
            }
        }
    }
}
