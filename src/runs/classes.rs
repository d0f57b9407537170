//! The same for many texts with the instructions of newer processors of x86-64 (AVX-512 with VBMI): a byte is looked up
//! whole, by its class, where others look up its halves. That is half the work, and lets fewer other places through.

use super::packed::{DEPTH, GROUPS, STEP, find_by};
use super::sweep::BLOCK;
use std::arch::x86_64::{
    _mm512_and_si512, _mm512_maskz_permutex2var_epi8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_permutexvar_epi8,
    _mm512_set1_epi8, _mm512_setzero_si512, _mm512_test_epi8_mask,
};
use std::ops::Range;

/// So many classes there are; bytes that no text has are of the first one.
const CLASSES: usize = 64;

/// Which bytes can start each group's texts, for so many times eight groups: one bit a group.
#[derive(Clone, Debug)]
pub(super) struct Classes<const TABLES: usize> {
    /// The class of each byte of ASCII; all others are of the first one.
    class: [[u8; BLOCK]; 2],
    /// For each class.
    groups: [[[u8; CLASSES]; DEPTH]; TABLES],
}

pub(super) fn are_here() -> bool {
    super::avx512::is_here() && is_x86_feature_detected!("avx512vbmi")
}

/// The classes that the bytes of a group's texts have, one bit each.
#[derive(Clone, Copy, Default)]
struct Group([u64; DEPTH]);

impl Group {
    fn with(self, other: Self) -> Self {
        let mut both = self;
        both.0.iter_mut().zip(other.0).for_each(|(classes, more)| *classes |= more);
        both
    }

    /// How many different texts it lets through.
    fn width(self) -> u32 {
        self.0.iter().map(|classes| classes.count_ones()).product()
    }
}

impl<const TABLES: usize> Classes<TABLES> {
    /// Each text comes into the group that lets little more through for it.
    pub(super) fn new(heads: &[&[u8]]) -> Self {
        let mut classes = [0; 128];
        let mut last = 0;
        for byte in heads.iter().copied().flatten() {
            let (lower, upper) = (byte.to_ascii_lowercase(), byte.to_ascii_uppercase());
            if classes.get(usize::from(lower)) == Some(&0) {
                // The last class is shared by all bytes that come too late for one of their own.
                last = (last + 1).min(CLASSES as u8 - 1);
                for byte in [lower, upper] {
                    classes.get_mut(usize::from(byte)).into_iter().for_each(|class| *class = last);
                }
            }
        }
        let class_of = |byte: u8| classes.get(usize::from(byte.to_ascii_lowercase())).copied().unwrap_or(0);
        let mut groups = [[(Group::default(), 0); GROUPS]; TABLES];
        for head in heads {
            // Any byte stands where a text has none.
            let one = Group(std::array::from_fn(|at| head.get(at).map_or(u64::MAX, |byte| 1 << class_of(*byte))));
            let wider = |(group, width): &(Group, u32)| group.with(one).width() - width;
            if let Some(best) = groups.as_flattened_mut().iter_mut().min_by_key(|group| wider(group)) {
                best.0 = best.0.with(one);
                best.1 = best.0.width();
            }
        }
        let table = |groups: Option<&[(Group, u32); GROUPS]>, at: usize| {
            let mut table = [0; CLASSES];
            for (index, (Group(classes), _)) in groups.into_iter().flatten().enumerate() {
                let classes = classes.get(at).copied().unwrap_or(0);
                table.iter_mut().enumerate().for_each(|(class, of)| *of |= ((classes >> class & 1) as u8) << index);
            }
            table
        };
        let (low, high) = classes.as_chunks().0.split_at(1);
        let half = |of: &[[u8; BLOCK]]| of.first().copied().unwrap_or([0; BLOCK]);
        Self {
            class: [half(low), half(high)],
            groups: std::array::from_fn(|of| std::array::from_fn(|at| table(groups.get(of), at))),
        }
    }

    #[inline]
    pub(super) fn find(&self, bytes: &[u8], region: Range<usize>, found: &mut impl FnMut(usize)) -> usize {
        find_by(|part, into| self.through(bytes, part, into), region, found)
    }

    /// Says which places have bytes of one group, and where it ended; see `Packed`. Only where a text of this depth cannot
    /// start any more it goes no further.
    #[expect(unsafe_code, reason = "the features of this processor are known only at run time")]
    fn through(&self, bytes: &[u8], region: Range<usize>, into: &mut [u64; STEP]) -> usize {
        if !are_here() {
            return region.start;
        }
        // SAFETY: the processor has AVX-512 with its bytes and words and with VBMI, which is all that the callee asks for;
        // the lines above saw to that.
        unsafe { self.through_64(bytes, region, into) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn through_64(&self, bytes: &[u8], region: Range<usize>, into: &mut [u64; STEP]) -> usize {
        use super::avx512::{load, load_some};
        let zero = _mm512_setzero_si512();
        let [low, high] = &self.class;
        let (low, high) = (load(low), load(high));
        let mut tables = [[zero; DEPTH]; TABLES];
        for (vector, table) in tables.as_flattened_mut().iter_mut().zip(self.groups.as_flattened()) {
            *vector = load(table);
        }
        let end = region.end.min((bytes.len() + 1).saturating_sub(DEPTH));
        let mut at = region.start;
        for through in into {
            if at >= end {
                break;
            }
            let mut of = [_mm512_set1_epi8(-1); TABLES];
            for depth in 0..DEPTH {
                let bytes = load_some(bytes.get(at + depth..).unwrap_or_default());
                let ascii = !_mm512_movepi8_mask(bytes);
                let classes = _mm512_maskz_permutex2var_epi8(ascii, low, bytes, high);
                for (of, table) in of.iter_mut().zip(&tables) {
                    if let Some(table) = table.get(depth) {
                        *of = _mm512_and_si512(*of, _mm512_permutexvar_epi8(classes, *table));
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

    /// The same for one place.
    #[cfg(test)]
    pub(super) fn lets_through(&self, window: &[u8]) -> bool {
        let class = |byte: u8| if byte < 128 { self.class.as_flattened()[usize::from(byte)] } else { 0 };
        self.groups.iter().any(|table| {
            let of = table.iter().zip(window).map(|(groups, byte)| groups[usize::from(class(*byte))]);
            of.fold(u8::MAX, |all, groups| all & groups) != 0
        })
    }
}
