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

pub(super) fn run(remote: &str, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    let updates = RefUpdate::pushed(&lines()?)?;
    let tips: Vec<_> = updates.iter().filter_map(|update| update.new).collect();
    if tips.is_empty() {
        return Ok(Code::Clean); // a deletion, or nothing at all, brings nothing
    }
    if let Some(reason) = bypass::reason() {
        return bypass::note("pre-push", &reason, clock, |_| tips);
    }
    let (prepared, judge) = scan(Target::Push(updates, Known::Remote(remote.to_owned())), clock)?;
    report_with(&prepared, Scope::Push, &judge, clock, bypass::mark, |report| tell(report, common))
}
