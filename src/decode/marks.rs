//! Where to look: one pass over a text that marks, with a few bits for every byte, the places where something may be
//! encoded. It marks too many rather than too few; who looks there decides.

use super::stretches::LEAST;
use crate::runs::{Block, Sorts, is_token_byte};
use std::ops::Range;

/// So much text is marked before it is looked at: it stays close to the processor until all have done so.
const CHUNK: usize = 128 << 10;

/// So many bytes are sorted in one go.
const GROUP: usize = 2 << 10;

/// The bytes that one bit each stands for.
const BLOCK: usize = 64;

/// An escape matters where so many bytes around it could be of a token.
pub(super) const NEAR: u32 = 16;

/// Bytes in a row that must look like a list.
pub(super) const GLANCE: usize = 12;

/// Digits of base 64, among which are those of hex and base 32.
const DIGIT: usize = 0;
/// Token bytes, and what may stand between escapes.
const BESIDE: usize = 1;
const QUOTE: usize = 2;
/// What may stand right behind a string that goes on in another one. Of the leads, all that begin escapes are among it.
const GAP: usize = 3;
/// First bytes of escapes, equals signs, and what marks wide text and colours. Only the last are not of `BESIDE`.
const LEAD: usize = 4;
/// What may stand in lists of numbers.
const LISTED: usize = 5;
/// What may follow an equals sign or a backslash that matters: the first digits of `=3D` and its like, ends of lines.
const WRAP: usize = 6;
/// Letters and digits: next to none of them something encoded may begin.
const ALNUM: usize = 7;
const COUNT: usize = 8;

static SORTS: Sorts<COUNT> = Sorts::new({
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::indexing_slicing, reason = "checked by the compiler: a constant")]
        {
            table[byte] = sorts_of(byte as u8);
        }
        byte += 1;
    }
    table
});

const fn sorts_of(byte: u8) -> u8 {
    let digit = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let beside = is_token_byte(byte) || matches!(byte, b'%' | b'\\' | b'&' | b'#' | b';' | b'{' | b'}');
    let quote = matches!(byte, b'"' | b'\'' | b'`');
    let gap = matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'+' | b'.' | b'&' | b'|' | b',' | b'<')
        || matches!(byte, b'~' | b'^' | b'\\' | b')' | b'/' | b'%');
    let lead = matches!(byte, b'%' | b'\\' | b'&' | b'=' | 0 | 0x1b);
    let wrap = matches!(byte, b'2' | b'3' | b'5' | b'\n' | b'\r');
    (digit as u8) << DIGIT
        | (beside as u8) << BESIDE
        | (quote as u8) << QUOTE
        | (gap as u8) << GAP
        | (lead as u8) << LEAD
        | (super::arrays::is_listed(byte) as u8) << LISTED
        | (wrap as u8) << WRAP
        | (byte.is_ascii_alphanumeric() as u8) << ALNUM
}

/// What a text has, as far as it has been marked: each list in order, and of the last chunk alone.
#[derive(Debug)]
pub(super) struct Marks {
    window: Range<usize>,
    /// Where the first block that is not marked yet begins, and how far bytes are sorted.
    at: usize,
    sorted: usize,
    /// Blocks that are sorted and not marked.
    blocks: Vec<Block<COUNT>>,
    before: Before,
    /// Where the run of digits starts that is not at its end yet.
    open: Option<usize>,
    /// Runs of the digits of base 64.
    pub(super) runs: Vec<Range<usize>>,
    /// Places in them at which something encoded may begin: the first one, and those behind what is no letter and no
    /// digit.
    pub(super) begins: Vec<usize>,
    /// Equals signs before what may be of quoted-printable.
    pub(super) equals: Vec<usize>,
    /// Token bytes behind a byte beyond ASCII, where enough of them may follow.
    pub(super) behind: Vec<usize>,
    /// First bytes of escapes among bytes that could be of a token, and backslashes that end a line behind one.
    pub(super) escapes: Vec<usize>,
    /// Quotes behind a token byte that may be a joint.
    pub(super) quotes: Vec<usize>,
    /// The bytes from which on enough in a row may be of a list, one bit each, for blocks that have one.
    pub(super) lists: Vec<(usize, u64)>,
    /// Whether a line may be one of a dump.
    pub(super) dumps: bool,
    /// Whether there is a zero or an escape character in the last chunk, and whether there is a byte beyond ASCII.
    pub(super) hidden: bool,
    pub(super) beyond: bool,
}

/// What is kept of the block before.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    alnum: u64,
    beside: u64,
    /// The same, and what stands behind a lead.
    near: u64,
    lead: u64,
    beyond: u64,
}

impl Marks {
    pub(super) fn new(text: &[u8], window: Range<usize>) -> Self {
        let byte = window.start.checked_sub(1).and_then(|at| text.get(at)).copied();
        let last = |is: bool| u64::from(is) << (BLOCK - 1);
        let before = Before {
            alnum: 0,
            beside: last(byte.is_some_and(is_token_byte)),
            near: 0,
            lead: 0,
            beyond: last(byte.is_some_and(|byte| byte >= 0x80)),
        };
        Self {
            at: window.start,
            sorted: window.start,
            blocks: Vec::new(),
            before,
            open: None,
            window,
            runs: Vec::new(),
            begins: Vec::new(),
            equals: Vec::new(),
            behind: Vec::new(),
            escapes: Vec::new(),
            quotes: Vec::new(),
            lists: Vec::new(),
            dumps: false,
            hidden: false,
            beyond: false,
        }
    }

    /// What is marked next, or a little more.
    pub(super) fn next(&self) -> Range<usize> {
        let start = self.at.min(self.window.end);
        start..start.saturating_add(CHUNK).min(self.window.end)
    }

    /// Marks the next chunk; none where nothing is left.
    pub(super) fn advance(&mut self, text: &[u8]) -> Option<Range<usize>> {
        for list in [&mut self.begins, &mut self.equals, &mut self.behind, &mut self.escapes, &mut self.quotes] {
            list.clear();
        }
        self.runs.clear();
        self.lists.clear();
        (self.hidden, self.beyond) = (false, false);
        let next = self.next();
        if next.is_empty() {
            return None;
        }
        if self.at == self.window.start {
            self.equals.extend(soft_end(text, self.window.start));
        }
        while self.at < next.end {
            self.mark_group(text);
        }
        if self.at >= self.window.end {
            self.end(text);
        }
        Some(next.start..self.at.min(self.window.end))
    }

    fn mark_group(&mut self, text: &[u8]) {
        let end = self.sorted.saturating_add(GROUP).min(self.window.end);
        SORTS.add(text.get(self.sorted..end).unwrap_or_default(), &mut self.blocks);
        self.sorted = end;
        let mut blocks = std::mem::take(&mut self.blocks);
        if end == self.window.end {
            // No byte follows the last one.
            blocks.push(Block::NONE);
        }
        for pair in blocks.windows(2) {
            if let [block, next] = pair {
                self.mark(block, next);
                self.at += BLOCK;
            }
        }
        // The last one is marked when the next one is known.
        blocks.drain(..blocks.len().saturating_sub(1));
        self.blocks = blocks;
    }

    fn end(&mut self, text: &[u8]) {
        if let Some(start) = self.open.take() {
            self.runs.push(start..self.window.end);
        }
        let last = self.window.end - 1;
        if matches!(text.get(last..), Some([b'=', b'\n' | b'\r', ..])) {
            self.equals.push(last);
        }
    }

    #[inline]
    fn mark(&mut self, block: &Block<COUNT>, next: &Block<COUNT>) {
        let at = self.at;
        let [digit, beside, quote, gap, lead, listed, wrap, alnum] = block.of;
        let before = self.before;
        let rows = in_a_row::<LEAST>(digit, next.of[DIGIT]);
        self.runs(digit, rows);
        each(rows & !(alnum << 1 | before.alnum >> 63), at, &mut self.begins);

        let behind = beside << 1 | before.beside >> 63;
        let joints = quote & behind & (after(quote, next.of[QUOTE]) | after(gap, next.of[GAP]));
        each(joints, at, &mut self.quotes);

        // Whatever stands behind the first byte may be of an escape.
        let mut near_escape = beside;
        if lead | before.lead != 0 {
            near_escape |= lead << 1 | before.lead >> 63;
            let wraps = after(wrap, next.of[WRAP]);
            each(lead & beside & !gap & wraps, at, &mut self.equals);
            self.hidden |= lead & !beside != 0;
            // No entity begins with an ampersand before another lead: they are those that may stand in lists.
            let escapes = lead & gap & !(listed & after(lead, next.of[LEAD]));
            if escapes != 0 {
                let continued = escapes & behind & wraps;
                let following = next.of[BESIDE] | next.of[LEAD] << 1 | lead >> 63;
                let escapes = continued | near(escapes & !continued, [before.near, near_escape, following]);
                each(escapes, at, &mut self.escapes);
            }
        }
        if block.beyond | before.beyond != 0 {
            let behind = beside & (block.beyond << 1 | before.beyond >> 63);
            if behind != 0 {
                each(behind & in_a_row::<LEAST>(beside, next.of[BESIDE]), at, &mut self.behind);
            }
            self.beyond |= block.beyond != 0;
        }
        let lists = in_a_row::<GLANCE>(listed, next.of[LISTED]);
        if lists != 0 {
            self.lists.push((at, lists));
            // The end of a line, an address and what stands there are all of it such bytes.
            self.dumps |= lists & wrap & gap & after(digit, next.of[DIGIT]) != 0;
        }
        self.before = Before { alnum, beside, near: near_escape, lead, beyond: block.beyond };
    }

    /// Adds the runs that end in a block; `starts` has all bits from which on enough digits stand in a row.
    #[inline]
    fn runs(&mut self, digits: u64, starts: u64) {
        let mut from = 0;
        while self.open.is_some() || starts >> from != 0 {
            let start = self.open.take().unwrap_or_else(|| {
                from += (starts >> from).trailing_zeros();
                self.at + from as usize
            });
            from += (digits >> from).trailing_ones();
            if from >= 64 {
                self.open = Some(start);
                return;
            }
            self.runs.push(start..self.at + from as usize);
        }
    }
}

/// The equals sign at the end of the line before the one that begins here.
fn soft_end(text: &[u8], start: usize) -> Option<usize> {
    let from = start.saturating_sub(3);
    let line = text.get(from..start)?.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.ends_with(b"=").then(|| from + line.len() - 1)
}

/// The bits one further on, from the next block at the end.
#[inline]
fn after(bits: u64, next: u64) -> u64 {
    bits >> 1 | next << 63
}

/// The bits from which on so many are set, at least two and at most 64.
#[inline]
fn in_a_row<const MANY: usize>(bits: u64, next: u64) -> u64 {
    let mut bits = u128::from(next) << 64 | u128::from(bits);
    let mut have = 1;
    while have * 2 <= MANY {
        bits &= bits >> have;
        have *= 2;
    }
    (bits & bits >> (MANY - have)) as u64
}

/// Those of the bits that lie in enough bytes in a row that may stand beside an escape.
fn near(mut bits: u64, [before, beside, next]: [u64; 3]) -> u64 {
    let mut kept = 0;
    while bits != 0 {
        let at = bits.trailing_zeros();
        // The bit itself is the first of those ahead.
        let ahead = beside >> at | next << 1 << (63 - at);
        let back = before >> at | beside << 1 << (63 - at);
        let row = ahead.trailing_ones() + back.leading_ones();
        kept |= u64::from(row >= NEAR) << at;
        bits &= bits - 1;
    }
    kept
}

#[inline]
fn each(mut bits: u64, at: usize, places: &mut Vec<usize>) {
    while bits != 0 {
        places.push(at + bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests;
