//! PDF: the words on its pages, every text in its objects, and what is embedded. Objects are looked for from front to
//! back rather than by the file's own table, so that a damaged table hides nothing and earlier versions of the file, which
//! are still in it, are seen as well.

mod filter;
mod font;
mod objects;
mod page;
mod text;
mod value;

use super::ArchiveError;
use super::lines::{Lines, from_utf16};
use super::outlet::{Halt, Outlet, Walk};
use objects::{Found, Objects};
use value::Value;

/// Hands over all of it.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut objects = Objects::find(bytes, outlet)?;
    if objects.encrypted {
        return Err(ArchiveError::Encrypted.into());
    }
    let mut strings = Lines::new("(texts of objects)".to_owned());
    for found in &objects.found {
        gather(&found.value, &mut strings, outlet)?;
    }
    strings.flush(outlet)?;
    let mut pages = page::Pages::default();
    pages.walk(&objects, outlet)?;
    let mut unread = objects.unread.take();
    for at in 0..objects.found.len() {
        if let Err(halt) = other_stream(at, &objects, &mut pages, outlet) {
            match halt {
                Halt::Failed(error) if !error.is_of_budget() => unread = unread.or(Some(error)),
                halt => return Err(halt),
            }
        }
    }
    let unread =
        unread.or(pages.unread).or_else(|| objects.cut.then(|| ArchiveError::damaged("no end of the file is there")));
    unread.map_or(Ok(()), |error| Err(error.into()))
}

/// Every text in an object, one a line.
fn gather(value: &Value, lines: &mut Lines, outlet: &mut Outlet<'_, '_>) -> Walk {
    match value {
        Value::Text(text) => lines.line(&letters(text), outlet),
        Value::List(values) => values.iter().try_for_each(|value| gather(value, lines, outlet)),
        Value::Table(fields) => fields.iter().try_for_each(|(_, value)| gather(value, lines, outlet)),
        Value::Name(_) | Value::Number(_) | Value::Reference(_) | Value::Word(_) => Ok(()),
    }
}

/// Texts outside of pages are in UTF-16, where they say so, or in something near to Latin-1.
fn letters(text: &[u8]) -> Vec<u8> {
    match text {
        [0xfe, 0xff, wide @ ..] => from_utf16(wide, true),
        [0xff, 0xfe, wide @ ..] => from_utf16(wide, false),
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        text => text.to_vec(),
    }
}

/// A stream that is no page: drawn parts are read as pages are, pictures and fonts hold no text, and the rest, scripts,
/// metadata and embedded files, is handed over as it is.
fn other_stream(at: usize, objects: &Objects<'_>, pages: &mut page::Pages, outlet: &mut Outlet<'_, '_>) -> Walk {
    let Some(found) = objects.found.get(at) else { return Ok(()) };
    if found.stream.is_none() || pages.reads(at) || holds_no_text(found, objects) {
        return Ok(());
    }
    let Some((bytes, error)) = objects.content(found, outlet)? else { return Ok(()) };
    if page::is_drawn(found, &bytes) {
        pages.part(found, &bytes, objects, outlet)?;
    } else {
        outlet.bytes(&format!("object {}", found.number), &bytes)?;
    }
    error.map_or(Ok(()), |error| Err(error.into()))
}

/// Pictures, fonts, and what describes the file's own structure.
fn holds_no_text(found: &Found, objects: &Objects<'_>) -> bool {
    let kind = found.value.name(b"Type").unwrap_or_default();
    let subtype = found.value.name(b"Subtype").unwrap_or_default();
    matches!(kind, b"XRef" | b"ObjStm")
        || matches!(subtype, b"Image" | b"Type1C" | b"CIDFontType0C" | b"OpenType")
        || found.value.get(b"Length1").is_some()
        || found.value.get(b"FunctionType").is_some()
        || found.value.get(b"ShadingType").is_some()
        || objects.is_font_part(found.number)
}

#[cfg(test)]
pub(super) mod tests;
