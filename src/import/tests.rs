use super::*;
use serde_json::{Value, json};

fn sealed(value: &Value) -> Secret {
    Secret::new(value.to_string().into_bytes())
}

#[expect(clippy::disallowed_methods, reason = "the tests look at what was read")]
fn value(secret: Option<&Secret>) -> Option<String> {
    secret.map(|secret| String::from_utf8(secret.expose().to_vec()).unwrap())
}

/// The value of every report below.
fn planted() -> String {
    ["tok", "_8Jq2", "mVx7Rk0aPzT5wYb"].concat()
}

const COMMIT: &str = "2c15f62d7ae4bf4a1a0adb19cccedbf8ee0d1580";

fn gitleaks() -> Value {
    json!([{
        "RuleID": "acme-token", "Description": "An Acme token", "StartLine": 4, "EndLine": 4, "StartColumn": 16,
        "EndColumn": 55, "Match": format!("KEY={}", planted()), "Secret": planted(), "File": "src/pay.py",
        "SymlinkFile": "", "Commit": COMMIT, "Entropy": 4.4, "Author": "kim", "Email": "", "Date": "", "Message": "",
        "Tags": [], "Fingerprint": ""
    }])
}

fn betterleaks() -> Value {
    json!([{
        "ruleID": "acme-token", "description": "An Acme token", "confidence": "high",
        "match": format!("KEY={}", planted()), "secret": planted(),
        "attributes": { "path": "src/pay.py", "git.sha": COMMIT },
        "location": { "startLine": 4, "endLine": 4, "startColumn": 5, "endColumn": 25 },
        "validation": { "status": "VALID" }, "tags": []
    }])
}

fn trufflehog() -> Value {
    json!({
        "SourceMetadata": { "Data": { "Git": { "commit": COMMIT, "file": "src/pay.py", "email": "", "line": 4 } } },
        "SourceID": 1, "SourceType": 16, "SourceName": "trufflehog - git", "DetectorType": 17, "DetectorName": "Acme",
        "DecoderName": "PLAIN", "Verified": true, "Raw": planted(), "RawV2": format!("id:{}", planted()),
        "Redacted": "", "ExtraData": null, "StructuredData": null
    })
}

fn kingfisher_item() -> Value {
    json!({
        "rule": { "name": "acme token", "id": "kingfisher.acme.1", "description": "An Acme token" },
        "finding": {
            "snippet": planted(), "fingerprint": "1", "confidence": "high", "entropy": "4.4",
            "validation": { "status": "Active Credential", "response": "" }, "language": "Python", "line": 4,
            "column_start": 4, "column_end": 24, "path": "src/pay.py", "git_metadata": { "commit": { "id": COMMIT } }
        }
    })
}

fn ggshield() -> Value {
    json!({
        "id": "ci", "type": "commit-ranges", "total_incidents": 1, "total_occurrences": 1, "secrets_engine_version": "2",
        "scans": [{
            "id": COMMIT, "type": "commit", "total_incidents": 1, "total_occurrences": 2,
            "entities_with_incidents": [{
                "filename": "src/pay.py", "mode": "NEW", "total_incidents": 1, "total_occurrences": 2,
                "incidents": [{
                    "policy": "Secrets detection", "type": "Acme Token", "validity": "valid", "ignore_sha": "a",
                    "total_occurrences": 1, "incident_url": "", "known_secret": false,
                    "occurrences": [
                        { "match": "kim", "type": "username", "line_start": 3, "line_end": 3 },
                        { "match": planted(), "type": "apikey", "line_start": 4, "line_end": 4, "index_start": 4,
                          "index_end": 24 }
                    ]
                }]
            }]
        }]
    })
}

fn sarif() -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "acme-scan", "rules": [
                { "id": "acme-token", "shortDescription": { "text": "An Acme token" } }
            ] } },
            "invocations": [{ "executionSuccessful": false }],
            "results": [
                { "ruleId": "acme-token", "ruleIndex": 0, "message": { "text": "found" },
                  "partialFingerprints": { "commitSha": COMMIT },
                  "locations": [{ "physicalLocation": {
                      "artifactLocation": { "uri": "src/p%61y.py" },
                      "region": { "startLine": 4, "startColumn": 5, "endLine": 4, "endColumn": 25,
                                  "snippet": { "text": planted() } } } }] },
                { "ruleId": "acme-token", "kind": "pass" },
                { "ruleId": "acme-token", "suppressions": [{ "kind": "inSource" }] }
            ]
        }]
    })
}

#[test]
fn every_form_is_recognised_and_gives_the_same_lead() {
    let lines = |items: &[Value]| {
        let lines: Vec<_> = items.iter().map(ToString::to_string).collect();
        Secret::new(lines.join("\n").into_bytes())
    };
    let log = json!({ "level": "info-0", "ts": "2026-01-01T00:00:00Z", "msg": "running source" });
    let reports = [
        (Scanner::Gitleaks, sealed(&gitleaks())),
        (Scanner::Betterleaks, sealed(&betterleaks())),
        (Scanner::Betterleaks, lines(&[betterleaks()[0].clone()])),
        (Scanner::Trufflehog, lines(&[log, trufflehog()])),
        (Scanner::Trufflehog, sealed(&json!([trufflehog()]))),
        (Scanner::Kingfisher, sealed(&json!({ "findings": [kingfisher_item()], "metadata": {} }))),
        (Scanner::Kingfisher, lines(&[kingfisher_item()])),
        (Scanner::Ggshield, sealed(&ggshield())),
        (Scanner::Sarif, sealed(&sarif())),
    ];
    for (scanner, text) in reports {
        for from in [None, Some(scanner)] {
            let report = read(&text, from).unwrap_or_else(|error| panic!("{scanner}: {error}"));
            assert_eq!((report.scanner, report.leads.len()), (scanner, 1), "{scanner}");
            let lead = &report.leads[0];
            assert_eq!(value(lead.secret.as_ref()), Some(planted()), "{scanner}");
            assert_eq!(lead.path.as_deref(), Some("src/pay.py"), "{scanner}");
            assert_eq!(lead.commit.as_deref(), Some(COMMIT), "{scanner}");
            assert_eq!(lead.lines, Some((4, 4)), "{scanner}");
            assert!(!lead.rule.is_empty() && !lead.title.is_empty(), "{scanner}");
            let asks = matches!(scanner, Scanner::Gitleaks | Scanner::Sarif);
            assert_eq!(lead.live, (!asks).then_some(true), "{scanner}");
            assert_eq!(report.gaps.len(), usize::from(scanner == Scanner::Sarif), "{scanner}");
        }
    }
}

#[test]
fn a_masked_value_is_no_value() {
    let mut report = gitleaks();
    report[0]["Secret"] = json!("REDACTED");
    report[0]["Match"] = json!("KEY=REDACTED***");
    let read = read(&sealed(&report), None).unwrap();
    assert!(read.leads[0].secret.is_none() && read.leads[0].context.is_none());
    assert_eq!(read.leads[0].lines, Some((4, 4)));
}

#[test]
fn a_wrong_report_is_refused_without_a_word_of_it() {
    let planted = planted();
    let wrong = [
        (String::new(), None),
        ("not json".to_owned(), None),
        (format!("{{\"secret\": \"{planted}\"}}"), None),
        (format!("[\"{planted}\"]"), None),
        (format!("[{{\"RuleID\": \"r\", \"StartLine\": \"{planted}\"}}]"), None),
        (format!("[{{\"RuleID\": \"r\", \"StartLine\": 1, \"Secret\": \"{planted}"), Some(Scanner::Gitleaks)),
        (format!("{{\"runs\": \"{planted}\"}}"), None),
        (format!("{{\"runs\": [], \"version\": \"{planted}\"}}"), None),
        (format!("{{\"findings\": \"{planted}\"}}"), None),
        (json!({ "total_incidents": "x", "entities_with_incidents": planted }).to_string(), None),
        (json!({ "SourceMetadata": planted }).to_string(), None),
    ];
    for (text, from) in wrong {
        let error = read(&Secret::new(text.clone().into_bytes()), from).unwrap_err().to_string();
        let hidden = planted.as_bytes().windows(6).all(|part| !error.contains(std::str::from_utf8(part).unwrap()));
        assert!(hidden, "{error}");
    }
    assert_eq!(read(&Secret::new(b"[]".to_vec()), None).unwrap().leads.len(), 0);
}

#[test]
fn scans_within_scans_end_somewhere() {
    let mut scan = json!({ "id": "inner", "type": "commit", "total_incidents": 0 });
    for _ in 0..40 {
        scan = json!({ "id": "outer", "type": "commit", "total_incidents": 0, "scans": [scan] });
    }
    let report = read(&sealed(&scan), None).unwrap();
    assert_eq!(report.gaps.len(), 1);
}
