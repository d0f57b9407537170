//! GitLab's secret-detection report, as `artifacts: reports: secret_detection` takes it. The field for the source line is
//! documented as unsanitised, and is left out.

use super::sarif::CWE_PAGE;
use super::{PLAIN, Report, coverage, hidden, line_marked, paths, remarked};
use crate::model::{Severity, Sighting, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};

/// The version of the schema; GitLab takes a report only with one that it knows.
const SCHEMA: &str = "15.0.7";

/// What stands for a commit where there is none.
const NO_COMMIT: &str = "0000000";

/// The longest name that the schema takes.
const LONGEST_NAME: usize = 255;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let tool = json!({
        "id": "stanch",
        "name": "stanch",
        "version": env!("CARGO_PKG_VERSION"),
        "vendor": { "name": "stanch" },
    });
    let message = |level: &str, value: &str| json!({ "level": level, "value": value });
    let gaps = report.gaps(PLAIN);
    let mut messages: Vec<Value> = gaps.iter().map(|gap| message("fatal", gap)).collect();
    messages.extend(report.about.notices.iter().map(|notice| message("warn", notice)));
    messages.extend(report.about.words.iter().map(|words| message("info", words)));
    messages.push(message("info", &coverage::sentence(report)));
    let left_out = coverage::skipped(&report.outcome.coverage, PLAIN);
    messages.extend(left_out.iter().map(|line| message("info", line)));
    let leaks: Vec<Value> = report.outcome.sightings.iter().map(|sighting| vulnerability(report, sighting)).collect();
    let document = json!({
        "version": SCHEMA,
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": "secret_detection",
            "start_time": moment(report.began),
            "end_time": moment(report.ended),
            "status": if report.is_whole() { "success" } else { "failure" },
            "messages": messages,
        },
        "vulnerabilities": leaks,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn vulnerability(report: &Report<'_>, sighting: &Sighting) -> Value {
    let kind = sighting.kind.as_str();
    let path = paths::in_repository(report, &sighting.place).unwrap_or_else(|| sighting.place.path().to_owned());
    let line = line_marked(&sighting.place, sighting.at).line;
    // What lies in a member has no line in the file.
    let region = report.outcome.regions.get(&sighting.fingerprint).filter(|_| line == sighting.at.line);
    let end_line = region.map_or(line, |region| region.end_line);
    let commit = sighting.place.commit().or(report.about.commit.as_deref()).unwrap_or(NO_COMMIT);
    let said = report.said(sighting, "");
    let said = if said.is_empty() { said } else { format!("; {said}") };
    let mut item = json!({
        "id": id(sighting, &path),
        "name": shortened(&sighting.title),
        "description": format!("{} was found in the clear: {}{} ({}){}{said}", sighting.title, sighting.shown, hidden(sighting), sighting.fingerprint.short(), remarked(sighting)),
        "severity": severity(sighting.severity),
        "solution": "Mint a new one, move every dependent to it, then revoke this one. Removing the line does not end its validity.",
        "identifiers": [
            { "type": "stanch_kind", "name": shortened(&format!("stanch {kind}")), "value": kind },
            { "type": "cwe", "name": "CWE-798", "value": "798", "url": CWE_PAGE },
        ],
        "location": {
            "file": path,
            "commit": { "sha": commit },
            "start_line": line,
            "end_line": end_line,
        },
    });
    // The hash of the line is the same wherever the line moves to.
    let hash = region.and_then(|region| region.line_hash.as_deref());
    if let (Some(fields), Some(hash)) = (item.as_object_mut(), hash) {
        fields.insert("tracking".to_owned(), tracking(&path, line, end_line, hash));
    }
    item
}

fn tracking(path: &str, start: u64, end: u64, hash: &str) -> Value {
    json!({
        "type": "source",
        "items": [{
            "file": path,
            "start_line": start,
            "end_line": end,
            "signatures": [Value::Object(Map::from_iter([
                ("algorithm".to_owned(), "hash".into()),
                ("value".to_owned(), hash.into()),
            ]))],
        }],
    })
}

/// In the form of a UUID, and the same for the same secret in the same file.
fn id(sighting: &Sighting, path: &str) -> String {
    let parts = [sighting.fingerprint.as_str(), sighting.kind.as_str(), path];
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    let hex = data_encoding::HEXLOWER.encode(&digest);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// In UTC, without a zone and without fractions.
fn moment(at: Timestamp) -> String {
    at.to_string().chars().take_while(|c| !matches!(c, '.' | 'Z')).collect()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
    }
}
