//! Code Insights of Bitbucket: a report, and marks beside lines, as two bodies that a job sends through the proxy of its
//! own pipeline.

use super::{PLAIN, Report, counted, coverage, hidden, line_marked, paths, remarked};
use crate::model::Severity;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Characters that a summary or a title takes.
const LONGEST: usize = 450;

/// Marks that one request takes.
const MOST: usize = 100;

pub(super) fn write_report(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let leaks = report.outcome.sightings.len() as u64;
    let mut details = vec![if report.is_whole() {
        counted(leaks, "leak")
    } else {
        format!("{}, and the scan is INCOMPLETE", counted(leaks, "leak"))
    }];
    details.extend(report.about.words.clone());
    details.push(coverage::sentence(report));
    details.extend(report.gaps(PLAIN));
    details.extend(report.about.notices.iter().cloned());
    let body = json!({
        "title": "stanch",
        "report_type": "SECURITY",
        "reporter": "stanch",
        "details": shortened(&details.join("\n"), 2_000),
        "result": if report.exit_code == 0 { "PASSED" } else { "FAILED" },
        "data": [
            { "title": "Leaks", "type": "NUMBER", "value": leaks },
            { "title": "In scope", "type": "NUMBER", "value": report.outcome.coverage.in_scope().items },
            { "title": "Scanned", "type": "NUMBER", "value": report.outcome.coverage.scanned.items },
            { "title": "Left out", "type": "NUMBER", "value": report.outcome.coverage.skipped().items },
            { "title": "Not read", "type": "NUMBER", "value": report.outcome.coverage.gaps.count },
        ],
    });
    serde_json::to_writer_pretty(&mut *out, &body)?;
    writeln!(out)
}

pub(super) fn write_annotations(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let marks: Vec<Value> = (report.outcome.sightings.iter())
        .filter_map(|sighting| Some((sighting, paths::in_repository(report, &sighting.place)?)))
        .take(MOST)
        .map(|(sighting, path)| {
            let said = report.said(sighting, "");
            let said = if said.is_empty() { said } else { format!(" ({said})") };
            json!({
                "external_id": format!("{}-{}", sighting.fingerprint.as_str().replace(':', "-"), sighting.at.line),
                "annotation_type": "VULNERABILITY",
                "path": path,
                "line": line_marked(&sighting.place, sighting.at).line,
                "summary": shortened(&format!("{}: {}{}{}{said}", sighting.title, sighting.shown, hidden(sighting), remarked(sighting)), LONGEST),
                "severity": severity(sighting.severity),
                "result": if sighting.severity >= report.gate { "FAILED" } else { "PASSED" },
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &marks)?;
    writeln!(out)
}

fn shortened(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
    }
}
