//! The hooks put in and taken out again: by every form, with what was there before, and to the byte.

mod doctor;
mod frameworks;

use crate::world::{Ran, World, token};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Every file below a directory with all that can be told of it: its kind, its mode and its bytes.
fn everything(directory: &Path) -> BTreeMap<PathBuf, (String, u32, Vec<u8>)> {
    fn below(top: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, (String, u32, Vec<u8>)>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let (kind, bytes) = if metadata.is_symlink() {
                let to = std::fs::read_link(&path).unwrap();
                ("link".to_owned(), to.into_os_string().into_encoded_bytes())
            } else if metadata.is_dir() {
                below(top, &path, found);
                ("folder".to_owned(), Vec::new())
            } else {
                ("file".to_owned(), std::fs::read(&path).unwrap())
            };
            found.insert(path.strip_prefix(top).unwrap().to_owned(), (kind, metadata.mode(), bytes));
        }
    }
    let mut found = BTreeMap::new();
    below(directory, directory, &mut found);
    found
}

/// Puts hooks in and takes them out, and holds the whole directory, `.git` and all, against what it was.
#[track_caller]
fn there_and_back(world: &World, install: &[&str], code: i32, uninstall: &[&str]) {
    let before = everything(&world.top());
    world.stanch(&[&["hook", "install"], install].concat()).expect(code);
    let between = everything(&world.top());
    assert_ne!(before, between, "nothing was put in");
    world.stanch(&[&["hook", "install"], install].concat()).expect(code);
    assert_eq!(between, everything(&world.top()), "the second time changed something");
    world.stanch(&[&["hook", "uninstall"], uninstall].concat()).expect(0);
    same(&before, &everything(&world.top()));
    world.stanch(&[&["hook", "uninstall"], uninstall].concat()).expect(0).says("nothing of ours");
    same(&before, &everything(&world.top()));
}

#[track_caller]
fn same(before: &BTreeMap<PathBuf, (String, u32, Vec<u8>)>, after: &BTreeMap<PathBuf, (String, u32, Vec<u8>)>) {
    let names = |map: &BTreeMap<PathBuf, _>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(before), names(after));
    for (path, was) in before {
        let is = &after[path];
        assert_eq!((&was.0, was.1), (&is.0, is.1), "{}", path.display());
        assert_eq!(String::from_utf8_lossy(&was.2), String::from_utf8_lossy(&is.2), "{}", path.display());
    }
}

fn executable(world: &World, name: &str, text: &str) {
    world.write(name, text);
    std::fs::set_permissions(world.top().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn commit(world: &World) -> Ran {
    let mut git = world.command("git");
    git.args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid", "commit", "-qm", "a change"]);
    world.run(git)
}

/// A commit with a token is stopped, and one without passes.
#[track_caller]
fn works(world: &World, seed: u64) {
    let secret = token(seed);
    world.write("leak", format!("key: {secret}\n"));
    world.git(&["add", "leak"]);
    commit(world).expect(1).says("leak:1:6").hides(&secret);
    world.git(&["rm", "-qf", "leak"]);
    world.write(format!("clean-{seed}"), "nothing");
    world.git(&["add", format!("clean-{seed}").as_str()]);
    commit(world).expect(0);
}

#[test]
fn an_empty_repository_is_as_before() {
    let world = World::new();
    there_and_back(&world, &[], 0, &[]);
    there_and_back(&world, &["--hook", "pre-commit"], 0, &["--hook", "pre-commit"]);
    there_and_back(&world, &["--via", "git"], 0, &["--via", "git"]);
    // Without git's samples there is not even the folder.
    std::fs::remove_dir_all(world.top().join(".git/hooks")).unwrap();
    there_and_back(&world, &[], 0, &[]);
    std::fs::create_dir(world.top().join(".git/hooks")).unwrap();
    there_and_back(&world, &[], 0, &[]);
}

#[test]
fn what_was_there_comes_back_to_the_byte() {
    let world = World::new();
    executable(&world, ".git/hooks/pre-commit", "#!/bin/sh\nexit 0");
    // One that git passes by, because it may not be executed.
    world.write(".git/hooks/commit-msg", "#!/bin/sh\r\nexit 0\r\n\r\n");
    std::fs::set_permissions(world.top().join(".git/hooks/commit-msg"), std::fs::Permissions::from_mode(0o640))
        .unwrap();
    executable(&world, "tools/push.sh", "#!/bin/sh\nexit 0\n");
    std::os::unix::fs::symlink("../../tools/push.sh", world.top().join(".git/hooks/pre-push")).unwrap();
    there_and_back(&world, &[], 0, &[]);
}

#[test]
fn a_hook_that_was_there_runs_after_ours() {
    let world = World::new();
    executable(
        &world,
        ".git/hooks/pre-commit",
        "#!/bin/sh\necho ran \"$#\" >>\"$(dirname \"$0\")/../log\"\ntest ! -e stop\n",
    );
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(0).says("runs after it");
    works(&world, 400);
    let log = || std::fs::read_to_string(world.top().join(".git/log")).unwrap_or_default();
    assert_eq!(log(), "ran 0\n", "it runs for what we let pass, and only for that");
    // Its own verdict counts.
    world.write("stop", "");
    world.git(&["add", "stop"]);
    commit(&world).expect(1);
    assert_eq!(log(), "ran 0\nran 0\n");
    world
        .stanch(&["hook", "status", "--json"])
        .expect(1)
        .says("pre-commit.stanch-kept")
        .says("\"hook\": \"commit-msg\"");
}

#[test]
fn both_hooks_read_what_git_writes_to_a_push() {
    // The shim alone, with a program that notes what it is given.
    let world = World::new();
    for hook in ["pre-push", "pre-receive"] {
        executable(&world, "bin/stanch", "#!/bin/sh\necho \"$@\" >>log\ncat >>log\n");
        executable(&world, &format!(".git/hooks/{hook}"), "#!/bin/sh\necho theirs \"$@\" >>log\ncat >>log\nexit 7\n");
        world.stanch(&["hook", "install", "--via", "git", "--hook", hook]).expect(0);
        let shim = world.top().join(format!(".git/hooks/{hook}"));
        let text = std::fs::read_to_string(&shim).unwrap();
        let line = text.lines().find(|line| line.starts_with("program=")).unwrap();
        let program = format!("program='{}'", world.top().join("bin/stanch").display());
        std::fs::write(&shim, text.replace(line, &program)).unwrap();
        for said in ["", "refs/heads/a 1 refs/heads/a 2\nrefs/heads/b 3 refs/heads/b 4\n", "no end", "\n\n"] {
            let _old = std::fs::remove_file(world.top().join("log"));
            world.write("said", said);
            let mut command = world.command(&shim);
            command.args(["origin", "a b"]).stdin(std::fs::File::open(world.top().join("said")).unwrap());
            world.run(command).expect(7);
            let log = std::fs::read_to_string(world.top().join("log")).unwrap();
            assert_eq!(log, format!("hook {hook} origin a b\n{said}theirs origin a b\n{said}"));
        }
        // Ours has the first word, and what it stops the other never sees.
        executable(&world, "bin/stanch", "#!/bin/sh\nexit 3\n");
        let _old = std::fs::remove_file(world.top().join("log"));
        let mut command = world.command(&shim);
        command.stdin(std::fs::File::open(world.top().join("said")).unwrap());
        world.run(command).expect(3);
        assert!(!world.top().join("log").exists());
    }
}

#[test]
fn what_somebody_has_changed_is_left_alone() {
    let world = World::new();
    executable(&world, ".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n");
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(0);
    let shim = world.top().join(".git/hooks/pre-commit");
    let changed = format!("{}\necho and more\n", std::fs::read_to_string(&shim).unwrap());
    std::fs::write(&shim, &changed).unwrap();
    let before = everything(&world.top());
    world.stanch(&["hook", "uninstall"]).expect(2).says("has been changed since").says("mv ");
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(2).says("has been changed since");
    world.stanch(&["hook", "status"]).expect(1).says("has been changed since");
    same(&before, &everything(&world.top()));
    // Another program took its place.
    std::fs::write(&shim, "#!/bin/sh\nexit 0\n").unwrap();
    let before = everything(&world.top());
    world.stanch(&["hook", "uninstall"]).expect(2).says("is not ours any more");
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(2).says("was kept when stanch was put in");
    same(&before, &everything(&world.top()));
    // It is gone altogether.
    std::fs::remove_file(&shim).unwrap();
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(2).says("move it back");
    world.stanch(&["hook", "uninstall"]).expect(2);
}

#[test]
fn one_broken_hook_does_not_keep_the_others_in() {
    let world = World::new();
    world.stanch(&["hook", "install"]).expect(0);
    let shim = world.top().join(".git/hooks/pre-commit");
    std::fs::write(&shim, format!("{}#\n", std::fs::read_to_string(&shim).unwrap())).unwrap();
    world.stanch(&["hook", "uninstall"]).expect(2).says("pre-commit has been changed");
    assert!(!world.top().join(".git/hooks/pre-push").exists());
    assert!(!world.top().join(".git/hooks/commit-msg").exists());
}

#[test]
fn a_script_that_goes_by_its_name_is_not_renamed() {
    let world = World::new();
    executable(&world, ".git/hooks/pre-commit", "#!/bin/sh\nexec run-hook \"$(basename \"$0\")\"\n");
    let before = everything(&world.top());
    world.stanch(&["hook", "install"]).expect(2).says("its own name").says("stanch hook pre-commit \"$@\" || exit");
    same(&before, &everything(&world.top()));
}

#[test]
fn one_that_calls_us_by_itself_is_enough() {
    let world = World::new();
    executable(&world, ".git/hooks/pre-commit", "#!/bin/sh\nstanch hook pre-commit || exit $?\n");
    let before = everything(&world.top());
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(0).says("calls stanch by itself");
    same(&before, &everything(&world.top()));
    world.stanch(&["hook", "status"]).expect(1).says("by hand");
}

#[test]
fn the_first_version_is_brought_up_to_date() {
    let world = World::new();
    let first = [
        "#!/bin/sh",
        "# stanch hook v1: scans what is staged; `stanch hook uninstall` removes it",
        "if ! command -v stanch >/dev/null 2>&1; then",
        "  echo 'stanch is not installed, so this commit was not scanned and is stopped.' >&2",
        "  echo 'Install it from a checkout of it: cargo install --locked --path .' >&2",
        "  exit 1",
        "fi",
        "exec stanch hook pre-commit",
        "",
    ];
    executable(&world, ".git/hooks/pre-commit", &first.join("\n"));
    world.stanch(&["hook", "status"]).expect(1).says("of version 1");
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(0).says("brought up to date");
    works(&world, 401);
    world.stanch(&["hook", "uninstall"]).expect(0);
    assert!(!world.top().join(".git/hooks/pre-commit").exists());
}

#[test]
fn a_missing_program_stops_the_commit_with_words() {
    let world = World::new();
    let elsewhere = world.outside("it's here");
    std::fs::create_dir(&elsewhere).unwrap();
    let program = elsewhere.join("stanch");
    // By another process: one of ours that is being started elsewhere would hold the copy open.
    world.run_ok("cp", &[env!("CARGO_BIN_EXE_stanch"), program.to_str().unwrap()]);
    let mut install = world.command(&program);
    install.args(["hook", "install", "--hook", "pre-commit"]);
    world.run(install).expect(0);
    // No search path is needed, as graphical clients have none.
    works(&world, 402);
    world.write("a", "clean");
    world.git(&["add", "a"]);
    std::fs::rename(&program, elsewhere.join("other")).unwrap();
    commit(&world).expect(1).says("stanch is not installed").says("cargo install");
    world.stanch(&["hook", "status"]).expect(1).says("where it is not");
    // What the search path has is as good.
    let mut git = world.command("git");
    let path = std::env::join_paths(
        [Path::new(env!("CARGO_BIN_EXE_stanch")).parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    git.env("PATH", path.unwrap());
    git.args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid", "commit", "-qm", "a change"]);
    world.run(git).expect(0);
}

#[test]
fn linked_work_trees_share_the_hook() {
    let world = World::new();
    world.commit("a", "one", "first");
    world.git(&["worktree", "add", "-q", "../linked"]);
    let linked = world.outside("linked");
    let mut install = world.command(env!("CARGO_BIN_EXE_stanch"));
    install.current_dir(&linked).args(["hook", "install", "--hook", "pre-commit"]);
    world.run(install).expect(0);
    assert!(world.top().join(".git/hooks/pre-commit").exists());
    works(&world, 403);
    std::fs::write(linked.join("leak"), token(404)).unwrap();
    for (arguments, code) in
        [(&["add", "leak"][..], 0), (&["-c", "user.name=k", "-c", "user.email=k@k", "commit", "-qm", "x"], 1)]
    {
        let mut git = world.command("git");
        git.current_dir(&linked).args(arguments);
        world.run(git).expect(code);
    }
    let mut status = world.command(env!("CARGO_BIN_EXE_stanch"));
    status.current_dir(&linked).args(["hook", "status"]);
    world.run(status).says("pre-commit  on");
}

#[test]
fn hooks_go_where_the_repository_sends_git() {
    let world = World::new();
    world.git(&["config", "core.hooksPath", "tools/hooks"]);
    there_and_back(&world, &[], 0, &[]);
    world.stanch(&["hook", "install", "--hook", "pre-commit"]).expect(0).says("is in the work tree");
    assert!(world.top().join("tools/hooks/pre-commit").exists());
    works(&world, 405);
    // A script that git no longer comes to is named.
    world.git(&["config", "core.hooksPath", "elsewhere"]);
    world.stanch(&["hook", "status"]).expect(1).says("OFF");
    world.git(&["config", "--unset", "core.hooksPath"]);
    world.stanch(&["hook", "install"]).expect(0);
    world.git(&["config", "core.hooksPath", "elsewhere"]);
    world.stanch(&["hook", "status"]).expect(1).says("is never run");
}

#[test]
fn a_directory_for_all_repositories_is_nobodys_by_accident() {
    let world = World::new();
    let all = world.outside("all-hooks");
    std::fs::create_dir(&all).unwrap();
    world.git(&["config", "--global", "core.hooksPath", all.to_str().unwrap()]);
    executable(&world, ".git/hooks/post-merge", "#!/bin/sh\nexit 0\n");
    let before = everything(&world.top());
    world.stanch(&["hook", "install"]).expect(2).says("sends every repository of this user to").says("--global");
    assert!(everything(&all).is_empty());
    world.stanch(&["hook", "install", "--global", "--hook", "pre-commit"]).expect(0).says("own post-merge");
    same(&before, &everything(&world.top()));
    works(&world, 406);
    world.stanch(&["hook", "uninstall"]).expect(0).says("nothing of ours");
    assert!(all.join("pre-commit").exists());
    world.stanch(&["hook", "uninstall", "--global"]).expect(0);
    assert!(everything(&all).is_empty());
    let world = World::new();
    world.stanch(&["hook", "install", "--global", "--via", "husky"]).expect(2).says("do not go together");
}

#[test]
fn where_no_hook_can_be_none_is_put() {
    let world = World::new();
    world.git(&["config", "core.hooksPath", "/dev/null"]);
    world.stanch(&["hook", "install"]).expect(2).says("/dev/null, which is no directory");
    world.stanch(&["hook", "status"]).expect(1).says("OFF");
    world.stanch(&["hook", "uninstall"]).expect(0);
    let world = World::new();
    world.git(&["config", "--global", "core.hooksPath", "/somewhere"]);
    world.stanch(&["hook", "install", "--via", "pre-commit"]).expect(2).says("sends every repository of this user");
    assert!(!world.top().join(".pre-commit-config.yaml").exists());
}

#[test]
fn a_bare_repository_has_the_hook_of_a_server() {
    let world = World::bare();
    world.git(&["init", "-q", "--bare"]);
    world.stanch(&["hook", "install"]).expect(2).says("--server");
    there_and_back(&world, &["--server"], 0, &[]);
    there_and_back(&world, &["--server", "--hook", "pre-receive,update"], 0, &[]);
    world.stanch(&["hook", "status"]).expect(1).says("OFF").says("--server --hook pre-receive");
    world.stanch(&["hook", "install", "--server"]).expect(0);
    world.stanch(&["hook", "status"]).expect(0);
    world
        .stanch(&["hook", "install", "--via", "lefthook", "--hook", "update"])
        .expect(2)
        .says("no hooks that run on a server");
    world.stanch(&["hook", "install", "--via", "pre-commit", "--hook", "pre-commit"]).expect(2).says("is bare");
}

#[test]
fn a_hook_that_may_not_be_executed_is_off() {
    let world = World::new();
    world.stanch(&["hook", "install"]).expect(0);
    world.stanch(&["hook", "status"]).expect(0);
    let shim = world.top().join(".git/hooks/pre-push");
    std::fs::set_permissions(&shim, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.stanch(&["hook", "status"]).expect(1).says("pre-push    OFF").says("chmod +x");
    world.stanch(&["hook", "install"]).expect(0);
    world.stanch(&["hook", "status"]).expect(0);
}

#[test]
fn the_scripts_are_short_and_of_this_version() {
    for (name, text) in [
        ("pre-commit", include_str!("../../hooks/pre-commit")),
        ("commit-msg", include_str!("../../hooks/commit-msg")),
        ("pre-push", include_str!("../../hooks/pre-push")),
        ("pre-receive", include_str!("../../hooks/pre-receive")),
        ("update", include_str!("../../hooks/update")),
    ] {
        assert!(text.starts_with(&format!("#!/bin/sh\n# stanch hook v2 {name}: ")), "{name}");
        assert!(text.lines().count() < 10, "{name}");
        assert!(text.contains(&format!("hook {name} \"$@\" || exit")), "{name}");
    }
}

/// A git that says it is of another version, and is the real one in everything else.
fn git_of_version(world: &World, version: &str) -> std::ffi::OsString {
    let real = world.run_ok("sh", &["-c", "command -v git"]).stdout;
    let folder = world.outside(&format!("git-{version}"));
    std::fs::create_dir_all(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --version ] || {{ echo git version {version}; exit; }}\nexec {} \"$@\"\n",
        real.trim()
    );
    // By another process, as a file that is open for writing cannot be executed.
    let write = format!("cat >{0} && chmod +x {0}", folder.join("git").display());
    let mut shell = world.command("sh");
    std::fs::write(folder.join("text"), script).unwrap();
    shell.args(["-c", &write]).stdin(std::fs::File::open(folder.join("text")).unwrap());
    world.run(shell).expect(0);
    let usual = std::env::var_os("PATH").unwrap();
    std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&usual))).unwrap()
}

#[test]
fn git_of_old_is_not_told_by_its_configuration() {
    let world = World::new();
    let stanch = |version: &str, arguments: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
        command.env("PATH", git_of_version(&world, version)).args(arguments);
        world.run(command)
    };
    let before = everything(&world.top());
    stanch("2.53.9", &["hook", "install", "--via", "config"]).expect(2).says("git here is 2.53.9").says("--via git");
    stanch("2.53.9", &["hook", "install", "--global"]).expect(2).says("git here is 2.53.9");
    same(&before, &everything(&world.top()));
    stanch("2.54.0", &["hook", "install", "--via", "config"]).expect(0).says("on: pre-commit, commit-msg, pre-push");
    let between = everything(&world.top());
    stanch("2.54.0", &["hook", "install", "--via", "config"]).expect(0);
    same(&between, &everything(&world.top()));
    assert_eq!(world.git(&["config", "hook.stanch-pre-push.event"]).stdout, "pre-push\n");
    let command = world.git(&["config", "hook.stanch-pre-commit.command"]).stdout;
    assert!(command.ends_with("\"$program\" hook pre-commit\n"), "{command}");
    // What git runs is what a shell runs.
    world.write("leak", token(420));
    world.git(&["add", "leak"]);
    let mut shell = world.command("sh");
    shell.args(["-c", command.trim()]);
    world.run(shell).expect(1).says("leak:1:1");
    world.git(&["rm", "-qf", "leak"]);
    std::fs::remove_file(world.top().join(".git/index")).unwrap();
    stanch("2.54.0", &["hook", "status"]).expect(0).says("config: ");
    // Somebody else works on the repository with an older git, or has switched the hook off.
    stanch("2.53.9", &["hook", "status"]).expect(1).says("OFF").says("is ignored without a word");
    world.git(&["config", "hook.stanch-pre-commit.enabled", "false"]);
    stanch("2.54.0", &["hook", "status"]).expect(1).says("enabled at false");
    stanch("2.54.0", &["hook", "uninstall"]).expect(2).says("have been changed since");
    world.git(&["config", "--unset", "hook.stanch-pre-commit.enabled"]);
    stanch("2.54.0", &["hook", "uninstall", "--hook", "pre-push"]).expect(0);
    stanch("2.54.0", &["hook", "status"]).expect(1).says("pre-push    OFF");
    stanch("2.54.0", &["hook", "uninstall"]).expect(0);
    let after = everything(&world.top());
    assert_eq!(before[Path::new(".git/config")], after[Path::new(".git/config")]);
    // For all repositories: into the user's file, which goes away with it.
    let world_wide = |arguments: &[&str]| stanch("2.54.0", arguments);
    world_wide(&["hook", "install", "--global"]).expect(0).says("--global");
    assert!(world.outside(".gitconfig").exists());
    world_wide(&["hook", "status"]).expect(0).says(".gitconfig");
    world_wide(&["hook", "uninstall", "--global"]).expect(0);
    assert!(!world.outside(".gitconfig").exists());
}

#[test]
fn what_is_taken_out_everywhere_leaves_this_repository_alone() {
    let world = World::new();
    world.stanch(&["hook", "install", "--via", "git"]).expect(0);
    world.write("lefthook.yml", "pre-commit:\n  commands:\n    other:\n      run: true\n");
    world.stanch(&["hook", "install", "--via", "lefthook"]).expect(0);
    let state = || (world.git_files(), std::fs::read(world.top().join("lefthook.yml")).unwrap());
    let before = state();
    for via in [&[][..], &["--via", "git"], &["--via", "lefthook"]] {
        world.stanch(&[&["hook", "uninstall", "--global"], via].concat()).expect(0).says("nothing of ours is here");
        assert_eq!(state(), before);
    }
    world.stanch(&["hook", "uninstall"]).expect(0);
    assert_ne!(state(), before);
}
