//! Repositories whose objects are named by SHA-256: what is staged, ranges, hooks and jobs.

use crate::world::{Ran, World, token};
use std::path::{Path, PathBuf};

/// A repository of that form, with an identity.
fn other() -> World {
    let world = World::bare();
    world.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    identify(&world, &world.top());
    world
}

fn identify(world: &World, directory: &Path) {
    for (key, value) in [("user.name", "kim"), ("user.email", "kim@example.invalid")] {
        git_in(world, directory, &["config", key, value]).expect(0);
    }
}

fn git_in(world: &World, directory: &Path, arguments: &[&str]) -> Ran {
    let mut git = world.command("git");
    let programs = Path::new(env!("CARGO_BIN_EXE_stanch")).parent().unwrap().to_owned();
    let paths = std::env::var_os("PATH").unwrap();
    let paths = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&paths))).unwrap();
    git.env("PATH", paths).env("GIT_EDITOR", "true");
    world.run({
        git.current_dir(directory).args(["-c", "protocol.file.allow=always"]).args(arguments);
        git
    })
}

fn try_git(world: &World, arguments: &[&str]) -> Ran {
    git_in(world, &world.top(), arguments)
}

/// A bare one beside it, which it knows as `origin`.
fn server(world: &World) -> PathBuf {
    let path = world.outside("server.git");
    world.git(&["init", "-q", "--bare", "-b", "main", "--object-format=sha256", path.to_str().unwrap()]);
    world.git(&["remote", "add", "origin", path.to_str().unwrap()]);
    path
}

#[test]
fn what_is_staged_is_read() {
    let world = other();
    world.stanch(&["scan", "--staged"]).expect(0);
    world.write("a/b", token(800));
    world.git(&["add", "-A"]);
    world.stanch(&["scan", "--staged"]).expect(1).says("a/b:1:1").hides(&token(800));
    world.git_as_kim(&["commit", "-qm", "leak"]);
    world.stanch(&["scan", "--staged"]).expect(0).says("0 files");
    world.write("a/c", "clean\n");
    world.write("d", token(801));
    world.git(&["add", "-A"]);
    for version in ["4", "3", "2"] {
        world.git(&["update-index", "--index-version", version]);
        world.stanch(&["scan", "--staged"]).expect(1).says("2 files").says("d:1:1");
    }
    world.git(&["update-index", "--split-index"]);
    world.write("e", token(802));
    world.git(&["rm", "-q", "--cached", "a/c"]);
    world.git(&["add", "e"]);
    world.stanch(&["scan", "--staged"]).expect(1).says("2 files").says("d:1:1").says("e:1:1");
    world.write(".git/index", "DIRC");
    world.stanch(&["scan", "--staged"]).expect(3).says("cannot read the index").says("cut short");
}

#[test]
fn conflicts_and_intentions_are_told_apart() {
    let world = other();
    world.commit("a", "one\n", "one");
    world.git(&["checkout", "-q", "-b", "side"]);
    world.commit("a", token(803), "theirs");
    world.git(&["checkout", "-q", "main"]);
    world.commit("a", "ours\n", "ours");
    try_git(&world, &["merge", "-q", "side"]).expect(1);
    world.stanch(&["scan", "--staged"]).expect(1).says("a:1:1");
    world.git(&["reset", "-q", "--hard"]);
    world.write("new", token(804));
    world.git(&["add", "-N", "new"]);
    world.stanch(&["scan", "--staged"]).expect(0).says("0 files");
}

#[test]
fn ranges_are_read_from_any_name_to_any_other() {
    let world = other();
    let first = world.commit("a", "one\n", "one");
    world.git(&["tag", "-a", "v1", "-m", "one"]);
    world.commit("b", token(805), "leak");
    let last = world.commit("b", "clean\n", "taken out");
    let ends = [
        format!("{first}..{last}"),
        format!("{}..{}", &first[..9], &last[..9]),
        "v1..main".to_owned(),
        "v1^{commit}..HEAD".to_owned(),
        "HEAD~2..".to_owned(),
        "main^^..@".to_owned(),
        format!("{}..HEAD", "0".repeat(64)),
    ];
    for range in ends {
        world.stanch(&["scan", "--range", &range]).expect(1).says("b@").says("1 leak").hides(&token(805));
    }
    world.stanch(&["scan", "--range", "HEAD~1..HEAD"]).expect(0);
    for range in ["nowhere..HEAD", "HEAD~9..HEAD", "HEAD^2..HEAD", "v1..HEAD@{yesterday}"] {
        world.stanch(&["scan", "--range", range]).expect(3).says("is not in this clone").says("hint: fetch");
    }
}

#[test]
fn commits_are_stopped_by_their_content_and_by_their_message() {
    let world = other();
    world.stanch(&["hook", "install"]).expect(0).says("on: pre-commit, commit-msg, pre-push");
    world.stanch(&["hook", "status"]).expect(0);
    world.write("a", token(806));
    world.git(&["add", "-A"]);
    try_git(&world, &["commit", "-qm", "leak"]).expect(1).says("commit stopped").says("a:1:1");
    world.write("a", "one\n");
    world.git(&["add", "-A"]);
    try_git(&world, &["commit", "-qm", &token(807)]).expect(1).says("1 leak in the message");
    try_git(&world, &["commit", "-qm", "clean"]).expect(0);
    // A commit of some paths has an index of its own.
    world.write("b", token(808));
    world.git(&["add", "b"]);
    world.write("a", "two\n");
    try_git(&world, &["commit", "-qm", "a alone", "--", "a"]).expect(0);
    try_git(&world, &["commit", "-qm", "b too"]).expect(1).says("b:1:1");
    let mut git = world.command("git");
    git.args(["commit", "-qm", "b too"]).env("STANCH_SKIP", "a sample");
    world.run(git).expect(0);
    let ran = world.stanch(&["scan", "--range", "HEAD~1..HEAD"]).expect(1);
    ran.says("b@");
}

#[test]
fn pushes_are_stopped_and_only_what_is_new_is_read() {
    let world = other();
    let server = server(&world);
    world.stanch(&["hook", "install", "--hook", "pre-push"]).expect(0);
    world.commit("a", token(809), "leak");
    let push = |arguments: &[&str]| try_git(&world, &[&["push", "-q"], arguments].concat());
    push(&["origin", "main"]).expect(1).says("push stopped").says("a@").says("local hook bypassed or not installed");
    push(&["--no-verify", "origin", "main"]).expect(0);
    world.commit("b", "two\n", "clean");
    push(&["origin", "main"]).expect(0);
    world.git(&["checkout", "-q", "-b", "side"]);
    world.commit("c", "three\n", "clean");
    push(&["origin", "side"]).expect(0);
    world.git(&["tag", "-a", "v1", "-m", &token(810)]);
    push(&["origin", "v1"]).expect(1).says("<message>@");
    push(&["origin", ":side"]).expect(0);
    assert!(!git_in(&world, &server, &["for-each-ref"]).stdout.contains("side"));
}

#[test]
fn what_is_received_is_read_before_it_is_accepted() {
    for (hook, limit) in [("pre-receive", "1"), ("pre-receive", "100"), ("update", "100")] {
        let world = other();
        let server = server(&world);
        let mut install = world.command(env!("CARGO_BIN_EXE_stanch"));
        install.args(["hook", "install", "--hook", hook]).current_dir(&server);
        world.run(install).expect(0);
        git_in(&world, &server, &["config", "receive.unpackLimit", limit]).expect(0);
        world.commit("a", "one\n", "first");
        try_git(&world, &["push", "-q", "origin", "main"]).expect(0);
        world.commit("b", token(811), "leak");
        world.commit("b", "clean\n", "taken out");
        let ran = try_git(&world, &["push", "-q", "origin", "main"]).expect(1).hides(&token(811));
        ran.says("push rejected: it holds 1 leaked token").says("b@");
        world.git(&["reset", "-q", "--hard", "HEAD~2"]);
        world.commit("c", "two\n", "clean");
        try_git(&world, &["push", "-q", "origin", "main"]).expect(0);
    }
}

#[test]
fn hooks_of_such_a_repository_are_tried() {
    let world = other();
    let mut install = world.command(env!("CARGO_BIN_EXE_stanch"));
    install.args(["hook", "install"]);
    world.run(install).expect(0);
    world.stanch(&["hook", "doctor"]).expect(0).says("ok ");
    world.stanch(&["hook", "uninstall"]).expect(0);
    world.stanch(&["hook", "status"]).expect(1).says("OFF");
}

#[test]
fn a_job_reads_what_is_new_and_goes_by_the_policy_of_the_base() {
    let world = other();
    world.commit("old", token(812), "old leak");
    let base = world.commit("stanch.yaml", "exclude: [fixtures/**]\n", "policy");
    world.git(&["checkout", "-q", "-b", "topic"]);
    world.commit("fixtures/a", token(813), "excluded");
    world.commit("new", token(814), "new leak");
    let head = world.commit("stanch.yaml", "exclude: ['**']\n", "loosened");
    let ci = |base: &str| {
        let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
        command.args(["ci", "--format", "lines"]).env("STANCH_BASE", base);
        world.run(command)
    };
    for name in [base.as_str(), &base[..12], "main"] {
        let ran = ci(name).expect(1).says("new@").says("stanch.yaml is changed here");
        assert!(!ran.stdout.contains("old@") && !ran.stdout.contains("fixtures/a@"), "{}", ran.stdout);
    }
    ci("nowhere").expect(1).says("nowhere is not in this clone");
    // A service names commits in full.
    let gitlab = [
        ("GITLAB_CI", "true"),
        ("CI_DEFAULT_BRANCH", "main"),
        ("CI_PIPELINE_SOURCE", "push"),
        ("CI_COMMIT_BEFORE_SHA", &base),
        ("CI_COMMIT_SHA", &head),
        ("CI_COMMIT_BRANCH", "topic"),
    ];
    let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
    command.args(["ci", "--format", "lines"]).envs(gitlab);
    world.run(command).expect(1).says("new@");
    let clone = world.outside("clone");
    let url = format!("file://{}", world.top().display());
    world.git(&["clone", "-q", "--depth", "1", "-b", "topic", &url, clone.to_str().unwrap()]);
    let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
    command.args(["ci", "--format", "lines"]).envs(gitlab).current_dir(&clone);
    world.run(command).expect(1).says("is not in this clone").says("incomplete");
}

#[test]
fn the_report_of_another_scanner_is_followed_into_it() {
    let world = other();
    let commit = world.commit("a", format!("{}\n", token(815)), "leak");
    world.commit("a", "clean\n", "taken out");
    let lead = serde_json::json!([{
        "RuleID": "demo", "Description": "", "StartLine": 1, "EndLine": 1, "StartColumn": 1, "EndColumn": 52,
        "Match": token(815), "Secret": token(815), "File": "a", "SymlinkFile": "", "Commit": commit, "Entropy": 4.5,
        "Author": "", "Email": "", "Date": "", "Message": "", "Tags": [], "Fingerprint": "x",
    }]);
    world.write("report.json", lead.to_string());
    world.stanch(&["import", "report.json"]).expect(1).says(&format!("a@{}", &commit[..10])).hides(&token(815));
}
