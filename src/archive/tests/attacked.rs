//! Every sample cut off at every sixty-fourth of its length, and with bytes changed: nothing panics, no more comes out
//! than the budget allows, and what is cut is never called whole.

use super::samples::every;
use super::{opened, opened_deep};
use crate::archive::{ArchiveError, Budget};
use proptest::prelude::*;

const TIGHT: Budget = Budget { bytes: 4 << 20, members: 2_000, largest_bytes: 1 << 20 };
const DEPTH: usize = 4;

fn survives(name: &str, bytes: &[u8]) -> usize {
    let mut budget = TIGHT;
    let (all, gaps) = opened_deep(name, bytes, &mut budget, DEPTH);
    assert!(all.len() as u64 <= TIGHT.bytes, "{name}: more came out than is allowed");
    gaps
}

#[test]
fn samples_cut_off_anywhere_are_named_as_such() {
    for (name, bytes) in every() {
        survives(name, &bytes);
        for part in 1..64 {
            let cut = &bytes[..bytes.len() * part / 64];
            let gaps = survives(name, cut);
            let known = crate::archive::sniff(cut, name).is_some();
            let padding = bytes[cut.len()..].iter().all(|byte| *byte == 0);
            // What has no mark of its end, cut between two parts, is shorter; and of a class all is read once its constants
            // are.
            let shorter = ["two.gz", "K.class"].contains(&name);
            assert!(!known || padding || shorter || gaps > 0, "{name} cut at {part}/64 is called whole");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn samples_with_bytes_changed_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        for (name, mut bytes) in every() {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(cut) = &cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            survives(name, &bytes);
        }
    }

    #[test]
    fn a_known_start_and_anything_after_it_does_no_harm(tail in prop::collection::vec(any::<u8>(), 0..600), keep in 4_usize..120) {
        for (name, bytes) in every() {
            let start = &bytes[..keep.min(bytes.len())];
            survives(name, &[start, &tail].concat());
        }
    }
}

#[test]
fn what_is_damaged_is_said_in_words() {
    let mut said = std::collections::BTreeSet::new();
    for (name, bytes) in every() {
        for part in 1..32 {
            let at = bytes.len() * part / 32;
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            for bytes in [&bytes[..at], &changed] {
                if crate::archive::sniff(bytes, name).is_none() {
                    continue;
                }
                let opened = opened(name, bytes);
                let missed = opened.missed.into_iter().map(|(_, error)| error);
                for error in missed.chain(opened.end.err()) {
                    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    if matches!(error, ArchiveError::Damaged { .. }) {
                        said.insert(cause);
                    }
                }
            }
        }
    }
    assert!(said.len() > 4, "{said:?}");
    let code: Vec<_> = said.iter().filter(|cause| cause.contains(['(', '{', '_']) || cause.contains("Error")).collect();
    assert!(code.is_empty(), "{code:?}");
}

#[test]
fn what_holds_nothing_but_itself_is_not_opened_in_itself() {
    let ends = b"PK\x05\x06".repeat(1_000);
    let mut database = b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20".to_vec();
    database.resize(100, 0);
    database.extend((0..8_092_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80));
    for (name, bytes) in [("a.zip", ends), ("a.db", database)] {
        let opened = opened(name, &bytes);
        for (member, bytes) in &opened.members {
            assert_eq!(crate::archive::sniff(bytes, member), None, "{name}: {member}");
        }
        assert!(opened.end.is_err() || !opened.missed.is_empty(), "{name}");
    }
}

#[test]
fn content_that_is_not_what_its_checksum_says_is_named() {
    let whole = super::samples::lz4();
    // Letters of the text, in the middle of the one block.
    for at in 15..30 {
        let mut changed = whole.clone();
        changed[at] ^= 0x03;
        let opened = opened("a.lz4", &changed);
        assert!(opened.end.is_err() || !opened.missed.is_empty(), "byte {at}");
    }
}
