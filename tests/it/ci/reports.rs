//! Reports for services, held against the published forms of those who read them.

use super::{Happening, Site, new, old};
use crate::world::{Ran, hides, token};
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What a run of `stanch ci` wrote.
struct Written {
    ran: Ran,
    files: BTreeMap<&'static str, String>,
}

const FORMS: [&str; 9] =
    ["text", "lines", "json", "sarif", "gitlab", "junit", "github", "summary", "bitbucket-annotations"];

/// One run with a report of every form.
fn written(site: &Site, job: &Path, said: &[(&'static str, String)], code: i32) -> Written {
    let path = |form: &str| site.world.outside(&format!("report.{form}"));
    let forms: Vec<&'static str> = FORMS.into_iter().chain(["bitbucket-report"]).collect();
    let arguments: Vec<String> =
        forms.iter().flat_map(|form| ["--output".to_owned(), format!("{form}={}", path(form).display())]).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = site.ci(job, said, &arguments).expect(code);
    let files = forms.into_iter().map(|form| (form, fs::read_to_string(path(form)).unwrap())).collect();
    Written { ran, files }
}

impl Written {
    fn json(&self, form: &str) -> Value {
        serde_json::from_str(&self.files[form]).unwrap()
    }

    fn hides(&self, secret: &str) {
        self.files.values().for_each(|text| hides(text, secret));
        hides(&self.ran.stdout, secret);
        hides(&self.ran.stderr, secret);
    }
}

#[track_caller]
pub(super) fn conforms(schema: &Value, instance: &Value, what: &str) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

pub(super) fn sarif_schema() -> Value {
    serde_json::from_str(include_str!("../schemas/sarif-2.1.0.json")).unwrap()
}

/// What GitLab's schema demands of the fields that are written, the same from 15.0.7 to 15.2.1; other fields it would
/// let pass, and this does not.
pub(super) fn gitlab_schema() -> Value {
    let text = |longest: u64| json!({ "type": "string", "minLength": 1, "maxLength": longest });
    let some = json!({ "type": "string", "minLength": 1 });
    let time = json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$" });
    let object = |properties: Value, required: &[&str]| json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required });
    let list = |of: Value, least: u64| json!({ "type": "array", "minItems": least, "items": of });
    let vendor = object(json!({ "name": some }), &["name"]);
    let tool = object(
        json!({ "id": some, "name": some, "version": some, "vendor": vendor }),
        &["id", "name", "version", "vendor"],
    );
    let message = object(json!({ "level": { "enum": ["info", "warn", "fatal"] }, "value": some }), &["level", "value"]);
    let scan = object(
        json!({
            "analyzer": tool, "scanner": tool, "start_time": time, "end_time": time,
            "status": { "enum": ["success", "failure"] }, "type": { "enum": ["secret_detection"] },
            "messages": list(message, 0),
        }),
        &["analyzer", "end_time", "scanner", "start_time", "status", "type"],
    );
    let identifier = object(
        json!({ "type": some, "name": text(255), "value": some, "url": { "type": "string", "pattern": "^(https?|ftp)://.+" } }),
        &["type", "name", "value"],
    );
    let commit = object(json!({ "sha": some }), &["sha"]);
    let number = json!({ "type": "number", "minimum": 1 });
    let location = object(
        json!({ "file": some, "commit": commit, "start_line": number, "end_line": number }),
        &["file", "commit", "start_line"],
    );
    let signature = object(json!({ "algorithm": some, "value": some }), &["algorithm", "value"]);
    let tracked = object(
        json!({ "file": some, "start_line": number, "end_line": number, "signatures": list(signature, 1) }),
        &["signatures"],
    );
    let tracking = object(json!({ "type": { "const": "source" }, "items": list(tracked, 1) }), &["type", "items"]);
    let vulnerability = object(
        json!({
            "id": { "type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" },
            "name": text(255), "description": text(1_048_576), "solution": text(7_000),
            "severity": { "enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"] },
            "identifiers": list(identifier, 1), "location": location, "tracking": tracking,
        }),
        &["id", "name", "severity", "identifiers", "location"],
    );
    let mut schema = object(
        json!({ "version": { "const": "15.0.7" }, "scan": scan, "vulnerabilities": list(vulnerability, 0) }),
        &["scan", "version", "vulnerabilities"],
    );
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema
}

/// A test case of a JUnit report: its name, and the element in it with its text, if any.
type Case = (String, Option<(String, String)>);

/// The test cases of a JUnit report.
#[track_caller]
pub(super) fn cases(xml: &str) -> Vec<Case> {
    let mut reader = Reader::from_str(xml);
    let (mut cases, mut within): (Vec<Case>, Vec<String>) = (Vec::new(), Vec::new());
    let mut totals: Vec<BTreeMap<String, String>> = Vec::new();
    loop {
        let event = reader.read_event().unwrap();
        if let Event::Start(element) | Event::Empty(element) = &event {
            let name = String::from_utf8(element.name().as_ref().to_vec()).unwrap();
            let attributes: BTreeMap<String, String> = element
                .attributes()
                .map(|attribute| {
                    let attribute = attribute.unwrap();
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    (key, attribute.normalized_value(XmlVersion::default()).unwrap().into_owned())
                })
                .collect();
            match (name.as_str(), within.last().map(String::as_str)) {
                ("testsuites", None) | ("testsuite", Some("testsuites")) => totals.push(attributes),
                ("testcase", Some("testsuite")) => {
                    assert_eq!(attributes["classname"], "stanch");
                    cases.push((attributes["name"].clone(), None));
                }
                ("properties", Some("testsuite")) if cases.is_empty() => {}
                ("property", Some("properties")) => assert!(attributes["value"].starts_with("scope: ")),
                ("failure" | "error" | "system-out", Some("testcase")) => {
                    assert!(
                        name == "system-out" || !attributes["message"].is_empty() && !attributes["type"].is_empty()
                    );
                    cases.last_mut().unwrap().1 = Some((name.clone(), String::new()));
                }
                other => panic!("{other:?} does not belong there"),
            }
            if matches!(event, Event::Start(_)) {
                within.push(name);
            }
            continue;
        }
        match event {
            Event::End(_) => drop(within.pop().unwrap()),
            Event::Text(text) if cases.last().is_some_and(|case| case.1.is_some()) && within.len() == 4 => {
                cases.last_mut().unwrap().1.as_mut().unwrap().1.push_str(&text.decode().unwrap());
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(within.is_empty());
    let count =
        |element: &str| cases.iter().filter(|case| case.1.as_ref().is_some_and(|(name, _)| name == element)).count();
    assert_eq!(totals.len(), 2);
    for total in totals {
        assert_eq!(total["tests"], cases.len().to_string());
        assert_eq!(total["failures"], count("failure").to_string());
        assert_eq!(total["errors"], count("error").to_string());
        total["time"].parse::<f64>().unwrap();
    }
    cases
}

/// A command as the runner reads it: level, properties, message.
#[track_caller]
fn command(line: &str) -> (String, BTreeMap<String, String>, String) {
    let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("no command: {line}"));
    let (head, message) = rest.split_once("::").unwrap();
    let (level, properties) = head.split_once(' ').unwrap();
    let plain = |text: &str| {
        text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    };
    let properties = properties.split(',').map(|pair| pair.split_once('=').unwrap());
    let properties = properties.map(|(key, value)| (key.to_owned(), plain(value))).collect();
    (level.to_owned(), properties, plain(message))
}

#[track_caller]
fn commands(text: &str) -> Vec<(String, BTreeMap<String, String>, String)> {
    let commands: Vec<_> = text.lines().map(command).collect();
    for level in ["error", "warning", "notice"] {
        assert!(commands.iter().filter(|command| command.0 == level).count() <= 10, "{text}");
    }
    assert!(commands.iter().all(|command| matches!(command.0.as_str(), "error" | "warning" | "notice")), "{text}");
    commands
}

/// Every form of one run is what its readers take.
#[track_caller]
fn valid(written: &Written, whole: bool, what: &str) {
    let sarif = written.json("sarif");
    conforms(&sarif_schema(), &sarif, what);
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!(
        (&invocation["executionSuccessful"], &invocation["exitCode"]),
        (&whole.into(), &written.ran.code.into())
    );
    let gitlab = written.json("gitlab");
    conforms(&gitlab_schema(), &gitlab, what);
    assert_eq!(gitlab["scan"]["status"], if whole { "success" } else { "failure" }, "{what}");
    let findings = sarif["runs"][0]["results"].as_array().unwrap().len();
    assert_eq!(gitlab["vulnerabilities"].as_array().unwrap().len(), findings);
    let cases = cases(&written.files["junit"]);
    assert_eq!(
        cases.iter().any(|(_, inside)| inside.as_ref().is_some_and(|(name, _)| name == "error")),
        !whole,
        "{what}"
    );
    commands(&written.files["github"]);
    let summary = &written.files["summary"];
    assert!(
        summary.starts_with("### stanch: ") && summary.contains(&format!("(exit {})", written.ran.code)),
        "{summary}"
    );
    assert!(!summary.contains('<') && !summary.contains('@') && !summary.contains("]("), "{summary}");
    let report = written.json("bitbucket-report");
    assert_eq!(report["result"], if written.ran.code == 0 { "PASSED" } else { "FAILED" });
    assert_eq!(report["report_type"], "SECURITY");
    assert!(report["details"].as_str().unwrap().chars().count() <= 2_000);
    for mark in written.json("bitbucket-annotations").as_array().unwrap() {
        assert!(mark["summary"].as_str().unwrap().chars().count() <= 450);
        assert!(mark["line"].as_u64().unwrap() >= 1 && !mark["external_id"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_clean_run_is_valid_in_every_form() {
    let site = Site::new(false);
    let job = site.job(&site.head, None);
    let said = site.said("gitlab", &Happening::request(&site.base, &site.head));
    let clean = written(&site, &job, &said, 0);
    valid(&clean, true, "clean");
    assert_eq!(cases(&clean.files["junit"]), [("no leaks".to_owned(), None)]);
    assert_eq!(clean.files["github"], "");
    assert_eq!(clean.json("gitlab")["vulnerabilities"], json!([]));
}

#[test]
fn findings_are_valid_in_every_form_and_hidden() {
    let site = Site::new(true);
    let strange = "a b/ü,:%#`|<b>@x.env";
    let (third, fourth) = (token(7_003), token(7_004));
    site.world.write(strange, format!("first\r\nä😀 = '{third}' # {fourth}\n"));
    let head = site.world.commit("more", "x", &format!("message with {fourth}"));
    site.publish();
    let job = site.job(&head, None);
    for service in super::SERVICES {
        let said = site.said(service, &Happening::request(&site.base, &head));
        let run = written(&site, &job, &said, 1);
        valid(&run, true, service);
        [old(), new(), third.clone(), fourth.clone()].iter().for_each(|secret| run.hides(secret));
        let gitlab = run.json("gitlab");
        let item = (gitlab["vulnerabilities"].as_array().unwrap().iter())
            .find(|item| item["location"]["file"] == strange)
            .unwrap_or_else(|| panic!("{strange} is not in {gitlab:#}"));
        assert_eq!((&item["location"]["start_line"], &item["severity"]), (&2.into(), &"High".into()));
        assert_eq!(item["location"]["commit"]["sha"], head, "the commit that brought it");
        let marks = commands(&run.files["github"]);
        assert!(marks.iter().any(
            |(level, properties, _)| level == "error" && properties.get("file").is_some_and(|file| file == strange)
        ));
        let cases = cases(&run.files["junit"]);
        let [(kind, Some((element, text)))] = cases.as_slice() else { panic!("{cases:?}") };
        assert_eq!((kind.as_str(), element.as_str()), ("stanch.demo-token", "failure"));
        assert_eq!(text.lines().count(), 3, "the lines of the findings: {text}");
    }
    // The same findings have the same names when they are found again.
    fs::write(site.world.top().join("stanch.yaml"), format!("salt: {}\n", "cd".repeat(32))).unwrap();
    site.world.git(&["checkout", "-q", "main"]);
    let base = site.world.commit("stanch.yaml", format!("salt: {}\n", "cd".repeat(32)), "salt");
    site.publish();
    let job = site.job(&head, None);
    let ids = |happening: &Happening| -> Vec<Value> {
        let run = written(&site, &job, &site.said("github", happening), 1);
        run.json("gitlab")["vulnerabilities"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
    };
    assert_eq!(ids(&Happening::request(&base, &head)), ids(&Happening::request(&base, &head)));
}

#[test]
fn what_is_incomplete_says_so_in_every_form() {
    for leaky in [false, true] {
        let site = Site::new(leaky);
        let head = site.world.commit("still.env", if leaky { format!("K={}", new()) } else { "x".to_owned() }, "six");
        site.publish();
        let job = site.job(&head, Some("1"));
        for service in super::SERVICES {
            let said = site.said(service, &Happening::request(&site.base, &head));
            let run = written(&site, &job, &said, if leaky { 1 } else { 3 });
            valid(&run, false, service);
            run.hides(&new());
            let messages = run.json("gitlab")["scan"]["messages"].clone();
            assert!(messages.as_array().unwrap().iter().any(|message| message["level"] == "fatal"), "{messages}");
            let marks = commands(&run.files["github"]);
            assert_eq!(marks[0].1["title"], "the scan is incomplete");
            for form in ["text", "lines", "json", "sarif", "gitlab", "junit", "github", "summary", "bitbucket-report"] {
                assert!(run.files[form].contains("is not in this clone"), "{form}: {}", run.files[form]);
            }
        }
    }
}

#[test]
fn what_is_too_large_is_incomplete_in_every_form() {
    let site = Site::new(false);
    let head = site.world.commit("large.txt", "x".repeat(3_000), "large");
    site.publish();
    let job = site.job(&head, None);
    let said = site.said("github", &Happening::request(&site.base, &head));
    let path = |form: &str| site.world.outside(&format!("large.{form}"));
    for form in ["sarif", "gitlab", "junit", "summary"] {
        let output = format!("{form}={}", path(form).display());
        site.ci(&job, &said, &["--max-size", "2kB", "--output", &output]).expect(3).says("large.txt");
    }
    let read = |form: &str| fs::read_to_string(path(form)).unwrap();
    let sarif: Value = serde_json::from_str(&read("sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
    let gitlab: Value = serde_json::from_str(&read("gitlab")).unwrap();
    assert_eq!(gitlab["scan"]["status"], "failure");
    assert!(gitlab["scan"]["messages"].to_string().contains("large.txt"), "{gitlab}");
    assert!(cases(&read("junit")).iter().any(|(name, _)| name == "coverage"));
    assert!(read("summary").contains("INCOMPLETE"));
}

#[test]
fn a_log_has_no_more_results_than_its_readers_take() {
    let site = Site::new(false);
    let lines: String = (0..5_200).map(|seed| format!("k{seed} = {}\n", token(20_000 + seed))).collect();
    let head = site.world.commit("many.env", lines, "many");
    site.publish();
    let job = site.job(&head, None);
    let run = written(&site, &job, &site.said("github", &Happening::request(&site.base, &head)), 1);
    let sarif = run.json("sarif");
    conforms(&sarif_schema(), &sarif, "many");
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 5_000);
    let notices = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert!(notices.to_string().contains("5200 findings: only the gravest 5000 are listed"), "{notices}");
    assert_eq!(run.json("gitlab")["vulnerabilities"].as_array().unwrap().len(), 5_200);
    assert_eq!(run.json("bitbucket-annotations").as_array().unwrap().len(), 100);
    assert!(run.files["summary"].len() < 1 << 20 && run.files["summary"].contains("more leaks"));
}

#[test]
fn a_scan_without_git_is_valid_too() {
    let world = crate::world::World::bare();
    world.write("a/b.env", format!("K = {}\n", new()));
    let gitlab = world.stanch(&["scan", ".", "--format", "gitlab"]).expect(1).stdout;
    conforms(&gitlab_schema(), &serde_json::from_str(&gitlab).unwrap(), "files");
    let sarif = world.stanch(&["scan", ".", "--format", "sarif"]).expect(1).stdout;
    conforms(&sarif_schema(), &serde_json::from_str(&sarif).unwrap(), "files");
    assert_eq!(cases(&world.stanch(&["scan", ".", "--format", "junit"]).expect(1).stdout).len(), 1);
}

#[test]
fn only_ten_are_marked_and_the_summary_has_them_all() {
    let site = Site::new(false);
    let lines: String = (0..30).map(|seed| format!("k{seed} = {}\n", token(7_100 + seed))).collect();
    let head = site.world.commit("many.env", lines, "many");
    site.publish();
    let job = site.job(&head, None);
    let said = site.said("github", &Happening::request(&site.base, &head));
    let ran = site.ci(&job, &said, &["--format", "lines"]).expect(1);
    let marks: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(commands(&marks.join("\n")).len(), 10);
    assert!(!ran.stdout.contains("add-mask") && !ran.stderr.contains("add-mask"));
    let summary = fs::read_to_string(site.world.outside("summary.md")).unwrap();
    assert_eq!(summary.lines().filter(|line| line.starts_with("| high |")).count(), 30, "{summary}");
    (0..30).for_each(|seed| hides(&summary, &token(7_100 + seed)));
    assert!(ran.stderr.lines().count() == 1, "{}", ran.stderr);
    // Another step adds to the page and does not take from it.
    site.ci(&job, &said, &["--format", "lines"]).expect(1);
    assert_eq!(fs::read_to_string(site.world.outside("summary.md")).unwrap(), format!("{summary}{summary}"));
    // A report for machines stays one: the marks go beside it.
    let ran = site.ci(&job, &said, &["--format", "sarif"]).expect(1);
    serde_json::from_str::<Value>(&ran.stdout).unwrap();
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("::error ")).count(), 10);
}

#[test]
fn no_name_gives_a_service_a_command() {
    let site = Site::new(false);
    let names = ["::stop-commands::x", "::add-mask::y", "##[add-mask]z", "a\n::error::b", "##teamcity[c", "##vso[d"];
    for (seed, name) in (7_200..).zip(names) {
        site.world.write(name, format!("##[warning] '{}' ::x\n", token(seed)));
    }
    let head = site.world.commit("x", "x", "::error::message");
    site.publish();
    let job = site.job(&head, None);
    let said = site.said("github", &Happening::request(&site.base, &head));
    for form in ["text", "lines"] {
        let ran = site.ci(&job, &said, &["--format", form]).expect(1);
        for line in ran.stdout.lines().filter(|line| !line.starts_with("::error title=stanch.demo-token")) {
            assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
            assert!(!line.contains("##teamcity[") && !line.contains("##vso["), "{line}");
        }
    }
}

#[test]
fn a_report_that_cannot_be_written_fails_the_run() {
    let site = Site::new(false);
    let job = site.job(&site.head, None);
    let mut said = site.said("github", &Happening::request(&site.base, &site.head));
    for form in FORMS {
        site.ci(&job, &said, &["--output", &format!("{form}=/nowhere/report")]).expect(4).says("/nowhere/report");
    }
    said.retain(|(name, _)| *name != "GITHUB_STEP_SUMMARY");
    said.push(("GITHUB_STEP_SUMMARY", "/nowhere/summary".to_owned()));
    site.ci(&job, &said, &[]).expect(4).says("/nowhere/summary");
}

#[test]
fn a_signal_leaves_valid_reports() {
    let site = Site::new(false);
    site.world.git(&["config", "core.compression", "0"]);
    let line = "let key = config.get(\"stanch_demo_key\").unwrap_or(\"sk_live_ ghp_ xoxb- AKIA eyJ hvs.\");\n";
    (0..30).for_each(|file| site.world.write(format!("d/{file}"), format!("{file}\n{}", line.repeat(12_000))));
    let head = site.world.commit("x", "x", "much");
    site.publish();
    let job = site.job(&head, None);
    let path = |form: &str| site.world.outside(&format!("cut.{form}"));
    let mut command = site.world.command(env!("CARGO_BIN_EXE_stanch"));
    command
        .current_dir(&job)
        .args(["ci", "--jobs", "1"])
        .envs(site.said("gitlab", &Happening::request(&site.base, &head)));
    for form in ["sarif", "gitlab", "junit"] {
        command.arg("--output").arg(format!("{form}={}", path(form).display()));
    }
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let caught = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap() & (1 << 14) != 0
    };
    while !caught() {
        assert!(Instant::now() < deadline, "it does not catch signals");
        std::thread::yield_now();
    }
    site.world.run_ok("kill", &["-TERM", &child.id().to_string()]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{output:?}");
    let read = |form: &str| fs::read_to_string(path(form)).unwrap();
    let (sarif, gitlab) =
        (serde_json::from_str(&read("sarif")).unwrap(), serde_json::from_str(&read("gitlab")).unwrap());
    conforms(&sarif_schema(), &sarif, "cut");
    conforms(&gitlab_schema(), &gitlab, "cut");
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
    assert_eq!(gitlab["scan"]["status"], "failure");
    assert!(cases(&read("junit")).iter().any(|(name, _)| name == "coverage"));
}
