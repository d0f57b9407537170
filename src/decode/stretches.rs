//! Stretches that are one run of token bytes, or blocks of such lines: base 64, base 32, hex, quoted-printable, and what
//! stands behind a character of a legacy code page.

use super::sink::Sink;
use super::{base32, base64, charset, hex, mail};
use crate::runs;
use std::ops::Range;

/// Shorter stretches hold no token.
pub(super) const LEAST: usize = 20;

pub(super) fn find(text: &[u8], window: Range<usize>, sink: &mut Sink<'_>) {
    let from = window.start;
    let mut done = from;
    let mut mailed = from;
    runs::find(text.get(window.clone()).unwrap_or_default(), LEAST, &mut |run| {
        let run = run.start + from..run.end + from;
        if sink.is_spent() || !sink.is_new(&run) {
            return;
        }
        if let Some(end) = mail::stretch(text, &run, &window, mailed, sink) {
            mailed = end;
        }
        charset::behind(text, &run, sink);
        if run.end > done {
            done = encoded(text, run.start.max(done)..run.end, window.end, sink).max(done);
        }
    });
}

/// Tries every place in a run at which something encoded may begin; returns where the last one ends.
fn encoded(text: &[u8], run: Range<usize>, end: usize, sink: &mut Sink<'_>) -> usize {
    let mut at = run.start;
    loop {
        if run.end.saturating_sub(at) < LEAST {
            return at;
        }
        let found = (hex::stretch(text, at..run.end, end, sink))
            .or_else(|| base64::stretch(text, at..run.end, end, sink))
            .or_else(|| base32::stretch(text, at..run.end, end, sink));
        match found {
            Some(end) if end > at => at = end,
            _ => at += 1,
        }
        if at >= run.end {
            return at;
        }
        // Next to a byte that is no letter and no digit, another one may begin.
        let rest = text.get(at.saturating_sub(1)..run.end).unwrap_or_default();
        match rest.iter().position(|byte| !byte.is_ascii_alphanumeric()) {
            Some(found) => at += found,
            None => return run.end,
        }
    }
}
