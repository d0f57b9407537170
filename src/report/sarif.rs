//! SARIF 2.1.0, as GitHub's code scanning and other readers take it. No snippet, no author, no secret.

use super::{Report, coverage as covered, hidden, line_marked, paths, remarked};
use crate::model::{Confidence, Place, Severity, Sighting, Verdict};
use crate::scan::Region;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Results that readers take; the worst come first.
const MOST_RESULTS: usize = 5_000;

/// What the world knows about credentials in the clear.
pub(super) const CWE_PAGE: &str = "https://cwe.mitre.org/data/definitions/798.html";

/// The top of the repository, as SARIF names it.
const TOP: &str = "%SRCROOT%";

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let shown = report.outcome.sightings.get(..MOST_RESULTS).unwrap_or(&report.outcome.sightings);
    let mut kinds: BTreeMap<&str, &Sighting> = BTreeMap::new();
    for sighting in shown {
        kinds.entry(sighting.kind.as_str()).or_insert(sighting);
    }
    let index: BTreeMap<&str, usize> = kinds.keys().enumerate().map(|(index, id)| (*id, index)).collect();
    let results: Vec<Value> = shown.iter().map(|sighting| result(report, sighting, &index)).collect();
    let rules: Vec<Value> = kinds.values().map(|sighting| rule(sighting)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "stanch",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "automationDetails": { "id": format!("stanch/{}/", report.scope.word()) },
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": { TOP: { "description": { "text": "The top of the repository." } } },
            "invocations": [invocation(report)],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn invocation(report: &Report<'_>) -> Value {
    let coverage = &report.outcome.coverage;
    let notice = |level: &str, text: String| json!({ "level": level, "message": { "text": text } });
    let mut notices: Vec<Value> = coverage
        .gaps
        .first
        .iter()
        .map(|gap| match &gap.remedy {
            Some(remedy) => notice("error", format!("{}: {remedy}", gap.what)),
            None => notice("error", gap.what.clone()),
        })
        .collect();
    for (reason, left_out) in &coverage.skipped {
        notices.push(notice("note", format!("skipped on purpose: {} {}", left_out.count, reason.words())));
    }
    notices.push(notice("note", covered::sentence(report)));
    if report.outcome.sightings.len() > MOST_RESULTS {
        let count = report.outcome.sightings.len();
        notices.push(notice("warning", format!("{count} findings: only the gravest {MOST_RESULTS} are listed")));
    }
    notices.extend(report.about.notices.iter().map(|text| notice("warning", text.clone())));
    json!({
        "executionSuccessful": report.is_whole(),
        "exitCode": report.exit_code,
        "toolExecutionNotifications": notices,
        "properties": { "coverage": covered::numbers(coverage) },
    })
}

fn rule(sighting: &Sighting) -> Value {
    let title = &sighting.title;
    let advice = if cfg!(feature = "rotate") {
        "Treat it as known to others: replace it with stanch rotate, which mints a new one, proves that every dependent \
         works on it, and then revokes this one. Removing the line does not end its validity."
    } else {
        "Treat it as known to others: mint a new one, move every dependent to it, then revoke this one at its provider. \
         Removing the line does not end its validity."
    };
    json!({
        "id": sighting.kind.as_str(),
        "name": name_of(sighting.kind.as_str()),
        "shortDescription": { "text": title },
        "fullDescription": { "text": format!("{title} in the clear.") },
        "helpUri": CWE_PAGE,
        "help": {
            "text": format!("{title} was found in the clear. {advice}"),
            "markdown": format!("**{title}** was found in the clear.\n\n{advice}"),
        },
        "defaultConfiguration": { "level": level(sighting.severity) },
        "properties": {
            "security-severity": grade(sighting.severity),
            "precision": precision(sighting.confidence),
            "tags": ["security", "secret", "external/cwe/cwe-798"],
        },
    })
}

fn result(report: &Report<'_>, sighting: &Sighting, index: &BTreeMap<&str, usize>) -> Value {
    let region = report.outcome.regions.get(&sighting.fingerprint);
    let mut prints = Map::new();
    prints.insert("stanch/v1".to_owned(), sighting.fingerprint.as_str().into());
    if let Some(hash) = region.and_then(|region| region.line_hash.as_deref()) {
        prints.insert("primaryLocationLineHash".to_owned(), hash.into());
    }
    let mut properties = Map::new();
    properties.insert("severity".to_owned(), sighting.severity.to_string().into());
    if let Some(commit) = sighting.place.commit() {
        properties.insert("commit".to_owned(), commit.into());
    }
    if let Some(verdict) = &sighting.verdict {
        properties.insert("verdict".to_owned(), verdict.word().into());
        if matches!(verdict, Verdict::Live(_) | Verdict::Restricted(..)) {
            properties.insert("security-severity".to_owned(), "9.5".into());
        }
    }
    if let Some(answer) = report.outcome.answers.get(&sighting.fingerprint) {
        properties.insert("answer".to_owned(), answer.as_str().into());
    }
    if !sighting.decoded.is_empty() {
        properties.insert("decoded".to_owned(), json!(sighting.decoded));
    }
    if !sighting.facts.is_empty() {
        properties.insert("facts".to_owned(), json!(sighting.facts));
    }
    if !sighting.remarks.is_empty() {
        properties.insert("remarks".to_owned(), json!(sighting.remarks));
    }
    if let Some(note) = report.note(&sighting.fingerprint) {
        properties.insert("note".to_owned(), note.into());
    }
    let also: Vec<Value> = (1..)
        .zip(report.elsewhere(&sighting.fingerprint))
        .map(|(id, (place, at)): (u64, _)| {
            let mut physical = physical(report, place);
            physical.insert("region".to_owned(), json!({ "startLine": line_marked(place, *at).line }));
            json!({ "id": id, "physicalLocation": physical })
        })
        .collect();
    let mut result = json!({
        "ruleId": sighting.kind.as_str(),
        "ruleIndex": index.get(sighting.kind.as_str()),
        "kind": "fail",
        "level": level(sighting.severity),
        "message": { "text": format!("{}: {}{}{}", sighting.title, sighting.shown, hidden(sighting), remarked(sighting)) },
        "locations": [location(report, &sighting.place, region)],
        "partialFingerprints": prints,
        "properties": properties,
    });
    if let Some(fields) = result.as_object_mut().filter(|_| !also.is_empty()) {
        fields.insert("relatedLocations".to_owned(), also.into());
    }
    result
}

fn location(report: &Report<'_>, place: &Place, region: Option<&Region>) -> Value {
    let mut physical = physical(report, place);
    if matches!(place, Place::Member { .. }) {
        physical.insert("region".to_owned(), json!({ "startLine": 1 }));
    } else if let Some(region) = region {
        let region = json!({
            "startLine": region.start_line,
            "startColumn": region.start_column,
            "endLine": region.end_line,
            "endColumn": region.end_column,
        });
        physical.insert("region".to_owned(), region);
    }
    json!({ "physicalLocation": physical })
}

fn physical(report: &Report<'_>, place: &Place) -> Map<String, Value> {
    Map::from_iter([("artifactLocation".to_owned(), artifact(report, place))])
}

/// Relative to the top of the repository where that is possible.
fn artifact(report: &Report<'_>, place: &Place) -> Value {
    let relative = |path: &str| json!({ "uri": encoded(path), "uriBaseId": TOP });
    match place {
        Place::Staged { path } | Place::Commit { path, .. } => relative(path),
        Place::Message { commit } if commit.is_empty() => json!({ "uri": "message" }),
        Place::Message { commit } => json!({ "uri": format!("commit/{commit}/message") }),
        Place::Stdin => json!({ "uri": "stdin" }),
        Place::Object { id } => json!({ "uri": format!("object/{id}") }),
        Place::Reference { name: path } | Place::Image { reference: path } => json!({ "uri": encoded(path) }),
        Place::Member { of, .. } => artifact(report, of),
        Place::File { path } => match paths::in_repository(report, place) {
            Some(below) => relative(&below),
            None => {
                let whole = paths::without_dots(&report.working_directory.join(path));
                json!({ "uri": format!("file://{}", encoded(&whole.to_string_lossy())) })
            }
        },
    }
}

fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `acme.api-token` as `AcmeApiToken`.
fn name_of(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for word in id.split(['.', '-', '_']) {
        let mut letters = word.chars();
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        out.extend(letters);
    }
    out
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn grade(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.1",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
    }
}

fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "very-high",
        Confidence::Medium => "high",
        Confidence::Low => "medium",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names_are_written_as_readers_expect() {
        assert_eq!(encoded("a b/ä:%.rs"), "a%20b/%C3%A4%3A%25.rs");
        assert_eq!(name_of("acme.api-token"), "AcmeApiToken");
    }
}
