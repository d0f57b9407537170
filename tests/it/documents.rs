//! The pages keep pace with the program: links lead somewhere, exit codes are the ones the program prints, and scripts
//! that a page names can be run.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Markdown files at the top and under `docs/`.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join("docs")];
    let top = fs::read_dir(root()).expect("the top folder").map(|entry| entry.expect("a readable entry").path());
    found.extend(top.filter(|path| path.extension().is_some_and(|e| e == "md")));
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of pages") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() >= 5, "pages are missing: {found:?}");
    found
}

/// Where the links of a page lead, without what follows `#`.
fn links(page: &str) -> Vec<&str> {
    page.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

/// The whole numbers of a text that stand as words of their own.
fn numbers(text: &str) -> BTreeSet<u16> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for path in pages() {
        let page = read(&path);
        for target in links(&page) {
            seen += 1;
            if !path.parent().expect("a folder").join(target).exists() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen > 5, "only {seen} links were read");
}

#[test]
fn the_readme_lists_the_exit_codes_of_the_program() {
    let readme = read(&root().join("README.md"));
    let section = readme.split("\n## ").find(|section| section.starts_with("Exit codes")).expect("the section");
    let listed: BTreeSet<u16> = section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| code"))
        .flat_map(|line| numbers(line.split('|').nth(1).unwrap_or_default()))
        .collect();

    let out = Command::new(env!("CARGO_BIN_EXE_stanch")).args(["scan", "--help"]).output().expect("the program runs");
    let help = String::from_utf8(out.stdout).expect("text");
    let printed = help.split_once("Exit codes:").expect("the help lists exit codes").1;
    let printed = numbers(printed.split("If several").next().unwrap_or_default());
    assert_eq!(listed, printed);
}

#[cfg(unix)]
#[test]
fn scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;
    for script in [".ci/run", "tests/run", "tests/real/postgres.sh", "tests/real/moto.sh", "tests/real/vault.sh"] {
        let mode = fs::metadata(root().join(script)).unwrap_or_else(|e| panic!("{script}: {e}")).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} is not executable");
    }
}

#[test]
fn every_decision_has_a_number_of_its_own() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(root().join("docs/decisions")).expect("the decisions") {
        let name = entry.expect("a readable entry").file_name().to_string_lossy().into_owned();
        let (number, rest) = name.split_once('-').unwrap_or_else(|| panic!("{name}: NNNN-title.md"));
        assert!(number.len() == 4 && rest.ends_with(".md"), "{name}: NNNN-title.md");
        let number: u16 = number.parse().unwrap_or_else(|_| panic!("{name}: NNNN-title.md"));
        let first = read(&root().join("docs/decisions").join(&name));
        assert!(first.starts_with(&format!("# {number}. ")), "{name}: its title has another number");
        assert!(seen.insert(number), "{name}: the number is taken");
    }
    assert_eq!(seen.len(), usize::from(seen.last().copied().unwrap_or_default()), "a number is missing");
}

/// The blocks of a page in this language.
#[cfg(feature = "rotate")]
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

#[cfg(feature = "rotate")]
#[test]
fn the_operators_files_on_the_pages_are_taken() {
    let readme = read(&root().join("README.md"));
    let alerts = read(&root().join("docs/alerts.md"));
    let approvals = read(&root().join("docs/approvals.md"));
    let leases = read(&root().join("docs/leases.md"));
    for (page, least, text) in [
        ("README.md", 3, &readme),
        ("docs/alerts.md", 1, &alerts),
        ("docs/approvals.md", 3, &approvals),
        ("docs/leases.md", 1, &leases),
    ] {
        let blocks = blocks(text, "yaml");
        assert!(blocks.len() >= least, "{page}");
        let world = crate::world::World::bare();
        world.write("o.yaml", blocks.concat());
        world.stanch(&["drain", "--config", "o.yaml"]).expect(0).says("no daemon runs here");
    }
}

#[cfg(feature = "rotate")]
#[test]
fn the_commands_on_the_first_page_are_commands() {
    let readme = read(&root().join("README.md"));
    let lines = blocks(&readme, "sh").into_iter().flat_map(str::lines);
    let mut seen = 0;
    for line in lines {
        let command = line.split(" #").next().unwrap_or_default().split(" < ").next().unwrap_or_default();
        let Some(words) = command.strip_prefix("STANCH_BASE=origin/main ").unwrap_or(command).strip_prefix("stanch ")
        else {
            continue;
        };
        seen += 1;
        let words: Vec<&str> = words.split_whitespace().chain(["--help"]).collect();
        let ran = crate::world::World::bare().stanch(&words);
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    }
    assert!(seen >= 8, "only {seen} commands were read");
}
