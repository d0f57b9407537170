//! What is not scanned any more. A source whose every scan fails, or that cannot be listed, looks like one without leaks,
//! unless somebody says so.

use super::queue::Job;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A source is silent when nothing of it was scanned whole for so many times its interval.
const TIMES: u32 = 12;
/// A repository that is being scanned may take so long, whatever its interval.
const PATIENCE: Duration = Duration::from_secs(3600);
/// One that stays silent is told of again so often.
const AGAIN: Duration = Duration::from_secs(24 * 3600);

/// When one repository was scanned whole last, by the monotonic clock.
#[derive(Debug)]
struct Repository {
    last: u64,
    running: bool,
    /// It is silent: only a scan that ends whole is the end of that.
    silent: bool,
}

/// One source of the configuration.
#[derive(Debug)]
struct Standing {
    every: Duration,
    /// When its repositories were listed last; none for what lies on this machine.
    listed: Option<u64>,
    repositories: BTreeMap<String, Repository>,
    /// Since when it is silent and how often that was told.
    told: Option<(u64, u64)>,
}

/// What there is to tell of a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing complete for this long.
    Silent { source: String, what: String, lasted: Duration, limit: Duration },
    /// Whole again.
    Back { source: String, lasted: Duration },
}

/// Every source that is watched.
#[derive(Debug, Default)]
pub(super) struct Silences {
    sources: Mutex<BTreeMap<String, Standing>>,
}

impl Silences {
    fn sources(&self) -> MutexGuard<'_, BTreeMap<String, Standing>> {
        // Nothing under the lock panics half-way through a change.
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This source is watched, from now on or still: what lies on this machine is one repository, the others are listed.
    pub(super) fn expect(&self, source: &str, every: Duration, here: Option<&str>, now: u64) {
        let mut sources = self.sources();
        let standing = sources.entry(source.to_owned()).or_insert_with(|| Standing {
            every,
            listed: None,
            repositories: BTreeMap::new(),
            told: None,
        });
        standing.every = every;
        match here {
            Some(here) => {
                standing.listed = None;
                standing.repositories.retain(|name, _| name == here);
                standing.repositories.entry(here.to_owned()).or_insert(Repository {
                    last: now,
                    running: false,
                    silent: false,
                });
            }
            None => standing.listed = Some(standing.listed.unwrap_or(now)),
        }
    }

    /// Only these are watched any more.
    pub(super) fn keep(&self, is_watched: impl Fn(&str) -> bool) {
        self.sources().retain(|source, _| is_watched(source));
    }

    /// All repositories of a source, as they were just listed.
    pub(super) fn listed(&self, jobs: &[Job], source: &str, now: u64) {
        let mut sources = self.sources();
        let Some(standing) = sources.get_mut(source) else { return };
        standing.listed = Some(now);
        let mut before = std::mem::take(&mut standing.repositories);
        for job in jobs {
            let known =
                before.remove(&job.repository).unwrap_or(Repository { last: now, running: false, silent: false });
            standing.repositories.insert(job.repository.clone(), known);
        }
    }

    /// A scan begins.
    pub(super) fn begun(&self, job: &Job) {
        self.change(job, |known| known.running = true);
    }

    /// A scan ended; `whole` where nothing was left out.
    pub(super) fn ended(&self, job: &Job, whole: bool, now: u64) {
        self.change(job, |known| {
            known.running = false;
            if whole {
                (known.last, known.silent) = (now, false);
            }
        });
    }

    /// Another daemon scanned it whole.
    pub(super) fn was_whole(&self, job: &Job, at: u64) {
        self.change(job, |known| {
            if at > known.last {
                (known.last, known.silent) = (at, false);
            }
        });
    }

    fn change(&self, job: &Job, change: impl FnOnce(&mut Repository)) {
        let mut sources = self.sources();
        let known = sources.get_mut(&job.source).and_then(|standing| standing.repositories.get_mut(&job.repository));
        if let Some(known) = known {
            change(known);
        }
    }

    /// What is to be told now, once.
    pub(super) fn look(&self, now: u64) -> Vec<Change> {
        let mut sources = self.sources();
        sources.iter_mut().filter_map(|(source, standing)| standing.look(source, now)).collect()
    }
}

impl Standing {
    fn look(&mut self, source: &str, now: u64) -> Option<Change> {
        let limit = self.every.saturating_mul(TIMES);
        let lasted = |since: u64| Duration::from_millis(now.saturating_sub(since));
        let unlisted = self.listed.filter(|listed| lasted(*listed) > limit);
        let patience = |known: &Repository| if known.running && !known.silent { limit.max(PATIENCE) } else { limit };
        let over = |known: &Repository| lasted(known.last) > patience(known);
        for known in self.repositories.values_mut() {
            known.silent = over(known);
        }
        let silent: Vec<_> = self.repositories.iter().filter(|(_, known)| known.silent).collect();
        let oldest = silent.iter().map(|(_, known)| known.last).chain(unlisted).min();
        let Some(since) = oldest else {
            let (since, _) = self.told.take()?;
            return Some(Change::Back { source: source.to_owned(), lasted: lasted(since) });
        };
        let (since, times) = self.told.map_or((since, 0), |(first, times)| (first.min(since), times));
        if lasted(since).saturating_sub(limit) < AGAIN.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX)) {
            return None;
        }
        self.told = Some((since, times.saturating_add(1)));
        let what = match (unlisted, silent.as_slice()) {
            (Some(_), _) => format!("list of the repositories of {source}"),
            (None, [(name, _)]) => format!("complete scan of {source} ({name})"),
            (None, [(name, _), more @ ..]) => format!("complete scan of {source} ({name} and {} more)", more.len()),
            (None, []) => format!("complete scan of {source}"),
        };
        Some(Change::Silent { source: source.to_owned(), what, lasted: lasted(since), limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> Job {
        Job { source: "acme".into(), repository: name.into() }
    }

    #[test]
    fn silence_is_told_once_a_day_and_its_end_once() {
        let (silences, every) = (Silences::default(), Duration::from_secs(60));
        silences.expect("acme", every, Some("here"), 0);
        assert_eq!(silences.look(720_000), []);
        let silent = |lasted| Change::Silent {
            source: "acme".into(),
            what: "complete scan of acme (here)".into(),
            lasted: Duration::from_millis(lasted),
            limit: Duration::from_secs(720),
        };
        assert_eq!(silences.look(720_001), [silent(720_001)]);
        assert_eq!(silences.look(721_000), []);
        silences.begun(&job("here"));
        assert_eq!(silences.look(721_500), [], "to begin is not to be back");
        silences.ended(&job("here"), false, 722_000);
        assert_eq!(silences.look(86_400_000), [], "a scan that left something out changes nothing");
        assert_eq!(silences.look(720_000 + 86_400_000), [silent(720_000 + 86_400_000)]);
        silences.ended(&job("here"), true, 90_000_000);
        let back = Change::Back { source: "acme".into(), lasted: Duration::from_millis(90_000_000) };
        assert_eq!((silences.look(90_000_000), silences.look(90_000_001)), (vec![back], vec![]));
        silences.keep(|_| false);
        assert_eq!(silences.look(u64::MAX), []);
    }

    #[test]
    fn one_silent_repository_among_many_is_named_and_a_long_scan_may_be_long() {
        let (silences, every) = (Silences::default(), Duration::from_secs(1));
        silences.expect("acme", every, None, 0);
        silences.listed(&[job("a"), job("b"), job("c")], "acme", 10_000);
        silences.ended(&job("a"), true, 11_000);
        silences.begun(&job("c"));
        silences.listed(&[job("a"), job("b"), job("c")], "acme", 22_500);
        let told = silences.look(22_500);
        assert!(matches!(told.as_slice(), [Change::Silent { what, .. }] if what.ends_with("(b)")), "{told:?}");
        silences.listed(&[job("a"), job("c")], "acme", 22_900);
        let told = silences.look(22_900);
        assert!(matches!(told.as_slice(), [Change::Back { .. }]), "what is gone is not missed: {told:?}");
        silences.ended(&job("a"), true, 3_700_000);
        silences.listed(&[job("a"), job("c")], "acme", 3_700_000);
        let told = silences.look(3_700_000);
        assert!(matches!(told.as_slice(), [Change::Silent { what, .. }] if what.ends_with("(c)")), "{told:?}");
        let told = {
            silences.listed(&[job("a")], "acme", 3_700_000);
            silences.look(3_700_001)
        };
        assert!(matches!(told.as_slice(), [Change::Back { .. }]), "{told:?}");
        let told = silences.look(3_800_000);
        assert!(matches!(told.as_slice(), [Change::Silent { what, .. }] if what.starts_with("list of")), "{told:?}");
    }
}
