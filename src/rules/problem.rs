//! What is wrong with a rule file, where, and what to do about it.

use std::fmt;

/// The most characters of a line that are shown.
const SHOWN: usize = 100;
/// The fewest of them before the place.
const BEFORE: usize = 60;

/// One thing that is wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}; {remedy}")]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// The line itself.
    pub excerpt: Excerpt,
}

/// What is wrong and where, of a file whose name others know.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) message: String,
    pub(super) remedy: String,
}

impl Mistake {
    /// With the file's name and the line.
    pub(super) fn of(self, file: &str, text: &str) -> Problem {
        let Self { line, column, message, remedy } = self;
        let excerpt = Excerpt::of(text, line, column);
        Problem { file: file.to_owned(), line, column, message, remedy, excerpt }
    }
}

impl Problem {
    /// Of a file that is no text: the place of the first byte that is none.
    #[must_use]
    pub fn of_bytes(file: &str, bytes: &[u8]) -> Option<Self> {
        let error = std::str::from_utf8(bytes).err()?;
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes);
        let line = before.iter().filter(|byte| **byte == b'\n').count();
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count();
        let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let message = if wide { "the file is in UTF-16" } else { "a character here is not in UTF-8" };
        let remedy = "save the file as UTF-8".to_owned();
        Some(Mistake { line: place(line), column: place(column), message: message.to_owned(), remedy }.of(file, &text))
    }
}

fn place(before: usize) -> u64 {
    u64::try_from(before).unwrap_or(u64::MAX - 1) + 1
}

/// A line, as far as it is shown, and a mark below the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    line: u64,
    shown: String,
    at: usize,
}

impl Excerpt {
    fn of(text: &str, line: u64, column: u64) -> Self {
        let index = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        let mut letters = text.lines().nth(index(line)).unwrap_or_default().chars().map(plain);
        let from = index(column).saturating_sub(BEFORE);
        let skipped = letters.by_ref().take(from).count();
        let mut shown: String = letters.by_ref().take(SHOWN).collect();
        let mut at = index(column).saturating_sub(skipped).min(shown.chars().count());
        if skipped > 0 {
            shown.insert(0, '…');
            at += 1;
        }
        if letters.next().is_some() {
            shown.push('…');
        }
        Self { line, shown: shown.trim_end().to_owned(), at }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = number.len().max(4);
        writeln!(f, "  {number:>margin$} | {}", self.shown)?;
        write!(f, "  {:>margin$} | {:at$}^", "", "", at = self.at)
    }
}

/// The nearest of the words that would do, or all of them.
pub(super) fn suggestion(typed: &str, known: &[&str]) -> String {
    match meant(typed, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "remove it".to_owned(),
        None => format!("use one of: {}", known.join(", ")),
    }
}

/// The word that was meant, if it can be guessed.
pub(super) fn meant<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let small = typed.to_lowercase();
    let (steps, word) = known.iter().map(|word| (distance(&small, &word.to_lowercase()), *word)).min()?;
    (steps * 3 <= typed.chars().count()).then_some(word)
}

/// True for two names that one slip of the hand makes of each other.
pub(super) fn near(one: &str, other: &str) -> bool {
    one.len() >= 4 && distance(one, other) == 1
}

/// How many letters must be put in, taken out, exchanged or swapped with their neighbour to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().take(100).collect();
    let other: Vec<char> = other.chars().take(100).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (index, letter) in one.iter().enumerate() {
        let mut next = vec![index + 1];
        for (at, wanted) in other.iter().enumerate() {
            let value = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let exchanged = value(&row, at) + usize::from(letter != wanted);
            let mut least = exchanged.min(value(&row, at + 1) + 1).min(value(&next, at) + 1);
            let earlier = at.checked_sub(1).and_then(|at| other.get(at));
            if last == Some(wanted) && earlier == Some(letter) {
                least = least.min(value(&before, at - 1) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested() {
        let known = ["verify", "revoke", "severity"];
        assert_eq!(suggestion("verfy", &known), "did you mean `verify`?");
        assert_eq!(suggestion("revok", &known), "did you mean `revoke`?");
        assert_eq!(suggestion("Verify", &known), "did you mean `verify`?");
        assert_eq!(suggestion("colour", &known), "use one of: verify, revoke, severity");
        assert_eq!(suggestion("code", &["body", "take"]), "use one of: body, take");
        assert_eq!(suggestion("hihg", &["low", "high"]), "did you mean `high`?");
        assert_eq!(suggestion("", &[]), "remove it");
    }

    #[test]
    fn distances_are_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("hihg", "high"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }

    #[test]
    fn the_place_is_marked_below_the_line() {
        let shown = Excerpt::of("a: 1\nbc: [\u{e4}, x]\n", 2, 9).to_string();
        assert_eq!(shown, "     2 | bc: [\u{e4}, x]\n       |         ^");
        let long = format!("{}HERE{}", "a".repeat(300), "b".repeat(300));
        let shown = Excerpt::of(&long, 1, 301).to_string();
        let (line, mark) = shown.split_once('\n').expect("two lines");
        let at = mark.chars().position(|letter| letter == '^').expect("a mark");
        assert_eq!(line.chars().skip(at).take(4).collect::<String>(), "HERE");
        assert!(line.chars().count() < 120 && line.ends_with('…') && line.contains("| …a"), "{line}");
        assert_eq!(Excerpt::of("", 7, 9).to_string(), "     7 | \n       | ^");
        assert_eq!(Excerpt::of("\tx\u{7}y", 1, 2).to_string(), "     1 |  x y\n       |  ^");
    }

    #[test]
    fn what_is_no_text_is_named_with_its_place() {
        let bytes = b"provider: acme\ntitle: Acm\xe9\n";
        let problem = Problem::of_bytes("a.yaml", bytes).expect("no text");
        assert_eq!(problem.to_string(), "a.yaml:2:11: a character here is not in UTF-8; save the file as UTF-8");
        let bytes = [0xff, 0xfe, b'p', 0];
        let problem = Problem::of_bytes("a.yaml", &bytes).expect("no text");
        assert_eq!(problem.to_string(), "a.yaml:1:1: the file is in UTF-16; save the file as UTF-8");
    }
}
