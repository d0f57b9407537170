//! Escapes inside of text: percent signs, backslashes and ampersands.

use super::sink::Sink;
use super::windows::{run_end, run_start};
use super::{entities, escapes, join, percent};
use crate::model::Encoding;
use crate::runs::is_token_byte;
use std::ops::Range;

/// Bytes that are kept before the first escape of a stretch and after the last one, and that may lie between two.
const AROUND: usize = 64;

/// A stretch of escapes ends here, and the next one begins a little before.
const LONGEST: usize = 256 << 10;

/// A longer run of token bytes is no token.
const RUN: usize = 16 << 10;

/// An escape is looked at where so many bytes around it could be of a token.
const ENOUGH: usize = super::marks::NEAR as usize;

/// What one escape means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Escape {
    /// How many bytes it takes.
    pub(super) length: usize,
    /// What it stands for.
    pub(super) meaning: Meaning,
}

/// The bytes that an escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Byte(u8),
    Character(char),
}

/// Reads an escape at the start of a text.
pub(super) type Read = fn(&[u8]) -> Option<Escape>;

/// How a family of escapes is read.
struct Family {
    lead: u8,
    read: Read,
    encoding: Encoding,
}

const PERCENT: Family = Family { lead: b'%', read: percent::read, encoding: Encoding::Percent };
const BACKSLASH: Family = Family { lead: b'\\', read: escapes::read, encoding: Encoding::Escapes };
const AMPERSAND: Family = Family { lead: b'&', read: entities::read, encoding: Encoding::Entities };

/// A window in which escapes are looked for.
pub(super) struct Search {
    window: Range<usize>,
    /// Where each family has been read to.
    done: [usize; 3],
}

impl Search {
    pub(super) fn new(window: &Range<usize>) -> Self {
        Self { window: window.clone(), done: [window.start; 3] }
    }

    /// Looks at the first bytes of what may be escapes.
    pub(super) fn look(&mut self, text: &[u8], leads: &[usize], sink: &mut Sink<'_>) {
        let bytes = text.get(..self.window.end).unwrap_or_default();
        for lead in leads.iter().copied() {
            let Some(rest) = bytes.get(lead..) else { return };
            let (family, done) = match (rest.first(), &mut self.done) {
                (Some(b'%'), [percent, _, _]) => (&PERCENT, percent),
                (Some(b'\\'), [_, backslash, _]) => {
                    if matches!(rest.get(1), Some(b'\n' | b'\r')) {
                        join::continued(text, lead, &self.window, sink);
                        continue;
                    }
                    (&BACKSLASH, backslash)
                }
                (_, [_, _, ampersand]) => (&AMPERSAND, ampersand),
            };
            if lead < *done || sink.is_spent() || !sink.is_new(&(lead.saturating_sub(ENOUGH)..lead + ENOUGH)) {
                continue;
            }
            if worth(bytes, lead, family, *done) {
                *done = rewrite(bytes, lead, family, *done, sink);
            }
        }
    }
}

/// True for an escape that may be a part of a token, or stand beside one.
fn worth(text: &[u8], lead: usize, family: &Family, from: usize) -> bool {
    let rest = text.get(lead..).unwrap_or_default();
    let Some(escape) = (family.read)(rest) else { return false };
    let counts = match escape.meaning {
        Meaning::Byte(byte) => (b' '..0x7f).contains(&byte) || matches!(byte, b'\t' | b'\n' | b'\r' | 7 | 8 | 11 | 12),
        Meaning::Character(c) => !c.is_ascii_control() || matches!(c, '\t' | '\n' | '\r'),
    };
    if !counts {
        return false;
    }
    let after = rest.get(escape.length..).unwrap_or_default();
    // An escape that has no meaning inside of a token matters where one begins behind it.
    let behind = after.iter().take(ENOUGH).take_while(|byte| is_token_byte(**byte)).count();
    if behind >= ENOUGH {
        return true;
    }
    let part = |byte: u8| is_token_byte(byte) || matches!(byte, b'%' | b'\\' | b'&');
    let inside = match escape.meaning {
        Meaning::Byte(byte) => part(byte),
        Meaning::Character(c) => u8::try_from(c).is_ok_and(part),
    };
    // A quote behind a backslash is of an escape in rich text.
    let near =
        |byte: &u8| is_token_byte(*byte) || matches!(byte, b'%' | b'\\' | b'&' | b'#' | b';' | b'{' | b'}' | b'\'');
    let ahead = after.iter().take(ENOUGH).take_while(|byte| near(byte)).count();
    let before = text.get(from.min(lead)..lead).unwrap_or_default();
    let back = before.iter().rev().take(ENOUGH).take_while(|byte| near(byte)).count();
    inside && escape.length + ahead + back >= ENOUGH
}

/// Reads the escapes from `lead` on, as long as they stand close together; returns where the stretch ends.
fn rewrite(text: &[u8], lead: usize, family: &Family, from: usize, sink: &mut Sink<'_>) -> usize {
    let Some(view) = sink.stretch(family.encoding, true) else { return text.len() };
    let start = lead.saturating_sub(AROUND).max(from);
    let start = run_start(text, start, start.saturating_sub(RUN).max(from));
    let mut at = start;
    // Those that were not worth it by themselves stand in what is kept.
    let before = text.get(start..lead).unwrap_or_default();
    let mut next = memchr::memchr(family.lead, before).map_or(lead, |found| start + found);
    let stop = lead.saturating_add(LONGEST);
    loop {
        let rest = text.get(next..).unwrap_or_default();
        match (family.read)(rest) {
            Some(escape) => {
                view.keep(text, at..next);
                at = next + escape.length;
                match escape.meaning {
                    Meaning::Byte(byte) => view.decoded(&[byte], next..at),
                    Meaning::Character(c) => view.decoded(c.encode_utf8(&mut [0; 4]).as_bytes(), next..at),
                }
                next = at;
            }
            None => next += 1,
        }
        if next > stop {
            view.keep(text, at..next.min(text.len()));
            // What stands across the cut is found in the next stretch.
            return next.saturating_sub(LONGEST / 64).max(lead + 1).min(text.len());
        }
        let reach = at.saturating_add(AROUND).max(next).min(text.len());
        let ahead = text.get(next..reach).unwrap_or_default();
        // The next one stands near, and often right here.
        if let Some(found) = ahead.iter().position(|byte| *byte == family.lead) {
            next += found;
            continue;
        }
        let end = run_end(text, reach, reach.saturating_add(RUN).min(text.len()));
        let ahead = text.get(reach..end.saturating_add(1).min(text.len())).unwrap_or_default();
        match memchr::memchr(family.lead, ahead) {
            Some(found) => next = reach + found,
            None => {
                view.keep(text, at..end);
                return end;
            }
        }
    }
}
