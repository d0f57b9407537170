//! ggshield's JSON. Values are masked in it unless it was run with `--show-secrets`.

use super::gitleaks::{lines, some};
use super::told::Told;
use super::{ImportError, Lead, Report, Scanner, document};
use serde::Deserialize;

/// Scans within scans deeper than this are none that it writes.
const DEEPEST: usize = 8;

#[derive(Deserialize)]
struct Scan {
    /// In every scan, and so a mark that this is one.
    #[serde(rename = "total_incidents")]
    _total: u64,
    id: Option<String>,
    #[serde(rename = "type")]
    sort: Option<String>,
    #[serde(default)]
    entities_with_incidents: Vec<Entity>,
    #[serde(default)]
    scans: Vec<Self>,
    #[serde(default)]
    errors: Vec<Trouble>,
}

#[derive(Deserialize)]
struct Trouble {
    #[serde(default)]
    files: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    filename: String,
}

#[derive(Deserialize)]
struct Entity {
    filename: String,
    #[serde(default)]
    incidents: Vec<Incident>,
}

#[derive(Deserialize)]
struct Incident {
    #[serde(rename = "type", alias = "break_type", default)]
    sort: String,
    validity: Option<String>,
    #[serde(default)]
    occurrences: Vec<Occurrence>,
}

#[derive(Deserialize)]
struct Occurrence {
    #[serde(rename = "match", default)]
    matched: Told,
    #[serde(rename = "type", alias = "match_type", default)]
    part: String,
    #[serde(default)]
    line_start: u64,
    #[serde(default)]
    line_end: u64,
    #[serde(default)]
    index_start: u64,
    #[serde(default)]
    index_end: u64,
}

/// Parts of an incident that are no secret by themselves.
const PLAIN_PARTS: [&str; 8] =
    ["username", "host", "port", "database", "scheme", "client_id", "url", "connection_uri_scheme"];

pub(super) fn read(bytes: &[u8]) -> Result<Report, ImportError> {
    let scan: Scan = document(bytes, Scanner::Ggshield)?;
    let mut report =
        Report { scanner: Scanner::Ggshield, tool: "ggshield".to_owned(), leads: Vec::new(), gaps: Vec::new() };
    gather(scan, None, DEEPEST, &mut report);
    Ok(report)
}

fn gather(scan: Scan, above: Option<&str>, depth: usize, report: &mut Report) {
    let is_commit = scan.id.as_deref().filter(|id| id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let commit = is_commit.or(above).filter(|_| scan.sort.as_deref() != Some("path_scan")).map(ToOwned::to_owned);
    for trouble in scan.errors {
        report.gaps.extend(trouble.files.into_iter().map(|file| file.filename));
    }
    for entity in scan.entities_with_incidents {
        for incident in entity.incidents {
            let parts = incident.occurrences.into_iter().filter(|part| !PLAIN_PARTS.contains(&part.part.as_str()));
            report.leads.extend(parts.map(|part| Lead {
                rule: incident.sort.clone(),
                title: incident.sort.clone(),
                secret: part.matched.value(),
                context: None,
                path: some(entity.filename.clone()),
                commit: commit.clone(),
                lines: lines(part.line_start, part.line_end),
                columns: lines(part.index_start.saturating_add(1), part.index_end.saturating_add(1)),
                live: match incident.validity.as_deref() {
                    Some("valid") => Some(true),
                    Some("invalid") => Some(false),
                    _ => None,
                },
            }));
        }
    }
    for inner in scan.scans {
        match depth.checked_sub(1) {
            Some(depth) => gather(inner, commit.as_deref(), depth, report),
            None => report.gaps.push("scans within scans, too deep to be read".to_owned()),
        }
    }
}
