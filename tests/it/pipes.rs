//! Pipes in the place of files that git keeps. Nobody ever writes into them, and nothing waits for that.

use crate::world::{Ran, World, token};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Runs the program, which must end by itself.
#[track_caller]
fn ends(world: &World, arguments: &[&str]) -> Ran {
    let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).env("STANCH_BASE", "HEAD~1");
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{arguments:?} waits for a pipe");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ran::of(child.wait_with_output().unwrap())
}

fn pipe(world: &World, name: &str) {
    let path = world.top().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _gone = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path)).is_ok();
    world.run_ok("mkfifo", &[path.to_str().unwrap()]);
}

fn repository() -> World {
    let world = World::new();
    world.commit("a", "one\n", "one");
    world.commit("a", "two\n", "two");
    world
}

const ASKING: [&[&str]; 5] =
    [&["scan", "--staged"], &["scan", "--history"], &["scan", "--range", "HEAD~1..HEAD"], &["ci"], &["hook", "status"]];

#[test]
fn what_git_keeps_is_named_when_it_is_a_pipe() {
    for name in [
        ".git/config",
        ".git/HEAD",
        ".git/index",
        ".git/packed-refs",
        ".git/shallow",
        ".git/commondir",
        ".git/objects/info/alternates",
        ".git/config.worktree",
        ".git",
    ] {
        let world = repository();
        pipe(&world, name);
        for arguments in ASKING {
            let ran = ends(&world, arguments);
            assert!(ran.code == 3, "{name}: {arguments:?}: {ran:?}");
            ran.says("no plain file").says(name);
        }
        // The files of the work tree can be read without git.
        world.write("leak", token(820));
        ends(&world, &["scan"]).expect(1).says("leak:1:1");
    }
}

#[test]
fn a_pipe_among_references_is_a_gap() {
    let world = repository();
    pipe(&world, ".git/refs/heads/side");
    ends(&world, &["scan", "--history"]).expect(3).says("refs/heads/side").says("no plain file");
    ends(&world, &["scan", "--range", "HEAD~1..side"]).expect(3).says("side");
    ends(&world, &["scan", "--staged"]).expect(0);
    pipe(&world, ".git/refs/heads/main");
    for arguments in [&["scan", "--staged"][..], &["scan", "--range", "HEAD~1..HEAD"]] {
        ends(&world, arguments).expect(3).says("refs/heads/main");
    }
}

#[test]
fn settings_elsewhere_are_looked_at_too() {
    let world = repository();
    let outside = world.outside("settings");
    world.run_ok("mkfifo", &[outside.to_str().unwrap()]);
    world.git(&["config", "include.path", outside.to_str().unwrap()]);
    for arguments in ASKING {
        ends(&world, arguments).expect(3).says("settings").says("no plain file");
    }
    let world = repository();
    let own = world.outside(".gitconfig");
    world.run_ok("mkfifo", &[own.to_str().unwrap()]);
    for arguments in ASKING {
        ends(&world, arguments).expect(3).says(".gitconfig").says("no plain file");
    }
    ends(&world, &["scan"]).expect(0);
}

#[test]
fn a_linked_work_tree_and_a_submodule_are_looked_at_too() {
    let world = repository();
    let linked = world.outside("linked");
    world.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
    for name in ["gitdir", "HEAD", "commondir"] {
        let inner = format!(".git/worktrees/linked/{name}");
        let kept = std::fs::read(world.top().join(&inner)).unwrap();
        pipe(&world, &inner);
        ends(&world, &["scan", "--history", linked.to_str().unwrap()]).expect(3).says(name);
        std::fs::remove_file(world.top().join(&inner)).unwrap();
        world.write(&inner, kept);
    }
    // The repository of a submodule.
    world.git(&["init", "-q", "--bare", ".git/modules/part"]);
    pipe(&world, ".git/modules/part/config");
    ends(&world, &["scan", "--history"]).expect(3).says("part/config");
    // What names submodules is a file of the work tree like others.
    pipe(&world, ".gitmodules");
    ends(&world, &["scan"]).expect(0).says("1 skipped");
    ends(&world, &["scan", "--staged"]).expect(0);
    assert!(Path::new(&linked).exists());
}
