//! Repositories elsewhere: which there are, what webhooks named of them, and their mirrors on this machine.

use super::queue::Job;
use crate::fetch::{FetchError, Mirror, Mirrors, Named, Remote};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Objects that are remembered of the calls about one repository until it is fetched.
const MOST_OBJECTS: usize = 64;

/// One repository elsewhere.
struct Known {
    remote: Remote,
    /// Objects that webhooks named and that were not asked for yet.
    wanted: BTreeSet<String>,
    /// Somebody called about it since it was fetched last.
    called: bool,
    /// When a fetch found a change that nobody had called about, by the monotonic clock.
    unannounced: Option<u64>,
}

/// All of them.
pub(super) struct Afar {
    mirrors: Mirrors,
    known: Mutex<BTreeMap<Job, Known>>,
}

/// The job of a remote.
pub(super) fn job_of(remote: &Remote) -> Job {
    Job { source: remote.whose().to_owned(), repository: remote.name().to_owned() }
}

impl Afar {
    pub(super) fn new(mirrors: Mirrors) -> Self {
        Self { mirrors, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Job, Known>> {
        // Nothing under the lock panics half-way through a change.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are the repositories of a source now.
    pub(super) fn found(&self, source: &str, remotes: Vec<Remote>) {
        let mut known = self.known();
        let jobs: BTreeSet<Job> = remotes.iter().map(job_of).collect();
        known.retain(|job, _| job.source != source || jobs.contains(job));
        for remote in remotes {
            let job = job_of(&remote);
            let fresh = match known.remove(&job) {
                Some(before) => Known { remote, ..before },
                None => Known { remote, wanted: BTreeSet::new(), called: false, unannounced: None },
            };
            known.insert(job, fresh);
        }
    }

    /// The repositories of a source that a webhook is about; what it names of them is asked for at the next fetch.
    pub(super) fn named(&self, source: &str, named: &Named) -> Vec<Job> {
        let mut known = self.known();
        let about = known.iter_mut().filter(|(job, known)| job.source == source && known.remote.is(named));
        about
            .map(|(job, known)| {
                let room = MOST_OBJECTS.saturating_sub(known.wanted.len());
                known.wanted.extend(named.objects.iter().take(room).cloned());
                (known.called, known.unannounced) = (true, None);
                job.clone()
            })
            .collect()
    }

    /// The repositories of a source where a fetch before this moment found what no call told of, each once.
    pub(super) fn missed(&self, source: &str, before: u64) -> Vec<Job> {
        let mut known = self.known();
        let silent = known.iter_mut().filter(|(job, _)| job.source == source);
        silent.filter_map(|(job, known)| known.unannounced.take_if(|at| *at <= before).map(|_| job.clone())).collect()
    }

    /// Brings a repository here; none when it is not one of ours any more. `now` is of the monotonic clock.
    pub(super) async fn refresh(&self, job: &Job, now: u64) -> Result<Option<(Remote, Mirror)>, FetchError> {
        let taken = self.known().get_mut(job).map(|known| {
            let wanted = std::mem::take(&mut known.wanted);
            (known.remote.clone(), wanted, std::mem::take(&mut known.called))
        });
        let Some((remote, wanted, called)) = taken else { return Ok(None) };
        let objects: Vec<String> = wanted.iter().cloned().collect();
        match self.mirrors.refresh(&remote, &objects).await {
            Ok(mirror) => {
                if !called && !mirror.before.is_empty() && mirror.before != mirror.after {
                    self.unannounced(job, now);
                }
                if !mirror.missing.is_empty() {
                    let missing = mirror.missing.len();
                    tracing::warn!(
                        missing,
                        "objects that a webhook named are not given by the server: they were not read"
                    );
                }
                Ok(Some((remote, mirror)))
            }
            Err(error) => {
                if let Some(known) = self.known().get_mut(job) {
                    known.wanted.extend(wanted);
                    known.called |= called;
                }
                Err(error)
            }
        }
    }

    /// A call that came while it was fetched told of it too.
    fn unannounced(&self, job: &Job, now: u64) {
        if let Some(known) = self.known().get_mut(job).filter(|known| !known.called) {
            known.unannounced = known.unannounced.or(Some(now));
        }
    }

    /// All of a mirror was read.
    pub(super) async fn settle(&self, remote: &Remote, mirror: &Mirror) -> Result<(), FetchError> {
        self.mirrors.settle(remote, mirror).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Limits;
    use std::path::Path;

    #[tokio::test]
    async fn a_call_is_about_what_its_source_has_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let afar = Afar::new(Mirrors::new(folder.path(), Path::new("stanch"), Limits::default()).unwrap());
        let remote = |whose, url| Remote::new(whose, url, None, None).unwrap();
        afar.found(
            "shop",
            vec![remote("shop", "https://forge.invalid/acme/shop"), remote("shop", "https://forge.invalid/acme/site")],
        );
        afar.found("other", vec![remote("other", "https://forge.invalid/acme/shop")]);
        let named = Named { name: "Acme/Shop".into(), urls: Vec::new(), objects: vec!["ab".into(); 3] };
        let shop = Job { source: "shop".into(), repository: "acme/shop".into() };
        assert_eq!(afar.named("shop", &named), std::slice::from_ref(&shop));
        assert_eq!(afar.known()[&shop].wanted.len(), 1);
        afar.found("shop", vec![remote("shop", "https://forge.invalid/acme/shop")]);
        assert_eq!(afar.known()[&shop].wanted.len(), 1, "what was named is still wanted");
        let site = Job { source: "shop".into(), repository: "acme/site".into() };
        assert!(afar.refresh(&site, 0).await.unwrap().is_none());
        afar.unannounced(&shop, 7);
        assert!(afar.missed("shop", 9).is_empty(), "it was called about");
        afar.known().get_mut(&shop).unwrap().called = false;
        afar.unannounced(&shop, 7);
        assert!(afar.missed("shop", 6).is_empty() && afar.missed("other", 9).is_empty());
        assert_eq!(afar.missed("shop", 7), std::slice::from_ref(&shop));
        assert!(afar.missed("shop", 9).is_empty(), "counted once");
        afar.unannounced(&shop, 7);
        afar.named("shop", &named);
        assert!(afar.missed("shop", 9).is_empty(), "the call came late");
        let foreign = Named { name: "evil/shop".into(), urls: Vec::new(), objects: Vec::new() };
        assert!(afar.named("shop", &foreign).is_empty());
    }
}
