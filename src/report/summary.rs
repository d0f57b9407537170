//! Markdown for the page of a run. Everything that others wrote is spelled in entities: no name in it is a link, a
//! picture, a mention or a tag.

use super::{PLAIN, Report, clothes, counted, coverage};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Findings that are listed: the page takes a megabyte.
const MOST: usize = 500;

/// Characters of a place that are shown.
const LONGEST_PLACE: usize = 300;

/// Gaps and notices that are listed.
const MOST_LINES: usize = 50;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    let leaks = outcome.sightings.len();
    let head = match (leaks, report.is_whole()) {
        (0, true) => "no leaks".to_owned(),
        (0, false) => "no leaks in what was read, but the scan is INCOMPLETE".to_owned(),
        (leaks, true) => counted(leaks as u64, "leak"),
        (leaks, false) => format!("{}, and the scan is INCOMPLETE", counted(leaks as u64, "leak")),
    };
    writeln!(out, "### stanch: {head} (exit {})\n", report.exit_code)?;
    if let Some(words) = &report.about.words {
        writeln!(out, "{}\n", spelled(words))?;
    }
    if leaks > 0 {
        writeln!(out, "| severity | kind | where | fingerprint | live |\n|---|---|---|---|---|")?;
        for sighting in outcome.sightings.iter().take(MOST) {
            writeln!(
                out,
                "| {} | {} | {}:{}:{} | {} | {} |",
                sighting.severity,
                spelled(sighting.kind.as_str()),
                spelled(&sighting.place.to_string().chars().take(LONGEST_PLACE).collect::<String>()),
                sighting.at.line,
                spelled(
                    &clothes(sighting).map_or_else(
                        || sighting.at.column.to_string(),
                        |how| format!("{} in {how}", sighting.at.column)
                    )
                ),
                spelled(&sighting.fingerprint.short()),
                spelled(&report.said(sighting, "not asked")),
            )?;
        }
        if leaks > MOST {
            writeln!(out, "\nand {}", counted((leaks - MOST) as u64, "more leak"))?;
        }
        writeln!(out, "\nRemoving a line does not end the validity of what stood in it: replace it.\n")?;
    }
    writeln!(out, "{}\n", spelled(&coverage::sentence(report)))?;
    list("Left out", &coverage::skipped(&outcome.coverage, PLAIN), out)?;
    list("Not read", &report.gaps(PLAIN), out)?;
    list("To know", &report.about.notices, out)
}

fn list(title: &str, lines: &[String], out: &mut dyn Write) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "**{title}**\n")?;
    lines.iter().take(MOST_LINES).try_for_each(|line| writeln!(out, "- {}", spelled(line)))?;
    if lines.len() > MOST_LINES {
        writeln!(out, "- and {} more", lines.len() - MOST_LINES)?;
    }
    writeln!(out)
}

/// Text in which nothing means anything to Markdown.
fn spelled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let plain = character.is_alphanumeric() || matches!(character, ' ' | '/' | '.' | '-' | ',' | ';' | '(' | ')');
        if character.is_control() {
            out.push('\u{fffd}');
        } else if plain {
            out.push(character);
        } else {
            // Writing to a string does not fail.
            let _written = write!(out, "&#{};", u32::from(character)).is_ok();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_nothing() {
        assert_eq!(spelled("a/b-c.rs"), "a/b-c.rs");
        let hostile = spelled("![x](http://e/)|<b>@me #1 `c`\n\u{1b}[");
        assert!(!hostile.chars().any(|c| "![]|<>@`:\n\u{1b}".contains(c)), "{hostile}");
    }
}
