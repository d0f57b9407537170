//! What objects are made of, and how it is written.

/// Nothing that is meant to be read is nested deeper.
const DEEPEST: usize = 64;

/// No table in which a field is looked for by its name has more of them.
const MOST_KEYS: usize = 512;
/// Values in one value: more than any that is meant to be read.
const MOST_VALUES: usize = 1 << 20;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    List(Vec<Value>),
    Table(Vec<(Vec<u8>, Value)>),
    /// Another object, by its number.
    Reference(u32),
    /// An operator, or true, false and null.
    Word(Vec<u8>),
}

impl Value {
    /// A field of a table.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Value> {
        let Self::Table(fields) = self else { return None };
        fields.iter().take(MOST_KEYS).find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn name(&self, key: &[u8]) -> Option<&[u8]> {
        match self.get(key)? {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// A whole number that is not below nothing.
    pub(super) fn whole(&self) -> Option<usize> {
        match self {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "what does not fit was ruled out"
            )]
            Self::Number(number) if *number >= 0.0 && *number < 9e15 && number.fract() == 0.0 => Some(*number as usize),
            _ => None,
        }
    }

    pub(super) fn reference(&self) -> Option<u32> {
        match self {
            Self::Reference(number) => Some(*number),
            _ => None,
        }
    }

    /// The members of a list, or the one value that stands where a list may.
    pub(super) fn members(&self) -> &[Value] {
        match self {
            Self::List(values) => values,
            one => std::slice::from_ref(one),
        }
    }
}

/// Reads values from front to back.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// Values in the value that was read last.
    pub(super) held: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, held: 0 }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Leaves out space and remarks.
    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.next() {
            if byte == b'%' {
                let rest = self.rest();
                self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            } else if is_space(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// The next value; none at the end. In what is no value a byte is left out, so that this always comes further.
    pub(super) fn value(&mut self) -> Option<Value> {
        self.held = 0;
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Option<Value> {
        self.held += 1;
        if self.held > MOST_VALUES {
            return None;
        }
        loop {
            self.skip_space();
            let rest = self.rest();
            match rest {
                [] => return None,
                [b'/', ..] => return Some(Value::Name(self.name())),
                [b'(', ..] => return Some(Value::Text(self.literal())),
                [b'<', b'<', ..] if depth < DEEPEST => {
                    self.at += 2;
                    return Some(self.table(depth));
                }
                [b'<', b'<', ..] => self.at += 2,
                [b'<', ..] => return Some(Value::Text(self.hexadecimal())),
                [b'[', ..] if depth < DEEPEST => {
                    self.at += 1;
                    return Some(self.list(depth));
                }
                [b'>', b'>', ..] => {
                    self.at += 2;
                    return Some(Value::Word(b">>".to_vec()));
                }
                [b']', ..] => {
                    self.at += 1;
                    return Some(Value::Word(b"]".to_vec()));
                }
                [byte, ..] if is_delimiter(*byte) => self.at += 1,
                _ => return Some(self.word()),
            }
        }
    }

    fn regular(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|byte| is_space(*byte) || is_delimiter(*byte)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn name(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut raw = self.regular().iter().copied();
        let mut name = Vec::new();
        while let Some(byte) = raw.next() {
            let digits = (byte == b'#').then(|| raw.clone().take(2).collect::<Vec<u8>>());
            match digits.and_then(|digits| data_encoding::HEXLOWER_PERMISSIVE.decode(&digits).ok()) {
                Some(letter) if letter.len() == 1 => {
                    name.extend(letter);
                    raw.nth(1);
                }
                _ => name.push(byte),
            }
        }
        name
    }

    fn literal(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut text = Vec::new();
        let mut open = 1;
        while let Some(byte) = self.next() {
            self.at += 1;
            match byte {
                b'\\' => self.escape(&mut text),
                b'(' => {
                    open += 1;
                    text.push(byte);
                }
                b')' => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                    text.push(byte);
                }
                _ => text.push(byte),
            }
        }
        text
    }

    fn escape(&mut self, text: &mut Vec<u8>) {
        let Some(byte) = self.next() else { return };
        self.at += 1;
        match byte {
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'b' | b'f' => text.push(b' '),
            // The line goes on.
            b'\n' => {}
            b'\r' => {
                if self.next() == Some(b'\n') {
                    self.at += 1;
                }
            }
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.next() else { break };
                    code = code * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                text.push(u8::try_from(code & 0xff).unwrap_or_default());
            }
            other => text.push(other),
        }
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        self.at += 1;
        let rest = self.rest();
        let end = memchr::memchr(b'>', rest).unwrap_or(rest.len());
        self.at += (end + 1).min(rest.len());
        super::filter::from_hexadecimal(rest.get(..end).unwrap_or_default())
    }

    fn list(&mut self, depth: usize) -> Value {
        let mut values = Vec::new();
        while let Some(value) = self.nested(depth + 1) {
            match value {
                Value::Word(word) if word == b"]" => break,
                // A list that is not closed ends with its object.
                Value::Word(word) if word == b"endobj" || word == b">>" => break,
                Value::Word(word) if word == b"R" => refer(&mut values),
                value => values.push(value),
            }
        }
        Value::List(values)
    }

    fn table(&mut self, depth: usize) -> Value {
        let mut values = Vec::new();
        while let Some(value) = self.nested(depth + 1) {
            match value {
                Value::Word(word) if word == b">>" || word == b"endobj" => break,
                Value::Word(word) if word == b"R" => refer(&mut values),
                value => values.push(value),
            }
        }
        let mut fields = Vec::new();
        let mut values = values.into_iter().peekable();
        while let Some(key) = values.next() {
            let Value::Name(key) = key else { continue };
            if let Some(value) = values.next() {
                fields.push((key, value));
            }
        }
        Value::Table(fields)
    }

    fn word(&mut self) -> Value {
        let word = self.regular();
        match std::str::from_utf8(word).ok().filter(|_| is_number(word)).and_then(|word| word.parse().ok()) {
            Some(number) => Value::Number(number),
            None => Value::Word(word.to_vec()),
        }
    }
}

fn is_number(word: &[u8]) -> bool {
    word.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.')) && word.iter().any(u8::is_ascii_digit)
}

/// Two numbers and an R are a reference.
fn refer(values: &mut Vec<Value>) {
    let number = match &values[..] {
        [.., number, generation] if generation.whole().is_some() => {
            number.whole().and_then(|number| u32::try_from(number).ok())
        }
        _ => None,
    };
    if let Some(number) = number {
        values.truncate(values.len() - 2);
        values.push(Value::Reference(number));
    }
}
