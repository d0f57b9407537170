//! The message, before it is committed.

use super::{bypass, scan, tell};
use crate::cli::args::Common;
use crate::cli::exit::Code;
use crate::cli::failure::Failure;
use crate::cli::scan::report;
use crate::clock::Clock;
use crate::report::Scope;
use crate::source::Limits;
use crate::source::git::skips::message_id;
use crate::wiring::scanner::Target;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

pub(super) fn run(file: &Path, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    if !file.exists() {
        return Err(Failure::new(Code::Incomplete, format!("cannot read {}: it is not there", file.display()))
            .hint("git gives the hook the file as its argument: stanch hook commit-msg \"$1\""));
    }
    if let Some(reason) = bypass::reason() {
        return bypass::note("commit-msg", &reason, clock, |repository| {
            let mut draft = Vec::new();
            let read = File::open(file).and_then(|file| file.take(Limits::LARGEST_BYTES).read_to_end(&mut draft));
            read.ok().and_then(|_| message_id(repository, &draft).ok()).into_iter().collect()
        });
    }
    let (prepared, judge) = scan(Target::Message(file.to_owned()), clock)?;
    report(&prepared, Scope::Message, &judge, clock, |report| tell(report, common))
}
