//! The hooks that git calls, called by git.

mod commits;
mod interrupted;
mod pushes;
mod received;

use crate::world::{Ran, World, token};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes git call the program for these hooks.
fn hook(git_directory: &Path, hooks: &[(&str, &str)]) {
    std::fs::create_dir_all(git_directory.join("hooks")).unwrap();
    for (name, arguments) in hooks {
        let path = git_directory.join("hooks").join(name);
        let program = env!("CARGO_BIN_EXE_stanch");
        std::fs::write(&path, format!("#!/bin/sh\nexec '{program}' hook {arguments}\n")).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

/// A repository whose commits are scanned, with an identity.
fn committing() -> World {
    let world = World::new();
    hook(
        &world.top().join(".git"),
        &[("pre-commit", "pre-commit"), ("pre-merge-commit", "pre-commit"), ("commit-msg", "commit-msg \"$1\"")],
    );
    identify(&world);
    world
}

fn identify(world: &World) {
    world.git(&["config", "user.name", "kim"]);
    world.git(&["config", "user.email", "kim@example.invalid"]);
}

/// Runs git; it may fail.
fn try_git(world: &World, arguments: &[&str]) -> Ran {
    try_git_with(world, arguments, &[])
}

fn try_git_with(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut git = world.command("git");
    git.args(arguments).envs(environment.iter().copied()).env("GIT_EDITOR", "true");
    world.run(git)
}

/// Files of one megabyte with the beginnings of tokens, which take long to read, and perhaps a token.
fn slow_to_read(world: &World, files: u64, leaks: bool) {
    for number in 0..files {
        let text = ["stanch_", "demo_ "].concat().repeat(80_000);
        let leak = if leaks { token(400 + number) } else { String::new() };
        world.write(format!("d{}/file-{number}", number % 5), format!("{number} {leak}\n{text}"));
    }
}

/// Loose objects and packs below a git directory.
fn objects(git_directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![git_directory.join("objects")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            // A new git tidies up in the background, under a lock.
            let is_lock = path.extension().is_some_and(|extension| extension == "lock");
            match path.is_dir() {
                true => directories.push(path),
                false => found.extend(Some(path).filter(|_| !is_lock)),
            }
        }
    }
    found.sort();
    found
}

/// Runs git inside some directory, which must succeed.
#[track_caller]
fn git_in(world: &World, directory: &Path, arguments: &[&str]) -> Ran {
    run_in(world, directory, arguments).expect(0)
}

fn run_in(world: &World, directory: &Path, arguments: &[&str]) -> Ran {
    let mut git: Command = world.command("git");
    git.current_dir(directory).args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"]);
    git.args(["-c", "protocol.file.allow=always"]).args(arguments);
    world.run(git)
}
