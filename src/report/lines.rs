//! One line a finding: `path:line:column: severity kind fingerprint verdict masked`, how it was encoded if it was, and in brackets
//! what its provider said if it was to be asked. Where everything was read, nothing
//! is said of it; else the last line says what there was and what became of it.

use super::{Report, Style, clothes, coverage, escaped, plain, shown_place};
use crate::model::Sighting;
use std::io::{self, Write};

pub(super) fn write(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for sighting in &report.outcome.sightings {
        writeln!(out, "{}", line(report, sighting, style))?;
    }
    report.gaps(style).iter().try_for_each(|gap| writeln!(out, "incomplete: {gap}"))?;
    report.about.notices.iter().try_for_each(|notice| writeln!(out, "notice: {}", escaped(notice, style)))?;
    if report.outcome.coverage.is_whole() { Ok(()) } else { writeln!(out, "{}", coverage::sentence(report)) }
}

/// The line of one finding.
pub(super) fn line(report: &Report<'_>, sighting: &Sighting, style: Style) -> String {
    let answer = report.outcome.answers.get(&sighting.fingerprint);
    let answer = answer.map(|words| format!(" ({})", plain(words, style))).unwrap_or_default();
    let hidden = clothes(sighting).map(|how| format!(" in {how}")).unwrap_or_default();
    format!(
        "{}:{}:{}: {} {} {} {} {}{hidden}{answer}",
        shown_place(&sighting.place, style),
        sighting.at.line,
        sighting.at.column,
        sighting.severity,
        sighting.kind,
        sighting.fingerprint.short(),
        sighting.verdict.as_ref().map_or("not-asked", |verdict| verdict.word()),
        plain(sighting.shown.as_str(), style),
    )
}
