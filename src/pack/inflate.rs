//! Compressed bytes.

use super::Fault;
use flate2::{Decompress, FlushDecompress, Status};

/// No compressed byte stands for more than this many.
const MOST_PER_BYTE: u64 = 1_032;

/// Unpacks, again and again.
#[derive(Debug)]
pub(crate) struct Inflater(Decompress);

impl Inflater {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Unpacks exactly `size` bytes into `out`, and says how many compressed ones they took.
    pub(crate) fn inflate(&mut self, input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<usize, Fault> {
        out.clear();
        let wanted = usize::try_from(size).map_err(|_| Fault::Absurd(size))?;
        if size > (input.len() as u64).saturating_mul(MOST_PER_BYTE) {
            return Err(Fault::Absurd(size));
        }
        out.try_reserve_exact(wanted.max(1)).map_err(|_| Fault::Absurd(size))?;
        self.0.reset(true);
        loop {
            let (before_in, before_out) = (self.0.total_in(), out.len());
            let rest = usize::try_from(before_in).ok().and_then(|used| input.get(used..)).ok_or(Fault::Inflate)?;
            match self.0.decompress_vec(rest, out, FlushDecompress::Finish) {
                Ok(Status::StreamEnd) => break,
                Err(_) => return Err(Fault::Inflate),
                // Nothing moves any more: there is more output than room, or less input than needed.
                Ok(_) if self.0.total_in() == before_in && out.len() == before_out => {
                    return Err(if out.len() >= wanted { Fault::Size } else { Fault::Inflate });
                }
                Ok(_) => {}
            }
        }
        if out.len() != wanted {
            return Err(Fault::Size);
        }
        usize::try_from(self.0.total_in()).map_err(|_| Fault::Inflate)
    }

    /// Unpacks the first bytes, as many as `out` has room for, and says how many came.
    pub(crate) fn head(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        self.0.reset(true);
        let mut filled = 0;
        loop {
            let before = self.0.total_in();
            let rest = usize::try_from(before).ok().and_then(|used| input.get(used..)).ok_or(Fault::Inflate)?;
            let room = out.get_mut(filled..).unwrap_or_default();
            let status = self.0.decompress(rest, room, FlushDecompress::None).map_err(|_| Fault::Inflate)?;
            let now = usize::try_from(self.0.total_out()).map_err(|_| Fault::Inflate)?;
            let moved = now != filled || self.0.total_in() != before;
            filled = now;
            if filled == out.len() || status == Status::StreamEnd || !moved {
                return Ok(filled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn exactly_what_was_packed_comes_out() {
        let mut inflater = Inflater::new();
        let mut out = Vec::new();
        for size in [0usize, 1, 5, 70_000] {
            let bytes: Vec<u8> = (0..size).map(|n| (n * n % 251) as u8).collect();
            let mut input = packed(&bytes);
            let length = input.len();
            input.extend_from_slice(b"what follows");
            assert_eq!(inflater.inflate(&input, size as u64, &mut out), Ok(length));
            assert_eq!(out, bytes);
            assert_eq!(inflater.inflate(&input, size as u64 + 1, &mut out), Err(Fault::Size));
            if size > 0 {
                out = Vec::new();
                assert_eq!(inflater.inflate(&input, size as u64 - 1, &mut out), Err(Fault::Size));
            }
            let cut = &input[..length - 1];
            assert!(inflater.inflate(cut, size as u64, &mut out).is_err(), "the checksum at the end is part of it");
            let mut head = [0; 4];
            let came = inflater.head(&input, &mut head).unwrap();
            assert_eq!(&head[..came], &bytes[..size.min(4)]);
        }
    }

    #[test]
    fn sizes_that_cannot_be_take_no_memory() {
        let mut out = Vec::new();
        let input = packed(b"little");
        for size in [u64::MAX, 1 << 62, 1 << 40] {
            assert_eq!(Inflater::new().inflate(&input, size, &mut out), Err(Fault::Absurd(size)));
        }
        assert_eq!(out.capacity(), 0);
    }
}
