//! Texts out of a document, one a line, handed over in portions.

use super::Stretch;
use super::outlet::{Outlet, Walk};

/// So much is gathered before it is handed over.
const PORTION_BYTES: usize = 1 << 20;

/// Of shorter texts it is not kept where they stand.
const LEAST_STRETCH: usize = 8;

/// Gathers texts under one name.
pub(super) struct Lines {
    name: String,
    text: Vec<u8>,
    stretches: Vec<Stretch>,
}

impl Lines {
    pub(super) fn new(name: String) -> Self {
        Self { name, text: Vec::new(), stretches: Vec::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A part of the line that is not finished yet.
    pub(super) fn part(&mut self, text: &[u8], outlet: &Outlet<'_, '_>) {
        if text.len() >= LEAST_STRETCH {
            self.stretches.extend(outlet.standing(text).map(|stretch| Stretch { at: self.text.len(), ..stretch }));
        }
        self.text.extend_from_slice(text);
    }

    /// Finishes the line.
    pub(super) fn end(&mut self, outlet: &mut Outlet<'_, '_>) -> Walk {
        self.text.push(b'\n');
        if self.text.len() >= PORTION_BYTES { self.flush(outlet) } else { Ok(()) }
    }

    /// A whole line.
    pub(super) fn line(&mut self, text: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
        if text.is_empty() {
            return Ok(());
        }
        self.part(text, outlet);
        self.end(outlet)
    }

    /// Hands over what was gathered.
    pub(super) fn flush(&mut self, outlet: &mut Outlet<'_, '_>) -> Walk {
        if self.text.is_empty() {
            return Ok(());
        }
        let handed = outlet.joined(&self.name, &self.text, &self.stretches);
        self.text.clear();
        self.stretches.clear();
        handed
    }
}

/// Text of two bytes a letter, as text of one.
pub(super) fn from_utf16(bytes: &[u8], big_endian: bool) -> Vec<u8> {
    let units = bytes
        .chunks_exact(2)
        .filter_map(|pair| pair.try_into().ok())
        .map(|pair: [u8; 2]| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
    let letters = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
    letters.collect::<String>().into_bytes()
}
