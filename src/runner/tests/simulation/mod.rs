//! The real core and the real runner, in a world of one seed: a virtual time, a network, two machines that may both take
//! the case, a person, a thief. The invariants of the contract are asserted from outside, after everything that happens.
//!
//! `STANCH_SEED=n cargo test --lib runner::tests::simulation` runs one seed again and tells its story; `STANCH_RUNS=n` runs
//! another number of them; with 10,000 or more, every cell of the table of stage and trouble must have been reached.

mod case;
mod coverage;
mod desk;
mod life;
mod outside;
mod pairs;
mod strays;
mod time;
mod trouble;
mod truth;

use super::super::*;
use case::Case;
use life::Life;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use trouble::Table;

const RUNS: u64 = 10_000;
/// From so many on, every cell of the table must have been reached.
const WHOLE: u64 = 10_000;
/// The seeds are run by so many threads; each run is a thread's own.
const THREADS: usize = 2;

/// How runs ended, and what went wrong in them.
#[derive(Default)]
struct Sum {
    ends: BTreeMap<String, u64>,
    table: Table,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs one seed; where it fails, again, with its story.
fn run(seed: u64, sum: &Mutex<Sum>) -> Result<(), String> {
    let case = Case::new(seed, false);
    match catch_unwind(AssertUnwindSafe(|| Life::new(&case).run())) {
        Ok(outcome) => {
            let mut sum = sum.lock().unwrap();
            *sum.ends.entry(format!("{outcome:?}")).or_default() += 1;
            for (cell, count) in case.trouble.table() {
                *sum.table.entry(cell).or_default() += count;
            }
            Ok(())
        }
        Err(_) => Err(story(seed)),
    }
}

/// What a panic says.
fn words(cause: Box<dyn std::any::Any + Send>) -> String {
    match cause.downcast::<String>() {
        Ok(words) => *words,
        Err(cause) => cause.downcast_ref::<&str>().map(|words| (*words).to_owned()).unwrap_or_default(),
    }
}

fn story(seed: u64) -> String {
    let case = Case::new(seed, true);
    let words = match catch_unwind(AssertUnwindSafe(|| Life::new(&case).run())) {
        Ok(outcome) => format!("it ends {outcome:?}"),
        Err(cause) => words(cause),
    };
    let again = format!("STANCH_SEED={seed} cargo test --lib runner::tests::simulation");
    format!("{}\n{:?}\nseed {seed}: {words}\nagain: {again}", case.trouble.story(), case.abilities)
}

#[test]
fn rotations_of_drawn_trouble_keep_the_invariants_and_end() {
    let (only, runs) = (number("STANCH_SEED"), number("STANCH_RUNS").unwrap_or(RUNS));
    if let Some(seed) = only {
        return run(seed, &Mutex::default()).unwrap_or_else(|story| panic!("{story}"));
    }
    let (sum, next, failed) = (Mutex::new(Sum::default()), AtomicU64::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::SeqCst)).filter(|seed| *seed < runs) {
                    if let Err(story) = run(seed, &sum) {
                        next.store(runs, Ordering::SeqCst);
                        failed.lock().unwrap().get_or_insert(story);
                    }
                }
            });
        }
    });
    if let Some(story) = failed.into_inner().unwrap() {
        panic!("{story}");
    }
    let Sum { ends, table } = sum.into_inner().unwrap();
    coverage::print(&table, runs, &ends);
    if runs >= WHOLE {
        coverage::is_whole(&table);
        for end in ["Rotated", "RolledBack(Ordered)", "RolledBack(Unhealthy)", "AlreadyDead", "Abandoned"] {
            assert!(ends.get(end).is_some_and(|count| *count > 20), "too few runs end {end}: {ends:?}");
        }
    }
}
