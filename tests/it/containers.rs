//! Archives, packages, documents and pictures as the real programs write them, through the program; and cut and damaged.

use crate::world::World;
use serde_json::Value;
use stanch::engine::Engine;
use stanch::model::{FingerprintKey, Place};
use stanch::rules::builtin;
use stanch::scan::Scanner;
use stanch::source::{Blob, Source, SourceError, Visit};
use stanch::suppress::Suppressions;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const KIND: &str = "stripe.live-secret-key";

/// Where `tests/real/containers.sh` put them.
fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("STANCH_TEST_CONTAINERS").expect("tests/run sets where they are"))
}

/// What the program says of what must be named.
fn words(what: &str) -> &'static str {
    match what {
        "encrypted" => "it is encrypted",
        "damaged" => "it is damaged or cut off",
        "unsupported" => "it is of a form that cannot be read",
        other => panic!("{other} is no reason"),
    }
}

#[test]
#[ignore = "needs the containers that tests/run has the real programs write"]
fn each_is_read_or_named_by_the_program() {
    let (world, folder) = (World::bare(), folder());
    let token = fs::read_to_string(folder.join("token")).unwrap();
    let expected = fs::read_to_string(folder.join("expected")).unwrap();
    let mut wrong = Vec::new();
    for line in expected.lines() {
        let (name, what) = line.split_once('\t').unwrap();
        world.write(name, fs::read(folder.join("samples").join(name)).unwrap());
        let ran = world.stanch(&["scan", name, "--json"]);
        assert!(!ran.stdout.contains(&token) && !ran.stderr.contains(&token), "{name}");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let gaps: Vec<&str> = report["coverage"]["gaps"].as_array().unwrap().iter().map(said).collect();
        let found: Vec<(&str, &str)> =
            report["findings"].as_array().unwrap().iter().map(|one| (kind(one), path(one))).collect();
        let fine = match what {
            "beside its name" => {
                ran.code == 1 && found.len() == 1 && found[0].0.starts_with("cloudflare.") && gaps.is_empty()
            }
            "found" => ran.code == 1 && found.len() == 1 && found[0].0 == KIND && found[0].1 == name && gaps.is_empty(),
            what => ran.code != 0 && gaps.iter().any(|gap| gap.contains(name) && gap.contains(words(what))),
        };
        if !fine {
            wrong.push(format!("{name}: {what} was expected, and it ended with {}: {found:?} {gaps:?}", ran.code));
        }
        fs::remove_file(world.top().join(name)).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn said(gap: &Value) -> &str {
    gap["what"].as_str().unwrap()
}

fn kind(finding: &Value) -> &str {
    finding["kind"].as_str().unwrap()
}

fn path(finding: &Value) -> &str {
    let mut place = &finding["place"];
    while place["in"] == "member" {
        place = &place["of"];
    }
    place["path"].as_str().unwrap_or_else(|| panic!("{finding:#}"))
}

/// A source of one thing.
#[derive(Debug)]
struct One<'b>(&'b str, &'b [u8]);

impl Source for One<'_> {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let _wanted = visit(Ok(Blob::new(Place::File { path: self.0.to_owned() }, self.1))).is_continue();
        Ok(())
    }
}

/// What came of a container that is not what it was.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Found,
    Named,
    /// Neither, and nothing was said.
    Passed,
}

fn scanned(scanner: &Scanner, name: &str, bytes: &[u8]) -> Came {
    let outcome = scanner.run(&One(name, bytes)).unwrap();
    match () {
        () if outcome.sightings.iter().any(|found| found.kind.as_str() == KIND) => Came::Found,
        () if !outcome.coverage.is_complete() => Came::Named,
        () => Came::Passed,
    }
}

/// Numbers without a pattern, the same in each run.
fn numbers(seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    })
}

fn count(bytes: &[u8], token: &[u8]) -> usize {
    memchr::memmem::find_iter(bytes, token).count()
}

/// The first 600 bytes, and twenty others.
fn points(length: usize) -> BTreeSet<usize> {
    (0..length.min(600)).chain(numbers(length as u64).map(|number| number % length).take(20)).collect()
}

/// What nothing can be said of: it is empty, or nothing but text (such as the name at the start of a tar) and read as such;
/// or no more than a mark that promises nothing by its name.
fn is_nothing(name: &str, cut: &[u8]) -> bool {
    let text = cut.iter().all(|byte| (b' '..=b'~').contains(byte) || byte.is_ascii_whitespace());
    let promised = match name.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("bz2") => b"BZh".as_slice(),
        Some("zip" | "jar") => b"PK",
        Some("lz") => b"LZIP",
        Some("7z") => b"7z",
        Some("deb") => b"!<arch>\n",
        Some("cpio") => b"0707",
        Some("pdf") => b"%PDF-",
        Some("sqlite") => b"SQLite format 3",
        Some("plist") => b"bplist",
        _ => b"",
    };
    let begun = !promised.is_empty() && (cut.starts_with(promised) || promised.starts_with(cut));
    cut.is_empty() || (text && !begun) || (name == "a.png" && cut.len() < 8)
}

/// True for a byte whose damage cannot be seen, since nothing in the form is there to see it by.
fn is_unguarded(name: &str, at: usize) -> bool {
    match name {
        // No checksum; but what it expands to is no longer what it was.
        "a.lzma" => at >= 13,
        "a.png" => at < 8,
        _ => false,
    }
}

#[test]
#[ignore = "needs the containers that tests/run has the real programs write"]
fn none_that_is_cut_or_damaged_passes() {
    let scanner = Scanner {
        engine: Engine::new(builtin()).unwrap(),
        key: FingerprintKey::of_repository(vec![7; 32]),
        suppressions: Suppressions::default(),
        keep_findings: false,
        most_expanded: None,
    };
    let folder = folder();
    let token = fs::read(folder.join("token")).unwrap();
    let mut names: Vec<PathBuf> =
        fs::read_dir(folder.join("small")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() > 25, "most are missing");
    let mut passed = Vec::new();
    for path in names {
        let bytes = fs::read(&path).unwrap();
        let name = path.file_name().map(Path::new).unwrap().to_str().unwrap();
        assert_eq!(scanned(&scanner, name, &bytes), Came::Found, "{name} as it is");
        for at in points(bytes.len()) {
            let cut = &bytes[..at];
            if !is_nothing(name, cut) && scanned(&scanner, name, cut) == Came::Passed {
                passed.push(format!("{name} cut at {at} of {}", bytes.len()));
            }
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            // A token that is itself another one now is not the one that was there.
            let wide: Vec<u8> = token.iter().flat_map(|byte| [0, *byte]).collect();
            let stands = |bytes: &[u8]| count(bytes, &token) + count(bytes, &wide);
            let harmed = stands(&damaged) < stands(&bytes) || is_unguarded(name, at);
            if !harmed && scanned(&scanner, name, &damaged) == Came::Passed {
                passed.push(format!("{name} damaged at {at} of {}", bytes.len()));
            }
        }
    }
    assert!(passed.is_empty(), "{} passed:\n{}", passed.len(), passed.join("\n"));
}

/// The program reads what another one writes.
fn piped(world: &World, writes: &str, arguments: &str) -> crate::world::Ran {
    let mut command = world.command("sh");
    command.args(["-c", &format!("{writes} | '{}' scan - {arguments}", env!("CARGO_BIN_EXE_stanch"))]);
    world.run(command)
}

#[test]
fn a_stream_that_is_too_large_to_be_held_is_read_as_it_goes_by() {
    let world = World::bare();
    let secret = crate::world::token(940);
    let noise: Vec<u8> = numbers(940).map(|number| (number % 251) as u8).take(3_000_000).collect();
    world.write("inner/noise", &noise);
    world.write("inner/zz.conf", format!("key = {secret}\n"));
    for (writes, name) in [
        ("tar -cf - inner", "<stdin>!inner/zz.conf"),
        ("tar -czf - inner", "<stdin>!content!inner/zz.conf"),
        ("find inner | cpio -o --quiet -H newc", "<stdin>!inner/zz.conf"),
    ] {
        let ran = piped(&world, writes, "--max-size 1MB").expect(1).says(name).hides(&secret);
        assert!(!ran.stdout.contains("INCOMPLETE"), "{writes}: {}", ran.stdout);
    }
    // What was written is what was read.
    let ran = piped(&world, "tar -cf - inner", "--max-size 1MB --json").expect(1);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let size = world.run_ok("sh", &["-c", "tar -cf - inner | wc -c"]).stdout;
    assert_eq!(report["coverage"]["scanned"]["bytes"].to_string(), size.trim());
    piped(&world, "tar -cf - inner | head -c 2000000", "--max-size 1MB").expect(3).says("damaged or cut off");
    piped(&world, "cat inner/noise", "--max-size 1MB").expect(3).says("larger than the limit");
    piped(&world, "zip -qr - inner", "--max-size 1MB").expect(3).says("larger than the limit");
    // A file can be read from any place.
    world.run_ok("zip", &["-qr", "a.zip", "inner"]);
    let mut command = world.command("sh");
    command.args(["-c", &format!("'{}' scan - --max-size 1MB <a.zip", env!("CARGO_BIN_EXE_stanch"))]);
    world.run(command).expect(1).says("zz.conf").hides(&secret);
}

#[test]
fn what_may_be_taken_out_of_one_thing_is_set_and_said() {
    let world = World::bare();
    let secret = crate::world::token(941);
    world.write("large", [&vec![b' '; 2_000_000], secret.as_bytes()].concat());
    world.run_ok("gzip", &["large"]);
    world.stanch(&["scan", "large.gz"]).expect(1).hides(&secret);
    let ran = world.stanch(&["scan", "large.gz", "--max-expanded", "1MB"]).expect(3);
    ran.says("large.gz: it expands to more than is allowed").says("raise the limit with --max-expanded");
    world.stanch(&["scan", "large.gz", "--max-expanded", "3MB"]).expect(1).hides(&secret);
    piped(&world, "cat large.gz", "--max-expanded 1MB").expect(3).says("--max-expanded");
    // A bomb comes to an end though nobody knows how long the stream is.
    let bomb = "head -c 300000000 /dev/zero | gzip -1 | gzip -1";
    piped(&world, bomb, "--max-size 1kB --max-expanded 20MB").expect(3).says("expands to more than is allowed");
}

#[test]
fn a_name_that_promises_is_held_to_it_and_text_is_not() {
    let world = World::bare();
    world.run_ok("sh", &["-c", "echo some text that is packed | bzip2 >a.bz2"]);
    let packed = fs::read(world.top().join("a.bz2")).unwrap();
    for cut in [1, 3, 4, 9, 20] {
        world.write("a.bz2", &packed[..cut]);
        world.stanch(&["scan", "a.bz2"]).expect(3).says("cannot read a.bz2").says("damaged or cut off");
    }
    world.run_ok("rm", &["a.bz2"]);
    for (name, text) in [("a.tar", "a fixture\n"), ("b.zip", ""), ("c.gz", "not packed"), ("d.pdf", "see elsewhere")] {
        world.write(name, text);
    }
    world.stanch(&["scan"]).expect(0).says("4 files");
}

/// What the program says of a file in which the token stands once: how it was encoded.
#[track_caller]
fn encoded(world: &World, name: &str, secret: &str) -> Vec<String> {
    let ran = world.stanch(&["scan", name, "--json"]).expect(1).hides(secret);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{name}: {findings:#?}");
    findings[0]["decoded"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_other_programs_encode_is_decoded() {
    let world = World::new();
    let secret = crate::world::token(942);
    let noise: Vec<u8> = numbers(942).map(|number| (number % 256) as u8).take(3_000).collect();
    let binary = [&noise[..], format!("\0key = {secret}\0").as_bytes(), &noise[..]].concat();
    world.commit("other", "nothing", "first");
    let added = world.commit("data.bin", &binary, "add");
    let removed = world.commit("data.bin", &noise, "take it out");
    for (name, commit) in [("added.patch", &added), ("removed.patch", &removed)] {
        let patch = world.git(&["format-patch", "--stdout", "-1", commit]).stdout;
        assert!(patch.contains("GIT binary patch") && !patch.contains(&secret[14..]), "{patch}");
        world.write(name, patch);
        assert_eq!(encoded(&world, name, &secret), ["base85", "zlib"], "{name}");
    }
    let text = format!("# settings\nname = shop\nkey = {secret}\nlevel = 3\n");
    world.write("plain.conf", &text);
    world.run_ok("gzip", &["-k", "plain.conf"]);
    let python = "import base64, binascii, sys\n\
        data = open(sys.argv[2], 'rb').read()\n\
        lines = lambda n: (data[i:i + n] for i in range(0, len(data), n))\n\
        uu = b'begin 644 a\\n' + b''.join(binascii.b2a_uu(x, backtick=True) for x in lines(45)) + b'`\\nend\\n'\n\
        sys.stdout.buffer.write({'uu': uu, 'a85': base64.a85encode(data, adobe=True, wrapcol=72)}[sys.argv[1]])";
    for (form, from, expected) in [
        ("uu", "plain.conf", &["uuencode"][..]),
        ("a85", "plain.conf", &["base85"]),
        ("uu", "plain.conf.gz", &["uuencode", "gzip"]),
        ("a85", "plain.conf.gz", &["base85", "gzip"]),
    ] {
        let coded = world.run_ok("python3", &["-c", python, form, from]).stdout;
        let name = format!("{form}.txt");
        world.write(&name, format!("before it\n{coded}\nbehind it\n"));
        assert_eq!(encoded(&world, &name, &secret), expected, "{form} of {from}");
    }
    let (one, two) = secret.split_at(30);
    world.write("page.html", format!("<p>key <span class=\"s\">{one}</span><span class=\"s\">{two}</span></p>\n"));
    assert_eq!(encoded(&world, "page.html", &secret), ["joined"]);
    world.write("add.py", format!("def f():\n    k = '{one}'\n    k += '{two}'\n    return k\n"));
    assert_eq!(encoded(&world, "add.py", &secret), ["joined"]);
}

#[test]
fn a_name_that_promises_is_held_to_it_in_a_history_too() {
    let world = World::new();
    world.run_ok("sh", &["-c", "echo some text that is packed | bzip2 >whole.bz2"]);
    let packed = fs::read(world.top().join("whole.bz2")).unwrap();
    fs::remove_file(world.top().join("whole.bz2")).unwrap();
    let damaged = [&[0, 7], &packed[2..]].concat();
    // A blob by itself is odd, and so it stays until something calls it by a name that promises.
    world.commit("data/noise.bin", &damaged, "noise");
    world.commit("notes.zip", "text is text\n", "text");
    world.stanch(&["scan", "--history"]).expect(0);
    world.commit("deep/a.bz2", &damaged, "damaged");
    for _ in 0..2 {
        let ran =
            world.stanch(&["scan", "--history"]).expect(3).says("cannot read deep/a.bz2").says("damaged or cut off");
        assert!(!ran.stdout.contains("noise.bin") && !ran.stdout.contains("notes.zip"), "{}", ran.stdout);
    }
    world.commit("cut.bz2", &packed[..3], "cut off");
    let ran = world.stanch(&["scan", "--history"]).expect(3).says("cannot read deep/a.bz2").says("cannot read cut.bz2");
    assert_eq!(ran.stdout, world.stanch(&["scan", "--history", "--no-cache"]).expect(3).stdout);
    world.stanch(&["scan", "--history", "--exclude", "*.bz2"]).expect(0);
}

#[test]
fn compiled_python_in_a_history_is_known_by_the_name_it_has_there() {
    let world = World::new();
    let secret = crate::world::token(943);
    world.write("pay.py", format!("KEY = \"{secret}\"\n"));
    world.run_ok("python3", &["-c", "import py_compile; py_compile.compile('pay.py', cfile='pay.pyc')"]);
    let compiled = fs::read(world.top().join("pay.pyc")).unwrap();
    fs::remove_file(world.top().join("pay.py")).unwrap();
    world.commit("lib/pay.pyc", compiled, "compiled");
    fs::remove_file(world.top().join("lib/pay.pyc")).unwrap();
    world.git_as_kim(&["commit", "-qam", "take it out"]);
    let ran = world.stanch(&["scan", "--history"]).expect(1).hides(&secret);
    ran.says("lib/pay.pyc").says("(constants)");
}

#[test]
fn a_token_at_the_end_of_what_is_kept_as_it_is_has_one_length() {
    let world = World::bare();
    let secret = ["sk_", "live_", "51Jc7Xw2KdN4vQ", "r9StUbWx8YzA3gC", "d5EfH"].concat();
    let filled = |size: usize| format!("{}{secret}", " ".repeat(size - secret.len()));
    world.write("inner/a.txt", filled(1_024));
    world.write("inner/b.txt", "noise ".repeat(500));
    world.write("inner/c.txt", filled(300));
    let python = "import struct, sys, zlib\n\
        part = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))\n\
        text = open('inner/a.txt', 'rb').read()\n\
        parts = part(b'IHDR', struct.pack('>IIBBBBB', 1, 1, 8, 0, 0, 0, 0)) + part(b'tEXt', b'Comment\\0' + text)\n\
        parts += part(b'IDAT', zlib.compress(b'\\0\\0')) + part(b'IEND', b'')\n\
        open('a.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + parts)";
    world.run_ok("python3", &["-c", python]);
    let table = format!(
        "create table t (name text, key text, more text); create index i on t (key);\n\
         insert into t values ('one', '{secret}', 'more'), ('two', '{secret}', 'AndMore');\n\
         create table w (key text, more text, primary key (key, more)) without rowid;\n\
         insert into w values ('{secret}', 'follows'), ('{}{secret}', 'it');",
        "long ".repeat(2_000)
    );
    world.run_ok("sqlite3", &["a.sqlite", &table]);
    for (name, writes) in [
        ("a.zip", "zip -q0r a.zip inner"),
        ("b.zip", "zip -qr b.zip inner"),
        ("a.tar", "tar -cf a.tar inner"),
        ("b.tar", "tar --format=pax -cf b.tar inner"),
        ("c.tar", "tar -cf c.tar a.zip a.tar a.sqlite"),
        ("a.a", "cd inner && ar r ../a.a a.txt b.txt c.txt 2>/dev/null"),
        ("a.cpio", "find inner -type f | cpio -o --quiet -H newc >a.cpio"),
        ("b.cpio", "find inner -type f | cpio -o --quiet -H odc >b.cpio"),
        ("a.7z", "7z a -mx0 a.7z inner >/dev/null"),
        ("a.lz4", "for f in a b c; do cat inner/$f.txt; echo; done | lz4 -q >a.lz4"),
        ("a.zst", "for f in a b c; do cat inner/$f.txt; echo; done | zstd -q >a.zst"),
        ("a.gz", "for f in a b c; do cat inner/$f.txt; echo; done | gzip >a.gz"),
        ("a.png", "true"),
        ("a.sqlite", "true"),
    ] {
        world.run_ok("sh", &["-c", writes]);
        let ran = world.stanch(&["scan", name, "--json"]).expect(1);
        assert!(!ran.stdout.contains(&secret[12..]), "{name}: shown");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{name}: {findings:#?}");
        assert_eq!(findings[0]["length"], secret.len(), "{name}");
    }
}
