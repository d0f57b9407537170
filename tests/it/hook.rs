//! The hook, called by git itself.

use crate::world::{Ran, World, token};
use std::path::Path;

/// A repository with the hook in place, and the program on the search path.
fn hooked() -> World {
    let world = World::new();
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(0);
    world
}

fn commit(world: &World, arguments: &[&str]) -> Ran {
    commit_with(world, arguments, &[])
}

fn commit_with(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut git = world.command("git");
    let programs = Path::new(env!("CARGO_BIN_EXE_stanch")).parent().unwrap();
    let path = std::env::join_paths(
        [programs.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    git.env("PATH", path.unwrap()).envs(environment.iter().copied());
    git.args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid", "commit", "-qm", "a change"]);
    git.args(arguments);
    world.run(git)
}

#[test]
fn a_clean_commit_passes_in_silence_and_a_leak_is_stopped() {
    let world = hooked();
    let secret = token(50);
    world.write("a", "clean\n");
    world.git(&["add", "a"]);
    let ran = commit(&world, &[]).expect(0);
    assert_eq!(format!("{}{}", ran.stdout, ran.stderr), "");
    world.write("src/b", format!("key: {secret}\n"));
    world.git(&["add", "-A"]);
    let ran = commit(&world, &[]).expect(1);
    ran.says("1 leak in 1 staged file, commit stopped").says("src/b:1:6").says("stanch ignore st1").hides(&secret);
    assert_eq!(world.git(&["rev-list", "--count", "HEAD"]).stdout.trim(), "1");
    // What counts is the index, not the file.
    world.write("src/b", "clean now, but not staged\n");
    commit(&world, &[]).expect(1);
    world.git(&["add", "-A"]);
    commit(&world, &[]).expect(0);
}

#[test]
fn a_commit_of_paths_is_read_from_the_index_git_makes_for_it() {
    let world = hooked();
    world.commit("a", "one", "first");
    world.write("b", token(51));
    world.git(&["add", "b"]);
    world.write("a", "two");
    // The staged leak is no part of this commit.
    commit(&world, &["--", "a"]).expect(0);
    world.write("a", token(52));
    world.git(&["reset", "-q"]);
    commit(&world, &["--", "a"]).expect(1).says("a:1:1");
}

#[test]
fn a_merge_is_read_too() {
    let world = hooked();
    world.commit("a", "one", "first");
    world.git(&["checkout", "-qb", "side"]);
    world.commit("b", "two", "side");
    world.git(&["checkout", "-q", "main"]);
    world.git_as_kim(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    world.write("a", token(53));
    world.git(&["add", "a"]);
    commit(&world, &[]).expect(1).says("a:1:1");
    world.write("a", "three");
    world.git(&["add", "a"]);
    commit(&world, &[]).expect(0);
}

#[test]
fn a_damaged_index_stops_the_commit() {
    let world = World::new();
    world.write(".git/index", "no index at all");
    let ran = world.stanch(&["hook", "pre-commit"]);
    assert!(ran.code != 0, "{ran:?}");
    ran.says("the index");
}

#[test]
fn a_person_may_pass_with_a_reason_that_is_noted() {
    let world = hooked();
    world.write("a", token(54));
    world.git(&["add", "a"]);
    commit_with(&world, &[], &[("STANCH_SKIP", "")]).expect(1);
    commit_with(&world, &[], &[("STANCH_SKIP", "the vendor's\nown sample")]).expect(0);
    let log = std::fs::read_to_string(world.top().join(".git/stanch-skips.log")).unwrap();
    assert!(log.ends_with("\tthe vendor's own sample\n"), "{log}");
}
