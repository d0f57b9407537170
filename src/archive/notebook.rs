//! Notebooks: JSON in which each cell's source is a list of lines.

use super::ArchiveError;
use super::outlet::{Halt, Outlet, Walk};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Hands over each cell with its source and its outputs, put together.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut book = Book { outlet, cells: 0, halted: Ok(()) };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = (Part { book: &mut book, cells: false }).deserialize(&mut reader).and_then(|()| reader.end());
    book.halted?;
    read.map_err(|_| Halt::Failed(ArchiveError::damaged("its JSON is damaged")))
}

struct Book<'b, 'o, 'v> {
    outlet: &'b mut Outlet<'o, 'v>,
    cells: usize,
    halted: Walk,
}

impl Book<'_, '_, '_> {
    /// False when nothing more may be handed over.
    fn cell(&mut self, text: &[u8]) -> bool {
        self.cells += 1;
        self.halted = self.outlet.bytes(&format!("cell {}", self.cells), text);
        self.halted.is_ok()
    }
}

/// The book, a sheet of it as it was until 2015, or a list of either; or, the flag says so, a list of cells.
struct Part<'p, 'b, 'o, 'v> {
    book: &'p mut Book<'b, 'o, 'v>,
    cells: bool,
}

impl<'d> DeserializeSeed<'d> for Part<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'d>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Part<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, words: &mut fmt::Formatter<'_>) -> fmt::Result {
        words.write_str("a notebook")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            match key.as_str() {
                "cells" => fields.next_value_seed(Part { book: &mut *self.book, cells: true })?,
                "worksheets" => fields.next_value_seed(Part { book: &mut *self.book, cells: false })?,
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut parts: A) -> Result<(), A::Error> {
        if !self.cells {
            while parts.next_element_seed(Part { book: &mut *self.book, cells: false })?.is_some() {}
            return Ok(());
        }
        let mut text = Vec::new();
        while parts.next_element_seed(Texts { text: &mut text, listed: false })?.is_some() {
            if !self.book.cell(&text) {
                return Err(serde::de::Error::custom("no more is wanted"));
            }
            text.clear();
        }
        Ok(())
    }
}

/// Gathers the texts of a value: those of a list are one text, every other is a line. Nothing else is kept, so that no more
/// is held than the input is long.
struct Texts<'t> {
    text: &'t mut Vec<u8>,
    listed: bool,
}

impl Texts<'_> {
    fn end_line(&mut self) {
        if self.text.last().is_some_and(|last| *last != b'\n') {
            self.text.push(b'\n');
        }
    }
}

impl<'d> DeserializeSeed<'d> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'d>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Texts<'_> {
    type Value = ();

    fn expecting(&self, words: &mut fmt::Formatter<'_>) -> fmt::Result {
        words.write_str("a value")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.text.extend_from_slice(text.as_bytes());
        if !self.listed {
            self.end_line();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'d>>(mut self, mut values: A) -> Result<(), A::Error> {
        self.end_line();
        while values.next_element_seed(Texts { text: &mut *self.text, listed: true })?.is_some() {}
        self.end_line();
        Ok(())
    }

    fn visit_map<A: MapAccess<'d>>(mut self, mut fields: A) -> Result<(), A::Error> {
        self.end_line();
        while fields.next_key::<IgnoredAny>()?.is_some() {
            fields.next_value_seed(Texts { text: &mut *self.text, listed: false })?;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
