//! LZ4, as its own program writes it: frames of blocks, each of which may refer to the 64 KiB before it.

mod checksum;

use super::region::fill;
use checksum::Checksum;
use std::io::{self, BufRead, Read};

const WINDOW: usize = 1 << 16;
pub(super) const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What a frame says of itself.
#[derive(Clone, Copy)]
struct Frame {
    largest_block: usize,
    blocks_checked: bool,
    content_checked: bool,
}

/// Frames one after another; those that are to be skipped are skipped.
pub(super) struct Lz4<'a> {
    input: &'a mut dyn BufRead,
    frame: Option<Frame>,
    /// The window, and behind it what was not taken yet.
    undone: Vec<u8>,
    taken: usize,
    /// Of the frame's content.
    sum: Checksum,
}

impl<'a> Lz4<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Self {
        Self { input, frame: None, undone: Vec::new(), taken: 0, sum: Checksum::new() }
    }

    fn number(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.input.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn leave_out(&mut self, length: u64) -> io::Result<()> {
        if io::copy(&mut (&mut self.input).take(length), &mut io::sink())? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// None at the end.
    fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut magic = [0; 4];
            match fill(&mut self.input, &mut magic)? {
                0 => return Ok(None),
                4 => {}
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            match magic {
                [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                    let length = self.number()?;
                    self.leave_out(length.into())?;
                }
                MAGIC => return self.frame_header().map(Some),
                _ => return Err(damaged("something follows its end")),
            }
        }
    }

    fn frame_header(&mut self) -> io::Result<Frame> {
        let mut head = [0; 2];
        self.input.read_exact(&mut head)?;
        let [flags, sizes] = head;
        if flags >> 6 != 1 {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a version of LZ4 that is not known"));
        }
        let size = if flags & 8 != 0 { 8 } else { 0 };
        let dictionary = if flags & 1 != 0 { 4 } else { 0 };
        // And the header's checksum.
        self.leave_out(size + dictionary + 1)?;
        self.undone.clear();
        self.taken = 0;
        self.sum = Checksum::new();
        Ok(Frame {
            largest_block: 1 << (8 + 2 * usize::from(sizes >> 4 & 7)).clamp(16, 22),
            blocks_checked: flags & 16 != 0,
            content_checked: flags & 4 != 0,
        })
    }

    /// Undoes one block; false at the frame's end.
    fn block(&mut self, frame: Frame) -> io::Result<bool> {
        let size = self.number()?;
        if size == 0 {
            if frame.content_checked && self.number()? != self.sum.sum() {
                return Err(damaged("its checksum does not hold"));
            }
            return Ok(false);
        }
        let length = (size & 0x7fff_ffff) as usize;
        if length > frame.largest_block {
            return Err(damaged("a block larger than its frame allows"));
        }
        let mut block = vec![0; length];
        self.input.read_exact(&mut block)?;
        if frame.blocks_checked {
            self.leave_out(4)?;
        }
        let surplus = self.undone.len().saturating_sub(WINDOW);
        self.undone.drain(..surplus);
        self.taken = self.undone.len();
        if size & 0x8000_0000 != 0 {
            self.undone.extend_from_slice(&block);
            if frame.content_checked {
                self.sum.add(&block);
            }
            return Ok(true);
        }
        let most = self.undone.len() + frame.largest_block;
        undo(&block, &mut self.undone, most).ok_or_else(|| damaged("a block that makes no sense"))?;
        if frame.content_checked {
            self.sum.add(self.undone.get(self.taken..).unwrap_or_default());
        }
        Ok(true)
    }
}

/// Literals, and copies of what came before.
fn undo(mut block: &[u8], undone: &mut Vec<u8>, most: usize) -> Option<()> {
    while let Some((token, rest)) = block.split_first() {
        let (literals, rest) = length(token >> 4, rest)?;
        let (literal, rest) = rest.split_at_checked(literals)?;
        undone.extend_from_slice(literal);
        if rest.is_empty() {
            return (undone.len() <= most).then_some(());
        }
        let (offset, rest) = rest.split_first_chunk::<2>()?;
        let offset = usize::from(u16::from_le_bytes(*offset));
        let (copied, rest) = length(token & 15, rest)?;
        let copied = copied + 4;
        let from = undone.len().checked_sub(offset).filter(|_| offset > 0)?;
        if undone.len() + copied > most {
            return None;
        }
        for at in from..from + copied {
            undone.push(undone.get(at).copied()?);
        }
        block = rest;
    }
    Some(())
}

/// Fifteen is not all: bytes follow and are added, up to one below 255.
fn length(start: u8, mut rest: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = usize::from(start);
    if start == 15 {
        loop {
            let (more, after) = rest.split_first()?;
            length = length.checked_add(usize::from(*more))?;
            rest = after;
            if *more < 255 {
                break;
            }
        }
    }
    Some((length, rest))
}

impl Read for Lz4<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let ready = self.undone.get(self.taken..).unwrap_or_default();
            if !ready.is_empty() || buffer.is_empty() {
                let read = { ready }.read(buffer)?;
                self.taken += read;
                return Ok(read);
            }
            match self.frame {
                Some(frame) => {
                    if !self.block(frame)? {
                        self.frame = None;
                    }
                }
                None => match self.next_frame()? {
                    Some(frame) => self.frame = Some(frame),
                    None => return Ok(0),
                },
            }
        }
    }
}
