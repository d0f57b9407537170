//! The report for people.

use super::{INCOMPLETE, Report, Scope, Style, clothes, counted, coverage, escaped, facts, plain, shown_place};
use crate::model::{Severity, Sighting};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Columns of the page.
const WIDTH: usize = 88;

/// Other spots of one secret that are shown.
const SPOTS: usize = 5;

/// Gaps that are shown.
const GAPS: usize = 50;

pub(super) fn write(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    headline(report, style, out)?;
    for sighting in &report.outcome.sightings {
        finding(report, sighting, style, out)?;
    }
    footer(report, style, out)
}

fn headline(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let coverage = &report.outcome.coverage;
    let found = report.outcome.sightings.len() as u64;
    let doubtful = report.outcome.sightings.iter().filter(|sighting| sighting.doubtful).count() as u64;
    let leaks = found - doubtful;
    let doubted = if doubtful > 0 { format!(", {doubtful} doubtful") } else { String::new() };
    let is_whole = coverage.is_complete() && report.exit_code != INCOMPLETE;
    let what = match leaks {
        0 if found == 0 && is_whole && report.exit_code == 0 => "no leaks".to_owned(),
        0 if found == 0 || !is_whole => {
            format!("no leaks{doubted} in what was read, but the scan is INCOMPLETE (exit {})", report.exit_code)
        }
        _ => {
            let places: BTreeSet<_> = report.outcome.sightings.iter().map(|sighting| &sighting.place).collect();
            let act = if report.scope == Scope::Push { "push" } else { "commit" };
            let stopped = match (report.stops_commit, report.exit_code) {
                (true, 0) => format!(", none that stops the {act}"),
                (true, _) => format!(", {act} stopped"),
                (false, _) => String::new(),
            };
            let place = place_word(&report.scope, places.len() as u64);
            let verdicts = report.verdicts().map(|verdicts| format!(" ({verdicts})")).unwrap_or_default();
            let leaks = if leaks > 0 { counted(leaks, "leak") } else { "no leaks".to_owned() };
            format!("{leaks}{doubted} in {place}{verdicts}{stopped}")
        }
    };
    let left = format!("stanch: {what}");
    let items = counted(coverage.scanned.items, report.scope.item());
    let missed = match coverage.unread.items + coverage.undecodable.items {
        0 => String::new(),
        missed => format!(", {missed} not read"),
    };
    let size = coverage::size(coverage.scanned.bytes);
    let right = format!("{items}, {size}, {} skipped{missed}", coverage.skipped().items);
    let painted = if found > 0 { paint(style, "1", &left) } else { left.clone() };
    // A long headline leaves no room for the figures beside it.
    match WIDTH.checked_sub(left.chars().count() + right.len()).filter(|room| *room >= 2) {
        Some(room) => writeln!(out, "{painted}{}{right}", " ".repeat(room)),
        None => writeln!(out, "{painted}\n{right:>WIDTH$}"),
    }
}

fn place_word(scope: &Scope, count: u64) -> String {
    match scope {
        Scope::Files => counted(count, "file"),
        Scope::Stdin => "standard input".to_owned(),
        Scope::Staged => counted(count, "staged file"),
        Scope::Message => "the message".to_owned(),
        Scope::Push => format!("{} of the push", counted(count, "place")),
        Scope::Range(_) | Scope::History => format!("{} of the history", counted(count, "place")),
        Scope::Imported(tool) => format!("{} of the {tool} report", counted(count, "place")),
    }
}

fn finding(report: &Report<'_>, sighting: &Sighting, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let severity = sighting.severity.to_string().to_uppercase();
    let place = format!("{}:{}:{}", shown_place(&sighting.place, style), sighting.at.line, sighting.at.column);
    let left = format!("  {severity}  {}", sighting.kind);
    let room = WIDTH.saturating_sub(left.chars().count() + place.chars().count()).max(2);
    let painted = paint(style, severity_colour(sighting.severity), &severity);
    writeln!(out, "\n  {painted}  {}{}{place}", sighting.kind, " ".repeat(room))?;

    let excerpt = plain(sighting.excerpt.as_str(), style);
    let shown = plain(sighting.shown.as_str(), style);
    let number = sighting.at.line.to_string();
    let margin = number.len().max(5);
    let bar = paint(style, "2", "|");
    writeln!(out, "{number:>margin$} {bar} {excerpt}")?;
    let before = excerpt.find(&shown).and_then(|at| excerpt.get(..at)).map_or(0, |text| text.chars().count());
    let caret = paint(style, severity_colour(sighting.severity), &"^".repeat(shown.chars().count().max(1)));
    let verdict = plain(&report.said(sighting, "not asked if live"), style);
    let hidden = clothes(sighting).map(|how| format!(" in {how}")).unwrap_or_default();
    writeln!(
        out,
        "{:>margin$} {bar} {}{caret} {}{hidden}; {verdict}",
        "",
        " ".repeat(before),
        counted(sighting.length as u64, "character")
    )?;
    let elsewhere = report.elsewhere(&sighting.fingerprint);
    for (place, at) in elsewhere.iter().take(SPOTS) {
        writeln!(out, "    also at {}:{}:{}", shown_place(place, style), at.line, at.column)?;
    }
    if let Some(more) = elsewhere.len().checked_sub(SPOTS).filter(|more| *more > 0) {
        writeln!(out, "    and at {} (--format json lists them)", counted(more as u64, "more spot"))?;
    }
    if let Some(facts) = facts(sighting) {
        writeln!(out, "    {}", escaped(&facts, style))?;
    }
    for remark in sighting.remarks.iter().map(String::as_str).chain(report.note(&sighting.fingerprint)) {
        writeln!(out, "    {}", escaped(remark, style))?;
    }
    advice(report, sighting, style, out)
}

fn advice(report: &Report<'_>, sighting: &Sighting, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let print = sighting.fingerprint.short();
    writeln!(out, "    {}", paint(style, "36", &print))?;
    if cfg!(feature = "rotate") {
        writeln!(out, "    already used?  stanch rotate {print}      replace it everywhere, then kill it")?;
    }
    let dots = if style.unicode { "\u{2026}" } else { "..." };
    let until = &report.suggested_until;
    writeln!(out, "    not a secret?  stanch ignore {print} --reason \"{dots}\" --until {until}")
}

fn footer(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let coverage = &report.outcome.coverage;
    let mut lines: Vec<String> = Vec::new();
    let below = report.outcome.sightings.iter().filter(|sighting| sighting.severity < report.gate).count() as u64;
    if below > 0 {
        lines.push(format!("{} below the gate ({})", counted(below, "finding"), report.gate));
    }
    if !report.outcome.excused.is_empty() {
        let parts: Vec<_> =
            report.outcome.excused.iter().map(|(excuse, count)| format!("{count} {}", excuse.words())).collect();
        lines.push(format!("excused: {}", parts.join(", ")));
    }
    if coverage.in_scope() != coverage.scanned || coverage.members.items > 0 {
        lines.push(coverage::sentence(report));
    }
    lines.extend(coverage::skipped(coverage, style));
    if let Some(why) = &report.passing_key {
        lines.push(format!("fingerprints hold for this run only: {}", escaped(why, style)));
    }
    let gaps = &coverage.gaps;
    if gaps.count > 0 && !report.outcome.sightings.is_empty() {
        lines.push("the scan is also INCOMPLETE:".to_owned());
    }
    for gap in gaps.first.iter().take(GAPS) {
        let remedy = gap.remedy.as_ref().map(|remedy| format!(": {remedy}")).unwrap_or_default();
        lines.push(format!("{}{remedy}", escaped(&gap.what, style)));
    }
    if let Some(more) = gaps.count.checked_sub(GAPS as u64).filter(|more| *more > 0) {
        lines.push(format!("and {} (--format json lists them)", counted(more, "more gap")));
    }
    lines.extend(report.about.notices.iter().map(|notice| format!("notice: {}", escaped(notice, style))));
    if !lines.is_empty() {
        writeln!(out)?;
    }
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn severity_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "1;31",
        Severity::High => "31",
        Severity::Medium => "33",
        Severity::Low => "34",
    }
}

fn paint(style: Style, code: &str, text: &str) -> String {
    if style.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
