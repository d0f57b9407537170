//! What must be looked at to find the tokens that touch given regions.

use crate::model::Span;
use crate::runs::is_token_byte;
use std::ops::Range;

/// The regions with so much around each, put together where they meet.
pub(super) fn around(bytes: &[u8], regions: &[Range<usize>], reach: usize) -> Vec<Range<usize>> {
    let mut wider: Vec<Range<usize>> = Vec::with_capacity(regions.len());
    for region in regions {
        let start = region.start.saturating_sub(reach);
        let end = region.end.saturating_add(reach).min(bytes.len());
        match wider.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ if start < end => wider.push(start..end),
            _ => {}
        }
    }
    wider
}

/// The same, each from the start of the run that it starts in, so that the run is found.
pub(super) fn near(bytes: &[u8], regions: &[Range<usize>], reach: usize) -> Vec<Range<usize>> {
    let mut wider = around(bytes, regions, reach);
    let mut before = 0;
    for stretch in &mut wider {
        let skipped = bytes.get(before..stretch.start).unwrap_or_default();
        let run = skipped.iter().rev().take_while(|byte| is_token_byte(**byte)).count();
        stretch.start -= run;
        before = stretch.end;
    }
    wider
}

/// True if the span meets one of the regions, which are in order, or stands right beside it.
pub(super) fn touch(regions: &[Range<usize>], span: Span) -> bool {
    let first = regions.partition_point(|region| region.end < span.start);
    regions.get(first).is_some_and(|region| region.start <= span.end)
}
