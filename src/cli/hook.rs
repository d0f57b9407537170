//! `stanch hook`: what git calls, and putting it where git looks. No network, and no configuration is needed.

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
use std::path::{Path, PathBuf};

/// What is put into a repository.
const SHIM: &str = include_str!("../../hooks/pre-commit");

/// By this a shim of ours is known.
const MARK: &str = "stanch hook v";

/// Runs the command.
///
/// # Errors
/// When nothing could be scanned, or the hook could not be put in place.
pub(super) fn run(command: &HookCommand, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    match command {
        HookCommand::PreCommit => pre_commit(common, clock),
        HookCommand::Install => install(),
        HookCommand::Uninstall => uninstall(),
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

fn install() -> Result<Code, Failure> {
    let path = hook_path()?;
    match std::fs::read_to_string(&path) {
        Ok(text) if text.contains(MARK) => {}
        Ok(_) => {
            return Err(Failure::new(Code::Usage, format!("{} is there already and is not ours", path.display()))
                .hint("add this line to it: stanch hook pre-commit || exit $?"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(&path, &error)),
    }
    write_hook(&path).map_err(|error| {
        Failure::new(Code::Outside, format!("cannot write {}: {error}", path.display()))
            .hint("core.hooksPath of git's configuration says where hooks are")
    })?;
    print(|out| writeln!(out, "{}: every commit is scanned; stanch hook uninstall undoes it", path.display()))?;
    Ok(Code::Clean)
}

fn write_hook(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(path, SHIM)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn uninstall() -> Result<Code, Failure> {
    let path = hook_path()?;
    match std::fs::read_to_string(&path) {
        Ok(text) if text.contains(MARK) => std::fs::remove_file(&path)
            .map_err(|error| Failure::new(Code::Outside, format!("cannot remove {}: {error}", path.display())))?,
        Ok(_) => return Err(Failure::new(Code::Usage, format!("{} is not ours", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(&path, &error)),
    }
    Ok(Code::Clean)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Outside, format!("cannot read {}: {error}", path.display()))
}

/// Where git looks for the hook.
fn hook_path() -> Result<PathBuf, Failure> {
    let repository = Whereabouts::Environment.open()?;
    let directory = match configured_path(&repository)? {
        Some(path) if path.is_absolute() => path,
        Some(path) => repository.workdir().unwrap_or(repository.path()).join(path),
        None => repository.commondir().join("hooks"),
    };
    Ok(directory.join("pre-commit"))
}

/// The repository's own `core.hooksPath`. One for all repositories is no place for the hook of one.
fn configured_path(repository: &git2::Repository) -> Result<Option<PathBuf>, Failure> {
    const KEY: &str = "core.hooksPath";
    let Ok(config) = repository.config() else { return Ok(None) };
    let Ok(path) = config.get_path(KEY) else { return Ok(None) };
    let own = config
        .get_entry(KEY)
        .is_ok_and(|entry| matches!(entry.level(), git2::ConfigLevel::Local | git2::ConfigLevel::Worktree));
    if own {
        return Ok(Some(path));
    }
    Err(Failure::new(Code::Usage, format!("{KEY} sends every repository of this user to {}", path.display()))
        .hint("add this line to the pre-commit hook there: stanch hook pre-commit || exit $?"))
}
