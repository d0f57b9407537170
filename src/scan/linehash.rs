//! The line hash by which GitHub follows an alert from one commit to the next: a rolling hash over the first hundred
//! characters from the start of a line on, spaces and tabs left out, and a count of lines with the same hash.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Characters that make a hash.
const WINDOW: usize = 100;

/// The base of the polynomial.
const BASE: u64 = 37;

/// What stands for the end of the file.
const END: u16 = u16::MAX;

/// The hashes of the wanted lines (from 1).
pub(super) fn hashes(text: &[u8], wanted: &BTreeSet<u64>) -> BTreeMap<u64, String> {
    let mut rolling = Rolling::new(wanted);
    let text = String::from_utf8_lossy(text);
    let mut after_return = false;
    for unit in text.encode_utf16() {
        let feed_of_return = after_return && unit == u16::from(b'\n');
        after_return = unit == u16::from(b'\r');
        if feed_of_return || unit == u16::from(b' ') || unit == u16::from(b'\t') {
            continue;
        }
        rolling.push(if after_return { u16::from(b'\n') } else { unit });
    }
    rolling.push(END);
    for _ in 0..WINDOW {
        rolling.flush();
    }
    rolling.found
}

struct Rolling<'a> {
    wanted: &'a BTreeSet<u64>,
    found: BTreeMap<u64, String>,
    /// How often each hash was met.
    counts: HashMap<u64, u64>,
    /// The last characters, and the line that begins with each, if one does.
    window: [(u16, Option<u64>); WINDOW],
    at: usize,
    hash: u64,
    leaving: u64,
    line: u64,
    line_begins: bool,
}

impl<'a> Rolling<'a> {
    fn new(wanted: &'a BTreeSet<u64>) -> Self {
        let leaving = (0..WINDOW).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        Self {
            wanted,
            found: BTreeMap::new(),
            counts: HashMap::new(),
            window: [(0, None); WINDOW],
            at: 0,
            hash: 0,
            leaving,
            line: 0,
            line_begins: true,
        }
    }

    fn push(&mut self, unit: u16) {
        let begins = std::mem::replace(&mut self.line_begins, unit == u16::from(b'\n'));
        if begins {
            self.line += 1;
        }
        let line = begins.then_some(self.line);
        self.roll(unit, line);
    }

    fn flush(&mut self) {
        self.roll(0, None);
    }

    /// The window is full again at the character that leaves it: if a line began there, its hash is complete.
    fn roll(&mut self, unit: u16, line: Option<u64>) {
        let Some(slot) = self.window.get_mut(self.at) else { return };
        let (oldest, complete) = std::mem::replace(slot, (unit, line));
        if let Some(complete) = complete {
            let count = self.counts.entry(self.hash).or_default();
            *count += 1;
            if self.wanted.contains(&complete) {
                self.found.insert(complete, format!("{:x}:{count}", self.hash));
            }
        }
        self.hash = (self.hash.wrapping_mul(BASE))
            .wrapping_add(u64::from(unit))
            .wrapping_sub(self.leaving.wrapping_mul(u64::from(oldest)));
        self.at = (self.at + 1) % WINDOW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let wanted = (1..20).collect();
        hashes(text.as_bytes(), &wanted).into_values().collect()
    }

    /// The definition, without rolling: the hash of the hundred characters from the start of each line on.
    fn slowly(text: &str) -> Vec<String> {
        let plain = text.replace("\r\n", "\n").replace('\r', "\n").replace([' ', '\t'], "");
        let mut units: Vec<u16> = plain.encode_utf16().collect();
        units.push(END);
        let starts: Vec<usize> = (0..units.len()).filter(|&at| at == 0 || units[at - 1] == u16::from(b'\n')).collect();
        units.extend([0; WINDOW]);
        let mut counts = HashMap::new();
        let hash =
            |at: usize| units[at..at + WINDOW].iter().fold(0_u64, |h, &u| h.wrapping_mul(37).wrapping_add(u.into()));
        starts
            .into_iter()
            .map(|at| {
                let count = counts.entry(hash(at)).or_insert(0);
                *count += 1;
                format!("{:x}:{count}", hash(at))
            })
            .collect()
    }

    #[test]
    fn rolling_is_the_same_as_the_definition() {
        let long = "x = 'a long line that is longer than the window of characters' ".repeat(5);
        for text in ["", "a", "a\n", " a\tb\r\na\rb\n\n\n", "ä😀\nä😀\n", &long, &format!("{long}\n{long}\n")] {
            assert_eq!(all(text), slowly(text), "{text:?}");
        }
    }

    /// Hashes that GitHub's own tests of its upload action expect.
    #[test]
    fn known_texts_have_the_known_hashes() {
        let four = ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"];
        assert_eq!(all(" a\nb\n  \t\tc\n d"), four);
        let last = ["c8e28b0b4002a3a0:1", "c129715d7a2bc9a3:1"];
        for end in ["\n", "\r", "\r\n"] {
            let text = [" hello; \t", "world!!!", "", "", "  \t\tGreetings", " End", ""].join(end);
            let hashes = all(&text);
            assert_eq!(hashes[0], "e9496ae3ebfced30:1", "{end:?}");
            assert_eq!(hashes[5..], last, "{end:?}");
        }
        let repeated = all(&"Lorem ipsum dolor sit amet.\n".repeat(10));
        assert_eq!(repeated[5..8], ["a7f2ff13bc495cf2:6", "a7f2ff1481e87703:1", "a9cf91f7bbf1862b:1"]);
    }

    #[test]
    fn the_empty_file_has_the_known_hash() {
        // The end of the file and 99 zeros: 65535 · 37⁹⁹ modulo 2⁶⁴.
        let power = (0..99).fold(65535_u64, |hash, _| hash.wrapping_mul(37));
        assert_eq!(all(""), [format!("{power:x}:1")]);
    }
}
