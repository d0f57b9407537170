//! `stanch import`: another scanner's findings in our words, so that they can be ignored, judged and rotated like ours.

use super::args::{Common, ImportArguments};
use super::exit::Code;
use super::failure::Failure;
use super::output::{Outputs, style_of};
use super::scan::{Judge, processors};
use crate::clock::Clock;
use crate::import::{self, ImportError, Scanner};
use crate::model::{Secret, Severity};
use crate::report::Scope;
use crate::scan::Outcome;
use crate::wiring::imports;
use crate::wiring::kinds::gather;
use crate::wiring::scanner::{Prepared, Request, Target, prepare};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The largest report that is read, in bytes.
const LARGEST: u64 = 512 << 20;

/// Runs the command.
///
/// # Errors
/// When the report cannot be read, or ours cannot be written.
pub(super) fn run(arguments: &ImportArguments, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    let outputs = Outputs::new(arguments.report.form().into(), &arguments.report.output)?;
    let began = clock.now();
    let (prepared, tool, outcome) = followed(
        &Given {
            report: &arguments.from_file,
            from: arguments.from,
            root: &arguments.repo,
            isolated: arguments.isolated,
            keep_findings: false,
        },
        &gather(&arguments.kinds.rules)?,
        clock,
    )?;
    let verdict = &arguments.verdict;
    let gate = verdict.gate.map(Severity::from);
    let judge = Judge { gate, strict: verdict.strict, exit_zero: verdict.exit_zero, stops_commit: false };
    let (report, code) = judge.judge(&prepared, &outcome, Scope::Imported(tool), began, clock);
    outputs.write(&report, style_of(common.color))?;
    Ok(code)
}

/// A report, and what it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    /// The file, or `-`.
    pub(super) report: &'a Path,
    /// Whose it is, where that is said.
    pub(super) from: Option<Scanner>,
    /// The repository or directory that it is about.
    pub(super) root: &'a Path,
    /// Leave the repository's own files unread.
    pub(super) isolated: bool,
    /// Keep the secrets.
    pub(super) keep_findings: bool,
}

/// Reads a report and follows it: what was prepared, the tool's name, what came out.
pub(super) fn followed(
    given: &Given<'_>,
    kinds: &Arc<crate::rules::Catalogue>,
    clock: &dyn Clock,
) -> Result<(Prepared, String, Outcome), Failure> {
    let text = read(given.report)?;
    let report = import::read(&text, given.from).map_err(|error| refused(given.report, &error))?;
    drop(text);
    let request = Request {
        target: Target::Paths(vec![given.root.to_owned()]),
        largest_bytes: crate::source::Limits::LARGEST_BYTES,
        most_expanded: None,
        exclude: Vec::new(),
        jobs: processors(),
        isolated: given.isolated,
        keep_findings: given.keep_findings,
        recall: true,
    };
    let prepared = prepare(request, Arc::clone(kinds), clock)?;
    let outcome = imports::follow(&report, given.root, &prepared);
    Ok((prepared, report.tool, outcome))
}

fn refused(path: &Path, error: &ImportError) -> Failure {
    let failure = Failure::new(Code::Usage, format!("{}: {error}", path.display()));
    let known: Vec<_> = Scanner::ALL.into_iter().map(Scanner::word).collect();
    match error {
        ImportError::Unknown => failure.hint(format!("say whose it is with --from: {}", known.join(", "))),
        ImportError::Version { .. } => failure.hint("let the scanner write SARIF 2.1.0, or its own JSON"),
        _ => failure.hint("let the scanner write the report once more, as JSON or SARIF; nothing was imported"),
    }
}

fn read(path: &Path) -> Result<Secret, Failure> {
    let failed = |error: std::io::Error| {
        let failure = Failure::new(Code::Usage, format!("cannot read {}: {error}", path.display()));
        failure.hint("name the file that the other scanner wrote, or - for standard input")
    };
    let (mut bytes, limit) = (Vec::new(), LARGEST + 1);
    let outcome = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    let text = Secret::new(bytes);
    let length = outcome.map_err(failed)?;
    if length as u64 > LARGEST {
        let failure = Failure::new(Code::Usage, format!("{} is larger than {LARGEST} bytes", path.display()));
        return Err(failure.hint("let the scanner write a report for each repository"));
    }
    Ok(text)
}
