//! What the real programs write: `tests/real/containers.sh` makes the samples, each with one token in it.

use super::ROOM;
use crate::archive::{ArchiveError, Format, Input, Item, behind, open, sniff};
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// What came of opening everything in it, as deep as it goes.
#[derive(Default)]
struct Seen {
    found: bool,
    errors: Vec<ArchiveError>,
}

fn look(name: &str, bytes: &[u8], token: &[u8], depth: usize, seen: &mut Seen) {
    let Some(format) = told(name, bytes).filter(|_| depth > 0) else {
        seen.found |= alone(bytes, token);
        return;
    };
    if !format.hands_over_all() {
        seen.found |= alone(bytes, token);
    }
    let mut errors = Vec::new();
    let end = open(format, name, Input::Bytes(bytes), &mut ROOM.clone(), &mut |item| {
        match item {
            Item::Member { name, bytes, .. } => look(name, bytes, token, depth - 1, seen),
            Item::Missed { error, .. } => errors.push(error),
        }
        ControlFlow::Continue(())
    });
    seen.errors.extend(errors);
    seen.errors.extend(end.err());
}

/// As a scan tells it: by how it begins and what it is called, or else by all of it.
fn told(name: &str, bytes: &[u8]) -> Option<Format> {
    sniff(&bytes[..bytes.len().min(1 << 16)], name).or_else(|| behind(bytes))
}

/// True where it stands there with nothing before or behind it that tokens are made of, in one byte a letter or in two.
fn alone(bytes: &[u8], token: &[u8]) -> bool {
    let wide: Vec<u8> = token.iter().flat_map(|byte| [*byte, 0]).collect();
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let wide = memchr::memmem::find(bytes, &wide).is_some();
    wide || memchr::memmem::find_iter(bytes, token)
        .any(|at| !part(at.checked_sub(1).and_then(|at| bytes.get(at))) && !part(bytes.get(at + token.len())))
}

fn word(error: &ArchiveError) -> &'static str {
    match error {
        ArchiveError::Damaged { .. } => "damaged",
        ArchiveError::Encrypted => "encrypted",
        ArchiveError::Unsupported { .. } => "unsupported",
        ArchiveError::Absent { .. } => "absent",
        ArchiveError::OverBudget | ArchiveError::TooMany => "too much",
    }
}

#[test]
#[ignore = "needs the containers that tests/run has the real programs write"]
fn what_real_programs_write_is_read_or_named() {
    let folder = PathBuf::from(std::env::var_os("STANCH_TEST_CONTAINERS").expect("tests/run sets where they are"));
    let token = fs::read(folder.join("token")).unwrap();
    let expected = fs::read_to_string(folder.join("expected")).unwrap();
    let mut wrong = Vec::new();
    for line in expected.lines() {
        let (name, what) = line.split_once('\t').unwrap();
        let path = folder.join("samples").join(name);
        let mut seen = Seen::default();
        let bytes = fs::read(&path).unwrap();
        look(name, &bytes, &token, 16, &mut seen);
        let came = match seen.errors.first() {
            Some(error) => word(error),
            None if seen.found => "found",
            None => "nothing",
        };
        if came != what && what != "beside its name" {
            wrong.push(format!("{name}: {came} where {what} was expected ({:?})", seen.errors));
        }
        if let Some(format) = told(name, &bytes) {
            let mut members = 0;
            let file = File::open(&path).unwrap();
            let end = open(format, name, Input::File(&file), &mut ROOM.clone(), &mut |_| {
                members += 1;
                ControlFlow::Continue(())
            });
            let stands = !format.hands_over_all();
            assert!(members > 0 || stands || end.is_err(), "{name}: nothing comes out of the file");
        }
    }
    assert!(expected.lines().count() > 60, "most containers are missing");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
