//! Compiled Erlang and Elixir: the texts of a module, out of its literals, its documentation and its debug information.
//! Chunks are described in the `beam_lib` and terms in the External Term Format pages of Erlang's manual.

use super::ArchiveError;
use super::lines::Lines;
use super::outlet::{Halt, Outlet, Walk};
use flate2::read::ZlibDecoder;
use std::borrow::Cow;
use std::io::Read;

const VERSION: u8 = 131;
const COMPRESSED: u8 = 80;
/// The terms that are read; another one, which compilers leave out of modules, ends the reading and no more.
const TAGS: [u8; 19] = [70, 77, 97, 98, 99, 100, 104, 105, 106, 107, 108, 109, 110, 111, 113, 115, 116, 118, 119];

/// True for a module.
pub(super) fn looks_like(head: &[u8]) -> bool {
    matches!(head, [b'F', b'O', b'R', b'1', _, _, _, _, b'B', b'E', b'A', b'M', ..])
}

/// Hands over the texts in every chunk of terms, one a line.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut rest = bytes.get(12..).unwrap_or_default();
    let mut damaged = false;
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, size @ ..] = *head;
        let size = u32::from_be_bytes(size) as usize;
        let Some(chunk) = after.get(..size) else { return Err(ArchiveError::cut().into()) };
        let mut lines = Lines::new(format!("({})", Outlet::shown(&[a, b, c, d])));
        let whole = match &[a, b, c, d] {
            b"LitT" => literals(chunk, &mut lines, outlet)?,
            _ if chunk.first() == Some(&VERSION) => terms(chunk, &mut lines, outlet)?,
            _ => true,
        };
        lines.flush(outlet)?;
        damaged |= !whole;
        rest = after.get(size.next_multiple_of(4)..).unwrap_or_default();
    }
    let said = bytes.get(4..).and_then(word).map_or(0, |(size, _)| u64::from(size) + 8);
    match rest {
        _ if said > bytes.len() as u64 => Err(ArchiveError::cut().into()),
        [] if !damaged => Ok(()),
        [] => Err(ArchiveError::damaged("its terms are damaged").into()),
        _ => Err(ArchiveError::cut().into()),
    }
}

/// The table of literals: its size, and then, compressed unless that is 0, a count and each of them behind its size.
fn literals(chunk: &[u8], lines: &mut Lines, outlet: &mut Outlet<'_, '_>) -> Result<bool, Halt> {
    let Some((size, table)) = word(chunk) else { return Ok(false) };
    let (table, mut whole) = match size {
        0 => (Cow::Borrowed(table), true),
        _ => expanded(table, size, outlet)?,
    };
    let Some((count, mut rest)) = word(&table) else { return Ok(false) };
    for _ in 0..count {
        let Some((size, after)) = word(rest) else { return Ok(false) };
        let literal = after.get(..size as usize).unwrap_or(after);
        whole &= terms(literal, lines, outlet)? && literal.len() == size as usize;
        rest = after.get(literal.len()..).unwrap_or_default();
    }
    Ok(whole)
}

/// What was compressed to this, and whether it is as long as it should be.
fn expanded<'a>(packed: &[u8], size: u32, outlet: &mut Outlet<'_, '_>) -> Result<(Cow<'a, [u8]>, bool), Halt> {
    let allowed = outlet.largest();
    let mut bytes = Vec::new();
    let broken = ZlibDecoder::new(packed).take(allowed.min(size.into())).read_to_end(&mut bytes).is_err();
    outlet.spend(bytes.len() as u64)?;
    if u64::from(size) > allowed {
        return Err(ArchiveError::OverBudget.into());
    }
    let whole = !broken && bytes.len() == size as usize;
    Ok((Cow::Owned(bytes), whole))
}

/// Terms, compressed or not. What is of no known form is handed over as it is.
fn terms(bytes: &[u8], lines: &mut Lines, outlet: &mut Outlet<'_, '_>) -> Result<bool, Halt> {
    if let [VERSION, COMPRESSED, packed @ ..] = bytes {
        let Some((size, packed)) = word(packed) else { return Ok(false) };
        let (bytes, whole) = expanded(packed, size, outlet)?;
        return Ok(flat(&bytes, lines, outlet)? && whole);
    }
    flat(bytes.strip_prefix(&[VERSION]).unwrap_or(bytes), lines, outlet)
}

/// What holds others says how many, and they follow: so all can be read one after the other.
fn flat(mut rest: &[u8], lines: &mut Lines, outlet: &mut Outlet<'_, '_>) -> Result<bool, Halt> {
    while let Some((tag, after)) = rest.split_first() {
        let Some((text, behind)) = term(*tag, after) else {
            lines.line(rest, outlet)?;
            return Ok(!TAGS.contains(tag));
        };
        lines.line(text, outlet)?;
        rest = behind;
    }
    Ok(true)
}

/// The text of a term, if it is one, and what follows.
fn term(tag: u8, after: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, skipped) = match tag {
        // Small and large numbers.
        97 => (0, 1),
        98 => (0, 4),
        70 => (0, 8),
        99 => (0, 31),
        110 => (0, 2 + usize::from(*after.first()?)),
        111 => (0, 5 + word(after)?.0 as usize),
        // What holds others: tuples, lists, maps, names of functions.
        104 => (0, 1),
        105 | 108 | 116 => (0, 4),
        106 | 113 => (0, 0),
        // Atoms, strings and binaries.
        115 | 119 => (usize::from(*after.first()?), 1),
        100 | 107 | 118 => (usize::from(u16::from_be_bytes(*after.first_chunk()?)), 2),
        109 => (word(after)?.0 as usize, 4),
        77 => (word(after)?.0 as usize, 5),
        _ => return None,
    };
    after.get(skipped..)?.split_at_checked(text)
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk::<4>().map(|(size, rest)| (u32::from_be_bytes(*size), rest))
}
