use super::*;
use proptest::prelude::*;

/// An instruction, before it is written down.
#[derive(Clone, Debug)]
enum Step {
    Copy(usize, usize),
    Insert(Vec<u8>),
}

fn number(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a delta, and says what should come of it and from where in the base each byte of that is.
fn written(base: &[u8], steps: &[Step]) -> (Vec<u8>, Vec<u8>, Vec<Option<usize>>) {
    let (mut body, mut result, mut origin) = (Vec::new(), Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Copy(from, count) => {
                let from = from % base.len();
                let count = (count % (base.len() - from)).max(1);
                let bytes = [from, from >> 8, from >> 16, from >> 24, count, count >> 8, count >> 16];
                let at = body.len();
                body.push(0x80);
                for (bit, byte) in bytes.into_iter().enumerate() {
                    if byte as u8 != 0 {
                        body[at] |= 1 << bit;
                        body.push(byte as u8);
                    }
                }
                result.extend_from_slice(&base[from..from + count]);
                origin.extend((from..from + count).map(Some));
            }
            Step::Insert(bytes) => {
                body.push(bytes.len() as u8);
                body.extend_from_slice(bytes);
                result.extend_from_slice(bytes);
                origin.extend(bytes.iter().map(|_| None));
            }
        }
    }
    let mut delta = Vec::new();
    number(base.len(), &mut delta);
    number(result.len(), &mut delta);
    delta.extend(body);
    (delta, result, origin)
}

fn applied(base: &[u8], delta: &[u8]) -> Result<(Vec<u8>, Vec<Range<usize>>), Fault> {
    let (mut out, mut fresh) = (Vec::new(), Vec::new());
    let sizes = Sizes::read(delta).ok_or(Fault::Delta)?;
    apply(base, delta, sizes, &mut out, &mut fresh).map(|()| (out, fresh))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0usize..5_000, 0usize..5_000).prop_map(|(from, count)| Step::Copy(from, count)),
        (0usize..50, 0usize..50).prop_map(|(from, count)| Step::Copy(from, count)),
        prop::collection::vec(any::<u8>(), 1..127).prop_map(Step::Insert),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn between_fresh_stretches_lies_what_the_base_has_in_one_piece(
        base in prop::collection::vec(any::<u8>(), 1..5_000),
        steps in steps(),
    ) {
        let (delta, result, origin) = written(&base, &steps);
        let (out, fresh) = applied(&base, &delta).unwrap();
        prop_assert_eq!(&out, &result);
        prop_assert!(fresh.iter().all(|range| range.start <= range.end && range.end <= out.len()));
        prop_assert!(fresh.windows(2).all(|pair| pair[0].end < pair[1].start), "{:?}", fresh);
        let is_fresh = |at: usize| fresh.iter().any(|range| range.contains(&at));
        let is_seam = |at: usize| fresh.iter().any(|range| range.start <= at && at <= range.end);
        for (at, origin) in origin.iter().enumerate() {
            prop_assert_eq!(is_fresh(at), origin.is_none());
        }
        for at in 1..out.len() {
            if !is_seam(at) {
                prop_assert_eq!(origin[at], origin[at - 1].map(|before| before + 1));
            }
        }
        if !out.is_empty() && !is_seam(0) {
            prop_assert_eq!(origin[0], Some(0));
        }
        if !out.is_empty() && !is_seam(out.len()) {
            prop_assert_eq!(origin[out.len() - 1], Some(base.len() - 1));
        }
    }

    #[test]
    fn damaged_instructions_make_no_more_than_they_say(
        base in prop::collection::vec(any::<u8>(), 1..300),
        steps in steps(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut delta, _, _) = written(&base, &steps);
        for (at, byte) in flips {
            let at = at.index(delta.len());
            delta[at] = byte;
        }
        delta.truncate(cut.index(delta.len() + 1));
        if let Some(sizes) = Sizes::read(&delta).filter(|sizes| sizes.result < 1 << 20)
            && let Ok((out, _)) = applied(&base, &delta)
        {
            prop_assert_eq!(out.len() as u64, sizes.result);
        }
    }
}

#[test]
fn a_seam_is_where_something_was_taken_out() {
    let base = b"the quick brown fox";
    let (delta, _, _) = written(base, &[Step::Copy(0, 4), Step::Copy(10, 5)]);
    let (out, fresh) = applied(base, &delta).unwrap();
    assert_eq!((out.as_slice(), fresh.as_slice()), (b"the brown".as_slice(), [4..4, 9..9].as_slice()));
    let (delta, _, _) = written(base, &[Step::Copy(4, 15)]);
    let (_, fresh) = applied(base, &delta).unwrap();
    assert_eq!(fresh.first(), Some(&(0..0)), "what came before is gone");
}

#[test]
fn a_copy_of_no_size_copies_64_kilobytes() {
    let base = vec![7; 0x1_0000];
    let mut delta = Vec::new();
    number(base.len(), &mut delta);
    number(base.len(), &mut delta);
    delta.push(0x80);
    let (out, fresh) = applied(&base, &delta).unwrap();
    assert!(out == base && fresh.is_empty());
}

#[test]
fn wrong_instructions_are_damage() {
    let base = b"base";
    let with = |body: &[u8], base: u8, result: u8| [&[base, result], body].concat();
    assert_eq!(applied(base, &with(&[0x91, 0, 4], 4, 4)).unwrap().0, base);
    assert_eq!(applied(base, &with(&[0x91, 0, 4], 5, 4)), Err(Fault::Delta), "of another base");
    assert_eq!(applied(base, &with(&[0x91, 0, 4], 4, 3)), Err(Fault::Delta), "more than it says");
    assert_eq!(applied(base, &with(&[0x91, 0, 4], 4, 5)), Err(Fault::Delta), "less than it says");
    assert_eq!(applied(base, &with(&[0x91, 1, 4], 4, 4)), Err(Fault::Delta), "beyond the base");
    assert_eq!(applied(base, &with(&[0x91, 0], 4, 4)), Err(Fault::Delta), "cut short");
    assert_eq!(applied(base, &with(&[0], 4, 4)), Err(Fault::Delta), "an instruction that is none");
    assert_eq!(applied(base, &with(&[4, b'a'], 4, 4)), Err(Fault::Delta), "an insert cut short");
    assert_eq!(Sizes::read(&[0xff; 30]), None);
}
