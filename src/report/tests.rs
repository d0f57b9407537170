use super::*;
use crate::model::{Confidence, Encoding, FingerprintKey, KindId, LineColumn, Masked, Secret, Sighting, Span};
use crate::scan::{Amount, Gap, Region, SkipReason};
use std::collections::BTreeMap;

fn sighting(path: &str) -> Sighting {
    let secret = Secret::new(b"not shown anywhere at all, ever".to_vec());
    let shown = Masked::of(&secret, 0);
    Sighting {
        kind: KindId::new("acme.api-token"),
        title: "Acme API token".to_owned(),
        severity: Severity::High,
        confidence: Confidence::High,
        place: Place::Staged { path: path.to_owned() },
        at: LineColumn { line: 12, column: 8 },
        span: Span { start: 100, end: 131 },
        fingerprint: FingerprintKey::of_repository(vec![3; 32]).fingerprint(&secret),
        excerpt: Masked::already(format!("let x = {shown};")),
        shown,
        length: 31,
        verdict: None,
        also: vec![Place::Staged { path: "other".to_owned() }],
        facts: BTreeMap::new(),
        remarks: Vec::new(),
        doubtful: false,
        decoded: Vec::new(),
    }
}

fn outcome() -> Outcome {
    let sighting = sighting("src/a\n.rs");
    let region =
        Region { start_line: 12, start_column: 8, end_line: 12, end_column: 39, line_hash: Some("a1:1".to_owned()) };
    let mut outcome = Outcome::default();
    outcome.regions.insert(sighting.fingerprint.clone(), region);
    outcome.notes.insert(sighting.fingerprint.clone(), "its exception ended".to_owned());
    let other = Place::Staged { path: "other".to_owned() };
    outcome.elsewhere.insert(sighting.fingerprint.clone(), vec![(other, LineColumn { line: 3, column: 4 })]);
    outcome.sightings.push(sighting);
    outcome.coverage.scanned = Amount { items: 3, bytes: 4_200 };
    outcome
}

fn written(outcome: &Outcome, format: Format, style: Style) -> String {
    let report = Report {
        outcome,
        scope: Scope::Staged,
        gate: Severity::Medium,
        exit_code: if outcome.sightings.is_empty() { 3 } else { 1 },
        stops_commit: true,
        passing_key: None,
        suggested_until: "2027-03-01".to_owned(),
        began: Timestamp(1_783_000_000_489),
        ended: Timestamp(1_783_000_000_500),
        about: About::default(),
        top: None,
        working_directory: PathBuf::from("/work"),
    };
    let mut out = Vec::new();
    report.write(format, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn people_read_this() {
    let text = written(&outcome(), Format::Text, Style { colour: false, unicode: true });
    let expected_start = "\
stanch: 1 leak in 1 staged file, commit stopped                3 files, 4.2 kB, 0 skipped

  HIGH  acme.api-token                                                src/a\\n.rs:12:8
   12 | let x = \u{2026}ever;
      |         ^^^^^ 31 characters; not asked if live
    also at other:3:4
    its exception ended
    st1:ynp7-l4uo";
    let (first, expected_first) = (text.lines().next().unwrap(), expected_start.lines().next().unwrap());
    assert_eq!(first.split_whitespace().collect::<Vec<_>>(), expected_first.split_whitespace().collect::<Vec<_>>());
    assert_eq!(first.chars().count(), 88);
    let body = |text: &str| text.lines().skip(3).take(5).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(body(&text), body(expected_start));
    assert!(text.contains("--reason \"\u{2026}\" --until 2027-03-01\n"));
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_plain_locale_gets_plain_characters() {
    let text = written(&outcome(), Format::Text, Style { colour: true, unicode: false });
    assert!(text.is_ascii());
    assert!(text.contains("\u{1b}[31mHIGH\u{1b}[0m"));
    assert!(text.contains("let x = ...ever;"));
}

#[test]
fn a_gap_is_said_loudly() {
    let mut outcome = Outcome::default();
    let gap = Gap { what: "cannot read x".to_owned(), remedy: Some("try y".to_owned()) };
    outcome.coverage.gaps.count = 1;
    outcome.coverage.gaps.first.insert(gap);
    let text = written(&outcome, Format::Text, Style::default());
    assert!(text.contains("no leaks in what was read, but the scan is INCOMPLETE (exit 3)"), "{text}");
    assert!(text.contains("\ncannot read x: try y\n"), "{text}");
    assert!(written(&outcome, Format::Lines, Style::default()).contains("incomplete: cannot read x: try y\n"));
    let sarif: serde_json::Value = serde_json::from_str(&written(&outcome, Format::Sarif, Style::default())).unwrap();
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"][0]["message"]["text"], "cannot read x: try y");
}

#[test]
fn one_line_is_one_finding() {
    let lines = written(&outcome(), Format::Lines, Style { colour: false, unicode: true });
    let print = outcome().sightings[0].fingerprint.short();
    assert_eq!(lines, format!("src/a\\n.rs:12:8: high acme.api-token {print} not-asked \u{2026}ever\n"));
}

#[test]
fn machines_read_envelopes() {
    let mut outcome = outcome();
    outcome.coverage.skipped.entry(SkipReason::Excluded).or_default().count = 2;
    let json: serde_json::Value = serde_json::from_str(&written(&outcome, Format::Json, Style::default())).unwrap();
    assert_eq!(json["findings"][0]["kind"], "acme.api-token");
    assert_eq!(json["findings"][0]["place"]["in"], "staged");
    assert_eq!(json["coverage"]["skipped"][0]["reason"], "excluded");
    let sarif: serde_json::Value = serde_json::from_str(&written(&outcome, Format::Sarif, Style::default())).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "src/a%0A.rs");
    assert_eq!(result["partialFingerprints"]["primaryLocationLineHash"], "a1:1");
    assert_eq!(result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 3);
    assert_eq!(result["kind"], "fail");
    assert_eq!(result["level"], "error");
    let rule = &sarif["runs"][0]["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], result["ruleId"]);
    assert_eq!(rule["properties"]["security-severity"], "8.0");
}

#[test]
fn it_is_said_where_it_hides() {
    let mut outcome = outcome();
    let sighting = &mut outcome.sightings[0];
    sighting.decoded = vec![Encoding::Base64, Encoding::Gzip];
    sighting.place =
        Place::Member { of: Box::new(Place::Staged { path: "lib/x.jar".to_owned() }), name: "a.yml".to_owned() };
    let style = Style { colour: false, unicode: true };
    let text = written(&outcome, Format::Text, style);
    assert!(text.contains("lib/x.jar!a.yml:12:8") && text.contains("characters in base64, gzip; not asked"), "{text}");
    let lines = written(&outcome, Format::Lines, style);
    assert!(lines.starts_with("lib/x.jar!a.yml:12:8: high") && lines.ends_with(" in base64, gzip\n"), "{lines}");
    let where_it_is = " in base64, gzip in lib/x.jar!a.yml:12:8";
    for format in [Format::Sarif, Format::Gitlab, Format::Github, Format::BitbucketAnnotations] {
        let text = written(&outcome, format, style);
        assert!(text.contains(where_it_is), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&written(&outcome, Format::Json, style)).unwrap();
    assert_eq!(json["findings"][0]["decoded"], serde_json::json!(["base64", "gzip"]));
    assert_eq!(json["findings"][0]["place"]["name"], "a.yml");
    // Services mark lines of files, and no file has this one.
    let sarif: serde_json::Value = serde_json::from_str(&written(&outcome, Format::Sarif, style)).unwrap();
    let location = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (&location["artifactLocation"]["uri"], &location["region"]["startLine"]),
        (&"lib/x.jar".into(), &1.into())
    );
    assert!(written(&outcome, Format::Github, style).contains("file=lib/x.jar,line=1,col=1"));
}
