//! What was seen of a remote before, as far as it can be trusted to say what the remote has.

use super::pack::ObjectId;
use super::repository::Repository;
use super::unread;
use crate::source::SourceError;
use git2::Config;

/// Remote references are kept here; anywhere else they could be anybody's.
const TRACKING: &str = "refs/remotes/";

/// The commits to which the remote-tracking references of one remote lead. A remote that is pushed to elsewhere than it
/// is fetched from says nothing of that place, and neither does an address that is no remote. `missing` are references
/// of which the remote says that it has none.
pub(super) fn seen_of(repository: &Repository, name: &str, missing: &[&str]) -> Result<Vec<ObjectId>, SourceError> {
    let unread = |source| unread("the remotes", source);
    let config = repository.config().and_then(|mut config| config.snapshot()).map_err(unread)?;
    let remotes = remotes(&config).map_err(unread)?;
    let (meant, others): (Vec<_>, Vec<_>) = remotes.into_iter().partition(|remote| remote.name == name);
    let Some(remote) = meant.first().filter(|_| one_place(&config, name)) else { return Ok(Vec::new()) };
    let gone: Vec<String> = missing.iter().filter_map(|name| remote.kept_as(name)).collect();
    let (mut seen, mut was_seen_otherwise) = (Vec::new(), false);
    let mut reader = repository.reader();
    for (tracked, id) in &repository.refs().tips {
        let foreign = others.iter().any(|other| other.keeps(tracked));
        if foreign || !tracked.starts_with(TRACKING) || !remote.keeps(tracked) {
            continue;
        }
        if gone.contains(tracked) {
            was_seen_otherwise |= is_main(repository, name, tracked);
        } else {
            let id = id.parse().ok();
            seen.extend(id.and_then(|id| Repository::commit_by(&mut reader, &id)));
        }
    }
    // A branch comes and goes; but without the main one this is another repository under the same name, and what was
    // seen of the one before says nothing.
    Ok(if was_seen_otherwise { Vec::new() } else { seen })
}

/// A remote, with what is fetched from it and under which names that is kept.
struct Remote {
    name: String,
    fetched: Vec<(String, String)>,
}

impl Remote {
    /// Under which name a reference of the remote is kept here.
    fn kept_as(&self, name: &str) -> Option<String> {
        self.fetched.iter().find_map(|(from, to)| Some(to.replacen('*', &matched(from, name)?, 1)))
    }

    /// True when a reference is one that is fetched from it.
    fn keeps(&self, tracked: &str) -> bool {
        self.fetched.iter().any(|(_, to)| matched(to, tracked).is_some())
    }
}

/// What stands for the star of a pattern; nothing where there is none.
fn matched(pattern: &str, name: &str) -> Option<String> {
    match pattern.split_once('*') {
        Some((before, after)) => Some(name.strip_prefix(before)?.strip_suffix(after)?.to_owned()),
        None => (pattern == name).then(String::new),
    }
}

fn remotes(config: &Config) -> Result<Vec<Remote>, git2::Error> {
    let mut remotes: Vec<Remote> = Vec::new();
    let mut entries = config.entries(Some("^remote\\..+\\.(url|fetch)$"))?;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let (Ok(key), Ok(value)) = (entry.name(), entry.value()) else { continue };
        let Some((name, what)) = key.strip_prefix("remote.").and_then(|key| key.rsplit_once('.')) else { continue };
        let at = remotes.iter().position(|remote| remote.name == name).unwrap_or_else(|| {
            remotes.push(Remote { name: name.to_owned(), fetched: Vec::new() });
            remotes.len() - 1
        });
        let spec = value.strip_prefix('+').unwrap_or(value).split_once(':').filter(|_| what == "fetch");
        if let (Some(remote), Some((from, to))) = (remotes.get_mut(at), spec) {
            remote.fetched.push((from.to_owned(), to.to_owned()));
        }
    }
    Ok(remotes)
}

/// True for the remote's main branch, and for any where that is not known.
fn is_main(repository: &Repository, remote: &str, tracked: &str) -> bool {
    repository.stands_for(&format!("{TRACKING}{remote}/HEAD")).is_none_or(|main| main == tracked)
}

/// True when a remote has one address, for both directions.
fn one_place(config: &Config, name: &str) -> bool {
    let (Some(fetched), Some(pushed)) = (addresses(config, name, "url"), addresses(config, name, "pushurl")) else {
        return false;
    };
    fetched.len() == 1 && pushed.iter().all(|url| fetched.contains(url))
}

/// All values of a setting; none when one of them cannot be read.
fn addresses(config: &Config, name: &str, key: &str) -> Option<Vec<String>> {
    let entries = config.multivar(&format!("remote.{name}.{key}"), None).ok()?;
    let mut values = Vec::new();
    entries.for_each(|entry| values.push(entry.value().ok().map(str::to_owned))).ok()?;
    values.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_is_kept_under_its_own_name() {
        let spec = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let fetched = vec![spec("refs/heads/*", "refs/remotes/origin/*"), spec("refs/heads/x", "refs/remotes/y")];
        let remote = Remote { name: "origin".to_owned(), fetched };
        assert_eq!(remote.kept_as("refs/heads/a/b").as_deref(), Some("refs/remotes/origin/a/b"));
        assert_eq!(remote.kept_as("refs/tags/a"), None);
        assert!(remote.keeps("refs/remotes/origin/main") && remote.keeps("refs/remotes/y"));
        assert!(!remote.keeps("refs/remotes/other/main") && !remote.keeps("refs/remotes/y/z"));
    }
}
