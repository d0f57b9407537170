//! Texts of the sorts that scans meet, made up: the same every time and on every machine, so that counts can be compared.

use std::fmt::Write as _;

/// Sorts of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Sources: short words, signs and indentation.
    Source,
    /// A minified script in one line.
    Minified,
    /// Base 64 of noise, in lines.
    Base64,
    /// Settings whose values are encoded or escaped: what decoding is for.
    Encoded,
}

/// A text of at least so many bytes.
pub(crate) fn text(sort: Sort, least: usize) -> Vec<u8> {
    let mut dice = Dice(0x7e57);
    let mut text = String::with_capacity(least + 256);
    while text.len() < least {
        match sort {
            Sort::Source => source(&mut text, &mut dice),
            Sort::Minified => minified(&mut text, &mut dice),
            Sort::Base64 => {
                text.push_str(&dice.letters(76));
                text.push('\n');
            }
            Sort::Encoded => encoded(&mut text, &mut dice),
        }
    }
    text.into_bytes()
}

const WORDS: [&str; 16] = [
    "value", "index", "result", "table", "render", "buffer", "length", "option", "handle", "cursor", "token", "layout",
    "secret", "number", "stream", "region",
];

fn source(text: &mut String, dice: &mut Dice) {
    let (one, two, three) = (dice.word(), dice.word(), dice.word());
    let count = dice.below(1_000);
    let _infallible = write!(
        text,
        "    // The {one} of the {two} is kept until its {three} is known.\n    let {one}_{two} = self.{three}.get({count})?;\n    if \
         {one}_{two}.is_empty() {{\n        return Err(Error::{three}({count}));\n    }}\n"
    );
}

fn minified(text: &mut String, dice: &mut Dice) {
    let letters = dice.letters(3);
    let (one, two) = (dice.word(), dice.word());
    let count = dice.below(100_000);
    let _infallible = write!(
        text,
        "function {letters}(t,e){{return t.{one}&&e.{two}[{count}]?\"{one}-{two}\":t.n({count},e=>e.{two}.map(r=>r.{one}+1))}}"
    );
}

fn encoded(text: &mut String, dice: &mut Dice) {
    let name = dice.word();
    let data: String = (0..12).map(|_| format!("{} ", dice.word())).collect();
    let base64 = data_encoding::BASE64.encode(data.as_bytes());
    let hex = data_encoding::HEXLOWER.encode(data.as_bytes());
    let escaped: String = data.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let _infallible = write!(
        text,
        "{name}: \"{base64}\"\n{name}_raw = '{hex}'\n{{\"{name}\": \"{escaped}\"}}\n{name}=%73%65t&next={data}\n"
    );
}

/// The same numbers every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn word(&mut self) -> &'static str {
        WORDS[usize::try_from(self.below(16)).unwrap_or(0)]
    }

    fn letters(&mut self, count: usize) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..count).map(|_| char::from(LETTERS[usize::try_from(self.below(64)).unwrap_or(0)])).collect()
    }
}
