//! Pushes, from a repository with the hook to a bare one without.

use super::{git_in, hook, identify, objects, run_in, try_git, try_git_with};
use crate::world::{Ran, World, token};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

const ZERO: &str = "0000000000000000000000000000000000000000";

/// A repository whose pushes to `origin` are scanned.
fn pushing() -> World {
    let world = World::new();
    hook(&world.top().join(".git"), &[("pre-push", "pre-push \"$@\"")]);
    identify(&world);
    let remote = bare(&world, "remote.git");
    world.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    world
}

fn bare(world: &World, name: &str) -> PathBuf {
    let path = world.outside(name);
    world.git(&["init", "-q", "--bare", "-b", "main", path.to_str().unwrap()]);
    path
}

#[track_caller]
fn passes(world: &World, arguments: &[&str]) {
    let ran = try_git(world, &[&["push", "-q"], arguments].concat()).expect(0);
    assert_eq!(format!("{}{}", ran.stdout, ran.stderr), "");
}

#[track_caller]
fn stopped(world: &World, arguments: &[&str]) -> Ran {
    let before = objects(&world.top().join(".git"));
    let ran = try_git(world, &[&["push", "-q"], arguments].concat()).expect(1).says("push stopped");
    assert_eq!(objects(&world.top().join(".git")), before);
    ran
}

/// Runs the hook with these lines on standard input.
fn pre_push(world: &World, lines: &str) -> Ran {
    let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
    command.args(["hook", "pre-push", "origin", "somewhere"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

/// Commits of one file, of which some hold a token that the next one takes out.
fn import(world: &World, branch: &str, from: Option<&str>, commits: u64, leaks: &[(u64, u64)]) {
    let mut stream = String::new();
    for number in 0..commits {
        let leak = leaks.iter().find(|(at, _)| *at == number).map(|(_, seed)| token(*seed)).unwrap_or_default();
        let text = format!("{branch} {number}\n{leak}\n");
        let from = from.filter(|_| number == 0).map(|from| format!("from {from}\n")).unwrap_or_default();
        let (time, length) = (1_700_000_000 + number, text.len());
        stream.push_str(&format!("commit refs/heads/{branch}\ncommitter kim <kim@example.invalid> {time} +0000\n"));
        stream.push_str(&format!("data 1\nm\n{from}M 100644 inline {branch}/f\ndata {length}\n{text}\n"));
    }
    let mut git = world.command("git");
    git.args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut child = git.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn every_commit_of_every_reference_is_read() {
    const COMMITS: u64 = 5_000;
    let world = pushing();
    world.commit("a", "one\n", "first");
    // One from nothing, one beside the first commit, one on top of another.
    for (seed, (branch, from)) in (0..).zip([("x", None), ("y", Some("refs/heads/main")), ("z", Some("refs/heads/x"))])
    {
        let leaks = [(0, 200 + seed * 3), (COMMITS / 2, 201 + seed * 3), (COMMITS - 2, 202 + seed * 3)];
        import(&world, branch, from, COMMITS, &leaks);
    }
    let ran = stopped(&world, &["origin", "x", "y", "z"]).says("9 leaks in 9 places of the push");
    for seed in 200..209 {
        let secret = token(seed);
        let tail = &secret[secret.len() - 4..];
        assert_eq!(ran.stdout.matches(&format!("\u{2026}{tail}")).count(), 1, "{seed}");
    }
    let read: u64 = ran.stdout.split(" objects,").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    // A message and a blob of each commit.
    assert!(read >= 3 * 2 * COMMITS, "{read}");
    assert_eq!(git_in(&world, &world.outside("remote.git"), &["for-each-ref"]).stdout, "");
    // With the last commits in a reference that is there, and its history known, only what is new is read.
    try_git(&world, &["push", "-q", "--no-verify", "origin", "x", "y"]).expect(0);
    let ran = stopped(&world, &["origin", "z"]).says("3 leaks");
    let read: u64 = ran.stdout.split(" objects,").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((2 * COMMITS..2 * COMMITS + 10).contains(&read), "{read}");
}

#[test]
fn what_the_remote_has_is_not_read_again() {
    let world = pushing();
    world.commit("a", token(220), "leak");
    stopped(&world, &["origin", "main"]).says("a@").says("local hook bypassed or not installed");
    try_git(&world, &["push", "-q", "--no-verify", "-u", "origin", "main"]).expect(0);
    world.commit("b", "two\n", "clean");
    passes(&world, &["origin", "main"]);
    // A new branch and tags on it.
    world.git(&["checkout", "-qb", "side"]);
    world.commit("c", "three\n", "clean");
    world.git(&["tag", "light"]);
    passes(&world, &["origin", "side", "light"]);
    // A deletion brings nothing, even where the leak is reached by nothing else.
    passes(&world, &["origin", ":side", ":light"]);
    // The same content on another branch is on the remote, and new content is not.
    world.commit("d", token(221), "leak");
    stopped(&world, &["origin", "side"]).says("1 leak").says("d@");
    stopped(&world, &["origin", "side:other", "main:third", ":main"]).says("1 leak");
    stopped(&world, &["origin", "HEAD@{0}:refs/heads/by-another-name"]).says("1 leak");
    // Nothing to push at all.
    passes(&world, &["origin", "main"]);
}

#[test]
fn tags_are_read_with_their_messages() {
    let world = pushing();
    world.commit("a", "one\n", "first");
    passes(&world, &["origin", "main"]);
    world.git(&["tag", "-a", "v1", "-m", &format!("made with {}", token(222))]);
    stopped(&world, &["origin", "v1"]).says("<message>@").says("1 leak");
    world.git(&["tag", "-a", "v2", "-m", "of a tag", "v1"]);
    stopped(&world, &["origin", "v2"]).says("1 leak");
    world.write("loose", token(223));
    let blob = world.git(&["hash-object", "-w", "loose"]).stdout.trim().to_owned();
    world.git(&["tag", "blob", &blob]);
    stopped(&world, &["origin", "blob"]).says("1 leak");
    world.git(&["tag", "-d", "v1", "v2", "blob"]);
    world.git(&["tag", "-a", "v3", "-m", "clean"]);
    passes(&world, &["--tags", "origin"]);
    // A name is public too.
    let name = format!("fix-{}", token(224));
    world.git(&["branch", &name]);
    stopped(&world, &["origin", &name]).says("stands in the name").hides(&token(224));
}

#[test]
fn a_forced_push_is_held_against_what_is_replaced() {
    let world = pushing();
    world.commit("a", "one\n", "first");
    world.commit("b", token(225), "leak");
    try_git(&world, &["push", "-q", "--no-verify", "origin", "main"]).expect(0);
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    world.commit("c", "two\n", "clean");
    passes(&world, &["--force", "origin", "main"]);
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    world.commit("d", token(226), "leak");
    stopped(&world, &["--force", "origin", "main"]).says("1 leak").says("d@");
    // What is replaced is not here: somebody else has pushed.
    let other = world.outside("other");
    git_in(
        &world,
        &world.top(),
        &["clone", "-q", world.outside("remote.git").to_str().unwrap(), other.to_str().unwrap()],
    );
    std::fs::write(other.join("e"), "theirs\n").unwrap();
    git_in(&world, &other, &["add", "-A"]);
    git_in(&world, &other, &["commit", "-qm", "theirs"]);
    git_in(&world, &other, &["push", "-q", "origin", "main"]);
    stopped(&world, &["--force", "origin", "main"]).says("1 leak").says("d@");
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    passes(&world, &["--force", "origin", "main"]);
}

#[test]
fn only_what_is_surely_on_the_other_side_is_passed_over() {
    let world = pushing();
    world.commit("a", token(227), "leak");
    try_git(&world, &["push", "-q", "--no-verify", "origin", "main"]).expect(0);
    let second = bare(&world, "second.git");
    let address = second.to_str().unwrap();
    // An address, another remote, and a remote that is pushed to elsewhere than it is fetched from.
    stopped(&world, &[address, "main"]).says("1 leak");
    world.git(&["remote", "add", "backup", address]);
    stopped(&world, &["backup", "main"]).says("1 leak");
    world.git(&["config", "remote.origin.pushurl", address]);
    stopped(&world, &["origin", "main"]).says("1 leak");
    world.git(&["config", "--unset", "remote.origin.pushurl"]);
    world.git(&["config", "--add", "remote.origin.url", address]);
    stopped(&world, &["origin", "main:new"]).says("1 leak");
    // One that fetches into the branches themselves.
    world.git(&["config", "remote.backup.fetch", "+refs/*:refs/*"]);
    stopped(&world, &["backup", "main"]).says("1 leak");
    // One whose name begins like another's.
    world.git(&["config", "--unset-all", "remote.origin.url"]);
    // A new git makes no such remote, and keeps one that is there.
    world.git(&["config", "remote.origin/deep.url", world.outside("remote.git").to_str().unwrap()]);
    world.git(&["config", "remote.origin/deep.fetch", "+refs/heads/*:refs/remotes/origin/deep/*"]);
    world.git(&["fetch", "-q", "origin/deep"]);
    world.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    world.git(&["config", "remote.origin.url", address]);
    stopped(&world, &["origin", "main"]).says("1 leak");
}

#[test]
fn what_cannot_be_resolved_stops_the_push() {
    let world = pushing();
    let commit = world.commit("a", "one\n", "first");
    let missing = "1234567890123456789012345678901234567890";
    let ran = pre_push(&world, &format!("refs/heads/main {missing} refs/heads/main {ZERO}\n"));
    ran.expect(3).says("refs/heads/main").says(missing).says("INCOMPLETE");
    let both = format!("main {commit} refs/heads/main {ZERO}\nside {missing} refs/heads/side {commit}\n");
    pre_push(&world, &both).expect(3).says("refs/heads/side");
    let blob = world.git(&["rev-parse", "HEAD:a"]).stdout.trim().to_owned();
    let file = world.top().join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    std::fs::remove_file(file).unwrap();
    pre_push(&world, &format!("main {commit} refs/heads/main {ZERO}\n")).expect(3).says(&blob);
}

#[test]
fn lines_of_another_form_stop_the_push() {
    let world = pushing();
    let commit = world.commit("a", "one\n", "first");
    let right = format!("refs/heads/main {commit} refs/heads/main {ZERO}\n");
    pre_push(&world, &right).expect(0);
    pre_push(&world, "").expect(0);
    for wrong in ["nonsense\n", "\n", "a b c d\n", &right.replace(ZERO, "0"), &right.replace(&commit, "HEAD")] {
        pre_push(&world, &format!("{right}{wrong}")).expect(2).says("line 2 of standard input");
    }
}

#[test]
fn a_bypass_is_seen_again_with_its_reason() {
    let world = pushing();
    hook(&world.top().join(".git"), &[("pre-commit", "pre-commit"), ("commit-msg", "commit-msg \"$1\"")]);
    world.write("a", token(230));
    world.git(&["add", "-A"]);
    try_git_with(&world, &["commit", "-qm", "first"], &[("STANCH_SKIP", "a sample of the vendor")]).expect(0);
    stopped(&world, &["origin", "main"]).says("local hook bypassed: a sample of the vendor (pre-commit, 20");
    // The content is known again in another commit, and under another name.
    try_git(&world, &["commit", "-q", "--amend", "--no-verify", "-m", "renamed"]).expect(0);
    world.git(&["mv", "a", "b"]);
    try_git(&world, &["commit", "-q", "--amend", "--no-verify", "-m", "renamed"]).expect(0);
    stopped(&world, &["origin", "main"]).says("local hook bypassed: a sample of the vendor");
    // Nobody noted this one.
    world.commit("c", token(231), "not seen");
    let ran = stopped(&world, &["origin", "main"]).says("2 leaks").says("local hook bypassed or not installed");
    assert_eq!(ran.stdout.matches("a sample of the vendor").count(), 1);
    // A message, whatever git cleans up in it.
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let message = format!("subject\n\n\n{}   \n\n", token(232));
    try_git_with(&world, &["commit", "-q", "--allow-empty", "-m", &message], &[("STANCH_SKIP", "only a message")])
        .expect(0);
    stopped(&world, &["origin", "main"]).says("local hook bypassed: only a message (commit-msg, 20");
    // A push may go past as well, which the next one says.
    let ran = try_git_with(&world, &["push", "-q", "origin", "main"], &[("STANCH_SKIP", "agreed with kim")]).expect(0);
    assert!(ran.stderr.contains("agreed with kim"), "{}", ran.stderr);
    let log = std::fs::read_to_string(world.top().join(".git/stanch-skips.log")).unwrap();
    let tip = world.git(&["rev-parse", "HEAD"]).stdout.trim().to_owned();
    assert!(log.ends_with(&format!("\tpre-push\t{tip}\tagreed with kim\n")), "{log}");
    let second = bare(&world, "second.git");
    std::fs::write(world.top().join(".git/stanch-skips.log"), log.lines().last().unwrap().to_owned() + "\n").unwrap();
    stopped(&world, &[second.to_str().unwrap(), "main"]).says("local hook bypassed: agreed with kim (pre-push, 20");
}

#[test]
fn a_shallow_clone_is_read_down_to_what_the_remote_has() {
    let world = pushing();
    for number in 0..4 {
        world.commit("a", format!("{number}\n"), "a change");
    }
    passes(&world, &["origin", "main"]);
    let shallow = world.outside("shallow");
    let remote = format!("file://{}", world.outside("remote.git").display());
    git_in(&world, &world.top(), &["clone", "-q", "--depth", "1", &remote, shallow.to_str().unwrap()]);
    hook(&shallow.join(".git"), &[("pre-push", "pre-push \"$@\"")]);
    std::fs::write(shallow.join("b"), "clean\n").unwrap();
    git_in(&world, &shallow, &["add", "-A"]);
    git_in(&world, &shallow, &["commit", "-qm", "clean"]);
    git_in(&world, &shallow, &["push", "-q", "origin", "main", "main:new"]);
    std::fs::write(shallow.join("b"), token(233)).unwrap();
    git_in(&world, &shallow, &["commit", "-qam", "leak"]);
    run_in(&world, &shallow, &["push", "-q", "origin", "main"]).expect(1).says("1 leak").says("b@");
    // To a place that is not known, what lies before the boundary cannot be read.
    let second = bare(&world, "second.git");
    std::fs::write(shallow.join("b"), "clean\n").unwrap();
    git_in(&world, &shallow, &["reset", "-q", "--hard", "HEAD~1"]);
    let ran = run_in(&world, &shallow, &["push", "-q", second.to_str().unwrap(), "main"]);
    assert_ne!(ran.code, 0);
    ran.says("shallow");
}

#[test]
fn a_merge_brings_what_none_of_its_sides_has() {
    let world = pushing();
    world.commit("a", "one\n", "first");
    passes(&world, &["origin", "main"]);
    world.git(&["checkout", "-qb", "side"]);
    world.commit("b", "two\n", "side");
    world.git(&["checkout", "-q", "main"]);
    world.commit("c", "three\n", "main");
    world.git(&["merge", "-q", "--no-commit", "side"]);
    world.write("a", token(234));
    world.git(&["add", "-A"]);
    try_git(&world, &["commit", "-q", "--no-verify", "-m", "merge"]).expect(0);
    stopped(&world, &["origin", "main"]).says("1 leak").says("a@");
}

#[test]
fn references_that_nobody_hands_on_stop_the_push() {
    // A framework that reads git's lines itself gives the hook an empty standard input, which is no pipe.
    let world = pushing();
    world.commit("a", token(240), "leak");
    world.stanch(&["hook", "pre-push", "origin", "somewhere"]).expect(2).says("nobody says what is pushed");
    world.stanch(&["hook", "pre-push"]).expect(2).says("nobody says what is pushed");
}

#[test]
fn another_repository_under_the_same_name_is_known_as_such() {
    let world = pushing();
    world.commit("a", token(250), "leak");
    world.git(&["branch", "side"]);
    try_git(&world, &["push", "-q", "--no-verify", "origin", "main", "side"]).expect(0);
    // A branch that somebody has deleted there may come again.
    world.git(&["remote", "set-head", "origin", "main"]);
    git_in(&world, &world.outside("remote.git"), &["update-ref", "-d", "refs/heads/side"]);
    passes(&world, &["origin", "side"]);
    // What was private so far is pushed to a new place.
    world.git(&["remote", "set-url", "origin", bare(&world, "public.git").to_str().unwrap()]);
    stopped(&world, &["origin", "main"]).says("1 leak");
    stopped(&world, &["origin", "side", "main"]).says("1 leak");
    world.git(&["remote", "set-head", "origin", "--delete"]);
    stopped(&world, &["origin", "side"]).says("1 leak");
}

#[test]
fn a_framework_that_keeps_the_references_is_asked_for_them() {
    let world = pushing();
    world.commit("a", token(260), "leak");
    let new = world.git(&["rev-parse", "HEAD"]).stdout.trim().to_owned();
    let hook = |arguments: &[&str], said: &[(&str, &str)]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
        command.args(["hook", "pre-push"]).args(arguments).envs(said.iter().copied()).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdin.take());
        Ran::of(child.wait_with_output().unwrap())
    };
    let told = [
        ("PRE_COMMIT", "1"),
        ("PRE_COMMIT_REMOTE_NAME", "origin"),
        ("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/main"),
        ("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/main"),
    ];
    // With and without the arguments, of the first commit and of a later one.
    let ends = [("PRE_COMMIT_FROM_REF", ZERO), ("PRE_COMMIT_TO_REF", &new)];
    for arguments in [&[][..], &["origin"]] {
        hook(arguments, &told).expect(1).says("push stopped").hides(&token(260));
        hook(arguments, &[&told[..], &ends].concat()).expect(1).says("push stopped");
        hook(arguments, &told[..1]).expect(2).says("nothing was scanned").says("PRE_COMMIT_LOCAL_BRANCH");
    }
    // Without a framework nothing is pushed, unless nobody says where to either.
    hook(&["origin"], &[]).expect(0);
    hook(&[], &[]).expect(2).says("nothing was scanned");
}
