//! Finds that stood encoded in a text, out of the same text once more: what is around them is decoded, and nothing is
//! searched.

use super::super::Scanner;
use super::super::noted::{Noted, Origin};
use super::super::pipeline::Taken;
use super::Layer;
use crate::decode::{self, Budget, Piece};
use crate::model::{Masked, Span};
use std::ops::Range;

/// What is still to be met.
struct Sought<'n> {
    /// In the order of the notes.
    notes: Vec<(&'n Noted, Option<Found>)>,
    /// How many of them.
    left: usize,
    /// How many encodings lie in each other at most.
    depth: usize,
    /// The bytes of the text that it all comes from.
    length: usize,
}

type Found = (Taken, Vec<(Span, Masked)>);

impl Scanner {
    /// What is noted of encoded finds, decoded anew from the same text; none where any of it is not met.
    pub(in crate::scan) fn decoded(
        &self,
        text: &[u8],
        notes: &[Noted],
        masks: &mut Vec<(Span, Masked)>,
    ) -> Option<Vec<Taken>> {
        let outer = |note: &Noted| note.within.as_ref()?.outer(text.len());
        let mut around: Vec<Range<usize>> =
            notes.iter().map(|note| outer(note).map(|span| span.start..span.end)).collect::<Option<_>>()?;
        around.sort_unstable_by_key(|range| (range.start, range.end));
        around.dedup_by(|next, last| {
            let meets = next.start <= last.end;
            last.end = if meets { last.end.max(next.end) } else { last.end };
            meets
        });
        let mut sought = Sought {
            notes: notes.iter().map(|note| (note, None)).collect(),
            left: notes.len(),
            depth: notes.iter().filter_map(|note| note.within.as_ref()).map(|within| within.depth()).max()?,
            length: text.len(),
        };
        // What was laid together with stretches that lie further off is met where all of them are decoded.
        for around in [Some(around.as_slice()), None] {
            if sought.left > 0 {
                decode::pieces(text, around, &mut Budget::of(text.len()), &mut |piece, budget| {
                    self.meet(&Layer { piece, below: None, depth: 1, sure: piece.sure }, budget, &mut sought);
                });
            }
        }
        let found: Option<Vec<Found>> = sought.notes.into_iter().map(|(_, found)| found).collect();
        let taken = found?.into_iter().map(|(taken, hidden)| {
            masks.extend(hidden);
            taken
        });
        Some(taken.collect())
    }

    /// Takes what is noted of a piece, and looks for the rest in what is encoded in it.
    fn meet(&self, layer: &Layer<'_>, budget: &mut Budget, sought: &mut Sought<'_>) {
        if sought.left == 0 {
            return;
        }
        let (piece, encodings) = (layer.piece, layer.encodings(&[]));
        let origin = Origin { encodings: &encodings, bytes: piece.bytes() };
        for (note, found) in sought.notes.iter_mut().filter(|(_, found)| found.is_none()) {
            let Some(within) = note.within.as_ref().filter(|within| within.is_of(&origin)) else { continue };
            let mut hidden = Vec::new();
            let Some(mut taken) = self.taken(piece.bytes(), note, &mut hidden) else { continue };
            taken.span = layer.outer(taken.span);
            if within.outer(sought.length) != Some(taken.span) {
                continue;
            }
            taken.decoded.clone_from(&encodings);
            hidden.iter_mut().for_each(|(span, _)| *span = layer.outer(*span));
            *found = Some((taken, hidden));
            sought.left -= 1;
        }
        if layer.depth >= sought.depth {
            return;
        }
        let depth = layer.depth + 1;
        let visit = |piece: &Piece<'_>, budget: &mut Budget, sought: &mut Sought<'_>| {
            self.meet(&Layer { piece, below: Some(layer), depth, sure: true }, budget, sought);
        };
        let packed =
            piece.is_one() && decode::expand(piece.bytes(), budget, &mut |piece, budget| visit(piece, budget, sought));
        if !packed {
            decode::deeper(piece, budget, &mut |piece, budget| visit(piece, budget, sought));
        }
    }
}
