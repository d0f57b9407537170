//! Trees, files and repositories as nobody wants them: nothing hangs, nothing grows without bound, and what was not
//! read never passes for clean.

use crate::world::{Ran, World, token};
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_stanch");

/// How often a program is asked whether it has ended: three minutes, which nothing here takes on a busy machine.
const POLLS: u32 = 36_000;

/// Runs a command that is killed, and the test with it, when it does not end by itself.
#[track_caller]
fn ends(mut command: Command) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, stderr) = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
    let mut polls = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if polls > POLLS {
            child.kill().unwrap();
            panic!("it did not end: {command:?}");
        }
        polls += 1;
        std::thread::sleep(Duration::from_millis(5));
    };
    Ran { code: status.code().unwrap_or(-1), stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn read(mut pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    })
}

#[track_caller]
fn scan(world: &World, arguments: &[&str]) -> Ran {
    let mut command = world.command(PROGRAM);
    command.arg("scan").args(arguments);
    ends(command)
}

/// A scan that may have so many KiB of address space.
#[track_caller]
fn scan_in(kib: u32, world: &World, arguments: &str) -> Ran {
    let mut command = world.command("sh");
    command.args(["-c", &format!("ulimit -v {kib} && exec '{PROGRAM}' scan --jobs 2 {arguments}")]);
    ends(command)
}

#[test]
fn what_is_no_file_is_listed_and_never_opened() {
    let world = World::bare();
    let secret = token(300);
    world.write("deep/a", "clean");
    let at = |name: &str| world.top().join(name);
    symlink("two", at("one")).unwrap();
    symlink("one", at("two")).unwrap();
    symlink("..", at("deep/up")).unwrap();
    symlink("/dev/zero", at("zeros")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    world.run_ok("mkfifo", &["pipe"]);
    scan(&world, &["."]).expect(0).says("1 file").says("7 skipped").says("not a file");
    scan(&world, &[".", "--strict"]).expect(0);
    // By name it is read, and what cannot be read is a gap.
    scan(&world, &["zeros", "--max-size", "1MB"]).expect(3).says("zeros is larger than the limit");
    scan(&world, &["one"]).expect(3).says("cannot read one");
    scan(&world, &["dangling"]).expect(2).says("'dangling' does not exist");
    scan(&world, &["deep/up"]).expect(0).says("skipped");
    let pipe = at("pipe");
    let text = format!("x {secret}");
    let writer =
        std::thread::spawn(move || std::fs::File::options().write(true).open(pipe).unwrap().write_all(text.as_bytes()));
    scan(&world, &["pipe"]).expect(1).says("pipe:1:3").hides(&secret);
    writer.join().unwrap().unwrap();
}

#[test]
fn a_device_in_the_tree_is_not_opened() {
    let world = World::bare();
    world.write("a", "clean");
    let made = world.run({
        let mut mknod = world.command("mknod");
        mknod.args(["zeros", "c", "1", "5"]);
        mknod
    });
    if made.code != 0 {
        return; // only the super-user makes devices
    }
    scan(&world, &["."]).expect(0).says("1 not a file (zeros)");
}

#[test]
fn names_that_are_no_text_are_read() {
    let world = World::bare();
    let secret = token(301);
    let name = OsStr::from_bytes(b"key\xff\xfe.env");
    world.write(Path::new("d").join(name), &secret);
    let text = scan(&world, &["d"]).expect(1).hides(&secret).stdout;
    assert!(text.contains("key\u{fffd}"), "{text}");
    let mut named = world.command(PROGRAM);
    named.arg("scan").arg(Path::new("d").join(name));
    ends(named).expect(1).hides(&secret);
    let mut missing = world.command(PROGRAM);
    missing.arg("scan").arg(OsStr::from_bytes(b"no\xff"));
    ends(missing).expect(2).says("does not exist");
}

#[test]
fn a_file_of_holes_is_too_large_and_costs_nothing() {
    let world = World::bare();
    std::fs::File::create(world.top().join("holes")).unwrap().set_len(10_000_000_000).unwrap();
    scan(&world, &["."]).expect(3).says("INCOMPLETE").says("holes is larger than the limit of 100000000 bytes");
    scan(&world, &["holes"]).expect(3).says("holes is larger than the limit of 100000000 bytes").says("--max-size");
    // Whoever lifts the limit is told when the memory does not suffice.
    scan_in(2_000_000, &world, ". --max-size 20GB").expect(3).says("cannot read holes");
    scan_in(2_000_000, &world, "holes --max-size 20GB").expect(3).says("cannot read holes");
}

#[test]
fn long_lines_and_many_words_take_bounded_time_and_memory() {
    let world = World::bare();
    let secret = token(302);
    let tail = format!(" {secret} ");
    let long = 20_000_000;
    let texts = [
        ("line", "a".repeat(long)),
        ("words", "stanch_demo_ ".repeat(1_000_000)),
        ("assignments", "heroku_api_key = ".repeat(500_000)),
        ("openings", "-----BEGIN PRIVATE KEY-----\n".repeat(200_000)),
        ("base64", "QUJDRGVm".repeat(long / 16)),
    ];
    for (name, text) in &texts {
        world.write(name, format!("{text}{tail}"));
    }
    world.write("zeros", [vec![0; long / 2], tail.clone().into_bytes()].concat());
    world.write("tokens", format!("{secret} ").repeat(100_000));
    let ran = scan_in(1_500_000, &world, ". --format json").expect(1).hides(&secret);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!(report["coverage"]["scanned"]["items"], texts.len() + 2);
    assert_eq!(report["coverage"]["gap_count"], 1, "more tokens in one file than are listed");
    for (name, text) in &texts {
        let after = text.rfind('\n').map_or(0, |at| at + 1);
        let line = text.matches('\n').count() + 1;
        let column = text.len() - after + 2;
        scan(&world, &[name, "--format", "lines"]).expect(1).says(&format!("{name}:{line}:{column}: "));
    }
}

#[test]
fn directories_are_followed_as_deep_as_the_system_goes() {
    let world = World::bare();
    let secret = token(303);
    let deep: PathBuf = std::iter::repeat_n("d", 1_000).collect();
    world.write(deep.join("key"), &secret);
    scan(&world, &["."]).expect(1).says("/key:1:1").hides(&secret);
    std::fs::remove_file(world.top().join(deep).join("key")).unwrap();
    scan(&world, &["."]).expect(0);
    // Deeper than a path can be long, where only a process that stands there could look.
    let mut digger = world.command("sh");
    digger.args(["-c", "i=0; while [ $i -lt 40 ]; do n=$(printf '%0200d' $i); mkdir $n; cd -P $n; i=$((i+1)); done"]);
    world.run(digger).expect(0);
    scan(&world, &["."]).expect(3).says("INCOMPLETE").says("too long");
}

#[test]
fn a_repository_without_commits_or_files_is_clean_but_has_no_history() {
    let world = World::new();
    scan(&world, &["--history"]).expect(3).says("has no commits");
    scan(&world, &["--staged"]).expect(0);
    scan(&world, &["."]).expect(0);
    scan(&world, &["--range", "HEAD~1..HEAD"]).expect(3).says("'HEAD~1' is not in this clone");
    let mut hook = world.command(PROGRAM);
    hook.args(["hook", "pre-commit"]);
    assert_eq!(ends(hook).expect(0).stdout, "");
}

#[test]
fn a_bare_repository_has_a_history() {
    let world = World::new();
    let secret = token(304);
    world.commit("a", &secret, "leak");
    world.commit("a", "clean", "clean");
    let bare = world.outside("bare");
    let bare_text = bare.to_str().unwrap();
    world.git(&["clone", "-q", "--bare", world.top().to_str().unwrap(), bare_text]);
    scan(&world, &["--history", bare_text]).expect(1).says("a@").hides(&secret);
    let inside = |arguments: &[&str]| {
        let mut command = world.command(PROGRAM);
        command.current_dir(&bare).arg("scan").args(arguments);
        ends(command)
    };
    inside(&["--history"]).expect(1);
    inside(&["--range", "HEAD~1..HEAD"]).expect(0);
    // As git's own hooks are run.
    let mut received = world.command(PROGRAM);
    received.args(["scan", "--history"]).env("GIT_DIR", &bare).current_dir(world.outside(""));
    ends(received).expect(1).says("a@");
    let mut nowhere = world.command(PROGRAM);
    nowhere.args(["scan", "--staged"]).env("GIT_DIR", "/nowhere");
    ends(nowhere).expect(4).says("cannot open a git repository").says("hint: ");
}

#[test]
fn heads_on_no_branch_are_history() {
    let world = World::new();
    let (here, linked) = (token(305), token(306));
    world.commit("a", "clean", "first");
    world.git(&["checkout", "-q", "--detach"]);
    world.commit("b", &here, "on no branch");
    let other = world.outside("other");
    world.git(&["worktree", "add", "-q", "--detach", other.to_str().unwrap(), "main"]);
    std::fs::write(other.join("c"), &linked).unwrap();
    for arguments in
        [&["add", "c"][..], &["-c", "user.name=kim", "-c", "user.email=k@example.invalid", "commit", "-qm", "c"]]
    {
        let mut git = world.command("git");
        git.current_dir(&other).args(arguments);
        world.run(git).expect(0);
    }
    for place in [world.top(), other] {
        let mut command = world.command(PROGRAM);
        command.current_dir(&place).args(["scan", "--history", "--format", "lines"]);
        let ran = ends(command).expect(1).says("b@").says("c@").hides(&here).hides(&linked);
        assert_eq!(ran.stdout.lines().count(), 2);
    }
}

#[test]
fn a_submodule_is_its_own_repository() {
    let world = World::new();
    let secret = token(307);
    let inner = world.outside("inner");
    world.git(&["init", "-q", "-b", "main", inner.to_str().unwrap()]);
    std::fs::write(inner.join("key"), &secret).unwrap();
    for arguments in
        [&["add", "key"][..], &["-c", "user.name=kim", "-c", "user.email=k@example.invalid", "commit", "-qm", "k"]]
    {
        let mut git = world.command("git");
        git.current_dir(&inner).args(arguments);
        world.run(git).expect(0);
    }
    world.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.to_str().unwrap(), "sub"]);
    scan(&world, &["--staged"]).expect(0);
    scan(&world, &["--history", "sub"]).expect(1).says("key@").hides(&secret);
    scan(&world, &["."]).expect(1).says("sub/key:1:1").hides(&secret);
}

#[test]
fn a_damaged_pack_is_a_gap() {
    let world = World::new();
    for round in 0..20 {
        world.commit("a", format!("{round}\n").repeat(500), "more");
    }
    world.git(&["gc", "-q", "--aggressive", "--prune=now"]);
    let packs = world.top().join(".git/objects/pack");
    let pack = |ending: &str| {
        let mut paths = std::fs::read_dir(&packs).unwrap().map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|found| found == ending)).unwrap()
    };
    scan(&world, &["--history"]).expect(0);
    let path = pack("pack");
    let whole = std::fs::read(&path).unwrap();
    let replace = |path: &Path, bytes: &[u8]| {
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    for (from, to) in [(whole.len() / 4, whole.len() / 3), (whole.len() / 2, whole.len()), (0, 12), (12, whole.len())] {
        let mut damaged = whole.clone();
        damaged[from..to].fill(0x5a);
        replace(&path, &damaged);
        let ran = scan(&world, &["--history"]);
        assert!([3, 4].contains(&ran.code), "{from}..{to}: {ran:?}");
    }
    replace(&path, &whole[..whole.len() / 2]);
    let ran = scan(&world, &["--history"]);
    assert!([3, 4].contains(&ran.code), "cut: {ran:?}");
    replace(&path, &whole);
    scan(&world, &["--history"]).expect(0);
    let index = pack("idx");
    let mut damaged = std::fs::read(&index).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    replace(&index, &damaged);
    scan(&world, &["--history"]).expect(3);
    replace(&index, b"no index");
    let ran = scan(&world, &["--history"]);
    assert!([3, 4].contains(&ran.code), "index: {ran:?}");
    for arguments in [&["--staged"][..], &["--range", "HEAD~1..HEAD"]] {
        let ran = scan(&world, arguments);
        assert!([3, 4].contains(&ran.code), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn a_damaged_index_is_never_clean() {
    let world = World::new();
    world.commit("a", "clean", "first");
    world.write("b", token(308));
    world.git(&["add", "b"]);
    let path = world.top().join(".git/index");
    let whole = std::fs::read(&path).unwrap();
    for length in [1, 11, 12, 40, whole.len() - 21, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let ran = scan(&world, &["--staged"]);
        assert!([3, 4].contains(&ran.code), "{length} bytes: {ran:?}");
    }
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, damaged).unwrap();
        let ran = scan(&world, &["--staged"]);
        assert!([1, 3, 4].contains(&ran.code), "byte {at}: {ran:?}");
    }
}

#[test]
fn bits_of_the_index_hide_nothing() {
    let world = World::new();
    let (assumed, skipped, meant) = (token(309), token(310), token(311));
    world.commit("a", "clean", "first");
    world.write("b", "clean");
    world.git(&["add", "b"]);
    world.write("a", &assumed);
    world.write("b", &skipped);
    world.git(&["add", "-A"]);
    world.git(&["update-index", "--assume-unchanged", "a"]);
    world.git(&["update-index", "--skip-worktree", "b"]);
    world.write("c", &meant);
    world.git(&["add", "-N", "c"]);
    let ran = scan(&world, &["--staged", "--format", "lines"]).expect(1).says("a:1:1").says("b:1:1");
    assert_eq!(ran.stdout.lines().count(), 2, "what is only meant to be added is not staged: {}", ran.stdout);
    world.git(&["add", "c"]);
    scan(&world, &["--staged"]).expect(1).says("c:1:1");
    // An index in another form says the same.
    world.git(&["update-index", "--index-version", "4"]);
    scan(&world, &["--staged"]).expect(1).says("a:1:1").says("b:1:1").says("c:1:1");
    world.git(&["update-index", "--split-index"]);
    let ran = scan(&world, &["--staged"]);
    assert!([1, 3, 4].contains(&ran.code), "{ran:?}");
}

#[test]
fn both_sides_of_a_conflict_are_read() {
    let world = World::new();
    let secret = token(312);
    world.commit("a", "one\n", "first");
    world.git(&["checkout", "-qb", "side"]);
    world.commit("a", format!("{secret}\n"), "side");
    world.git(&["checkout", "-q", "main"]);
    world.commit("a", "two\n", "main");
    let mut merge = world.command("git");
    merge.args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid", "merge", "-q", "side"]);
    assert_ne!(world.run(merge).code, 0);
    scan(&world, &["--staged"]).expect(1).says("a:1:1").hides(&secret);
}

#[test]
fn a_reference_that_leads_nowhere_hides_no_other() {
    let world = World::new();
    let secret = token(313);
    world.commit("a", &secret, "leak");
    world.commit("a", "clean", "clean");
    let at = |name: &str| world.top().join(".git").join(name);
    // A name that stands for a branch that is gone is no damage.
    world.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone"]);
    scan(&world, &["--history"]).expect(1).hides(&secret);
    world.git(&["symbolic-ref", "-d", "refs/remotes/origin/HEAD"]);
    for damage in ["", "no reference\n", "0123456789012345678901234567890123456789\n"] {
        world.write(".git/refs/heads/damaged", damage);
        scan(&world, &["--history"]).expect(1).says("INCOMPLETE").says("damaged").hides(&secret);
        scan(&world, &["--history", "--exit-zero"]).expect(3);
    }
    std::fs::remove_file(at("refs/heads/damaged")).unwrap();
    // A head that is nowhere.
    world.write(".git/HEAD", "0123456789012345678901234567890123456789\n");
    scan(&world, &["--history"]).expect(1).says("INCOMPLETE").says("HEAD");
    world.write(".git/HEAD", "ref: refs/heads/main\n");
    // A tag of what is not there.
    world.git_as_kim(&["tag", "-a", "v1", "-m", "one"]);
    let tree = world.git(&["write-tree"]).stdout;
    world.git(&["tag", "tree", tree.trim()]);
    scan(&world, &["--history"]).expect(1);
    world.git(&["tag", "-d", "tree"]);
    world.write(".git/refs/tags/v2", "0123456789012345678901234567890123456789\n");
    scan(&world, &["--history"]).expect(1).says("INCOMPLETE").says("v2");
}

#[test]
fn a_list_of_cuts_that_is_damaged_is_a_gap() {
    let world = World::new();
    world.commit("a", "clean", "first");
    for text in [&b"garbage\n"[..], b"\xff\xfe1111111111111111111111111111111111111111\n"] {
        world.write(".git/shallow", text);
        world.stanch(&["scan", "--history"]).expect(3).says(".git/shallow").says("names no commit");
    }
    std::fs::remove_file(world.top().join(".git/shallow")).unwrap();
    std::fs::create_dir(world.top().join(".git/shallow")).unwrap();
    world.stanch(&["scan", "--history"]).expect(3).says(".git/shallow");
}

#[test]
fn a_missing_commit_hides_no_other() {
    let world = World::new();
    let (early, late) = (token(314), token(315));
    world.commit("early", &early, "one");
    let middle = world.commit("b", "clean", "two");
    world.git(&["branch", "old", "HEAD~1"]);
    let after = world.commit("late", &late, "three");
    let path = world.top().join(".git/objects").join(&middle[..2]).join(&middle[2..]);
    std::fs::remove_file(path).unwrap();
    let ran = scan(&world, &["--history"]).expect(1).says("INCOMPLETE").says(&middle).hides(&early).hides(&late);
    ran.says("early@").says("late@");
    scan(&world, &["--history", "--exit-zero"]).expect(3);
    let range = format!("{middle}..{after}");
    scan(&world, &["--range", &range]).expect(3).says("is not in this clone");
    scan(&world, &["--range", "old..HEAD"]).expect(1).says("INCOMPLETE").says(&middle).says("late@");
}

/// A few trees, each of which holds the one below it ten times: more paths than anybody can walk.
fn branching(world: &World, blob: &str, name: &str) -> String {
    let make = |lines: String| {
        let mut command = world.command("git");
        command.arg("mktree").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let mut tree = make(format!("100644 blob {blob}\t{name}\n"));
    for _ in 0..12 {
        tree = make((0..10).map(|number| format!("040000 tree {tree}\td{number}\n")).collect());
    }
    tree
}

#[test]
fn a_tree_that_repeats_itself_is_read_once() {
    let world = World::new();
    let (first, second) = (token(316), token(317));
    let mut parent: Option<String> = None;
    for secret in [&first, &second] {
        world.write("blob", secret);
        let blob = world.git(&["hash-object", "-w", "blob"]).stdout.trim().to_owned();
        let tree = branching(&world, &blob, "key");
        let mut arguments = vec!["commit-tree", &tree, "-m", "branching"];
        if let Some(parent) = &parent {
            arguments.extend(["-p", parent]);
        }
        let commit = world.git_as_kim(&arguments).stdout.trim().to_owned();
        world.git(&["update-ref", "refs/heads/main", &commit]);
        parent = Some(commit);
    }
    let all = format!("{}..HEAD", "0".repeat(40));
    for arguments in [&["--history"][..], &["--range", &all], &["--range", "HEAD~1..HEAD"]] {
        let ran = scan(&world, arguments).expect(1).hides(&first).hides(&second);
        assert!(ran.stdout.contains("/key@"), "{}", ran.stdout);
    }
    // With exclusions every place counts, up to a number; beyond it the scan says that it is not complete.
    scan(&world, &["--history", "--exclude", "elsewhere"]).expect(1).says("INCOMPLETE").says("too many places");
}
