//! `&#65;`, `&#x41;` and the named ones that a token may hold or stand beside.

use super::hex;
use super::strings::{Escape, Meaning};

/// Names, and what they stand for.
const NAMES: [(&[u8], char); 24] = [
    (b"amp;", '&'),
    (b"lt;", '<'),
    (b"gt;", '>'),
    (b"quot;", '"'),
    (b"apos;", '\''),
    (b"nbsp;", ' '),
    (b"sol;", '/'),
    (b"plus;", '+'),
    (b"equals;", '='),
    (b"lowbar;", '_'),
    (b"UnderBar;", '_'),
    (b"period;", '.'),
    (b"hyphen;", '-'),
    (b"dash;", '-'),
    (b"colon;", ':'),
    (b"commat;", '@'),
    (b"num;", '#'),
    (b"dollar;", '$'),
    (b"percnt;", '%'),
    (b"bsol;", '\\'),
    (b"Tab;", '\t'),
    (b"NewLine;", '\n'),
    (b"tilde;", '~'),
    (b"excl;", '!'),
];

pub(super) fn read(text: &[u8]) -> Option<Escape> {
    let rest = text.strip_prefix(b"&")?;
    if let Some(number) = rest.strip_prefix(b"#") {
        return numeric(number);
    }
    let first = rest.first()?;
    let (name, meaning) = NAMES.iter().find(|(name, _)| name.first() == Some(first) && rest.starts_with(name))?;
    Some(Escape { length: 1 + name.len(), meaning: Meaning::Character(*meaning) })
}

/// Decimal, or hex after an `x`; browsers read it without the semicolon too.
fn numeric(text: &[u8]) -> Option<Escape> {
    let (skipped, base) = if matches!(text.first(), Some(b'x' | b'X')) { (1, 16) } else { (0, 10) };
    let digits = text.get(skipped..)?;
    let value = |byte: &u8| hex::digit(*byte).map(u32::from).filter(|value| *value < base);
    let length = digits.iter().take(8).take_while(|byte| value(byte).is_some()).count();
    let digits = digits.get(..length).filter(|digits| !digits.is_empty())?;
    let code =
        digits.iter().filter_map(value).fold(0_u32, |code, value| code.saturating_mul(base).saturating_add(value));
    let end = skipped + length;
    let semicolon = usize::from(text.get(end) == Some(&b';'));
    Some(Escape { length: 2 + end + semicolon, meaning: Meaning::Character(char::from_u32(code)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_read() {
        let read = |text: &str| read(text.as_bytes()).map(|escape| (escape.length, escape.meaning));
        assert_eq!(read("&#65;b"), Some((5, Meaning::Character('A'))));
        assert_eq!(read("&#x41;b"), Some((6, Meaning::Character('A'))));
        assert_eq!(read("&#X041 b"), Some((6, Meaning::Character('A'))));
        assert_eq!(read("&lowbar;b"), Some((8, Meaning::Character('_'))));
        for none in ["&", "&b;", "&#;", "&#x;", "&#x110000;", "&&"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
