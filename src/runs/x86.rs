//! The pass with the vectors of x86-64: 32 bytes at once with AVX2, 16 with SSSE3.

use super::packed::{Halves, STEP};
use super::sorts::Block;
use super::sweep::{BLOCK, Bits, HIGH, LOW, Search};
use super::{Run, scalar};
use std::arch::x86_64::{
    __m128i, __m256i, _mm_and_si128, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8,
    _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi16, _mm_sub_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_sub_epi8,
};
use std::ops::Range;

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

pub(super) fn has_ssse3() -> bool {
    is_x86_feature_detected!("ssse3")
}

#[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
pub(super) fn find_with_avx2(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    if !has_avx2() {
        return scalar::find(search, found);
    }
    // SAFETY: the processor has AVX2, which is all that the callee asks for; the lines above saw to that.
    unsafe { avx2(search, found) }
}

#[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
pub(super) fn find_with_ssse3(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    if !has_ssse3() {
        return scalar::find(search, found);
    }
    // SAFETY: the processor has SSSE3, which is all that the callee asks for; the lines above saw to that.
    unsafe { ssse3(search, found) }
}

#[target_feature(enable = "avx2")]
fn avx2(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    let (low, high) = (broadcast(&LOW), broadcast(&HIGH));
    search.sweep(
        |block| {
            let (halves, _) = block.as_chunks::<32>();
            let mut bits = Bits { token: 0, digit: 0 };
            for half in halves.iter().rev() {
                let bytes = load_32(half);
                let half_byte = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(15));
                let sorts = _mm256_and_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(high, half_byte));
                let other = _mm256_cmpeq_epi8(sorts, _mm256_setzero_si256());
                let value = _mm256_sub_epi8(bytes, _mm256_set1_epi8(b'0'.cast_signed()));
                let digit = _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(9)), value);
                bits.token = bits.token << 32 | u64::from(!_mm256_movemask_epi8(other).cast_unsigned());
                bits.digit = bits.digit << 32 | u64::from(_mm256_movemask_epi8(digit).cast_unsigned());
            }
            bits
        },
        found,
    )
}

#[target_feature(enable = "ssse3")]
fn ssse3(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    let (low, high) = (load_16(&LOW), load_16(&HIGH));
    search.sweep(
        |block| {
            let (quarters, _) = block.as_chunks::<16>();
            let mut bits = Bits { token: 0, digit: 0 };
            for quarter in quarters.iter().rev() {
                let bytes = load_16(quarter);
                let half_byte = _mm_and_si128(_mm_srli_epi16::<4>(bytes), _mm_set1_epi8(15));
                let sorts = _mm_and_si128(_mm_shuffle_epi8(low, bytes), _mm_shuffle_epi8(high, half_byte));
                let other = _mm_cmpeq_epi8(sorts, _mm_setzero_si128());
                let value = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0'.cast_signed()));
                let digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
                bits.token = bits.token << 16 | u64::from(!_mm_movemask_epi8(other).cast_unsigned() & 0xffff);
                bits.digit = bits.digit << 16 | u64::from(_mm_movemask_epi8(digit).cast_unsigned());
            }
            bits
        },
        found,
    )
}

#[inline(always)]
#[expect(unsafe_code, reason = "vectors are loaded through pointers")]
pub(super) fn load_16(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the pointer is to 16 readable bytes, any alignment will do, and every x86-64 processor has SSE2.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "vectors are loaded through pointers")]
fn load_32(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the pointer is to 32 readable bytes, and any alignment will do.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Says which places have bytes of one group, and where it ended; see `Packed`.
#[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
pub(super) fn through_with_avx2<const N: usize, const TABLES: usize>(
    halves: &Halves<N, TABLES>,
    bytes: &[u8],
    region: Range<usize>,
    into: &mut [u64; STEP],
) -> usize {
    if !has_avx2() {
        return region.start;
    }
    // SAFETY: the processor has AVX2, which is all that the callee asks for; the lines above saw to that.
    unsafe { through_32(halves, bytes, region, into) }
}

#[target_feature(enable = "avx2")]
fn through_32<const N: usize, const TABLES: usize>(
    halves: &Halves<N, TABLES>,
    bytes: &[u8],
    region: Range<usize>,
    into: &mut [u64; STEP],
) -> usize {
    let (zero, half_byte) = (_mm256_setzero_si256(), _mm256_set1_epi8(15));
    let (mut low, mut high) = ([[zero; N]; TABLES], [[zero; N]; TABLES]);
    for (vectors, tables) in [(&mut low, &halves.low), (&mut high, &halves.high)] {
        for (vector, table) in vectors.as_flattened_mut().iter_mut().zip(tables.as_flattened()) {
            *vector = broadcast(table);
        }
    }
    let mut at = region.start;
    for through in into {
        *through = 0;
        for half in 0..2 {
            if at >= region.end || bytes.len() - at < 32 + N - 1 {
                return at.min(region.end);
            }
            let mut of = [_mm256_set1_epi8(-1); TABLES];
            for depth in 0..N {
                let Some(window) = bytes.get(at + depth..).and_then(<[u8]>::first_chunk) else { break };
                let bytes = load_32(window);
                let low_half = _mm256_and_si256(bytes, half_byte);
                let high_half = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half_byte);
                for ((of, low), high) in of.iter_mut().zip(&low).zip(&high) {
                    if let (Some(low), Some(high)) = (low.get(depth), high.get(depth)) {
                        let low = _mm256_shuffle_epi8(*low, low_half);
                        *of = _mm256_and_si256(*of, _mm256_and_si256(low, _mm256_shuffle_epi8(*high, high_half)));
                    }
                }
            }
            let mut all = zero;
            for of in of {
                all = _mm256_or_si256(all, of);
            }
            let none = _mm256_cmpeq_epi8(all, zero);
            *through |= u64::from(!_mm256_movemask_epi8(none).cast_unsigned()) << (32 * half);
            at += 32;
        }
    }
    at.min(region.end)
}

/// Adds what sorts the bytes of blocks are of; see `Sorts`.
#[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
pub(super) fn sort_with_avx2<const N: usize>(low: &[[u8; 16]; N], blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
    if has_avx2() {
        // SAFETY: the processor has AVX2, which is all that the callee asks for; the line above saw to that.
        unsafe { sort_32(low, blocks, into) }
    }
}

/// The same with SSSE3.
#[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
pub(super) fn sort_with_ssse3<const N: usize>(low: &[[u8; 16]; N], blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
    if has_ssse3() {
        // SAFETY: the processor has SSSE3, which is all that the callee asks for; the line above saw to that.
        unsafe { sort_16(low, blocks, into) }
    }
}

#[target_feature(enable = "avx2")]
fn sort_32<const N: usize>(low: &[[u8; 16]; N], blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
    let high = broadcast(&HIGH);
    // Loops and no closures: who calls one would hand it vectors through memory.
    let mut lows = [_mm256_setzero_si256(); N];
    for (vector, low) in lows.iter_mut().zip(low) {
        *vector = broadcast(low);
    }
    into.reserve(blocks.len());
    for block in blocks {
        let mut bits = Block::NONE;
        let (halves, _) = block.as_chunks::<32>();
        for half in halves.iter().rev() {
            let bytes = load_32(half);
            let high_half = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(15));
            let high = _mm256_shuffle_epi8(high, high_half);
            for (of, low) in bits.of.iter_mut().zip(&lows) {
                let sorts = _mm256_and_si256(_mm256_shuffle_epi8(*low, bytes), high);
                let none = _mm256_cmpeq_epi8(sorts, _mm256_setzero_si256());
                *of = *of << 32 | u64::from(!_mm256_movemask_epi8(none).cast_unsigned());
            }
            bits.beyond = bits.beyond << 32 | u64::from(_mm256_movemask_epi8(bytes).cast_unsigned());
        }
        into.push(bits);
    }
}

#[target_feature(enable = "ssse3")]
fn sort_16<const N: usize>(low: &[[u8; 16]; N], blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
    let high = load_16(&HIGH);
    let mut lows = [_mm_setzero_si128(); N];
    for (vector, low) in lows.iter_mut().zip(low) {
        *vector = load_16(low);
    }
    into.reserve(blocks.len());
    for block in blocks {
        let mut bits = Block::NONE;
        let (quarters, _) = block.as_chunks::<16>();
        for quarter in quarters.iter().rev() {
            let bytes = load_16(quarter);
            let high = _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi16::<4>(bytes), _mm_set1_epi8(15)));
            for (of, low) in bits.of.iter_mut().zip(&lows) {
                let sorts = _mm_and_si128(_mm_shuffle_epi8(*low, bytes), high);
                let none = _mm_movemask_epi8(_mm_cmpeq_epi8(sorts, _mm_setzero_si128()));
                *of = *of << 16 | u64::from(!none.cast_unsigned() & 0xffff);
            }
            bits.beyond = bits.beyond << 16 | u64::from(_mm_movemask_epi8(bytes).cast_unsigned());
        }
        into.push(bits);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn broadcast(table: &[u8; 16]) -> __m256i {
    _mm256_broadcastsi128_si256(load_16(table))
}

const _: () = assert!(BLOCK == 64, "a block is two vectors of AVX2 and four of SSSE3");
