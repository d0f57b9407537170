//! The pass with the vectors of AArch64, which every such processor has: 16 bytes at once.

use super::Run;
use super::packed::{Halves, STEP};
use super::sorts::Block;
use super::sweep::{BLOCK, Bits, HIGH, LOW, Search};
use std::arch::aarch64::{
    uint8x16_t, vandq_u8, vcleq_u8, vdupq_n_u8, vgetq_lane_u64, vld1q_u8, vorrq_u8, vpaddq_u8, vqtbl1q_u8,
    vreinterpretq_u64_u8, vshrq_n_u8, vsubq_u8, vtstq_u8,
};
use std::ops::Range;

/// A bit for each of eight bytes.
static WEIGHTS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

#[expect(unsafe_code, reason = "vector instructions are features of a processor")]
pub(super) fn find(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    // SAFETY: every AArch64 processor has NEON, which is all that the callee asks for.
    unsafe { with_neon(search, found) }
}

#[target_feature(enable = "neon")]
fn with_neon(search: Search<'_>, found: &mut impl FnMut(Run)) -> usize {
    let (low, high) = (load(&LOW), load(&HIGH));
    search.sweep(
        |block| {
            let (mut token, mut digit) = ([vdupq_n_u8(0); 4], [vdupq_n_u8(0); 4]);
            let (quarters, _) = block.as_chunks::<16>();
            for ((quarter, token), digit) in quarters.iter().zip(&mut token).zip(&mut digit) {
                let bytes = load(quarter);
                let sorts = vandq_u8(
                    vqtbl1q_u8(low, vandq_u8(bytes, vdupq_n_u8(15))),
                    vqtbl1q_u8(high, vshrq_n_u8::<4>(bytes)),
                );
                *token = vtstq_u8(sorts, sorts);
                *digit = vcleq_u8(vsubq_u8(bytes, vdupq_n_u8(b'0')), vdupq_n_u8(9));
            }
            Bits { token: mask(token), digit: mask(digit) }
        },
        found,
    )
}

/// Says which places have bytes of one group, and where it ended; see `Packed`.
#[expect(unsafe_code, reason = "vector instructions are features of a processor")]
pub(super) fn through<const N: usize, const TABLES: usize>(
    halves: &Halves<N, TABLES>,
    bytes: &[u8],
    region: Range<usize>,
    into: &mut [u64; STEP],
) -> usize {
    // SAFETY: every AArch64 processor has NEON, which is all that the callee asks for.
    unsafe { through_with_neon(halves, bytes, region, into) }
}

#[target_feature(enable = "neon")]
fn through_with_neon<const N: usize, const TABLES: usize>(
    halves: &Halves<N, TABLES>,
    bytes: &[u8],
    region: Range<usize>,
    into: &mut [u64; STEP],
) -> usize {
    let mut at = region.start;
    for places in into {
        if at >= region.end || bytes.len() - at < BLOCK + N - 1 {
            break;
        }
        let mut all = [vdupq_n_u8(0); 4];
        for (low, high) in halves.low.iter().zip(&halves.high) {
            let mut through = [vdupq_n_u8(u8::MAX); 4];
            for (depth, (low, high)) in low.iter().zip(high).enumerate() {
                let (low, high) = (load(low), load(high));
                let (quarters, _) = bytes.get(at + depth..).unwrap_or_default().as_chunks::<16>();
                for (through, quarter) in through.iter_mut().zip(quarters) {
                    let bytes = load(quarter);
                    let groups = vandq_u8(
                        vqtbl1q_u8(low, vandq_u8(bytes, vdupq_n_u8(15))),
                        vqtbl1q_u8(high, vshrq_n_u8::<4>(bytes)),
                    );
                    *through = vandq_u8(*through, groups);
                }
            }
            for (all, through) in all.iter_mut().zip(through) {
                *all = vorrq_u8(*all, through);
            }
        }
        *places = mask(all.map(|groups| vtstq_u8(groups, groups)));
        at += BLOCK;
    }
    at.min(region.end)
}

/// Adds what sorts the bytes of blocks are of; see `Sorts`.
#[expect(unsafe_code, reason = "vector instructions are features of a processor")]
pub(super) fn sort<const N: usize>(low: &[[u8; 16]; N], blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
    // SAFETY: every AArch64 processor has NEON, which is all that the callee asks for.
    unsafe { sort_with_neon(low, blocks, into) }
}

#[target_feature(enable = "neon")]
fn sort_with_neon<const N: usize>(low: &[[u8; 16]; N], blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
    let high = load(&HIGH);
    into.reserve(blocks.len());
    for block in blocks {
        let (mut bytes, mut highs) = ([vdupq_n_u8(0); 4], [vdupq_n_u8(0); 4]);
        let (quarters, _) = block.as_chunks::<16>();
        for ((quarter, bytes), of_high) in quarters.iter().zip(&mut bytes).zip(&mut highs) {
            *bytes = load(quarter);
            *of_high = vqtbl1q_u8(high, vshrq_n_u8::<4>(*bytes));
        }
        let mut bits = Block::NONE;
        for (of, low) in bits.of.iter_mut().zip(low) {
            let low = load(low);
            let mut sorts = highs;
            for (sorts, bytes) in sorts.iter_mut().zip(&bytes) {
                let halves = vandq_u8(vqtbl1q_u8(low, vandq_u8(*bytes, vdupq_n_u8(15))), *sorts);
                *sorts = vtstq_u8(halves, halves);
            }
            *of = mask(sorts);
        }
        bits.beyond = mask(bytes.map(|bytes| vtstq_u8(bytes, vdupq_n_u8(0x80))));
        into.push(bits);
    }
}

/// One bit for each of 64 bytes that are all ones or all zeros.
#[inline]
#[target_feature(enable = "neon")]
fn mask([a, b, c, d]: [uint8x16_t; 4]) -> u64 {
    let weights = load(&WEIGHTS);
    let ab = vpaddq_u8(vandq_u8(a, weights), vandq_u8(b, weights));
    let cd = vpaddq_u8(vandq_u8(c, weights), vandq_u8(d, weights));
    let abcd = vpaddq_u8(ab, cd);
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(abcd, abcd)))
}

#[inline]
#[target_feature(enable = "neon")]
#[expect(unsafe_code, reason = "vectors are loaded through pointers")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: the pointer is to 16 readable bytes, and any alignment will do.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

const _: () = assert!(BLOCK == 64, "a block is four vectors");
