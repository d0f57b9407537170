//! Commands by which GitHub Actions puts a mark beside a line. It shows ten errors and ten warnings of a step, so the
//! gravest ten are given and the summary has them all. A secret is never told to it, not even to have it masked.

use super::{PLAIN, Report, counted, coverage, hidden, line_marked, paths, remarked};
use crate::model::Sighting;
use std::io::{self, Write};

/// Marks of one level that are shown.
const MOST: usize = 10;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (grave, slight): (Vec<_>, Vec<_>) =
        report.outcome.sightings.iter().partition(|sighting| sighting.severity >= report.gate);
    let gaps = report.gaps(PLAIN);
    if let Some(first) = gaps.first() {
        let more = match gaps.len() - 1 {
            0 => String::new(),
            more => format!(" (and {})", counted(more as u64, "more gap")),
        };
        command(out, "error", &[("title", "the scan is incomplete")], &format!("{first}{more}"))?;
    }
    for sighting in grave.iter().take(MOST - usize::from(!gaps.is_empty())) {
        finding(report, "error", sighting, out)?;
    }
    let notices = report.about.notices.iter().take(MOST);
    if !report.outcome.coverage.is_whole() {
        command(out, "notice", &[("title", "what was scanned")], &coverage::sentence(report))?;
    }
    notices.clone().try_for_each(|notice| command(out, "warning", &[("title", "stanch")], notice))?;
    slight.iter().take(MOST - notices.len()).try_for_each(|sighting| finding(report, "warning", sighting, out))
}

fn finding(report: &Report<'_>, level: &str, sighting: &Sighting, out: &mut dyn Write) -> io::Result<()> {
    let path = paths::in_repository(report, &sighting.place);
    let verdict = report.said(sighting, "not asked if live");
    let mut message = format!(
        "{}: {}{} ({}; {verdict}){}. Removing the line does not end its validity: replace it.",
        sighting.title,
        sighting.shown,
        hidden(sighting),
        sighting.fingerprint.short(),
        remarked(sighting)
    );
    let at = line_marked(&sighting.place, sighting.at);
    let (line, column) = (at.line.to_string(), at.column.to_string());
    let mut properties = vec![("title", sighting.kind.as_str())];
    match &path {
        Some(path) => properties.extend([("file", path.as_str()), ("line", &line), ("col", &column)]),
        None => message = format!("{} ({}:{line}:{column})", message, sighting.place),
    }
    command(out, level, &properties, &message)
}

/// `::level key=value,…::message`.
fn command(out: &mut dyn Write, level: &str, properties: &[(&str, &str)], message: &str) -> io::Result<()> {
    let properties: Vec<_> = properties.iter().map(|(key, value)| format!("{key}={}", property(value))).collect();
    writeln!(out, "::{level} {}::{}", properties.join(","), data(message))
}

/// A message: the end of a line would end it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value: a colon or a comma would end it too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_ends_the_command() {
        let mut out = Vec::new();
        command(&mut out, "error", &[("file", "a,b:c%\r\n::x")], "50%\n::warning::y").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "::error file=a%2Cb%3Ac%25%0D%0A%3A%3Ax::50%25%0A::warning::y\n");
    }
}
