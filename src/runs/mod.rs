//! Where text looks like tokens: runs of the bytes that tokens are written with.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod classes;
mod packed;
mod scalar;
mod sorts;
mod sweep;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
mod neon;

pub use packed::{DEPTH, Packed};
pub use sorts::{Block, Sorts};

use std::ops::Range;

/// True for the bytes that tokens are written with: letters, digits and `_+/=.~-`.
#[must_use]
pub const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'+' | b'/' | b'=' | b'.' | b'~' | b'-')
}

/// A run of token bytes between other bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it is.
    pub range: Range<usize>,
    /// Whether one of its bytes is a digit.
    pub digit: bool,
}

/// Hands over every maximal run of token bytes that is at least so long, in order.
pub fn find(bytes: &[u8], least: usize, found: &mut dyn FnMut(Range<usize>)) {
    find_in(bytes, 0..bytes.len(), least, &mut |run| found(run.range));
}

/// Hands over every maximal run that starts in `region` and is at least so long, in order; one that goes on after the
/// region is followed to its end. Returns where the next region starts.
pub fn find_in(bytes: &[u8], region: Range<usize>, least: usize, found: &mut impl FnMut(Run)) -> usize {
    let search = sweep::Search::new(bytes, region, least);
    #[cfg(target_arch = "x86_64")]
    {
        if avx512::is_here() {
            return avx512::find(search, found);
        }
        if x86::has_avx2() {
            return x86::find_with_avx2(search, found);
        }
        if x86::has_ssse3() {
            return x86::find_with_ssse3(search, found);
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        return neon::find(search, found);
    }
    #[cfg(not(target_arch = "aarch64"))]
    scalar::find(search, found)
}

#[cfg(test)]
mod tests;
