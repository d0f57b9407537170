//! Kingfisher's JSON, and its JSON lines.

use super::gitleaks::{lines, some, titled};
use super::told::Told;
use super::{ImportError, Lead, Report, Scanner, items};
use serde::Deserialize;

/// The whole report, or one finding of it in a line of its own.
#[derive(Deserialize)]
struct Document {
    findings: Option<Vec<Item>>,
    rule: Option<Rule>,
    finding: Option<Finding>,
}

#[derive(Deserialize)]
struct Item {
    rule: Rule,
    finding: Finding,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Finding {
    #[serde(default)]
    snippet: Told,
    #[serde(default)]
    path: String,
    #[serde(default)]
    line: u64,
    #[serde(default)]
    column_start: u64,
    #[serde(default)]
    column_end: u64,
    #[serde(default)]
    validation: Validation,
    git_metadata: Option<Git>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Validation {
    status: String,
}

#[derive(Deserialize)]
struct Git {
    commit: Option<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    id: Option<String>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ImportError> {
    let mut leads = Vec::new();
    let documents = items::<Document>(bytes, Scanner::Kingfisher)?;
    let lines = documents.len() > 1;
    for document in documents {
        match (document.findings, document.rule, document.finding) {
            (Some(findings), ..) => leads.extend(findings.into_iter().map(|item| lead(item.rule, item.finding))),
            (None, Some(rule), Some(finding)) => leads.push(lead(rule, finding)),
            // The last lines tell of the run.
            _ if lines => {}
            _ => {
                let (line, column, what) = (1, 1, "it holds neither findings nor a finding");
                return Err(ImportError::Malformed { scanner: Scanner::Kingfisher, line, column, what });
            }
        }
    }
    Ok(Report { scanner: Scanner::Kingfisher, tool: "Kingfisher".to_owned(), leads, gaps: Vec::new() })
}

fn lead(rule: Rule, finding: Finding) -> Lead {
    let commit = finding.git_metadata.and_then(|git| git.commit).and_then(|commit| commit.id);
    Lead {
        title: titled(&rule.id, some(rule.description).unwrap_or(rule.name)),
        rule: rule.id,
        secret: finding.snippet.value(),
        context: None,
        path: some(finding.path),
        commit: commit.and_then(some),
        lines: lines(finding.line, finding.line),
        columns: lines(finding.column_start.saturating_add(1), finding.column_end.saturating_add(1)),
        live: match finding.validation.status.as_str() {
            "Active Credential" => Some(true),
            "Inactive Credential" => Some(false),
            _ => None,
        },
    }
}
