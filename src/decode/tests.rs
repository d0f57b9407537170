use super::*;
use crate::model::{Encoding, Span};
use proptest::prelude::*;

/// What pieces hold of words that were put together.
pub(super) fn joined(text: &str) -> String {
    let mut all = String::new();
    pieces(text.as_bytes(), None, &mut Budget::of(text.len()), &mut |piece, _| {
        if piece.encoding == Encoding::Joined {
            all.push_str(&String::from_utf8_lossy(piece.bytes()));
        }
    });
    all
}

/// All pieces, one in the other, as far as they are followed; checks what every piece promises.
fn unfold(text: &[u8], fresh: Option<&[Range<usize>]>, budget: &mut Budget) -> (u64, Vec<Vec<u8>>) {
    fn follow(text: &[u8], piece: &Piece<'_>, depth: usize, budget: &mut Budget, all: &mut (u64, Vec<Vec<u8>>)) {
        let bytes = piece.bytes().to_vec();
        all.0 += bytes.len() as u64;
        for end in (1..=bytes.len()).step_by(7) {
            let outer = piece.outer(Span { start: end / 2, end });
            assert!(outer.start <= outer.end && outer.end <= text.len(), "{outer:?} of {}", text.len());
        }
        for changed in piece.changed() {
            assert!(changed.start <= changed.end && changed.end <= bytes.len());
        }
        if depth < DEPTH {
            let mut next = |inner: &Piece<'_>, budget: &mut Budget| follow(&bytes, inner, depth + 1, budget, all);
            let expands = piece.is_one() && expand(&bytes, budget, &mut next);
            if !expands {
                deeper(piece, budget, &mut next);
            }
        }
        all.1.push(bytes);
    }
    let mut all = (0, Vec::new());
    pieces(text, fresh, budget, &mut |piece, budget| follow(text, piece, 1, budget, &mut all));
    all
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let text = |class: &'static str| proptest::string::string_regex(class).expect("a pattern");
    let texts = prop_oneof![
        text("[A-Za-z0-9+/_-]{18,90}={0,2}\n?"),
        text("(%[0-9a-fA-F]{2}|%u[0-9a-f]{4}|%25|[a-z]){1,40}"),
        text(r#"(\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[0-7]{3}|\\n|\\\\|\\"|\\u\{[0-9a-f]{1,6}\}|[a-z]){1,40}"#),
        text("(&#[0-9]{1,4};|&#x[0-9a-f]{1,4};|&amp;|&lowbar;|[a-z]){1,40}"),
        text("(=3D|=\n|=\r\n|=5F|[a-z]|=){1,60}"),
        text("(['\"`][a-z_0-9]{0,20}['\"`]( \\+ | \\. |, ?|\n|\\\\\n| // x\n)){1,12}"),
        text("([0-9a-f]{2}[: ,]){10,60}"),
        text("(0x[0-9a-f]{2}, ?){10,40}"),
        text("([0-9]{2,3}, ?){10,40}"),
        text("(chr\\([0-9]{1,3}\\)[.&+]){1,30}"),
        text("[0-9a-f]{30,80}"),
        text("(\nbegin 644 a\n|[!-`]{1,61}\n|`\nend\n){1,8}"),
        text("(GIT binary patch\n|literal [0-9]\n|delta 9\n|z[0-9A-Za-z!#-&@]{65}\n|E[0-9a-z]{10}\n|\n){1,8}"),
        text("(\n<~|~>|[!-u]{5,40}|z){1,9}"),
        text("(</span><span>|<wbr>|<span class=\"a\">|[a-z0-9]{1,20}){1,20}"),
        text("(key = \"[a-z]{1,20}\"\n|key \\+= \"[a-z]{1,20}\"\n|\\$k \\.= '[a-z]{9}';\n){1,12}"),
        text("[A-Z2-7]{30,80}={0,6}"),
        text("(\u{200b}|\u{ad}|\u{1b}\\[[0-9;]{0,5}m|[a-z]){1,40}"),
        text("[ -~\n]{0,60}"),
    ];
    prop_oneof![
        20 => texts.prop_map(String::into_bytes),
        2 => proptest::collection::vec(any::<u8>(), 0..80),
        2 => proptest::collection::vec(any::<u8>(), 20..80).prop_map(|bytes| data_encoding::BASE64.encode(&bytes).into_bytes()),
        2 => proptest::string::string_regex("[ -~]{12,60}").expect("a pattern")
            .prop_map(|text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ]
}

/// Parts, of which some are encoded once more.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let again = |bytes: Vec<u8>, how: u8| match how {
        0 => data_encoding::BASE64.encode(&bytes).into_bytes(),
        1 => data_encoding::HEXLOWER.encode(&bytes).into_bytes(),
        2 => bytes.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect(),
        _ => bytes,
    };
    let part = (part(), 0_u8..6, 0_u8..6).prop_map(move |(bytes, one, two)| again(again(bytes, one), two));
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_bytes_pieces_keep_their_promises_and_the_budget(
        text in text(),
        cuts in proptest::collection::vec(0_usize..4_000, 0..8),
        allowed in prop_oneof![Just(u64::MAX), 0_u64..2_000],
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let fresh: Vec<Range<usize>> = cuts.chunks_exact(2).map(|two| two[0]..two[1]).collect();
        let whole = Budget::of(text.len());
        for fresh in [None, Some(fresh.as_slice())] {
            let mut budget = Budget { bytes: whole.bytes.min(allowed), ..whole };
            let before = budget.bytes;
            let (written, _) = unfold(&text, fresh, &mut budget);
            prop_assert!(written <= before, "{written} of {before}");
            prop_assert!(budget.exceeded || budget.bytes + written <= before);
        }
    }

    #[test]
    fn who_reads_beside_is_told_how_far_and_gets_the_same(
        text in text(),
        times in prop::sample::select(vec![1_usize, 1, 1, 1, 1, 50]),
    ) {
        let text = [text.as_slice(), &b"some words between\n".repeat(200)].concat().repeat(times);
        let (mut plain, mut beside, mut ends) = (Vec::new(), Vec::new(), vec![0]);
        let keep = |all: &mut Vec<(Encoding, Vec<u8>)>, piece: &Piece<'_>| {
            all.push((piece.encoding, piece.bytes().to_vec()));
        };
        pieces(&text, None, &mut Budget::of(text.len()), &mut |piece, _| keep(&mut plain, piece));
        let mut ahead = |end| ends.push(end);
        pieces_beside(&text, &mut ahead, &mut Budget::of(text.len()), &mut |piece, _| keep(&mut beside, piece));
        prop_assert_eq!(plain, beside);
        prop_assert!(ends.is_sorted() && ends.last() == Some(&text.len()), "{:?} of {}", ends, text.len());
        prop_assert!(ends.array_windows().all(|[before, end]| end - before <= 140 << 10), "{:?}", ends);
    }

    #[test]
    fn what_is_new_is_decoded_as_in_a_look_at_all(text in text(), at in 0_usize..3_000) {
        let lead = b"some words before it ".repeat(60);
        let text = [lead.as_slice(), &text].concat();
        let at = (lead.len() + at).min(text.len());
        // All new, in one stretch or two, is all.
        let (_, all) = unfold(&text, None, &mut Budget::of(text.len()));
        let (_, again) = unfold(&text, Some(&[0..at, at..text.len()]), &mut Budget::of(text.len()));
        prop_assert_eq!(all, again);
    }
}

/// Encodings and how much of them there is, and how much was written.
fn seen(text: &[u8], budget: &mut Budget) -> (Vec<Encoding>, u64) {
    fn follow(piece: &Piece<'_>, depth: usize, budget: &mut Budget, seen: &mut (Vec<Encoding>, u64)) {
        seen.0.push(piece.encoding);
        seen.1 += piece.bytes().len() as u64;
        if depth < DEPTH {
            let mut next = |inner: &Piece<'_>, budget: &mut Budget| follow(inner, depth + 1, budget, seen);
            let _expands = expand(piece.bytes(), budget, &mut next);
            deeper(piece, budget, &mut next);
        }
    }
    let mut seen = (Vec::new(), 0);
    pieces(text, None, budget, &mut |piece, budget| follow(piece, 1, budget, &mut seen));
    seen
}

#[test]
fn a_bomb_in_base_64_is_cut_off_and_said() {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b'a'; 8 << 20]).unwrap();
    let text = data_encoding::BASE64.encode(&packed.finish().unwrap());
    let mut budget = Budget { bytes: 1 << 20, ..Budget::of(0) };
    let (encodings, written) = seen(text.as_bytes(), &mut budget);
    assert!(budget.exceeded && written <= 1 << 20, "{written}");
    assert_eq!(encodings.first(), Some(&Encoding::Base64));
}

#[test]
fn what_lies_deep_in_itself_costs_little() {
    let mut text = b"what is written here is of no use to anyone at all 0123".to_vec();
    for _ in 0..30 {
        text = data_encoding::BASE64.encode(&text).into_bytes();
    }
    let (encodings, written) = seen(&text, &mut Budget::of(text.len()));
    assert_eq!(encodings.len(), DEPTH);
    assert!(written <= 4 * text.len() as u64, "{written} of {}", text.len());
}

#[test]
fn nothing_is_decoded_twice() {
    let line = "what is written here is of no use to anyone\n";
    let text = data_encoding::BASE64_MIME.encode(line.repeat(2_000).as_bytes());
    let value = data_encoding::BASE64.encode(data_encoding::HEXLOWER.encode(b"0123 words").as_bytes());
    let short = format!("{value} ").repeat(3_000);
    for (text, most) in [(text, 1), (short, 24)] {
        let (_, written) = seen(text.as_bytes(), &mut Budget::of(text.len()));
        assert!(written <= most * text.len() as u64, "{written} of {}", text.len());
    }
}

#[test]
fn a_long_line_of_escapes_is_read_in_parts() {
    let form = "\\u0041".repeat(700_000);
    let mut longest = 0;
    let mut read = 0;
    pieces(form.as_bytes(), None, &mut Budget::of(form.len()), &mut |piece, _| {
        longest = longest.max(piece.bytes().len());
        read += piece.bytes().len();
    });
    assert!(longest < 1 << 19 && (700_000..800_000).contains(&read), "{longest} {read}");
}
