//! What comes again and again in a history, packed into files of its own: it is looked through once, and said as often as it
//! stands there.

use crate::world::{World, hides, token};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        out.append_data(&mut header, name, *bytes).unwrap();
    }
    out.into_inner().unwrap()
}

fn wide(text: &str) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn lines(count: usize, seed: u64) -> String {
    (0..count as u64).map(|line| format!("line {line} of {seed}: {}\n", (line + seed).wrapping_mul(40_503))).collect()
}

/// What a scan of the history finds, without the places of objects: as what, and where.
fn findings(world: &World, more: &[&str]) -> serde_json::Value {
    let ran = world.stanch(&[&["scan", "--history", "--json"], more].concat());
    assert!(ran.code == 0 || ran.code == 1, "{}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn memory(world: &World) -> Option<PathBuf> {
    let files = std::fs::read_dir(world.outside("state/stanch/histories")).into_iter().flatten();
    files.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_none())
}

/// Versions of a large text in a gzip file, and the same text in other files, with tokens that come and go.
#[test]
fn versions_inside_of_gzip_are_told_apart() {
    let world = World::new();
    let mut all: Vec<String> = lines(4_000, 1).lines().map(ToOwned::to_owned).collect();
    let (one, two) = (token(900), token(901));
    let halves = two.split_at(21);
    for round in 0..8_usize {
        let at = 400 * round + 7;
        match round {
            2 => all[at] = format!("key = {one}"),
            3 => all.retain(|line| !line.starts_with("key")),
            4 => all[at] = halves.0.to_owned(),
            5 => all[at] = halves.1.to_owned(),
            6 => all.retain(|line| !line.starts_with("line 16")),
            _ => all[at] = format!("changed in round {round}"),
        }
        let text = all.join("\n");
        world.write("models/service.json.gz", gzip(text.as_bytes()));
        if round == 5 {
            // What stands apart in one text stands together in another one.
            let joined = text.replacen(&format!("{}\n", halves.0), halves.0, 1);
            let (before, after) = joined.split_once(halves.0).unwrap();
            let after = after.split_once(halves.1).unwrap().1;
            world.write("other.tar", tar(&[("deep/copy", format!("{before}{two}{after}").as_bytes())]));
        }
        world.git(&["add", "-A"]);
        world.git_as_kim(&["commit", "-qm", &format!("round {round}")]);
    }
    let loose = findings(&world, &["--no-cache"]);
    let places: Vec<&str> =
        loose["findings"].as_array().unwrap().iter().map(|one| one["place"]["path"].as_str().unwrap_or("")).collect();
    assert_eq!(places.len(), 2, "{loose:#}");
    for arguments in [&["repack", "-qadf", "--depth=50", "--window=50"][..], &["repack", "-qadf", "--depth=1"]] {
        world.git(arguments);
        for jobs in ["1", "3"] {
            let said = findings(&world, &["--no-cache", "--jobs", jobs]);
            let members = |said: &serde_json::Value| said["coverage"]["members"].clone();
            assert_eq!((&said["findings"], members(&said)), (&loose["findings"], members(&loose)), "{jobs}");
        }
    }
    // Each blob by itself, as a file, with nothing else in the same run.
    let listed = world.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"]).stdout;
    let mut prints: Vec<String> = Vec::new();
    for id in listed.lines().filter_map(|line| line.strip_suffix(" blob")) {
        let blob = world.command("git").args(["cat-file", "blob", id]).output().unwrap().stdout;
        std::fs::write(world.outside("blob"), blob).unwrap();
        let ran = world.stanch(&["scan", "--json", world.outside("blob").to_str().unwrap()]);
        let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        prints.extend(said["findings"].as_array().unwrap().iter().map(|one| one["fingerprint"].to_string()));
    }
    prints.sort();
    prints.dedup();
    let mut ours: Vec<String> =
        loose["findings"].as_array().unwrap().iter().map(|one| one["fingerprint"].to_string()).collect();
    ours.sort();
    assert_eq!(ours, prints);
}

/// What is copied from something that was opened, or read in another character set, was not looked through as it stands.
#[test]
fn what_is_copied_from_what_was_opened_is_looked_through() {
    let world = World::new();
    let (encoded, plain) = (token(902), lines(3_000, 2));
    let hidden: String = encoded.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    // Behind a mark of UTF-16 and much that is in it, escapes are not undone: there they are a part of noise.
    let noise = format!("{plain}{hidden}\n{plain}");
    world.commit("notes", [wide(&plain), noise.clone().into_bytes()].concat(), "wide at its start alone");
    world.commit("notes", &noise, "as it stands");
    world.git(&["repack", "-qadf", "--depth=50", "--window=50"]);
    let said = findings(&world, &["--no-cache"]);
    assert_eq!(said["findings"].as_array().unwrap().len(), 1, "{said:#}");
}

/// A first look knows no names; what is a notebook by its name alone is opened all the same, also compressed.
#[test]
fn notebooks_in_a_history_are_opened() {
    let world = World::new();
    let (one, two) = (token(903), token(904));
    let notebook = |secret: &str| {
        let (left, right) = secret.split_at(12);
        format!(r#"{{"cells": [{{"cell_type": "code", "source": ["{left}", "{right}"]}}], "nbformat": 4}}"#)
    };
    world.commit("book.ipynb", notebook(&one), "a book");
    world.commit("packed.ipynb.gz", gzip(notebook(&two).as_bytes()), "another one");
    let said = findings(&world, &["--no-cache"]);
    assert_eq!(said["findings"].as_array().unwrap().len(), 2, "{said:#}");
    assert_eq!(findings(&world, &[])["findings"], said["findings"]);
    assert_eq!(findings(&world, &[])["findings"], said["findings"]);
}

/// Archives with nothing in them are not opened again, and still counted with what they hold; a find is said again, and
/// nothing of it is kept.
#[test]
fn a_second_scan_says_the_same_of_archives_and_finds() {
    let world = World::new();
    let secret = token(905);
    world.commit("a.tar", tar(&[("one", lines(50, 3).as_bytes()), ("two", b"2")]), "quiet");
    let text = format!("{}key = {secret}\n{}", lines(50, 4), lines(9, 5));
    world.commit("b", &text, "a find");
    world.commit("deep/c", &text, "the same elsewhere");
    world.commit("d", format!("key = {secret} # more\n"), "once more");
    let whole = findings(&world, &["--no-cache"]);
    assert_eq!(whole["coverage"]["members"]["items"], 2);
    for _ in 0..3 {
        assert_eq!(findings(&world, &[]), whole);
    }
    hides(&String::from_utf8_lossy(&std::fs::read(memory(&world).unwrap()).unwrap()), &secret);
    let id = world.git(&["rev-parse", "HEAD:a.tar"]).stdout.trim().to_owned();
    let path = world.top().join(".git/objects").join(&id[..2]).join(&id[2..]);
    let (bytes, modified) = (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, vec![0x5a; bytes.len()]).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(findings(&world, &[]), whole, "it was not read");
    std::fs::write(&path, bytes).unwrap();
    // Excuses are asked anew, and so are the places.
    let print = whole["findings"][0]["fingerprint"].as_str().unwrap();
    world.write(".stanchignore", format!("{print} * * until=2999-01-01 reason=\"a sample\" by=kim\n"));
    world.stanch(&["scan", "--history"]).expect(0).says("excused: 3 by .stanchignore");
    std::fs::remove_file(world.top().join(".stanchignore")).unwrap();
    world.commit("vendor/e", &text, "in a quiet place");
    assert_eq!(findings(&world, &[])["findings"], findings(&world, &["--no-cache"])["findings"]);
}

/// Whatever a scan leaves behind that is killed while it writes down what it saw, the next one finds everything.
#[test]
fn a_scan_that_is_killed_at_any_moment_is_in_nobodys_way() {
    let world = World::new();
    for number in 0..40 {
        world.write(format!("many/{number}"), lines(300, number));
    }
    world.commit("a", format!("key = {}\n", token(906)), "leak");
    let mut whole = findings(&world, &["--no-cache"]);
    assert_eq!(findings(&world, &[]), whole);
    let (mut killed, mut unfinished) = (0, 0);
    for round in 0..40_u64 {
        if let Some(file) = memory(&world).filter(|_| round % 2 == 0) {
            std::fs::remove_file(file).unwrap();
        }
        let mut scan = world.command(env!("CARGO_BIN_EXE_stanch"));
        scan.args(["scan", "--history", "--json"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut scan = scan.spawn().unwrap();
        let directory = world.outside("state/stanch/histories");
        if round % 2 == 0 {
            // As soon as there is anything to be seen of what it writes.
            while scan.try_wait().unwrap().is_none() && !any_file(&directory) {}
        } else {
            std::thread::sleep(Duration::from_millis(round));
        }
        scan.kill().unwrap();
        killed += u32::from(!scan.wait().unwrap().success());
        unfinished += u32::from(any_unfinished(&directory));
        assert_eq!(findings(&world, &[]), whole, "killed in round {round}");
        if round % 3 == 0 {
            world.commit("a", format!("round {round}, key = {}\n", token(906)), "more");
            world.git(&["reset", "-q", "--soft", "HEAD~1"]);
            world.git(&["reflog", "expire", "--expire=now", "--all"]);
            world.git(&["reset", "-q", "--hard"]);
            world.git(&["prune", "--expire=now"]);
            let now = findings(&world, &["--no-cache"]);
            assert_eq!((&findings(&world, &[]), &now["findings"]), (&now, &whole["findings"]));
            whole = now;
        }
    }
    assert!(killed > 5, "{killed} were killed, {unfinished} of them while they wrote");
}

fn any_file(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

fn any_unfinished(directory: &Path) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some())
}

/// A file that breaks off anywhere, in the place of the whole one.
#[test]
fn what_was_written_in_part_counts_for_nothing() {
    let world = World::new();
    world.commit("a", format!("key = {}\n", token(907)), "leak");
    world.commit("b.gz", gzip(lines(100, 8).as_bytes()), "quiet");
    let whole = findings(&world, &[]);
    let file = memory(&world).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    for length in (0..bytes.len()).step_by(bytes.len() / 30 + 1) {
        std::fs::write(&file, &bytes[..length]).unwrap();
        assert_eq!(findings(&world, &[]), whole, "{length} of {} bytes", bytes.len());
    }
}
