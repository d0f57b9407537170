//! Packs and bundles that git made: what git lists of the repository is what comes out of them.

use super::{ROOM, opened, opened_within};
use crate::archive::{ArchiveError, Budget, Format, Input};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn git(directory: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    output.stdout
}

/// A repository of so many commits to one file that grows, another that stays, and a tag.
fn grown(format: &str, commits: usize) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    git(directory.path(), &["init", "-q", "--bare", "--object-format", format, "."], b"");
    let (mut stream, mut text) = (String::new(), String::new());
    for commit in 0..commits {
        for line in 0..40 {
            writeln!(text, "line {line} of {commit}: {}", commit * 7_919 % 1_009).unwrap();
        }
        write!(stream, "commit refs/heads/main\nmark :{}\n", commit + 1).unwrap();
        writeln!(stream, "committer A <a@example.org> {} +0000", 1_700_000_000 + commit).unwrap();
        write!(stream, "data 7\nchange\n\nM 100644 inline deep/down/grows.txt\ndata {}\n{text}\n", text.len()).unwrap();
        if commit == 0 {
            stream.push_str("M 100644 inline stays.env\ndata 5\nSTAY\n\n");
        }
    }
    stream.push_str("tag first\nfrom :1\ntagger A <a@example.org> 1700000000 +0000\ndata 7\ntagged\n\ndone\n");
    git(directory.path(), &["fast-import", "--quiet"], stream.as_bytes());
    directory
}

/// Everything but trees that git says is there.
fn listed(repository: &Path) -> BTreeSet<Vec<u8>> {
    let text = git(repository, &["cat-file", "--batch-all-objects", "--batch"], b"");
    let (mut rest, mut all) = (text.as_slice(), BTreeSet::new());
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let header = std::str::from_utf8(&rest[..end]).unwrap();
        let [_, kind, size] = header.split(' ').collect::<Vec<_>>()[..] else { panic!("{header}") };
        let size: usize = size.parse().unwrap();
        if kind != "tree" {
            all.insert(rest[end + 1..][..size].to_vec());
        }
        rest = &rest[end + 1 + size + 1..];
    }
    all
}

fn packed(repository: &Path, options: &[&str]) -> Vec<u8> {
    git(repository, &[&["pack-objects", "-q", "--all", "--stdout"], options].concat(), b"")
}

#[test]
fn packs_hand_over_what_git_lists() {
    for format in ["sha1", "sha256"] {
        let repository = grown(format, 60);
        let expected = listed(repository.path());
        for options in [&["--delta-base-offset"][..], &[], &["--window=0"]] {
            let pack = packed(repository.path(), options);
            let opened = opened("x", &pack).whole();
            let names = opened.names();
            assert_eq!(names.iter().filter(|name| name.ends_with("/deep/down/grows.txt")).count(), 60, "{names:?}");
            assert_eq!(names.iter().filter(|name| name.ends_with("/stays.env")).count(), 1);
            assert!(names.iter().any(|name| name.starts_with("tag ")));
            assert_eq!(opened.text("names of files"), "deep\ndown\ngrows.txt\nstays.env");
            let of_git = |(name, _): &&(String, Vec<u8>)| name != "names of files";
            let found: BTreeSet<Vec<u8>> =
                opened.members.iter().filter(of_git).map(|(_, bytes)| bytes.clone()).collect();
            assert!(found == expected, "{format} {options:?}: {} of {}", found.len(), expected.len());
            assert_eq!(opened.members.iter().filter(of_git).count(), expected.len(), "one was handed over twice");
        }
    }
}

#[test]
fn objects_are_called_as_git_calls_them() {
    let repository = grown("sha1", 3);
    let id = git(repository.path(), &["rev-parse", "main:stays.env"], b"");
    let id = std::str::from_utf8(&id).unwrap();
    let opened = opened("x", &packed(repository.path(), &[])).whole();
    assert_eq!(opened.text(&format!("blob {}/stays.env", id.get(..12).unwrap())), "STAY\n");
    let head = git(repository.path(), &["rev-parse", "main"], b"");
    let head = std::str::from_utf8(&head).unwrap();
    assert!(opened.text(&format!("commit {}", head.get(..12).unwrap())).ends_with("change\n"));
}

#[test]
fn bundles_hand_over_their_references_too() {
    for format in ["sha1", "sha256"] {
        let repository = grown(format, 20);
        let bundle = git(repository.path(), &["bundle", "create", "-q", "-", "--all"], b"");
        let opened = opened("x", &bundle).whole();
        assert!(opened.text("references").contains(" refs/heads/main\n"));
        assert!(!opened.text("references").starts_with('#'), "or it would be taken for a bundle");
        for object in listed(repository.path()) {
            assert!(opened.members.iter().any(|(_, bytes)| *bytes == object));
        }
    }
}

#[test]
fn what_a_thin_bundle_leaves_out_is_named() {
    let repository = grown("sha1", 20);
    let bundle = git(repository.path(), &["bundle", "create", "-q", "-", "main~1..main"], b"");
    let opened = opened("x", &bundle);
    opened.end.as_ref().unwrap();
    assert!(opened.names().iter().any(|name| name.starts_with("commit ")));
    let absent = |(_, error): &(String, ArchiveError)| matches!(error, ArchiveError::Absent { .. });
    assert!(!opened.missed.is_empty() && opened.missed.iter().all(absent), "{:?}", opened.missed);
}

#[test]
fn damage_is_never_called_whole_and_costs_no_more_than_it_must() {
    let repository = grown("sha1", 30);
    let pack = packed(repository.path(), &["--delta-base-offset"]);
    let whole = opened("x", &pack).members.len();
    for at in (12..pack.len()).step_by(pack.len() / 40) {
        let mut harmed = pack.clone();
        harmed[at] ^= 0x10;
        let opened = opened("x", &harmed);
        assert!(opened.end.is_err() || !opened.missed.is_empty(), "a bit of byte {at}");
        let cut = super::opened("x", &pack[..at]);
        assert!(cut.end.is_err(), "cut at {at}");
        assert!(cut.members.len() < whole);
    }
    let mut sum = pack.clone();
    *sum.last_mut().unwrap() ^= 1;
    let opened = opened("x", &sum);
    assert_eq!(opened.members.len(), whole, "only its checksum is damaged");
    assert!(matches!(opened.end, Err(ArchiveError::Damaged { .. })));
}

#[test]
fn limits_hold() {
    let repository = grown("sha1", 60);
    let pack = packed(repository.path(), &["--delta-base-offset"]);
    let within = |budget: Budget| opened_within(Format::GitPack, "x", Input::Bytes(&pack), budget);
    let bytes = within(Budget { bytes: 200_000, ..ROOM });
    assert!(bytes.missed.iter().any(|(_, error)| matches!(error, ArchiveError::OverBudget)));
    assert!(bytes.members.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() <= 200_000);
    let members = within(Budget { members: 20, ..ROOM });
    assert!(matches!(members.end, Err(ArchiveError::TooMany)), "{:?}", members.end);
    let small = within(Budget { largest_bytes: 20_000, ..ROOM });
    assert!(small.missed.iter().any(|(_, error)| matches!(error, ArchiveError::OverBudget)));
    assert!(small.members.iter().any(|(name, _)| name.ends_with("stays.env")), "what is small is read");
}

/// A pack of so many objects, which says what it holds and what its checksum is.
fn written(count: u32, entries: &[Vec<u8>]) -> Vec<u8> {
    use sha1::Digest as _;
    let mut pack = [&b"PACK\0\0\0\x02"[..], &count.to_be_bytes(), &entries.concat()].concat();
    let sum = sha1::Sha1::digest(&pack);
    pack.extend_from_slice(&sum);
    pack
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_strangers_may_write_ends_in_an_error() {
    let blob = [&[0x35][..], &deflated(b"hello")].concat();
    let lone = written(1, std::slice::from_ref(&blob));
    assert_eq!(opened("x", &lone).whole().members[0].1, b"hello");
    // More than it says it holds, less, a base that is no entry, its own base, a size that is not its own.
    let behind = written(1, &[blob.clone(), blob.clone()]);
    assert!(matches!(opened("x", &behind).end, Err(ArchiveError::Damaged { .. })));
    assert!(opened("x", &written(3, &[blob.clone(), blob.clone()])).end.is_err());
    let astray = [&[0x65, 0x05][..], &deflated(b"\x05\x05\x90\x05\x00")].concat();
    let opened_astray = opened("x", &written(2, &[blob.clone(), astray]));
    assert_eq!(opened_astray.missed.len(), 1);
    assert!(opened("x", &written(1, &[[&[0x65, 0x00][..], &deflated(b"\x05\x05")].concat()])).end.is_err());
    assert!(opened("x", &written(1, &[[&[0x36][..], &deflated(b"hello")].concat()])).end.is_err());
    assert!(opened("x", &written(u32::MAX, &[])).end.is_err());
}
