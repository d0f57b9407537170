//! The line by which what we wrote is known again: `# stanch hook v2 NAME CHECKSUM: words` for a script of ours, and
//! `# stanch lines v2 …` for lines of ours in a file of somebody else.

use std::ops::Range;

/// The version of what is written today.
pub(super) const VERSION: u32 = 2;

/// How it begins in a script of ours.
pub(super) const SCRIPT: &str = "# stanch hook v";

/// How it begins in a file of somebody else.
pub(super) const LINES: &str = "# stanch lines v";

/// Stands before the number of files or folders around it that were made for it.
const MADE: &str = "made";

/// What the line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) version: u32,
    /// The hook, or the hooks with commas between them; empty before version 2.
    pub(super) name: String,
    /// Of everything that belongs to the mark.
    pub(super) checksum: Option<u32>,
    /// How many folders around it, or whether the file, were made for it.
    pub(super) made: u32,
}

impl Mark {
    /// A mark for these bytes.
    pub(super) fn of(name: &str, body: &[u8], made: u32) -> Self {
        Self { version: VERSION, name: name.to_owned(), checksum: Some(crc32fast::hash(body)), made }
    }

    /// The line, without its end.
    pub(super) fn line(&self, prefix: &str, words: &str) -> String {
        let sum = self.checksum.map(|sum| format!(" {sum:08x}")).unwrap_or_default();
        let made = if self.made > 0 { format!(" {MADE} {}", self.made) } else { String::new() };
        format!("{prefix}{} {}{sum}{made}: {words}", self.version, self.name)
    }

    /// Reads a line.
    pub(super) fn read(prefix: &str, line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.trim_start();
        let (head, _) = line.strip_prefix(prefix)?.split_once(':')?;
        let mut words = head.split(' ');
        let version = words.next()?.parse().ok()?;
        let name = words.next().unwrap_or_default().to_owned();
        let checksum = match words.next() {
            Some(sum) => Some(u32::from_str_radix(sum, 16).ok()?),
            None => None,
        };
        let made = match (words.next(), words.next()) {
            (None, None) => 0,
            (Some(MADE), Some(number)) => number.parse().ok()?,
            _ => return None,
        };
        words.next().is_none().then_some(Self { version, name, checksum, made })
    }

    /// Whether these are the bytes that the mark was made for.
    pub(super) fn fits(&self, body: &[u8]) -> bool {
        self.checksum == Some(crc32fast::hash(body))
    }
}

/// The lines of a text with their ends, and where they are.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (Range<usize>, &[u8])> {
    let mut at = 0;
    text.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let start = at;
        at += line.len();
        (start..at, line)
    })
}
