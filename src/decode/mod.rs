//! Texts in other clothes: character sets, encodings and escapes, undone within a budget.
//!
//! A text is given back in pieces. A piece holds stretches of the text with what was encoded in them decoded, and what
//! stands around it as it stands, so that a name before an encoded value still stands before the value. It knows where
//! each of its bytes came from. Pieces may be decoded in turn; only what the last step changed is looked at then.
//!
//! A piece is *sure* where the text says itself that it is encoded: escapes, entities, colours, what expands, and base
//! 64, base 32 or hex all of which is text. There every kind counts. In all others (joined strings, lists of numbers,
//! what only looks like an encoding) only kinds count that are sure of themselves, so that decoding makes no tokens out
//! of noise.

mod appended;
mod arrays;
mod base32;
mod base64;
mod base85;
mod block;
mod charset;
mod colour;
mod dump;
mod entities;
mod escapes;
mod fields;
mod folded;
mod hex;
mod inflate;
mod join;
mod keys;
mod look;
mod mail;
mod marks;
mod percent;
mod sink;
mod stretches;
mod strings;
mod tags;
mod uuencode;
mod view;
mod wide;
mod windows;
mod words;
mod wrapped;

pub use charset::{charset, text};
pub use sink::{Budget, Piece, Visit};

use crate::model::Encoding;
use marks::Marks;
use sink::Sink;
use std::ops::Range;

/// How often one encoding may lie in another.
pub const DEPTH: usize = 12;

/// Decodes what is encoded in a text, one level deep, and hands over the pieces. Where `fresh` is given, only what
/// touches these stretches is looked at.
pub fn pieces(text: &[u8], fresh: Option<&[Range<usize>]>, budget: &mut Budget, visit: &mut Visit<'_>) {
    find(text, fresh, true, &mut |_| {}, Sink::new(budget, visit, None));
}

/// The same for all of a text and for who reads it in another way too: `ahead` is told how far it is going to be read.
pub fn pieces_beside(text: &[u8], ahead: &mut dyn FnMut(usize), budget: &mut Budget, visit: &mut Visit<'_>) {
    find(text, None, true, ahead, Sink::new(budget, visit, None));
}

/// The same for a piece: only what decoding changed in it is looked at.
pub fn deeper(piece: &Piece<'_>, budget: &mut Budget, visit: &mut Visit<'_>) {
    let changed = Some(piece.changed());
    // What was laid side by side is not laid so once more.
    let apart = piece.encoding != Encoding::Fields;
    find(piece.bytes(), changed, apart, &mut |_| {}, Sink::new(budget, visit, changed));
}

/// Each way of looking goes through a chunk while that is close to the processor.
fn find(text: &[u8], fresh: Option<&[Range<usize>]>, apart: bool, ahead: &mut dyn FnMut(usize), mut sink: Sink<'_>) {
    let whole = 0..text.len();
    let windows = match fresh {
        _ if text.len() < stretches::LEAST => Vec::new(),
        Some(fresh) => windows::around(text, fresh),
        None => vec![whole],
    };
    let mut dumps = fresh.is_some();
    let mut words = words::Search::new(fresh);
    for window in &windows {
        let mut marks = Marks::new(text, window.clone());
        let mut stretches = stretches::Search::new(window);
        let mut fields = fields::Search::new(window);
        let mut folded = folded::Search::new(window);
        let mut strings = strings::Search::new(window);
        let mut joints = join::Search::new(window);
        let mut arrays = arrays::Search::new(window);
        let mut wide = wide::Search::new(window);
        let mut colours = colour::Search::new(window);
        words.begin(window);
        ahead(marks.next().end);
        while let Some(chunk) = marks.advance(text) {
            words.look(text, &chunk, &mut sink);
            stretches.look(text, &chunk, &marks, &mut sink);
            if apart {
                fields.look(text, &marks.runs, &mut sink);
            }
            folded.look(text, &marks.runs, &mut sink);
            strings.look(text, &marks.escapes, &mut sink);
            joints.look(text, &marks.quotes, &mut sink);
            arrays.look(text, &marks.lists, &mut sink);
            colours.look_before(text, &marks.runs, &mut sink);
            if marks.hidden {
                wide.look(text, &chunk, &mut sink);
                colours.look(text, &chunk, &mut sink);
            }
            if marks.beyond {
                colours.look_for_unseen(text, &chunk, &mut sink);
            }
            ahead(marks.next().end);
        }
        dumps |= marks.dumps;
    }
    words.look_around(text, &windows, &mut sink);
    if dumps {
        dump::find(text, fresh, &mut sink);
    }
    sink.finish();
}

/// Hands over what bytes that came out of one stretch are in truth: what they expand to if they are compressed, their
/// text if they are in a character set of their own. False if they are what they seem.
pub fn expand(bytes: &[u8], budget: &mut Budget, visit: &mut Visit<'_>) -> bool {
    if let Some((encoding, expanded)) = inflate::expanded(bytes, budget) {
        sink::whole(expanded, 0..bytes.len(), encoding, budget, visit);
        return true;
    }
    match charset(bytes) {
        Some((encoding, text)) => sink::recoded(&text, 0..bytes.len(), encoding, budget, visit),
        None => return false,
    }
    true
}

#[cfg(test)]
pub(crate) use fields::FORMS as APART;

#[cfg(test)]
mod tests;
