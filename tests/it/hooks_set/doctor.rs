//! The installed hooks on trial.

use super::{everything, executable, same};
use crate::world::World;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn doctor_shows_what_the_hooks_do_and_leaves_everything_as_it_is() {
    let world = World::new();
    world.commit("a", "one", "first");
    // What runs beside ours is not tried: it may do anything.
    executable(&world, ".git/hooks/pre-commit", "#!/bin/sh\ntouch ran\nexit 1\n");
    world.stanch(&["hook", "install"]).expect(0);
    // Settings of the user that would stop what is tried, were it not for the scratch repository's own.
    for (key, value) in [
        ("commit.gpgSign", "true"),
        ("push.gpgSign", "true"),
        ("protocol.file.allow", "never"),
        ("core.excludesFile", "~/ignored"),
        ("core.hooksPath", "~/no-hooks"),
    ] {
        world.git(&["config", "--global", key, value]);
    }
    world.git(&["config", "core.hooksPath", ".git/hooks"]);
    std::fs::write(world.outside("ignored"), "*\n").unwrap();
    let before = everything(&world.top());
    let doctor = |code: i32| world.stanch(&["hook", "doctor"]).expect(code);
    let ran = doctor(0);
    for check in
        ["a clean commit passes", "pre-commit stops", "commit-msg stops", "lets a clean push pass", "pre-push stops"]
    {
        assert!(
            ran.stdout.lines().any(|line| line.starts_with("ok ") && line.contains(check) && line.contains(" ms)")),
            "{ran:?}"
        );
    }
    assert!(!ran.stdout.contains("stanch_demo_"), "{ran:?}");
    same(&before, &everything(&world.top()));
    // A hook that is off, and one that looks away, are found out.
    std::fs::set_permissions(world.top().join(".git/hooks/pre-push"), std::fs::Permissions::from_mode(0o644)).unwrap();
    doctor(4).says("FAILED  pre-push is on").says("chmod +x");
    world.stanch(&["hook", "install"]).expect(0);
    world.write("stanch.yaml", "exclude: ['*.txt']\n");
    doctor(4).says("FAILED  pre-commit stops a commit with a token").says("it passed");
    std::fs::remove_file(world.top().join("stanch.yaml")).unwrap();
    let shim = world.top().join(".git/hooks/commit-msg");
    std::fs::write(&shim, "#!/bin/sh\n# stanch hook commit-msg\nexit 1\n").unwrap();
    doctor(4).says("FAILED  a clean commit passes");
    std::fs::write(&shim, "#!/bin/sh\n# stanch hook commit-msg\nexit 0\n").unwrap();
    doctor(4).says("FAILED  commit-msg stops a message with a token");
}

#[test]
fn doctor_tries_the_hook_of_a_server() {
    let world = World::bare();
    world.git(&["init", "-q", "--bare"]);
    world.stanch(&["hook", "doctor"]).expect(4).says("FAILED  pre-receive is on");
    world.stanch(&["hook", "install", "--server"]).expect(0);
    let before = everything(&world.top());
    world.stanch(&["hook", "doctor"]).expect(0).says("ok      pre-receive stops a push with a token");
    same(&before, &everything(&world.top()));
}
