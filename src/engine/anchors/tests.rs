use super::*;
use crate::rules::builtin;
use proptest::prelude::*;
use std::sync::LazyLock;

static ALL: LazyLock<ByteSet> = LazyLock::new(|| (0..=u8::MAX).fold(ByteSet::default(), ByteSet::with));

fn anchors(texts: &[&'static str]) -> Anchors {
    Anchors::new(texts.iter().enumerate().map(|(kind, text)| (*text, kind, &*ALL)))
}

fn find(anchors: &Anchors, bytes: &[u8], region: Range<usize>) -> Vec<(usize, usize, usize)> {
    let find = || {
        let mut found = Vec::new();
        anchors.find(bytes, region.clone(), &mut |span, kind| found.push((span.start, span.end, kind)));
        found.sort();
        found
    };
    let one_by_one = find();
    let _made = anchors.packed.get_or_init(|| anchors.pack());
    assert_eq!(find(), one_by_one, "vectors find the same");
    one_by_one
}

#[test]
fn literals_are_found_in_any_case_and_where_they_overlap() {
    let anchors = || anchors(&["token", "ken_", "oke", "TOKEN"]);
    let found = find(&anchors(), b"a ToKeN_ b", 0..10);
    assert_eq!(found, [(2, 7, 0), (2, 7, 3), (3, 6, 2), (4, 8, 1)]);
    assert_eq!(find(&anchors(), b"a ToKeN_ b", 3..4), [(3, 6, 2)], "a literal belongs to the region it starts in");
}

#[test]
fn what_follows_a_short_literal_rules_it_out_or_not() {
    let digits = (b'0'..=b'9').fold(ByteSet::default(), ByteSet::with);
    let anchors = Anchors::new([("hf_", 0, &digits)].into_iter());
    assert_eq!(find(&anchors, b"hf_1 x", 0..6), [(0, 3, 0)]);
    let text = [b'x'; 30];
    assert_eq!(find(&anchors, &text, 0..30), []);
}

#[test]
fn anything_may_follow_a_short_literal() {
    for next in [0, b' ', b'a', 0x7f, 0x80, 0xc3, 0xff] {
        let text = [vec![next; 50], b"hf_".to_vec(), vec![next; 50]].concat();
        assert_eq!(find(&anchors(&["hf_"]), &text, 0..text.len()), [(50, 53, 0)], "{next}");
    }
}

#[test]
fn literals_at_the_very_end_are_found() {
    let anchors = anchors(&["abc", "-----begin"]);
    for pad in 0..20 {
        let text = [vec![b' '; pad], b"abc".to_vec()].concat();
        assert_eq!(find(&anchors, &text, 0..text.len()), [(pad, pad + 3, 0)]);
        let text = [vec![b' '; pad], b"-----BEGIN".to_vec()].concat();
        assert_eq!(find(&anchors, &text, 0..text.len()), [(pad, pad + 10, 1)]);
    }
}

proptest! {
    #[test]
    fn the_embedded_literals_are_found_wherever_they_are(
        picks in proptest::collection::vec((any::<prop::sample::Index>(), "[ -~]{0,12}", any::<bool>()), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let catalogue = builtin();
        let kinds = || catalogue.kinds().iter().enumerate();
        let literals: Vec<(&str, usize)> =
            kinds().flat_map(|(kind, rule)| rule.detect.literals().iter().map(move |text| (text.as_ref(), kind))).collect();
        let anchors = || Anchors::new(literals.iter().map(|(text, kind)| (*text, *kind, &*ALL)));
        let mut text = String::new();
        for (pick, noise, upper) in picks {
            let (literal, _) = pick.get(&literals);
            text.push_str(&if upper { literal.to_ascii_uppercase() } else { literal.to_string() });
            text.push_str(&noise);
        }
        let lower = text.to_ascii_lowercase().into_bytes();
        let mut wanted = Vec::new();
        for (literal, kind) in &literals {
            let literal = literal.to_ascii_lowercase().into_bytes();
            for start in (0..lower.len()).filter(|start| lower[*start..].starts_with(&literal)) {
                wanted.push((start, start + literal.len(), *kind));
            }
        }
        wanted.sort();
        wanted.dedup();
        let at = cut.index(text.len() + 1);
        let mut found = find(&anchors(), text.as_bytes(), 0..at);
        found.extend(find(&anchors(), text.as_bytes(), at..text.len()));
        found.sort();
        found.dedup();
        prop_assert_eq!(found, wanted);
    }
}
