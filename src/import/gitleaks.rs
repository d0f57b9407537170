//! Gitleaks' JSON, which Betterleaks writes with `--legacy`, and Betterleaks' own.

use super::told::Told;
use super::{ImportError, Lead, Report, Scanner, items};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    #[serde(rename = "RuleID")]
    rule: String,
    #[serde(default)]
    description: String,
    start_line: u64,
    #[serde(default)]
    end_line: u64,
    #[serde(default)]
    start_column: u64,
    #[serde(default)]
    end_column: u64,
    #[serde(rename = "Match", default)]
    matched: Told,
    #[serde(default)]
    secret: Told,
    #[serde(default)]
    file: String,
    #[serde(default)]
    commit: String,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ImportError> {
    let leads = items::<Item>(bytes, Scanner::Gitleaks)?.into_iter().map(|item| Lead {
        title: titled(&item.rule, item.description),
        rule: item.rule,
        secret: item.secret.value(),
        context: item.matched.value(),
        path: some(item.file),
        commit: some(item.commit),
        lines: lines(item.start_line, item.end_line),
        columns: lines(item.start_column, item.end_column),
        live: None,
    });
    Ok(Report { scanner: Scanner::Gitleaks, tool: "Gitleaks".to_owned(), leads: leads.collect(), gaps: Vec::new() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Better {
    #[serde(rename = "ruleID")]
    rule: String,
    #[serde(default)]
    description: String,
    #[serde(rename = "match", default)]
    matched: Told,
    #[serde(default)]
    secret: Told,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    location: Location,
    #[serde(default)]
    validation: Validation,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Location {
    start_line: u64,
    end_line: u64,
    start_column: u64,
    end_column: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Validation {
    status: String,
}

pub(super) fn read_better(bytes: &[u8]) -> Result<Report, ImportError> {
    let leads = items::<Better>(bytes, Scanner::Betterleaks)?.into_iter().map(|mut item| Lead {
        title: titled(&item.rule, item.description),
        rule: item.rule,
        secret: item.secret.value(),
        context: item.matched.value(),
        path: item.attributes.remove("path").and_then(some),
        commit: item.attributes.remove("git.sha").and_then(some),
        lines: lines(item.location.start_line, item.location.end_line),
        columns: lines(item.location.start_column, item.location.end_column),
        live: match item.validation.status.to_ascii_lowercase().as_str() {
            "valid" => Some(true),
            "invalid" | "revoked" => Some(false),
            _ => None,
        },
    });
    let tool = "Betterleaks".to_owned();
    Ok(Report { scanner: Scanner::Betterleaks, tool, leads: leads.collect(), gaps: Vec::new() })
}

/// Text, if there is any.
pub(super) fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// What a rule is called, or its name where the report does not say.
pub(super) fn titled(rule: &str, title: String) -> String {
    some(title).unwrap_or_else(|| rule.to_owned())
}

/// A first and a last one; 0 stands for unknown.
pub(super) fn lines(first: u64, last: u64) -> Option<(u64, u64)> {
    (first > 0).then_some((first, last.max(first)))
}
