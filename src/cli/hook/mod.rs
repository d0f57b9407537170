//! `stanch hook`: what git calls, and putting it where git looks. No network, and no configuration is needed.

pub(super) mod bypass;
mod commit_msg;
mod doctor;
mod framework;
mod install;
mod pre_commit;
mod pre_push;
mod receive;
mod status;

use super::args::{Common, HookCommand};
use super::exit::Code;
use super::failure::Failure;
use super::interruption;
use super::output::{print, style_of};
use super::scan::{Judge, processors};
use crate::clock::Clock;
use crate::hooks::Hook;
use crate::report::{Format, Report};
use crate::rules::Catalogue;
use crate::source::Limits;
use crate::source::git::settings;
use crate::wiring::kinds::gather;
use crate::wiring::scanner::{Prepared, Request, Target, Whereabouts, prepare};
use git2::ErrorCode;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of standard input that are taken: more references than any push has.
const LINES_BYTES: u64 = 64 << 20;

/// Runs the command.
///
/// # Errors
/// When nothing could be scanned, or the hook could not be put in place.
pub(super) fn run(command: &HookCommand, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    interruption::stop()?; // what is interrupted is not let through
    match command {
        HookCommand::PreCommit => pre_commit::run(common, clock),
        HookCommand::CommitMsg { file } => commit_msg::run(file, common, clock),
        HookCommand::PrePush { remote, .. } => pre_push::run(remote.as_deref(), common, clock),
        HookCommand::PreReceive => receive::pre_receive(clock),
        HookCommand::Update { reference, old, new } => receive::update(reference, old, new, clock),
        HookCommand::Framework { hook, file } => match (*hook).into() {
            Hook::PreCommit => pre_commit::run(common, clock),
            Hook::CommitMsg => commit_msg::run(&framework::message(file.as_deref())?, common, clock),
            Hook::PrePush => pre_push::of_framework(common, clock),
            hook => Err(framework::unknown(hook)),
        },
        HookCommand::Install(arguments) => install::install(arguments),
        HookCommand::Uninstall(arguments) => install::uninstall(arguments),
        HookCommand::Status(arguments) => status::run(arguments),
        HookCommand::Doctor => doctor::run(clock),
    }
}

/// A scan before a commit or a push.
fn scan(target: Target, clock: &dyn Clock) -> Result<(Prepared, Judge), Failure> {
    let request = Request {
        target,
        largest_bytes: Limits::LARGEST_BYTES,
        most_expanded: None,
        exclude: Vec::new(),
        jobs: processors(),
        isolated: false,
        keep_findings: false,
        recall: true,
    };
    let prepared = prepare(request, kinds()?, clock)?;
    Ok((prepared, Judge { gate: None, strict: false, exit_zero: false, stops_commit: true }))
}

/// The kinds of the program, and those of the files that the setting `stanch.rules` of git names. A clone brings no
/// settings, so that what is scanned never brings rules of its own; and none of them is below where a hook happens to run.
fn kinds() -> Result<Arc<Catalogue>, Failure> {
    let unread =
        |error: git2::Error| Failure::new(Code::Usage, format!("git's configuration is refused: {}", error.message()));
    let config = settings(&Whereabouts::Environment)?.snapshot().map_err(unread)?;
    let mut named = Vec::new();
    match config.multivar("stanch.rules", None) {
        Err(error) if error.code() == ErrorCode::NotFound => {}
        Err(error) => return Err(unread(error)),
        Ok(entries) => entries.for_each(|entry| named.extend(entry.value().ok().map(str::to_owned))).map_err(unread)?,
    }
    let mut paths = Vec::new();
    for name in named {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let path = match (name.strip_prefix("~/"), home) {
            (Some(below), Some(home)) => home.join(below),
            _ => PathBuf::from(&name),
        };
        if !path.is_absolute() {
            return Err(Failure::new(
                Code::Usage,
                format!("stanch.rules is {name:?}, which is no path from / or ~ on"),
            )
            .hint("git config --global stanch.rules ~/rules; nothing was scanned"));
        }
        paths.push(path);
    }
    Ok(gather(&paths)?)
}

/// A commit with nothing to say about it is not talked over.
fn tell(report: &Report<'_>, common: &Common) -> Result<(), Failure> {
    let outcome = report.outcome;
    let silent = report.exit_code == 0 && outcome.sightings.is_empty();
    if silent { Ok(()) } else { print(|out| report.write(Format::Text, style_of(common.color), out)) }
}

/// The references that git names on standard input.
fn lines() -> Result<Vec<u8>, Failure> {
    let (lines, read) = interruption::unless_stopped(|| {
        let mut lines = Vec::new();
        let read = std::io::stdin().lock().take(LINES_BYTES + 1).read_to_end(&mut lines);
        (lines, read)
    })?;
    let unread = |why: String| Failure::new(Code::Incomplete, format!("cannot read the references: {why}"));
    match read {
        Err(error) => Err(unread(error.to_string())),
        Ok(length) if length as u64 > LINES_BYTES => Err(unread(format!("there are more than {LINES_BYTES} bytes"))),
        Ok(_) => Ok(lines),
    }
}
