use super::sample::sample;
use super::*;
use crate::rules::builtin;
use crate::rules::pattern::parse;
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use regex_automata::meta::Regex;

fn facts(pattern: &str, literals: &[&str], rest: &str) -> Facts {
    let spec = format!("literals: {literals:?}\npattern: '{pattern}'\n{rest}");
    let spec: DetectSpec = serde_yaml::from_str(&spec).expect("a spec");
    Facts::of(&parse(pattern).expect("a pattern"), &spec)
}

#[test]
fn a_token_is_a_run_that_holds_its_literal() {
    let Facts { longest, lead, run, literal_within, .. } = facts(r"\bacme_[0-9A-Za-z]{36}\b", &["acme_"], "");
    assert_eq!((longest, lead, literal_within), (41, (0, 0), 5));
    let run = run.expect("a run");
    assert_eq!((run.least, run.before, run.after, run.head, run.tail, run.follow), (41, 0, 0, 0, 0, 36));
    assert_eq!((run.body.1, run.body.0.holds(b'z'), run.body.0.holds(b'_')), (36, true, false));
    assert!(!run.digit, "it can be all letters");
}

#[test]
fn a_word_lies_before_the_run_of_its_value() {
    let pattern = r#"(?i:acme)[\w.\- ]{0,30}?(?:key|token)[ :="]{1,5}(?<secret>[0-9a-f]{40})\b"#;
    let run = facts(pattern, &["acme"], "entropy: 3").run.expect("a run");
    assert_eq!((run.least, run.before, run.after, run.head, run.tail), (40, 44, 0, 44, 0));
    assert!(run.digit, "six letters have no three bits");
    assert!(!facts(pattern, &["acme"], "entropy: 2").run.expect("a run").digit);
    assert!(facts(pattern, &["acme"], "require: [digit]").run.expect("a run").digit);
    let companion = "entropy: 3\ncompanions: [{ name: secret, pattern: x, within: 9 }]";
    assert!(!facts(pattern, &["acme"], companion).run.expect("a run").digit, "the filters judge another text");
}

#[test]
fn alternatives_promise_what_all_of_them_promise() {
    let Facts { run, lead, .. } = facts(r"(?:acme_[a-z]{20}|xx-acme-[0-9]{4}_[0-9a-z]{40})", &["acme_", "acme-"], "");
    let run = run.expect("a run");
    assert_eq!((run.least, lead, run.follow, run.digit), (25, (0, 3), 20, false));
    assert_eq!(facts(r"(?:acme_[a-z]{20}|acme-[ ]{20})", &["acme_", "acme-"], "").run, None);
}

#[test]
fn the_second_text_is_the_longest_after_the_literal() {
    let second = facts(r"\bredis://[^ :]{1,9}:[^ @]{6,30}@[a-z]{2,8}", &["redis://"], "").second;
    assert_eq!(second, Some(Second { text: b"@".to_vec(), within: 49 }));
    let second = facts(r"BEGIN ACME[a-z ]{9,90}END ACME", &["BEGIN ACME"], "").second;
    assert_eq!(second, Some(Second { text: b"END ACME".to_vec(), within: 108 }));
    assert_eq!(facts(r"acme_[a-z]{9}", &["acme_"], "").second, None);
}

#[test]
fn nothing_is_promised_of_short_runs() {
    let facts = facts(r"acme=[^ ]{8,20}", &["acme"], "");
    assert_eq!((facts.run, facts.longest, facts.literal_within), (None, 25, 5));
}

#[test]
fn facts_survive_being_written_and_read() {
    for kind in builtin().kinds() {
        let bytes = postcard::to_stdvec(kind.detect.facts()).expect("written");
        let read: Facts = postcard::from_bytes(&bytes).expect("read");
        assert_eq!(&read, kind.detect.facts());
    }
}

/// The positions of all literals, in upper or lower case.
fn places(text: &[u8], literals: &[impl AsRef<str>]) -> Vec<Range<usize>> {
    let text = text.to_ascii_lowercase();
    let places = |part: &str| {
        let part = part.to_ascii_lowercase().into_bytes();
        (0..text.len()).filter(|at| text[*at..].starts_with(&part)).map(|at| at..at + part.len()).collect::<Vec<_>>()
    };
    literals.iter().map(AsRef::as_ref).flat_map(places).collect()
}

/// One literal and one maximal run of the text keep every promise.
fn kept(facts: &Facts, text: &[u8], whole: Range<usize>, literals: &[impl AsRef<str>]) -> bool {
    let mut runs = Vec::new();
    let least = facts.run.as_ref().map_or(1, |run| run.least);
    crate::runs::find(text, least, &mut |run| runs.push(run));
    let inside = |place: &Range<usize>| whole.start <= place.start && place.end <= whole.end;
    let placed = |place: &Range<usize>| {
        let lead = place.start - whole.start;
        facts.lead.0 <= lead
            && lead <= facts.lead.1
            && place.end - whole.start <= facts.literal_within
            && text.get(place.end).is_none_or(|byte| facts.next.holds(*byte))
    };
    let near = |place: &Range<usize>, run: &Range<usize>| {
        facts.run.as_ref().is_none_or(|promise| {
            let stretch = &text[run.clone()];
            let inner = run.start.max(whole.start)..run.end.min(whole.end);
            inner.len() >= promise.least
                && place.start + promise.before >= run.start
                && place.end <= run.end + promise.after
                && whole.start + promise.head >= run.start
                && whole.end <= run.end + promise.tail
                && (promise.before + promise.after > 0 || place.end + promise.follow <= run.end)
                && promise.body.0.longest_stretch(stretch) >= promise.body.1
        })
    };
    let second = |place: &Range<usize>| {
        facts.second.as_ref().is_none_or(|second| {
            let after = &text[place.end..(place.end + second.within).min(text.len())];
            after.windows(second.text.len()).any(|part| part == second.text)
        })
    };
    let all = places(text, literals);
    whole.len() <= facts.longest
        && all.iter().any(|place| {
            let run = facts.run.is_none() || runs.iter().any(|run| near(place, run));
            inside(place) && placed(place) && second(place) && run
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Texts made from the pattern of each embedded kind, between random neighbours.
    #[test]
    fn every_match_keeps_the_promises(seed in any::<[u8; 32]>(), before in "[ -~]{0,3}", after in "[ -~]{0,3}") {
        let mut random = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
        let mut choose = |most: usize| (random.next_u64() % (most as u64 + 1)) as usize;
        for kind in builtin().kinds() {
            let text = [before.as_bytes(), &sample(kind.detect.pattern(), &mut choose), after.as_bytes()].concat();
            let hir = parse(kind.detect.pattern()).expect("a pattern");
            let regex = Regex::builder().build_from_hir(&hir).expect("compiles");
            for found in regex.find_iter(&text) {
                let facts = kind.detect.facts();
                prop_assert!(
                    kept(facts, &text, found.range(), kind.detect.literals()),
                    "{} {facts:?} {:?}", kind.id, String::from_utf8_lossy(&text)
                );
            }
        }
    }

    /// A secret that passes the filters has the digit that was promised.
    #[test]
    fn digits_are_promised_of_findings_alone(seed in any::<[u8; 32]>()) {
        let mut random = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
        let mut choose = |most: usize| (random.next_u64() % (most as u64 + 1)) as usize;
        for kind in builtin().kinds() {
            let Some(Run { digit: true, least, .. }) = kind.detect.facts().run else { continue };
            let mut text = sample(kind.detect.pattern(), &mut choose);
            if choose(1) == 0 {
                text.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'a');
            }
            let mut hits = Vec::new();
            let whole = 0..text.len();
            kind.detect.search(&text, whole, &mut Default::default(), &mut |found| hits.push(found));
            let mut digit = false;
            crate::runs::find(&text, least, &mut |run| digit |= text[run].iter().any(u8::is_ascii_digit));
            prop_assert!(hits.is_empty() || digit, "{}", kind.id);
        }
    }
}
