//! What a push would bring to a remote, before it leaves.

use super::{bypass, framework, lines, scan, tell};
use crate::cli::args::Common;
use crate::cli::exit::Code;
use crate::cli::failure::Failure;
use crate::cli::scan::report_with;
use crate::clock::Clock;
use crate::report::Scope;
use crate::source::git::{Known, RefUpdate};
use crate::wiring::scanner::Target;
use std::ffi::OsStr;
use std::io::IsTerminal as _;

/// Where somebody else calls than git, or reads first what git said.
const STDIN: &str = "standard input must be the one that git gives the hook; with lefthook: use_stdin: true";

pub(super) fn run(remote: Option<&OsStr>, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    let updates = if std::io::stdin().is_terminal() { Vec::new() } else { RefUpdate::pushed(&lines()?)? };
    if updates.is_empty() {
        // Git names none when nothing is to be pushed, but gives a pipe all the same. A framework gives one too, having
        // read what git said.
        return if framework::is_calling() {
            of_framework(common, clock)
        } else if remote.is_some() && stdin_is_a_pipe() {
            Ok(Code::Clean)
        } else {
            Err(Failure::new(Code::Usage, "nobody says what is pushed, so nothing was scanned").hint(STDIN))
        };
    }
    let remote = remote.ok_or_else(|| {
        Failure::new(Code::Usage, "nobody says where it is pushed, so nothing was scanned")
            .hint("hand on the arguments that git gives the hook: stanch hook pre-push \"$@\"")
    })?;
    pushed(remote.to_string_lossy().into_owned(), updates, common, clock)
}

/// The same with the one reference that a framework tells of.
pub(super) fn of_framework(common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    let told = framework::push()?;
    pushed(told.remote, RefUpdate::pushed(told.line.as_bytes())?, common, clock)
}

fn pushed(remote: String, updates: Vec<RefUpdate>, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    let tips: Vec<_> = updates.iter().filter_map(|update| update.new).collect();
    if tips.is_empty() {
        return Ok(Code::Clean); // a deletion brings nothing
    }
    if let Some(reason) = bypass::reason() {
        return bypass::note("pre-push", &reason, clock, |_| tips);
    }
    let (prepared, judge) = scan(Target::Push(updates, Known::Remote(remote)), clock)?;
    report_with(&prepared, Scope::Push, &judge, clock, bypass::mark, |report| tell(report, common))
}

#[cfg(unix)]
fn stdin_is_a_pipe() -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = std::fs::metadata("/dev/stdin").map(|metadata| metadata.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket())
}

#[cfg(not(unix))]
fn stdin_is_a_pipe() -> bool {
    true
}
