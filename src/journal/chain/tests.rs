use super::super::contract::{began, event, opened, rotation};
use super::*;
use crate::rotation::{Fact, Step};
use proptest::prelude::*;

fn records(number: u64, count: usize) -> Vec<Record> {
    let steps = [Step::Verify, Step::Mint, Step::Promote(3)];
    let mut events = vec![opened(number)];
    events.extend((1..count).map(|index| began(steps[index % steps.len()])));
    chain(&rotation(number), &Hash::nothing(), 1, 1, 5, &events).unwrap()
}

fn flaw(records: &[Record]) -> (RotationId, u64, Flaw) {
    match verify(records).unwrap_err() {
        Broken::Record { rotation, seq, flaw } => (rotation, seq, flaw),
        other => panic!("{other:?}"),
    }
}

/// Written down once, so that a change of the form (which would break every journal there is) shows.
#[test]
fn the_form_is_fixed() {
    let events = [event(1_000, Fact::Proved), began(Step::Stage(1))];
    let records = chain(&rotation(1), &Hash::nothing(), 1, 2, 3, &events).unwrap();
    assert_eq!(
        canonical(&serde_json::to_value(&events[1]).unwrap()),
        r#"{"at":2000,"fact":{"began":{"label":"stanch-c0001-1-n\"ö\u0001","sealed":null,"step":{"stage":1}}}}"#
    );
    assert_eq!(Hash::nothing().as_str(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let field = |bytes: &[u8]| [&(bytes.len() as u64).to_be_bytes(), bytes].concat();
    let first = [
        field(b"stanch record 1"),
        field(Hash::nothing().as_str().as_bytes()),
        field(b"C-0001"),
        field(&1_u64.to_be_bytes()),
        field(&2_u64.to_be_bytes()),
        field(&3_u64.to_be_bytes()),
        field(br#"{"at":1000,"fact":"proved"}"#),
    ];
    assert_eq!(records[0].hash.as_str(), data_encoding::HEXLOWER.encode(&Sha256::digest(first.concat())));
    assert_eq!(records[1].previous, records[0].hash);
}

#[test]
fn records_of_several_rotations_may_alternate() {
    let (a, b) = (records(1, 3), records(2, 3));
    let mixed: Vec<_> = a.into_iter().zip(b).flat_map(|(a, b)| [a, b]).collect();
    let summary = verify(&mixed).unwrap();
    assert_eq!((summary.rotations, summary.records, summary.root), (2, 6, None));
    assert!(summary.to_string().contains("6 records of 2 rotations") && summary.to_string().contains("cannot be seen"));
}

#[test]
fn a_cut_front_a_stranger_and_an_exchanged_record_are_found() {
    let whole = records(1, 4);
    assert_eq!(flaw(&whole[2..]), (rotation(1), 1, Flaw::Missing));
    let mut strange = whole.clone();
    strange.insert(2, records(2, 4)[2].clone());
    assert_eq!(flaw(&strange), (rotation(2), 1, Flaw::Missing));
    // Exchanged by one who knows how to hash: the record after it tells.
    let mut exchanged = whole.clone();
    let forged = chain(&rotation(1), &whole[1].previous, 2, 1, 5, &[event(0, Fact::Proved)]).unwrap();
    exchanged[1] = forged[0].clone();
    assert_eq!(flaw(&exchanged), (rotation(1), 3, Flaw::Unlinked));
    assert!(verify(&exchanged).unwrap_err().to_string().starts_with("record 3 of C-0001 does not continue"));
}

/// What may be done to records.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    Seq,
    Epoch,
    Monotonic,
    At,
    Fact,
    Rotation,
    Previous,
    Hash,
    Drop,
    Swap,
    Repeat,
}

fn flip(hash: &mut Hash, at: usize) {
    let mut text: Vec<char> = hash.0.chars().collect();
    let at = at % text.len();
    text[at] = if text[at] == '0' { '1' } else { '0' };
    hash.0 = text.into_iter().collect();
}

proptest! {
    /// Any change of any record is found, and the position is that of the change.
    #[test]
    fn tampering_is_found_where_it_was_done(
        count in 2_usize..12, at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), by in 1_u64..1_000,
        tampering in prop::sample::select(vec![
            Tampering::Seq, Tampering::Epoch, Tampering::Monotonic, Tampering::At, Tampering::Fact, Tampering::Rotation,
            Tampering::Previous, Tampering::Hash, Tampering::Drop, Tampering::Swap, Tampering::Repeat,
        ]),
    ) {
        let mut records = records(1, count);
        prop_assert_eq!(verify(&records).unwrap().records, count as u64);
        let at = at.index(count - 1); // the last one's absence is the one thing that cannot be seen
        let seq = at as u64 + 1;
        let record = &mut records[at];
        let mut found_at = seq;
        match tampering {
            Tampering::Seq => record.seq += by,
            Tampering::Epoch => record.epoch += by,
            Tampering::Monotonic => record.monotonic += by,
            Tampering::At => record.event.at.0 += by,
            Tampering::Fact => record.event.fact = Fact::Proved,
            Tampering::Rotation => record.rotation = rotation(1 + by),
            Tampering::Previous => flip(&mut record.previous, other.index(64)),
            Tampering::Hash => flip(&mut record.hash, other.index(64)),
            Tampering::Drop => drop(records.remove(at)),
            Tampering::Swap => records.swap(at, at + 1),
            Tampering::Repeat => {
                let to = at + 1 + other.index(count - at);
                records.insert(to, records[at].clone());
            }
        }
        let (of, found, _) = flaw(&records);
        if let Tampering::Rotation = tampering {
            // Moved to another rotation it is either no continuation there, or altered.
            prop_assert_eq!(of, rotation(1 + by));
            found_at = 1;
        }
        prop_assert_eq!(found, found_at, "{:?}", tampering);
    }
}
