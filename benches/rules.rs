//! How long kinds take until a scan can begin: `cargo bench --no-default-features --bench rules`.

#[path = "synthetic/mod.rs"]
#[allow(clippy::indexing_slicing, clippy::string_slice, reason = "tables of its own, and names in ASCII")]
mod synthetic;

use divan::{Bencher, black_box};
use stanch::rules::{Catalogue, check_files, pack_files, unpack};
use std::path::PathBuf;

fn main() {
    divan::main();
}

fn files(count: usize) -> Vec<(PathBuf, String)> {
    synthetic::files(count).into_iter().map(|(name, text)| (PathBuf::from(name), text)).collect()
}

/// What the program does at start, with as many kinds as built in.
#[divan::bench(args = [120, 900])]
fn take_in_packed(bencher: Bencher<'_, '_>, count: usize) {
    let packed: &'static [u8] = pack_files(&files(count)).unwrap_or_default().leak();
    bencher.bench(|| unpack(black_box(packed)));
}

/// The name of a set of kinds that were loaded; that of the built-in ones is packed with them.
#[divan::bench(args = [900])]
fn digest(bencher: Bencher<'_, '_>, count: usize) {
    let files = files(count);
    bencher
        .with_inputs(|| check_files(&Catalogue::default(), &files).ok())
        .bench_values(|kinds| kinds.map(|kinds| kinds.digest()));
}

/// What `--rules` costs: reading, checking, and trying every sample.
#[divan::bench(args = [1, 900], sample_count = 10)]
fn check(bencher: Bencher<'_, '_>, count: usize) {
    let files = files(count);
    bencher.bench(|| check_files(&Catalogue::default(), black_box(&files)));
}
