//! Every form of a secret is found in any text, nothing else is, and nothing of it is kept.

use super::*;
use data_encoding::{BASE64, BASE64URL, HEXLOWER};
use proptest::prelude::*;

fn known(secrets: &[&[u8]]) -> Known {
    let mut known = Known::new();
    secrets.iter().for_each(|secret| known.learn(secret));
    known
}

fn shown(known: &Known, text: &[u8]) -> String {
    String::from_utf8_lossy(&known.redact(text)).into_owned()
}

const WILD: &str = "a\"canary/+\\of % many & signs é\n\u{1f511}";

#[test]
fn every_form_is_masked_and_the_rest_stays() {
    let known = known(&[WILD.as_bytes()]);
    let percent = |keep: fn(u8) -> bool, upper: bool| -> String {
        let encode = |byte: u8| match (keep(byte), upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        };
        WILD.bytes().map(encode).collect()
    };
    let json = serde_json::to_string(WILD).unwrap();
    let debug = format!("{WILD:?}");
    let forms = [
        WILD.to_owned(),
        HEXLOWER.encode(WILD.as_bytes()),
        WILD.bytes().map(|byte| format!("{byte:02X}")).collect(),
        format!("{:?}", WILD.as_bytes()),
        percent(|byte| byte.is_ascii_alphanumeric(), true),
        percent(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte), false),
        percent(|byte| byte.is_ascii_graphic() && byte != b'%', true),
        percent(|byte| byte.is_ascii_alphanumeric(), true).replace("%20", "+"),
        json.clone(),
        json.replace('/', "\\/").replace('é', "\\u00e9").replace('\u{1f511}', "\\ud83d\\udd11"),
        debug.clone(),
        serde_json::to_string(&debug).unwrap(),
        serde_json::to_string(&json).unwrap(),
    ];
    for form in &forms {
        let line = format!("before {form} after");
        let shown = shown(&known, line.as_bytes());
        assert!(shown.contains(MASK) && shown.starts_with("before ") && shown.ends_with(" after"), "{form}: {shown}");
        assert!(!shown.contains("canary") && shown.len() < "before  after".len() + MASK.len() + 8, "{form}: {shown}");
    }
    for (encoding, prefix) in [(&BASE64, ""), (&BASE64, "u:"), (&BASE64, "u"), (&BASE64URL, "kim:"), (&BASE64URL, "a")]
    {
        let text = encoding.encode(format!("{prefix}{WILD}").as_bytes());
        let shown = shown(&known, format!("Basic {text}, more").as_bytes());
        assert!(shown.contains(MASK) && shown.ends_with(", more"), "{shown}");
        assert!(shown.len() < "Basic , more".len() + MASK.len() + 10, "{shown}");
    }
}

#[test]
fn what_is_no_secret_stays_as_it_is() {
    let known = known(&[b"hunter2-hunter2", b"short", b""]);
    for text in ["short hunter2-hunter", "", "100% + \\u{zz} \\ud83d %zz %", "hunter2"] {
        assert!(matches!(known.redact(text.as_bytes()), Cow::Borrowed(_)), "{text}");
    }
    assert_eq!(shown(&known, b"hunter2-hunter2hunter2-hunter2!"), format!("{MASK}{MASK}!"));
}

#[test]
fn the_longest_of_two_that_begin_alike_is_masked() {
    let known = known(&[b"common-beginning", b"common-beginning-and-more"]);
    assert_eq!(shown(&known, b"<common-beginning-and-more>"), format!("<{MASK}>"));
    assert_eq!(shown(&known, b"<common-beginning-and-mor>"), format!("<{MASK}-and-mor>"));
}

#[test]
fn the_oldest_goes_first_and_memory_is_bounded() {
    let mut known = Known::new();
    for number in 0..MOST + 10 {
        known.learn(format!("secret-number-{number:05}").as_bytes());
        known.learn(format!("secret-number-{number:05}").as_bytes());
    }
    assert_eq!(known.order.len(), MOST);
    assert!(known.forms.values().map(Vec::len).sum::<usize>() <= MOST * 11);
    assert!(matches!(known.redact(b"secret-number-00009"), Cow::Borrowed(_)));
    assert_eq!(shown(&known, b"secret-number-00010"), MASK);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the time that it takes is what is measured")]
fn a_line_that_looks_like_the_secret_everywhere_is_read_in_time() {
    let known = known(&[&[b'a'; 4000], &[b'%'; 3000]]);
    let began = std::time::Instant::now();
    let _masked = known.redact(&[b'a'; 200_000]);
    let _masked = known.redact(&[b'%'; 200_000]);
    let _masked = known.redact(&b"\\".repeat(200_000));
    assert!(began.elapsed().as_secs() < 60);
}

proptest! {
    #[test]
    fn no_text_breaks_it_and_no_secret_survives(
        secret in proptest::collection::vec(any::<u8>(), MARK..40),
        before in proptest::collection::vec(any::<u8>(), 0..40),
        after in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let known = known(&[&secret]);
        let text = [before, secret.clone(), after].concat();
        let masked = known.redact(&text);
        prop_assert!(!masked.windows(secret.len()).any(|window| window == secret));
    }
}
