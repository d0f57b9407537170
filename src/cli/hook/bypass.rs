//! A person may go past a hook with a reason, which is noted, and which pre-push and all later scans see again.

use crate::cli::discretion;
use crate::cli::exit::Code;
use crate::cli::failure::Failure;
use crate::clock::Clock;
use crate::scan::Outcome;
use crate::source::git::skips::{Skip, Skips};
use crate::source::git::{ObjectId, Repository};
use crate::wiring::scanner::Whereabouts;

/// The reason in `STANCH_SKIP`, if it gives one.
pub(super) fn reason() -> Option<String> {
    let reason = std::env::var_os("STANCH_SKIP")?;
    Some(reason.to_string_lossy().trim().to_owned()).filter(|reason| !reason.is_empty())
}

/// Notes who went past a hook. Without the note nobody does.
///
/// # Errors
/// When it cannot be written.
pub(super) fn note(
    hook: &str,
    reason: &str,
    clock: &dyn Clock,
    contents: impl FnOnce(&Repository) -> Vec<ObjectId>,
) -> Result<Code, Failure> {
    let repository = Whereabouts::Environment.open()?;
    // Some write the token itself into the reason.
    let reason = discretion::without_tokens(reason)?;
    let contents = contents(&repository);
    Skip { at: clock.now().to_string(), hook: hook.to_owned(), contents, reason: reason.clone() }.note(&repository)?;
    tracing::warn!(reason, hook, "nothing is scanned: the reason is noted, and the next hook scans again");
    Ok(Code::Clean)
}

/// Says of each finding how it went past the hooks before, or that nobody noted it.
pub(super) fn mark(outcome: &mut Outcome) {
    mark_with(outcome, Some("local hook bypassed or not installed"));
}

/// Says of those findings how they went past a hook of which that was noted here. Elsewhere than where somebody commits
/// nothing follows from the lack of a note.
pub(in crate::cli) fn mark_noted(outcome: &mut Outcome) {
    mark_with(outcome, None);
}

fn mark_with(outcome: &mut Outcome, unnoted: Option<&str>) {
    let Ok(repository) = Whereabouts::Environment.open() else { return };
    let skips = Skips::of(&repository).unwrap_or_else(|error| {
        tracing::warn!("{}", error.in_words());
        Skips::default()
    });
    for sighting in &outcome.sightings {
        let places = std::iter::once(&sighting.place).chain(&sighting.also);
        let skip = places.into_iter().find_map(|place| skips.behind(&repository, place));
        let note = match (skip, unnoted) {
            (Some(skip), _) => format!("local hook bypassed: {} ({}, {})", skip.reason, skip.hook, skip.at),
            (None, Some(unnoted)) => unnoted.to_owned(),
            (None, None) => continue,
        };
        let notes = outcome.notes.entry(sighting.fingerprint.clone());
        notes.and_modify(|other| *other = format!("{other}; {note}")).or_insert(note);
    }
}
