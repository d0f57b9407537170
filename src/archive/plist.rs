//! Binary property lists: their texts and data.

use super::ArchiveError;
use super::format::Format;
use super::lines::{Lines, from_utf16};
use super::outlet::{Outlet, Walk};

const TRAILER: usize = 32;

fn number(bytes: &[u8]) -> Option<usize> {
    let value = bytes.iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))?;
    usize::try_from(value).ok()
}

/// Hands over every text, one a line, and data that holds others as a member.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut lines = Lines::new("(texts)".to_owned());
    let table = offsets(bytes);
    let mut whole = table.is_some();
    let (offsets, width) = table.unwrap_or((&[], 1));
    for (at, offset) in offsets.chunks_exact(width).enumerate() {
        match number(offset).and_then(|offset| value(bytes.get(offset..)?)) {
            Some(Value::Text(text)) => lines.line(text, outlet)?,
            Some(Value::Wide(text)) => lines.line(&from_utf16(text, true), outlet)?,
            Some(Value::Data(data)) if Format::of(data, "").is_some() => outlet.bytes(&format!("data {at}"), data)?,
            Some(Value::Data(data)) => lines.line(data, outlet)?,
            Some(Value::Other) => {}
            None => whole = false,
        }
    }
    lines.flush(outlet)?;
    if whole { Ok(()) } else { Err(ArchiveError::damaged("its table of objects is damaged").into()) }
}

/// Where each object stands, and how many bytes say so.
fn offsets(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let trailer = bytes.last_chunk::<TRAILER>()?;
    let width = usize::from(*trailer.get(6)?);
    let count = number(trailer.get(8..16)?)?;
    let start = number(trailer.get(24..32)?)?;
    let table = bytes.get(start..start.checked_add(count.checked_mul(width)?)?)?;
    (1..=8).contains(&width).then_some((table, width))
}

enum Value<'a> {
    Text(&'a [u8]),
    Wide(&'a [u8]),
    Data(&'a [u8]),
    Other,
}

fn value(bytes: &[u8]) -> Option<Value<'_>> {
    let (marker, rest) = bytes.split_first()?;
    let (length, rest) = match marker & 0x0f {
        15 => {
            let (width, rest) = rest.split_first()?;
            let width = 1_usize.checked_shl(u32::from(width & 0x0f)).filter(|width| *width <= 8)?;
            (number(rest.get(..width)?)?, rest.get(width..)?)
        }
        short => (usize::from(short), rest),
    };
    Some(match marker >> 4 {
        4 => Value::Data(rest.get(..length)?),
        5 | 7 => Value::Text(rest.get(..length)?),
        6 => Value::Wide(rest.get(..length.checked_mul(2)?)?),
        0..=3 | 8 | 10 | 12 | 13 => Value::Other,
        _ => return None,
    })
}
