//! What a push would bring to a remote, before it leaves.

use super::{bypass, lines, scan, tell};
use crate::cli::args::Common;
use crate::cli::exit::Code;
use crate::cli::failure::Failure;
use crate::cli::scan::report_with;
use crate::clock::Clock;
use crate::report::Scope;
use crate::source::SourceError;
use crate::source::git::{Known, RefUpdate};
use crate::wiring::scanner::{Target, Whereabouts};
use git2::Oid;

pub(super) fn run(remote: Option<&str>, common: &Common, clock: &dyn Clock) -> Result<Code, Failure> {
    let (remote, updates) = match remote {
        Some(remote) => (remote.to_owned(), RefUpdate::pushed(&lines()?)?),
        None => handed_on()?,
    };
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

/// The pre-commit framework reads git's lines itself and hands on one reference, in variables: what is pushed and what
/// the remote has of it, or, where that is nothing, the branch alone.
fn handed_on() -> Result<(String, Vec<RefUpdate>), Failure> {
    let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(pushed) = said("PRE_COMMIT_TO_REF").or_else(|| said("PRE_COMMIT_LOCAL_BRANCH")) else {
        return Err(Failure::new(Code::Usage, "nobody says what is pushed, so nothing was scanned")
            .hint("git calls this hook as: stanch hook pre-push REMOTE URL, with the references on standard input"));
    };
    let repository = Whereabouts::Environment.open()?;
    let object = |revision: String| -> Result<Oid, SourceError> {
        let found = repository.revparse_single(&revision).map(|object| object.id());
        found.map_err(|source| SourceError::MissingRevision { revision, source })
    };
    let update = RefUpdate {
        name: said("PRE_COMMIT_REMOTE_BRANCH").unwrap_or_else(|| "what is pushed".to_owned()),
        old: said("PRE_COMMIT_FROM_REF").map(object).transpose()?,
        new: Some(object(pushed)?),
    };
    Ok((said("PRE_COMMIT_REMOTE_NAME").unwrap_or_default(), vec![update]))
}
