//! Open rotations: each one that can go on is carried by a task of its own, at the start and ever after. One that rests
//! is left alone until somebody has a word for it; one that cannot be carried is tried again and never forgotten. Where
//! several daemons share a journal, each takes up what nobody holds, and what a daemon held that fell silent.

use super::chain_of;
use super::house::House;
use crate::clock::Clock as _;
use crate::journal::{FORMAT, Journal as _, JournalError, Lease, Position, Standing};
use crate::model::{RotationId, Timestamp};
use crate::rotation::{self, Due};
use crate::runner::{self, Rest, RunError};
use crate::wiring::mending::Mending;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// Rotations that are carried at the same time. One that waits for longer than this is none of them: it is let go, taken
/// up again when its time has come, and stands in nobody's way.
const MOST: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(30);
/// Of those, how many are taken up at once: after a failure of many, other daemons get their share.
const TAKEN: usize = 32;
/// How long one is held before it is run, which holds it anew.
const HELD: Duration = Duration::from_secs(120);
/// The first wait after a failure, and the longest.
const SOON: u64 = 1_000;
const LATEST: u64 = 60_000;
/// Those that are taken up together begin so far apart, in milliseconds.
const APART: u64 = 25;

/// How the last run of a rotation ended.
enum Ran {
    /// It rests, with so many records.
    Rested(u64),
    /// Another process runs it.
    Elsewhere,
    /// It goes on later.
    Unfinished,
    /// Nothing is due before then.
    Waits(Timestamp),
    /// It cannot be carried on.
    Failed(String),
}

/// What is known of one rotation from before.
#[derive(Default)]
struct Known {
    running: bool,
    /// It rested at so many records.
    rested: Option<u64>,
    failures: u32,
    /// By the monotonic clock.
    not_before: u64,
    /// By the wall clock, which is what rotations go by.
    waits: Option<Timestamp>,
    /// Words that waited when it was looked at last.
    words: u64,
}

/// Carries what is open.
pub(super) struct Carrier {
    house: Arc<House>,
    known: BTreeMap<RotationId, Known>,
    tasks: JoinSet<(RotationId, Ran)>,
    /// Which rotation a task carries, should it end without an answer.
    carried: BTreeMap<tokio::task::Id, RotationId>,
}

impl Carrier {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self { house, known: BTreeMap::new(), tasks: JoinSet::new(), carried: BTreeMap::new() }
    }

    /// After a change of the configuration, everything that failed is tried at once.
    pub(super) fn take_heart(&mut self) {
        for known in self.known.values_mut() {
            (known.failures, known.not_before) = (0, 0);
        }
    }

    /// Takes note of what ended, and begins what can go on.
    pub(super) async fn tick(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.note(ended).await;
        }
        let clock = &self.house.clock;
        let open = match self.house.journal.open_ones(clock.now()).await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(error = chain_of(&error), "the open cases cannot be listed");
                return;
            }
        };
        self.known.retain(|rotation, known| {
            known.running || open.iter().any(|standing| standing.listed.rotation == *rotation)
        });
        let now = (clock.monotonic(), clock.now());
        let (mut wanted, mut newer) = (Vec::new(), Vec::new());
        for standing in open {
            let held = standing.holder.as_ref().filter(|holder| **holder != self.house.holder);
            if held.is_some_and(|holder| !runner::has_ended(holder)) {
                continue;
            }
            if self.tasks.len().saturating_add(wanted.len()) >= MOST {
                tracing::warn!(running = MOST, "more cases are open than are carried at once; the others wait");
                break;
            }
            if wanted.len() >= TAKEN {
                break;
            }
            let rotation = standing.listed.rotation.clone();
            let known = self.known.entry(rotation.clone()).or_default();
            if standing.format > FORMAT {
                if known.rested.replace(standing.listed.records).is_none() {
                    newer.push(JournalError::Newer { rotation, found: standing.format, known: FORMAT });
                }
            } else if known.can_go_on(&standing, now) {
                wanted.push(standing);
            }
        }
        for error in newer {
            tracing::error!(error = chain_of(&error), "a case is left to a newer daemon");
        }
        self.take_up(wanted).await;
    }

    /// Takes up those of these that nobody takes at this moment.
    async fn take_up(&mut self, wanted: Vec<Standing>) {
        let lease = Lease { holder: self.house.holder.clone(), now: self.house.clock.now(), span: HELD, ended: None };
        let named: Vec<_> = wanted.iter().map(|one| (one.listed.rotation.clone(), one.holder.clone())).collect();
        let taken = match self.house.journal.take_up(&named, &lease).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(error = chain_of(&error), "open cases cannot be taken up yet");
                for standing in &wanted {
                    let known = self.known.entry(standing.listed.rotation.clone()).or_default();
                    // A word that came is looked at again as if it had just come.
                    known.words = 0;
                }
                return;
            }
        };
        let mut begun = 0;
        for standing in wanted {
            let rotation = &standing.listed.rotation;
            let known = self.known.entry(rotation.clone()).or_default();
            match taken.iter().find(|at| at.rotation == *rotation) {
                Some(at) => {
                    known.running = true;
                    let after = Duration::from_millis(begun * APART + u64::from(begun > 0) * jitter(APART));
                    begun += 1;
                    self.begin(standing, at.clone(), after);
                }
                None => known.words = 0,
            }
        }
    }

    fn begin(&mut self, standing: Standing, at: Position, after: Duration) {
        let (house, mending) = (Arc::clone(&self.house), self.house.config());
        let rotation = standing.listed.rotation.clone();
        let span = tracing::info_span!("case", case = %rotation);
        let carried = rotation.clone();
        let task = async move {
            tokio::time::sleep(after).await;
            let ran = carry(&house, &mending, &standing, &at).await;
            (carried, ran)
        };
        let handle = self.tasks.spawn(task.instrument(span));
        self.carried.insert(handle.id(), rotation);
    }

    async fn note(&mut self, ended: Result<(tokio::task::Id, (RotationId, Ran)), tokio::task::JoinError>) {
        let (rotation, ran) = match ended {
            Ok((task, ended)) => {
                self.carried.remove(&task);
                ended
            }
            Err(error) => match self.carried.remove(&error.id()) {
                Some(rotation) => (rotation, Ran::Failed("its task ended without an answer".to_owned())),
                None => return,
            },
        };
        let now = self.house.clock.monotonic();
        let known = self.known.entry(rotation.clone()).or_default();
        known.running = false;
        known.waits = None;
        match ran {
            Ran::Rested(records) => {
                (known.rested, known.failures, known.not_before) = (Some(records), 0, 0);
            }
            Ran::Unfinished => (known.failures, known.not_before) = (0, 0),
            Ran::Waits(until) => (known.failures, known.not_before, known.waits) = (0, 0, Some(until)),
            Ran::Elsewhere => known.not_before = now.saturating_add(SOON),
            Ran::Failed(why) => {
                let wait = SOON.saturating_mul(1 << known.failures.min(16)).min(LATEST);
                known.failures = known.failures.saturating_add(1);
                known.not_before = now.saturating_add(wait).saturating_add(jitter(wait / 4));
                tracing::error!(case = %rotation, why, retry_in_ms = wait, "a case cannot be carried on");
                self.house.trouble(&rotation, Some(&why)).await;
            }
        }
    }

    /// Every rotation stops after its current record; one that takes too long is cut off, which its journal survives.
    pub(super) async fn drain(&mut self, within: Duration) {
        self.house.stopping.store(true, Ordering::SeqCst);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "cases that did not come to a record in time are cut off");
            self.tasks.shutdown().await;
        }
    }
}

impl Known {
    /// A word that came since makes a failure worth another try at once, and ends a wait. `now` is of the monotonic clock
    /// and of the wall clock.
    fn can_go_on(&mut self, standing: &Standing, now: (u64, Timestamp)) -> bool {
        let new_words = standing.words > std::mem::replace(&mut self.words, standing.words);
        if self.running {
            return false;
        }
        let rests = self.rested == Some(standing.listed.records) && standing.words == 0;
        let waits = self.waits.is_some_and(|until| now.1 < until) && standing.words == 0;
        !rests && (new_words || (now.0 >= self.not_before && !waits))
    }
}

async fn carry(house: &House, mending: &Mending, standing: &Standing, at: &Position) -> Ran {
    let rotation = &standing.listed.rotation;
    let managed = match mending.managed(&standing.listed.credential).await {
        Ok(managed) => managed,
        Err(error) => {
            // Another daemon may be able to.
            if let Err(error) = mending.journal.release(at).await {
                tracing::debug!(error = chain_of(&error), "a case was not given back; its lease runs out");
            }
            return Ran::Failed(chain_of(&error));
        }
    };
    if standing.trouble.is_some() {
        house.trouble(rotation, None).await;
    }
    let told = |state: &crate::rotation::State, event: &crate::rotation::Event| house.event(state, event);
    let runner = mending.runner(&managed, &told, None, &house.stopping);
    match runner.run_with(PATIENCE, rotation, None).await {
        Ok((state, Rest::Stopped)) => match rotation::due(&state, house.clock.now()) {
            Due::Wait(until) => Ran::Waits(until),
            _ => Ran::Unfinished,
        },
        Ok((state, rest)) => {
            tracing::info!(stage = runner::stage_word(&state.stage), ?rest, "the case rests");
            // Somebody else may have gone on since.
            match mending.journal.replay(rotation).await {
                Ok(records) if runner::fold(&records).is_ok_and(|now| now == state) => {
                    Ran::Rested(records.len() as u64)
                }
                Ok(_) => Ran::Unfinished,
                Err(error) => Ran::Failed(chain_of(&error)),
            }
        }
        Err(RunError::Journal(JournalError::Held { .. } | JournalError::Fenced { .. })) => Ran::Elsewhere,
        Err(error) => Ran::Failed(chain_of(&error)),
    }
}

/// A random part, so that what failed together is not tried together.
pub(super) fn jitter(below: u64) -> u64 {
    let mut bytes = [0_u8; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes) % below.max(1),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Listed;

    const EARLY: Timestamp = Timestamp(0);

    fn standing(records: u64, words: u64) -> Standing {
        let listed = Listed {
            rotation: RotationId::new("C-0001"),
            credential: "shop".into(),
            open: true,
            opened: Timestamp(0),
            records,
        };
        Standing { listed, words, trouble: None, holder: None, format: FORMAT }
    }

    #[test]
    fn one_that_rests_is_left_alone_until_there_is_a_word_or_a_record() {
        let mut known = Known { rested: Some(4), ..Known::default() };
        assert!(!known.can_go_on(&standing(4, 0), (0, EARLY)));
        assert!(known.can_go_on(&standing(5, 0), (0, EARLY)));
        assert!(known.can_go_on(&standing(4, 1), (0, EARLY)));
        known.running = true;
        assert!(!known.can_go_on(&standing(4, 2), (0, EARLY)));
    }

    #[test]
    fn one_that_failed_is_tried_again_in_time_and_at_once_when_there_is_a_word() {
        let mut known = Known { failures: 3, not_before: 100, words: 1, ..Known::default() };
        assert!(!known.can_go_on(&standing(4, 1), (99, EARLY)), "the word was there before it failed");
        assert!(known.can_go_on(&standing(4, 1), (100, EARLY)));
        assert!(known.can_go_on(&standing(4, 2), (50, EARLY)));
    }

    #[test]
    fn one_that_waits_goes_on_when_its_time_has_come_or_when_there_is_a_word() {
        let waiting = || Known { waits: Some(Timestamp(500)), words: 1, ..Known::default() };
        assert!(!waiting().can_go_on(&standing(4, 0), (9, Timestamp(499))));
        assert!(waiting().can_go_on(&standing(4, 0), (9, Timestamp(500))));
        let mut known = waiting();
        assert!(known.can_go_on(&standing(4, 1), (9, EARLY)), "it came while the rotation was let go");
        known.not_before = 10;
        assert!(!known.can_go_on(&standing(4, 1), (9, EARLY)), "it failed since");
    }
}
