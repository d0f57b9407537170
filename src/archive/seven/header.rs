//! What a 7z's directory needs before it is read: it may be packed itself, and its reader believes the sizes it states.

use super::super::region::Region;
use super::super::{ArchiveError, DECODER_MEMORY_KIB};

/// Directories are held in memory, with a multiple of their size for what they list.
const LONGEST: u64 = 8 << 20;

const ENCODED: u8 = 0x17;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const FOLDER: u8 = 0x0b;
const UNPACK_SIZES: u8 = 0x0c;

fn too_large() -> ArchiveError {
    ArchiveError::unsupported("a directory that is too large")
}

/// Nothing if the directory can be read within bounds.
pub(super) fn check(region: &Region<'_>) -> Result<(), ArchiveError> {
    let start = region.load(0, 32)?;
    let field = |at: usize| Some(u64::from_le_bytes(start.get(at..at + 8)?.try_into().ok()?));
    let (Some(offset), Some(size)) = (field(12), field(20)) else { return Err(ArchiveError::cut()) };
    if offset == 0 && size == 0 {
        // An empty one says so with a checksum; without, its writer did not come to its end.
        let said = start.get(8..12).unwrap_or_default();
        return if said == [0; 4] { Err(ArchiveError::damaged("its directory is not there")) } else { Ok(()) };
    }
    if size > LONGEST {
        return Err(too_large());
    }
    let header = region.load(offset.saturating_add(32), size)?;
    if (header.len() as u64) < size {
        return Err(ArchiveError::cut());
    }
    match header.split_first() {
        Some((&ENCODED, packed)) => match sizes(&mut { packed }) {
            Some(largest) if largest > LONGEST => Err(too_large()),
            Some(_) => Ok(()),
            None => Err(ArchiveError::damaged("its directory is damaged")),
        },
        _ => Ok(()),
    }
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

/// As many bytes follow as the first one has ones at its start; what is left of it are the highest bits.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let first = byte(bytes)?;
    let follow = first.leading_ones();
    let low = take(bytes, follow.into())?.iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let high = if follow >= 7 { 0 } else { u64::from(first & (0x7f >> follow)) };
    Some(high.checked_shl(8 * follow).unwrap_or(0) | low)
}

/// The largest size that any step of the unpacking states; more than any where a step needs too much memory.
fn sizes(bytes: &mut &[u8]) -> Option<u64> {
    let mut id = byte(bytes)?;
    if id == PACK_INFO {
        number(bytes)?;
        let streams = number(bytes)?;
        while byte(bytes).filter(|id| *id != 0).inspect(|found| id = *found).is_some() {
            match id {
                0x09 => (0..streams).try_for_each(|_| number(bytes).map(drop))?,
                0x0a if byte(bytes)? != 0 => drop(take(bytes, streams.checked_mul(4)?)?),
                _ => return None,
            }
        }
        id = byte(bytes)?;
    }
    if id != UNPACK_INFO || byte(bytes)? != FOLDER || number(bytes)? != 1 || byte(bytes)? != 0 {
        return None;
    }
    let (outputs, affordable) = folder(bytes)?;
    if byte(bytes)? != UNPACK_SIZES {
        return None;
    }
    let largest = (0..outputs).try_fold(0, |largest: u64, _| number(bytes).map(|size| largest.max(size)))?;
    Some(if affordable { largest } else { u64::MAX })
}

/// How many outputs the coders have, and whether their memory is allowed.
fn folder(bytes: &mut &[u8]) -> Option<(u64, bool)> {
    let coders = number(bytes).filter(|coders| (1..=32).contains(coders))?;
    let (mut inputs, mut outputs, mut affordable) = (0, 0, true);
    for _ in 0..coders {
        let flags = byte(bytes)?;
        let id = take(bytes, u64::from(flags & 15))?;
        let (mut takes, mut gives) = (1, 1);
        if flags & 16 != 0 {
            takes = number(bytes).filter(|count| *count <= 64)?;
            gives = number(bytes).filter(|count| *count <= 64)?;
        }
        let properties = if flags & 32 != 0 {
            let length = number(bytes)?;
            take(bytes, length)?
        } else {
            &[]
        };
        affordable &= super::memory_kib(id, properties) <= DECODER_MEMORY_KIB;
        inputs += takes;
        outputs += gives;
    }
    let pairs = outputs.checked_sub(1)?;
    for _ in 0..2 * pairs {
        number(bytes)?;
    }
    let packed = inputs.checked_sub(pairs)?;
    if packed > 1 {
        for _ in 0..packed {
            number(bytes)?;
        }
    }
    Some((outputs, affordable))
}
