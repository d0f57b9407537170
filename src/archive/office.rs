//! The parts of office documents: XML in which a word may be cut into many runs. Its text is put together again.

use super::ArchiveError;
use super::lines::Lines;
use super::outlet::{Outlet, Walk};
use memchr::memmem;
use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

/// What stands between the cells of a row: what may stand between a name and its value.
pub(super) const BETWEEN_CELLS: &[u8] = b",\t";

/// Where a part says what it is.
const HEAD_BYTES: usize = 4096;

/// True for the start of a part of an office document: its outermost element says so. Programs that write such documents
/// hold the same words further on, and pages that were saved as such have them and are not written as strictly.
pub(super) fn looks_like(head: &[u8]) -> bool {
    let root = outermost(head.get(..HEAD_BYTES).unwrap_or(head)).unwrap_or_default();
    let page = root.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"<html"));
    !page
        && [
            &b"schemas.openxmlformats.org/"[..],
            b"purl.oclc.org/ooxml",
            b"urn:oasis:names:tc:opendocument",
            b"schemas.microsoft.com/office/",
            // As those write it who do without.
            b"<w:document",
        ]
        .iter()
        .any(|space| memmem::find(root, space).is_some())
}

/// The tag of the outermost element, or as much of it as is there.
fn outermost(head: &[u8]) -> Option<&[u8]> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if !head.starts_with(b"<") {
        return None;
    }
    if head.starts_with(b"<?") && !head.starts_with(b"<?xml") && !head.starts_with(b"<?mso-") {
        return None;
    }
    let start = memchr::memchr_iter(b'<', head).find(|at| head.get(at + 1).is_some_and(u8::is_ascii_alphabetic))?;
    let tag = head.get(start..)?;
    tag.get(..memchr::memchr(b'>', tag).unwrap_or(tag.len()))
}

/// Where the text goes that stands between the tags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// In the text.
    Plain,
    /// In what was deleted and is still there, or in a field's instructions.
    Aside,
}

/// Between these the text goes on: a word may begin before and end behind them.
fn is_inline(name: &[u8]) -> bool {
    matches!(
        name,
        b"r" | b"t"
            | b"span"
            | b"a"
            | b"hyperlink"
            | b"ins"
            | b"del"
            | b"delText"
            | b"instrText"
            | b"delInstrText"
            | b"moveFrom"
            | b"moveTo"
            | b"smartTag"
            | b"sdt"
            | b"sdtContent"
            | b"fldSimple"
            | b"fldChar"
            | b"proofErr"
            | b"bookmark"
            | b"bookmarkStart"
            | b"bookmarkEnd"
            | b"bookmark-start"
            | b"bookmark-end"
            | b"permStart"
            | b"permEnd"
            | b"commentRangeStart"
            | b"commentRangeEnd"
            | b"commentReference"
            | b"lastRenderedPageBreak"
            | b"soft-page-break"
            | b"softHyphen"
            | b"noBreakHyphen"
            | b"fld"
            | b"dir"
            | b"bdo"
    )
}

/// A row of a table or a sheet.
fn is_row(name: &[u8]) -> bool {
    matches!(name, b"row" | b"tr" | b"table-row")
}

/// What is in these says how text looks and is no text.
fn is_property(name: &[u8]) -> bool {
    matches!(name, b"rPr" | b"sdtPr" | b"endParaRPr" | b"phoneticPr")
}

struct Text {
    plain: Lines,
    aside: Lines,
    line: Vec<u8>,
    aside_line: Vec<u8>,
    stands: Stands,
    /// Depth inside of properties.
    property: usize,
    /// Depth inside of rows.
    row: usize,
}

impl Text {
    fn start(&mut self, name: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
        if is_property(name) || self.property > 0 {
            self.property += 1;
            return Ok(());
        }
        match name {
            b"delText" | b"instrText" | b"delInstrText" => self.stands = Stands::Aside,
            b"t" => self.stands = Stands::Plain,
            _ => {}
        }
        let between = self.between(name, outlet);
        self.row += usize::from(is_row(name));
        between
    }

    fn end(&mut self, name: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
        if self.property > 0 {
            self.property -= 1;
            return Ok(());
        }
        if matches!(name, b"delText" | b"instrText" | b"delInstrText") {
            self.stands = Stands::Plain;
        }
        self.row = self.row.saturating_sub(usize::from(is_row(name)));
        self.between(name, outlet)
    }

    fn between(&mut self, name: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
        match name {
            // Cells of one row stay on one line.
            b"c" | b"tc" | b"table-cell" => {
                let length = self.line.trim_ascii_end().len();
                if length > 0 && !self.line.ends_with(BETWEEN_CELLS) {
                    self.line.truncate(length);
                    self.line.extend_from_slice(BETWEEN_CELLS);
                }
                Ok(())
            }
            b"v" | b"f" | b"is" | b"tab" => {
                if self.line.last().is_some_and(|last| *last != b'\t') {
                    self.line.push(b'\t');
                }
                Ok(())
            }
            // And so does what is in them.
            name if self.row > 0 && !is_row(name) && !is_inline(name) => {
                if self.line.last().is_some_and(|last| !last.is_ascii_whitespace()) {
                    self.line.push(b' ');
                }
                Ok(())
            }
            b"s" => {
                self.line.push(b' ');
                Ok(())
            }
            name if is_inline(name) => Ok(()),
            // A paragraph in a cell ends with it.
            _ => self.finish(outlet),
        }
    }

    fn finish(&mut self, outlet: &mut Outlet<'_, '_>) -> Walk {
        if self.line.ends_with(BETWEEN_CELLS) {
            self.line.truncate(self.line.len() - BETWEEN_CELLS.len());
        }
        for (line, lines) in [(&mut self.line, &mut self.plain), (&mut self.aside_line, &mut self.aside)] {
            lines.line(line.trim_ascii(), outlet)?;
            line.clear();
        }
        Ok(())
    }

    fn text(&mut self, text: &[u8]) {
        // What only sets the tags apart for the eye is no text.
        let layout = text.trim_ascii().is_empty() && memchr::memchr(b'\n', text).is_some();
        if layout || self.property > 0 {
            return;
        }
        match self.stands {
            Stands::Plain => self.line.extend_from_slice(text),
            Stands::Aside => self.aside_line.extend_from_slice(text),
        }
    }
}

/// What a letter stands for that is written by its number or its name. Names that a document gives itself stay as they are:
/// they are never expanded.
pub(super) fn letters(reference: &BytesRef<'_>) -> Vec<u8> {
    let letter = match &**reference {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    };
    match letter {
        Some(letter) => letter.encode_utf8(&mut [0; 4]).as_bytes().to_vec(),
        None => [b"&", &**reference, b";"].concat(),
    }
}

/// Hands over its text with the runs joined, and beside it what was deleted and what fields are told.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut reader = Reader::from_reader(bytes);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader.config_mut().allow_dangling_amp = true;
    let mut text = Text {
        plain: Lines::new("(text)".to_owned()),
        aside: Lines::new("(deleted text and fields)".to_owned()),
        line: Vec::new(),
        aside_line: Vec::new(),
        stands: Stands::Plain,
        property: 0,
        row: 0,
    };
    let mut open = 0_usize;
    let walked = loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                open += 1;
                text.start(tag.local_name().as_ref(), outlet)?;
            }
            Ok(Event::End(tag)) => {
                open = open.saturating_sub(1);
                text.end(tag.local_name().as_ref(), outlet)?;
            }
            Ok(Event::Empty(tag)) if text.property == 0 && !is_property(tag.local_name().as_ref()) => {
                text.between(tag.local_name().as_ref(), outlet)?;
            }
            Ok(Event::Text(part)) => text.text(&part),
            Ok(Event::CData(part)) => text.text(&part),
            Ok(Event::GeneralRef(reference)) => text.text(&letters(&reference)),
            Ok(Event::Eof) if open > 0 => break Err(ArchiveError::cut().into()),
            Ok(Event::Eof) => break Ok(()),
            Ok(_) => {}
            Err(_) => break Err(ArchiveError::damaged("its XML is damaged").into()),
        }
    };
    text.finish(outlet)?;
    text.plain.flush(outlet)?;
    text.aside.flush(outlet)?;
    walked
}
