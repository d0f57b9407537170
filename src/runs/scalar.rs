//! The pass without vectors: the same bits, from a table.

use super::sweep::{BLOCK, Bits, Search};
use super::{Run, is_token_byte};

/// Bit 0: a token byte; bit 1: a digit.
static SORTS: [u8; 256] = {
    let mut sorts = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "a byte is always in the table, and the compiler evaluates this")]
        {
            sorts[byte as usize] = is_token_byte(byte) as u8 | (byte.is_ascii_digit() as u8) << 1;
        }
        byte += 1;
    }
    sorts
};

pub(super) fn find(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    search.sweep(classify, found)
}

#[inline(always)]
pub(super) fn classify(block: &[u8; BLOCK]) -> Bits {
    let (mut token, mut digit) = (0, 0);
    for (at, byte) in block.iter().enumerate() {
        let sort = u64::from(SORTS.get(usize::from(*byte)).copied().unwrap_or(0));
        token |= (sort & 1) << at;
        digit |= (sort >> 1) << at;
    }
    Bits { token, digit }
}
