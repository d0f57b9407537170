//! Stretches that are one run of token bytes, or blocks of such lines: base 64, base 32, hex, quoted-printable, and what
//! stands behind a character of a legacy code page.

use super::marks::Marks;
use super::sink::Sink;
use super::windows::{run_end, run_start};
use super::{base32, base64, charset, hex, mail};
use std::ops::Range;

/// Shorter stretches hold no token.
pub(super) const LEAST: usize = 20;

/// A window in which stretches are looked for.
pub(super) struct Search {
    window: Range<usize>,
    /// Where what was decoded last ends, and the same for quoted-printable.
    done: usize,
    mailed: usize,
    /// The end of the last run in which signs of that were looked for.
    signed: usize,
    /// The run of token bytes that was looked at last.
    run: Range<usize>,
}

impl Search {
    pub(super) fn new(window: &Range<usize>) -> Self {
        let start = window.start;
        Self { window: window.clone(), done: start, mailed: start, signed: start, run: start..start }
    }

    /// Looks at runs of digits, at equals signs and at what stands behind bytes beyond ASCII.
    pub(super) fn look(&mut self, text: &[u8], chunk: &Range<usize>, marks: &Marks, sink: &mut Sink<'_>) {
        self.mail(text, &marks.equals, sink);
        for start in marks.behind.iter().copied() {
            let run = start..run_end(text, start, self.window.end);
            if run.len() >= LEAST && !sink.is_spent() && sink.is_new(&run) {
                charset::behind(text, &run, sink);
            }
        }
        let mut begins = marks.begins.iter().copied().peekable();
        for run in &marks.runs {
            if sink.is_spent() {
                return;
            }
            if run.end > self.done && (sink.all_is_new() || sink.is_new(self.run_around(text, run))) {
                let left = run.start.max(self.done)..run.end;
                let end = if run.start >= chunk.start {
                    let next = |at| {
                        while begins.next_if(|begin| *begin < at).is_some() {}
                        begins.peek().copied()
                    };
                    encoded(text, &left, self.window.end, next, sink)
                } else {
                    encoded(text, &left, self.window.end, |at| behind_mark(text, at, left.end), sink)
                };
                self.done = end.max(self.done);
            }
        }
    }

    /// Looks at the runs that equals signs stand in, and at those that begin a line after one that ends with one.
    fn mail(&mut self, text: &[u8], equals: &[usize], sink: &mut Sink<'_>) {
        for sign in equals.iter().copied() {
            if sign >= self.signed {
                let start = run_start(text, sign, self.signed.min(sign));
                self.signed = run_end(text, sign, self.window.end).max(sign);
                self.mail_in(text, start..self.signed, sink);
            }
            let next = match text.get(sign + 1..) {
                Some([b'\n', ..]) => sign + 2,
                Some([b'\r', b'\n', ..]) => sign + 3,
                _ => continue,
            };
            self.mail_in(text, next..run_end(text, next.min(self.window.end), self.window.end), sink);
        }
    }

    fn mail_in(&mut self, text: &[u8], run: Range<usize>, sink: &mut Sink<'_>) {
        let counts = run.len() >= LEAST && !sink.is_spent() && sink.is_new(&run);
        if counts && let Some(end) = mail::stretch(text, &run, &self.window, self.mailed, sink) {
            self.mailed = end;
        }
    }

    /// The run of token bytes that a part of it lies in. Parts come in order, so that none is read more than twice.
    fn run_around(&mut self, text: &[u8], part: &Range<usize>) -> &Range<usize> {
        if part.end > self.run.end {
            let start = run_start(text, part.start, self.run.end.min(part.start));
            self.run = start..run_end(text, part.end, self.window.end);
        }
        &self.run
    }
}

/// Decodes what begins at the start of a run, if it is anything; returns where it ends.
fn begins(text: &[u8], run: Range<usize>, end: usize, sink: &mut Sink<'_>) -> Option<usize> {
    // At nearly every place the first digits say that it is nothing.
    let first = text.get(run.start..)?.first_chunk()?;
    let hexed = if hex::may_begin(first) { hex::stretch(text, run.clone(), end, sink) } else { None };
    if hexed.is_some() {
        return hexed;
    }
    let based = if base64::may_begin(first, run.len()) { base64::stretch(text, run.clone(), end, sink) } else { None };
    if based.is_none() && base32::may_begin(first) { base32::stretch(text, run, end, sink) } else { based }
}

/// Tries every place in a run at which something encoded may begin, which are its first one and those that follow by
/// `next`; returns where the last one ends.
fn encoded(
    text: &[u8],
    run: &Range<usize>,
    end: usize,
    mut next: impl FnMut(usize) -> Option<usize>,
    sink: &mut Sink<'_>,
) -> usize {
    let mut at = run.start;
    while at + LEAST <= run.end {
        at = match begins(text, at..run.end, end, sink) {
            Some(end) if end > at => end,
            _ => at + 1,
        };
        match next(at) {
            Some(next) if next < run.end => at = next,
            _ => return at.max(run.end),
        }
    }
    at
}

/// The place from `at` on that is behind a byte which is no letter and no digit. Of a run that began in an earlier chunk
/// these are not marked any more.
fn behind_mark(text: &[u8], at: usize, end: usize) -> Option<usize> {
    let rest = text.get(at - 1..(end + 1).saturating_sub(LEAST)).unwrap_or_default();
    rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).map(|found| at + found)
}
