//! Coverage is a result: every report says what was in scope and what became of it, what could not be read is named with
//! what to do about it, and never green; and the same bytes give the same report.

use crate::world::{Ran, World, token};
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_stanch");

const FORMS: [&str; 10] = [
    "text",
    "lines",
    "json",
    "sarif",
    "gitlab",
    "junit",
    "github",
    "summary",
    "bitbucket-report",
    "bitbucket-annotations",
];

/// Forms that say what could not be read. Bitbucket's annotations are marks beside lines, and go with its report.
fn forms_that_tell() -> impl Iterator<Item = &'static str> {
    FORMS.into_iter().filter(|form| *form != "bitbucket-annotations")
}

/// The program, which may read no more than its user may: the super-user otherwise reads everything.
fn as_anybody(world: &World, arguments: &[&str]) -> Ran {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    let mut command = match user.split_whitespace().nth(1) {
        Some("0") => {
            let mut command = world.command("setpriv");
            command.args(["--bounding-set=-dac_override,-dac_read_search", PROGRAM]);
            command
        }
        _ => world.command(PROGRAM),
    };
    command.args(arguments);
    world.run(command)
}

/// In every form the run ends with 3, names the thing and says what to do.
#[track_caller]
fn incomplete(scan: &dyn Fn(&[&str]) -> Ran, arguments: &[&str], thing: &str, remedy: &str) {
    for form in forms_that_tell() {
        let ran = scan(&[&["scan", "--format", form], arguments].concat()).expect(3);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(all.contains(thing) && all.contains(remedy), "{form}: '{thing}' or '{remedy}' is not in:\n{all}");
        assert!(!all.contains("no leaks in scope"), "{form}: {all}");
    }
    // Letting findings pass lets no gap pass.
    scan(&[&["scan", "--exit-zero"], arguments].concat()).expect(3);
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

/// The parts of the scope, which must add up.
#[track_caller]
fn covered(report: &Value) -> [(u64, u64); 5] {
    let coverage = &report["coverage"];
    let amount = |value: &Value| (value["items"].as_u64().unwrap(), value["bytes"].as_u64().unwrap());
    let skipped = coverage["skipped"].as_array().unwrap().iter().map(amount);
    let skipped = skipped.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    let parts = ["scanned", "unread", "undecodable"].map(|part| amount(&coverage[part]));
    let whole = amount(&coverage["in_scope"]);
    let sum = parts.iter().fold(skipped, |sum, part| (sum.0 + part.0, sum.1 + part.1));
    assert_eq!(sum, whole, "{coverage:#}");
    [whole, parts[0], skipped, parts[1], parts[2]]
}

#[test]
fn every_item_is_in_exactly_one_part_of_the_scope() {
    let world = World::bare();
    world.write("a", "12345");
    world.write("b/c", "123");
    world.write("left.out", "1234567");
    world.write("large", vec![b'a'; 2_000]);
    std::os::unix::fs::symlink("a", world.top().join("link")).unwrap();
    let arguments = ["scan", ".", "--max-size", "1kB", "--exclude", "*.out"];
    let ran = world.stanch(&[&arguments[..], &["--json"]].concat()).expect(3);
    assert_eq!(covered(&json(&ran)), [(5, 2_015), (2, 8), (2, 7), (1, 2_000), (0, 0)]);
    let sentence = "scope: 5 files, 2.0 kB; scanned 2 (8 B), skipped 2 (7 B), not read 1 (2.0 kB), not decoded 0";
    for form in ["text", "lines", "sarif", "gitlab", "junit", "github", "bitbucket-report"] {
        world.stanch(&[&arguments[..], &["--format", form]].concat()).expect(3).says(sentence);
    }
    // In Markdown the marks are spelled out.
    world.stanch(&[&arguments[..], &["--format", "summary"]].concat()).expect(3).says(&sentence.replace(':', "&#58;"));
    let ran = world.stanch(&[&arguments[..], &["--format", "sarif"]].concat()).expect(3);
    let covered = &json(&ran)["runs"][0]["invocations"][0]["properties"]["coverage"];
    assert_eq!(covered["in_scope"]["items"], 5);
    assert_eq!(covered["skipped"][0]["reason"], "excluded");
}

#[test]
fn what_was_all_read_says_how_much_it_was() {
    let world = World::bare();
    world.write("a", "12345");
    world.stanch(&["scan"]).expect(0).says("1 file, 5 B, 0 skipped");
    let sentence = "scope: 1 file, 5 B; scanned 1 (5 B), skipped 0, not read 0, not decoded 0";
    for form in ["sarif", "gitlab", "junit", "bitbucket-report"] {
        world.stanch(&["scan", "--format", form]).expect(0).says(sentence);
    }
    assert_eq!(world.stanch(&["scan", "--format", "lines"]).expect(0).stdout, "");
    assert_eq!(covered(&json(&world.stanch(&["scan", "--json"]).expect(0))), [(1, 5), (1, 5), (0, 0), (0, 0), (0, 0)]);
}

#[test]
fn a_base_or_an_end_that_is_not_there_is_never_green() {
    let world = World::new();
    world.commit("a", "clean", "first");
    let scan = |arguments: &[&str]| world.stanch(arguments);
    incomplete(&scan, &["--range", "origin/main..HEAD"], "'origin/main' is not in this clone", "git fetch");
    incomplete(&scan, &["--range", "HEAD..topic"], "'topic' is not in this clone", "git fetch");
    incomplete(&scan, &["--range", "HEAD~1..HEAD"], "'HEAD~1' is not in this clone", "git fetch");
}

#[test]
fn a_shallow_clone_is_never_green() {
    let world = World::new();
    world.commit("a", "one", "first");
    let cut = world.commit("a", "two", "second");
    let clone = world.outside("clone");
    let url = format!("file://{}", world.top().display());
    world.git(&["clone", "-q", "--depth", "1", &url, clone.to_str().unwrap()]);
    let scan = |arguments: &[&str]| world.stanch(arguments);
    incomplete(&scan, &["--history", clone.to_str().unwrap()], &cut, "git fetch --unshallow");
}

#[test]
fn a_head_without_commits_is_green_only_for_what_is_staged() {
    let world = World::new();
    world.write("a", "clean");
    world.git(&["add", "a"]);
    world.stanch(&["scan", "--staged"]).expect(0).says("1 file");
    let scan = |arguments: &[&str]| world.stanch(arguments);
    incomplete(&scan, &["--range", "HEAD~1..HEAD"], "'HEAD~1' is not in this clone", "git fetch");
    world.write("a", token(900));
    world.git(&["add", "a"]);
    world.stanch(&["scan", "--staged"]).expect(1).says("a:1:1");
}

#[test]
fn a_file_or_directory_that_may_not_be_read_is_never_green() {
    let world = World::bare();
    world.write("open", "clean");
    world.write("shut/inner", token(901));
    world.write("locked", token(902));
    let set =
        |name: &str, mode| std::fs::set_permissions(world.top().join(name), Permissions::from_mode(mode)).unwrap();
    let scan = |arguments: &[&str]| as_anybody(&world, arguments);
    set("locked", 0o000);
    incomplete(&scan, &["open", "locked"], "cannot read locked", "let this user read it");
    set("shut", 0o000);
    incomplete(&scan, &["."], "locked", "let this user read it");
    let report = json(&scan(&["scan", ".", "--json"]).expect(3));
    assert_eq!(covered(&report), [(3, 5), (1, 5), (0, 0), (2, 0), (0, 0)]);
    set("locked", 0o600);
    scan(&["scan", "."]).expect(1).says("cannot read shut").says("locked:1:1");
    set("shut", 0o700); // so that it can be removed
    scan(&["scan", "."]).expect(1).says("2 leaks in 2 files");
}

#[test]
fn a_damaged_object_is_never_green() {
    let world = World::new();
    world.commit("good", "clean", "first");
    world.commit("bad", "some bytes that will be damaged", "second");
    let id = world.git(&["rev-parse", "HEAD:bad"]).stdout.trim().to_owned();
    let object = world.top().join(".git/objects").join(&id[..2]).join(&id[2..]);
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, "this is no object").unwrap();
    let scan = |arguments: &[&str]| world.stanch(arguments);
    incomplete(&scan, &["--history"], &id, "git fsck");
    incomplete(&scan, &["--range", "HEAD~1..HEAD"], &id, "git fsck");
}

#[test]
fn what_is_too_large_is_never_green_wherever_it_is_met() {
    let world = World::new();
    let scan = |arguments: &[&str]| world.stanch(arguments);
    world.commit("small", "clean", "first");
    world.write("large", vec![b'a'; 2_000]);
    for target in ["large", "."] {
        incomplete(&scan, &[target, "--max-size", "1kB"], "large is larger than the limit of 1000 bytes", "--max-size");
    }
    world.git(&["add", "-A"]);
    incomplete(&scan, &["--staged", "--max-size", "1kB"], "large is larger than the limit", "--max-size");
    world.commit("more", "clean", "second");
    incomplete(&scan, &["--history", "--max-size", "1kB"], "larger than the limit", "--max-size");
    world.stanch(&["scan", ".", "--max-size", "1kB", "--exclude", "large"]).expect(0).says("1 excluded (large)");
}

/// Packs `inner` with a program of this machine.
fn packed(world: &World, program: &str, arguments: &[&str]) -> Vec<u8> {
    world.run_ok(program, &[arguments, &["inner"]].concat());
    let name = arguments.last().unwrap();
    let bytes = std::fs::read(world.top().join(name)).unwrap();
    std::fs::remove_file(world.top().join(name)).unwrap();
    bytes
}

#[test]
fn an_archive_that_is_cut_off_or_encrypted_is_never_green() {
    let world = World::bare();
    let text: String = (0..400).map(|number| format!("line {} of many\n", number * 7_919 % 1_009)).collect();
    world.write("inner/text", text);
    let scan = |arguments: &[&str]| world.stanch(arguments);
    let check = |name: &str, bytes: &[u8], fine: bool, words: &str| {
        world.write(name, bytes);
        if fine {
            let report = json(&scan(&["scan", name, "--json"]).expect(0));
            assert_eq!(covered(&report)[1].0, 1);
            assert!(report["coverage"]["members"]["items"].as_u64().unwrap() > 0, "{report:#}");
        } else {
            incomplete(&scan, &[name], name, words);
            let report = json(&scan(&["scan", name, "--json"]).expect(3));
            assert_eq!(covered(&report), [(1, bytes.len() as u64), (0, 0), (0, 0), (0, 0), (1, bytes.len() as u64)]);
            assert!(report["coverage"]["gaps"][0]["remedy"].is_string(), "{report:#}");
        }
        std::fs::remove_file(world.top().join(name)).unwrap();
    };
    let zip = packed(&world, "zip", &["-qr", "whole.zip"]);
    let tar = packed(&world, "tar", &["-czf", "whole.tar.gz"]);
    check("whole.zip", &zip, true, "");
    check("whole.tar.gz", &tar, true, "");
    for part in [3, 2] {
        check("cut.zip", &zip[..zip.len() - zip.len() / part], false, "damaged or cut off");
        check("cut.tar.gz", &tar[..tar.len() - tar.len() / part], false, "damaged or cut off");
    }
    let locked = packed(&world, "zip", &["-qr", "--password", "sesame", "locked.zip"]);
    check("locked.zip", &locked, false, "encrypted");
    let locked = packed(&world, "7z", &["a", "-bd", "-psesame", "-mhe=on", "locked.7z"]);
    check("locked.7z", &locked, false, "encrypted");
}

#[test]
fn a_path_that_is_missing_among_others_stops_all() {
    let world = World::bare();
    let secret = token(903);
    world.write("here", &secret);
    for form in FORMS {
        let ran = world.stanch(&["scan", "here", "nowhere", ".", "--format", form]).expect(2).hides(&secret);
        assert_eq!(ran.stdout, "");
        ran.says("'nowhere' does not exist").says("check the spelling");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_never_green() {
    let world = World::bare();
    world.write("a", "clean");
    for to in ["nowhere/report.json", "a/report.json", "/dev/full", "."] {
        let ran = world.stanch(&["scan", "--output", &format!("json={to}")]).expect(4);
        ran.says(&format!("cannot write the report to {to}")).says("--output");
    }
    let mut command = world.command("sh");
    command.args(["-c", &format!("'{PROGRAM}' scan --json >/dev/full")]);
    world.run(command).expect(4).says("cannot write to standard output");
}

/// A pipe that somebody holds open and writes nothing to.
fn silent_pipe(world: &World) -> Child {
    world.run_ok("mkfifo", &["pipe"]);
    let mut holder = world.command("sh");
    holder.args(["-c", "exec sleep 600 >pipe"]).spawn().unwrap()
}

#[test]
fn a_run_whose_time_is_over_ends_with_what_it_has() {
    let world = World::bare();
    let secret = token(904);
    world.write("a", "clean");
    let mut holder = silent_pipe(&world);
    let scan = |arguments: &[&str]| world.stanch(arguments);
    incomplete(&scan, &["a", "pipe", "--timeout", "400ms"], "the time limit ran out", "--timeout");
    world.write("b", &secret);
    world.stanch(&["scan", "b", "pipe", "--timeout", "400ms"]).expect(1).says("also INCOMPLETE").hides(&secret);
    world.stanch(&["scan", "a", "--timeout", "1h"]).expect(0);
    world.stanch(&["scan", "a", "--timeout", "0s"]).expect(2).says("30s");
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn where_machines_write_only_what_is_sure_counts() {
    let world = World::bare();
    let sure = token(905);
    let doubtful = ["postgres", "://shop:", "w0nderfulW1nter", "@db.example.invalid/shop"].concat();
    for name in ["Cargo.lock", "web/node_modules/a/i.js", "vendor/x.go", "logo.svg", "app.js.map", "app.min.js"] {
        world.write(name, &doubtful);
    }
    world.write("blob", [b"\0\0", doubtful.as_bytes()].concat());
    world.stanch(&["scan"]).expect(0).says("7 files").says("0 skipped");
    world.write("plain", &doubtful);
    world.stanch(&["scan"]).expect(1).says("plain:1:");
    for name in ["Cargo.lock", "web/node_modules/a/i.js", "blob", "app.min.js"] {
        let text = [if name == "blob" { b"\0\0".as_slice() } else { b"" }, sure.as_bytes()].concat();
        world.write(name, text);
        world.stanch(&["scan", name]).expect(1).says("stanch.demo-token").hides(&sure);
    }
}

#[test]
fn nobody_who_does_not_look_on_sees_progress_or_what_it_took() {
    let world = World::bare();
    world.write("a", "clean");
    assert_eq!(world.stanch(&["scan"]).expect(0).stderr, "");
    let told = world.stanch(&["scan", "--stats", "--json"]).expect(0);
    let plain = world.stanch(&["scan", "--json"]).expect(0);
    assert_eq!(told.stdout, plain.stdout, "the report says nothing of it");
    for said in ["stanch: time: ", "stanch: read: 1 item, 5 B", "kinds: ", "CPU: ", "memory: "] {
        assert!(told.stderr.contains(said), "{said}: {}", told.stderr);
    }
}

/// A program on a terminal of its own, which writes down what the terminal was told.
fn on_terminal(world: &World, log: &Path, environment: &[(&str, &str)], arguments: &str) -> Child {
    let mut command = world.command("script");
    command.args(["-qefc", &format!("'{PROGRAM}' {arguments}")]).arg(log);
    command.env("TERM", "xterm").envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn on_a_terminal_a_line_says_how_far_it_is_and_goes_away() {
    let world = World::bare();
    world.write("a", "clean");
    let mut holder = silent_pipe(&world);
    let log = world.outside("terminal");
    let mut child = on_terminal(&world, &log, &[], "scan a pipe --timeout 10m");
    let deadline = Instant::now() + Duration::from_secs(60);
    let shown = || String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
    while !shown().contains("scanning: 1 file, 5 B, ") {
        assert!(Instant::now() < deadline, "{:?}", shown());
        std::thread::sleep(Duration::from_millis(20));
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(child.wait().unwrap().success());
    let text = shown();
    let after = text.rsplit("/s").next().unwrap();
    let gone = after.find("\r \r").or_else(|| after.find("  \r")).unwrap_or_else(|| panic!("{text:?}"));
    assert!(after.find("stanch: no leaks").unwrap() > gone, "{text:?}");
}

#[test]
fn nothing_moves_where_nothing_may() {
    let world = World::bare();
    world.write("a", "clean");
    let mut holder = silent_pipe(&world);
    for environment in [("TERM", "dumb"), ("NO_COLOR", "1"), ("CI", "true")] {
        let log = world.outside(environment.0);
        let mut child = on_terminal(&world, &log, &[environment], "scan a pipe --timeout 1s");
        assert_eq!(child.wait().unwrap().code(), Some(3));
        let text = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
        assert!(text.contains("the time limit ran out") && !text.contains("scanning"), "{environment:?}: {text:?}");
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// A tree with leaks, encodings, an archive, links and gaps, and a history.
fn rich() -> World {
    let world = World::new();
    for number in 0..40 {
        let text = format!("{}\n{}\n", token(1_000 + number % 20), token(1_100 + number));
        world.write(format!("d{}/f{number}", number % 7), text);
    }
    let wide: Vec<u8> =
        [0xfeff].into_iter().chain(format!("x {}", token(1_200)).encode_utf16()).flat_map(u16::to_le_bytes).collect();
    world.write("wide.txt", wide);
    world.write("encoded", data_encoding::BASE64.encode(format!("key = {}\n", token(1_201)).as_bytes()));
    world.write("inner/a.env", token(1_202));
    let mut tar = world.command("tar");
    tar.args(["-czf", "packed.tar.gz", "inner"]);
    world.run(tar).expect(0);
    world.write("cut.tar.gz", &std::fs::read(world.top().join("packed.tar.gz")).unwrap()[..40]);
    world.write("Cargo.lock", token(1_203));
    world.commit("first", "x", "all");
    for number in 0..5 {
        world.commit(&format!("d{number}/f{number}"), token(1_300 + number), &format!("change {number}"));
    }
    world.write("large", vec![b'a'; 300_000]);
    world
}

#[test]
fn six_runs_and_three_numbers_of_threads_write_the_same_bytes() {
    let world = rich();
    for scope in [&["."][..], &["--history"]] {
        for form in FORMS {
            let run = |jobs: &str| {
                let fixed = ["scan", "--max-size", "200kB", "--format", form, "--jobs", jobs];
                let ran = world.stanch(&[&fixed, scope].concat()).expect(1);
                if form == "gitlab" { without_times(&ran.stdout) } else { ran.stdout }
            };
            let first = run("1");
            assert!(form.starts_with("bitbucket") || first.matches("demo-token").count() > 0, "{form}");
            for jobs in ["2", "7", "1", "2", "7"] {
                assert!(run(jobs) == first, "{form} {scope:?} with {jobs} threads");
            }
        }
    }
}

/// GitLab's schema asks for the times at which a scan began and ended, and for nothing else of the kind.
fn without_times(report: &str) -> String {
    let mut report: Value = serde_json::from_str(report).unwrap();
    let scan = report["scan"].as_object_mut().unwrap();
    assert!(scan.remove("start_time").is_some() && scan.remove("end_time").is_some());
    report.to_string()
}
