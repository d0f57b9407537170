//! A leaked token by its fingerprint: in the files first, then in the whole history.

use super::exit::Code;
use super::failure::Failure;
use super::import;
use super::scan::processors;
use crate::clock::Clock;
use crate::model::{Finding, FingerprintPrefix};
use crate::rules::Catalogue;
use crate::source::git::{Whereabouts, work_tree};
use crate::wiring::scanner::{Request, Target, prepare};
use std::path::Path;
use std::sync::Arc;

/// Larger items hold no token that a person would rotate by its fingerprint, in bytes.
const LARGEST: u64 = 100_000_000;

/// A scan that keeps what it finds, for the mending wing.
pub(super) fn request(target: Target) -> Request {
    Request {
        target,
        largest_bytes: LARGEST,
        most_expanded: None,
        exclude: Vec::new(),
        jobs: processors(),
        isolated: false,
        keep_findings: true,
        recall: true,
    }
}

/// The one secret below `repository` whose fingerprint begins like that.
///
/// # Errors
/// When there is none, or more than one.
pub(super) fn finding(
    prefix: &FingerprintPrefix,
    repository: &Path,
    kinds: &Arc<Catalogue>,
    clock: &dyn Clock,
) -> Result<Finding, Failure> {
    let in_files = Target::Paths(vec![repository.to_owned()]);
    let in_history = Target::History(Whereabouts::Holding(repository.to_owned()));
    if let Some(finding) = among(prefix, in_files, kinds, clock)? {
        return Ok(finding);
    }
    if work_tree(&Whereabouts::Holding(repository.to_owned())).is_ok()
        && let Some(finding) = among(prefix, in_history, kinds, clock)?
    {
        return Ok(finding);
    }
    let message =
        format!("no token with that fingerprint in {}, neither in its files nor in its history", repository.display());
    Err(Failure::new(Code::Usage, message)
        .hint("name the repository with --repo PATH, or the credential with --credential NAME"))
}

/// The one secret of another scanner's report whose fingerprint begins like that.
///
/// # Errors
/// When there is none, or more than one, or the report cannot be read.
pub(super) fn imported(
    prefix: &FingerprintPrefix,
    report: &Path,
    repository: &Path,
    kinds: &Arc<Catalogue>,
    clock: &dyn Clock,
) -> Result<Finding, Failure> {
    let given = import::Given { report, from: None, root: repository, isolated: false, keep_findings: true };
    let (_, tool, outcome) = import::followed(&given, kinds, clock)?;
    only(prefix, outcome.findings)?.ok_or_else(|| {
        let message = format!("no finding of the {tool} report {} has that fingerprint", report.display());
        Failure::new(Code::Usage, message).hint(format!("stanch import {} shows what it holds", report.display()))
    })
}

fn among(
    prefix: &FingerprintPrefix,
    target: Target,
    kinds: &Arc<Catalogue>,
    clock: &dyn Clock,
) -> Result<Option<Finding>, Failure> {
    let prepared = prepare(request(target), Arc::clone(kinds), clock)?;
    let outcome = prepared.scanner.run(prepared.source.as_ref())?;
    only(prefix, outcome.findings)
}

fn only(prefix: &FingerprintPrefix, findings: Vec<Finding>) -> Result<Option<Finding>, Failure> {
    let mut fitting = findings.into_iter().filter(|finding| finding.fingerprint.starts_with(prefix));
    let first = fitting.next();
    match (&first, fitting.find(|next| first.as_ref().is_some_and(|first| first.fingerprint != next.fingerprint))) {
        (Some(one), Some(other)) => {
            let message = "more than one token has a fingerprint that begins like that";
            Err(Failure::new(Code::Usage, message)
                .hint(format!("write more of it: {} or {}", one.fingerprint, other.fingerprint)))
        }
        _ => Ok(first),
    }
}
