//! A second scan of a history: it looks at what is new, and says the same as if it had looked at everything.

use crate::world::{World, hides, token};
use std::path::{Path, PathBuf};

const FORMATS: [&str; 3] = ["lines", "json", "sarif"];

fn history(world: &World, more: &[&str]) -> crate::world::Ran {
    world.stanch(&[&["scan", "--history"], more].concat())
}

/// What a scan says that remembers, in all forms, is what one says that does not; with its exit code.
#[track_caller]
fn same(world: &World) -> i32 {
    let mut code = 0;
    for format in FORMATS {
        let first = history(world, &["--format", format]);
        let second = history(world, &["--format", format, "--jobs", "3"]);
        let whole = history(world, &["--format", format, "--no-cache"]);
        assert_eq!(first.stdout, whole.stdout, "{format}: the first one");
        assert_eq!(second.stdout, whole.stdout, "{format}: the second one");
        assert_eq!((first.code, second.code), (whole.code, whole.code));
        code = whole.code;
    }
    code
}

/// The files in which scans are remembered.
fn memories(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.outside("state/stanch/histories")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn object(world: &World, id: &str) -> PathBuf {
    world.top().join(".git/objects").join(&id[..2]).join(&id[2..])
}

/// Writes other bytes in the place of a file, so that it looks as before unless it is read.
fn damage(path: &Path, modified: std::time::SystemTime) -> Vec<u8> {
    let whole = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, vec![0x5a; whole.len()]).unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    whole
}

#[test]
fn the_same_is_said_whatever_came_meanwhile() {
    let world = World::new();
    world.commit("a", "clean", "first");
    assert_eq!(same(&world), 0);
    let (one, two, three) = (token(600), token(601), token(602));
    world.commit("deep/key", format!("{one}\n{}", "filler line\n".repeat(200)), "leak");
    assert_eq!(same(&world), 1);
    world.commit("deep/key", format!("{one}\n{}more\n", "filler line\n".repeat(200)), &format!("say {two}"));
    world.commit("vendor/copy", &one, "the same elsewhere");
    assert_eq!(same(&world), 1);
    world.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(same(&world), 1);
    world.git(&["branch", "other", "HEAD~1"]);
    world.git(&["reset", "-q", "--hard", "HEAD~2"]);
    assert_eq!(same(&world), 1);
    world.git(&["mv", "deep", "moved"]);
    world.commit("x", "clean", "moved");
    world.commit(&format!("names/{three}"), "clean", "a name");
    assert_eq!(same(&world), 1);
    world.git(&["repack", "-qad"]);
    assert_eq!(same(&world), 1);
    // What nothing leads to any more goes, with what it held.
    world.git(&["branch", "-qD", "other"]);
    world.git(&["reflog", "expire", "--expire=now", "--all"]);
    world.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(same(&world), 1);
}

#[test]
fn exceptions_and_exclusions_count_at_once() {
    let world = World::new();
    let secret = token(603);
    world.commit("src/key", &secret, "leak");
    let json = history(&world, &["--json"]).expect(1).stdout;
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let print = report["findings"][0]["fingerprint"].as_str().unwrap();
    history(&world, &["--exclude", "/src/"]).expect(0);
    world.write(".stanchignore", format!("{print} * src/ until=2999-01-01 reason=\"a sample\" by=kim\n"));
    history(&world, &[]).expect(0).says("excused: 1 by .stanchignore");
    std::fs::remove_file(world.top().join(".stanchignore")).unwrap();
    history(&world, &[]).expect(1);
}

#[test]
fn what_was_seen_is_not_read_again_and_what_may_have_changed_is() {
    let world = World::new();
    world.commit("a", "clean content", "first");
    let id = world.git(&["rev-parse", "HEAD:a"]).stdout.trim().to_owned();
    history(&world, &[]).expect(0);
    let modified = std::fs::metadata(object(&world, &id)).unwrap().modified().unwrap();
    let whole = damage(&object(&world, &id), modified);
    history(&world, &[]).expect(0);
    world.commit("b", "other", "second");
    damage(&object(&world, &id), modified); // git may have touched it
    history(&world, &[]).expect(0);
    history(&world, &["--no-cache"]).expect(3).says(&id);
    // Other limits are other rules.
    history(&world, &["--max-size", "99MB"]).expect(3).says(&id);
    std::fs::write(object(&world, &id), whole).unwrap();
    history(&world, &["--max-size", "99MB"]).expect(0);
    // What was written over is read.
    let whole = std::fs::read(object(&world, &id)).unwrap();
    std::fs::write(object(&world, &id), vec![0x5a; whole.len()]).unwrap();
    history(&world, &["--max-size", "99MB"]).expect(3).says(&id);
    std::fs::write(object(&world, &id), whole).unwrap();
    history(&world, &[]).expect(0);
    // What is missing is missed all the same, and found again when it is back.
    let kept = std::fs::read(object(&world, &id)).unwrap();
    std::fs::remove_file(object(&world, &id)).unwrap();
    for _ in 0..2 {
        history(&world, &[]).expect(3).says(&id);
    }
    std::fs::write(object(&world, &id), kept).unwrap();
    assert_eq!(same(&world), 0);
}

#[test]
fn what_is_not_ours_to_the_byte_counts_for_nothing() {
    let world = World::new();
    let secret = token(604);
    world.commit("a", format!("x\n{secret}\n"), "leak");
    world.commit("a", "clean", "clean");
    let said = history(&world, &["--format", "lines"]).expect(1).stdout;
    let [file] = memories(&world).try_into().unwrap();
    let whole = std::fs::read(&file).unwrap();
    hides(&String::from_utf8_lossy(&whole), &secret);
    assert_eq!(mode(&file), 0o600);
    for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&file, &damaged).unwrap();
        assert_eq!(history(&world, &["--format", "lines"]).expect(1).stdout, said, "byte {at}");
    }
    for length in [0, 7, 12, 40, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        assert_eq!(history(&world, &["--format", "lines"]).expect(1).stdout, said, "{length} bytes");
        assert_eq!(history(&world, &["--format", "lines"]).expect(1).stderr, "", "it was written anew");
    }
    std::fs::write(&file, b"stanchS1 but not ours").unwrap();
    history(&world, &["--format", "lines"]).expect(1).says("all is scanned again");
    // Neither does what another installation wrote, or what was written about another repository.
    let other = World::new();
    other.commit("a", "clean", "first");
    history(&other, &[]).expect(0);
    let [foreign] = memories(&other).try_into().unwrap();
    std::fs::copy(&foreign, &file).unwrap();
    assert_eq!(history(&world, &["--format", "lines"]).expect(1).stdout, said);
    let copy = world.outside("copy");
    world.git(&["clone", "-q", world.top().to_str().unwrap(), copy.to_str().unwrap()]);
    world.stanch(&["scan", "--history", copy.to_str().unwrap()]).expect(1);
    let second = memories(&world).into_iter().find(|path| *path != file).unwrap();
    std::fs::copy(&second, &file).unwrap();
    history(&world, &["--format", "lines"]).expect(1).says("all is scanned again");
    // Nobody writes into a pipe.
    std::fs::remove_file(&file).unwrap();
    assert!(world.command("mkfifo").arg(&file).status().unwrap().success());
    assert_eq!(history(&world, &["--format", "lines"]).expect(1).stdout, said);
    assert!(file.metadata().unwrap().is_file(), "it was written anew");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_path_with_a_token_is_not_written_down() {
    let world = World::new();
    let (name, content) = (token(605), token(606));
    world.commit(&format!("{name}/key"), &content, "leak");
    assert_eq!(same(&world), 1);
    for file in memories(&world) {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        hides(&text, &name);
        hides(&text, &content);
    }
}

#[test]
fn several_scans_at_once_are_in_nobodys_way() {
    let world = World::new();
    for number in 0..20 {
        world.commit("a", format!("{}\n{number}", token(607)), "more");
    }
    let start = || {
        let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
        command.args(["scan", "--history", "--format", "json"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    for _ in 0..3 {
        let running: Vec<_> = (0..6).map(|_| start()).collect();
        let said: Vec<_> = running.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        assert!(said.iter().all(|output| output.stdout == said[0].stdout && output.stderr.is_empty()));
        for file in memories(&world) {
            std::fs::remove_file(file).unwrap();
        }
    }
    history(&world, &[]).expect(1);
    assert_eq!(memories(&world).len(), 1);
}

#[test]
fn nothing_is_kept_without_a_key_and_little_of_what_is_gone() {
    let world = World::new();
    world.commit("a", "clean", "first");
    let mut scan = world.command(env!("CARGO_BIN_EXE_stanch"));
    scan.args(["scan", "--history"]).env("XDG_STATE_HOME", "/proc/nowhere");
    world.run(scan).expect(0);
    let directory = world.outside("state/stanch/histories");
    std::fs::create_dir_all(&directory).unwrap();
    for number in 0..300 {
        std::fs::write(directory.join(format!("{number:032x}")), b"of long ago").unwrap();
    }
    history(&world, &[]).expect(0);
    assert!(memories(&world).len() <= 201, "{}", memories(&world).len());
    assert_eq!(same(&world), 0);
}

/// Packed and wrapped in what only looks like a file of its own.
fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut out, text.as_bytes()).unwrap();
    out.finish().unwrap()
}

#[test]
fn what_was_found_encoded_is_decoded_again_and_not_searched() {
    let world = World::bare();
    // Without the samples of hooks, which are read each time: what they say differs from git to git.
    world.git(&["init", "-q", "-b", "main", "--template="]);
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let secrets: Vec<String> = (660..667).map(token).collect();
    let inner = base64(format!("key: {}\n", base64(secrets[1].as_bytes())).as_bytes());
    let (one, two) = secrets[3].split_at(20);
    let png = [&b"\x89PNG\r\n\x1a\n"[..], &[0, 0, 0, 0], b"IEND", &[0xae, 0x42, 0x60, 0x82]].concat();
    for (name, text) in [
        ("base64.yaml", format!("name: x\nkey: {}\nagain: {}\n", base64(secrets[0].as_bytes()), secrets[0])),
        ("nested.yaml", format!("data: {inner}\nother: {}\n", secrets[2])),
        (
            "joined.py",
            format!("key = '{one}' + '{two}'\nhex = '{}'\n", data_encoding::HEXLOWER.encode(secrets[4].as_bytes())),
        ),
        ("packed.json", format!("{{\"data\": \"{}\"}}\n", base64(&gzip(&format!("filler\nkey = {}\n", secrets[5]))))),
        ("page.html", format!("<img src=\"data:image/png;base64,{}\">\n{}\n", base64(&png), secrets[6])),
    ] {
        world.commit(name, format!("{}{text}{}", "filler\n".repeat(50), "more filler\n".repeat(50)), name);
        world.commit(
            &format!("copy/of/{name}"),
            format!("{}{text}{}", "filler\n".repeat(50), "more filler\n".repeat(50)),
            "copy",
        );
    }
    assert_eq!(same(&world), 1);
    let again = history(&world, &["--stats"]);
    assert!(again.stderr.contains("patterns: of 0 kinds"), "{}", again.stderr);
    let [file] = &memories(&world)[..] else { panic!("one file is expected") };
    let kept = std::fs::read(file).unwrap();
    for secret in &secrets {
        let bytes = secret.as_bytes();
        for part in [&bytes[14..22], base64(bytes).get(16..28).unwrap().as_bytes()] {
            assert!(memchr::memmem::find(&kept, part).is_none());
        }
    }
    // One word more, and it is another text.
    world.commit("base64.yaml", format!("name: y\nkey: {}\n", base64(secrets[0].as_bytes())), "changed");
    assert_eq!(same(&world), 1);
}
