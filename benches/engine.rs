//! How fast the engine starts and scans: `cargo bench --no-default-features --bench engine`. Each rate is that of one
//! core over text in memory.

#[path = "synthetic/mod.rs"]
#[allow(clippy::indexing_slicing, clippy::string_slice, reason = "tables of its own, and names in ASCII")]
mod synthetic;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use stanch::engine::{Engine, Scratch};
use stanch::rules::{Catalogue, builtin, check_file};
use stanch::runs;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// As many kinds as a grown catalogue holds.
const MANY: usize = 900;
/// Each text is so long at least.
const LENGTH: usize = 16 << 20;

fn main() {
    divan::main();
}

/// The kinds that are built in, and made-up ones up to this number.
fn catalogue(kinds: usize) -> Arc<Catalogue> {
    let embedded = builtin();
    let files = synthetic::files(kinds.saturating_sub(embedded.kinds().len()));
    let made_up = files.iter().filter_map(|(name, text)| check_file(Path::new(name), text).ok()).flatten().collect();
    embedded.with(made_up).map_or(embedded, Arc::new)
}

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| catalogue(MANY));

/// The program's own sources, one after the other.
static SOURCES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut text = Vec::new();
    gather(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut text);
    text.repeat(LENGTH / text.len().max(1) + 1)
});

fn gather(folder: &Path, text: &mut Vec<u8>) {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(&path, text);
        } else {
            text.extend(fs::read(&path).unwrap_or_default());
        }
    }
}

/// Letters and digits as chance has them, in lines of this length; 0: in one.
fn encoded(line: usize) -> Vec<u8> {
    let mut state = 0x5eed_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".get((state >> 20) as usize & 63)
    };
    let byte = |at: usize| if line > 0 && at % line == line - 1 { Some(b'\n') } else { next().copied() };
    (0..LENGTH).filter_map(byte).collect()
}

fn text(name: &str) -> Vec<u8> {
    let repeated = |part: &str| part.repeat(LENGTH / part.len() + 1).into_bytes();
    match name {
        "sources" => SOURCES.clone(),
        "one line" => SOURCES.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect(),
        "base64" => encoded(77),
        "base64 in one line" => encoded(0),
        "key words" => {
            repeated("token secret password api_key heroku cloudflare twilio ghp_ AKIA postgres:// eyJhbGci ")
        }
        "key words at runs" => repeated("heroku_token cloudflare twilio 0123456789abcdef0123456789abcdef01234567 "),
        "key ids alone" => repeated(concat!("id AKIAQWERTY", "UIOP234567 and ")),
        _ => Vec::new(),
    }
}

#[divan::bench(args = [120, MANY])]
fn start(bencher: Bencher<'_, '_>, kinds: usize) {
    let catalogue = catalogue(kinds);
    bencher.bench(|| Engine::new(black_box(Arc::clone(&catalogue))));
}

#[divan::bench(args = [16, 20, 24])]
fn runs_of_token_bytes(bencher: Bencher<'_, '_>, least: usize) {
    let text: &[u8] = &SOURCES;
    bencher.counter(BytesCount::new(text.len())).bench(|| {
        let mut found = 0_usize;
        runs::find_in(black_box(text), 0..text.len(), least, &mut |run| found += run.range.len());
        found
    });
}

#[divan::bench(args = [
    "sources", "one line", "base64", "base64 in one line", "key words", "key words at runs", "key ids alone",
])]
fn scan(bencher: Bencher<'_, '_>, name: &str) {
    let Ok(engine) = Engine::new(Arc::clone(&CATALOGUE)) else { return };
    let (text, mut scratch) = (text(name), Scratch::new());
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let mut hits = 0_u64;
        engine.scan(black_box(&text), &mut scratch, &mut |_| hits += 1);
        hits
    });
}

/// A hundred bytes in every ten thousand are new.
#[divan::bench]
fn scan_in_regions(bencher: Bencher<'_, '_>) {
    let Ok(engine) = Engine::new(Arc::clone(&CATALOGUE)) else { return };
    let mut scratch = Scratch::new();
    let text: &[u8] = &SOURCES;
    let part = text.get(..64 << 10).unwrap_or(text);
    let regions: Vec<Range<usize>> = (0..part.len()).step_by(10_000).map(|at| at..at + 100).collect();
    bencher.counter(BytesCount::new(part.len())).bench_local(|| {
        let mut hits = 0_u64;
        engine.scan_in(black_box(part), &regions, &mut scratch, &mut |_| hits += 1);
        hits
    });
}
