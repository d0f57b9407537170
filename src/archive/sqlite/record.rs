//! One row: the kinds of its values, then the values.

use super::page::varint;

/// What can hold something, and the numbers that lead to it.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Number(i64),
}

/// The values of a row, and whether it is whole.
pub(super) fn values(record: &[u8]) -> (Vec<Value<'_>>, bool) {
    let mut values = Vec::new();
    let whole = read(record, &mut values).is_some();
    (values, whole)
}

fn read<'a>(record: &'a [u8], values: &mut Vec<Value<'a>>) -> Option<()> {
    let (length, rest) = varint(record)?;
    let start = record.len() - rest.len();
    let length = usize::try_from(length).ok()?;
    let mut kinds = record.get(start..length)?;
    let mut content = record.get(length..)?;
    while !kinds.is_empty() {
        let (kind, rest) = varint(kinds)?;
        kinds = rest;
        let length = match kind {
            0 | 8 | 9 | 10 | 11 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            sized => (sized - 12) / 2,
        };
        let length = usize::try_from(length).ok()?;
        let (value, rest) = match content.split_at_checked(length) {
            Some(split) => split,
            // What is there of a value that is cut off is still looked at.
            None => (content, &[][..]),
        };
        values.push(match kind {
            0..=11 => Value::Number(number(kind, value)),
            text if text % 2 == 1 => Value::Text(value),
            _ => Value::Bytes(value),
        });
        if value.len() < length {
            return None;
        }
        content = rest;
    }
    Some(())
}

fn number(kind: u64, bytes: &[u8]) -> i64 {
    match kind {
        9 => 1,
        1..=6 => {
            let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
            bytes.iter().fold(sign, |sum, byte| sum << 8 | i64::from(*byte))
        }
        _ => 0,
    }
}
