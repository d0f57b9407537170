//! What a pattern promises of every match, read off the pattern: measures, where its literals lie, and the run of token
//! bytes that each match holds. Scanning looks only where these promises can be kept.

use super::detect::SECRET;
use super::pattern::{literal_within, spelled};
use super::shape::{DetectSpec, Sort};
use crate::runs::is_token_byte;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A run shorter than this tells nothing: in source code every other name is one, and everything near it would be looked
/// at.
pub const SHORTEST_RUN: usize = 20;
/// A run that holds its literal and is so long is better than a longer one further on.
const TELLING_RUN: usize = 20;
/// Patterns with more branches than this are not taken apart.
const BRANCHES: usize = 64;

/// What is true of every match of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The length of the longest match.
    pub longest: usize,
    /// A literal ends at most so many bytes after the start of the match.
    pub literal_within: usize,
    /// How far after the start of the match a literal starts: at least and at most.
    pub lead: (usize, usize),
    /// What can stand right after the literal; everything can where it may end the match.
    pub next: ByteSet,
    /// The run of token bytes in each match; none where no long one is promised.
    pub run: Option<Run>,
    /// Another text in each match.
    pub second: Option<Second>,
}

/// A maximal run of token bytes that each match shares at least `least` bytes with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The length of the shared part.
    pub least: usize,
    /// A literal starts at most so far before the run; 0 where it starts in it.
    pub before: usize,
    /// The literal ends at most so far after the run; 0 where it ends in it.
    pub after: usize,
    /// At most so many bytes of the match lie before the run.
    pub head: usize,
    /// At most so many bytes of the match lie after the run.
    pub tail: usize,
    /// At least so many bytes of the run follow the end of a literal that lies in it.
    pub follow: usize,
    /// Whether the run of a match that passes the filters holds a digit.
    pub digit: bool,
    /// Bytes of which the run holds a stretch of at least this length.
    pub body: (ByteSet, usize),
}

/// A text that each match holds besides its literal, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// The text.
    pub text: Vec<u8>,
    /// It ends at most so far after the end of the literal, and starts no earlier than there.
    pub within: usize,
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// True if the byte is in the set.
    #[must_use]
    pub fn holds(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    /// The set with this byte.
    #[must_use]
    pub fn with(mut self, byte: u8) -> Self {
        self.insert(byte);
        self
    }

    const ALL: Self = Self([u64::MAX; 4]);

    fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    /// Takes a letter in both cases, any other byte as it is.
    fn insert_letter(&mut self, byte: u8) {
        self.insert(byte.to_ascii_lowercase());
        self.insert(byte.to_ascii_uppercase());
    }

    /// The bytes of both.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
        self
    }

    /// Its bytes.
    pub fn bytes(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |byte| self.holds(*byte))
    }

    /// All bytes that texts of this expression can hold.
    fn of(hir: &Hir) -> Self {
        let mut set = Self::default();
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => literal.0.iter().for_each(|byte| set.insert(*byte)),
            HirKind::Class(Class::Bytes(class)) => {
                class.ranges().iter().flat_map(|range| range.start()..=range.end()).for_each(|byte| set.insert(byte));
            }
            HirKind::Class(Class::Unicode(_)) => set = Self::ALL,
            HirKind::Repetition(repetition) => set = Self::of(&repetition.sub),
            HirKind::Capture(group) => set = Self::of(&group.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                set = parts.iter().fold(set, |set, part| set.join(Self::of(part)));
            }
        }
        set
    }

    /// The longest stretch of these bytes.
    #[must_use]
    pub fn longest_stretch(&self, bytes: &[u8]) -> usize {
        let (mut longest, mut stretch) = (0, 0);
        for byte in bytes {
            stretch = if self.holds(*byte) { stretch + 1 } else { 0 };
            longest = longest.max(stretch);
        }
        longest
    }
}

impl Facts {
    /// Reads the facts off a pattern that was parsed without Unicode, and off the filters that its secrets must pass.
    #[must_use]
    pub(super) fn of(hir: &Hir, spec: &DetectSpec) -> Self {
        let longest = hir.properties().maximum_len().unwrap_or(usize::MAX);
        let literal_within = literal_within(hir, &spec.literals).map_or(longest, |within| within.min(longest));
        let lead = (0, literal_within);
        let blind = Self { longest, literal_within, lead, next: ByteSet::ALL, run: None, second: None };
        let literals: Vec<Vec<u8>> = spec.literals.iter().map(|text| text.to_ascii_lowercase().into_bytes()).collect();
        let filters = Filters::of(hir, spec);
        let mut branches = Branches { literals: &literals, taken: Vec::new() };
        let mut pieces = Vec::new();
        flatten(hir, false, &mut pieces);
        if branches.take(pieces).is_none() {
            return blind;
        }
        let facts = branches.taken.iter().map(|branch| branch.facts(&filters));
        let joined = facts.reduce(|one, other| match (one, other) {
            (Some(one), Some(other)) => Some(one.join(other)),
            _ => None,
        });
        match joined.flatten() {
            Some(known) => Self { longest, literal_within: known.literal_within.min(longest), ..known },
            None => blind,
        }
    }

    /// What is true of the matches of both.
    fn join(self, other: Self) -> Self {
        let run = self.run.zip(other.run).map(|(one, other)| Run {
            least: one.least.min(other.least),
            before: one.before.max(other.before),
            after: one.after.max(other.after),
            head: one.head.max(other.head),
            tail: one.tail.max(other.tail),
            follow: one.follow.min(other.follow),
            digit: one.digit && other.digit,
            body: (one.body.0.join(other.body.0), one.body.1.min(other.body.1)),
        });
        let second = self.second.zip(other.second).filter(|(one, other)| one.text == other.text);
        Self {
            longest: self.longest.max(other.longest),
            literal_within: self.literal_within.max(other.literal_within),
            lead: (self.lead.0.min(other.lead.0), self.lead.1.max(other.lead.1)),
            next: self.next.join(other.next),
            run,
            second: second.map(|(one, other)| Second { within: one.within.max(other.within), text: one.text }),
        }
    }
}

/// What the filters promise of a secret that is part of the match.
struct Filters {
    /// It holds a digit, whatever it is made of.
    digit: bool,
    /// It holds at least so many different bytes.
    different: usize,
    /// The pattern names the secret.
    named: bool,
}

impl Filters {
    fn of(hir: &Hir, spec: &DetectSpec) -> Self {
        let named = names_secret(hir);
        if spec.companions.iter().any(|companion| companion.name == SECRET) {
            return Self { digit: false, different: 0, named };
        }
        // n different bytes have at most log2(n) bits; a little is added against rounding.
        let entropy = spec.entropy.unwrap_or(0.0);
        let different = (1..=256_u32).find(|count| f64::from(*count).log2() + 1e-6 >= entropy).unwrap_or(256);
        Self { digit: spec.require.contains(&Sort::Digit), different: different as usize, named }
    }
}

fn names_secret(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(group) => group.name.as_deref() == Some(SECRET) || names_secret(&group.sub),
        HirKind::Repetition(repetition) => names_secret(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(names_secret),
        _ => false,
    }
}

/// A part of a sequence; a written text is taken apart where token bytes begin and end.
#[derive(Clone)]
struct Piece<'h> {
    hir: &'h Hir,
    /// The text, where it is written out.
    written: Option<&'h [u8]>,
    least: usize,
    most: usize,
    /// It is made of token bytes alone.
    token: bool,
    /// It belongs to the group of the secret.
    secret: bool,
}

impl Piece<'_> {
    /// Every text that it matches, in lower case, if they are few.
    fn texts(&self) -> Option<Vec<Vec<u8>>> {
        self.written.map_or_else(|| spelled(self.hir), |text| Some(vec![text.to_ascii_lowercase()]))
    }

    fn bytes(&self) -> ByteSet {
        let mut set = ByteSet::default();
        match self.written {
            Some(text) => text.iter().for_each(|byte| set.insert(*byte)),
            None => set = ByteSet::of(self.hir),
        }
        set
    }

    fn holds_digit(&self) -> bool {
        self.written.map_or_else(|| holds_digit(self.hir), |text| text.iter().any(u8::is_ascii_digit))
    }
}

/// True if every text of the expression holds a digit.
fn holds_digit(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().any(u8::is_ascii_digit),
        HirKind::Class(_) => ByteSet::of(hir).bytes().all(|byte| byte.is_ascii_digit()),
        HirKind::Repetition(repetition) => repetition.min > 0 && holds_digit(&repetition.sub),
        HirKind::Capture(group) => holds_digit(&group.sub),
        HirKind::Concat(parts) => parts.iter().any(holds_digit),
        HirKind::Alternation(branches) => branches.iter().all(holds_digit),
        HirKind::Empty | HirKind::Look(_) => false,
    }
}

/// A sequence of pieces with groups opened.
fn flatten<'h>(hir: &'h Hir, secret: bool, pieces: &mut Vec<Piece<'h>>) {
    match hir.kind() {
        HirKind::Capture(group) => flatten(&group.sub, secret || group.name.as_deref() == Some(SECRET), pieces),
        HirKind::Concat(sequence) => sequence.iter().for_each(|part| flatten(part, secret, pieces)),
        HirKind::Literal(literal) => {
            for text in literal.0.chunk_by(|one, other| is_token_byte(*one) == is_token_byte(*other)) {
                let token = text.iter().copied().all(is_token_byte);
                let length = text.len();
                pieces.push(Piece { hir, written: Some(text), least: length, most: length, token, secret });
            }
        }
        _ => {
            let least = hir.properties().minimum_len().unwrap_or(0);
            let most = hir.properties().maximum_len().unwrap_or(usize::MAX);
            let token = ByteSet::of(hir).bytes().all(is_token_byte);
            pieces.push(Piece { hir, written: None, least, most, token, secret });
        }
    }
}

/// The ways through a pattern, each with the place of its literal.
struct Branches<'h, 'l> {
    literals: &'l [Vec<u8>],
    taken: Vec<Branch<'h>>,
}

/// One way through a pattern.
struct Branch<'h> {
    pieces: Vec<Piece<'h>>,
    /// The pieces in which the literal lies.
    at: Range<usize>,
    inset: Inset,
}

/// How a literal lies in a sequence.
struct Inset {
    /// How far after the start of the sequence it starts: at least and at most.
    starts: (usize, usize),
    /// What of the sequence can stand right after it.
    next: ByteSet,
    /// Whether it can end the sequence.
    ends: bool,
}

impl<'h> Branches<'h, '_> {
    /// Takes a sequence, or, where its literal lies in one of several alternatives, one sequence for each of them.
    fn take(&mut self, pieces: Vec<Piece<'h>>) -> Option<()> {
        let mut from = 0;
        let mut run = vec![Vec::new()];
        for index in 0..pieces.len() {
            let texts = pieces.get(index)?.texts();
            let joined = texts.as_ref().and_then(|texts| super::pattern::product(&run, texts));
            match joined {
                Some(longer) => run = longer,
                None => {
                    if let Some(branches) = self.alternatives(pieces.get(index)?) {
                        return self.expand(&pieces, index, branches);
                    }
                    (run, from) = match texts {
                        Some(texts) => (texts, index),
                        None => (vec![Vec::new()], index + 1),
                    };
                }
            }
            if let Some(inset) = inset(&run, self.literals) {
                if self.taken.len() >= BRANCHES {
                    return None;
                }
                self.taken.push(Branch::new(pieces, from..index + 1, inset));
                return Some(());
            }
        }
        None
    }

    /// The alternatives of a piece, if each of them holds a literal.
    fn alternatives(&self, piece: &Piece<'h>) -> Option<&'h [Hir]> {
        let HirKind::Alternation(branches) = piece.hir.kind() else { return None };
        let literals: Vec<String> =
            self.literals.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        branches.iter().all(|branch| literal_within(branch, &literals).is_some()).then_some(branches.as_slice())
    }

    fn expand(&mut self, pieces: &[Piece<'h>], index: usize, branches: &'h [Hir]) -> Option<()> {
        let (before, after) = (pieces.get(..index)?, pieces.get(index + 1..)?);
        for branch in branches {
            let mut sequence = before.to_vec();
            flatten(branch, pieces.get(index)?.secret, &mut sequence);
            sequence.extend_from_slice(after);
            self.take(sequence)?;
        }
        Some(())
    }
}

/// How the literals lie in these texts, if each text holds one; the first in a text counts.
fn inset(texts: &[Vec<u8>], literals: &[Vec<u8>]) -> Option<Inset> {
    let mut inset = Inset { starts: (usize::MAX, 0), next: ByteSet::default(), ends: false };
    for text in texts {
        let place = |part: &Vec<u8>| text.windows(part.len().max(1)).position(|window| window == part);
        let start = literals.iter().filter_map(place).min()?;
        inset.starts = (inset.starts.0.min(start), inset.starts.1.max(start));
        let rest = text.get(start..)?;
        for part in literals.iter().filter(|part| rest.starts_with(part)) {
            match rest.get(part.len()) {
                Some(byte) => inset.next.insert_letter(*byte),
                None => inset.ends = true,
            }
        }
    }
    (!texts.is_empty()).then_some(inset)
}

impl<'h> Branch<'h> {
    /// Pieces that lie before the literal are no place of it.
    fn new(pieces: Vec<Piece<'h>>, mut at: Range<usize>, mut inset: Inset) -> Self {
        while let Some(piece) = pieces.get(at.start).filter(|piece| at.len() > 1 && piece.most <= inset.starts.0) {
            inset.starts = (inset.starts.0 - piece.most, inset.starts.1 - piece.least);
            at.start += 1;
        }
        Self { pieces, at, inset }
    }

    fn facts(&self, filters: &Filters) -> Option<Facts> {
        let least = |range: Range<usize>| -> Option<usize> {
            Some(self.pieces.get(range)?.iter().fold(0_usize, |sum, piece| sum.saturating_add(piece.least)))
        };
        let lead = least(0..self.at.start)?.saturating_add(self.inset.starts.0);
        let literal_within = self.most(0..self.at.end)?;
        Some(Facts {
            longest: self.most(0..self.pieces.len())?,
            literal_within,
            lead: (lead, self.most(0..self.at.start)?.saturating_add(self.inset.starts.1)),
            next: self.next()?,
            run: self.run(filters),
            second: self.second(),
        })
    }

    fn most(&self, range: Range<usize>) -> Option<usize> {
        Some(self.pieces.get(range)?.iter().fold(0_usize, |sum, piece| sum.saturating_add(piece.most)))
    }

    /// What can stand right after the literal.
    fn next(&self) -> Option<ByteSet> {
        let mut set = self.inset.next;
        if !self.inset.ends {
            return Some(set);
        }
        for piece in self.pieces.get(self.at.end..)? {
            set = set.join(piece.bytes());
            if piece.least > 0 {
                return Some(set);
            }
        }
        Some(ByteSet::ALL)
    }

    /// The longest run that is promised; one that holds the literal comes first.
    fn run(&self, filters: &Filters) -> Option<Run> {
        let mut start = 0;
        let mut best: Option<Run> = None;
        for group in self.pieces.chunk_by(|one, other| one.token == other.token) {
            let range = start..start + group.len();
            start = range.end;
            if group.first().is_none_or(|piece| !piece.token) {
                continue;
            }
            let run = self.promised(range, group, filters)?;
            let rank = |run: &Run| (run.least >= TELLING_RUN && run.before == 0 && run.after == 0, run.least);
            if run.least >= SHORTEST_RUN && best.as_ref().is_none_or(|best| rank(&run) > rank(best)) {
                best = Some(run);
            }
        }
        best
    }

    fn promised(&self, range: Range<usize>, group: &[Piece<'_>], filters: &Filters) -> Option<Run> {
        let whole = !filters.named;
        let inside = |index: usize, piece: &Piece<'_>| range.contains(&index) || !(whole || piece.secret);
        let known = whole || self.pieces.iter().any(|piece| piece.secret);
        let secret_inside =
            known && self.pieces.iter().enumerate().all(|(index, piece)| inside(index, piece) || piece.most == 0);
        let secret = group.iter().filter(|piece| whole || piece.secret);
        let letters = secret.fold(ByteSet::default(), |set, piece| set.join(piece.bytes()));
        let other = letters.bytes().filter(|byte| !byte.is_ascii_digit()).count();
        let filtered = secret_inside && (filters.digit || other < filters.different);
        let in_run = range.start <= self.at.start && self.at.end <= range.end;
        let after_literal = if in_run { self.pieces.get(self.at.end..range.end)? } else { &[] };
        let longest = group.iter().max_by_key(|piece| piece.least)?;
        Some(Run {
            least: group.iter().fold(0, |sum, piece| sum.saturating_add(piece.least)),
            before: if self.at.start < range.start { self.most(self.at.start..range.start)? } else { 0 },
            after: if self.at.end > range.end { self.most(range.end..self.at.end)? } else { 0 },
            head: self.most(0..range.start)?,
            tail: self.most(range.end..self.pieces.len())?,
            follow: after_literal.iter().fold(0, |sum, piece| sum.saturating_add(piece.least)),
            digit: filtered || group.iter().any(Piece::holds_digit),
            body: (longest.bytes(), longest.least),
        })
    }

    /// The longest text that is written after the literal; the last of several.
    fn second(&self) -> Option<Second> {
        let mut best: Option<Second> = None;
        let mut index = self.at.end;
        // The literal may end before its pieces do.
        let mut within = self.most(self.at.clone())?.saturating_sub(self.inset.starts.0);
        // What is written in neighbouring pieces is one text.
        while let Some(piece) = self.pieces.get(index) {
            let mut text = Vec::new();
            while let Some(Piece { written: Some(part), .. }) = self.pieces.get(index) {
                text.extend_from_slice(part);
                index += 1;
            }
            within = within.saturating_add(if text.is_empty() { piece.most } else { text.len() });
            if text.is_empty() {
                index += 1;
            } else if best.as_ref().is_none_or(|best| text.len() >= best.text.len()) {
                best = Some(Second { text, within });
            }
        }
        best
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
