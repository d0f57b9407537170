//! Any bytes as an archive, a document or an image, and what they hold likewise: within the budget, or a named error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;
use stanch::archive::{self, Budget, Input, Item};

const DEPTH: usize = 3;
const HEAD: usize = 64 << 10;
/// Names that tell where first bytes do not.
const NAMES: [&str; 5] = ["", "a.pyc", "a.ipynb", "a.tar", "a.br"];

fuzz_target!(|bytes: &[u8]| {
    for name in NAMES {
        let mut budget = Budget { bytes: 4 << 20, members: 2_000, largest_bytes: 1 << 20 };
        open(bytes, name, &mut budget, 0);
    }
});

fn open(bytes: &[u8], name: &str, budget: &mut Budget, depth: usize) {
    let told = archive::sniff(&bytes[..bytes.len().min(HEAD)], name).or_else(|| archive::behind(bytes));
    let Some(format) = told else { return };
    let before = budget.bytes;
    let mut inner = budget.clone();
    let mut expanded = 0;
    let mut members = Vec::new();
    let _damage = archive::open(format, name, Input::Bytes(bytes), budget, &mut |item| {
        let (Item::Member { name, .. } | Item::Missed { name, .. }) = &item;
        assert!(!name.chars().any(char::is_control), "a name that is not safe to show");
        if let Item::Member { name, bytes, .. } = item {
            expanded += bytes.len() as u64;
            if members.len() < 8 {
                members.push((name.to_owned(), bytes.to_vec()));
            }
        }
        ControlFlow::Continue(())
    });
    assert!(expanded <= before, "{expanded} bytes out of a budget of {before}");
    if depth < DEPTH {
        for (name, bytes) in members {
            inner.bytes = inner.bytes.min(1 << 20);
            open(&bytes, &name, &mut inner, depth + 1);
        }
    }
}
