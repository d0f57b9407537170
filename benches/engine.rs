//! How fast the engine starts and scans: `cargo bench --bench engine -- [file…]` (its own sources where none is named).

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use stanch::engine::{Engine, Scratch};
use stanch::rules::builtin;

/// Each corpus is repeated to this size, so that a run lasts long enough to be timed.
const ENOUGH: usize = 64 << 20;

#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement needs a clock and says its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let catalogue = builtin();
    let rules = start.elapsed();
    let engine = Engine::new(Arc::clone(&catalogue))?;
    println!("start: {} kinds in {rules:?}, with the first pass {:?}", catalogue.kinds().len(), start.elapsed());
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let own = [concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"), concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")];
    let files = if named.is_empty() { own.map(str::to_owned).to_vec() } else { named };
    let mut scratch = Scratch::new();
    for file in files {
        let once = fs::read(Path::new(&file))?;
        let times = ENOUGH.div_ceil(once.len().max(1));
        let mut hits = 0_u64;
        let mut searched = 0;
        let start = Instant::now();
        for _ in 0..times {
            engine.scan(&once, &mut scratch, &mut |_| hits += 1);
            searched += scratch.searched();
        }
        let bytes = once.len() * times;
        let rate = bytes as f64 / 1e6 / start.elapsed().as_secs_f64();
        println!("{file}: {rate:.0} MB/s, {hits} hits in {bytes} bytes, {searched} bytes given to patterns");
    }
    Ok(())
}
