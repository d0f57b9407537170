//! What the codes of a font stand for.

use super::super::outlet::{Halt, Outlet};
use super::objects::Objects;
use super::value::{Reader, Value};
use std::collections::HashMap;

/// More than a map ever has between two operators.
const MOST_OPERANDS: usize = 1 << 16;
/// More codes are in no font.
const MOST_CODES: usize = 1 << 20;
/// The bytes of what one code stands for; ligatures have a few.
const LONGEST: usize = 32;

/// What one code stands for.
#[derive(Debug)]
struct Stretch {
    first: u32,
    last: u32,
    to: u32,
}

/// How a font's codes are read.
#[derive(Debug, Default)]
pub(super) struct Font {
    /// Bytes to a code.
    wide: bool,
    /// Codes are letters of UTF-16.
    utf16: bool,
    letters: HashMap<u32, String>,
    stretches: Vec<Stretch>,
    /// True where nothing says what its codes stand for.
    pub(super) unknown: bool,
}

impl Font {
    pub(super) fn read(value: &Value, objects: &Objects<'_>, outlet: &mut Outlet<'_, '_>) -> Result<Self, Halt> {
        let value = objects.resolve(value);
        let mut font = Self { wide: value.name(b"Subtype") == Some(b"Type0"), ..Self::default() };
        let encoding = objects.field(value, b"Encoding");
        if let Some(encoding) = encoding {
            font.differences(encoding, objects);
        }
        let map = value.get(b"ToUnicode").and_then(Value::reference).and_then(|number| objects.by_number(number));
        if let Some(map) = map
            && let Some((bytes, _)) = objects.content(map, outlet)?
        {
            font.read_map(&bytes);
        } else if font.wide {
            match encoding {
                Some(Value::Name(name))
                    if memchr::memmem::find(name, b"UCS2").or(memchr::memmem::find(name, b"UTF16")).is_some() =>
                {
                    font.utf16 = true;
                }
                // Codes of a legacy character set hold ASCII as it is.
                Some(Value::Name(name)) if !name.starts_with(b"Identity") => font.wide = false,
                _ => font.unknown = true,
            }
        }
        Ok(font)
    }

    /// The names of letters that a simple font gives to its codes.
    fn differences(&mut self, encoding: &Value, objects: &Objects<'_>) {
        let Some(differences) = objects.field(encoding, b"Differences") else { return };
        let mut code = 0_u32;
        for value in differences.members() {
            match objects.resolve(value) {
                Value::Name(name) => {
                    if let Some(letter) = letter(name) {
                        self.letters.insert(code, letter.to_string());
                    }
                    code = code.saturating_add(1);
                }
                value => code = value.whole().and_then(|code| u32::try_from(code).ok()).unwrap_or(code),
            }
        }
    }

    /// Stretches are kept as stretches, however many codes they span.
    fn read_map(&mut self, bytes: &[u8]) {
        let mut reader = Reader::new(bytes, 0);
        let mut operands: Vec<Value> = Vec::new();
        let mut width = None;
        while let Some(value) = reader.value() {
            let Value::Word(word) = value else {
                if operands.len() < MOST_OPERANDS {
                    operands.push(value);
                }
                continue;
            };
            match word.as_slice() {
                b"endcodespacerange" => {
                    if let Some(Value::Text(code)) = operands.last() {
                        width = Some(code.len());
                    }
                }
                b"endbfchar" => {
                    for pair in operands.chunks_exact(2) {
                        if let [Value::Text(code), Value::Text(to)] = pair {
                            self.give(number(code), to);
                        }
                    }
                }
                b"endbfrange" => {
                    for three in operands.chunks_exact(3) {
                        self.range(three);
                    }
                }
                _ => {}
            }
            operands.clear();
        }
        self.stretches.sort_by_key(|stretch| stretch.first);
        if let Some(width) = width {
            self.wide = width == 2;
        }
    }

    fn range(&mut self, three: &[Value]) {
        match three {
            [Value::Text(first), Value::Text(last), Value::Text(to)] => {
                let (first, last) = (number(first), number(last));
                match to.as_slice() {
                    // One letter, counted up.
                    [_] | [_, _] if self.stretches.len() < MOST_CODES => {
                        self.stretches.push(Stretch { first, last, to: number(to) })
                    }
                    _ => self.give(first, to),
                }
            }
            [Value::Text(first), Value::Text(_), Value::List(letters)] => {
                let codes = (0..).map_while(|at| number(first).checked_add(at));
                for (code, letter) in codes.zip(letters) {
                    if let Value::Text(letter) = letter {
                        self.give(code, letter);
                    }
                }
            }
            _ => {}
        }
    }

    fn give(&mut self, code: u32, letter: &[u8]) {
        if self.letters.len() < MOST_CODES {
            self.letters.insert(code, utf16(letter.get(..LONGEST).unwrap_or(letter)));
        }
    }

    /// Adds what these codes stand for; true if all of them stand for something.
    pub(super) fn show(&self, codes: &[u8], text: &mut String) -> bool {
        if self.utf16 {
            text.push_str(&utf16(codes));
            return true;
        }
        let mut known = true;
        for code in codes.chunks(if self.wide { 2 } else { 1 }) {
            let number = number(code);
            match (self.letter(number), code) {
                (Some(letter), _) => text.push_str(&letter),
                (None, [byte]) if !self.wide => text.push(char::from(*byte)),
                _ => known = false,
            }
        }
        known || !self.unknown
    }

    fn letter(&self, code: u32) -> Option<String> {
        if let Some(letter) = self.letters.get(&code) {
            return Some(letter.clone());
        }
        let at = self.stretches.partition_point(|stretch| stretch.first <= code).checked_sub(1)?;
        let stretch = self.stretches.get(at).filter(|stretch| code <= stretch.last)?;
        char::from_u32(stretch.to.checked_add(code - stretch.first)?).map(String::from)
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| sum << 8 | u32::from(*byte))
}

fn utf16(bytes: &[u8]) -> String {
    match bytes {
        [one] => char::from(*one).to_string(),
        bytes => String::from_utf8(super::super::lines::from_utf16(bytes, true)).unwrap_or_default(),
    }
}

/// The letter of a name, as far as tokens have it.
fn letter(name: &[u8]) -> Option<char> {
    const NAMES: [(&[u8], char); 34] = [
        (b"space", ' '),
        (b"exclam", '!'),
        (b"quotedbl", '"'),
        (b"numbersign", '#'),
        (b"dollar", '$'),
        (b"percent", '%'),
        (b"ampersand", '&'),
        (b"quotesingle", '\''),
        (b"parenleft", '('),
        (b"parenright", ')'),
        (b"asterisk", '*'),
        (b"plus", '+'),
        (b"comma", ','),
        (b"hyphen", '-'),
        (b"minus", '-'),
        (b"period", '.'),
        (b"slash", '/'),
        (b"zero", '0'),
        (b"one", '1'),
        (b"two", '2'),
        (b"three", '3'),
        (b"four", '4'),
        (b"five", '5'),
        (b"six", '6'),
        (b"seven", '7'),
        (b"eight", '8'),
        (b"nine", '9'),
        (b"colon", ':'),
        (b"semicolon", ';'),
        (b"equal", '='),
        (b"at", '@'),
        (b"underscore", '_'),
        (b"asciitilde", '~'),
        (b"question", '?'),
    ];
    match name {
        [one] => Some(char::from(*one)),
        [b'u', b'n', b'i', digits @ ..] if digits.len() == 4 => {
            char::from_u32(u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?)
        }
        name => NAMES.iter().find(|(known, _)| *known == name).map(|(_, letter)| *letter),
    }
}
