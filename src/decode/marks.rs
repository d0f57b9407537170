//! Where to look: one pass over a text that marks, with a few bits for every byte, the places where something may be
//! encoded. It marks too many rather than too few; who looks there decides.

use crate::runs::{Block, Open, Sorts, is_token_byte};
use std::ops::Range;

/// So much text is marked before it is looked at.
const CHUNK: usize = 64 << 10;

/// So many bytes are sorted in one go.
const GROUP: usize = 2 << 10;

/// The bytes that one bit each stands for.
const BLOCK: usize = 64;

/// An escape matters where so many bytes around it could be of a token.
pub(super) const NEAR: u32 = 16;

/// Bytes in a row that must look like a list.
pub(super) const GLANCE: usize = 12;

/// Token bytes.
const TOKEN: usize = 0;
/// Digits of base 64, among which are those of hex and base 32.
const DIGIT: usize = 1;
/// What may stand between escapes.
const BESIDE: usize = 2;
const QUOTE: usize = 3;
/// What may stand right behind a string that goes on in another one, and what may follow that.
const GAP: usize = 4;
const GAP_ON: usize = 5;
const BACKSLASH: usize = 6;
/// Percent signs and ampersands.
const SIGN: usize = 7;
/// What may stand in lists of numbers.
const LISTED: usize = 8;
const EQUALS: usize = 9;
/// What may follow an equals sign or a backslash that matters: the first digits of `=3D` and its like, ends of lines.
const WRAP: usize = 10;
/// What marks wide text and colours.
const HIDDEN: usize = 11;
const COUNT: usize = 12;

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

const fn sorts_of(byte: u8) -> u16 {
    let token = is_token_byte(byte);
    let quote = matches!(byte, b'"' | b'\'' | b'`');
    (token as u16) << TOKEN
        | ((byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')) as u16) << DIGIT
        | ((token || matches!(byte, b'%' | b'\\' | b'&' | b'#' | b';' | b'{' | b'}')) as u16) << BESIDE
        | (quote as u16) << QUOTE
        | (is_gap(byte) as u16) << GAP
        | ((quote || goes_on(byte)) as u16) << GAP_ON
        | ((byte == b'\\') as u16) << BACKSLASH
        | (matches!(byte, b'%' | b'&') as u16) << SIGN
        | (super::arrays::is_listed(byte) as u16) << LISTED
        | ((byte == b'=') as u16) << EQUALS
        | (matches!(byte, b'2' | b'3' | b'5' | b'\n' | b'\r') as u16) << WRAP
        | (matches!(byte, 0 | 0x1b) as u16) << HIDDEN
}

/// What may begin what stands between two strings.
const fn is_gap(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\r' | b'\n' | b'+' | b'.' | b'&' | b'|' | b',' | b'<' | b'~' | b'^' | b'\\' | b')' | b'/'
    )
}

/// What may be the second byte of it: more of it, a name before a string, the rest of a sign of two.
const fn goes_on(byte: u8) -> bool {
    let sign = matches!(byte, b'#' | b'-' | b'_' | b'>' | b'(' | b'*' | b'@' | b'$');
    let letter = matches!(byte, b'r' | b'b' | b'f' | b'u' | b'L' | b'R' | b'B' | b'F' | b's' | b'S' | b'c' | b'a');
    is_gap(byte) || sign || letter
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
    open: Open,
    /// Runs of the digits of base 64.
    pub(super) runs: Vec<Range<usize>>,
    /// Equals signs before what may be of quoted-printable.
    pub(super) equals: Vec<usize>,
    /// Token bytes behind a byte beyond ASCII.
    pub(super) behind: Vec<usize>,
    /// First bytes of escapes among bytes that could be of a token, and backslashes that end a line behind one.
    pub(super) escapes: Vec<usize>,
    /// Quotes behind a token byte that may be a joint.
    pub(super) quotes: Vec<usize>,
    /// The bytes from which on enough in a row may be of a list, one bit each, for blocks that have one.
    pub(super) lists: Vec<(usize, u64)>,
    /// Whether there is a zero or an escape character, and whether there is a byte beyond ASCII.
    pub(super) hidden: bool,
    pub(super) beyond: bool,
}

/// What is kept of the block before.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    token: u64,
    backslash: u64,
    beyond: u64,
    beside: u64,
}

impl Marks {
    pub(super) fn new(text: &[u8], window: Range<usize>) -> Self {
        let byte = window.start.checked_sub(1).and_then(|at| text.get(at)).copied();
        let last = |is: bool| u64::from(is) << (BLOCK - 1);
        let before = Before {
            token: last(byte.is_some_and(is_token_byte)),
            beyond: last(byte.is_some_and(|byte| byte >= 0x80)),
            ..Before::default()
        };
        Self {
            at: window.start,
            sorted: window.start,
            blocks: Vec::new(),
            before,
            open: Open::new(window.start),
            window,
            runs: Vec::new(),
            equals: Vec::new(),
            behind: Vec::new(),
            escapes: Vec::new(),
            quotes: Vec::new(),
            lists: Vec::new(),
            hidden: false,
            beyond: false,
        }
    }

    /// Marks the next chunk; false where there is none.
    pub(super) fn advance(&mut self, text: &[u8]) -> bool {
        for list in [&mut self.equals, &mut self.behind, &mut self.escapes, &mut self.quotes] {
            list.clear();
        }
        self.runs.clear();
        self.lists.clear();
        if self.at >= self.window.end {
            return false;
        }
        if self.at == self.window.start {
            self.equals.extend(soft_end(text, self.window.start));
        }
        let chunk = self.at.saturating_add(CHUNK).min(self.window.end);
        while self.at < chunk {
            self.mark_group(text);
        }
        if self.at >= self.window.end {
            self.end(text);
        }
        true
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
        let run = self.open.start().min(self.window.end)..self.window.end;
        if run.len() >= super::stretches::LEAST {
            self.runs.push(run);
        }
        let last = self.window.end - 1;
        if matches!(text.get(last..), Some([b'=', b'\n' | b'\r', ..])) {
            self.equals.push(last);
        }
    }

    #[inline]
    fn mark(&mut self, block: &Block<COUNT>, next: &Block<COUNT>) {
        let at = self.at;
        let [token, digit, beside, quote, gap, gap_on, backslash, sign, listed, equals, wrap, hidden] = block.of;
        let before = self.before;
        self.open.step(digit, at, super::stretches::LEAST, &mut |run| self.runs.push(run));

        let behind_token = token << 1 | before.token >> 63;
        let gaps = after(gap, next.of[GAP], 1) & after(gap_on, next.of[GAP_ON], 2);
        let joints = quote & behind_token & (after(quote, next.of[QUOTE], 1) | gaps);
        each(joints, at, &mut self.quotes);

        // Whatever stands behind a backslash may be of an escape.
        let beside = beside | backslash << 1 | before.backslash >> 63;
        // A sign before another one begins no escape.
        let leads = sign & !after(sign, next.of[SIGN], 1) | backslash;
        if leads != 0 {
            let beside_next = next.of[BESIDE] | next.of[BACKSLASH] << 1 | backslash >> 63;
            let continued = backslash & behind_token & after(wrap, next.of[WRAP], 1);
            let escapes = continued | near(leads & !continued, [before.beside, beside, beside_next]);
            each(escapes, at, &mut self.escapes);
        }

        each(equals & after(wrap, next.of[WRAP], 1), at, &mut self.equals);
        if block.beyond | before.beyond != 0 {
            each(token & (block.beyond << 1 | before.beyond >> 63), at, &mut self.behind);
            self.beyond |= block.beyond != 0;
        }
        self.hidden |= hidden != 0;
        let lists = in_a_row(listed, next.of[LISTED]);
        if lists != 0 {
            self.lists.push((at, lists));
        }
        self.before = Before { token, backslash, beyond: block.beyond, beside };
    }
}

/// The equals sign at the end of the line before the one that begins here.
fn soft_end(text: &[u8], start: usize) -> Option<usize> {
    let from = start.saturating_sub(3);
    let line = text.get(from..start)?.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.ends_with(b"=").then(|| from + line.len() - 1)
}

/// The bits that stand so many further on, from the next block at the end.
#[inline]
fn after(bits: u64, next: u64, by: u32) -> u64 {
    bits >> by | next << (64 - by)
}

/// The bits from which on enough are set for a glance.
#[inline]
fn in_a_row(bits: u64, next: u64) -> u64 {
    const { assert!(GLANCE == 12, "eight bits and four") };
    let mut bits = u128::from(next) << 64 | u128::from(bits);
    bits &= bits >> 1;
    bits &= bits >> 2;
    bits &= bits >> 4;
    bits &= bits >> 4;
    bits as u64
}

/// Those of the bits that lie in enough bytes in a row that may stand beside an escape.
fn near(mut bits: u64, [before, beside, next]: [u64; 3]) -> u64 {
    let (back, ahead) = (u128::from(beside) << 64 | u128::from(before), u128::from(next) << 64 | u128::from(beside));
    let mut kept = 0;
    while bits != 0 {
        let at = bits.trailing_zeros();
        let row = (back << (64 - at)).leading_ones() + (ahead >> at).trailing_ones();
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
