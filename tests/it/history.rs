//! `stanch scan --history`: every place in a repository where a token can stand, made by git itself.

use crate::world::{Ran, World, token};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// The report of a scan of the history, one line for each leak.
#[track_caller]
fn found(world: &World, code: i32) -> Ran {
    world.stanch(&["scan", "--history", "--format", "lines", "--jobs", "2"]).expect(code)
}

/// One leak, at a place that is named like this.
#[track_caller]
fn only(world: &World, secret: &str, place: &str) {
    let ran = found(world, 1).says(place).hides(secret);
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
}

fn clean() -> World {
    let world = World::new();
    world.commit("readme", "clean", "first");
    found(&world, 0);
    world
}

/// Runs git with something to read.
fn git_with(world: &World, arguments: &[&str], text: &[u8]) -> String {
    let mut command = world.command("git");
    command.args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid"]).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn git_in(world: &World, directory: &Path, arguments: &[&str]) -> String {
    let mut command = world.command("git");
    command.args(["-c", "user.name=kim", "-c", "user.email=kim@example.invalid", "-c", "protocol.file.allow=always"]);
    command.current_dir(directory).args(arguments);
    world.run(command).expect(0).stdout.trim().to_owned()
}

#[test]
fn a_deleted_file_is_named_by_the_commit_that_brought_it() {
    let world = clean();
    let secret = token(500);
    let commit = world.commit("conf/prod.env", format!("a\nKEY={secret}\n"), "leak");
    world.git(&["rm", "-q", "conf/prod.env"]);
    world.commit("b", "clean", "gone");
    only(&world, &secret, &format!("conf/prod.env@{}:2:5", &commit[..10]));
}

#[test]
fn every_path_of_the_same_content_is_named() {
    let world = clean();
    let secret = token(501);
    world.commit("one/a", &secret, "leak");
    world.git(&["mv", "one", "two"]);
    world.commit("three/b", &secret, "moved");
    world.commit("four/c", format!("{secret} "), "changed");
    let text = world.stanch(&["scan", "--history"]).expect(1).hides(&secret).stdout;
    for path in ["one/a", "two/a", "three/b", "four/c"] {
        assert!(text.contains(&format!("{path}@")), "{path}: {text}");
    }
}

#[test]
fn exclusions_and_exceptions_go_by_every_path() {
    let world = clean();
    let secret = token(502);
    world.commit("vendor/a", &secret, "leak");
    world.stanch(&["scan", "--history", "--exclude", "/vendor/"]).expect(0).says("excluded");
    world.commit("src/a", &secret, "the same elsewhere");
    world.stanch(&["scan", "--history", "--exclude", "/vendor/", "--format", "lines"]).expect(1).says("src/a@");
    let report: serde_json::Value =
        serde_json::from_str(&world.stanch(&["scan", "--history", "--json"]).expect(1).stdout).unwrap();
    let print = report["findings"][0]["fingerprint"].as_str().unwrap();
    let entry = |path: &str| format!("{print} * {path} until=2999-01-01 reason=\"a sample\" by=kim\n");
    world.write(".stanchignore", entry("vendor/"));
    found(&world, 1).says("src/a@");
    world.write(".stanchignore", entry("vendor/") + &entry("src/a"));
    world.stanch(&["scan", "--history"]).expect(0).says("excused: 2 by .stanchignore");
}

#[test]
fn words_of_commits_and_tags_are_read_with_their_heads() {
    let world = clean();
    let secret = token(503);
    let tree = world.git(&["write-tree"]).stdout.trim().to_owned();
    let who = "Kim <kim@example.invalid> 1700000000 +0000";
    for text in [
        format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nsubject\n\nuse {secret}\n"),
        format!("tree {tree}\nauthor {secret} <k@example.invalid> 1 +0000\ncommitter {who}\n\nsubject\n"),
        format!("tree {tree}\nauthor {who}\ncommitter Kim <{secret}@example.invalid> 1 +0000\n\nsubject\n"),
        format!("tree {tree}\nauthor {who}\ncommitter {who}\nencoding {secret}\n\nsubject\n"),
        format!("tree {tree}\nauthor {who}\ncommitter {who}\ngpgsig -----BEGIN\n {secret}\n -----END\n\nsubject\n"),
        format!("tree {tree}\nauthor {who}\ncommitter {who}\nnote {secret}\n\nsubject\n"),
    ] {
        let commit =
            git_with(&world, &["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], text.as_bytes());
        world.git(&["update-ref", "refs/heads/odd", &commit]);
        only(&world, &secret, &format!("@{}", &commit[..10]));
        world.git(&["update-ref", "-d", "refs/heads/odd"]);
        world.git(&["reflog", "expire", "--expire=now", "--all"]);
        world.git(&["prune", "--expire=now"]);
    }
    found(&world, 0);
    let head = world.git(&["rev-parse", "HEAD"]).stdout;
    for text in [
        format!("object {}type commit\ntag v1\ntagger {who}\n\nuse {secret}\n", head),
        format!("object {}type commit\ntag v1\ntagger {secret} <k@example.invalid> 1 +0000\n\nwords\n", head),
    ] {
        let tag = git_with(&world, &["mktag", "--no-strict"], text.as_bytes());
        world.git(&["update-ref", "refs/tags/v1", &tag]);
        only(&world, &secret, &format!("@{}", &tag[..10]));
        world.git(&["update-ref", "-d", "refs/tags/v1"]);
        world.git(&["prune", "--expire=now"]);
    }
}

#[test]
fn notes_are_read() {
    let world = clean();
    let secret = token(504);
    world.git_as_kim(&["notes", "add", "-m", &format!("see {secret}")]);
    only(&world, &secret, ":1:5");
}

#[test]
fn names_of_references_are_read_wherever_they_are_kept() {
    let secret = token(505);
    let name = format!("fix-{secret}");
    let loose = clean();
    loose.git(&["branch", &name]);
    only(&loose, &secret, "refs/heads/fix-");
    loose.git(&["pack-refs", "--all"]);
    assert!(!loose.top().join(".git/refs/heads").join(&name).exists());
    assert!(found(&loose, 1).hides(&secret).stdout.contains("refs/heads/fix-"));
    loose.git(&["branch", "-qD", &name]);
    found(&loose, 0);
    loose.git(&["tag", &secret]);
    only(&loose, &secret, "refs/tags/");
    let symbolic = clean();
    symbolic.git(&["symbolic-ref", "refs/remotes/origin/HEAD", &format!("refs/remotes/origin/{name}")]);
    assert!(found(&symbolic, 1).hides(&secret).stdout.contains("refs/remotes/origin/fix-"));
    let logged = clean();
    logged.write(format!(".git/logs/refs/heads/{name}"), "");
    assert!(found(&logged, 1).hides(&secret).stdout.lines().count() == 1);
}

#[test]
fn the_stash_is_read_with_its_older_entries_and_all_of_their_parts() {
    let world = clean();
    let (index, untracked, older) = (token(506), token(507), token(508));
    world.write("readme", &older);
    world.git_as_kim(&["stash", "push", "-q"]);
    world.write("readme", &index);
    world.git(&["add", "readme"]);
    world.write("readme", "clean again");
    world.write("loose.txt", &untracked);
    world.git_as_kim(&["stash", "push", "-q", "--include-untracked"]);
    let ran = found(&world, 1).hides(&index).hides(&untracked).hides(&older);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    ran.says("loose.txt@").says("readme@");
}

#[test]
fn what_nothing_leads_to_is_read() {
    let secret = token(509);
    let world = clean();
    let blob = git_with(&world, &["hash-object", "-w", "--stdin"], secret.as_bytes());
    only(&world, &secret, &format!("<object>@{}:1:1", &blob[..10]));
    let world = clean();
    world.git(&["checkout", "-qb", "side"]);
    let commit = world.commit("a", &secret, "leak");
    world.git(&["checkout", "-q", "main"]);
    world.git(&["branch", "-qD", "side"]);
    only(&world, &secret, &format!("a@{}", &commit[..10]));
    std::fs::remove_dir_all(world.top().join(".git/logs")).unwrap();
    only(&world, &secret, &format!("a@{}", &commit[..10]));
    // A name in a tree that no commit holds, and in one that only a lost commit holds.
    let world = clean();
    let empty = git_with(&world, &["hash-object", "-w", "--stdin"], b"clean");
    let tree = git_with(&world, &["mktree"], format!("100644 blob {empty}\t{secret}\n").as_bytes());
    only(&world, &secret, &format!("<object>@{}", &tree[..10]));
    let commit = world.git_as_kim(&["commit-tree", &tree, "-m", "lost"]).stdout;
    only(&world, &secret, &format!("@{}", &commit[..10]));
}

#[test]
fn what_a_merge_alone_brought_is_read() {
    let world = clean();
    let secret = token(510);
    world.git(&["checkout", "-qb", "side"]);
    world.commit("s", "side", "side");
    world.git(&["checkout", "-q", "main"]);
    world.commit("m", "main", "main");
    world.git_as_kim(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    let merge = world.commit("evil", &secret, "merge");
    world.git(&["rm", "-q", "evil"]);
    world.commit("c", "clean", "clean");
    only(&world, &secret, &format!("evil@{}", &merge[..10]));
}

#[test]
fn settings_with_credentials_are_read() {
    let secret = token(511);
    for arguments in [
        ["config", "remote.origin.url", &format!("https://x:{secret}@git.example.invalid/a")],
        ["config", &format!("url.https://{secret}@git.example.invalid/.insteadOf"), "https://git.example.invalid/"],
        ["config", "http.extraHeader", &format!("Authorization: Bearer {secret}")],
    ] {
        let world = clean();
        world.git(&arguments);
        only(&world, &secret, ".git/config:");
    }
    let world = clean();
    world.git(&["config", "extensions.worktreeConfig", "true"]);
    world.git(&["config", "--worktree", "x.y", &secret]);
    only(&world, &secret, ".git/config.worktree:");
}

#[test]
fn files_of_gits_own_are_read() {
    let secret = token(512);
    for name in ["FETCH_HEAD", "MERGE_MSG", "COMMIT_EDITMSG", "hooks/pre-push", "info/exclude", "rr-cache/ab/preimage"]
    {
        let world = clean();
        world.write(format!(".git/{name}"), format!("x {secret}\n"));
        only(&world, &secret, &format!(".git/{name}:1:3"));
    }
    let world = clean();
    world.git_as_kim(&["branch", "other"]);
    std::fs::OpenOptions::new()
        .append(true)
        .open(world.top().join(".git/logs/refs/heads/other"))
        .unwrap()
        .write_all(format!("{0} {0} k <k@x> 1 +0000\t{secret}\n", "1".repeat(40)).as_bytes())
        .unwrap();
    only(&world, &secret, ".git/logs/refs/heads/other:2:");
}

#[test]
fn what_lies_beside_objects_and_submodules_is_read() {
    let world = clean();
    world.git(&["repack", "-qad"]);
    world.write(".git/objects/pack/words.keep", format!("kept by {}\n", token(340)));
    world.write(".git/objects/info/words", token(341));
    world.write(".git/modules/gone/words", token(342));
    let ran = found(&world, 1);
    for (number, place) in [(340, "objects/pack/words.keep"), (341, "objects/info/words"), (342, "modules/gone/words")]
    {
        assert!(ran.stdout.contains(place), "{place}: {}", ran.stdout);
        crate::world::hides(&ran.stdout, &token(number));
    }
}

#[test]
fn names_that_only_an_index_has_are_read() {
    for version in ["2", "4"] {
        let world = clean();
        // The one before begins as it does, which version 4 does not write again.
        let (secret, before) = (token(343), token(343).replace(&token(343)[40..], "+"));
        for name in [&before, &secret] {
            world.write(name, "x");
        }
        world.git(&["add", "-A"]);
        world.git(&["update-index", "--index-version", version]);
        for name in [&before, &secret] {
            std::fs::remove_file(world.top().join(name)).unwrap();
        }
        found(&world, 1).says(".git/index").hides(&secret);
    }
}

#[test]
fn names_of_files_directories_and_links_are_read() {
    let secret = token(513);
    let world = clean();
    world.commit(&format!("keys/{secret}.txt"), "clean", "a file");
    world.git(&["rm", "-qr", "keys"]);
    world.commit("other", "clean", "gone");
    found(&world, 1).says("keys/").hides(&secret);
    let world = clean();
    world.commit(&format!("{secret}/inner/file"), "clean", "a directory");
    world.git(&["rm", "-qr", &secret]);
    world.commit("other", "clean", "gone");
    found(&world, 1).hides(&secret);
    let world = clean();
    std::os::unix::fs::symlink(format!("/srv/{secret}"), world.top().join("link")).unwrap();
    let commit = world.commit("x", "clean", "a link");
    only(&world, &secret, &format!("link@{}:1:6", &commit[..10]));
}

#[test]
fn branches_that_nothing_joins_are_read() {
    let world = clean();
    let (side, orphan) = (token(514), token(515));
    world.git(&["checkout", "-qb", "side"]);
    world.commit("s", &side, "side");
    world.git(&["checkout", "-q", "--orphan", "apart"]);
    world.git(&["rm", "-qrf", "."]);
    world.commit("o", &orphan, "orphan");
    world.git(&["checkout", "-q", "main"]);
    let ran = found(&world, 1).hides(&side).hides(&orphan).says("s@").says("o@");
    assert_eq!(ran.stdout.lines().count(), 2);
}

#[test]
fn linked_work_trees_and_their_indexes_are_read() {
    let world = clean();
    let (here, there) = (token(516), token(517));
    let linked = world.outside("linked");
    world.git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    std::fs::write(linked.join("there"), &there).unwrap();
    git_in(&world, &linked, &["add", "there"]);
    world.write("here", &here);
    world.git(&["add", "here"]);
    for directory in [world.top(), linked] {
        let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
        command.current_dir(&directory).args(["scan", "--history", "--format", "lines"]);
        let ran = world.run(command).expect(1).hides(&here).hides(&there).says("here:1:1").says("there:1:1");
        assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    }
}

#[test]
fn repositories_of_submodules_belong_to_it() {
    let world = clean();
    let (content, setting) = (token(518), token(519));
    let inner = world.outside("inner");
    world.git(&["init", "-q", "-b", "main", inner.to_str().unwrap()]);
    std::fs::write(inner.join("key"), &content).unwrap();
    git_in(&world, &inner, &["add", "key"]);
    git_in(&world, &inner, &["commit", "-qm", "leak"]);
    std::fs::write(inner.join("key"), "clean").unwrap();
    git_in(&world, &inner, &["commit", "-qam", "clean"]);
    git_in(&world, &world.top(), &["submodule", "--quiet", "add", inner.to_str().unwrap(), "sub"]);
    only(&world, &content, "sub/key@");
    world.git(&[
        "config",
        "-f",
        ".git/modules/sub/config",
        "remote.origin.url",
        &format!("https://{setting}@x.invalid/"),
    ]);
    found(&world, 1).says("sub/").says("/config:").hides(&content).hides(&setting);
}

#[test]
fn a_bare_repository_is_read_likewise() {
    let world = clean();
    let (content, setting) = (token(520), token(521));
    world.commit("a", &content, "leak");
    let bare = world.outside("bare.git");
    world.git(&["clone", "-q", "--bare", world.top().to_str().unwrap(), bare.to_str().unwrap()]);
    world.git(&["-C", bare.to_str().unwrap(), "config", "http.extraHeader", &setting]);
    let ran = world.stanch(&["scan", "--history", bare.to_str().unwrap(), "--format", "lines"]).expect(1);
    ran.says("a@").says("config:").hides(&content).hides(&setting);
}

#[test]
fn a_repository_without_commits_is_never_clean() {
    let world = World::new();
    world.stanch(&["scan", "--history"]).expect(3).says("has no commits").says("scan the files");
    let secret = token(522);
    git_with(&world, &["hash-object", "-w", "--stdin"], secret.as_bytes());
    world.stanch(&["scan", "--history"]).expect(1).says("has no commits").hides(&secret);
}

/// The file of a loose object.
fn object(world: &World, id: &str) -> std::path::PathBuf {
    world.top().join(".git/objects").join(&id[..2]).join(&id[2..])
}

#[test]
fn what_a_reference_leads_to_must_be_there() {
    let world = clean();
    world.commit("deep/er/file", "content", "second");
    let named = ["HEAD:deep/er/file", "HEAD:deep/er", "HEAD^{tree}", "HEAD~1", "HEAD"];
    for name in named {
        let id = world.git(&["rev-parse", name]).stdout.trim().to_owned();
        let path = object(&world, &id);
        let kept = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        found(&world, 3);
        world.stanch(&["scan", "--history"]).expect(3).says(&id).says("is not in this repository");
        std::fs::write(&path, kept).unwrap();
    }
    found(&world, 0);
    // What only a loose end leads to may be gone.
    let blob = git_with(&world, &["hash-object", "-w", "--stdin"], b"short lived");
    git_with(&world, &["mktree"], format!("100644 blob {blob}\tname\n").as_bytes());
    std::fs::remove_file(object(&world, &blob)).unwrap();
    found(&world, 0);
}

#[test]
fn a_partial_clone_says_how_much_is_not_there() {
    let world = clean();
    world.commit("a", "content", "second");
    world.commit("a", "more content", "third");
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    let part = world.outside("part");
    let url = format!("file://{}", world.top().to_str().unwrap());
    world.git(&["clone", "-q", "--bare", "--filter=blob:none", &url, part.to_str().unwrap()]);
    let ran = world.stanch(&["scan", "--history", part.to_str().unwrap()]).expect(3);
    ran.says("3 objects are not in this clone").says("partial").says("--refetch");
}

#[test]
fn objects_named_by_sha_256_are_read() {
    let world = World::bare();
    let (content, message) = (token(523), token(524));
    world.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    let commit = world.commit("a/b", &content, "leak");
    world.commit("a/b", "clean", &format!("remove {message}"));
    for packed in [false, true] {
        if packed {
            world.git(&["gc", "-q"]);
        }
        let ran = found(&world, 1).hides(&content).hides(&message);
        ran.says(&format!("a/b@{}:1:1", &commit[..10])).says("<message>@");
    }
    let empty = World::bare();
    empty.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    empty.stanch(&["scan", "--history"]).expect(3).says("has no commits");
}

#[test]
fn a_repository_that_needs_more_is_named() {
    let world = clean();
    world.git(&["config", "core.repositoryformatversion", "1"]);
    world.git(&["config", "extensions.fromTheFuture", "yes"]);
    world.stanch(&["scan", "--history"]).expect(3).says("fromthefuture");
}

/// A table of references, as git lays them out.
fn table(references: &[(&str, &str)]) -> Vec<u8> {
    let mut file = b"REFT\x01\0\0\0".to_vec();
    file.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    let head = file.clone();
    let mut records = Vec::new();
    for (name, id) in references {
        let length = name.len() << 3 | 1;
        records.push(0);
        if length < 0x80 {
            records.push(length as u8);
        } else {
            records.extend_from_slice(&[(((length >> 7) - 1) | 0x80) as u8, (length & 0x7f) as u8]);
        }
        records.extend_from_slice(name.as_bytes());
        records.push(0);
        records.extend_from_slice(&data_encoding::HEXLOWER.decode(id.as_bytes()).unwrap());
    }
    records.extend_from_slice(&[0, 0, 28, 0, 1]);
    file.push(b'r');
    file.extend_from_slice(&(28 + records.len() as u32).to_be_bytes()[1..]);
    file.extend_from_slice(&records);
    let foot = [&head[..], &[0; 40]].concat();
    file.extend_from_slice(&foot);
    file.extend_from_slice(&crc32fast::hash(&foot).to_be_bytes());
    file
}

#[test]
fn references_kept_in_tables_are_read() {
    let world = clean();
    let (content, name) = (token(525), format!("refs/heads/zz-{}", token(526)));
    let commit = world.commit("a", &content, "leak");
    world.git(&["config", "core.repositoryformatversion", "1"]);
    world.git(&["config", "extensions.refStorage", "reftable"]);
    let at = |name: &str| world.top().join(".git").join(name);
    std::fs::remove_dir_all(at("refs")).unwrap();
    std::fs::remove_dir_all(at("logs")).unwrap();
    world.write(".git/refs/heads", "this repository uses the reftable format\n");
    world.write(".git/HEAD", "ref: refs/heads/.invalid\n");
    world.write(".git/reftable/one.ref", table(&[("refs/heads/main", &commit), (&name, &commit)]));
    world.write(".git/reftable/tables.list", "one.ref\n");
    let ran = found(&world, 1).hides(&content).hides(&token(526));
    ran.says(&format!("a@{}:1:1", &commit[..10])).says("refs/heads/zz-");
    world.write(".git/reftable/one.ref", "cut");
    found(&world, 1);
    world.stanch(&["scan", "--history"]).expect(1).says("INCOMPLETE").says("reftable");
}

/// Versions of files that share most of their lines, with tokens that come, move and go.
fn versions(world: &World) {
    let mut state = 9_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut files: Vec<Vec<String>> =
        (0..6).map(|file| (0..120).map(|line| format!("line {line} of file {file}")).collect()).collect();
    for round in 0..25 {
        for (number, lines) in files.iter_mut().enumerate() {
            for _ in 0..3 {
                let at = next(lines.len() as u64) as usize;
                match next(6) {
                    0 => lines.insert(at, format!("key = '{}'", token(700 + next(12)))),
                    1 => lines.retain(|line| !line.starts_with("key")),
                    2 => lines.swap(0, at),
                    3 => lines[at] = format!("changed {round} {}", next(1 << 40)),
                    4 => {
                        let half = token(700 + next(12));
                        lines[at] = half[..half.len() / 2].to_owned();
                    }
                    _ => {
                        let (one, two) = (lines[at].clone(), token(700 + next(12)));
                        lines[at] = format!("{one} {}", &two[next(20) as usize..]);
                    }
                }
            }
            world.write(format!("dir{}/file{number}", number % 2), lines.join("\n"));
        }
        world.git(&["add", "-A"]);
        world.git_as_kim(&["commit", "-qm", &format!("round {round}")]);
    }
}

#[test]
fn what_is_new_in_packs_is_all_that_there_is() {
    let world = clean();
    versions(&world);
    let said = |format: &str| world.stanch(&["scan", "--history", "--no-cache", "--format", format]).expect(1).stdout;
    let findings = || serde_json::from_str::<serde_json::Value>(&said("json")).unwrap()["findings"].take();
    let loose = (said("lines"), findings());
    for arguments in [&["repack", "-qadf", "--depth=50", "--window=50"][..], &["repack", "-qadf", "--depth=2"]] {
        world.git(arguments);
        assert!((said("lines"), findings()) == loose, "{arguments:?}");
    }
    assert!(loose.0.lines().count() >= 8, "{}", loose.0);
}

#[test]
fn what_leads_round_in_circles_or_never_ends_is_not_followed() {
    let world = clean();
    let secret = token(528);
    let at = |name: &str| world.top().join(".git").join(name);
    for name in ["refs/heads/one", "refs/heads/two", "modules", "logs/refs/round"] {
        std::os::unix::fs::symlink("..", at(name)).unwrap();
    }
    for name in [".git/PIPE", ".git/logs/refs/pipe", ".git/info/pipe"] {
        world.run_ok("mkfifo", &[name]);
    }
    std::os::unix::fs::symlink("/dev/zero", at("ZEROS")).unwrap();
    std::os::unix::fs::symlink(format!("/srv/{secret}"), at("link")).unwrap();
    found(&world, 1).says(".git/link:").hides(&secret);
    world.stanch(&["scan", "--history"]).expect(1).says("INCOMPLETE").says("refs/heads/one");
}
