//! One JSON object: `{schema, tool, run, coverage, findings}`.

use super::{Report, Scope};
use crate::model::{LineColumn, Place, Sighting};
use crate::scan::{Amount, Excuse, Gap, Region, SkipReason};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// The version of this form; a change that breaks readers changes it.
const SCHEMA: &str = "stanch.report.v1";

#[derive(Serialize)]
struct Envelope<'a> {
    schema: &'static str,
    tool: Tool,
    run: Run<'a>,
    coverage: Covered<'a>,
    findings: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Run<'a> {
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<&'a str>,
    gate: crate::model::Severity,
    exit_code: u8,
    /// Why fingerprints hold for this run alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    passing_key: Option<&'a str>,
    excused: &'a BTreeMap<Excuse, u64>,
    /// What was chosen and why, in continuous integration.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notices: &'a [String],
}

#[derive(Serialize)]
struct Covered<'a> {
    complete: bool,
    /// The sum of the four parts below.
    in_scope: Amount,
    scanned: Amount,
    skipped: Vec<Skipped<'a>>,
    unread: Amount,
    undecodable: Amount,
    /// What was opened in archives and documents besides; not in scope by itself.
    members: Amount,
    gap_count: u64,
    gaps: &'a BTreeSet<Gap>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    reason: SkipReason,
    items: u64,
    bytes: u64,
    first: &'a BTreeSet<String>,
}

#[derive(Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    sighting: &'a Sighting,
    region: Option<&'a Region>,
    elsewhere: Vec<Spot<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    /// What the verdict rests on, or why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a String>,
}

#[derive(Serialize)]
struct Spot<'a> {
    place: &'a Place,
    at: &'a LineColumn,
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    let coverage = &outcome.coverage;
    let envelope = Envelope {
        schema: SCHEMA,
        tool: Tool { name: "stanch", version: env!("CARGO_PKG_VERSION") },
        run: Run {
            scope: report.scope.word(),
            range: if let Scope::Range(range) = &report.scope { Some(range) } else { None },
            gate: report.gate,
            exit_code: report.exit_code,
            passing_key: report.passing_key.as_deref(),
            excused: &outcome.excused,
            chosen: report.about.words.as_deref(),
            notices: &report.about.notices,
        },
        coverage: Covered {
            complete: coverage.is_complete(),
            in_scope: coverage.in_scope(),
            scanned: coverage.scanned,
            skipped: coverage
                .skipped
                .iter()
                .map(|(reason, left_out)| Skipped {
                    reason: *reason,
                    items: left_out.count,
                    bytes: left_out.bytes,
                    first: &left_out.first,
                })
                .collect(),
            unread: coverage.unread,
            undecodable: coverage.undecodable,
            members: coverage.members,
            gap_count: coverage.gaps.count,
            gaps: &coverage.gaps.first,
        },
        findings: outcome
            .sightings
            .iter()
            .map(|sighting| Found {
                sighting,
                region: outcome.regions.get(&sighting.fingerprint),
                elsewhere: report
                    .elsewhere(&sighting.fingerprint)
                    .iter()
                    .map(|(place, at)| Spot { place, at })
                    .collect(),
                note: report.note(&sighting.fingerprint),
                answer: outcome.answers.get(&sighting.fingerprint),
            })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &envelope)?;
    writeln!(out)
}
