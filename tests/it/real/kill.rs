//! The program is killed, again and again, at every kind of line that it prints, and taken up again each time.

use super::aws::{Leak, Place};
use super::postgres;
use super::site::Site;
use super::unique;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

/// What a line of the timeline tells, without its times, names and numbers.
fn kind(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let time = words.next()?;
    if time.len() != 8 || time.bytes().filter(|byte| *byte == b':').count() != 2 {
        return None;
    }
    let what: Vec<&str> = words.filter(|word| word.chars().all(|c| c.is_ascii_alphabetic())).take(6).collect();
    Some(what.join(" "))
}

/// Runs and kills until no kind of line is new; returns how often it was killed.
fn killed_everywhere(site: &Site, fingerprint: &str) -> usize {
    let mut seen = BTreeSet::new();
    let mut arguments = vec!["rotate", fingerprint, "--repo", ".", "--yes", "-v"];
    for kills in 0..100 {
        let mut command = site.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut all = String::new();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let fresh = lines.map_while(Result::ok).find(|line| {
            all.push_str(line);
            all.push('\n');
            kind(line).is_some_and(|kind| seen.insert(kind))
        });
        if fresh.is_some() {
            child.kill().unwrap();
            child.wait().unwrap();
            arguments = vec!["case", "resume", "C-0001", "-v"];
            continue;
        }
        let ended = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "after {kills} kills, at {seen:?}:\n{all}\n{words}");
        return kills;
    }
    panic!("it never ended: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_of_a_key_survives_being_killed_everywhere() {
    let leak = Leak::of_a_key(&[Place::Aws(format!("ci/{}", unique()))]).made().await;
    let fingerprint = leak.fingerprint();
    let kills = tokio::task::block_in_place(|| killed_everywhere(&leak.site, &fingerprint));
    assert!(kills > 20, "killed {kills} times only");
    leak.rotated("C-0001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_of_a_login_survives_being_killed_everywhere() {
    let leak = postgres::Leaked::into_vault().await;
    let fingerprint = leak.fingerprint();
    let kills = tokio::task::block_in_place(|| killed_everywhere(&leak.site, &fingerprint));
    assert!(kills > 20, "killed {kills} times only");
    leak.rotated("C-0001", &leak.old, "b").await;
}
