//! `stanch hook`: what git calls, and putting it where git looks. No network, and no configuration is needed.

mod doctor;
mod framework;
mod install;
mod status;

use super::args::{Common, HookCommand};
use super::exit::Code;
use super::failure::Failure;
use super::output::{print, style_of};
use super::scan::{Judge, processors, report};
use crate::clock::Clock;
use crate::report::{Format, Scope};
use crate::scan::SkipReason;
use crate::source::Limits;
use crate::wiring::scanner::{Request, Target, Whereabouts, prepare};
use std::io::Write as _;

/// Runs the command.
///
/// # Errors
/// When nothing could be scanned, or the hook could not be put in place.
pub(super) fn run(command: &HookCommand, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    match command {
        HookCommand::PreCommit => pre_commit(common, clock),
        HookCommand::FrameworkPush => framework::push(),
        HookCommand::Install(arguments) => install::install(arguments),
        HookCommand::Uninstall(arguments) => install::uninstall(arguments),
        HookCommand::Status(arguments) => status::run(arguments),
        HookCommand::Doctor => doctor::run(clock),
    }
}

fn pre_commit(common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    if let Some(reason) = std::env::var("STANCH_SKIP").ok().filter(|reason| !reason.trim().is_empty()) {
        return skip(&reason, clock);
    }
    let request = Request {
        target: Target::Staged,
        largest_bytes: Limits::LARGEST_BYTES,
        binary: false,
        exclude: Vec::new(),
        jobs: processors(),
        isolated: false,
        keep_findings: false,
    };
    let prepared = prepare(request, crate::rules::builtin(), clock)?;
    let judge = Judge { gate: None, strict: false, exit_zero: false, stops_commit: true };
    report(&prepared, Scope::Staged, &judge, clock, |report| {
        // A commit with nothing to say about it is not talked over.
        let outcome = report.outcome;
        let unread = outcome.coverage.skipped.contains_key(&SkipReason::TooLarge);
        let silent = report.exit_code == 0 && outcome.sightings.is_empty() && !unread;
        if silent { Ok(()) } else { print(|out| report.write(Format::Text, style_of(common.color), out)) }
    })
}

/// A person may pass the hook with a reason, which is noted in the git directory.
fn skip(reason: &str, clock: &dyn Clock) -> Result<Code, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let path = repository.commondir().join("stanch-skips.log");
    let reason: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    let unwritten = |error: std::io::Error| {
        Failure::new(Code::Outside, format!("cannot note the reason in {}: {error}", path.display()))
    };
    let mut log = std::fs::File::options().append(true).create(true).open(&path).map_err(unwritten)?;
    writeln!(log, "{} pre-commit {reason}", clock.now()).map_err(unwritten)?;
    tracing::warn!(reason, "the commit is not scanned: STANCH_SKIP is set");
    Ok(Code::Clean)
}
