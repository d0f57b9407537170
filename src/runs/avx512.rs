//! The pass with the widest vectors of x86-64: 64 bytes at once with AVX-512.

use super::packed::{Halves, STEP};
use super::sorts::Block;
use super::sweep::{BLOCK, Bits, HIGH, LOW, Search};
use super::x86::load_16;
use super::{Run, scalar};
use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmple_epu8_mask, _mm512_loadu_si512,
    _mm512_maskz_loadu_epi8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_sub_epi8, _mm512_test_epi8_mask,
};
use std::ops::Range;

/// With its bytes and words.
pub(super) fn is_here() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

#[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
pub(super) fn find(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    if !is_here() {
        return scalar::find(search, found);
    }
    // SAFETY: the processor has AVX-512 with its bytes and words, which is all that the callee asks for; the lines above
    // saw to that.
    unsafe { runs(search, found) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn runs(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    let (low, high) = (broadcast(&LOW), broadcast(&HIGH));
    search.sweep(
        |block| {
            let bytes = load(block);
            let sorts = _mm512_shuffle_epi8(low, bytes);
            let value = _mm512_sub_epi8(bytes, _mm512_set1_epi8(b'0'.cast_signed()));
            Bits {
                token: _mm512_test_epi8_mask(sorts, _mm512_shuffle_epi8(high, high_half(bytes))),
                digit: _mm512_cmple_epu8_mask(value, _mm512_set1_epi8(9)),
            }
        },
        found,
    )
}

/// Says which places have bytes of one group, and where it ended; see `Packed`. Only where a text of this depth cannot
/// start any more it goes no further.
#[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
pub(super) fn through<const N: usize, const TABLES: usize>(
    halves: &Halves<N, TABLES>,
    bytes: &[u8],
    region: Range<usize>,
    into: &mut [u64; STEP],
) -> usize {
    if !is_here() {
        return region.start;
    }
    // SAFETY: the processor has AVX-512 with its bytes and words, which is all that the callee asks for; the lines above
    // saw to that.
    unsafe { through_64(halves, bytes, region, into) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn through_64<const N: usize, const TABLES: usize>(
    halves: &Halves<N, TABLES>,
    bytes: &[u8],
    region: Range<usize>,
    into: &mut [u64; STEP],
) -> usize {
    let (zero, half_byte) = (_mm512_setzero_si512(), _mm512_set1_epi8(15));
    let (mut low, mut high) = ([[zero; N]; TABLES], [[zero; N]; TABLES]);
    for (vectors, tables) in [(&mut low, &halves.low), (&mut high, &halves.high)] {
        for (vector, table) in vectors.as_flattened_mut().iter_mut().zip(tables.as_flattened()) {
            *vector = broadcast(table);
        }
    }
    let end = region.end.min((bytes.len() + 1).saturating_sub(N));
    let mut at = region.start;
    for through in into {
        if at >= end {
            break;
        }
        let mut of = [_mm512_set1_epi8(-1); TABLES];
        for depth in 0..N {
            let bytes = load_some(bytes.get(at + depth..).unwrap_or_default());
            let (low_half, high_half) = (_mm512_and_si512(bytes, half_byte), high_half(bytes));
            for ((of, low), high) in of.iter_mut().zip(&low).zip(&high) {
                if let (Some(low), Some(high)) = (low.get(depth), high.get(depth)) {
                    let groups =
                        _mm512_and_si512(_mm512_shuffle_epi8(*low, low_half), _mm512_shuffle_epi8(*high, high_half));
                    *of = _mm512_and_si512(*of, groups);
                }
            }
        }
        let mut all = zero;
        for of in of {
            all = _mm512_or_si512(all, of);
        }
        *through = _mm512_test_epi8_mask(all, all);
        at += BLOCK;
    }
    at.min(end).max(region.start)
}

/// Adds what sorts the bytes of blocks are of; see `Sorts`.
#[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
pub(super) fn sort<const N: usize>(low: &[[u8; 16]; N], blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
    if is_here() {
        // SAFETY: the processor has AVX-512 with its bytes and words, which is all that the callee asks for; the line
        // above saw to that.
        unsafe { sort_64(low, blocks, into) }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn sort_64<const N: usize>(low: &[[u8; 16]; N], blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
    let high = broadcast(&HIGH);
    // Loops and no closures: who calls one would hand it vectors through memory.
    let mut lows = [_mm512_setzero_si512(); N];
    for (vector, low) in lows.iter_mut().zip(low) {
        *vector = broadcast(low);
    }
    into.reserve(blocks.len());
    for block in blocks {
        let bytes = load(block);
        let high = _mm512_shuffle_epi8(high, high_half(bytes));
        let mut bits = Block { of: [0; N], beyond: _mm512_movepi8_mask(bytes) };
        for (of, low) in bits.of.iter_mut().zip(&lows) {
            *of = _mm512_test_epi8_mask(_mm512_shuffle_epi8(*low, bytes), high);
        }
        into.push(bits);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn high_half(bytes: __m512i) -> __m512i {
    _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), _mm512_set1_epi8(15))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(table: &[u8; 16]) -> __m512i {
    _mm512_broadcast_i32x4(load_16(table))
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "vectors are loaded through pointers")]
pub(super) fn load(bytes: &[u8; BLOCK]) -> __m512i {
    // SAFETY: the pointer is to 64 readable bytes, and any alignment will do.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// The first 64 bytes; zeros where there are fewer.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[expect(unsafe_code, reason = "vectors are loaded through pointers")]
pub(super) fn load_some(bytes: &[u8]) -> __m512i {
    match bytes.first_chunk() {
        Some(block) => load(block),
        // SAFETY: fewer than 64 bytes are there, and of memory those are read that have a bit in the mask, one for each
        // of them; the pointer is to the first one, and any alignment will do.
        None => unsafe { _mm512_maskz_loadu_epi8((1 << bytes.len()) - 1, bytes.as_ptr().cast()) },
    }
}

const _: () = assert!(BLOCK == 64, "a block is one vector");
