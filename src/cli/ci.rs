//! `stanch ci`: the gate of a continuous-integration job. What is new is the service's word, what counts as a leak is the
//! base's word, and what cannot be read is never taken for clean.

use super::args::{CiArguments, Common, Form};
use super::discretion;
use super::exit::Code;
use super::failure::Failure;
use super::hook::bypass;
use super::interruption;
use super::output::{Outputs, print, style_of};
use super::scan::{Judge, processors};
use crate::ci::{CiError, Occasion};
use crate::clock::Clock;
use crate::model::Severity;
use crate::report::{About, Format, Report, Scope, Style};
use crate::scan::{Gap, Listed, Outcome, Pardon};
use crate::wiring::changes::{self, Changes};
use crate::wiring::kinds::gather;
use crate::wiring::scanner::{Request, Whereabouts, prepare_by};
use std::io::{self, Write as _};
use std::path::Path;

/// Excused findings that are named one by one.
const PARDONS: usize = 20;

/// Runs the command.
///
/// # Errors
/// When nothing could be scanned or a report could not be written.
pub(super) fn run(arguments: &CiArguments, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    let stop = interruption::stop()?; // from here on a signal ends the run with a report
    if let Some(limit) = arguments.timeout {
        interruption::end_after(limit, clock)?;
    }
    let occasion = Occasion::of(&|name| std::env::var(name).ok())?;
    let (whereabouts, masking) = (Whereabouts::Environment, discretion::masking()?);
    let plain = |words: &str| masking.without_secrets(words);
    if arguments.fetch {
        changes::deepen(&occasion, &whereabouts, stop, &mut |words| tell(&format!("stanch: {}", plain(words))))?;
    }
    let mut changes = changes::choose(&occasion, &whereabouts)?;
    // They name branches and tags, which may be called like a token.
    changes.words = plain(&changes.words);
    changes.notices.iter_mut().for_each(|notice| *notice = plain(notice));
    changes.gaps.iter_mut().for_each(|gap| gap.what = plain(&gap.what));
    tell(&format!("stanch: {}", changes.words));
    #[cfg(feature = "rotate")]
    let asks = arguments.verify.asks();
    #[cfg(not(feature = "rotate"))]
    let asks = false;
    let request = Request {
        target: changes.target.clone(),
        largest_bytes: arguments.max_size,
        most_expanded: arguments.max_expanded,
        exclude: Vec::new(),
        jobs: arguments.jobs.map_or_else(processors, usize::from),
        isolated: false,
        keep_findings: asks,
        recall: true,
    };
    let prepared = prepare_by(&changes.policy, request, gather(&arguments.kinds.rules)?, clock)?;
    let outputs = Outputs::new(arguments.format.into(), &arguments.output)?;
    let began = clock.now();
    let mut outcome = prepared.scanner.run_until(&prepared.source, stop)?;
    #[cfg(feature = "rotate")]
    super::verify::verify(&mut outcome, prepared.scanner.engine.catalogue(), &arguments.verify, true)?;
    bypass::mark_noted(&mut outcome); // a runner may use its clone again, or be where somebody commits
    let plain = |text: &str| prepared.scanner.without_secrets(text);
    let (about, scope) = complete(&mut outcome, changes, &occasion, &plain);
    let judge = Judge {
        gate: arguments.gate.map(Severity::from),
        strict: false,
        exit_zero: arguments.exit_zero,
        stops_commit: false,
    };
    let (mut report, code) = judge.judge(&prepared, &outcome, scope, began, clock);
    report.about = about;
    tracing::info!(
        items = outcome.coverage.scanned.items,
        findings = outcome.sightings.len(),
        code = code.number(),
        "scanned"
    );
    deliver(&report, outputs, arguments, common, &occasion)?;
    Ok(code)
}

/// Adds what the clone does not have to what could not be read, and says what a reviewer should know. Names of branches,
/// settings of the job and reasons of exceptions may hold tokens.
fn complete(
    outcome: &mut Outcome,
    changes: Changes,
    occasion: &Occasion,
    plain: &dyn Fn(&str) -> String,
) -> (About, Scope) {
    let read = outcome.coverage.gaps.count;
    for gap in changes.gaps {
        let gap = Gap { what: plain(&gap.what), remedy: gap.remedy.as_deref().map(plain) };
        outcome.coverage.miss(gap);
    }
    let mut notices = changes.notices;
    if changes.cut && read > 0 {
        notices.push(format!("this clone leaves out old commits or their content: {}", occasion.service.remedy()));
    }
    notices.extend(pardons(&outcome.pardons));
    let scope = changes.range.map_or(Scope::History, Scope::Range);
    let notices = notices.iter().map(|notice| plain(notice)).collect();
    (About { words: Some(plain(&changes.words)), notices, commit: changes.tip }, scope)
}

/// What was excused is named, so that nobody excuses himself unseen.
fn pardons(pardons: &Listed<Pardon>) -> Vec<String> {
    let mut lines: Vec<String> = (pardons.first.iter().take(PARDONS))
        .map(|pardon| {
            let Pardon { place, at, kind, excuse } = pardon;
            format!("excused {}: {place}:{}:{}: {kind}", excuse.words(), at.line, at.column)
        })
        .collect();
    if let Some(more) = pardons.count.checked_sub(lines.len() as u64).filter(|more| *more > 0) {
        lines.push(format!("and {more} more are excused"));
    }
    lines
}

/// Writes what was asked for, and what the service reads without being asked.
fn deliver(
    report: &Report<'_>,
    outputs: Outputs,
    arguments: &CiArguments,
    common: &Common,
    occasion: &Occasion,
) -> Result<(), Failure> {
    outputs.write(report, style_of(common.color))?;
    let plain = Style { colour: false, unicode: true };
    if occasion.takes_annotations() && arguments.format != Form::Github {
        // Beside a report for machines, the commands go where no machine reads but the service's.
        match arguments.format {
            Form::Text | Form::Lines => print(|out| report.write(Format::Github, plain, out))?,
            _ => {
                let written = report.write(Format::Github, plain, &mut io::stderr().lock());
                written
                    .map_err(|error| Failure::new(Code::Outside, format!("cannot write to standard error: {error}")))?;
            }
        }
    }
    match &occasion.summary {
        Some(path) => append(path, report, plain).map_err(|error| {
            Failure::new(Code::Outside, format!("cannot write the summary to {}: {error}", path.display()))
                .hint("GITHUB_STEP_SUMMARY names it")
        }),
        None => Ok(()),
    }
}

fn append(path: &Path, report: &Report<'_>, style: Style) -> io::Result<()> {
    let mut text = Vec::new();
    report.write(Format::Summary, style, &mut text)?;
    std::fs::File::options().append(true).create(true).open(path)?.write_all(&text)
}

/// Says something to whoever reads the job's log. Where that is closed, the exit code still tells.
fn tell(line: &str) {
    let line = discretion::without_tokens(line).unwrap_or_default();
    let mut out = io::stderr().lock();
    let _told = writeln!(out, "{line}").is_ok();
}

impl From<CiError> for Failure {
    fn from(error: CiError) -> Self {
        let failure = Self::of(Code::Usage, &error);
        match error {
            CiError::NoService => failure
                .hint("nothing was scanned: set STANCH_BASE to the commit or branch that this one is compared with")
                .hint("for instance STANCH_BASE=origin/main stanch ci"),
            CiError::Missing { .. } | CiError::Malformed { .. } => {
                failure.hint("nothing was scanned: the service sets it; set STANCH_BASE to say what is new yourself")
            }
            CiError::Deleted { .. } => failure.hint("let the job run for pushes that leave something to scan"),
            _ => failure.hint("nothing was scanned: GITHUB_EVENT_PATH names the file that the service wrote"),
        }
    }
}
