//! What is read out of each form, what is named instead, and what strangers may do to it.

mod appended;
mod attacked;
mod documents;
mod git;
mod one_way;
mod real;
pub(super) mod samples;
mod streams;
pub(super) mod written;

use super::{ArchiveError, Budget, Format, Input, Item, behind, open, sniff};
use std::io::Write;
use std::ops::ControlFlow;

pub(super) const ROOM: Budget = Budget { bytes: 64 << 20, members: 10_000, largest_bytes: 16 << 20 };

/// What came of opening something.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) members: Vec<(String, Vec<u8>)>,
    pub(super) missed: Vec<(String, ArchiveError)>,
    pub(super) end: Result<(), ArchiveError>,
    pub(super) left: Budget,
}

impl Opened {
    pub(super) fn names(&self) -> Vec<&str> {
        self.members.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.members.iter().find(|(member, _)| member == name);
        let (_, bytes) = found.unwrap_or_else(|| panic!("no {name} in {:?}", self.names()));
        std::str::from_utf8(bytes).unwrap()
    }

    /// Everything that came out of it.
    pub(super) fn all(&self) -> Vec<u8> {
        self.members.iter().flat_map(|(_, bytes)| [bytes.as_slice(), b"\n"].concat()).collect()
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        memchr::memmem::find(&self.all(), text.as_bytes()).is_some()
    }

    pub(super) fn whole(self) -> Self {
        assert!(self.missed.is_empty(), "{:?}", self.missed);
        self.end.as_ref().unwrap();
        self
    }
}

pub(super) fn opened_within(format: Format, name: &str, input: Input<'_>, budget: Budget) -> Opened {
    let mut left = budget;
    let (mut members, mut missed) = (Vec::new(), Vec::new());
    let end = open(format, name, input, &mut left, &mut |item| {
        match item {
            Item::Member { name, bytes, .. } => members.push((name.to_owned(), bytes.to_vec())),
            Item::Missed { name, error } => missed.push((name.to_owned(), error)),
        }
        ControlFlow::Continue(())
    });
    Opened { members, missed, end, left }
}

/// Opens bytes as what they are, from memory and from a file: both must give the same.
pub(super) fn opened(name: &str, bytes: &[u8]) -> Opened {
    let format = sniff(&bytes[..bytes.len().min(1 << 16)], name).expect("a known format");
    let from_memory = opened_within(format, name, Input::Bytes(bytes), ROOM);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let from_file = opened_within(format, name, Input::File(&file), ROOM);
    assert_eq!(from_memory.members, from_file.members, "a file gives something else than memory");
    assert_eq!(from_memory.missed.len(), from_file.missed.len());
    assert_eq!(from_memory.end.is_ok(), from_file.end.is_ok());
    from_memory
}

/// Opens everything in it, and everything in that, as deep as it goes.
pub(super) fn opened_deep(name: &str, bytes: &[u8], budget: &mut Budget, depth: usize) -> (Vec<u8>, usize) {
    let (mut all, mut gaps) = (Vec::new(), 0);
    let told = sniff(&bytes[..bytes.len().min(1 << 16)], name).or_else(|| behind(bytes));
    let Some(format) = told else { return (all, gaps) };
    let mut members = Vec::new();
    let end = open(format, name, Input::Bytes(bytes), budget, &mut |item| {
        match item {
            Item::Member { name, bytes, .. } => members.push((name.to_owned(), bytes.to_vec())),
            Item::Missed { .. } => gaps += 1,
        }
        ControlFlow::Continue(())
    });
    gaps += usize::from(end.is_err());
    for (name, bytes) in members {
        if depth > 0 {
            let (inner, inner_gaps) = opened_deep(&name, &bytes, budget, depth - 1);
            all.extend(inner);
            gaps += inner_gaps;
        }
        all.extend(bytes);
    }
    (all, gaps)
}
