//! A keyed digest of a chunk, at the speed of memory.
//!
//! This is NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway 1999) on words of 64 bits, twice with a shifted key: for
//! any two different chunks of one length, whatever they are, no more than one key in 2^128 gives both the same digest.
//! Nothing is assumed of who chose the chunks but that the key was drawn afterwards, or was not seen: it is drawn in every
//! run, and no digest leaves it.

use sha2::{Digest as _, Sha256};

/// Bytes of two words.
const PAIR: usize = 16;

/// The digest of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digest {
    length: u32,
    sums: [u64; 4],
}

/// Of a whole text: of the digests of its chunks.
pub(super) type Whole = [u8; 32];

/// The digest of a text that was cut into these.
pub(super) fn whole(chunks: &[Digest]) -> Whole {
    let mut sum = Sha256::new();
    for chunk in chunks {
        sum.update(chunk.length.to_le_bytes());
        chunk.sums.iter().for_each(|word| sum.update(word.to_le_bytes()));
    }
    sum.finalize().into()
}

/// Makes digests.
pub(super) struct Digests {
    key: Vec<[u64; 2]>,
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digests").finish_non_exhaustive()
    }
}

impl Digests {
    /// With a key of its own, for chunks of up to so many bytes. None where none can be drawn.
    pub(super) fn new(most: usize) -> Option<Self> {
        let mut random = vec![0; most.next_multiple_of(PAIR) + PAIR];
        getrandom::fill(&mut random).ok()?;
        Some(Self { key: random.chunks_exact(PAIR).map(words).collect() })
    }

    /// None for a chunk that is longer than the key.
    pub(super) fn of(&self, chunk: &[u8]) -> Option<Digest> {
        let length = u32::try_from(chunk.len()).ok()?;
        let shifted = self.key.get(1..)?;
        if chunk.len() > shifted.len().saturating_mul(PAIR) {
            return None;
        }
        let (mut one, mut two) = (0u128, 0u128);
        let pairs = chunk.chunks_exact(PAIR);
        let mut last = [0; PAIR];
        last.iter_mut().zip(pairs.remainder()).for_each(|(into, byte)| *into = *byte);
        let odd = (!pairs.remainder().is_empty()).then_some(last);
        for (pair, (key, other)) in pairs.zip(self.key.iter().zip(shifted)) {
            one = one.wrapping_add(product(words(pair), *key));
            two = two.wrapping_add(product(words(pair), *other));
        }
        if let Some(pair) = odd {
            let at = chunk.len() / PAIR;
            one = one.wrapping_add(product(words(&pair), *self.key.get(at)?));
            two = two.wrapping_add(product(words(&pair), *shifted.get(at)?));
        }
        Some(Digest { length, sums: [one as u64, (one >> 64) as u64, two as u64, (two >> 64) as u64] })
    }
}

fn words(pair: &[u8]) -> [u64; 2] {
    let word = |bytes: Option<&[u8]>| bytes.and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_le_bytes);
    [word(pair.get(..8)), word(pair.get(8..PAIR))]
}

fn product([a, b]: [u64; 2], [x, y]: [u64; 2]) -> u128 {
    u128::from(a.wrapping_add(x)) * u128::from(b.wrapping_add(y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_bit_and_every_length_counts() {
        let digests = Digests::new(4_096).unwrap();
        let mut seen = HashSet::new();
        for length in [1usize, 7, 8, 15, 16, 17, 34, 35, 36, 4_095, 4_096] {
            let chunk: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            assert!(seen.insert(digests.of(&chunk).unwrap()), "{length}");
            assert_eq!(digests.of(&chunk), digests.of(&chunk.clone()));
            for bit in 0..(length * 8).min(300) {
                let mut other = chunk.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert!(seen.insert(digests.of(&other).unwrap()), "bit {bit} of {length}");
                if length > 80 {
                    let mut other = chunk.clone();
                    other[length - 1 - bit / 8] ^= 1 << (bit % 8);
                    assert!(seen.insert(digests.of(&other).unwrap()), "bit {bit} from the end of {length}");
                }
            }
        }
        assert!(seen.insert(digests.of(&[0; 32]).unwrap()) && seen.insert(digests.of(&[0; 33]).unwrap()));
        assert_eq!(digests.of(&[0; 4_097]), None);
    }

    #[test]
    fn another_run_has_another_key() {
        let (one, two) = (Digests::new(64).unwrap(), Digests::new(64).unwrap());
        assert_ne!(one.of(b"the same bytes"), two.of(b"the same bytes"));
    }

    #[test]
    fn it_is_the_sum_that_it_should_be() {
        let digests = Digests { key: vec![[1, 2], [3, 4], [5, 6]] };
        let mut chunk = [0; 24];
        (chunk[0], chunk[8], chunk[16]) = (7, 9, 11);
        let digest = digests.of(&chunk).unwrap();
        let one = (7 + 1) * (9 + 2) + (11 + 3) * 4;
        let two = (7 + 3) * (9 + 4) + (11 + 5) * 6;
        assert_eq!(digest, Digest { length: 24, sums: [one, 0, two, 0] });
    }
}
