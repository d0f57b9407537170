//! How fast the engine starts, and how fast it scans text in memory on one core, warm:
//! `cargo bench --no-default-features --bench warm -- [--rules COUNT] [FILE|DIRECTORY…]` (its own sources where none is
//! named). COUNT made-up kinds come on top of the built-in ones. A file is repeated, of a directory the first files are taken.

#[path = "synthetic/mod.rs"]
#[allow(clippy::indexing_slicing, clippy::string_slice, reason = "tables of its own, and names in ASCII")]
mod synthetic;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use stanch::engine::{Engine, Scratch};
use stanch::rules::{Catalogue, builtin, check_files};

/// What is held in memory of each corpus: more than any cache.
const ENOUGH: usize = 64 << 20;
/// How often it is scanned after the first time; the fastest counts.
const TIMES: usize = 5;

#[allow(clippy::print_stdout, reason = "a measurement says its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut named: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut more = 0;
    if let Some(at) = named.iter().position(|argument| argument == "--rules") {
        more = named.get(at + 1).ok_or("--rules wants a number")?.parse()?;
        named.drain(at..at + 2);
    }
    let start = Clock::start();
    let catalogue = builtin();
    let rules = start.millis();
    let engine = Engine::new(Arc::clone(&catalogue))?;
    println!("start: {} kinds in {rules:.2} ms, with the first pass {:.2} ms", catalogue.kinds().len(), start.millis());
    let engine = if more > 0 { Engine::new(with(&catalogue, more)?)? } else { engine };
    println!("kinds: {}", engine.catalogue().kinds().len());
    if named.is_empty() {
        named.push(concat!(env!("CARGO_MANIFEST_DIR"), "/src").to_owned());
    }
    for name in named {
        let texts = taken(Path::new(&name))?;
        let bytes: usize = texts.iter().map(Vec::len).sum();
        let mut scratch = Scratch::new();
        let mut rates = Vec::new();
        let (mut hits, mut searched) = (0_u64, 0);
        for _ in 0..=TIMES {
            (hits, searched) = (0, 0);
            let start = Clock::start();
            for text in &texts {
                engine.scan(text, &mut scratch, &mut |_| hits += 1);
                searched += scratch.searched();
            }
            rates.push(bytes as f64 / 1e3 / start.millis());
        }
        let first = rates.first().copied().unwrap_or(0.0);
        let best = rates.iter().copied().fold(0.0, f64::max);
        let share = searched as f64 * 100.0 / bytes.max(1) as f64;
        println!(
            "{name}: {best:.0} MB/s, the first time {first:.0}; {hits} hits in {bytes} bytes, {share:.2}% given to patterns"
        );
    }
    Ok(())
}

/// The built-in kinds and so many made-up ones.
fn with(builtin: &Catalogue, more: usize) -> Result<Arc<Catalogue>, Box<dyn Error>> {
    let files: Vec<_> = synthetic::files(more).into_iter().map(|(name, text)| (PathBuf::from(name), text)).collect();
    Ok(Arc::new(check_files(builtin, &files).map_err(|problems| format!("{} mistakes", problems.len()))?))
}

/// The texts of a corpus: a file over and over, or the files of a directory in the order of their names.
fn taken(path: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    if path.is_file() {
        let once = fs::read(path)?;
        return Ok(vec![once.repeat(ENOUGH.div_ceil(once.len().max(1)))]);
    }
    let (mut texts, mut bytes) = (Vec::new(), 0);
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let sort = entry.file_type()?;
            if sort.is_dir() {
                folders.push(entry.path());
            } else if sort.is_file() && bytes < ENOUGH {
                let text = fs::read(entry.path())?;
                if !text.iter().take(8_000).any(|byte| *byte == 0) {
                    bytes += text.len();
                    texts.push(text);
                }
            }
        }
    }
    Ok(texts)
}

/// Processor time of this thread where the system tells it, else time on the wall.
struct Clock {
    wall: Instant,
    cpu: Option<u64>,
}

#[allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]
impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: Self::spent() }
    }

    fn spent() -> Option<u64> {
        fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
    }

    fn millis(&self) -> f64 {
        match (self.cpu, Self::spent()) {
            (Some(then), Some(now)) => now.saturating_sub(then) as f64 / 1e6,
            _ => self.wall.elapsed().as_secs_f64() * 1e3,
        }
    }
}
