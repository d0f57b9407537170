//! The bytes of one file after the other, in the same room.

use memmap2::MmapMut;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};

/// So much is read of a file without asking for its size, which may be a lie.
const START: usize = 256 << 10;

/// The room that is kept between files, of all threads together: fresh pages cost more than what is read into them.
const KEPT_BYTES: usize = 24 << 20;

/// What was read of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// All of it.
    Whole,
    /// Its start: it has more bytes than the limit. So many it says it has, or so many were read.
    Start {
        /// Its bytes.
        size: u64,
    },
}

/// Room that is used again. The system hands it out with zeros in it, a page at a time as it is used, so that none is
/// ever cleared here, and what is not used is not there.
#[derive(Debug)]
pub(super) struct Buffer {
    room: Option<MmapMut>,
    filled: usize,
    /// How far it may be filled without asking.
    reach: usize,
    kept: usize,
}

impl Buffer {
    /// For one of so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self { room: None, filled: 0, reach: 0, kept: (KEPT_BYTES / threads.max(1)).max(START) }
    }

    /// What was read last.
    pub(super) fn bytes(&self) -> &[u8] {
        self.room.as_deref().and_then(|room| room.get(..self.filled)).unwrap_or_default()
    }

    fn size(&self) -> usize {
        self.room.as_ref().map_or(0, |room| room.len())
    }

    /// Reads a file to its end, or until it has more bytes than `limit`. Of a plain file that says it has more, no more is
    /// read than its start.
    ///
    /// # Errors
    /// When it cannot be read, or there is no memory for it.
    pub(super) fn fill(&mut self, mut file: &File, limit: u64) -> io::Result<Filled> {
        (self.filled, self.reach) = (0, 0);
        if self.size() > self.kept {
            self.room = None;
        }
        loop {
            if self.filled as u64 > limit {
                return Ok(Filled::Start { size: size_of(file).max(self.filled as u64) });
            }
            if self.filled == self.reach {
                let said = if self.filled == 0 { 0 } else { size_of(file) };
                if said > limit {
                    return Ok(Filled::Start { size: said });
                }
                self.grow(said, limit)?;
            }
            let read = match self.room.as_deref_mut().and_then(|room| room.get_mut(self.filled..self.reach)) {
                Some(room) => file.read(room),
                None => return Ok(Filled::Whole),
            };
            match read {
                Ok(0) => return Ok(Filled::Whole),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes room for what a file says it has and one byte more, by which its end is seen; for twice as much where it says
    /// nothing; and never for more than the limit and one byte.
    fn grow(&mut self, said: u64, limit: u64) -> io::Result<()> {
        let least = (self.reach as u64 * 2).max(START as u64);
        let most = limit.saturating_add(1).max(self.reach as u64 + 1);
        let wanted = least.max(said.saturating_add(1)).min(most);
        self.reach = usize::try_from(wanted).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
        if self.size() < self.reach {
            let mut room = MmapMut::map_anon(self.reach.max(self.kept)).map_err(|_| ErrorKind::OutOfMemory)?;
            if let Some(to) = room.get_mut(..self.filled) {
                to.copy_from_slice(self.bytes());
            }
            self.room = Some(room);
        }
        Ok(())
    }
}

/// What a plain file says of its size; zero for pipes and devices, which do not know.
fn size_of(file: &File) -> u64 {
    file.metadata().ok().filter(std::fs::Metadata::is_file).map_or(0, |about| about.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        file
    }

    #[test]
    fn files_of_every_size_are_read_whole_in_the_same_room() {
        let mut buffer = Buffer::new(2);
        for size in [0, 1, START - 1, START, START + 1, 3 * START, KEPT_BYTES / 2, KEPT_BYTES + 1, 7, 0] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            for limit in [size as u64, u64::MAX] {
                assert_eq!(buffer.fill(&file(&bytes), limit).unwrap(), Filled::Whole, "{size}");
                assert_eq!(buffer.bytes(), bytes);
            }
        }
        assert!(buffer.size() <= KEPT_BYTES / 2, "what one large file took is given back");
    }

    #[test]
    fn of_what_is_too_large_the_start_is_there_and_the_rest_is_not_read() {
        let mut buffer = Buffer::new(2);
        let holes = tempfile::tempfile().unwrap();
        holes.set_len(10 << 30).unwrap();
        assert_eq!(buffer.fill(&holes, 100 << 20).unwrap(), Filled::Start { size: 10 << 30 });
        assert_eq!(buffer.bytes(), vec![0; START]);
        for size in [10, START, 3 * START] {
            let bytes = vec![b'a'; size];
            let filled = buffer.fill(&file(&bytes), size as u64 - 1).unwrap();
            assert_eq!(filled, Filled::Start { size: size as u64 });
        }
    }

    #[test]
    fn a_size_that_is_a_lie_is_not_believed() {
        let mut buffer = Buffer::new(2);
        let status = File::open("/proc/self/status").unwrap();
        assert_eq!(status.metadata().unwrap().len(), 0);
        assert_eq!(buffer.fill(&status, 1 << 20).unwrap(), Filled::Whole);
        assert!(buffer.bytes().starts_with(b"Name:"));
        let zeros = File::open("/dev/zero").unwrap();
        assert!(matches!(buffer.fill(&zeros, 1 << 20).unwrap(), Filled::Start { size } if size > 1 << 20));
    }
}
