//! Reading a text backwards.

use crate::runs::is_token_byte;
use std::ops::Range;

/// A place in a text, and how far back one may go from it.
pub(super) struct Back<'t> {
    text: &'t [u8],
    pub(super) at: usize,
    pub(super) floor: usize,
}

impl<'t> Back<'t> {
    pub(super) fn new(text: &'t [u8], at: usize, floor: usize) -> Self {
        Self { text, at, floor }
    }

    /// The byte before this place.
    pub(super) fn last(&self) -> Option<u8> {
        self.before(0)
    }

    /// The one so many bytes before that.
    pub(super) fn before(&self, more: usize) -> Option<u8> {
        let at = self.at.checked_sub(more + 1).filter(|at| *at >= self.floor)?;
        self.text.get(at).copied()
    }

    /// Goes back over such bytes, and says over how many.
    pub(super) fn skip(&mut self, is: impl Fn(u8) -> bool) -> usize {
        let from = self.at;
        while self.last().is_some_and(&is) {
            self.at -= 1;
        }
        from - self.at
    }

    pub(super) fn skip_one(&mut self, is: impl Fn(u8) -> bool) -> bool {
        let one = self.last().is_some_and(is);
        self.at -= usize::from(one);
        one
    }

    pub(super) fn skip_text(&mut self, text: &[u8]) {
        if self.text.get(self.floor..self.at).is_some_and(|before| before.ends_with(text)) {
            self.at -= text.len();
        }
    }

    /// Goes back to the start of a word, which may be quoted and stand before blanks.
    pub(super) fn word(&mut self) -> Option<Range<usize>> {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        self.skip_one(|byte| matches!(byte, b'"' | b'\''));
        let end = self.at;
        let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'#');
        let length = self.skip(named);
        (length > 0).then_some(self.at..end)
    }

    /// Goes back to the quote that begins an attribute, over token bytes and what else may stand in it.
    pub(super) fn begins_attribute(&mut self, inside: impl Fn(u8) -> bool) -> bool {
        let kept = self.at;
        self.skip(|byte| is_token_byte(byte) && byte != b'=' || inside(byte));
        let begins = matches!(self.last(), Some(b'"' | b'\'')) && self.before(1) == Some(b'=');
        if !begins {
            self.at = kept;
        }
        begins
    }

    /// True where only blanks stand between the start of the line and the byte before this place.
    pub(super) fn begins_line(&self) -> bool {
        let before = self.text.get(self.floor..self.at.saturating_sub(1)).unwrap_or_default();
        let byte = before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t'));
        byte.is_none_or(|byte| *byte == b'\n')
    }
}
