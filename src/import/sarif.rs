//! SARIF 2.1.0 of any scanner. A snippet may hold the value; where it does not, the value is read from the place.

use super::gitleaks::{lines, some, titled};
use super::told::Told;
use super::{ImportError, Lead, Report, Scanner, document};
use crate::model::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A shorter snippet is a word of the line, not a value, in bytes.
const SHORTEST: usize = 12;

#[derive(Deserialize)]
struct Document {
    version: Option<String>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    #[serde(default)]
    results: Option<Vec<Outcome>>,
    #[serde(default)]
    invocations: Vec<Invocation>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
struct Driver {
    name: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: Option<String>,
    short_description: Option<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: Option<String>,
    rule_index: Option<usize>,
    #[serde(default)]
    locations: Vec<Location>,
    #[serde(default)]
    partial_fingerprints: BTreeMap<String, Told>,
    kind: Option<String>,
    #[serde(default)]
    suppressions: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Option<Physical>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Option<Artifact>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct Artifact {
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    #[serde(default)]
    start_line: u64,
    #[serde(default)]
    end_line: u64,
    #[serde(default)]
    start_column: u64,
    #[serde(default)]
    end_column: u64,
    snippet: Option<Snippet>,
}

#[derive(Deserialize)]
struct Snippet {
    #[serde(default)]
    text: Told,
}

#[derive(Deserialize)]
struct Message {
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ImportError> {
    let sarif: Document = document(bytes, Scanner::Sarif)?;
    if let Some(found) = sarif.version.filter(|version| version != "2.1.0") {
        let found = found.chars().filter(|c| c.is_ascii_digit() || *c == '.').take(12).collect();
        return Err(ImportError::Version { found });
    }
    let mut report = Report { scanner: Scanner::Sarif, tool: "SARIF".to_owned(), leads: Vec::new(), gaps: Vec::new() };
    let mut tools = Vec::new();
    for run in sarif.runs {
        if run.invocations.iter().any(|one| one.execution_successful == Some(false)) {
            report.gaps.push(format!("{} says that its run was not complete", run.tool.driver.name));
        }
        for result in run.results.into_iter().flatten() {
            if !matches!(result.kind.as_deref(), Some("pass" | "notApplicable")) && result.suppressions.is_empty() {
                report.leads.push(lead(result, &run.tool.driver.rules));
            }
        }
        tools.push(run.tool.driver.name);
    }
    if let Some(name) = tools.into_iter().next() {
        report.tool = name;
    }
    Ok(report)
}

fn lead(result: Outcome, rules: &[Rule]) -> Lead {
    let by_index = result.rule_index.and_then(|index| rules.get(index));
    let id = result.rule_id.clone().or_else(|| by_index.map(|rule| rule.id.clone())).unwrap_or_default();
    let rule = by_index.or_else(|| rules.iter().find(|rule| rule.id == id));
    let title = rule.and_then(|rule| {
        rule.short_description.as_ref().and_then(|text| text.text.clone()).or_else(|| rule.name.clone())
    });
    let physical = result.locations.into_iter().find_map(|location| location.physical_location);
    let (artifact, region) = physical.map_or((None, None), |place| (place.artifact_location, place.region));
    let mut lead = Lead {
        title: titled(&id, title.unwrap_or_default()),
        rule: id,
        path: artifact.and_then(|artifact| artifact.uri).and_then(|uri| some(path_of(&uri))),
        commit: commit_of(result.partial_fingerprints),
        ..Lead::default()
    };
    if let Some(region) = region {
        lead.lines = lines(region.start_line, region.end_line);
        lead.columns = lines(region.start_column, region.end_column);
        // Some write the value there, others the line around it.
        let snippet = region.snippet.and_then(|snippet| snippet.text.value());
        if snippet.as_ref().is_some_and(is_one_word) {
            lead.secret = snippet;
        } else {
            lead.context = snippet;
        }
    }
    lead
}

/// A text without blanks or quotes, as tokens are.
fn is_one_word(text: &Secret) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a value is told from the line around it")]
    let bytes = text.expose();
    bytes.len() >= SHORTEST && bytes.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`'))
}

/// A relative reference, percent-decoded; of an absolute one the path.
fn path_of(uri: &str) -> String {
    let path = uri.strip_prefix("file://").unwrap_or(uri);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let decoded = match (byte, after) {
            (b'%', [high, low, tail @ ..]) => data_encoding::HEXUPPER_PERMISSIVE
                .decode(&[*high, *low])
                .ok()
                .and_then(|decoded| decoded.first().copied())
                .map(|decoded| (decoded, tail)),
            _ => None,
        };
        let (byte, after) = decoded.unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Gitleaks puts the commit among the fingerprints; there is no standard place for it in a result.
fn commit_of(mut prints: BTreeMap<String, Told>) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "only the hexadecimal name of a commit passes")]
    let text = prints.remove("commitSha")?.value().map(|told| told.expose().to_vec())?;
    String::from_utf8(text).ok().filter(|id| id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
