//! The objects of a file, found from front to back, and those packed in streams.

use super::super::ArchiveError;
use super::super::outlet::{Halt, Outlet};
use super::filter;
use super::value::{Reader, Value};
use memchr::memmem;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// References that refer to references are followed so far.
const DEEPEST: usize = 16;
/// Values that are held in memory.
const MOST_VALUES: usize = 4 << 20;
/// More filters on one stream are a trap.
const MOST_FILTERS: usize = 8;

/// One object.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) number: u32,
    pub(super) value: Value,
    /// Where in the file its stream stands.
    pub(super) stream: Option<Range<usize>>,
}

/// All objects, with those of earlier versions of the file.
pub(super) struct Objects<'a> {
    bytes: &'a [u8],
    pub(super) found: Vec<Found>,
    /// The last object of each number.
    latest: HashMap<u32, usize>,
    font_parts: HashSet<u32>,
    pub(super) encrypted: bool,
    /// True when the end of the file is not there.
    pub(super) cut: bool,
    /// What could not be undone.
    pub(super) unread: Option<ArchiveError>,
}

impl<'a> Objects<'a> {
    pub(super) fn find(bytes: &'a [u8], outlet: &mut Outlet<'_, '_>) -> Result<Self, Halt> {
        let mut objects = Self {
            bytes,
            found: Vec::new(),
            latest: HashMap::new(),
            font_parts: HashSet::new(),
            encrypted: false,
            cut: memmem::rfind(bytes, b"%%EOF").is_none(),
            unread: None,
        };
        objects.find_plain();
        objects.encrypted |= objects.trailers_encrypt();
        if !objects.encrypted {
            objects.unpack(outlet)?;
        }
        objects.mark_font_parts();
        Ok(objects)
    }

    fn add(&mut self, found: Found) {
        let is_table = found.value.name(b"Type") == Some(b"XRef");
        self.encrypted |= is_table && found.value.get(b"Encrypt").is_some();
        self.latest.insert(found.number, self.found.len());
        self.found.push(found);
    }

    /// Everything of the form `12 0 obj`.
    fn find_plain(&mut self) {
        let bytes = self.bytes;
        let (finder, end) = (memmem::Finder::new(b"obj"), memmem::Finder::new(b"endobj"));
        let (mut at, mut held) = (0, 0);
        while let Some(word) = finder.find(bytes.get(at..).unwrap_or_default()).map(|found| at + found) {
            at = word + 3;
            let Some(number) = number_before(bytes.get(..word).unwrap_or_default()) else { continue };
            let mut reader = Reader::new(bytes, at);
            let Some(value) = reader.value() else { continue };
            if reader.at >= bytes.len() || bytes.get(at..reader.at).is_some_and(|value| end.find(value).is_some()) {
                self.unread = Some(ArchiveError::damaged("an object has no end, and may hide others"));
            }
            held += reader.held;
            if held > MOST_VALUES {
                self.unread = Some(ArchiveError::unsupported("more objects than are held in memory"));
                return;
            }
            let stream = stream_after(&mut reader, &value, bytes);
            at = stream.as_ref().map_or(reader.at, |stream| stream.end).max(at);
            self.add(Found { number, value, stream });
        }
    }

    fn trailers_encrypt(&self) -> bool {
        let mut at = 0;
        while let Some(found) = memmem::find(self.bytes.get(at..).unwrap_or_default(), b"trailer") {
            let mut reader = Reader::new(self.bytes, at + found + b"trailer".len());
            if reader.value().is_some_and(|table| table.get(b"Encrypt").is_some()) {
                return true;
            }
            at = reader.at;
        }
        false
    }

    /// Objects that are packed together in a stream.
    fn unpack(&mut self, outlet: &mut Outlet<'_, '_>) -> Result<(), Halt> {
        for at in 0..self.found.len() {
            let Some(found) = self.found.get(at).filter(|found| found.value.name(b"Type") == Some(b"ObjStm")) else {
                continue;
            };
            let count = found.value.get(b"N").and_then(Value::whole).unwrap_or(0);
            let first = found.value.get(b"First").and_then(Value::whole).unwrap_or(0);
            let Some((bytes, error)) = self.content(found, outlet)? else { continue };
            self.unread = self.unread.take().or(error);
            // Each is read from its own place, so they must not all share one.
            let mut left = bytes.len();
            let mut index = Reader::new(bytes.get(..first).unwrap_or_default(), 0);
            for _ in 0..count {
                let (Some(number), Some(offset)) = (index.value(), index.value()) else { break };
                let (Some(number), Some(offset)) = (number.whole(), offset.whole()) else { break };
                outlet.count()?;
                let mut reader = Reader::new(&bytes, first.saturating_add(offset));
                if let (Some(value), Ok(number)) = (reader.value(), u32::try_from(number)) {
                    let length = reader.at.saturating_sub(first.saturating_add(offset));
                    let Some(less) = left.checked_sub(length) else { break };
                    left = less;
                    self.add(Found { number, value, stream: None });
                }
            }
        }
        Ok(())
    }

    /// What a value stands for, through its references.
    pub(super) fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let mut value = value;
        for _ in 0..DEEPEST {
            let Some(found) = value.reference().and_then(|number| self.by_number(number)) else { break };
            value = &found.value;
        }
        value
    }

    /// Which of the objects found has this number now.
    pub(super) fn place_of(&self, number: u32) -> Option<usize> {
        self.latest.get(&number).copied()
    }

    pub(super) fn by_number(&self, number: u32) -> Option<&Found> {
        self.found.get(self.place_of(number)?)
    }

    /// A field, and what it stands for.
    pub(super) fn field<'v>(&'v self, value: &'v Value, key: &[u8]) -> Option<&'v Value> {
        value.get(key).map(|value| self.resolve(value))
    }

    /// A stream's content unpacked, with what is wrong with it; none if it is a picture's or there is no stream.
    #[expect(clippy::type_complexity, reason = "content and what is wrong with it")]
    pub(super) fn content(
        &self,
        found: &Found,
        outlet: &mut Outlet<'_, '_>,
    ) -> Result<Option<(Cow<'a, [u8]>, Option<ArchiveError>)>, Halt> {
        let Some(range) = found.stream.clone() else { return Ok(None) };
        let mut bytes = Cow::Borrowed(self.bytes.get(range).unwrap_or_default());
        let mut error = None;
        let none = Value::List(Vec::new());
        let filters = self.field(&found.value, b"Filter").or_else(|| self.field(&found.value, b"F")).unwrap_or(&none);
        let parameters =
            self.field(&found.value, b"DecodeParms").or_else(|| self.field(&found.value, b"DP")).unwrap_or(&none);
        if filters.members().len() > MOST_FILTERS {
            return Ok(Some((Cow::Borrowed(&[]), Some(ArchiveError::unsupported("a stream packed too many times")))));
        }
        for (at, filter) in filters.members().iter().enumerate() {
            let Value::Name(filter) = self.resolve(filter) else { break };
            if matches!(
                filter.as_slice(),
                b"DCTDecode" | b"DCT" | b"JPXDecode" | b"CCITTFaxDecode" | b"CCF" | b"JBIG2Decode"
            ) {
                return Ok(None);
            }
            let Some(undone) = filter::undo(filter, &bytes, outlet.largest()) else {
                let error = if filter == b"Crypt" {
                    ArchiveError::Encrypted
                } else {
                    ArchiveError::unsupported("a stream's filter")
                };
                return Ok(Some((Cow::Borrowed(&[]), Some(error))));
            };
            outlet.spend(undone.bytes.len() as u64)?;
            bytes = Cow::Owned(undone.bytes);
            if let Some(source) = undone.error {
                error = Some(if source.kind() == std::io::ErrorKind::FileTooLarge {
                    ArchiveError::OverBudget
                } else {
                    ArchiveError::from_io(source)
                });
                break;
            }
            if let Some(parameters) = parameters.members().get(at) {
                bytes = self.unpredicted(bytes, self.resolve(parameters));
            }
        }
        if matches!(bytes, Cow::Borrowed(_)) {
            outlet.spend(bytes.len() as u64)?;
        }
        // Only the whole budget ends the walk; one stream that is too large is what could not be read.
        Ok(Some((
            bytes,
            error.map(|error| {
                if error.is_of_budget() { ArchiveError::unsupported("a stream that is too large") } else { error }
            }),
        )))
    }

    fn unpredicted(&self, bytes: Cow<'a, [u8]>, parameters: &Value) -> Cow<'a, [u8]> {
        let number = |key: &[u8], otherwise| self.field(parameters, key).and_then(Value::whole).unwrap_or(otherwise);
        if number(b"Predictor", 1) < 10 {
            return bytes;
        }
        Cow::Owned(filter::unpredict(
            &bytes,
            number(b"Columns", 1),
            number(b"Colors", 1),
            number(b"BitsPerComponent", 8),
        ))
    }

    /// Font files and their tables: what fonts refer to.
    fn mark_font_parts(&mut self) {
        const PARTS: [&[u8]; 8] = [
            b"FontFile",
            b"FontFile2",
            b"FontFile3",
            b"ToUnicode",
            b"CIDToGIDMap",
            b"CIDSet",
            b"Encoding",
            b"ICCProfile",
        ];
        let mut parts = HashSet::new();
        for found in &self.found {
            parts.extend(PARTS.iter().filter_map(|key| found.value.get(key)?.reference()));
        }
        self.font_parts = parts;
    }

    pub(super) fn is_font_part(&self, number: u32) -> bool {
        self.font_parts.contains(&number)
    }
}

/// The first of the two numbers at the end of this, if that is what stands there.
fn number_before(bytes: &[u8]) -> Option<u32> {
    let bytes = bytes.get(bytes.len().saturating_sub(24)..)?;
    let trimmed = bytes.trim_ascii_end();
    let generation = trimmed.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = trimmed.get(..trimmed.len() - generation)?;
    let before = rest.trim_ascii_end();
    if generation == 0 || before.len() == rest.len() {
        return None;
    }
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(before.get(before.len() - digits..)?).ok()?.parse().ok()
}

/// Where the stream of an object stands. Its length is believed only where it ends there.
fn stream_after(reader: &mut Reader<'_>, value: &Value, bytes: &[u8]) -> Option<Range<usize>> {
    reader.skip_space();
    let rest = reader.rest().strip_prefix(b"stream")?;
    let start = bytes.len()
        - rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")).or(rest.strip_prefix(b"\r")).unwrap_or(rest).len();
    let said = value.get(b"Length").and_then(Value::whole).and_then(|length| start.checked_add(length));
    if let Some(end) = said
        && bytes
            .get(end..)
            .is_some_and(|rest| rest.get(..16).unwrap_or(rest).trim_ascii_start().starts_with(b"endstream"))
    {
        return Some(start..end);
    }
    let content = bytes.get(start..)?;
    let end = memmem::find(content, b"endstream").unwrap_or(content.len());
    Some(start..start + end)
}
