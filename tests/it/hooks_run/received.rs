//! Bare repositories that scan what they are about to receive.

use super::{git_in, hook, identify, objects, slow_to_read, try_git, try_git_with};
use crate::world::{Ran, World, token};
use std::path::{Path, PathBuf};

/// A repository, and the bare one to which it pushes.
fn receiving(name: &str, hooks: &[(&str, &str)]) -> (World, PathBuf) {
    let world = World::new();
    identify(&world);
    let server = world.outside(name);
    world.git(&["init", "-q", "--bare", "-b", "main", server.to_str().unwrap()]);
    hook(&server, hooks);
    git_in(&world, &server, &["config", "receive.advertisePushOptions", "true"]);
    // What git tidies up in the background holds locks that the next push may need, and may change what is compared.
    for repository in [world.top(), server.clone()] {
        git_in(&world, &repository, &["config", "maintenance.auto", "false"]);
        git_in(&world, &repository, &["config", "gc.auto", "0"]);
    }
    world.git(&["remote", "add", "origin", server.to_str().unwrap()]);
    (world, server)
}

const PRE_RECEIVE: &[(&str, &str)] = &[("pre-receive", "pre-receive")];

const UPDATE: &[(&str, &str)] = &[("update", "update \"$@\"")];

fn push(world: &World, arguments: &[&str]) -> Ran {
    try_git(world, &[&["push", "-q"], arguments].concat())
}

#[track_caller]
fn accepted(world: &World, arguments: &[&str]) {
    let ran = push(world, arguments).expect(0);
    assert_eq!(format!("{}{}", ran.stdout, ran.stderr), "");
}

/// Nothing of what is rejected stays.
#[track_caller]
fn rejected(world: &World, server: &Path, arguments: &[&str]) -> Ran {
    let refs = || git_in(world, server, &["for-each-ref"]).stdout;
    let before = (refs(), objects(server));
    let ran = push(world, arguments).expect(1).says("remote: stanch: push rejected");
    assert_eq!((refs(), objects(server)), before);
    ran
}

#[test]
fn a_leak_is_rejected_and_a_clean_push_is_accepted_in_silence() {
    // Objects that are kept apart one by one, and as a pack.
    for unpack_limit in ["100", "1"] {
        let (world, server) = receiving("server.git", PRE_RECEIVE);
        git_in(&world, &server, &["config", "receive.unpackLimit", unpack_limit]);
        world.commit("a", "one\n", "first");
        accepted(&world, &["origin", "main"]);
        let secret = token(300);
        let commit = world.commit("src/b", format!("key: {secret}\n"), "leak");
        world.commit("src/b", "clean\n", "taken out again");
        let ran = rejected(&world, &server, &["origin", "main"]).hides(&secret);
        ran.says("it holds 1 leaked token").says(&format!("src/b@{}:1:6: ", &commit[..10])).says("stanch.demo-token");
        // A reference that is fine does not carry the other one in.
        rejected(&world, &server, &["origin", "main~2:refs/heads/fine", "main"]);
        world.git(&["reset", "-q", "--hard", "HEAD~2"]);
        world.commit("c", "two\n", "clean");
        accepted(&world, &["origin", "main", "main:side"]);
        accepted(&world, &["origin", ":side"]);
        world.git(&["tag", "-a", "v1", "-m", &secret]);
        rejected(&world, &server, &["origin", "v1"]).says("<message>@");
    }
}

#[test]
fn each_reference_may_be_asked_about_alone() {
    let (world, server) = receiving("server.git", UPDATE);
    world.commit("a", "one\n", "first");
    accepted(&world, &["origin", "main", "main:side"]);
    world.commit("b", token(301), "leak");
    push(&world, &["origin", "main", "main~1:refs/heads/fine"])
        .expect(1)
        .says("push rejected: it holds 1 leaked token");
    let refs = git_in(&world, &server, &["for-each-ref", "--format=%(refname)"]).stdout;
    assert_eq!(refs, "refs/heads/fine\nrefs/heads/main\nrefs/heads/side\n");
    accepted(&world, &["origin", ":side"]);
    world.stanch(&["hook", "update", "refs/heads/x", "1", "2"]).expect(2).says("REFERENCE OLD NEW");
}

#[test]
fn five_findings_are_shown_and_all_are_counted() {
    let (world, server) = receiving("server.git", PRE_RECEIVE);
    for number in 0..8 {
        world.write(format!("file-{number}"), token(310 + number));
    }
    world.commit("a", "one\n", "leaks");
    let ran = rejected(&world, &server, &["origin", "main"]).says("it holds 8 leaked tokens").says("and 3 more");
    assert_eq!(ran.stderr.matches("remote: file-").count(), 5, "{}", ran.stderr);
}

#[test]
fn all_is_read_or_nothing_is_accepted() {
    let (world, server) = receiving("server.git", PRE_RECEIVE);
    world.commit("image", b"\x89PNG\0\0\0", "binary");
    accepted(&world, &["origin", "main"]);
    world.commit("image", [b"\x89PNG\0\0\0".as_slice(), token(320).as_bytes()].concat(), "binary");
    rejected(&world, &server, &["origin", "main"]).says("image@");
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    // An exclusion of the repository hides nothing here.
    world.write("stanch.yaml", "exclude: ['*']\n");
    world.commit("a", "one\n", "exclude all");
    accepted(&world, &["origin", "main"]);
    world.commit("b", token(321), "leak");
    rejected(&world, &server, &["origin", "main"]).says("b@");
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    std::fs::File::create(world.top().join("huge")).unwrap().set_len(100_000_001).unwrap();
    world.commit("a", "two\n", "huge");
    rejected(&world, &server, &["origin", "main"])
        .says("not all of it could be read")
        .says("larger than the limit")
        .says("huge@");
}

#[test]
fn an_exception_counts_once_it_was_accepted() {
    let (world, server) = receiving("server.git", PRE_RECEIVE);
    world.stanch(&["config", "new"]).expect(0);
    world.commit("a", "one\n", "salt");
    accepted(&world, &["origin", "main"]);
    world.commit("b", token(330), "leak");
    let ran = rejected(&world, &server, &["origin", "main"]).says("stanchignore counts once");
    let print = ran.stderr.split_whitespace().find(|word| word.starts_with("st1:")).unwrap().to_owned();
    world.stanch(&["ignore", &print, "--reason", "sample", "--until", "2999-01-01"]).expect(0);
    // The push cannot excuse itself.
    world.commit("c", "two\n", "the exception beside the leak");
    rejected(&world, &server, &["origin", "main"]).says(&print);
    world.git(&["reset", "-q", "--soft", "HEAD~2"]);
    world.git(&["reset", "-q", "b", "c"]);
    try_git(&world, &["commit", "-qm", "the exception alone"]).expect(0);
    accepted(&world, &["origin", "main"]);
    world.git(&["add", "b"]);
    try_git(&world, &["commit", "-qm", "the excused one"]).expect(0);
    accepted(&world, &["origin", "main"]);
    // What is refused on the default branch counts for nothing, and does not stop the push that mends it.
    git_in(&world, &server, &["config", "core.hooksPath", "/dev/null"]);
    world.commit("stanch.yaml", "nonsense: true\n", "broken");
    accepted(&world, &["origin", "main"]);
    git_in(&world, &server, &["config", "--unset", "core.hooksPath"]);
    world.commit("stanch.yaml", "gate: low\n", "mended");
    push(&world, &["origin", "main"]).expect(0);
}

#[test]
fn the_quarantine_is_seen_beside_shared_objects_and_under_odd_names() {
    let (world, server) = receiving("odd: \"name\".git", PRE_RECEIVE);
    world.commit("a", "one\n", "first");
    accepted(&world, &["origin", "main"]);
    world.commit("a", token(331), "leak");
    rejected(&world, &server, &["origin", "main"]).says("a@");
    // A fork that borrows its objects from a pool.
    let fork = world.outside("fork.git");
    let pool = world.outside("pool.git");
    git_in(&world, &world.top(), &["clone", "-q", "--bare", server.to_str().unwrap(), pool.to_str().unwrap()]);
    let shared = ["clone", "-q", "--bare", "--shared", pool.to_str().unwrap(), fork.to_str().unwrap()];
    git_in(&world, &world.top(), &shared);
    hook(&fork, PRE_RECEIVE);
    assert!(fork.join("objects/info/alternates").exists());
    rejected(&world, &fork, &[fork.to_str().unwrap(), "main"]).says("a@");
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    world.commit("b", "two\n", "clean");
    accepted(&world, &[fork.to_str().unwrap(), "main"]);
}

#[test]
fn what_is_not_there_is_rejected_by_name() {
    let (world, server) = receiving("server.git", PRE_RECEIVE);
    world.commit("a", "one\n", "first");
    accepted(&world, &["origin", "main"]);
    let call = |arguments: &[&str], lines: &str| {
        let mut sh = world.command("sh");
        sh.current_dir(&server).env("GIT_DIR", ".").args(["-c", &format!("printf '{lines}' | \"$0\" \"$@\"")]);
        sh.arg(env!("CARGO_BIN_EXE_stanch")).args(arguments);
        world.run(sh)
    };
    let zero = "0".repeat(40);
    let missing = "7".repeat(40);
    let ran = call(&["hook", "pre-receive"], &format!("{zero} {missing} refs/heads/x\\n"));
    ran.expect(3).says("not all of it could be read").says("refs/heads/x").says(&missing);
    call(&["hook", "update", "refs/heads/x", &zero, &missing], "").expect(3).says("refs/heads/x");
    call(&["hook", "pre-receive"], "").expect(2).says("no reference was named");
    call(&["hook", "pre-receive"], "what is this\\n").expect(2).says("line 1 of standard input");
    git_in(&world, &server, &["config", "stanch.receiveTimeLimit", "soon"]);
    call(&["hook", "pre-receive"], &format!("{zero} {missing} refs/heads/x\\n"))
        .expect(2)
        .says("stanch.receiveTimeLimit")
        .says("\"soon\"");
}

#[test]
fn when_the_time_is_over_nothing_is_accepted_unscanned() {
    let (world, server) = receiving("server.git", PRE_RECEIVE);
    // No machine reads that in a millisecond.
    git_in(&world, &server, &["config", "stanch.receiveTimeLimit", "1ms"]);
    slow_to_read(&world, 20, false);
    world.commit("a", "one\n", "much");
    let ran = rejected(&world, &server, &["origin", "main"]);
    ran.says("the time limit of 1ms ran out").says("nothing is accepted unscanned").says("receiveTimeLimit 1");
    // The hook itself keeps to the limit.
    let commit = world.git(&["rev-parse", "HEAD"]).stdout.trim().to_owned();
    git_in(&world, &server, &["fetch", "-q", world.top().to_str().unwrap(), "main"]);
    let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
    command.current_dir(&server).env("GIT_DIR", ".");
    command.args(["hook", "update", "refs/heads/x", &"0".repeat(40), &commit]);
    world.run(command).expect(3).says("the time limit of 1ms ran out");
    git_in(&world, &server, &["config", "stanch.receiveTimeLimit", "60"]);
    world.git(&["checkout", "-q", "--orphan", "small"]);
    world.git(&["rm", "-rqf", "."]);
    world.commit("a", "two\n", "little");
    accepted(&world, &["origin", "small"]);
}

#[test]
fn the_glass_is_broken_by_those_who_may_and_with_a_note() {
    let (world, server) = receiving("server.git", PRE_RECEIVE);
    world.commit("a", token(340), "leak");
    let try_as = |name: Option<&str>, option: &str| {
        let environment: Vec<_> = name.map(|name| ("GL_USERNAME", name)).into_iter().collect();
        try_git_with(&world, &["push", "-q", "-o", option, "origin", "main"], &environment)
    };
    // Nobody is on the list.
    try_as(Some("dana"), "stanch.skip=urgent").expect(1).says("'dana' may not pass without a scan");
    git_in(&world, &server, &["config", "--add", "stanch.breakGlass", "robin"]);
    git_in(&world, &server, &["config", "--add", "stanch.breakGlass", "dana"]);
    try_as(Some("sam"), "stanch.skip=urgent").expect(1).says("'sam' may not pass");
    try_as(Some("dana"), "stanch.skip=").expect(1).says("gives no reason");
    try_as(Some("dana"), "stanch.skip").expect(1).says("gives no reason");
    try_as(Some("dana"), "stanch.skipping=urgent").expect(1).says("it holds 1 leaked token").says("-o stanch.skip=");
    try_as(None, "stanch.skip=urgent").expect(1).says("may not pass");
    assert!(!server.join("stanch-skips.log").exists());
    let ran =
        try_as(Some("dana"), &format!("stanch.skip=the site is down {}", token(341))).expect(0).hides(&token(341));
    ran.says("accepted without a scan");
    let log = std::fs::read_to_string(server.join("stanch-skips.log")).unwrap();
    let tip = world.git(&["rev-parse", "HEAD"]).stdout.trim().to_owned();
    assert!(log.contains(&format!("\tpre-receive\t{tip}\tdana: the site is down ")), "{log}");
    crate::world::hides(&log, &token(341));
    // The user of the system, where no server says who it is.
    let user = world.run_ok("id", &["-un"]).stdout.trim().to_owned();
    git_in(&world, &server, &["config", "--add", "stanch.breakGlass", &user]);
    world.commit("b", token(342), "leak");
    try_as(None, "stanch.skip=mine").expect(0);
}
