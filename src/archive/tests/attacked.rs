//! Every sample cut off at every sixty-fourth of its length, and with bytes changed: nothing panics, no more comes out
//! than the budget allows, and what is cut is never called whole.

use super::opened_deep;
use super::samples::every;
use crate::archive::Budget;
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
            // An archive without an end mark, cut between two members, is a shorter archive; and of a class all is read
            // once its constants are.
            let shorter = ["a.deb", "two.gz", "a.tar", "K.class"].contains(&name);
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
