//! What a repository is about to receive, before it is accepted: strictly, within a time limit, and in few words, since
//! they travel to the one who pushes.

use super::{bypass, kinds, lines};
use crate::cli::exit::Code;
use crate::cli::failure::Failure;
use crate::cli::interruption;
use crate::cli::output::print;
use crate::cli::scan::{Judge, processors, report_with};
use crate::clock::Clock;
use crate::report::{Format, Report, Scope, Style};
use crate::scan::{Cut, Outcome};
use crate::source::Limits;
use crate::source::git::{Known, RefUpdate, settings};
use crate::wiring::scanner::{Policy, Request, Target, Whereabouts, prepare_by};
use git2::ErrorCode;
use std::cell::Cell;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::Command;
use std::time::Duration;

/// Findings that are shown; all are counted.
const SHOWN: usize = 5;

/// For the whole run; servers end a hook soon after.
const TIME_LIMIT: Duration = Duration::from_secs(4);

/// How long the limit may be set.
const LONGEST_TIME_LIMIT: Duration = Duration::from_secs(3600);

/// What is left of the limit for saying so.
const LAST_WORDS: Duration = Duration::from_millis(150);

/// Options of a push that are looked at.
const MOST_OPTIONS: usize = 1_000;

/// The variables in which servers say who pushes; the first that is set counts.
const PUSHERS: [&str; 4] = ["GL_USERNAME", "GITEA_PUSHER_NAME", "GITHUB_USER_LOGIN", "REMOTE_USER"];

pub(super) fn pre_receive(clock: &dyn Clock) -> Result<Code, Failure> {
    let updates = RefUpdate::received(&lines()?)?;
    if updates.is_empty() {
        return Err(Failure::new(Code::Usage, "no reference was named on standard input, so nothing was scanned")
            .hint("git names them; if another hook reads them first, it must hand them on"));
    }
    run("pre-receive", updates, clock)
}

pub(super) fn update(reference: &OsStr, old: &str, new: &str, clock: &dyn Clock) -> Result<Code, Failure> {
    let update = RefUpdate::of(reference.as_encoded_bytes(), old.as_bytes(), new.as_bytes()).ok_or_else(|| {
        Failure::new(Code::Usage, "the arguments are not those that git gives this hook: REFERENCE OLD NEW")
            .hint("both objects are named with all of their digits; nothing was scanned")
    })?;
    run("update", vec![update], clock)
}

fn run(hook: &str, updates: Vec<RefUpdate>, clock: &dyn Clock) -> Result<Code, Failure> {
    let settings = Settings::read()?;
    if let Some(reason) = asked_to_skip() {
        return break_glass(hook, &reason, &settings, &updates, clock);
    }
    if updates.iter().all(|update| update.new.is_none()) {
        return Ok(Code::Clean); // a deletion brings nothing
    }
    let limit = settings.limit;
    interruption::end_after(limit.saturating_sub(LAST_WORDS), clock)?;
    let request = Request {
        target: Target::Push(updates, Known::Here),
        largest_bytes: Limits::LARGEST_BYTES,
        most_expanded: None,
        exclude: Vec::new(),
        jobs: processors(),
        isolated: false,
        keep_findings: false,
        recall: true,
    };
    let prepared = prepare_by(&Policy::Accepted, request, kinds()?, clock)?;
    let judge = Judge { gate: None, strict: true, exit_zero: false, stops_commit: true };
    let found = Cell::new(0);
    let shorten = |outcome: &mut Outcome| {
        found.set(outcome.sightings.len());
        outcome.sightings.truncate(SHOWN); // the gravest come first, so the gate judges alike
    };
    report_with(&prepared, Scope::Push, &judge, clock, shorten, |report| {
        if report.exit_code == 0 { Ok(()) } else { print(|out| reject(report, found.get(), &settings, out)) }
    })
}

/// The words of a rejection.
fn reject(report: &Report<'_>, count: usize, settings: &Settings, out: &mut dyn Write) -> io::Result<()> {
    let outcome = report.outcome;
    let what = match (count, outcome.cut) {
        (0, Some(Cut::OutOfTime)) => format!("the time limit of {:?} ran out", settings.limit),
        (0, _) => "not all of it could be read".to_owned(),
        (1, _) => "it holds 1 leaked token".to_owned(),
        (count, _) => format!("it holds {count} leaked tokens"),
    };
    writeln!(out, "stanch: push rejected: {what}")?;
    report.write(Format::Lines, Style::default(), out)?;
    for (reason, listed) in outcome.coverage.skipped.iter().filter(|(reason, _)| reason.hides_content()) {
        for name in listed.first.iter().take(SHOWN) {
            writeln!(out, "incomplete: {} is {}", name.escape_debug(), reason.words())?;
        }
    }
    if let Some(more) = count.checked_sub(SHOWN).filter(|more| *more > 0) {
        writeln!(out, "and {more} more")?;
    }
    for words in advice(outcome, settings) {
        writeln!(out, "  hint: {words}")?;
    }
    Ok(())
}

fn advice(outcome: &Outcome, settings: &Settings) -> Vec<String> {
    let mut advice = Vec::new();
    if !outcome.sightings.is_empty() {
        advice.push("replace each token first: others may have seen it; then take it out of the commits".to_owned());
        advice.push("no secret? an exception in .stanchignore counts once it is on the default branch".to_owned());
    }
    if outcome.cut == Some(Cut::OutOfTime) {
        advice.push("nothing is accepted unscanned: push fewer commits at once (git push REMOTE COMMIT:BRANCH)".into());
        let more = (settings.limit * 2).as_secs().max(1);
        advice.push(format!("the operator may raise the limit: git config stanch.receiveTimeLimit {more}"));
    }
    if !settings.break_glass.is_empty() {
        advice.push("some may pass with a reason, which is noted: git push -o stanch.skip=REASON".to_owned());
    }
    advice
}

/// What the operator has set in git's configuration.
#[derive(Debug)]
struct Settings {
    limit: Duration,
    break_glass: Vec<String>,
}

impl Settings {
    fn read() -> Result<Self, Failure> {
        let refused = |what: String| Failure::new(Code::Usage, format!("git's configuration is refused: {what}"));
        let unread = |error: git2::Error| refused(error.message().to_owned());
        let config = settings(&Whereabouts::Environment)?.snapshot().map_err(unread)?;
        let limit = match config.get_string("stanch.receiveTimeLimit") {
            Err(error) if error.code() == ErrorCode::NotFound => TIME_LIMIT,
            Err(error) => return Err(unread(error)),
            Ok(text) => {
                let wrong = || {
                    let what = format!("stanch.receiveTimeLimit is {text:?}, which is no number of seconds");
                    refused(what).hint(format!(
                        "set it from 1 to {}, or to milliseconds as 500ms: git config stanch.receiveTimeLimit 4",
                        LONGEST_TIME_LIMIT.as_secs()
                    ))
                };
                span(&text).ok_or_else(wrong)?
            }
        };
        let mut break_glass = Vec::new();
        match config.multivar("stanch.breakGlass", None) {
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(unread(error)),
            Ok(entries) => {
                entries.for_each(|entry| break_glass.extend(entry.value().ok().map(str::to_owned))).map_err(unread)?
            }
        }
        Ok(Self { limit, break_glass })
    }
}

/// `4`, or `500ms`; never nothing.
fn span(text: &str) -> Option<Duration> {
    let span = match text.strip_suffix("ms") {
        Some(millis) => Duration::from_millis(millis.parse().ok()?),
        None => Duration::from_secs(text.parse().ok()?),
    };
    (!span.is_zero() && span <= LONGEST_TIME_LIMIT).then_some(span)
}

/// The reason of `git push -o stanch.skip=REASON`, if the push has that option.
fn asked_to_skip() -> Option<String> {
    let count: usize = std::env::var("GIT_PUSH_OPTION_COUNT").ok()?.parse().ok()?;
    (0..count.min(MOST_OPTIONS)).find_map(|number| {
        let option = std::env::var_os(format!("GIT_PUSH_OPTION_{number}"))?;
        let option = option.to_string_lossy();
        let reason = option.strip_prefix("stanch.skip")?;
        if reason.is_empty() { Some(String::new()) } else { Some(reason.strip_prefix('=')?.trim().to_owned()) }
    })
}

/// Lets a push pass unscanned, for those who may, with a note.
fn break_glass(
    hook: &str,
    reason: &str,
    settings: &Settings,
    updates: &[RefUpdate],
    clock: &dyn Clock,
) -> Result<Code, Failure> {
    if reason.is_empty() {
        return Err(Failure::new(Code::Usage, "push rejected: stanch.skip gives no reason")
            .hint("git push -o stanch.skip=REASON"));
    }
    let name = pusher()?;
    if !settings.break_glass.contains(&name) {
        let message = format!("push rejected: '{}' may not pass without a scan", name.escape_default());
        return Err(Failure::new(Code::NotAllowed, message).hint(
            "push again without -o stanch.skip; or the operator adds the name: git config --add stanch.breakGlass NAME",
        ));
    }
    let words = format!("{name}: {reason}");
    let code = bypass::note(hook, &words, clock, |_| updates.iter().filter_map(|update| update.new).collect())?;
    print(|out| writeln!(out, "stanch: accepted without a scan; the reason of '{}' is noted", name.escape_default()))?;
    Ok(code)
}

/// Who pushes: as the server says, else the user of the system.
fn pusher() -> Result<String, Failure> {
    let said = PUSHERS.into_iter().filter_map(std::env::var_os).find(|name| !name.is_empty());
    if let Some(name) = said {
        return Ok(name.to_string_lossy().into_owned());
    }
    let unknown = |why: String| {
        Failure::new(Code::NotAllowed, format!("push rejected: nobody says who pushes: {why}"))
            .hint(format!("the server must set one of {}", PUSHERS.join(", ")))
    };
    let asked = Command::new("id").arg("-un").output().map_err(|error| unknown(error.to_string()))?;
    let name = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if asked.status.success() && !name.is_empty() {
        Ok(name)
    } else {
        Err(unknown("id -un does not answer".to_owned()))
    }
}
