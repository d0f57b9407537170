//! The house as `docs/architecture.md` draws it: who may import whom, how long a file may be, what it may not be called.
//! The page is the rule; this file only reads it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE_LINES: usize = 600;
const BANNED_NAMES: [&str; 5] = ["util", "utils", "helpers", "common", "misc"];

/// One row of the table of rooms.
struct Room {
    layer: u32,
    may_import: BTreeSet<String>,
}

/// What the page says.
struct House {
    rooms: BTreeMap<String, Room>,
    /// Seam → its adapters.
    adapters: BTreeMap<String, BTreeSet<String>>,
    /// Seam → files beside the adapters.
    beside: BTreeMap<String, BTreeSet<String>>,
}

/// A place in the source that names something of the crate: `first` is the room, `second` what follows it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    line: usize,
    first: String,
    second: Option<String>,
    in_tests: bool,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The words between backticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

fn read_house(page: &str) -> House {
    let mut house = House { rooms: BTreeMap::new(), adapters: BTreeMap::new(), beside: BTreeMap::new() };
    let mut header = Vec::new();
    let mut everything_below = Vec::new();
    for line in page.lines() {
        if !line.starts_with('|') {
            header.clear();
            continue;
        }
        let row = cells(line);
        if header.is_empty() {
            header = row;
            continue;
        }
        if row[0].starts_with("--") {
            continue;
        }
        match header[..] {
            ["layer", "module", _, "may import"] => {
                let layer = row[0].parse().unwrap_or_else(|_| panic!("not a layer: {line}"));
                let name = quoted(row[1]).pop_first().unwrap_or_else(|| panic!("no module: {line}"));
                if row[3] == "everything below" {
                    everything_below.push(name.clone());
                } else {
                    assert!(row[3] == "nothing" || !quoted(row[3]).is_empty(), "cannot read: {line}");
                }
                let twice = house.rooms.insert(name, Room { layer, may_import: quoted(row[3]) });
                assert!(twice.is_none(), "listed twice: {line}");
            }
            ["seam", "adapters", "beside them"] => {
                let seam = quoted(row[0]).pop_first().unwrap_or_else(|| panic!("no seam: {line}"));
                house.beside.insert(seam.clone(), quoted(row.get(2).copied().unwrap_or("")));
                house.adapters.insert(seam, quoted(row[1]));
            }
            _ => {}
        }
    }
    let layers: BTreeMap<String, u32> = house.rooms.iter().map(|(name, room)| (name.clone(), room.layer)).collect();
    for name in everything_below {
        let own = layers[&name];
        house.rooms.get_mut(&name).expect("just read").may_import =
            layers.iter().filter(|(_, layer)| **layer < own).map(|(other, _)| other.clone()).collect();
    }
    house
}

/// What is wrong with the page itself: a row that allows what no row may.
fn contradictions(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    for (name, room) in &house.rooms {
        for other in &room.may_import {
            match house.rooms.get(other) {
                None => found.push(format!("docs/architecture.md lets {name} import {other}, which is no room")),
                Some(lower) if lower.layer >= room.layer => {
                    found.push(format!("docs/architecture.md lets {name} import {other}, which is not below it"));
                }
                Some(_) => {}
            }
        }
    }
    found
}

/// The source with comments and the insides of literals blanked, line breaks kept.
fn code_only(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => end_of_comment(rest),
            ['r', '"' | '#', ..] if !follows_word(&bytes, at) => end_of_raw(rest),
            ['"', ..] => end_of_string(rest),
            ['\'', '\\', ..] => rest.iter().skip(3).position(|c| *c == '\'').map_or(rest.len(), |n| n + 4),
            ['\'', _, '\'', ..] => 3,
            _ => 0,
        };
        if end == 0 {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(rest[..end].iter().map(|c| blank(*c)));
            at += end;
        }
    }
    out
}

fn follows_word(text: &[char], at: usize) -> bool {
    at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_') && !matches!(text[at - 1], 'b' | 'c')
}

fn end_of_comment(text: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match text[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn end_of_string(text: &[char]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The end of `r#"…"#`; 0 if it is a raw identifier or no literal at all.
fn end_of_raw(text: &[char]) -> usize {
    let hashes = text.iter().skip(1).take_while(|c| **c == '#').count();
    if text.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = &text[2 + hashes..];
    body.windows(close.len()).position(|window| window == close).map_or(text.len(), |n| 2 + hashes + n + close.len())
}

/// Splits code into words and single signs, each with its line; `::` is one sign.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_whitespace() {
                continue;
            }
            let mut word = c.to_string();
            if c.is_alphanumeric() || c == '_' {
                while let Some(next) = chars.next_if(|n| n.is_alphanumeric() || *n == '_') {
                    word.push(next);
                }
            } else if c == ':' && chars.next_if_eq(&':').is_some() {
                word.push(':');
            }
            found.push((number + 1, word));
        }
    }
    found
}

/// The index after the path that starts at `at` (just after a `::`), having pushed each leaf below the root.
fn read_tree(words: &[(usize, String)], at: usize, in_tests: bool, found: &mut Vec<Named>) -> usize {
    let Some((line, word)) = words.get(at) else { return at };
    if word != "{" {
        let (mut second, mut next) = (Vec::new(), at + 1);
        if words.get(next).is_some_and(|(_, w)| w == "::") {
            next = read_seconds(words, next + 1, &mut second);
        }
        let first = word.clone();
        if second.is_empty() {
            found.push(Named { line: *line, first, second: None, in_tests });
        } else {
            found.extend(second.into_iter().map(|name| Named {
                line: *line,
                first: first.clone(),
                second: Some(name),
                in_tests,
            }));
        }
        return next;
    }
    let mut next = at + 1;
    while let Some((_, word)) = words.get(next) {
        next = match word.as_str() {
            "}" => return next + 1,
            "," => next + 1,
            _ => after_rest(words, read_tree(words, next, in_tests, found)),
        };
    }
    next
}

/// Reads what stands after `room::`: one name, or the first names of a group.
fn read_seconds(words: &[(usize, String)], at: usize, found: &mut Vec<String>) -> usize {
    match words.get(at).map(|(_, w)| w.as_str()) {
        Some("{") => {
            let mut next = at + 1;
            while let Some((_, word)) = words.get(next) {
                match word.as_str() {
                    "}" => return next + 1,
                    "," => next += 1,
                    _ => {
                        found.push(word.clone());
                        next = after_rest(words, next + 1);
                    }
                }
            }
            next
        }
        Some(word) => {
            found.push(word.to_owned());
            at + 1
        }
        None => at,
    }
}

/// Skips the deeper part of a path, with its groups, up to the `,` or `}` that ends it.
fn after_rest(words: &[(usize, String)], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some((_, word)) = words.get(at) {
        match word.as_str() {
            "{" => depth += 1,
            "}" | "," if depth == 0 => return at,
            "}" => depth -= 1,
            ";" => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Everything of the crate that a file names. `depth` is how many modules the file lies below the root of the crate.
fn named(source: &str, depth: usize) -> Vec<Named> {
    let words = tokens(&code_only(source));
    let word = |at: usize| words.get(at).map_or("", |(_, w)| w.as_str());
    let mut found = Vec::new();
    let mut in_tests = false;
    let mut at = 0;
    while at < words.len() {
        // Tests stand last in a file, so what follows belongs to them.
        in_tests |= word(at) == "mod" && word(at + 1) == "tests" && word(at + 2) == "{";
        let start = at;
        if word(at) == "crate" && word(at + 1) == "::" && (start == 0 || word(start - 1) != "$") {
            at = read_tree(&words, at + 2, in_tests, &mut found);
            continue;
        }
        let mut supers = 0;
        while word(at) == "super" && word(at + 1) == "::" {
            (supers, at) = (supers + 1, at + 2);
        }
        if supers >= depth + usize::from(in_tests) && supers > 0 {
            at = read_tree(&words, at, in_tests, &mut found);
        } else if supers == 0 {
            at += 1;
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display())) {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The modules a file stands for, from the root of the crate: `src/store/mod.rs` is `[store]`.
fn modules(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path.with_extension("").iter().map(|p| p.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// What one file does that its room may not.
fn trespasses(house: &House, path: &Path, source: &str) -> Vec<String> {
    let modules = modules(path);
    let own = &modules[0];
    let Some(room) = house.rooms.get(own) else {
        return vec![format!("src/{}: {own} is not in the table of rooms", path.display())];
    };
    let whole_file_is_tests = modules.iter().any(|module| module == "tests");
    let mut found = Vec::new();
    for named in named(source, modules.len()) {
        let Named { line, first, second, .. } = &named;
        let at = format!("src/{}:{line}", path.display());
        if first == own || !house.rooms.contains_key(first) {
            continue;
        }
        if !room.may_import.contains(first) {
            found.push(format!("{at}: {own} names {first}, which its row does not allow"));
        }
        let in_tests = named.in_tests || whole_file_is_tests;
        if let (Some(adapters), Some(second)) = (house.adapters.get(first), second)
            && adapters.contains(second)
            && own != "wiring"
            && !in_tests
        {
            found.push(format!("{at}: {own} names the adapter {first}::{second}; only wiring may"));
        }
    }
    found.dedup();
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let folder = root().join("src");
    rust_files(&folder)
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (path.strip_prefix(&folder).expect("below src").to_path_buf(), text)
        })
        .collect()
}

fn house() -> House {
    let page = fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md");
    read_house(&page)
}

#[test]
fn imports_go_where_the_page_lets_them() {
    let house = house();
    let mut found = contradictions(&house);
    for (path, source) in sources() {
        if !matches!(path.to_str(), Some("lib.rs" | "main.rs")) {
            found.extend(trespasses(&house, &path, &source));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_room_is_on_the_page_and_every_row_is_a_room() {
    let built: BTreeSet<String> = sources()
        .iter()
        .map(|(path, _)| modules(path)[0].clone())
        .filter(|name| !matches!(name.as_str(), "lib" | "main"))
        .collect();
    let drawn: BTreeSet<String> = house().rooms.into_keys().collect();
    assert_eq!(built, drawn);
}

#[test]
fn every_file_of_a_seam_is_on_the_page() {
    let house = house();
    for (seam, adapters) in &house.adapters {
        let folder = root().join("src").join(seam);
        let built: BTreeSet<String> = rust_files(&folder)
            .iter()
            .map(|path| modules(path.strip_prefix(&folder).expect("below the seam")))
            .filter_map(|parts| parts.first().cloned())
            .filter(|name| name != "tests")
            .collect();
        let drawn: BTreeSet<String> = adapters.union(&house.beside[seam]).cloned().collect();
        assert_eq!(built, drawn, "files of {seam}");
    }
}

#[test]
fn files_are_short_and_say_what_they_own() {
    let mut found = Vec::new();
    for (path, source) in sources() {
        let lines = source.lines().count();
        if lines > LONGEST_FILE_LINES {
            found.push(format!("src/{}: {lines} lines, {LONGEST_FILE_LINES} at most", path.display()));
        }
        for part in modules(&path) {
            if BANNED_NAMES.contains(&part.as_str()) {
                found.push(format!("src/{}: {part} says nothing", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = root().join("tests/it");
    let main = code_only(&fs::read_to_string(folder.join("main.rs")).expect("tests/it/main.rs"));
    let words = tokens(&main);
    let listed: BTreeSet<&str> =
        words.windows(2).filter(|pair| pair[0].1 == "mod").map(|pair| pair[1].1.as_str()).collect();
    let mut forgotten = Vec::new();
    for entry in fs::read_dir(&folder).expect("tests/it") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let counts = path.extension().is_some_and(|e| e == "rs") || path.join("mod.rs").exists();
        if counts && name != "main" && !listed.contains(name.as_str()) {
            forgotten.push(name);
        }
    }
    assert!(forgotten.is_empty(), "tests/it/main.rs does not list {forgotten:?}");
}

#[test]
fn paths_are_read_in_every_form() {
    let source = r##"
        //! see [`crate::cli`]
        use crate::model::{Secret, ids::KindId};
        use crate::{rules, store::{aws::Store, memory}, clock::Clock as Time};
        const TEXT: &str = "crate::runner::x"; const RAW: &str = r#"crate::demo "quoted" "#;
        fn f<'a>(x: &'a str) { let _ = ('"', '\''); crate::journal::open(); super::super::scan::go(); super::near(); }
        #[cfg(test)] mod tests { use crate::provider::memory::Memory; use super::super::super::report; use super::super::x; }
    "##;
    let found: Vec<(String, Option<String>, bool)> =
        named(source, 2).into_iter().map(|n| (n.first, n.second, n.in_tests)).collect();
    let row = |first: &str, second: Option<&str>, tests| (first.to_owned(), second.map(str::to_owned), tests);
    assert_eq!(
        found,
        [
            row("model", Some("Secret"), false),
            row("model", Some("ids"), false),
            row("rules", None, false),
            row("store", Some("aws"), false),
            row("store", Some("memory"), false),
            row("clock", Some("Clock"), false),
            row("journal", Some("open"), false),
            row("scan", Some("go"), false),
            row("provider", Some("memory"), true),
            row("report", None, true),
        ]
    );
}

#[test]
fn trespasses_are_seen() {
    let house = house();
    let seen = |path: &str, source: &str| trespasses(&house, Path::new(path), source);
    assert_eq!(seen("engine/mod.rs", "use crate::model::Secret; use crate::engine::x;"), Vec::<String>::new());
    assert_eq!(
        seen("engine/mod.rs", "use crate::{model, source::Blob};"),
        ["src/engine/mod.rs:1: engine names source, which its row does not allow"]
    );
    assert_eq!(
        seen("runner/hands.rs", "\nuse crate::store::{SecretStore, vault};"),
        ["src/runner/hands.rs:2: runner names the adapter store::vault; only wiring may"]
    );
    assert_eq!(seen("wiring.rs", "use crate::store::vault::Vault;"), Vec::<String>::new());
    let tests = "mod tests { use crate::store::memory::MemoryStore; }";
    assert_eq!(seen("runner/mod.rs", tests), Vec::<String>::new());
    assert_eq!(seen("runner/tests.rs", "use crate::store::memory::MemoryStore;"), Vec::<String>::new());
    assert_eq!(seen("attic/mod.rs", ""), ["src/attic/mod.rs: attic is not in the table of rooms"]);
}

#[test]
fn a_row_may_not_allow_what_is_not_below() {
    let page = "| layer | module | owns | may import |\n|---|---|---|---|\n\
                | 0 | `a` | | nothing |\n| 1 | `b` | | `a` `c` `d` |\n| 1 | `c` | | `b` |\n| 2 | `e` | | everything below |\n";
    let house = read_house(page);
    assert_eq!(contradictions(&house).len(), 3);
    assert_eq!(house.rooms["e"].may_import.len(), 3);
}
