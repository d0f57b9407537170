//! Objects that are stored as differences: instructions to copy from a base and to insert.

use super::Fault;
use std::ops::Range;

/// The sizes at the start of a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Bytes of the base.
    pub(crate) base: u64,
    /// Bytes of the result.
    pub(crate) result: u64,
    /// Where the instructions begin.
    start: usize,
}

/// Bytes that hold both sizes for sure.
pub(crate) const HEAD: usize = 20;

/// What is copied when the instruction gives no size.
const COPIED_UNSAID: usize = 0x1_0000;

impl Sizes {
    /// Reads them.
    pub(crate) fn read(delta: &[u8]) -> Option<Self> {
        let mut start = 0;
        let base = size(delta, &mut start)?;
        let result = size(delta, &mut start)?;
        Some(Self { base, result, start })
    }
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
fn size(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let (mut value, mut shift) = (0u64, 0u32);
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let bits = u64::from(byte & 0x7f);
        if shift >= 64 || (bits << shift) >> shift != bits {
            return None;
        }
        value |= bits << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
}

/// Puts the result together in `out`, and the stretches of it that are new into `fresh`: what is inserted, and an empty
/// stretch wherever two bytes meet, or where it begins or ends, as nothing did in the base.
pub(crate) fn apply(
    base: &[u8],
    delta: &[u8],
    sizes: Sizes,
    out: &mut Vec<u8>,
    fresh: &mut Vec<Range<usize>>,
) -> Result<(), Fault> {
    out.clear();
    fresh.clear();
    if sizes.base != base.len() as u64 {
        return Err(Fault::Delta);
    }
    let wanted = usize::try_from(sizes.result).map_err(|_| Fault::Absurd(sizes.result))?;
    out.try_reserve_exact(wanted).map_err(|_| Fault::Absurd(sizes.result))?;
    let mut rest = delta.get(sizes.start..).ok_or(Fault::Delta)?;
    // Where the base goes on after what was copied last; the start of the base goes before all.
    let mut follows = Some(0);
    while let Some((&code, after)) = rest.split_first() {
        let room = wanted - out.len();
        if code & 0x80 != 0 {
            let (from, count, after) = copied(code, after).ok_or(Fault::Delta)?;
            let piece = base.get(from..).and_then(|base| base.get(..count)).ok_or(Fault::Delta)?;
            if count > room {
                return Err(Fault::Delta);
            }
            if follows != Some(from) {
                renew(fresh, out.len()..out.len());
            }
            out.extend_from_slice(piece);
            follows = Some(from + count);
            rest = after;
        } else {
            let (piece, after) = after.split_at_checked(usize::from(code)).ok_or(Fault::Delta)?;
            if piece.is_empty() || piece.len() > room {
                return Err(Fault::Delta);
            }
            renew(fresh, out.len()..out.len() + piece.len());
            out.extend_from_slice(piece);
            follows = None;
            rest = after;
        }
    }
    if out.len() != wanted {
        return Err(Fault::Delta);
    }
    if follows != Some(base.len()) {
        renew(fresh, wanted..wanted);
    }
    Ok(())
}

/// Offset and count of a copy: each bit of the code says whether a byte of them follows.
fn copied(code: u8, mut rest: &[u8]) -> Option<(usize, usize, &[u8])> {
    let mut value = 0u64;
    for bit in 0..7 {
        if code & 1 << bit != 0 {
            let (&byte, after) = rest.split_first()?;
            value |= u64::from(byte) << (8 * bit);
            rest = after;
        }
    }
    let from = usize::try_from(value & 0xffff_ffff).ok()?;
    let count = usize::try_from(value >> 32).ok()?;
    Some((from, if count == 0 { COPIED_UNSAID } else { count }, rest))
}

/// Adds a stretch, and joins it to the last one when they touch.
fn renew(fresh: &mut Vec<Range<usize>>, new: Range<usize>) {
    match fresh.last_mut() {
        Some(last) if last.end == new.start => last.end = new.end,
        _ => fresh.push(new),
    }
}

#[cfg(test)]
mod tests;
