use super::*;
use crate::model::Encoding;
use crate::rules::builtin;
use crate::source::{Blob, Visit};
use proptest::prelude::*;

/// A source of one text.
#[derive(Debug)]
struct Text(Vec<u8>);

impl Source for Text {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let place = Place::File { path: "a".to_owned() };
        let _wanted = visit(Ok(Blob::new(place, &self.0))).is_continue();
        Ok(())
    }
}

fn scanner() -> Scanner {
    Scanner {
        engine: Engine::new(builtin()).unwrap(),
        key: FingerprintKey::of_repository(vec![7; 32]),
        suppressions: Suppressions::default(),
        keep_findings: true,
        most_expanded: None,
    }
}

/// Line and column in bytes of an offset, and the column in UTF-16 units, counted the slow way.
fn counted(text: &[u8], at: usize) -> (u64, u64) {
    let before = &text[..at];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1, (at - line_start) as u64 + 1)
}

/// Tokens, halves of tokens, the literals of all kinds, directives, and bytes of every sort.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let kinds = builtin();
    let literals = kinds.kinds().iter().flat_map(|kind| kind.detect.literals());
    let literals: Vec<String> = literals.map(ToString::to_string).collect();
    let text = |class: &'static str| proptest::string::string_regex(class).expect("a pattern");
    let texts = prop_oneof![
        6 => text("stanch_demo_[0-9A-Za-z]{39,41}"),
        3 => text("(ghp_|sk_live_|xoxb-|AKIA|eyJ|hvs\\.)[0-9A-Za-z.\\-]{0,60}"),
        3 => text("(postgres|mysql|amqp)://[a-z]{0,9}:[!-~]{0,30}@[a-z.]{1,20}"),
        2 => text("-----BEGIN (RSA )?PRIVATE KEY-----\n[A-Za-z0-9+/\n]{60,400}(-----END (RSA )?PRIVATE KEY-----)?"),
        4 => text("[ =:'\"\n\r]{1,4}"),
        2 => text("( # gitleaks:allow| // stanch:allow reason=\"x\"|# nosec)\n?"),
        2 => text("[äö😀\u{202e}\u{0}-\u{1f}]{1,8}"),
        2 => text("[ -~\n]{0,80}"),
        6 => proptest::sample::select(literals),
    ];
    prop_oneof![
        12 => texts.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..60),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_bytes_places_are_right_and_nothing_is_shown(
        pieces in proptest::collection::vec(piece(), 0..40),
        mark in prop_oneof![5 => Just(&b""[..]), 1 => Just(&b"\xff\xfe"[..]), 1 => Just(&b"\xfe\xff"[..])],
    ) {
        let bytes = [mark, &pieces.concat()].concat();
        let marked = !mark.is_empty();
        let (raw, wide) = (bytes.clone(), crate::decode::text(&bytes).into_owned());
        let outcome = scanner().run(&Text(bytes)).unwrap();
        prop_assert_eq!(outcome.coverage.scanned.items, 1);
        prop_assert_eq!(outcome.sightings.len(), outcome.findings.len());
        let shown = serde_json::to_string(&(&outcome.sightings, &outcome.notes, &outcome.coverage)).unwrap();
        for (sighting, finding) in outcome.sightings.iter().zip(&outcome.findings) {
            let text = if marked && sighting.decoded.first() == Some(&Encoding::Utf16) { &wide } else { &raw };
            let secret = &text[sighting.span.start..sighting.span.end];
            prop_assert_eq!((sighting.at.line, sighting.at.column), counted(text, sighting.span.start));
            if sighting.decoded.iter().all(|encoding| *encoding == Encoding::Utf16) {
                prop_assert_eq!(finding.secret.len(), secret.len());
            }
            let region = &outcome.regions[&sighting.fingerprint];
            prop_assert_eq!(region.start_line, sighting.at.line);
            prop_assert_eq!(region.end_line, counted(text, sighting.span.end).0);
            // Long ones alone: a short password may be a word that stands elsewhere in the line.
            if let Some(hidden) = std::str::from_utf8(secret).ok().filter(|secret| secret.len() >= 24) {
                let escaped = serde_json::to_string(hidden).unwrap();
                prop_assert!(!shown.contains(escaped.trim_matches('"')), "a secret is shown");
            }
        }
    }
}
