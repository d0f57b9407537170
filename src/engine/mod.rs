//! Finds tokens in bytes: runs of token bytes first, literals near them, patterns round those, filters last. Pure: no clock, file, socket, randomness,
//! thread or `async`.

mod anchors;
mod lanes;
mod overlap;
mod pass;
mod scratch;
mod stretches;

pub use scratch::Scratch;

use crate::model::Span;
use crate::rules::{Catalogue, Kind, Rank};
use lanes::Lanes;
use pass::Pass;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Their literals cannot be told apart.
    #[error("the rules have more than {most} literals; use fewer rules")]
    Literals {
        /// How many they may have.
        most: usize,
    },
}

/// All kinds of a catalogue, ready to be found.
#[derive(Debug)]
pub struct Engine {
    catalogue: Arc<Catalogue>,
    ranks: Vec<Rank>,
    lanes: Lanes,
}

/// A scan that goes on when it is told to.
pub struct Parts<'e>(Pass<'e>);

impl Parts<'_> {
    /// Scans to `end`, and hands over the tokens that are certain by then, in order.
    pub fn advance(&mut self, end: usize, found: &mut dyn FnMut(Hit<'_>)) {
        self.0.advance(end, found);
    }

    /// Scans what is left, and hands over the other tokens.
    pub fn finish(self, found: &mut dyn FnMut(Hit<'_>)) {
        self.0.finish(found);
    }
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
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
    /// When there are too many literals.
    pub fn new(catalogue: Arc<Catalogue>) -> Result<Self, EngineError> {
        let literals: usize = catalogue.kinds().iter().map(|kind| kind.detect.literals().len()).sum();
        if literals > anchors::MOST {
            return Err(EngineError::Literals { most: anchors::MOST });
        }
        let lanes = Lanes::new(&catalogue);
        let ranks = catalogue.ranks();
        Ok(Self { catalogue, ranks, lanes })
    }

    /// The kinds that it finds.
    #[must_use]
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Finds every token in `bytes` and hands them over in order. No two of them overlap: where several kinds match,
    /// the most specific wins. The cost is linear in the length of `bytes`.
    pub fn scan(&self, bytes: &[u8], scratch: &mut Scratch, found: &mut dyn FnMut(Hit<'_>)) {
        Pass::new(self, bytes, scratch).finish(found);
    }

    /// The same in parts, for who looks at the same bytes in another way too: then both look at a part while it is close
    /// to the processor.
    pub fn in_parts<'e>(&'e self, bytes: &'e [u8], scratch: &'e mut Scratch) -> Parts<'e> {
        Parts(Pass::new(self, bytes, scratch))
    }

    /// Finds every token that touches one of the regions, or that has a part that does, and hands over what `scan`
    /// would hand over of it. The regions are in order. Where they hold no token, the cost is that of the regions and
    /// of as much around them as tokens need.
    pub fn scan_in(
        &self,
        bytes: &[u8],
        regions: &[Range<usize>],
        scratch: &mut Scratch,
        found: &mut dyn FnMut(Hit<'_>),
    ) {
        let lanes = &self.lanes;
        let near = stretches::near(bytes, regions, lanes.rich.reach.max(lanes.plain.reach));
        let far = stretches::around(bytes, regions, lanes.text_reach);
        // Which of several tokens counts depends on those before them, so that where there are any, all is looked at.
        if Pass::new(self, bytes, scratch).any(&near, &far) {
            self.scan(bytes, scratch, &mut |hit| {
                let companions = hit.companions.iter().map(|(_, span)| *span);
                let mut spans = [hit.span, hit.whole].into_iter().chain(companions);
                if spans.any(|span| stretches::touch(regions, span)) {
                    found(hit);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
