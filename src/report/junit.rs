//! JUnit's XML, which nearly every service shows: one test case a kind, whose failure is the lines of its findings. What
//! was not read is an error, and a clean run is one test that passed.

use super::{PLAIN, Report, counted, coverage, lines};
use crate::model::Sighting;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The suite, and the class of all its cases.
const SUITE: &str = "stanch";

/// What becomes of a test case.
enum Verdict {
    Passed,
    /// Passed, and has something to say.
    Noted(String),
    Failed {
        what: String,
        kind: String,
        text: String,
    },
    Erred {
        what: String,
        text: String,
    },
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let cases = cases(report);
    let count = |wanted: fn(&Verdict) -> bool| cases.iter().filter(|(_, verdict)| wanted(verdict)).count().to_string();
    let failures = count(|verdict| matches!(verdict, Verdict::Failed { .. }));
    let errors = count(|verdict| matches!(verdict, Verdict::Erred { .. }));
    // How long it took is not told: two runs on the same bytes give the same bytes.
    let (tests, time) = (cases.len().to_string(), "0");
    let totals = |element: &'static str| {
        BytesStart::new(element).with_attributes([
            ("name", SUITE),
            ("tests", tests.as_str()),
            ("failures", failures.as_str()),
            ("errors", errors.as_str()),
            ("skipped", "0"),
            ("time", time),
        ])
    };
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut outer = totals("testsuites");
    // The outer element has no count of what was skipped in the common schema.
    outer.clear_attributes();
    outer.extend_attributes([
        ("name", SUITE),
        ("tests", tests.as_str()),
        ("failures", failures.as_str()),
        ("errors", errors.as_str()),
        ("time", time),
    ]);
    xml.write_event(Event::Start(outer))?;
    xml.write_event(Event::Start(totals("testsuite")))?;
    let covered = coverage::sentence(report);
    let property = BytesStart::new("property").with_attributes([("name", "coverage"), ("value", covered.as_str())]);
    xml.write_event(Event::Start(BytesStart::new("properties")))?;
    xml.write_event(Event::Empty(property))?;
    xml.write_event(Event::End(BytesEnd::new("properties")))?;
    for (name, verdict) in &cases {
        case(&mut xml, name, verdict)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    out.write_all(&xml.into_inner())?;
    writeln!(out)
}

fn cases(report: &Report<'_>) -> Vec<(String, Verdict)> {
    let mut kinds: BTreeMap<&str, Vec<&Sighting>> = BTreeMap::new();
    for sighting in &report.outcome.sightings {
        kinds.entry(sighting.kind.as_str()).or_default().push(sighting);
    }
    let mut cases: Vec<(String, Verdict)> = Vec::new();
    for (kind, sightings) in kinds {
        let text = sightings.iter().map(|sighting| lines::line(report, sighting, PLAIN)).collect::<Vec<_>>().join("\n");
        let verdict = match sightings.iter().map(|sighting| sighting.severity).max() {
            Some(worst) if worst >= report.gate => {
                Verdict::Failed { what: counted(sightings.len() as u64, "leak"), kind: worst.to_string(), text }
            }
            _ => Verdict::Noted(text),
        };
        cases.push((kind.to_owned(), verdict));
    }
    if !report.is_whole() {
        let what = "the scan is incomplete".to_owned();
        cases.push(("coverage".to_owned(), Verdict::Erred { what, text: report.gaps(PLAIN).join("\n") }));
    }
    if !report.about.notices.is_empty() {
        cases.push(("notices".to_owned(), Verdict::Noted(report.about.notices.join("\n"))));
    }
    if !cases.iter().any(|(_, verdict)| matches!(verdict, Verdict::Failed { .. } | Verdict::Erred { .. })) {
        cases.insert(0, ("no leaks".to_owned(), Verdict::Passed));
    }
    cases
}

fn case(xml: &mut Writer<Vec<u8>>, name: &str, verdict: &Verdict) -> io::Result<()> {
    let start = BytesStart::new("testcase").with_attributes([("classname", SUITE), ("name", name), ("time", "0")]);
    if matches!(verdict, Verdict::Passed) {
        return xml.write_event(Event::Empty(start));
    }
    xml.write_event(Event::Start(start))?;
    let (element, text) = match verdict {
        Verdict::Passed => return Ok(()),
        Verdict::Noted(text) => (BytesStart::new("system-out"), text),
        Verdict::Failed { what, kind, text } => {
            let about = [("message", what.as_str()), ("type", kind.as_str())];
            (BytesStart::new("failure").with_attributes(about), text)
        }
        Verdict::Erred { what, text } => {
            (BytesStart::new("error").with_attributes([("message", what.as_str()), ("type", "incomplete")]), text)
        }
    };
    let end = element.to_end().into_owned();
    xml.write_event(Event::Start(element))?;
    xml.write_event(Event::Text(BytesText::new(&allowed(text))))?;
    xml.write_event(Event::End(end))?;
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}

/// Text with only those characters that XML has.
fn allowed(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' | '\t' => c,
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(plain).collect()
}
