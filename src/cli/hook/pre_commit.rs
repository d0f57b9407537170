//! What is staged, before it is committed.

use super::{bypass, scan, tell};
use crate::cli::args::Common;
use crate::cli::exit::Code;
use crate::cli::failure::Failure;
use crate::cli::scan::report;
use crate::clock::Clock;
use crate::report::Scope;
use crate::source::git::staged_blobs;
use crate::wiring::scanner::Target;

pub(super) fn run(common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    if let Some(reason) = bypass::reason() {
        // Where the index is one that we cannot read, the reason alone is noted.
        return bypass::note("pre-commit", &reason, clock, |repository| staged_blobs(repository).unwrap_or_default());
    }
    let (prepared, judge) = scan(Target::Staged, clock)?;
    report(&prepared, Scope::Staged, &judge, clock, |report| tell(report, common))
}
