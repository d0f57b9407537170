//! Any bytes as a pack and its index: objects or named faults, and what is new in an object lies in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::atomic::{AtomicUsize, Ordering};
use stanch::source::git::pack::{Flow, HashKind, Item, Kinds, Known, Objects, Walk};

// One byte for the hash, four for the length of the pack, the pack, and its index.
fuzz_target!(|input: &[u8]| {
    let Some(([hash, a, b, c, d], rest)) = input.split_first_chunk::<5>() else { return };
    let hash = if hash & 1 == 1 { HashKind::Sha256 } else { HashKind::Sha1 };
    let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    let (pack, index) = rest.split_at(length.min(rest.len()));
    let Ok(objects) = Objects::held(pack.to_vec(), index.to_vec(), hash) else { return };
    let seen = AtomicUsize::new(0);
    let walk = Walk { jobs: 1, kinds: Kinds::ALL, limit: 1 << 20, known: &|_| Known::New };
    objects.walk(&walk, &|item| {
        if let Item::Object(object) = item {
            for fresh in object.fresh.unwrap_or_default() {
                assert!(fresh.start <= fresh.end && fresh.end <= object.bytes.len(), "{fresh:?}");
            }
        }
        if seen.fetch_add(1, Ordering::Relaxed) > 10_000 { Flow::Stop } else { Flow::Loud }
    });
});
