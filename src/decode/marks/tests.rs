use super::*;
use proptest::prelude::*;

/// All that is marked, chunk by chunk.
#[derive(Debug, Default, PartialEq, Eq)]
struct All {
    runs: Vec<Range<usize>>,
    begins: Vec<usize>,
    equals: Vec<usize>,
    behind: Vec<usize>,
    escapes: Vec<usize>,
    quotes: Vec<usize>,
    lists: Vec<usize>,
    dumps: bool,
    hidden: bool,
    beyond: bool,
}

fn marked(text: &[u8], window: Range<usize>) -> All {
    let mut marks = Marks::new(text, window.clone());
    let mut all = All::default();
    let mut end = window.start;
    while let Some(chunk) = marks.advance(text) {
        assert_eq!(std::mem::replace(&mut end, chunk.end), chunk.start);
        all.hidden |= marks.hidden;
        all.beyond |= marks.beyond;
        all.runs.append(&mut marks.runs);
        all.begins.append(&mut marks.begins);
        all.equals.append(&mut marks.equals);
        all.behind.append(&mut marks.behind);
        all.escapes.append(&mut marks.escapes);
        all.quotes.append(&mut marks.quotes);
        for (at, bits) in marks.lists.drain(..) {
            all.lists.extend((0..BLOCK).filter(|bit| bits >> bit & 1 == 1).map(|bit| at + bit));
        }
    }
    assert_eq!(end, window.end, "all is marked");
    all.dumps = marks.dumps;
    all
}

/// The same, byte by byte.
fn plainly(text: &[u8], window: Range<usize>) -> All {
    let is = |at: usize, sort: usize| window.contains(&at) && text[at] < 0x80 && sorts_of(text[at]) >> sort & 1 == 1;
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    let before = window.start.checked_sub(1).map(byte);
    let ends_token = before.is_some_and(is_token_byte);
    let beside = |at: usize| at > 0 && (is(at - 1, BESIDE) || (at == window.start && ends_token));
    let near = |at: usize| is(at, BESIDE) || (at > 0 && is(at - 1, LEAD));
    let mut all = All::default();
    let mut run = window.start;
    for at in window.clone() {
        if !is(at, DIGIT) {
            run = at + 1;
        } else if !is(at + 1, DIGIT) && at + 1 - run >= LEAST {
            all.runs.push(run..at + 1);
        }
        let within = at > run && text[at - 1].is_ascii_alphanumeric();
        if (at..at + LEAST).all(|at| is(at, DIGIT)) && !within {
            all.begins.push(at);
        }
        if is(at, QUOTE) && beside(at) && (is(at + 1, QUOTE) || is(at + 1, GAP)) {
            all.quotes.push(at);
        }
        if matches!(text[at], b'%' | b'\\') || (text[at] == b'&' && !is(at + 1, LEAD)) {
            let ahead = (at..).take_while(|at| near(*at)).count();
            let back = (0..at).rev().take_while(|at| near(*at)).count();
            if ahead + back >= 16 || (beside(at) && is(at + 1, WRAP)) {
                all.escapes.push(at);
            }
        }
        let ends_line = at + 1 == window.end && matches!(byte(at + 1), b'\n' | b'\r');
        if text[at] == b'=' && (is(at + 1, WRAP) || ends_line) {
            all.equals.push(at);
        }
        let foreign = at.checked_sub(1).is_some_and(|before| byte(before) >= 0x80);
        if foreign && (at..at + LEAST).all(|at| is(at, BESIDE)) {
            all.behind.push(at);
        }
        if (at..at + GLANCE).all(|at| is(at, LISTED)) {
            all.lists.push(at);
            all.dumps |= matches!(text[at], b'\n' | b'\r') && is(at + 1, DIGIT);
        }
        all.hidden |= matches!(text[at], 0 | 0x1b);
        all.beyond |= text[at] >= 0x80;
    }
    let ending = &text[..window.start];
    for end in [b"=\n".as_slice(), b"=\r\n"] {
        if !window.is_empty() && ending.ends_with(end) {
            all.equals.insert(0, window.start - end.len());
        }
    }
    all
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        8 => proptest::sample::select(vec![
            "\"", "'", "\",", "' + ", "\\", "\\n", "\\\"", "%41", "%", "&&", "&amp;", "&#65;", "=3D", "=\n", "=\r\n", "= 3",
            "\n", "\r\n", "\\\n", "0x41, ", "103,104,", "\n00000010: 41", "\n   ", "(a)", "{}", "#;", "\0", "\u{1b}[0m",
            "\u{e9}", "\u{200b}", "\u{4e2d}", "~", ".", "`", "-_/+",
        ]).prop_map(|part| part.as_bytes().to_vec()),
        4 => (proptest::sample::select(b"aZ09_ ,".to_vec()), 1..70_usize).prop_map(|(byte, times)| vec![byte; times]),
        2 => "[a-z0-9+/]{1,40}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..70),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_is_marked_is_what_the_bytes_say(text in text(), cuts in any::<[prop::sample::Index; 2]>()) {
        prop_assert_eq!(marked(&text, 0..text.len()), plainly(&text, 0..text.len()));
        let [from, to] = cuts.map(|cut| cut.index(text.len() + 1));
        let window = from.min(to)..from.max(to);
        prop_assert_eq!(marked(&text, window.clone()), plainly(&text, window));
    }
}

#[test]
fn chunks_are_marked_as_one() {
    let part = b"let a = '0123456789abcdef0123' + \"x\\u0041bcdefghijklmnop\"; b = [0x41, 0x42, 0x43] &amp; \xe4\xb8\xadtext=3D0\n";
    let text = part.repeat(4 * (CHUNK + GROUP) / part.len() + 3);
    let (all, wanted) = (marked(&text, 0..text.len()), plainly(&text, 0..text.len()));
    assert!(all.runs.len() > 4_000 && all.quotes.len() > 4_000 && all.escapes.len() > 4_000 && all.lists.len() > 4_000);
    assert!(all == wanted);
    let long = vec![b'a'; 2 * CHUNK + 100];
    assert_eq!(marked(&long, 7..long.len()).runs, std::slice::from_ref(&(7..long.len())));
}
