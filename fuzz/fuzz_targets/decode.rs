//! Any text: decoding ends, stays in its budget, and every piece says where in the text it comes from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stanch::decode::{self, Budget, Piece};
use stanch::model::Span;

const DEPTH: usize = 4;

fuzz_target!(|text: &[u8]| {
    let mut budget = Budget::of(text.len());
    decode::pieces(text, None, &mut budget, &mut |piece, budget| look(text.len(), piece, budget, 0));
    let _charset = decode::charset(text);
});

fn look(length: usize, piece: &Piece<'_>, budget: &mut Budget, depth: usize) {
    let bytes = piece.bytes();
    let whole = piece.outer(Span { start: 0, end: bytes.len() });
    assert!(whole.start <= whole.end && whole.end <= length, "{whole:?} of {length}");
    for changed in piece.changed() {
        assert!(changed.start <= changed.end && changed.end <= bytes.len(), "{changed:?} of {}", bytes.len());
    }
    if depth < DEPTH {
        decode::deeper(piece, budget, &mut |piece, budget| look(bytes.len(), piece, budget, depth + 1));
        if piece.is_one() {
            decode::expand(bytes, budget, &mut |piece, budget| look(bytes.len(), piece, budget, depth + 1));
        }
    }
}
