//! That nothing is missed where a part of a text is known.

#![allow(clippy::single_range_in_vec_init, reason = "lists of one range are what is meant")]

use super::*;
use crate::model::Place;
use crate::scan::unfold::tests::{gzip, scanner, token};
use crate::scan::{Outcome, Scanner};
use crate::source::{Blob, Source, SourceError, Visit};
use proptest::prelude::*;

/// Blobs, one after the other.
#[derive(Debug)]
struct Row(Vec<(String, Vec<u8>)>);

impl Source for Row {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        for (path, bytes) in &self.0 {
            if visit(Ok(Blob::new(Place::File { path: path.clone() }, bytes))).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Every find: where, and as what.
fn finds(outcome: &Outcome) -> Vec<String> {
    let mut finds: Vec<String> = outcome
        .sightings
        .iter()
        .flat_map(|one| {
            let more = outcome.elsewhere.get(&one.fingerprint).into_iter().flatten();
            let spots = more.map(|(place, at)| (place.clone(), *at)).chain([(one.place.clone(), one.at)]);
            spots.map(|(place, at)| format!("{} {place} {at:?}", one.kind)).collect::<Vec<_>>()
        })
        .collect();
    finds.extend(outcome.coverage.gaps.first.iter().map(|gap| gap.what.clone()));
    finds.push(format!("{:?} {:?}", outcome.coverage.scanned, outcome.coverage.members));
    finds.sort();
    finds
}

/// The same blobs in one run, which remembers, and each in a run of its own, which has nothing to remember.
#[track_caller]
fn same(scanner: &Scanner, blobs: &[(String, Vec<u8>)]) -> Vec<String> {
    let together = finds(&scanner.run(&Row(blobs.to_vec())).unwrap());
    let mut apart: Vec<String> = Vec::new();
    let mut sums = [(0, 0); 2];
    for blob in blobs {
        let outcome = scanner.run(&Row(vec![blob.clone()])).unwrap();
        for (sum, one) in sums.iter_mut().zip([outcome.coverage.scanned, outcome.coverage.members]) {
            *sum = (sum.0 + one.items, sum.1 + one.bytes);
        }
        apart.extend(finds(&outcome).into_iter().filter(|find| !find.starts_with("Amount")));
    }
    let [scanned, members] = sums.map(|(items, bytes)| crate::scan::Amount { items, bytes });
    apart.push(format!("{scanned:?} {members:?}"));
    apart.sort();
    assert_eq!(together, apart);
    together
}

/// Text that is the same for the same seed, without a find.
fn prose(seed: u64, lines: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for _ in 0..lines {
        for _ in 0..8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let words =
                ["shape", "of", "the", "member", "\"type\":", "string,", "documentation", "{}", "[1,2]", "é\\n"];
            text.push_str(words[(state >> 33) as usize % words.len()]);
            text.push(' ');
        }
        text.push('\n');
    }
    text
}

/// What may be put somewhere: nothing, a token, its parts, and what it looks like when it is encoded.
fn planted(sort: u8) -> String {
    let token = token();
    let (one, two) = token.split_at(20);
    let block = |lines: usize| prose(77, lines).replace([' ', '\n'], "");
    match sort % 9 {
        0 => token,
        1 => one.to_owned(),
        2 => two.to_owned(),
        3 => data_encoding::BASE64.encode(format!("secret: {token}").as_bytes()),
        4 => token.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        5 => format!("key = \"{one}\" + \"{two}\""),
        6 => data_encoding::BASE64.encode(&gzip(format!("a file\n{token}\n").as_bytes())),
        7 => format!("password {}", block(30)),
        _ => String::new(),
    }
}

fn private_key(lines: usize) -> String {
    let body: String = (0..lines)
        .map(|line| {
            let digest = data_encoding::BASE64.encode(prose(line as u64 + 5, 1).repeat(2).as_bytes());
            format!("{}\n", digest.get(..64).unwrap())
        })
        .collect();
    format!("-----BEGIN RSA {0} KEY-----\n{body}-----END RSA {0} KEY-----\n", "PRIVATE")
}

#[derive(Clone, Debug)]
enum Edit {
    Insert(prop::sample::Index, u8),
    Cut(prop::sample::Index, usize),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, sort)| Edit::Insert(at, sort)),
        (any::<prop::sample::Index>(), 1..9_000usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..9_000usize)
            .prop_map(|(from, to, length)| Edit::Copy(from, to, length)),
    ]
}

fn edited(mut text: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        match edit {
            Edit::Insert(at, sort) => {
                let at = at.index(text.len() + 1);
                text.splice(at..at, planted(*sort).into_bytes());
            }
            Edit::Cut(at, length) => {
                let at = at.index(text.len() + 1);
                text.drain(at..(at + length).min(text.len()));
            }
            Edit::Copy(from, to, length) => {
                let from = from.index(text.len() + 1);
                let part = text[from..(from + length).min(text.len())].to_vec();
                let to = to.index(text.len() + 1);
                text.splice(to..to, part);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn with_what_is_remembered_the_same_is_found_as_without(
        seed in 1..50u64,
        versions in prop::collection::vec(prop::collection::vec(edit(), 0..4), 1..6),
    ) {
        let scanner = scanner();
        let mut text = prose(seed, 700).into_bytes();
        let mut blobs = vec![("0.gz".to_owned(), gzip(&text))];
        for (number, edits) in versions.iter().enumerate() {
            text = edited(text, edits);
            blobs.push((format!("{}.gz", number + 1), gzip(&text)));
        }
        same(&scanner, &blobs);
    }
}

/// Each of these texts is quiet, and the last one is made of parts of the others.
#[test]
fn what_is_put_together_of_known_parts_is_found() {
    let scanner = scanner();
    let blob = |name: &str, text: &str| (name.to_owned(), gzip(text.as_bytes()));
    let (one, two) = (prose(1, 900), prose(2, 900));
    let token = token();
    for at in [1, 8, 20, 39] {
        let (left, right) = token.split_at(at);
        let whole = format!("{one}{left}{right} {two}");
        let parts = [format!("{one}{left}"), format!("{right} {two}"), one.clone(), two.clone()];
        let mut blobs: Vec<_> = parts.iter().enumerate().map(|(at, text)| blob(&format!("{at}.gz"), text)).collect();
        blobs.push(blob("whole.gz", &whole));
        blobs.push(blob("again.gz", &whole));
        let found = same(&scanner, &blobs);
        let hits = |name: &str| found.iter().filter(|find| find.contains(name)).count();
        assert!(hits("whole.gz") >= 1 && hits("again.gz") >= 1, "cut at {at}: {found:?}");
    }
}

/// A key that is longer than several chunks, whose parts all stood somewhere before.
#[test]
fn a_find_that_is_longer_than_chunks_is_found() {
    let scanner = scanner();
    let blob = |name: &str, text: &str| (name.to_owned(), gzip(text.as_bytes()));
    let key = private_key(150);
    assert!(key.len() > 3 * LEAST);
    let (head, rest) = key.split_at(LEAST * 2);
    let around = prose(3, 300);
    let blobs = [
        blob("head.gz", &format!("{around}{head}")),
        blob("rest.gz", &format!("{rest}{around}")),
        blob("middle.gz", key.get(LEAST / 2..key.len() - LEAST / 2).unwrap()),
        blob("whole.gz", &format!("{around}{key}{around}")),
        blob("again.gz", &format!("{around}{around}{key}{around}")),
    ];
    let found = same(&scanner, &blobs);
    for name in ["whole.gz", "again.gz"] {
        assert!(found.iter().any(|find| find.contains(name) && find.contains("private")), "{name}: {found:?}");
    }
}

#[test]
fn what_came_again_is_known_and_what_is_new_is_not() {
    let chunks = Chunks::new().unwrap();
    let text = prose(9, 2_000).into_bytes();
    let first = chunks.cut(&text).unwrap();
    assert!(first.fresh.is_none() && !first.is_copy(), "it is looked through whole");
    chunks.keep(first, Cost::default());
    let again = chunks.cut(&text).unwrap();
    assert!(again.is_copy() && again.known == Some(Cost::default()));
    let middle = text.len() / 2;
    let mut other = text.clone();
    other.splice(middle..middle, *b"something new");
    let fresh = chunks.cut(&other).unwrap().fresh.unwrap();
    let new: usize = fresh.iter().map(Range::len).sum();
    assert!(fresh.iter().any(|range| range.contains(&(middle + 5))) && new < 4 * (LEAST + (1 << SELDOM)), "{fresh:?}");
    // Its end alone, and its beginning alone: an edge that was none is looked at.
    let fresh = chunks.cut(&text[..middle]).unwrap().fresh.unwrap();
    assert!(fresh.len() == 1 && fresh[0].end == middle && fresh[0].start > 0, "{fresh:?}");
    let fresh = chunks.cut(&text[middle..]).unwrap().fresh.unwrap();
    assert!(fresh.len() == 1 && fresh[0].start == 0 && fresh[0].end < middle / 2, "{fresh:?}");
}

#[test]
fn chunks_that_change_places_are_seams() {
    let place = |text, number| Some(Stood { text, number, last: number == 9, cost: Cost { bytes: 3, packed: 1 } });
    let ends = [10, 20, 30, 40];
    let fresh = |stood: &[Option<Stood>]| super::fresh(stood, &ends[..stood.len()]);
    assert_eq!(fresh(&[place(1, 0), place(1, 1), place(1, 9)]).0, [20..20]);
    assert_eq!(fresh(&[place(1, 0), place(2, 1)]).0, [10..10, 20..20], "another text, and no end");
    assert_eq!(fresh(&[place(1, 8), place(1, 9)]), (vec![0..0], Cost { bytes: 3, packed: 1 }), "no start");
    assert_eq!(fresh(&[place(1, 0), None, place(1, 9)]).0, [10..20]);
    assert_eq!(
        fresh(&[place(1, 0), None, place(1, 3), place(1, 9)]),
        (vec![10..20, 30..30], Cost { bytes: 9, packed: 3 })
    );
    assert_eq!(fresh(&[None, None]), (vec![0..20], Cost::default()));
    assert_eq!(fresh(&[place(1, 0)]).0, [10..10]);
}

#[test]
fn no_more_is_kept_than_is_said() {
    let chunks = Chunks::new().unwrap();
    for round in 0..3u64 {
        let mut seen = chunks.seen.lock().unwrap();
        for number in 0..KEPT as u64 {
            let digest = chunks.digests.of(&(round << 32 | number).to_le_bytes()).unwrap();
            seen.put(digest, Stood { text: round, number: 0, last: false, cost: Cost::default() });
        }
        assert!(seen.now.len() <= KEPT && seen.before.len() <= KEPT);
    }
    let kept = |round: u64| {
        let digest = chunks.digests.of(&(round << 32).to_le_bytes()).unwrap();
        chunks.seen.lock().unwrap().find(&digest).is_some()
    };
    assert!(!kept(0) && kept(1) && kept(2));
}

#[test]
fn what_never_comes_again_is_not_looked_for_for_long() {
    let chunks = Chunks::new().unwrap();
    let text = vec![b' '; 1 << 20];
    let mut cuts = 0;
    for round in 0..64u8 {
        let mut text = text.clone();
        text.chunks_mut(64).zip(0u32..).for_each(|(line, number)| {
            line[..5].copy_from_slice(&[&[round], number.to_le_bytes().as_slice()].concat());
        });
        if let Some(cut) = chunks.cut(&text) {
            cuts += 1;
            chunks.keep(cut, Cost::default());
        }
    }
    assert_eq!(cuts, TRIED >> 20);
}
