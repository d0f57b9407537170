//! Finds tokens in bytes: literals first, patterns near them, filters last. Pure: no clock, file, socket, randomness,
//! thread or `async`.

mod literals;
mod overlap;
mod scratch;

pub use scratch::Scratch;

use crate::model::Span;
use crate::rules::{Catalogue, Kind, Match};
use literals::Literals;
use scratch::{Candidate, Window};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The first pass cannot be built.
    #[error("the literals of the rules do not fit into one automaton; use fewer or shorter ones")]
    Literals {
        /// Why.
        source: aho_corasick::BuildError,
    },
}

/// All kinds of a catalogue, ready to be found.
#[derive(Debug)]
pub struct Engine {
    catalogue: Arc<Catalogue>,
    literals: Literals,
}

/// A token that was found.
pub struct Hit<'h> {
    /// Its kind.
    pub kind: &'h Kind,
    /// Where the secret is.
    pub span: Span,
    /// Where all that the pattern matched is.
    pub whole: Span,
    /// The secret.
    pub secret: &'h [u8],
    /// The other parts of the credential, by name.
    pub companions: Vec<(String, Span)>,
}

impl fmt::Debug for Hit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hit")
            .field("kind", &self.kind.id)
            .field("span", &self.span)
            .field("whole", &self.whole)
            .field("secret", &format_args!("{} bytes", self.secret.len()))
            .field("companions", &self.companions)
            .finish()
    }
}

impl Engine {
    /// Makes an engine. Patterns are compiled later, each when it is first needed.
    ///
    /// # Errors
    /// When the literals do not fit into one automaton.
    pub fn new(catalogue: Arc<Catalogue>) -> Result<Self, EngineError> {
        let literals = Literals::new(&catalogue).map_err(|source| EngineError::Literals { source })?;
        Ok(Self { catalogue, literals })
    }

    /// The kinds that it finds.
    #[must_use]
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Finds every token in `bytes` and hands them over in order. No two of them overlap: where several kinds match,
    /// the most specific wins. The cost is linear in the length of `bytes`.
    pub fn scan(&self, bytes: &[u8], scratch: &mut Scratch, found: &mut dyn FnMut(Hit<'_>)) {
        scratch.begin(self.catalogue.kinds().len());
        for (literal, kinds) in self.literals.find(bytes) {
            for kind in kinds {
                self.widen(bytes, *kind, literal, scratch);
            }
        }
        for index in 0..scratch.touched.len() {
            if let Some(kind) = scratch.touched.get(index).copied() {
                self.search(bytes, kind, scratch);
            }
        }
        scratch.finish();
        for Candidate { kind, found: Match { secret, whole, companions } } in
            overlap::resolve(self.catalogue.kinds(), &mut scratch.candidates)
        {
            if let (Some(kind), Some(text)) = (self.catalogue.kinds().get(kind), bytes.get(secret.start..secret.end)) {
                found(Hit { kind, span: secret, whole, secret: text, companions });
            }
        }
    }

    /// A literal of a kind was found: the kind's window grows over it, or is searched before a new one is opened.
    /// Literals come in order of their ends, so windows of one kind never overlap and each byte is searched once.
    fn widen(&self, bytes: &[u8], kind: usize, literal: Span, scratch: &mut Scratch) {
        let (Some(window), Some(rule)) = (scratch.windows.get_mut(kind), self.catalogue.kinds().get(kind)) else {
            return;
        };
        if !std::mem::replace(&mut window.touched, true) {
            scratch.touched.push(kind);
        }
        let Range { start, end } = rule.detect.surroundings(literal);
        let end = end.min(bytes.len());
        match &mut window.range {
            Some(range) if start <= range.end => range.end = range.end.max(end),
            range => {
                let full = range.replace(start..end);
                if let Some(full) = full {
                    search_window(bytes, rule, kind, full, window, &mut scratch.candidates);
                }
            }
        }
    }

    /// Searches what is left of a kind's window.
    fn search(&self, bytes: &[u8], kind: usize, scratch: &mut Scratch) {
        if let (Some(window), Some(rule)) = (scratch.windows.get_mut(kind), self.catalogue.kinds().get(kind))
            && let Some(range) = window.range.take()
        {
            search_window(bytes, rule, kind, range, window, &mut scratch.candidates);
        }
    }
}

fn search_window(
    bytes: &[u8],
    rule: &Kind,
    kind: usize,
    range: Range<usize>,
    window: &mut Window,
    candidates: &mut Vec<Candidate>,
) {
    let mut keep = |found| candidates.push(Candidate { kind, found });
    rule.detect.search(bytes, range, &mut window.progress, &mut keep);
}

#[cfg(test)]
mod tests;
