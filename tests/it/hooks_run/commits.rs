//! Commits in all the ways in which git makes them.

use super::{committing, git_in, hook, objects, run_in, try_git, try_git_with};
use crate::world::{World, token};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// Commits that must be stopped; the hook writes no object.
#[track_caller]
fn stopped(world: &World, arguments: &[&str], place: &str) {
    let head = try_git(world, &["rev-parse", "-q", "--verify", "HEAD"]).stdout;
    let before = objects(&world.top().join(".git"));
    world.stanch(&["hook", "pre-commit"]);
    assert_eq!(objects(&world.top().join(".git")), before);
    try_git(world, &[&["commit", "-m", "a change"], arguments].concat()).expect(1).says(place).says("commit stopped");
    assert_eq!(try_git(world, &["rev-parse", "-q", "--verify", "HEAD"]).stdout, head);
}

#[track_caller]
fn passes(world: &World, arguments: &[&str]) {
    let ran = try_git(world, &[&["commit", "-q", "-m", "a change"], arguments].concat()).expect(0);
    assert_eq!(format!("{}{}", ran.stdout, ran.stderr), "");
}

#[test]
fn the_first_commit_is_read_whole_and_needs_no_identity() {
    let world = committing();
    world.git(&["config", "--unset", "user.name"]);
    world.git(&["config", "--unset", "user.email"]);
    world.write("deep/down/a", token(100));
    world.git(&["add", "-A"]);
    let ran = try_git_with(
        &world,
        &["-c", "user.name=kim", "-c", "user.email=kim@example.invalid", "commit", "-m", "first"],
        &[],
    );
    ran.expect(1).says("deep/down/a:1:1").hides(&token(100));
    world.stanch(&["hook", "pre-commit"]).expect(1);
    assert_ne!(try_git(&world, &["rev-parse", "-q", "--verify", "HEAD"]).code, 0);
    world.write("deep/down/a", "clean");
    world.git(&["add", "-A"]);
    world.stanch(&["hook", "pre-commit"]).expect(0);
}

#[test]
fn commits_of_paths_and_of_all_are_read_from_the_index_that_git_makes() {
    let world = committing();
    world.commit("a", "one\n", "first");
    world.commit("b", "two\n", "second");
    world.write("a", token(101));
    world.write("b", "three\n");
    passes(&world, &["--", "b"]);
    stopped(&world, &["-a"], "a:1:1");
    stopped(&world, &["--", "a"], "a:1:1");
    stopped(&world, &["--include", "a"], "a:1:1");
    world.write("a", "clean\n");
    passes(&world, &["-a"]);
    // From a directory below, where git names its files relative to the top.
    world.write("below/c", token(102));
    world.git(&["add", "-A"]);
    run_in(&world, &world.top().join("below"), &["commit", "-m", "a change", "--", "c"]).expect(1).says("below/c:1:1");
}

#[test]
fn names_may_hold_anything() {
    let world = committing();
    world.commit("a", "one\n", "first");
    let names: [&[u8]; 6] = [b"with space", b"with\"quote", b"with'quote", b"with\nnewline", b"with\\back", b"bad\xff"];
    for (seed, name) in (110..).zip(names) {
        world.write(OsStr::from_bytes(name), token(seed));
        world.git(&["add", "-A"]);
        let ran = try_git(&world, &["commit", "-m", "a change"]).expect(1).says("1 leak in 1 staged file");
        ran.says(std::str::from_utf8(&name[..3]).unwrap()).hides(&token(seed));
        world.write(OsStr::from_bytes(name), "clean\n");
        world.git(&["add", "-A"]);
        passes(&world, &[]);
    }
    // A name that is a token itself.
    world.write(token(117), "clean\n");
    world.git(&["add", "-A"]);
    try_git(&world, &["commit", "-m", "a change"]).expect(1).says("stands in the name").hides(&token(117));
}

#[test]
fn the_index_counts_and_not_the_work_tree() {
    let world = committing();
    world.commit("a", "one\n", "first");
    world.write("a", token(120));
    world.git(&["add", "a"]);
    world.write("a", "clean\n");
    stopped(&world, &[], "a:1:1");
    std::fs::remove_file(world.top().join("a")).unwrap();
    stopped(&world, &[], "a:1:1");
    world.git(&["reset", "-q", "--hard"]);
    // The other way round: what is not staged is not committed.
    world.write("a", token(121));
    world.write("b", "clean\n");
    world.git(&["add", "b"]);
    passes(&world, &[]);
}

#[test]
fn what_goes_away_is_not_read() {
    let world = committing();
    world.commit("a", token(122), "leak");
    world.commit("b", token(123), "leak");
    world.git(&["rm", "-q", "a"]);
    passes(&world, &[]);
    world.write("b", "clean\n");
    passes(&world, &["-a"]);
}

#[test]
fn a_move_is_read_by_what_it_changes() {
    let world = committing();
    let lines: String = (0..200).map(|number| format!("line {number}\n")).collect();
    world.commit("a", &lines, "first");
    world.git(&["mv", "a", "b"]);
    passes(&world, &[]);
    world.git(&["mv", "b", "c"]);
    world.write("c", format!("{lines}{}\n", token(124)));
    world.git(&["add", "-A"]);
    stopped(&world, &[], "c:201:1");
}

#[test]
fn merges_are_read_with_and_without_conflicts() {
    let world = committing();
    world.commit("a", "one\n", "first");
    world.git(&["checkout", "-qb", "side"]);
    world.commit("a", "two\n", "side");
    world.commit("b", token(125), "a leak on the side");
    world.git(&["checkout", "-q", "main"]);
    world.commit("c", "three\n", "main");
    // Git commits this merge by itself; what it brings is new on this branch.
    try_git(&world, &["merge", "side"]).expect(1).says("b:1:1");
    world.git(&["merge", "--abort"]);
    world.commit("a", "four\n", "main");
    try_git(&world, &["merge", "side"]).expect(1).says("CONFLICT");
    world.write("a", token(126));
    world.git(&["add", "a"]);
    world.git(&["rm", "-qf", "b"]);
    stopped(&world, &[], "a:1:1");
    world.write("a", "five\n");
    passes(&world, &["-a"]);
    assert_eq!(world.git(&["rev-list", "--merges", "--count", "HEAD"]).stdout.trim(), "1");
}

#[test]
fn a_rebase_and_a_cherry_pick_that_stop_are_read_when_they_go_on() {
    let world = committing();
    world.commit("a", "one\n", "first");
    world.git(&["checkout", "-qb", "side"]);
    world.commit("a", "two\n", "side");
    world.git(&["checkout", "-q", "main"]);
    world.commit("a", "three\n", "main");
    for (begin, go_on, quit) in [
        (["cherry-pick", "side"], ["cherry-pick", "--continue"], ["cherry-pick", "--abort"]),
        (["rebase", "side"], ["rebase", "--continue"], ["rebase", "--abort"]),
        (["revert", "HEAD~1"], ["revert", "--continue"], ["revert", "--abort"]),
    ] {
        let revision = if begin[0] == "revert" { "HEAD~1" } else { begin[1] };
        if begin[0] == "revert" {
            world.commit("a", "four\n", "again");
        }
        assert_ne!(try_git(&world, &[begin[0], revision]).code, 0, "{begin:?}");
        world.write("a", token(127));
        world.git(&["add", "a"]);
        // The hook reads the index in this state, and git calls it for the commit that ends it.
        world.stanch(&["hook", "pre-commit"]).expect(1).says("a:1:1");
        try_git(&world, &["commit", "-m", "a change"]).expect(1).says("a:1:1");
        let ran = try_git(&world, &go_on);
        assert!(ran.code != 0 || begin[0] == "rebase", "{begin:?}: {ran:?}");
        try_git(&world, &quit);
        world.git(&["checkout", "-q", "-f", "main"]);
    }
}

#[test]
fn an_amended_commit_is_read() {
    let world = committing();
    world.commit("a", "one\n", "first");
    world.write("b", token(128));
    world.git(&["add", "b"]);
    stopped(&world, &["--amend"], "b:1:1");
    world.write("b", "clean\n");
    world.git(&["add", "b"]);
    passes(&world, &["--amend"]);
}

#[test]
fn linked_work_trees_have_an_index_of_their_own() {
    let world = committing();
    world.commit("a", "one\n", "first");
    let linked = world.outside("linked");
    world.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "-b", "side"]);
    world.write("only-here", token(129));
    world.git(&["add", "-A"]);
    std::fs::write(linked.join("b"), "clean\n").unwrap();
    git_in(&world, &linked, &["add", "-A"]);
    git_in(&world, &linked, &["commit", "-qm", "clean"]);
    std::fs::write(linked.join("b"), token(130)).unwrap();
    git_in(&world, &linked, &["add", "-A"]);
    run_in(&world, &linked, &["commit", "-qm", "leak"]).expect(1).says("b:1:1").says("1 leak");
    // A reason given there is noted where all work trees see it.
    let mut git = world.command("git");
    git.current_dir(&linked).args(["commit", "-qm", "leak"]).env("STANCH_SKIP", "seen in the linked tree");
    world.run(git).expect(0);
    assert!(world.top().join(".git/stanch-skips.log").exists());
}

#[test]
fn a_submodule_is_no_content() {
    let world = committing();
    let inner = world.outside("inner");
    git_in(&world, &world.top(), &["init", "-q", "-b", "main", inner.to_str().unwrap()]);
    for text in ["one", "two"] {
        std::fs::write(inner.join("a"), text).unwrap();
        git_in(&world, &inner, &["add", "-A"]);
        git_in(&world, &inner, &["commit", "-qm", text]);
    }
    git_in(&world, &world.top(), &["submodule", "--quiet", "add", inner.to_str().unwrap(), "module"]);
    passes(&world, &[]);
    git_in(&world, &world.top().join("module"), &["checkout", "-q", "HEAD~1"]);
    world.git(&["add", "module"]);
    passes(&world, &[]);
    world.git(&["add", "module"]);
    world.write("b", token(131));
    world.git(&["add", "b"]);
    stopped(&world, &[], "b:1:1");
}

#[test]
fn an_empty_commit_passes() {
    let world = committing();
    passes(&world, &["--allow-empty"]);
    passes(&world, &["--allow-empty"]);
}

#[test]
fn text_beside_binary_is_read_and_what_is_too_large_stops_the_commit() {
    let world = committing();
    world.write("image", b"\x89PNG\0\0\0");
    passes_after_add(&world);
    world.write("image", b"\x89PNG\0\0\0\0");
    world.write("text", token(132));
    world.git(&["add", "-A"]);
    stopped(&world, &[], "text:1:1");
    world.write("text", "clean\n");
    let huge = std::fs::File::create(world.top().join("huge")).unwrap();
    huge.set_len(100_000_001).unwrap();
    world.git(&["add", "-A"]);
    try_git(&world, &["commit", "-qm", "a change"]).expect(1).says("huge is larger than the limit");
}

fn passes_after_add(world: &World) {
    world.git(&["add", "-A"]);
    passes(world, &[]);
}

#[test]
fn a_path_that_becomes_a_link_or_gets_another_mode_is_read_right() {
    let world = committing();
    world.commit("a", "one\n", "first");
    std::fs::remove_file(world.top().join("a")).unwrap();
    std::os::unix::fs::symlink(token(133), world.top().join("a")).unwrap();
    world.git(&["add", "-A"]);
    stopped(&world, &[], "a:1:1");
    world.git(&["reset", "-q", "--hard"]);
    world.git(&["update-index", "--chmod=+x", "a"]);
    passes(&world, &[]);
}

#[test]
fn the_message_is_read_too() {
    let world = committing();
    world.write("a", "one\n");
    world.git(&["add", "-A"]);
    let secret = token(134);
    let ran = try_git(&world, &["commit", "-m", "subject", "-m", &format!("it was {secret}")]).expect(1);
    ran.says("1 leak in the message, commit stopped").says("<message>:3:8").hides(&secret);
    // Comments are committed with some clean-ups, so they count.
    try_git(&world, &["commit", "-m", &format!("subject\n#{secret}")]).expect(1).says("<message>:2:2");
    // A line that only looks like git's hides nothing.
    let line = "# ------------------------ >8 ------------------------";
    try_git(&world, &["commit", "-m", &format!("subject\n{line}\n{secret}")]).expect(1).says("<message>:3:1");
    try_git(&world, &["commit", "-qm", "subject"]).expect(0);
    // With the difference in the message, the secret that goes away is below the scissors.
    world.git(&["-c", "core.hooksPath=/dev/null", "commit", "-q", "--allow-empty", "-m", "more"]);
    world.commit("a", &secret, "leak");
    world.write("a", "two\n");
    let editor = "sh -c 'cp \"$0\" seen; { echo clean; cat seen; } > \"$0\"'";
    try_git_with(&world, &["commit", "-q", "-v", "-a"], &[]).expect(1);
    let mut git = world.command("git");
    git.args(["commit", "-q", "-v", "-a"]).env("GIT_EDITOR", editor);
    let ran = world.run(git).expect(0);
    assert_eq!(format!("{}{}", ran.stdout, ran.stderr), "");
    assert!(std::fs::read_to_string(world.top().join("seen")).unwrap().contains(&format!("-{secret}")));
    assert_eq!(world.git(&["log", "-1", "--format=%B"]).stdout.trim(), "clean");
}

#[test]
fn a_message_that_cannot_be_read_stops_the_commit() {
    let world = World::new();
    world.stanch(&["hook", "commit-msg", "nothing"]).expect(3).says("cannot read nothing");
    world.stanch(&["hook", "commit-msg"]).expect(2);
}

#[test]
fn an_exception_of_the_repository_holds_for_messages() {
    let world = committing();
    world.stanch(&["config", "new"]).expect(0);
    world.write("m", token(135));
    let ran = world.stanch(&["hook", "commit-msg", "m"]).expect(1);
    let print = ran.stdout.split_whitespace().find(|word| word.starts_with("st1:")).unwrap().to_owned();
    world.stanch(&["ignore", &print, "--reason", "sample", "--until", "2999-01-01"]).expect(0);
    world.stanch(&["hook", "commit-msg", "m"]).expect(0);
}

#[test]
fn a_bypass_is_noted_with_what_was_not_read() {
    let world = committing();
    let secret = token(136);
    world.write("a", &secret);
    world.git(&["add", "-A"]);
    let blob = world.git(&["rev-parse", ":a"]).stdout.trim().to_owned();
    let reason = format!("the vendor's own sample: {secret}");
    try_git_with(&world, &["commit", "-qm", "first"], &[("STANCH_SKIP", &reason)]).expect(0).hides(&secret);
    let log = std::fs::read_to_string(world.top().join(".git/stanch-skips.log")).unwrap();
    let lines: Vec<Vec<&str>> = log.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert_eq!(lines[0][1..3], ["pre-commit", &blob]);
    assert_eq!(lines[1][1], "commit-msg");
    assert!(lines.iter().all(|line| line[3].starts_with("the vendor's own sample: ")), "{log}");
    crate::world::hides(&log, &secret);
    // Without a place for the note nobody passes.
    std::fs::remove_file(world.top().join(".git/stanch-skips.log")).unwrap();
    std::fs::create_dir(world.top().join(".git/stanch-skips.log")).unwrap();
    world.write("b", token(137));
    world.git(&["add", "-A"]);
    let ran = try_git_with(&world, &["commit", "-qm", "second"], &[("STANCH_SKIP", "again")]);
    ran.expect(1).says("cannot write").says("stanch-skips.log");
}

#[test]
fn a_bare_repository_has_nothing_staged() {
    let world = World::bare();
    world.git(&["init", "-q", "--bare", "."]);
    hook(&world.top(), &[("pre-commit", "pre-commit")]);
    world.stanch(&["hook", "pre-commit"]).expect(0);
}

#[test]
fn forms_of_the_index_that_only_git_reads_are_read() {
    let world = committing();
    world.write("a", token(140));
    world.git(&["add", "-A"]);
    world.git(&["update-index", "--split-index"]);
    stopped(&world, &[], "a:1:1");
    world.write("a", "one\n");
    world.write("below/b", "two\n");
    world.write("beside/c", "three\n");
    world.git(&["add", "-A"]);
    passes(&world, &[]);
    world.git(&["update-index", "--no-split-index"]);
    world.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
    world.git(&["sparse-checkout", "set", "below"]);
    let names: [&[u8]; 2] = [b"below/with\nnewline", b"below/bad\xff"];
    for (seed, name) in (141..).zip(names) {
        world.write(OsStr::from_bytes(name), token(seed));
        world.git(&["add", "-A"]);
        stopped(&world, &[], "below/");
        std::fs::remove_file(world.top().join(OsStr::from_bytes(name))).unwrap();
        world.git(&["rm", "-q", "--cached", "-r", "below"]);
        world.git(&["add", "-A"]);
    }
    world.write("below/b", "four\n");
    world.git(&["add", "-A"]);
    passes(&world, &[]);
    world.write("below/b", token(143));
    stopped(&world, &["-a"], "below/b:1:1");
}
