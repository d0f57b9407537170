//! Any bytes: no panic, hits in order and apart, each where it says it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::sync::LazyLock;
use stanch::engine::{Engine, Scratch};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(stanch::rules::builtin()).expect("an engine"));

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

fuzz_target!(|bytes: &[u8]| {
    let mut end = 0;
    SCRATCH.with_borrow_mut(|scratch| {
        ENGINE.scan(bytes, scratch, &mut |hit| {
            assert!(hit.span.start >= end, "hits overlap or are out of order");
            assert_eq!(&bytes[hit.span.start..hit.span.end], hit.secret);
            end = hit.span.end;
        });
    });
});
