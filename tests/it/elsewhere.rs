//! What a repository only points to: files in Git LFS, and submodules.

use crate::world::{World, token};
use sha2::{Digest as _, Sha256};

/// A pointer to a content, as `git lfs` writes it, with the name of the file that it leads to.
fn pointer(content: &str) -> (String, String) {
    let id = data_encoding::HEXLOWER.encode(&Sha256::digest(content));
    let version = "version https://git-lfs.github.com/spec/v1";
    (format!("{version}\noid sha256:{id}\nsize {}\n", content.len()), kept(&id))
}

fn kept(id: &str) -> String {
    format!(".git/lfs/objects/{}/{}/{id}", &id[..2], &id[2..4])
}

#[test]
fn what_a_pointer_leads_to_is_read_where_it_is() {
    let world = World::new();
    let content = format!("one\nkey: {}\n{}", token(830), "many words\n".repeat(50));
    let (text, file) = pointer(&content);
    world.write(&file, &content);
    world.write("big.bin", &text);
    world.git(&["add", "-A"]);
    for arguments in [&["scan", "--staged"][..], &["scan"]] {
        world.stanch(arguments).expect(1).says("big.bin!Git LFS:2:6").hides(&token(830));
    }
    world.stanch(&["hook", "pre-commit"]).expect(1).says("big.bin!Git LFS:2:6");
    let first = world.commit("other", "x\n", "leak");
    world.write("big.bin", pointer("clean").0);
    world.write(pointer("clean").1, "clean");
    let last = world.commit("other", "y\n", "taken out");
    world.stanch(&["scan"]).expect(0);
    let range = format!("{}..{last}", "0".repeat(40));
    world.stanch(&["scan", "--range", &range]).expect(1).says(&format!("big.bin!Git LFS@{}:2:6", &first[..10]));
    for _ in 0..2 {
        let ran = world.stanch(&["scan", "--history", "--format", "lines"]).expect(1).hides(&token(830));
        ran.says(&format!("big.bin!Git LFS@{}:2:6", &first[..10]));
    }
    // What is too large is named by the pointer.
    let ran = world.stanch(&["scan", "--range", &range, "--max-size", "300B"]);
    ran.expect(3).says("big.bin!Git LFS@").says("larger than the limit");
}

#[test]
fn what_a_pointer_leads_to_and_is_not_here_is_a_gap() {
    let world = World::new();
    let (text, file) = pointer("anything");
    world.write("big.bin", &text);
    world.git(&["add", "-A"]);
    let gap = "is a pointer to a file in Git LFS that is not here";
    world.stanch(&["scan"]).expect(3).says(gap).says("big.bin").says("git lfs pull");
    world.stanch(&["scan", "--staged"]).expect(3).says(gap);
    let commit = world.commit("other", "x\n", "one");
    world.commit("copy.bin", &text, "the same again");
    world.stanch(&["scan", "--range", &format!("{}..HEAD", "0".repeat(40))]).expect(3).says(gap);
    let said = |arguments: &[&str]| world.stanch(&[&["scan", "--history"], arguments].concat()).expect(3).says(gap);
    let first = said(&[]).says(&format!("big.bin@{}", &commit[..10]));
    assert_eq!(first.stdout, said(&[]).stdout, "what is remembered is said again");
    assert_eq!(first.stdout, said(&["--no-cache"]).stdout);
    assert_eq!(first.stdout, said(&["-j", "1"]).stdout);
    world.stanch(&["scan", "--exclude", "*.bin"]).expect(0);
    world.stanch(&["scan", "--history", "--exclude", "*.bin"]).expect(0);
    // Outside of a repository there is nowhere to look.
    let bare = World::bare();
    bare.write("big.bin", &text);
    bare.stanch(&["scan"]).expect(3).says(gap);
    // A pipe is nothing that could be read.
    let path = world.top().join(&file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    world.run_ok("mkfifo", &[path.to_str().unwrap()]);
    world.stanch(&["scan"]).expect(3).says(gap);
    std::fs::remove_file(&path).unwrap();
    world.write(&file, "anything");
    world.stanch(&["scan"]).expect(0);
    world.stanch(&["scan", "--history"]).expect(0);
}

#[test]
fn contents_are_read_where_the_settings_and_borrowed_stores_have_them() {
    let content = format!("key: {}\n", token(834));
    let (text, file) = pointer(&content);
    let file = file.strip_prefix(".git/lfs/").unwrap();
    let put = |path: &std::path::Path| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &content).unwrap();
    };
    let gap = "is a pointer to a file in Git LFS that is not here";
    let found = |world: &World| {
        for arguments in [&["scan"][..], &["scan", "--history"], &["scan", "--range", "HEAD~1..HEAD"]] {
            world.stanch(arguments).expect(1).says("big.bin!Git LFS").hides(&token(834));
        }
    };
    // In a place that is named from the root, from the directory of git, and from home.
    let world = World::new();
    world.commit("a", "one\n", "one");
    world.commit("big.bin", &text, "two");
    for (place, path) in [
        (world.outside("pool").display().to_string(), world.outside("pool")),
        ("media".to_owned(), world.top().join(".git/media")),
        ("~/store".to_owned(), world.outside("store")),
    ] {
        world.git(&["config", "lfs.storage", &place]);
        world.stanch(&["scan"]).expect(3).says(gap);
        put(&path.join(file));
        found(&world);
    }
    // It is counted where nothing else counts it.
    let counted = |storage: &str| {
        world.git(&["config", "lfs.storage", storage]);
        let ran = world.stanch(&["scan", "--history", "--json", "--no-cache"]).expect(1);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        report["coverage"]["scanned"]["items"].as_u64().unwrap()
    };
    assert_eq!(counted(world.outside("pool").to_str().unwrap()), counted("media") + 1);
    // What a file of the repository says of it counts for nothing.
    world.git(&["config", "--unset", "lfs.storage"]);
    world.write(".lfsconfig", format!("[lfs]\n\tstorage = {}\n", world.outside("pool").display()));
    world.stanch(&["scan"]).expect(3).says(gap);
    // A clone that borrows its objects borrows these too.
    put(&world.top().join(".git/lfs").join(file));
    let clone = World::bare();
    clone.git(&["clone", "-q", "--shared", world.top().to_str().unwrap(), "."]);
    found(&clone);
    let loose = World::bare();
    loose.git(&["clone", "-q", &format!("file://{}", world.top().display()), "."]);
    loose.stanch(&["scan"]).expect(3).says(gap);
    let mut scan = loose.command(env!("CARGO_BIN_EXE_stanch"));
    scan.args(["scan", "--range", "HEAD~1..HEAD"]);
    scan.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", world.top().join(".git/objects"));
    loose.run(scan).expect(1).says("big.bin!Git LFS");
}

#[test]
fn pointers_in_archives_are_named() {
    let world = World::new();
    world.write("part/big.bin", pointer("anything").0);
    world.write("part/notes", "words\n");
    world.run_ok("tar", &["-czf", "release.tar.gz", "part"]);
    std::fs::remove_dir_all(world.top().join("part")).unwrap();
    let said = "kept in Git LFS and not handed over (release.tar.gz";
    let files = world.stanch(&["scan"]).expect(0).says(said).says("big.bin");
    assert_eq!(files.stdout, world.stanch(&["scan", "-j", "1"]).stdout);
    world.stanch(&["scan", "--strict"]).expect(0);
    world.git(&["add", "-A"]);
    world.git_as_kim(&["commit", "-qm", "one"]);
    let first = world.stanch(&["scan", "--history"]).expect(0).says(said);
    assert_eq!(first.stdout, world.stanch(&["scan", "--history"]).stdout, "what is remembered is said again");
    // A text that is only decoded is no file that somebody keeps there.
    let encoded = data_encoding::BASE64.encode(pointer("anything").0.as_bytes());
    let bare = World::bare();
    bare.write("a", encoded);
    assert!(!bare.stanch(&["scan"]).expect(0).stdout.contains("Git LFS"));
}

#[test]
fn a_token_in_a_pointer_is_found() {
    let world = World::new();
    let text = pointer("x").0.replace("size", &format!("ext-0-x {}\nsize", token(831)));
    world.write("a", text);
    world.stanch(&["scan"]).expect(1).says("a:3:9").hides(&token(831));
}

#[test]
fn who_receives_a_push_has_pointers_alone() {
    let world = World::new();
    let server = world.outside("server.git");
    world.git(&["init", "-q", "--bare", "-b", "main", server.to_str().unwrap()]);
    let mut install = world.command(env!("CARGO_BIN_EXE_stanch"));
    install.args(["hook", "install", "--server"]).current_dir(&server);
    world.run(install).expect(0);
    world.commit("big.bin", pointer("anything").0, "one");
    world.git(&["push", "-q", server.to_str().unwrap(), "main"]);
    world.commit("a", token(832), "leak");
    let mut push = world.command("git");
    push.args(["push", "-q", server.to_str().unwrap(), "main"]);
    world.run(push).expect(1).says("push rejected: it holds 1 leaked token");
}

#[test]
fn submodules_that_are_not_checked_out_are_named() {
    let world = World::new();
    let part = world.outside("part");
    world.git(&["init", "-q", "-b", "main", part.to_str().unwrap()]);
    std::fs::write(part.join("leak"), token(833)).unwrap();
    for arguments in
        [&["add", "-A"][..], &["-c", "user.name=kim", "-c", "user.email=kim@example.invalid", "commit", "-qm", "leak"]]
    {
        world.git(&[&["-C", part.to_str().unwrap()], arguments].concat());
    }
    world.write("a", "one\n");
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", part.to_str().unwrap()];
    world.git(&[&add[..], &["deep/part"]].concat());
    world.commit("b", "two\n", "with a part");
    world.stanch(&["scan"]).expect(1).says("deep/part/leak:1:1");
    world.git(&["submodule", "--quiet", "deinit", "--all", "--force"]);
    let said = "submodule not checked out (deep/part)";
    for paths in [&["."][..], &["deep"], &["a", "deep/"], &[]] {
        world.stanch(&[&["scan"], paths].concat()).expect(0).says(said);
    }
    world.stanch(&["scan", "--strict"]).expect(3);
    let ran = world.stanch(&["scan", "a", "b"]).expect(0);
    assert!(!ran.stdout.contains("submodule"), "{ran:?}");
    world.stanch(&["scan", "--exclude", "deep/"]).expect(0);
    // The history has the repository of it still, and without that it is named.
    world.stanch(&["scan", "--history"]).expect(1);
    let clone = world.outside("clone");
    let url = format!("file://{}", world.top().display());
    world.git(&["clone", "-q", &url, clone.to_str().unwrap()]);
    world.stanch(&["scan", "--history", clone.to_str().unwrap()]).expect(0).says("submodule not checked out (");
    // An index that nobody can read names none, and the files are scanned all the same.
    std::fs::write(clone.join(".git/index"), "DIRC").unwrap();
    world.stanch(&["scan", clone.to_str().unwrap()]).expect(0);
}
