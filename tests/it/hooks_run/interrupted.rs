//! Signals: a scan that is stopped leaves a valid report of what it has seen.

use super::{identify, slow_to_read};
use crate::world::{Ran, World, token};
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The bits of SIGINT and SIGTERM among the caught signals.
const CAUGHT: u64 = 1 << 1 | 1 << 14;

/// A world in which every scan takes long, in files and in git.
fn busy() -> World {
    let world = World::new();
    identify(&world);
    slow_to_read(&world, 40, true);
    world.git(&["config", "core.compression", "0"]);
    world.commit("a", "one\n", "much");
    world.commit("a", token(399), "more");
    world
}

/// Begins a scan, and waits until it catches signals.
fn begin(world: &World, arguments: &[&str]) -> Child {
    let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !catches_signals(&child) {
        assert!(Instant::now() < deadline, "it does not catch signals");
        std::thread::yield_now();
    }
    child
}

fn catches_signals(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & CAUGHT == CAUGHT
}

fn kill(world: &World, child: &Child, signal: &str) {
    world.run_ok("kill", &[signal, &child.id().to_string()]);
}

/// What comes of it, and after how long. Its standard input stays open until then.
fn end(mut child: Child) -> (Ran, Duration) {
    let _open = child.stdin.take();
    let asked = Instant::now();
    let ran = Ran::of(child.wait_with_output().unwrap());
    (ran, asked.elapsed())
}

fn is_partial_json(text: &str, code: i32, cause: &str) {
    let report: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(report["run"]["exit_code"], code);
    assert_eq!(report["coverage"]["complete"], false);
    let gaps = report["coverage"]["gaps"].as_array().unwrap();
    assert!(gaps.iter().any(|gap| gap["what"].as_str().unwrap().starts_with(cause)), "{gaps:?}");
}

fn is_partial_sarif(text: &str, code: i32, cause: &str) {
    let report: serde_json::Value = serde_json::from_str(text).unwrap();
    let invocation = &report["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["exitCode"], code);
    let notices = invocation["toolExecutionNotifications"].as_array().unwrap();
    assert!(notices.iter().any(|notice| notice["message"]["text"].as_str().unwrap().starts_with(cause)), "{notices:?}");
}

#[test]
fn at_twenty_points_a_signal_leaves_a_partial_report() {
    let world = busy();
    let targets: [&[&str]; 5] =
        [&["."], &["--history"], &["--range", "HEAD~1..HEAD", "--jobs", "1"], &["d0", "d1", "--jobs", "1"], &["-"]];
    let mut waited = Vec::new();
    for point in 0..20_u32 {
        let (signal, code, cause) =
            if point % 2 == 0 { ("-INT", 130, "interrupted") } else { ("-TERM", 143, "terminated") };
        let target = targets[point as usize % targets.len()];
        // A range of one small commit would be over before the signal; all of the history is not.
        let target: &[&str] = if target[0] == "--range" {
            &["--range", "0000000000000000000000000000000000000000..HEAD"]
        } else {
            target
        };
        let output = world.outside(&format!("report-{point}"));
        let (json, sarif) = (output.with_extension("json"), output.with_extension("sarif"));
        let outputs = [format!("json={}", json.display()), format!("sarif={}", sarif.display())];
        let form = ["json", "sarif", "text", "lines"][point as usize % 4];
        let arguments =
            [&["scan", "--format", form, "--output", &outputs[0], "--output", &outputs[1]], target].concat();
        let child = begin(&world, &arguments);
        std::thread::sleep(Duration::from_millis(u64::from(point) * 12));
        kill(&world, &child, signal);
        let (ran, after) = end(child);
        let ran = ran.expect(code);
        waited.push(after);
        is_partial_json(&std::fs::read_to_string(&json).unwrap(), code, cause);
        is_partial_sarif(&std::fs::read_to_string(&sarif).unwrap(), code, cause);
        match form {
            "json" => is_partial_json(&ran.stdout, code, cause),
            "sarif" => is_partial_sarif(&ran.stdout, code, cause),
            _ => drop(ran.says(cause)),
        }
    }
    let parts = std::fs::read_dir(world.outside("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(parts.filter(|name| name.to_string_lossy().contains(".part")).count(), 0);
    // Others use this machine too, so a few may take longer; half of them may not.
    waited.sort();
    assert!(waited[10] <= Duration::from_millis(200), "{waited:?}");
    assert!(waited[19] <= Duration::from_secs(5), "{waited:?}");
}

#[test]
fn what_was_found_before_the_signal_is_in_the_report() {
    let world = World::new();
    let secret = token(470);
    let leak = world.top().join("leak");
    world.write("leak", &secret);
    // A pipe that nobody writes to: the scan hangs there for ever.
    world.run_ok("mkfifo", &["pipe"]);
    let child = begin(&world, &["scan", "--format", "json", leak.to_str().unwrap(), "pipe"]);
    // It has read the file once it waits at the pipe, which is when the pipe can be opened without waiting.
    let deadline = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap().any(|task| {
        let stack = std::fs::read_to_string(task.unwrap().path().join("wchan")).unwrap_or_default();
        stack.contains("fifo") || stack.contains("wait_for_partner")
    }) {
        if Instant::now() > deadline {
            break; // this kernel does not say where a thread waits; by now it does
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    kill(&world, &child, "-INT");
    let (ran, _) = end(child);
    let ran = ran.expect(130).hides(&secret);
    is_partial_json(&ran.stdout, 130, "interrupted");
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let world = World::new();
    for number in 0..600 {
        world.write(format!("file-{number}"), token(1000 + number));
    }
    // Nobody reads the report, which is longer than a pipe holds: the first signal comes to nothing.
    let mut child = begin(&world, &["scan", "--format", "json"]);
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    kill(&world, &child, "-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    kill(&world, &child, "-TERM");
    let deadline = Instant::now() + Duration::from_secs(5);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn an_interrupted_hook_lets_nothing_through() {
    let world = World::new();
    // The hook waits for the references, and is told to end.
    for arguments in [["hook", "pre-receive"].as_slice(), &["hook", "pre-push", "origin"]] {
        let child = begin(&world, arguments);
        kill(&world, &child, "-INT");
        let (ran, _) = end(child);
        ran.expect(130).says("nothing was scanned");
    }
    let world = busy();
    world.git(&["rm", "-rq", "--cached", "."]);
    world.commit("b", "two\n", "all anew");
    world.git(&["rm", "-rq", "--cached", "."]);
    world.git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
    world.git(&["add", "-A"]);
    let child = begin(&world, &["hook", "pre-commit"]);
    kill(&world, &child, "-TERM");
    let (ran, _) = end(child);
    ran.expect(143).says("terminated before everything was read");
}
