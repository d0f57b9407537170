//! A vector pass for a few short texts: 32 places at once, by the halves of three bytes each. It lets few other places
//! through; who asks must compare.

use std::ops::Range;

/// How many bytes of a text are looked at.
pub const DEPTH: usize = 3;
/// Texts are put into so many groups; a place that is let through has bytes that one group's texts have.
const GROUPS: usize = 8;

/// Which bytes can start each group's texts: for the low and the high half of each byte, one bit a group.
#[derive(Clone, Debug)]
pub struct Packed {
    low: [[u8; 16]; DEPTH],
    high: [[u8; 16]; DEPTH],
}

impl Packed {
    /// Takes the first three bytes of texts; letters are looked for in both cases.
    #[must_use]
    pub fn new(mut heads: Vec<[u8; DEPTH]>) -> Self {
        heads.iter_mut().for_each(|head| head.make_ascii_lowercase());
        heads.sort_unstable();
        heads.dedup();
        let mut packed = Self { low: [[0; 16]; DEPTH], high: [[0; 16]; DEPTH] };
        for (index, head) in heads.iter().enumerate() {
            let group = 1_u8 << (index * GROUPS / heads.len());
            for ((low, high), byte) in packed.low.iter_mut().zip(&mut packed.high).zip(head) {
                for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                    let halves = [low.get_mut(usize::from(byte & 15)), high.get_mut(usize::from(byte >> 4))];
                    halves.into_iter().flatten().for_each(|bits| *bits |= group);
                }
            }
        }
        packed
    }

    /// Hands over every place in `region` where one of the texts may start, in order, as far as vectors reach. Returns
    /// where they end: right at the start where this processor has none that will do.
    pub fn find(&self, bytes: &[u8], region: Range<usize>, found: &mut impl FnMut(usize)) -> usize {
        #[cfg(target_arch = "x86_64")]
        if super::x86::has_avx2() {
            return super::x86::places_with_avx2(&self.low, &self.high, bytes, region, found);
        }
        #[cfg(target_arch = "aarch64")]
        return super::neon::places(&self.low, &self.high, bytes, region, found);
        #[cfg(not(target_arch = "aarch64"))]
        region.start
    }

    /// The same for one place.
    #[cfg(test)]
    fn lets_through(&self, window: &[u8]) -> bool {
        let halves = self.low.iter().zip(&self.high).zip(window);
        let groups = halves.fold(u8::MAX, |groups, ((low, high), byte)| {
            groups & low[usize::from(byte & 15)] & high[usize::from(byte >> 4)]
        });
        groups != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_let_through_in_any_case_and_few_others() {
        let packed = Packed::new(vec![*b"://", *b"y--", *b"sk_"]);
        let text = [b"a Key--- http://x SK_".as_slice(), &[b'q'; 40]].concat();
        let mut places = Vec::new();
        let end = packed.find(&text, 0..text.len(), &mut |place| places.push(place));
        if end > 0 {
            assert_eq!(places, [4, 13, 18]);
            assert!(end + 32 + DEPTH > text.len(), "only the end is left");
        }
    }

    proptest! {
        #[test]
        fn vectors_let_through_what_the_tables_do(
            heads in proptest::collection::vec(any::<[u8; 3]>(), 1..40),
            mut text in proptest::collection::vec(any::<u8>(), 0..300),
            plants in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..9),
            cut in 0..300_usize,
        ) {
            for (head, at) in plants {
                let at = at.index(text.len() + 1);
                text.splice(at..at, *head.get(&heads));
            }
            let heads: Vec<[u8; 3]> = heads.into_iter().map(|head| head.map(|byte| byte & 0x7f)).collect();
            let packed = Packed::new(heads);
            let region = cut.min(text.len())..text.len();
            let mut places = Vec::new();
            let end = packed.find(&text, region.clone(), &mut |place| places.push(place));
            let wanted: Vec<usize> =
                (region.start..end).filter(|at| packed.lets_through(&text[*at..at + DEPTH])).collect();
            prop_assert_eq!(places, wanted);
        }
    }
}
