//! One line a finding: `path:line:column: severity kind fingerprint verdict masked`.

use super::{Report, Style, escaped, plain, shown_place};
use std::io::{self, Write};

pub(super) fn write(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for sighting in &report.outcome.sightings {
        writeln!(
            out,
            "{}:{}:{}: {} {} {} {} {}",
            shown_place(&sighting.place, style),
            sighting.at.line,
            sighting.at.column,
            sighting.severity,
            sighting.kind,
            sighting.fingerprint.short(),
            sighting.verdict.as_ref().map_or("not-asked", |verdict| verdict.word()),
            plain(sighting.shown.as_str(), style),
        )?;
    }
    let gaps = &report.outcome.coverage.gaps;
    for gap in &gaps.first {
        writeln!(out, "incomplete: {}", escaped(&gap.what, style))?;
    }
    if let Some(more) = gaps.count.checked_sub(gaps.first.len() as u64).filter(|more| *more > 0) {
        writeln!(out, "incomplete: {more} more")?;
    }
    Ok(())
}
