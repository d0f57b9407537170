//! Which bytes of a text are of which sorts: bits, 64 bytes at once, for a few sorts together.

use super::sweep::BLOCK;

/// For every byte the sorts that it is of, one bit each. Only bytes of ASCII are of any.
#[derive(Clone, Debug)]
pub struct Sorts<const N: usize> {
    table: [u8; 256],
    /// For each sort and each low half of a byte: the high halves with which it is of that sort, one bit each.
    low: [[u8; 16]; N],
}

/// One bit for each of 64 bytes, the first of them lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<const N: usize> {
    /// The bytes of each sort.
    pub of: [u64; N],
    /// The bytes beyond ASCII.
    pub beyond: u64,
}

impl<const N: usize> Block<N> {
    /// No byte is of any sort.
    pub const NONE: Self = Self { of: [0; N], beyond: 0 };
}

impl<const N: usize> Sorts<N> {
    /// Takes the sorts of each byte; what is said of bytes beyond ASCII, or of sorts beyond the last one, does not count.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a byte, its halves and the counted sorts are always in the tables, and the compiler evaluates this"
    )]
    pub const fn new(mut table: [u8; 256]) -> Self {
        let mut low = [[0; 16]; N];
        let mut byte = 0;
        while byte < 256 {
            let mut sort = 0;
            while sort < N && byte < 128 {
                if table[byte] >> sort & 1 == 1 {
                    low[sort][byte & 15] |= 1 << (byte >> 4);
                }
                sort += 1;
            }
            if byte >= 128 {
                table[byte] = 0;
            }
            byte += 1;
        }
        Self { table, low }
    }

    /// Adds a block for every 64 bytes; past the end of the last one no byte is of any sort.
    pub fn add(&self, bytes: &[u8], into: &mut Vec<Block<N>>) {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        self.add_blocks(blocks, into);
        if !rest.is_empty() {
            let mut last = [0; BLOCK];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.add_blocks(&[last], into);
            let within = u64::MAX >> (BLOCK - rest.len());
            if let Some(last) = into.last_mut() {
                last.of.iter_mut().for_each(|bits| *bits &= within);
            }
        }
    }

    fn add_blocks(&self, blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
        #[cfg(target_arch = "x86_64")]
        {
            if super::avx512::is_here() {
                return super::avx512::sort(&self.low, blocks, into);
            }
            if super::x86::has_avx2() {
                return super::x86::sort_with_avx2(&self.low, blocks, into);
            }
            if super::x86::has_ssse3() {
                return super::x86::sort_with_ssse3(&self.low, blocks, into);
            }
        }
        #[cfg(target_arch = "aarch64")]
        return super::neon::sort(&self.low, blocks, into);
        #[cfg(not(target_arch = "aarch64"))]
        self.add_plainly(blocks, into);
    }

    /// Without vectors: from the table.
    #[cfg(any(test, not(target_arch = "aarch64")))]
    fn add_plainly(&self, blocks: &[[u8; BLOCK]], into: &mut Vec<Block<N>>) {
        into.extend(blocks.iter().map(|block| {
            let mut bits = Block::NONE;
            for (at, byte) in block.iter().enumerate() {
                let sorts = self.table.get(usize::from(*byte)).copied().unwrap_or(0);
                for (sort, of) in bits.of.iter_mut().enumerate() {
                    *of |= u64::from(sorts >> sort & 1) << at;
                }
                bits.beyond |= u64::from(*byte >= 0x80) << at;
            }
            bits
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorts() -> Sorts<3> {
        let mut table = [0; 256];
        for (byte, sorts) in (0_u8..=255).zip(&mut table) {
            *sorts = u8::from(super::super::is_token_byte(byte))
                | u8::from(matches!(byte, 0 | b'"' | b'\'' | b'`' | 0x7f | 0xe2)) << 1
                | u8::from(byte % 7 == 3) << 2
                | 8;
        }
        Sorts::new(table)
    }

    /// What each implementation that this processor has says of whole blocks.
    fn found(sorts: &Sorts<3>, blocks: &[[u8; BLOCK]]) -> Vec<(&'static str, Vec<Block<3>>)> {
        let mut all = vec![("plainly", Vec::new()), ("chosen", Vec::new())];
        sorts.add_plainly(blocks, &mut all[0].1);
        sorts.add_blocks(blocks, &mut all[1].1);
        #[cfg(target_arch = "x86_64")]
        {
            use super::super::{avx512, x86};
            let (mut with_avx512, mut with_avx2, mut with_ssse3) = (Vec::new(), Vec::new(), Vec::new());
            avx512::sort(&sorts.low, blocks, &mut with_avx512);
            x86::sort_with_avx2(&sorts.low, blocks, &mut with_avx2);
            x86::sort_with_ssse3(&sorts.low, blocks, &mut with_ssse3);
            all.extend(avx512::is_here().then_some(("avx512", with_avx512)));
            all.extend(x86::has_avx2().then_some(("avx2", with_avx2)));
            all.extend(x86::has_ssse3().then_some(("ssse3", with_ssse3)));
        }
        all
    }

    #[test]
    fn every_byte_is_sorted_alike_in_every_place() {
        let sorts = sorts();
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                let mut block = [b' '; BLOCK];
                block[place] = byte;
                let all = found(&sorts, &[block]);
                for (name, of) in &all {
                    assert_eq!(*of, all[0].1, "{name}: {byte:#x} in place {place}");
                }
                let ascii = byte < 0x80;
                assert_eq!(all[0].1[0].of[2] >> place & 1 == 1, ascii && byte % 7 == 3, "{byte:#x}");
                assert_eq!(all[0].1[0].beyond, u64::from(!ascii) << place);
            }
        }
    }

    proptest! {
        #[test]
        fn all_implementations_say_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let sorts = sorts();
            let (blocks, rest) = bytes.as_chunks();
            let all = found(&sorts, blocks);
            for (name, of) in &all {
                prop_assert_eq!(of, &all[0].1, "{}", name);
            }
            let mut of = Vec::new();
            sorts.add(&bytes, &mut of);
            prop_assert_eq!(&of[..blocks.len()], all[0].1.as_slice());
            prop_assert_eq!(of.len(), bytes.len().div_ceil(BLOCK));
            for (at, byte) in rest.iter().enumerate() {
                let bits = of[blocks.len()].of.map(|bits| bits >> at & 1);
                let wanted = [0, 1, 2].map(|sort| u64::from(sorts.table[usize::from(*byte)] >> sort & 1));
                prop_assert_eq!(bits, wanted);
            }
            let beyond = of.last().map_or(0, |last| last.of.iter().fold(last.beyond, |all, of| all | of));
            prop_assert!(rest.is_empty() || beyond >> rest.len() == 0);
        }
    }
}
