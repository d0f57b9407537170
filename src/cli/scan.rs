//! `stanch scan`.

use super::args::{Common, ScanArguments};
use super::exit::Code;
use super::failure::Failure;
use super::image::{self, Found};
use super::interruption;
use super::output::{Outputs, style_of};
use super::progress::Progress;
use super::stats::{self, Times};
use crate::clock::Clock;
use crate::model::{Severity, Timestamp};
use crate::report::{About, Report, Scope};
use crate::scan::Outcome;
use crate::wiring::kinds::gather;
use crate::wiring::scanner::{Prepared, Request, Target, Whereabouts, prepare};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The gate where neither an argument nor the repository sets one.
const GATE: Severity = Severity::Medium;

/// How long an exception lasts that the report suggests.
const SUGGESTED: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Runs the command.
///
/// # Errors
/// When nothing could be scanned or a report could not be written.
pub(super) fn run(arguments: &ScanArguments, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    interruption::stop()?; // from here on a signal ends the run with a report
    let reading = &arguments.reading;
    if let Some(limit) = reading.timeout {
        interruption::end_after(limit, clock)?;
    }
    let jobs = reading.jobs.map_or_else(processors, usize::from);
    let image = arguments.image.image.as_deref().map(|name| image::find(&arguments.image, name)).transpose()?;
    let (target, scope) = match &image {
        Some(Found::Saved(path)) => (Target::Paths(vec![path.clone()]), Scope::Files),
        Some(Found::Fetched(_)) => (Target::Paths(Vec::new()), Scope::Files),
        None => target_of(arguments)?,
    };
    #[cfg(feature = "rotate")]
    let asks = arguments.verify.asks();
    #[cfg(not(feature = "rotate"))]
    let asks = false;
    let request = Request {
        target,
        largest_bytes: reading.max_size,
        most_expanded: reading.max_expanded,
        exclude: reading.exclude.clone(),
        jobs,
        isolated: reading.isolated,
        keep_findings: asks,
        recall: !arguments.no_cache,
    };
    let mut prepared = prepare(request, gather(&reading.kinds.rules)?, clock)?;
    if let Some(Found::Fetched(source)) = image {
        prepared.source = source;
    }
    let outputs = Outputs::new(arguments.report.form().into(), &arguments.report.output)?;
    let mut times = Times { prepared: clock.monotonic(), ..Times::default() };
    let began = clock.now();
    #[cfg_attr(not(feature = "rotate"), expect(unused_mut, reason = "nobody is asked without the mending wing"))]
    let mut outcome = watched(&prepared, &scope, common, clock)?;
    times.scanned = clock.monotonic();
    #[cfg(feature = "rotate")]
    super::verify::verify(&mut outcome, prepared.scanner.engine.catalogue(), &arguments.verify, !arguments.no_cache)?;
    let verdict = &arguments.verdict;
    let gate = verdict.gate.map(Severity::from);
    let judge = Judge { gate, strict: verdict.strict, exit_zero: verdict.exit_zero, stops_commit: false };
    let (report, code) = judge.judge(&prepared, &outcome, scope, began, clock);
    log(&outcome, code);
    outputs.write(&report, style_of(common.color))?;
    times.written = clock.monotonic();
    if reading.stats {
        stats::print(&outcome, prepared.scanner.engine.catalogue().kinds().len(), jobs, times);
    }
    Ok(code)
}

/// Scans, and shows on a terminal how far it is.
fn watched(prepared: &Prepared, scope: &Scope, common: &Common, clock: &dyn Clock) -> Result<Outcome, Failure> {
    // Where a log is written to the same terminal, there is no room for another line.
    let quiet = common.verbose > 0;
    let mut progress = if quiet { Progress::unseen(clock) } else { Progress::of(scope.item(), clock) };
    let watch = &mut |met, done| progress.tick(met, done);
    Ok(prepared.scanner.run_watched(&prepared.source, interruption::stop()?, watch)?)
}

fn log(outcome: &Outcome, code: Code) {
    let (items, findings) = (outcome.coverage.scanned.items, outcome.sightings.len());
    tracing::info!(items, findings, code = code.number(), "scanned");
}

/// What turns an outcome into an exit code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    pub(super) gate: Option<Severity>,
    pub(super) strict: bool,
    pub(super) exit_zero: bool,
    pub(super) stops_commit: bool,
}

/// Scans, judges and hands the report to `write`. A signal ends the scan early, and the report says so.
pub(super) fn report(
    prepared: &Prepared,
    scope: Scope,
    judge: &Judge,
    clock: &dyn Clock,
    write: impl FnOnce(&Report<'_>) -> Result<(), Failure>,
) -> Result<Code, Failure> {
    report_with(prepared, scope, judge, clock, |_| {}, write)
}

/// The same, with an outcome to which something is added first.
pub(super) fn report_with(
    prepared: &Prepared,
    scope: Scope,
    judge: &Judge,
    clock: &dyn Clock,
    add: impl FnOnce(&mut Outcome),
    write: impl FnOnce(&Report<'_>) -> Result<(), Failure>,
) -> Result<Code, Failure> {
    let began = clock.now();
    let mut outcome = prepared.scanner.run_until(&prepared.source, interruption::stop()?)?;
    add(&mut outcome);
    let (report, code) = judge.judge(prepared, &outcome, scope, began, clock);
    log(&outcome, code);
    write(&report)?;
    Ok(code)
}

impl Judge {
    /// What an outcome comes to, and the report that says so.
    pub(super) fn judge<'o>(
        &self,
        prepared: &Prepared,
        outcome: &'o Outcome,
        scope: Scope,
        began: Timestamp,
        clock: &dyn Clock,
    ) -> (Report<'o>, Code) {
        let gate = self.gate.or(prepared.gate).unwrap_or(GATE);
        let code = Code::of_scan(outcome, gate, self.strict, self.exit_zero);
        let report = Report {
            outcome,
            scope,
            gate,
            exit_code: code.number(),
            stops_commit: self.stops_commit,
            passing_key: prepared.passing_key.clone(),
            suggested_until: day_of(clock.now().after(SUGGESTED)),
            began,
            ended: clock.now(),
            about: About::default(),
            top: prepared.top.as_ref().map(|top| top.canonicalize().unwrap_or_else(|_| top.clone())),
            working_directory: working_directory(),
        };
        (report, code)
    }
}

fn target_of(arguments: &ScanArguments) -> Result<(Target, Scope), Failure> {
    let paths = &arguments.paths;
    if arguments.staged {
        return Ok((Target::Staged, Scope::Staged));
    }
    if arguments.history || arguments.range.is_some() {
        let whereabouts = match paths.as_slice() {
            [] => Whereabouts::Environment,
            [path] => Whereabouts::Holding(path.clone()),
            _ => {
                return Err(Failure::new(Code::Usage, "--range and --history take one path: the repository")
                    .hint("give a path inside it, or none for the one you stand in"));
            }
        };
        return Ok(match &arguments.range {
            Some(range) => (Target::Range(whereabouts, range.clone()), Scope::Range(range.clone())),
            None => (Target::History(whereabouts), Scope::History),
        });
    }
    match paths.as_slice() {
        [] => Ok((Target::Paths(vec![PathBuf::from(".")]), Scope::Files)),
        [path] if path == Path::new("-") => Ok((Target::Stdin, Scope::Stdin)),
        paths if paths.iter().any(|path| path == Path::new("-")) => {
            Err(Failure::new(Code::Usage, "'-' stands for standard input alone, without other paths")
                .hint("scan a file of that name as ./-"))
        }
        paths => Ok((Target::Paths(paths.to_vec()), Scope::Files)),
    }
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn working_directory() -> PathBuf {
    std::env::current_dir().and_then(std::fs::canonicalize).unwrap_or_else(|_| PathBuf::from("/"))
}

fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take_while(|c| *c != 'T').collect()
}
