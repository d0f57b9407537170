//! A vector pass for some short texts: 32 places at once, by the halves of their first bytes. It lets few other places
//! through; who asks must compare.

#[cfg(target_arch = "x86_64")]
use super::classes::Classes;
use super::sweep::BLOCK;
use std::ops::Range;

/// So many blocks are looked at before what they let through is handed over: what holds vectors calls nobody.
pub(super) const STEP: usize = 32;
/// So many bytes of a text are looked at, at most.
pub const DEPTH: usize = 4;
/// Texts are put into so many groups for each table; a place that is let through has bytes that one group's texts have.
pub(super) const GROUPS: usize = 8;
/// So few texts are told apart by one table and three bytes.
const FEW: usize = 48;
/// So many are by two tables.
const MANY: usize = 384;
/// More texts than this let through too much.
const MOST: usize = 2048;

/// Finds where some texts may start.
#[derive(Clone, Debug)]
pub struct Packed(Tables);

#[derive(Clone, Debug)]
enum Tables {
    Few(Halves<3, 1>),
    Many(Halves<DEPTH, 2>),
    Most(Box<Halves<DEPTH, 4>>),
    #[cfg(target_arch = "x86_64")]
    ManyByClass(Box<Classes<2>>),
    #[cfg(target_arch = "x86_64")]
    MostByClass(Box<Classes<4>>),
}

/// Which bytes can start each group's texts, to this depth and for so many times eight groups: for the low and the high
/// half of each byte, one bit a group.
#[derive(Clone, Debug)]
pub(super) struct Halves<const N: usize, const TABLES: usize> {
    pub(super) low: [[[u8; 16]; N]; TABLES],
    pub(super) high: [[[u8; 16]; N]; TABLES],
}

impl Packed {
    /// Takes texts, of which the first bytes count; letters are looked for in both cases. None if there are too many.
    #[must_use]
    pub fn new(mut heads: Vec<&[u8]>) -> Option<Self> {
        heads.sort_unstable();
        heads.dedup();
        #[cfg(target_arch = "x86_64")]
        if super::classes::are_here() {
            match heads.len() {
                0..=FEW => {}
                count if count <= MANY => return Some(Self(Tables::ManyByClass(Box::new(Classes::new(&heads))))),
                count if count <= MOST => return Some(Self(Tables::MostByClass(Box::new(Classes::new(&heads))))),
                _ => {}
            }
        }
        match heads.len() {
            0..=FEW => Some(Self(Tables::Few(Halves::new(&heads)))),
            count if count <= MANY => Some(Self(Tables::Many(Halves::new(&heads)))),
            count if count <= MOST => Some(Self(Tables::Most(Box::new(Halves::new(&heads))))),
            _ => None,
        }
    }

    /// Hands over every place in `region` where one of the texts may start, in order, as far as vectors reach. Returns
    /// where they end: right at the start where this processor has none that will do.
    #[inline]
    pub fn find(&self, bytes: &[u8], region: Range<usize>, found: &mut impl FnMut(usize)) -> usize {
        match &self.0 {
            Tables::Few(halves) => halves.find(bytes, region, found),
            Tables::Many(halves) => halves.find(bytes, region, found),
            Tables::Most(halves) => halves.find(bytes, region, found),
            #[cfg(target_arch = "x86_64")]
            Tables::ManyByClass(classes) => classes.find(bytes, region, found),
            #[cfg(target_arch = "x86_64")]
            Tables::MostByClass(classes) => classes.find(bytes, region, found),
        }
    }
}

/// The halves that the bytes of a group's texts have: sixteen bits for each byte.
#[derive(Clone, Copy, Default)]
struct Group {
    low: u64,
    high: u64,
}

impl Group {
    /// What one text has; any byte stands where it has none.
    fn of(head: &[u8], depth: usize) -> Self {
        let mut group = Self::default();
        for at in 0..depth {
            let (low, high) = match head.get(at) {
                Some(byte) => {
                    let (lower, upper) = (byte.to_ascii_lowercase(), byte.to_ascii_uppercase());
                    (1 << (lower & 15), 1 << (lower >> 4) | 1 << (upper >> 4))
                }
                None => (0xffff, 0xffff),
            };
            group.low |= low << (16 * at);
            group.high |= high << (16 * at);
        }
        group
    }

    fn with(self, other: Self) -> Self {
        Self { low: self.low | other.low, high: self.high | other.high }
    }

    /// How many different texts it lets through.
    fn width(self) -> u64 {
        let (low, high) = (counts(self.low), counts(self.high));
        (0..DEPTH).map(|at| (low >> (16 * at) & 31) * (high >> (16 * at) & 31)).filter(|width| *width > 0).product()
    }
}

/// How many bits are set in each sixteen of them.
fn counts(bits: u64) -> u64 {
    let twos = bits - (bits >> 1 & 0x5555_5555_5555_5555);
    let fours = (twos & 0x3333_3333_3333_3333) + (twos >> 2 & 0x3333_3333_3333_3333);
    let eights = (fours + (fours >> 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    (eights + (eights >> 8)) & 0x001f_001f_001f_001f
}

impl<const N: usize, const TABLES: usize> Halves<N, TABLES> {
    /// Each text comes into the group that lets little more through for it.
    fn new(heads: &[&[u8]]) -> Self {
        let mut groups = [[(Group::default(), 0); GROUPS]; TABLES];
        for head in heads {
            let one = Group::of(head, N);
            let wider = |(group, width): &(Group, u64)| group.with(one).width() - width;
            if let Some(best) = groups.as_flattened_mut().iter_mut().min_by_key(|group| wider(group)) {
                best.0 = best.0.with(one);
                best.1 = best.0.width();
            }
        }
        let table = |bits: &dyn Fn(&Group) -> u64, table: usize, at: usize| {
            let mut halves = [0; 16];
            for (index, (group, _)) in groups.get(table).into_iter().flatten().enumerate() {
                let bits = bits(group) >> (16 * at);
                halves.iter_mut().enumerate().for_each(|(half, groups)| *groups |= ((bits >> half & 1) as u8) << index);
            }
            halves
        };
        let tables =
            |bits: &dyn Fn(&Group) -> u64| std::array::from_fn(|of| std::array::from_fn(|at| table(bits, of, at)));
        Self { low: tables(&|group| group.low), high: tables(&|group| group.high) }
    }

    #[inline]
    fn find(&self, bytes: &[u8], region: Range<usize>, found: &mut impl FnMut(usize)) -> usize {
        #[cfg(target_arch = "x86_64")]
        if super::avx512::is_here() {
            return find_by(|part, into| super::avx512::through(self, bytes, part, into), region, found);
        }
        #[cfg(target_arch = "x86_64")]
        if super::x86::has_avx2() {
            return find_by(|part, into| super::x86::through_with_avx2(self, bytes, part, into), region, found);
        }
        #[cfg(target_arch = "aarch64")]
        return find_by(|part, into| super::neon::through(self, bytes, part, into), region, found);
        #[cfg(not(target_arch = "aarch64"))]
        region.start
    }

    /// The same for one place.
    #[cfg(test)]
    fn lets_through(&self, window: &[u8]) -> bool {
        self.low.iter().zip(&self.high).any(|(low, high)| {
            let halves = low.iter().zip(high).zip(window);
            let groups = halves.fold(u8::MAX, |groups, ((low, high), byte)| {
                groups & low[usize::from(byte & 15)] & high[usize::from(byte >> 4)]
            });
            groups != 0
        })
    }
}

/// `through` says which places from the start of a region on are let through, one bit each, and where it ended.
#[inline(always)]
pub(super) fn find_by(
    through: impl Fn(Range<usize>, &mut [u64; STEP]) -> usize,
    region: Range<usize>,
    found: &mut impl FnMut(usize),
) -> usize {
    let mut blocks = [0; STEP];
    let mut at = region.start;
    while at < region.end {
        let end = through(at..region.end, &mut blocks);
        for (block, places) in (at..end).step_by(BLOCK).zip(&blocks) {
            let within = if end - block < BLOCK { (1 << (end - block)) - 1 } else { u64::MAX };
            let mut places = places & within;
            while places != 0 {
                found(block + places.trailing_zeros() as usize);
                places &= places - 1;
            }
        }
        if end == at {
            break;
        }
        at = end;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_let_through_in_any_case_and_few_others() {
        let packed = Packed::new(vec![b"://", b"y--", b"sk_"]).unwrap();
        let text = [b"a Key--- http://x SK_".as_slice(), &[b'q'; 40]].concat();
        let mut places = Vec::new();
        let end = packed.find(&text, 0..text.len(), &mut |place| places.push(place));
        if end > 0 {
            assert_eq!(places, [4, 13, 18]);
            assert!(end + 32 + DEPTH > text.len(), "only the end is left");
        }
    }

    #[test]
    fn too_many_texts_are_refused() {
        let texts: Vec<[u8; 4]> = (0..=MOST as u32).map(u32::to_be_bytes).collect();
        assert!(Packed::new(texts.iter().map(|text| text.as_slice()).collect()).is_none());
        assert!(Packed::new(texts.iter().skip(1).map(|text| text.as_slice()).collect()).is_some());
        assert!(Packed::new(Vec::new()).is_some());
    }

    /// What each implementation that this processor has lets through, and how far it goes.
    fn everywhere<const N: usize, const TABLES: usize>(
        halves: &Halves<N, TABLES>,
        text: &[u8],
        region: &Range<usize>,
    ) -> Vec<(&'static str, Vec<usize>, usize)> {
        let mut places = Vec::new();
        let end = halves.find(text, region.clone(), &mut |place| places.push(place));
        let mut all = vec![("chosen", std::mem::take(&mut places), end)];
        #[cfg(target_arch = "x86_64")]
        {
            use super::super::{avx512, x86};
            let mut push = |place| places.push(place);
            let end = find_by(|part, into| x86::through_with_avx2(halves, text, part, into), region.clone(), &mut push);
            all.push(("avx2", std::mem::take(&mut places), end));
            let mut push = |place| places.push(place);
            let end = find_by(|part, into| avx512::through(halves, text, part, into), region.clone(), &mut push);
            all.push(("avx512", std::mem::take(&mut places), end));
        }
        all
    }

    fn check<const N: usize, const TABLES: usize>(
        heads: &[Vec<u8>],
        text: &[u8],
        region: Range<usize>,
    ) -> Result<(), TestCaseError> {
        let halves = Halves::<N, TABLES>::new(&heads.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for (name, places, end) in everywhere(&halves, text, &region) {
            let there = |at: &usize| text.get(*at..at + N).is_some_and(|window| halves.lets_through(window));
            let wanted: Vec<usize> = (region.start..end).filter(there).collect();
            prop_assert_eq!(&places, &wanted, "{}", name);
            prop_assert!(end <= region.end, "{}", name);
            for head in heads {
                for at in (region.start..end).filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(head))) {
                    prop_assert!(places.contains(&at), "{}", name);
                }
            }
        }
        Ok(())
    }

    #[cfg(target_arch = "x86_64")]
    fn check_classes<const TABLES: usize>(
        heads: &[Vec<u8>],
        text: &[u8],
        region: Range<usize>,
    ) -> Result<(), TestCaseError> {
        let classes = Classes::<TABLES>::new(&heads.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut places = Vec::new();
        let end = classes.find(text, region.clone(), &mut |place| places.push(place));
        let there = |at: &usize| text.get(*at..at + DEPTH).is_some_and(|window| classes.lets_through(window));
        prop_assert_eq!(&places, &(region.start..end).filter(there).collect::<Vec<_>>());
        prop_assert!(!super::super::classes::are_here() || end + DEPTH > text.len().min(region.end));
        let starts = |at: usize| {
            let rest = text.get(at..).unwrap_or_default().to_ascii_lowercase();
            heads.iter().any(|head| rest.starts_with(&head.to_ascii_lowercase()))
        };
        for at in (region.start..text.len()).filter(|at| starts(*at)) {
            prop_assert!(text.get(at..at + DEPTH).is_none_or(|window| classes.lets_through(window)));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn vectors_let_through_what_the_tables_do(
            heads in proptest::collection::vec(proptest::collection::vec(0..=0x80_u8, 3..5), 1..99),
            mut text in proptest::collection::vec(any::<u8>(), 0..300),
            plants in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..9),
            cut in 0..300_usize,
            less in 0..300_usize,
        ) {
            for (head, at) in plants {
                let at = at.index(text.len() + 1);
                text.splice(at..at, head.get(&heads).iter().copied());
            }
            let start = cut.min(text.len());
            let region = start..text.len().saturating_sub(less).max(start);
            check::<3, 1>(&heads, &text, region.clone())?;
            check::<DEPTH, 2>(&heads, &text, region.clone())?;
            check::<DEPTH, 4>(&heads, &text, region.clone())?;
            #[cfg(target_arch = "x86_64")]
            {
                check_classes::<2>(&heads, &text, region.clone())?;
                check_classes::<4>(&heads, &text, region)?;
            }
        }
    }
}
