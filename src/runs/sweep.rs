//! The loop that all implementations share: from the bits of 64 bytes to runs.

use super::{Run, is_token_byte};
use std::ops::Range;

/// Bytes that are looked at in one step.
pub(super) const BLOCK: usize = 64;

/// One bit for each byte of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    /// It is a token byte.
    pub(super) token: u64,
    /// It is a digit.
    pub(super) digit: u64,
}

/// What is to be found.
pub(super) struct Search<'b> {
    bytes: &'b [u8],
    region: Range<usize>,
    least: usize,
    /// By how much bits are shifted over each other, one after the other, until those are left that so many follow.
    shifts: [u32; 6],
}

impl<'b> Search<'b> {
    pub(super) fn new(bytes: &'b [u8], region: Range<usize>, least: usize) -> Self {
        let end = region.end.min(bytes.len());
        let least = least.max(1);
        Self { bytes, region: region.start.min(end)..end, least, shifts: shifts(least) }
    }

    /// Finds the runs; `classify` looks at one block.
    #[inline(always)]
    pub(super) fn sweep(self, classify: impl Fn(&[u8; BLOCK]) -> Bits, found: &mut impl FnMut(Run)) -> usize {
        let Self { bytes, region, least, shifts } = self;
        let mut open = Open::at(bytes, region.start);
        let mut at = region.start;
        let mut next = region.end;
        let mut report = |range: Range<usize>, digit: bool| {
            if range.start < region.end && range.len() >= least {
                next = next.max(range.end);
                found(Run { range, digit });
            }
        };
        let (blocks, rest) = bytes.get(region.start..).unwrap_or_default().as_chunks::<BLOCK>();
        for block in blocks {
            // The last run of the region is followed to its end.
            if at >= region.end && open.start >= region.end {
                return next;
            }
            let bits = classify(block);
            step(bits, at, (least, &shifts), &mut open, &mut report);
            at += BLOCK;
        }
        let mut last = [0; BLOCK];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        step(classify(&last), at, (least, &shifts), &mut open, &mut report);
        if open.start < bytes.len() {
            report(open.start..bytes.len(), open.digit);
        }
        next
    }
}

/// The run that reaches the end of the last block.
struct Open {
    /// Where it starts; past the block where there is none, past everything if it is none of this region.
    start: usize,
    digit: bool,
}

impl Open {
    fn at(bytes: &[u8], start: usize) -> Self {
        let inside = start.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|byte| is_token_byte(*byte));
        Self { start: if inside { usize::MAX } else { start }, digit: false }
    }
}

#[inline(always)]
fn step(
    bits: Bits,
    at: usize,
    (least, shifts): (usize, &[u32; 6]),
    open: &mut Open,
    report: &mut impl FnMut(Range<usize>, bool),
) {
    let Bits { token, digit } = bits;
    if token == u64::MAX {
        open.digit |= digit != 0;
        return;
    }
    let first = token.trailing_ones();
    let end = at + first as usize;
    if end.saturating_sub(open.start) >= least {
        report(open.start..end, open.digit || digit & !(u64::MAX << first) != 0);
    }
    let last = token.leading_ones();
    let inner = token & (u64::MAX << first) & (u64::MAX >> last);
    let mut starts = shifts.iter().fold(inner, |bits, shift| bits & (bits >> shift));
    while starts != 0 {
        let start = starts.trailing_zeros();
        let length = (inner >> start).trailing_ones();
        let after = u64::MAX << (start + length);
        report(at + start as usize..at + (start + length) as usize, digit & (u64::MAX << start) & !after != 0);
        starts &= after;
    }
    *open = Open { start: at + BLOCK - last as usize, digit: digit & !(u64::MAX >> last) != 0 };
}

/// Each is at most as far as bits are known to follow by then. The last bit of a block that is full is not set, so that
/// from 64 on there is nothing to be found within one.
fn shifts(least: usize) -> [u32; 6] {
    let mut have = 1;
    [(); 6].map(|()| {
        let shift = have.min(least.min(BLOCK) - have);
        have += shift;
        shift as u32
    })
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
/// For each low half of a byte: the high halves with which it is a token byte, one bit each.
pub(super) static LOW: [u8; 16] = halves().0;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
/// For each high half its bit; none for bytes beyond ASCII.
pub(super) static HIGH: [u8; 16] = halves().1;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[expect(
    clippy::indexing_slicing,
    reason = "halves of bytes are always in the tables, and the compiler evaluates this"
)]
const fn halves() -> ([u8; 16], [u8; 16]) {
    let (mut low, mut high) = ([0; 16], [0; 16]);
    let mut byte = 0_u8;
    while byte < 128 {
        let bit = 1 << (byte >> 4);
        high[(byte >> 4) as usize] = bit;
        if is_token_byte(byte) {
            low[(byte & 15) as usize] |= bit;
        }
        byte += 1;
    }
    (low, high)
}
