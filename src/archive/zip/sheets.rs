//! Rows of spreadsheets. Texts of cells stand in a part of their own, and a sheet says of each cell which text it is: so a
//! name and the value beside it stand on one line only once the two are put together.

use super::super::ArchiveError;
use super::super::lines::Lines;
use super::super::office;
use super::super::outlet::{Outlet, Walk};
use super::super::region::Region;
use super::directory::Entry;
use super::member;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

const TEXTS: &[u8] = b"xl/sharedStrings.xml";
const SHEETS: &[u8] = b"xl/worksheets/";
/// The largest part that is read for this, and the most sheets.
const LARGEST: u64 = 64 << 20;
const MOST: usize = 1_000;
/// A longer text is no name and no value; it is found where it stands.
const LONGEST: usize = 2 << 10;

/// The parts of a workbook that are needed.
#[derive(Default)]
pub(super) struct Workbook {
    texts: Option<Entry>,
    sheets: Vec<Entry>,
}

impl Workbook {
    /// Keeps an entry that is one of these parts.
    pub(super) fn keep(&mut self, entry: Entry) {
        if entry.name == TEXTS {
            self.texts = Some(entry);
        } else if entry.name.starts_with(SHEETS) && entry.name.ends_with(b".xml") && self.sheets.len() < MOST {
            self.sheets.push(entry);
        }
    }

    /// Hands over the rows of each sheet. What cannot be read was said when the part itself was handed over.
    pub(super) fn rows(&self, region: &Region<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
        let load = |entry: &Entry, outlet: &Outlet<'_, '_>| member::load(region, entry, LARGEST.min(outlet.largest()));
        let Some(texts) = self.texts.as_ref().and_then(|texts| load(texts, outlet)) else { return Ok(()) };
        outlet.spend(texts.len() as u64)?;
        let texts = Texts::read(&texts);
        for sheet in &self.sheets {
            let Some(xml) = load(sheet, outlet) else { continue };
            outlet.spend(xml.len() as u64)?;
            let mut lines = Lines::new(format!("{} (rows)", Outlet::shown(&sheet.name)));
            match rows(&xml, &texts, &mut lines, outlet) {
                Err(super::Halt::Failed(error)) if !error.is_of_budget() => {}
                read => read?,
            }
            lines.flush(outlet)?;
        }
        Ok(())
    }
}

/// The texts of a workbook, in order.
#[derive(Default)]
struct Texts {
    all: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn read(xml: &[u8]) -> Self {
        let mut texts = Self::default();
        let (mut reader, mut in_text) = (Reader::from_reader(xml), false);
        while let Ok(event) = reader.read_event() {
            match event {
                Event::Start(tag) => in_text = tag.local_name().as_ref() == b"t",
                Event::End(tag) => {
                    in_text = false;
                    if tag.local_name().as_ref() == b"si" {
                        texts.ends.push(texts.all.len());
                    }
                }
                Event::Empty(tag) if tag.local_name().as_ref() == b"si" => texts.ends.push(texts.all.len()),
                Event::Text(part) if in_text => texts.all.extend_from_slice(&part),
                Event::GeneralRef(letter) if in_text => texts.all.extend_from_slice(&office::letters(&letter)),
                Event::Eof => break,
                _ => {}
            }
        }
        texts
    }

    fn get(&self, number: usize) -> Option<&[u8]> {
        let start = number.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.all.get(start..*self.ends.get(number)?)
    }
}

/// Each row with two cells or more of which one is a text of the workbook, on one line.
fn rows(xml: &[u8], texts: &Texts, lines: &mut Lines, outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut reader = Reader::from_reader(xml);
    let (mut row, mut cells, mut value) = (Vec::new(), 0_usize, Vec::new());
    let (mut is_shared, mut has_shared, mut in_value) = (false, false, false);
    loop {
        match reader.read_event().map_err(|_| ArchiveError::damaged("its XML is damaged"))? {
            Event::Start(tag) => match tag.local_name().as_ref() {
                b"row" => {
                    row.clear();
                    (cells, has_shared) = (0, false);
                }
                b"c" => {
                    value.clear();
                    is_shared = says_shared(&tag);
                }
                b"v" | b"t" => in_value = true,
                _ => {}
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                b"v" | b"t" => in_value = false,
                b"c" => {
                    let number = std::str::from_utf8(&value).ok().and_then(|number| number.parse().ok());
                    let text = if is_shared { number.and_then(|number| texts.get(number)) } else { Some(&*value) };
                    if let Some(text) = text.filter(|text| !text.is_empty() && text.len() <= LONGEST) {
                        row.extend_from_slice(if cells > 0 { office::BETWEEN_CELLS } else { b"" });
                        row.extend_from_slice(text);
                        cells += 1;
                        has_shared |= is_shared;
                    }
                }
                b"row" if cells > 1 && has_shared => lines.line(&row, outlet)?,
                _ => {}
            },
            Event::Text(part) if in_value => value.extend_from_slice(&part),
            Event::GeneralRef(letter) if in_value => value.extend_from_slice(&office::letters(&letter)),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn says_shared(tag: &BytesStart<'_>) -> bool {
    tag.attributes().flatten().any(|attribute| attribute.key.as_ref() == b"t" && attribute.value.as_ref() == b"s")
}
