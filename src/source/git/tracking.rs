//! What was seen of a remote before, as far as it can be trusted to say what the remote has.

use super::unread;
use crate::source::SourceError;
use git2::{Direction, Oid, Remote, Repository};

/// Remote references are kept here; anywhere else they could be anybody's.
const TRACKING: &str = "refs/remotes/";

/// The commits to which the remote-tracking references of one remote lead. A remote that is pushed to elsewhere than it
/// is fetched from says nothing of that place, and neither does an address that is no remote. `missing` are references
/// of which the remote says that it has none.
pub(super) fn seen_of(repository: &Repository, name: &str, missing: &[&str]) -> Result<Vec<Oid>, SourceError> {
    let names = repository.remotes().map_err(|source| unread("the remotes", source))?;
    let names = names.iter().filter_map(|name| name.ok().flatten());
    let remotes: Vec<_> = names.filter_map(|name| repository.find_remote(name).ok()).collect();
    let (meant, others): (Vec<_>, Vec<_>) =
        remotes.into_iter().partition(|remote| remote.name().ok().flatten() == Some(name));
    let Some(remote) = meant.first().filter(|_| one_place(repository, name)) else { return Ok(Vec::new()) };
    let gone: Vec<String> = missing.iter().filter_map(|name| tracking_name(remote, name)).collect();
    let (mut seen, mut was_seen_otherwise) = (Vec::new(), false);
    for reference in repository.references().map_err(|source| unread("the references", source))?.flatten() {
        let Ok(tracked) = reference.name() else { continue };
        let foreign = others.iter().any(|other| tracks(other, tracked));
        if foreign || !tracked.starts_with(TRACKING) || !tracks(remote, tracked) {
            continue;
        }
        if gone.iter().any(|gone| gone == tracked) {
            was_seen_otherwise |= is_main(repository, name, tracked);
        } else {
            seen.extend(reference.peel_to_commit().ok().map(|commit| commit.id()));
        }
    }
    // A branch comes and goes; but without the main one this is another repository under the same name, and what was
    // seen of the one before says nothing.
    Ok(if was_seen_otherwise { Vec::new() } else { seen })
}

fn tracks(remote: &Remote<'_>, name: &str) -> bool {
    remote.refspecs().any(|spec| spec.direction() == Direction::Fetch && spec.dst_matches(name))
}

/// Under which name a reference of the remote is kept here.
fn tracking_name(remote: &Remote<'_>, name: &str) -> Option<String> {
    let mut fetched = remote.refspecs().filter(|spec| spec.direction() == Direction::Fetch && spec.src_matches(name));
    let kept = fetched.find_map(|spec| spec.transform(name).ok())?;
    kept.as_str().ok().map(str::to_owned)
}

/// True for the remote's main branch, and for any where that is not known.
fn is_main(repository: &Repository, remote: &str, tracked: &str) -> bool {
    match repository.find_reference(&format!("{TRACKING}{remote}/HEAD")) {
        Ok(head) => head.symbolic_target().ok().flatten().is_none_or(|main| main == tracked),
        Err(_) => true,
    }
}

/// True when a remote has one address, for both directions.
fn one_place(repository: &Repository, name: &str) -> bool {
    let (Some(fetched), Some(pushed)) = (addresses(repository, name, "url"), addresses(repository, name, "pushurl"))
    else {
        return false;
    };
    fetched.len() == 1 && pushed.iter().all(|url| fetched.contains(url))
}

/// All values of a setting; none when one of them cannot be read.
fn addresses(repository: &Repository, name: &str, key: &str) -> Option<Vec<String>> {
    let config = repository.config().ok()?;
    let entries = config.multivar(&format!("remote.{name}.{key}"), None).ok()?;
    let mut values = Vec::new();
    entries.for_each(|entry| values.push(entry.value().ok().map(str::to_owned))).ok()?;
    values.into_iter().collect()
}
