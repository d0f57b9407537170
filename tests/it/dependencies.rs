//! What the program is made of: how many crates, under which licences, from where. `deny.toml` is the rule; the part of it
//! that needs nothing but cargo is checked here, so that it holds where `cargo deny` is not installed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The scan-and-hook program is meant to be read and built in a coffee break.
const MOST_CRATES_WITHOUT_FEATURES: usize = 150;

const WITHOUT_FEATURES: &[&str] = &["--no-default-features"];
const WITH_ALL: &[&str] = &["--all-features"];

/// One crate of a resolved tree.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
}

/// The crates that are built into the program or run while it is built, itself included, each once.
fn tree(features: &[&str]) -> BTreeSet<Crate> {
    let out = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}|{l}"])
        .args(features)
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("text");
    let crates: BTreeSet<Crate> = text.lines().filter(|line| !line.trim().is_empty()).map(read_line).collect();
    assert!(crates.len() > 20, "cargo tree said too little:\n{text}");
    crates
}

/// Reads `name v1.2.3 (proc-macro)|MIT OR Apache-2.0`, with ` (*)` after it if the crate was listed before.
fn read_line(line: &str) -> Crate {
    let line = line.trim_end_matches(" (*)");
    let (package, licence) = line.rsplit_once('|').unwrap_or_else(|| panic!("cannot read: {line}"));
    let mut words = package.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("cannot read: {line}")).to_owned();
    Crate { name: word(), version: word().trim_start_matches('v').to_owned(), licence: licence.trim().to_owned() }
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The strings of a list in `deny.toml`, comments left out.
fn list(text: &str, key: &str) -> Vec<String> {
    let start = text.find(&format!("\n{key} = [")).unwrap_or_else(|| panic!("deny.toml has no {key}"));
    let rest = &text[start + 1..];
    let end = rest.find("\n]").or_else(|| rest.find(']')).unwrap_or_else(|| panic!("{key} has no end"));
    rest[..end].lines().skip(1).filter_map(|line| line.trim().split('"').nth(1).map(str::to_owned)).collect()
}

/// Whether a licence expression can be met with the allowed ones.
fn met(expression: &str, allowed: &[String]) -> bool {
    let words = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words: Vec<&str> = words.split_whitespace().collect();
    words.reverse();
    either(&mut words, allowed) && words.is_empty()
}

fn either(words: &mut Vec<&str>, allowed: &[String]) -> bool {
    let mut good = both(words, allowed);
    while words.last() == Some(&"OR") {
        words.pop();
        good |= both(words, allowed);
    }
    good
}

fn both(words: &mut Vec<&str>, allowed: &[String]) -> bool {
    let mut good = one(words, allowed);
    while words.last() == Some(&"AND") {
        words.pop();
        good &= one(words, allowed);
    }
    good
}

fn one(words: &mut Vec<&str>, allowed: &[String]) -> bool {
    match words.pop() {
        Some("(") => {
            let good = either(words, allowed);
            words.pop() == Some(")") && good
        }
        Some(name) => {
            let mut name = name.to_owned();
            while words.last() == Some(&"WITH") {
                words.pop();
                name = format!("{name} WITH {}", words.pop().unwrap_or_default());
            }
            allowed.contains(&name)
        }
        None => false,
    }
}

#[test]
fn the_finding_wing_alone_is_small() {
    let crates = tree(WITHOUT_FEATURES);
    assert!(
        crates.len() <= MOST_CRATES_WITHOUT_FEATURES,
        "{} crates, {MOST_CRATES_WITHOUT_FEATURES} at most",
        crates.len()
    );
    let network: Vec<&str> = crates
        .iter()
        .map(|found| found.name.as_str())
        .filter(|name| ["tokio", "reqwest", "hyper", "sqlx", "aws-config", "rustls"].contains(name))
        .collect();
    assert!(network.is_empty(), "a scan needs none of {network:?}");
}

#[test]
fn no_tree_holds_openssl() {
    for features in [WITHOUT_FEATURES, WITH_ALL] {
        let crates = tree(features);
        let found: Vec<_> = crates
            .iter()
            .filter(|found| ["openssl", "openssl-sys", "native-tls"].contains(&found.name.as_str()))
            .collect();
        assert!(found.is_empty(), "{features:?}: {found:?}");
    }
}

#[test]
fn licences_are_listed() {
    let allowed = list(&read("deny.toml"), "allow");
    let crates = tree(WITH_ALL);
    let found: Vec<_> = crates.iter().filter(|found| !met(&found.licence, &allowed)).collect();
    assert!(found.is_empty(), "not allowed by deny.toml: {found:#?}");
}

#[test]
fn versions_that_stand_twice_are_listed_with_a_reason() {
    let text = read("deny.toml");
    let skipped: BTreeSet<String> = list(&text, "skip").into_iter().collect();
    let without_reason =
        text.lines().filter(|line| line.contains("{ crate =") && !line.contains("reason = \"")).count();
    assert_eq!(without_reason, 0, "an exception in deny.toml has no reason");

    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for found in tree(WITH_ALL) {
        let of_name = versions.entry(found.name).or_default();
        if !of_name.contains(&found.version) {
            of_name.push(found.version);
        }
    }
    for (name, of_name) in versions.into_iter().filter(|(_, of_name)| of_name.len() > 1) {
        let left = of_name.iter().filter(|version| !skipped.contains(&format!("{name}@{version}"))).count();
        assert_eq!(left, 1, "{name} stands at {of_name:?}; deny.toml must skip all but one of them, with a reason");
    }
}

#[test]
fn everything_comes_from_one_registry() {
    let lock = read("Cargo.lock");
    let sources: BTreeSet<&str> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.iter().all(|source| source.starts_with("\"registry+https://")), "{sources:?}");
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    for good in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(MIT OR GPL-3.0) AND ISC", "Apache-2.0 WITH LLVM-exception"] {
        assert!(met(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR ISC) AND GPL-3.0", "MIT ISC"] {
        assert!(!met(bad, &allowed), "{bad}");
    }
}
