//! How many instructions the pieces of a scan take, by Valgrind: the same on a busy machine as on a quiet one, so that a
//! change of a hundredth shows. `benches/README.md` says how to get the runner.

#![allow(missing_docs, unreachable_pub, clippy::exit, reason = "the macros write it so")]

#[path = "texts/mod.rs"]
#[allow(clippy::indexing_slicing, reason = "tables of its own")]
mod texts;

#[path = "synthetic/mod.rs"]
#[allow(clippy::indexing_slicing, clippy::string_slice, reason = "tables of its own, and names in ASCII")]
mod synthetic;

use gungraun::prelude::*;
use stanch::decode;
use stanch::engine::{Engine, Scratch};
use stanch::rules::{builtin, pack_files, unpack};
use std::hint::black_box;
use std::path::PathBuf;
use texts::{Sort, text};

const SIZE: usize = 256 << 10;

fn of(sort: Sort) -> Vec<u8> {
    text(sort, SIZE)
}

/// An engine that has met the text before: patterns are compiled when they are first needed.
fn warm(sort: Sort) -> (Option<Engine>, Scratch, Vec<u8>) {
    let (engine, mut scratch, text) = (Engine::new(builtin()).ok(), Scratch::new(), of(sort));
    if let Some(engine) = &engine {
        engine.scan(&text, &mut scratch, &mut |_| {});
    }
    (engine, scratch, text)
}

#[library_benchmark]
#[bench::source(args = (Sort::Source), setup = of)]
#[bench::minified(args = (Sort::Minified), setup = of)]
fn runs(text: Vec<u8>) -> usize {
    let mut bytes = 0;
    stanch::runs::find(black_box(&text), 16, &mut |run| bytes += run.len());
    bytes
}

#[library_benchmark]
#[bench::source(args = (Sort::Source), setup = warm)]
#[bench::minified(args = (Sort::Minified), setup = warm)]
#[bench::base64(args = (Sort::Base64), setup = warm)]
fn engine((engine, mut scratch, text): (Option<Engine>, Scratch, Vec<u8>)) -> u64 {
    let mut hits = 0;
    if let Some(engine) = &engine {
        engine.scan(black_box(&text), &mut scratch, &mut |_| hits += 1);
    }
    hits
}

#[library_benchmark]
#[bench::source(args = (Sort::Source), setup = of)]
#[bench::minified(args = (Sort::Minified), setup = of)]
#[bench::encoded(args = (Sort::Encoded), setup = of)]
fn decoding(text: Vec<u8>) -> usize {
    let mut bytes = 0;
    let mut budget = decode::Budget::of(text.len());
    decode::pieces(black_box(&text), None, &mut budget, &mut |piece, _| bytes += piece.bytes().len());
    bytes
}

fn rules(count: usize) -> &'static [u8] {
    let files: Vec<_> = synthetic::files(count).into_iter().map(|(name, text)| (PathBuf::from(name), text)).collect();
    pack_files(&files).unwrap_or_default().leak()
}

#[library_benchmark]
#[bench::nine_hundred(args = (900), setup = rules)]
fn take_in_rules(packed: &'static [u8]) -> bool {
    unpack(black_box(packed)).is_some()
}

library_benchmark_group!(name = pieces, benchmarks = [runs, engine, decoding, take_in_rules]);

main!(library_benchmark_groups = pieces);
