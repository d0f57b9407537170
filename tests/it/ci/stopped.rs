//! A job that is ended, and what was noted in the clone that it uses.

use super::{Happening, NONE, Site, new};
use crate::world::{Ran, World, token};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The bits of SIGINT and SIGTERM among the caught signals.
const CAUGHT: u64 = 1 << 1 | 1 << 14;

/// Begins a run, and waits until it catches signals.
fn begin(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let status = || std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&line, 16).unwrap() & CAUGHT == CAUGHT
    };
    while !caught(&status()) {
        assert!(Instant::now() < deadline, "it does not catch signals");
        std::thread::yield_now();
    }
    child
}

fn end(world: &World, child: Child, signal: &str) -> (Ran, Duration) {
    world.run_ok("kill", &[signal, &child.id().to_string()]);
    let asked = Instant::now();
    let ran = Ran::of(child.wait_with_output().unwrap());
    (ran, asked.elapsed())
}

/// How a report says that it is partial.
#[track_caller]
fn is_partial(form: &str, text: &str, code: i32, cause: &str) {
    match form {
        "json" => {
            let report: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(report["run"]["exit_code"], code);
            assert_eq!(report["coverage"]["complete"], false);
        }
        "sarif" => {
            let report: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(report["runs"][0]["invocations"][0]["executionSuccessful"], false);
        }
        "gitlab" => {
            let report: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(report["scan"]["status"], "failure");
        }
        _ => assert!(text.contains("</testsuites>"), "{text}"),
    }
    assert!(text.contains(cause), "{form}: {text}");
}

#[test]
fn at_twenty_points_a_signal_leaves_a_partial_report_of_a_job() {
    let world = World::new();
    for number in 0..40 {
        let text = ["stanch_", "demo_ "].concat().repeat(80_000);
        world.write(format!("d{}/file-{number}", number % 5), format!("{number} {}\n{text}", token(7_200 + number)));
    }
    world.git(&["config", "core.compression", "0"]);
    world.commit("a", "one\n", "much");
    let mut waited = Vec::new();
    for point in 0..20_u32 {
        let (signal, code, cause) =
            if point % 2 == 0 { ("-INT", 130, "interrupted") } else { ("-TERM", 143, "terminated") };
        let mut command = world.command(env!("CARGO_BIN_EXE_stanch"));
        command.arg("ci").env("STANCH_BASE", NONE).env("GITHUB_STEP_SUMMARY", world.outside("summary.md"));
        // A service that nobody pushed to, so that all is read.
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "schedule");
        let forms = ["json", "sarif", "gitlab", "junit"];
        let file = |form: &str| world.outside(&format!("{point}.{form}"));
        for form in forms {
            command.arg("--output").arg(format!("{form}={}", file(form).display()));
        }
        let child = begin(command);
        std::thread::sleep(Duration::from_millis(u64::from(point) * 12));
        let (ran, after) = end(&world, child, signal);
        ran.expect(code).says(cause);
        waited.push(after);
        for form in forms {
            is_partial(form, &std::fs::read_to_string(file(form)).unwrap(), code, cause);
        }
        assert!(std::fs::read_to_string(world.outside("summary.md")).unwrap().contains(cause));
    }
    // Others use this machine too, so a few may take longer; half of them may not.
    waited.sort();
    assert!(waited[10] <= Duration::from_millis(400), "{waited:?}");
}

#[test]
fn a_fetch_that_hangs_does_not_keep_a_job_from_its_end() {
    let site = Site::new(true);
    let job = site.job(&site.head, Some("1"));
    site.git_in(&job, &["config", "protocol.ext.allow", "always"]);
    site.git_in(&job, &["remote", "set-url", "origin", "ext::sleep 60"]);
    let mut command = site.world.command(env!("CARGO_BIN_EXE_stanch"));
    command.current_dir(&job).args(["ci", "--fetch", "--format", "json"]);
    command.envs(site.said("github", &Happening::request(&site.base, &site.head)));
    let child = begin(command);
    std::thread::sleep(Duration::from_millis(200));
    let (ran, after) = end(&site.world, child, "-TERM");
    let ran = ran.expect(143).says("git fetch was stopped by a signal");
    assert!(after < Duration::from_secs(10), "{after:?}");
    is_partial("json", &ran.stdout, 143, "terminated");
    assert!(!job.join(".git/shallow.lock").exists());
}

#[test]
fn what_went_past_a_hook_where_the_job_runs_is_marked() {
    let site = Site::new(true);
    let job = site.job(&site.head, None);
    let said = site.said("github", &Happening::request(&site.base, &site.head));
    // In a fresh clone nobody knows what hooks there were.
    let ran = site.ci(&job, &said, &[]).expect(1);
    assert!(!ran.stdout.contains("local hook"), "{}", ran.stdout);
    let blob = site.git_in(&job, &["rev-parse", &format!("{}~1:src/new.env", site.head)]).stdout;
    let line = format!("2026-11-22T08:00:00Z\tpre-commit\t{}\tthe vendor's sample\n", blob.trim());
    std::fs::write(job.join(".git/stanch-skips.log"), line).unwrap();
    let ran = site.ci(&job, &said, &[]).expect(1).hides(&new());
    ran.says("local hook bypassed: the vendor's sample (pre-commit, 2026-11-22T08:00:00Z)");
    // What is in its place is not waited for.
    std::fs::remove_file(job.join(".git/stanch-skips.log")).unwrap();
    site.world.run_ok("mkfifo", &[job.join(".git/stanch-skips.log").to_str().unwrap()]);
    site.ci(&job, &said, &[]).expect(1).says("it is no plain file");
}
