//! What a push would bring to a remote, before it leaves.

use super::{bypass, lines, scan, tell};
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

pub(super) fn run(remote: &OsStr, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    let (remote, updates) = (remote.to_string_lossy().into_owned(), named()?);
    let tips: Vec<_> = updates.iter().filter_map(|update| update.new).collect();
    if tips.is_empty() {
        return Ok(Code::Clean); // a deletion, or nothing at all, brings nothing
    }
    if let Some(reason) = bypass::reason() {
        return bypass::note("pre-push", &reason, clock, |_| tips);
    }
    let (prepared, judge) = scan(Target::Push(updates, Known::Remote(remote)), clock)?;
    report_with(&prepared, Scope::Push, &judge, clock, bypass::mark, |report| tell(report, common))
}

/// The references on standard input. Git names none when nothing is to be pushed, but gives a pipe all the same; what
/// else gives nothing has not handed on what git said.
fn named() -> Result<Vec<RefUpdate>, Failure> {
    let unsaid = Failure::new(Code::Usage, "nobody says what is pushed, so nothing was scanned")
        .hint("standard input must be the one that git gives the hook; with lefthook: use_stdin: true");
    if std::io::stdin().is_terminal() {
        return Err(unsaid);
    }
    let updates = RefUpdate::pushed(&lines()?)?;
    if updates.is_empty() && !stdin_is_a_pipe() { Err(unsaid) } else { Ok(updates) }
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
