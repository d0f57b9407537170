//! XXH32, with which an LZ4 frame says what its content was.

const PRIMES: [u32; 5] = [2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393];

/// The sum over what was given so far.
#[derive(Clone, Debug)]
pub(super) struct Checksum {
    lanes: [u32; 4],
    /// What fills no four lanes yet.
    rest: Vec<u8>,
    length: u64,
}

impl Checksum {
    pub(super) fn new() -> Self {
        let [one, two, ..] = PRIMES;
        let lanes = [one.wrapping_add(two), two, 0, 0_u32.wrapping_sub(one)];
        Self { lanes, rest: Vec::with_capacity(16), length: 0 }
    }

    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if !self.rest.is_empty() {
            let (filling, after) = bytes.split_at((16 - self.rest.len()).min(bytes.len()));
            self.rest.extend_from_slice(filling);
            bytes = after;
            if self.rest.len() < 16 {
                return;
            }
            let rest = std::mem::take(&mut self.rest);
            self.stripe(&rest);
        }
        let mut stripes = bytes.chunks_exact(16);
        for stripe in stripes.by_ref() {
            self.stripe(stripe);
        }
        self.rest.extend_from_slice(stripes.remainder());
    }

    fn stripe(&mut self, stripe: &[u8]) {
        let [one, two, ..] = PRIMES;
        for (lane, word) in self.lanes.iter_mut().zip(stripe.as_chunks::<4>().0) {
            let word = u32::from_le_bytes(*word);
            *lane = lane.wrapping_add(word.wrapping_mul(two)).rotate_left(13).wrapping_mul(one);
        }
    }

    pub(super) fn sum(&self) -> u32 {
        let [one, two, three, four, five] = PRIMES;
        let [a, b, c, d] = self.lanes;
        let lanes = (a.rotate_left(1)).wrapping_add(b.rotate_left(7));
        let lanes = lanes.wrapping_add(c.rotate_left(12)).wrapping_add(d.rotate_left(18));
        let mut sum = if self.length >= 16 { lanes } else { five };
        // By definition, of the length only the lowest bits count.
        sum = sum.wrapping_add((self.length & 0xffff_ffff) as u32);
        let (words, bytes) = self.rest.as_chunks::<4>();
        for word in words {
            sum = sum.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(three)).rotate_left(17).wrapping_mul(four);
        }
        for byte in bytes {
            sum = sum.wrapping_add(u32::from(*byte).wrapping_mul(five)).rotate_left(11).wrapping_mul(one);
        }
        sum = (sum ^ sum >> 15).wrapping_mul(two);
        sum = (sum ^ sum >> 13).wrapping_mul(three);
        sum ^ sum >> 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the reference library says of the same bytes.
    #[test]
    fn sums_are_those_of_the_reference() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        for (length, sum) in KNOWN {
            for step in [1, 7, 16, 1_000] {
                let mut checksum = Checksum::new();
                bytes[..length].chunks(step).for_each(|part| checksum.add(part));
                assert_eq!(checksum.sum(), sum, "{length} in steps of {step}");
            }
        }
    }

    const KNOWN: [(usize, u32); 4] = [(0, 0x02cc5d05), (5, 0x9ea1b7c4), (31, 0xef24f709), (1000, 0xfacc21a4)];
}
