//! Any text as a rule file: kinds that can be searched with, or mistakes with a place and a remedy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::Arc;
use stanch::engine::{Engine, Scratch};
use stanch::rules::{Catalogue, check_file};

fuzz_target!(|text: &str| {
    match check_file(Path::new("fuzz.yaml"), text) {
        Ok(kinds) => {
            let Ok(catalogue) = Catalogue::new(kinds) else { return };
            let engine = Engine::new(Arc::new(catalogue)).expect("checked literals fit");
            engine.scan(text.as_bytes(), &mut Scratch::new(), &mut |_| {});
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            for problem in problems {
                assert!(problem.line > 0 && problem.column > 0 && !problem.remedy.is_empty(), "{problem}");
            }
        }
    }
});
