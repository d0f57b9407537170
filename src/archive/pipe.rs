//! A stream whose length nobody knows beforehand.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that can be read only once, from front to back. The more of it was read, the more may be taken out of it.
#[derive(Debug)]
pub struct Pipe<'a> {
    start: &'a [u8],
    rest: &'a File,
    times: u64,
    read: AtomicU64,
}

impl<'a> Pipe<'a> {
    /// What was read of it already, and the rest; each byte allows for so many more to be taken out.
    #[must_use]
    pub fn new(start: &'a [u8], rest: &'a File, times: u64) -> Self {
        Self { start, rest, times, read: AtomicU64::new(0) }
    }

    /// How much of it was read.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed).max(self.start.len() as u64)
    }

    /// What may be taken out of it for what was read by now, beyond what its start allows for, less what was counted
    /// before.
    pub fn earned(&self, counted: &mut u64) -> u64 {
        let all = (self.read() - self.start.len() as u64).saturating_mul(self.times);
        let new = all.saturating_sub(*counted);
        *counted = all;
        new
    }
}

impl Read for &Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(self.read.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let mut start = self.start.get(at..).unwrap_or_default();
        let read = if start.is_empty() { (&*self.rest).read(buffer)? } else { start.read(buffer)? };
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
