//! TruffleHog's JSON: an object a finding.

use super::gitleaks::{lines, some};
use super::told::Told;
use super::{ImportError, Lead, Report, Scanner, items};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    /// Absent from the log lines that go to the same stream when both are kept.
    source_metadata: Option<Metadata>,
    #[serde(default)]
    detector_name: String,
    verified: Option<bool>,
    #[serde(default)]
    raw: Told,
    #[serde(rename = "RawV2", default)]
    raw_v2: Told,
    #[serde(default)]
    verification_error: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    /// What it is depends on the kind of source: `Git`, `Filesystem`, `Github`, `S3`, …
    #[serde(rename = "Data", default)]
    data: BTreeMap<String, Place>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    commit: Option<String>,
    #[serde(alias = "path", alias = "filename", alias = "key")]
    file: Option<String>,
    line: Option<u64>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ImportError> {
    let mut leads = Vec::new();
    for item in items::<Item>(bytes, Scanner::Trufflehog)? {
        let Some(metadata) = item.source_metadata else { continue };
        let place = metadata.data.into_values().next().unwrap_or_default();
        // Not verified may also mean that nobody answered.
        let live = item.verified.filter(|live| *live || item.verification_error.is_none());
        leads.push(Lead {
            rule: item.detector_name.clone(),
            title: format!("{} credential", item.detector_name),
            secret: item.raw.value(),
            context: item.raw_v2.value(),
            path: place.file.and_then(some),
            commit: place.commit.and_then(some),
            lines: place.line.and_then(|line| lines(line, line)),
            columns: None,
            live: live.filter(|live| *live),
        });
    }
    Ok(Report { scanner: Scanner::Trufflehog, tool: "TruffleHog".to_owned(), leads, gaps: Vec::new() })
}
