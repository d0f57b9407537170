//! What is done by the clock and not because of a leak: credentials that have become as old as their schedule lets them are
//! rotated, and tokens that carry our label and are nobody's are swept.
//!
//! What is due follows from the journal, so it is the same after a restart, and for every daemon that shares it. One
//! rotation is begun at a time, and none while the clock jumps.

use super::carry::jitter;
use super::house::House;
use super::{chain_of, millis};
use crate::alert::words;
use crate::clock::Clock as _;
use crate::config::operator::Managed as Entry;
use crate::inventory::Managed;
use crate::journal::{Journal as _, JournalError};
use crate::model::{Credential, FingerprintKey, RotationId};
use crate::rotation::{Due, Plan, Purpose, Stage, State, due};
use crate::runner::{self, RunError};
use crate::triage::schedule::{Evenness, Past, Turn, turn};
use crate::wiring::mending::Mending;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(5);
/// Between two rotations that are begun by their schedule.
const APART: Duration = Duration::from_secs(60);
/// Scheduled cases that may wait for people at the same time: more are a storm, not a list.
const WAITING: usize = 10;
/// One that cannot be begun is tried again after this.
const AGAIN: Duration = Duration::from_secs(600);
/// The first sweep comes so long after the start, at most.
const FIRST: Duration = Duration::from_secs(300);

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the journal does not work")]
    Journal(#[from] JournalError),
    #[error("a case cannot be read or opened")]
    Case(#[from] RunError),
    #[error("{0}")]
    Spared(String),
    #[error("{0}")]
    Unread(String),
}

/// Goes its rounds.
pub(super) struct Rounds {
    house: Arc<House>,
    key: FingerprintKey,
    /// Cases that are closed, which never change; none of them where it replaced nothing.
    closed: BTreeMap<RotationId, Option<Past>>,
    clock: Evenness,
    /// By the monotonic clock, as are the next three.
    next_rotation: u64,
    next_sweep: Option<u64>,
    /// Credentials that could not be begun, and when they are tried again.
    spared: BTreeMap<String, u64>,
}

/// What the journal holds of a credential with a schedule.
#[derive(Default)]
struct Known {
    past: BTreeMap<String, Vec<Past>>,
    /// Scheduled cases that go on by themselves, and those that wait for a person.
    moving: usize,
    waiting: usize,
}

impl Rounds {
    pub(super) async fn begin(house: Arc<House>, key: FingerprintKey) {
        let mut this = Self {
            house,
            key,
            closed: BTreeMap::new(),
            clock: Evenness::default(),
            next_rotation: 0,
            next_sweep: None,
            spared: BTreeMap::new(),
        };
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !this.house.stopping.load(Ordering::SeqCst) {
            looks.tick().await;
            let config = this.house.config();
            if let Err(error) = this.rotate(&config).await {
                tracing::warn!(error = chain_of(&error), "what is due by its schedule is not known");
            }
            this.sweep(&config).await;
        }
    }

    fn monotonic(&self) -> u64 {
        self.house.clock.monotonic()
    }

    /// Begins the rotation that is due, if there is one and nothing speaks against it.
    async fn rotate(&mut self, config: &Mending) -> Result<(), RoundError> {
        let (now, monotonic) = (self.house.clock.now(), self.monotonic());
        let is_even = self.clock.look(now, monotonic);
        let entries = config.operator.credentials.iter();
        let scheduled: Vec<(&String, Duration)> =
            entries.filter_map(|(name, entry)| Some((name, entry.value.rotate.as_ref()?.every.0))).collect();
        if scheduled.is_empty() || !is_even || monotonic < self.next_rotation {
            return Ok(());
        }
        // A schedule of days needs no replay of every open case each few seconds.
        let shortest = scheduled.iter().map(|(_, every)| *every).min().unwrap_or(APART);
        self.next_rotation = monotonic.saturating_add(millis((shortest / 100).clamp(LOOK, APART)));
        let known = self.known(&scheduled).await?;
        if known.moving > 0 || known.waiting >= WAITING {
            return Ok(());
        }
        for (name, every) in scheduled {
            let past = known.past.get(name).map(Vec::as_slice).unwrap_or_default();
            let again = self.spared.get(name).copied().unwrap_or(0);
            if turn(every, name, past, now) != Turn::Due || monotonic < again {
                continue;
            }
            match self.open(config, name).await {
                Ok(case) => {
                    tracing::info!(%case, credential = name, "a credential is due by its schedule");
                    let apart = millis(APART);
                    self.next_rotation = monotonic.saturating_add(apart).saturating_add(jitter(apart / 4));
                    return Ok(());
                }
                // A case of a leak was opened at this very moment.
                Err(RoundError::Case(RunError::Journal(JournalError::Active { .. }))) => {}
                Err(error) => {
                    tracing::warn!(credential = name, error = chain_of(&error), "it is due and cannot be begun yet");
                    self.spared.insert(name.clone(), monotonic.saturating_add(millis(AGAIN)));
                }
            }
        }
        Ok(())
    }

    async fn known(&mut self, scheduled: &[(&String, Duration)]) -> Result<Known, RoundError> {
        let mut known = Known::default();
        for listed in self.house.journal.list().await? {
            if !scheduled.iter().any(|(name, _)| **name == listed.credential) {
                continue;
            }
            if let Some(past) = self.closed.get(&listed.rotation) {
                known.past.entry(listed.credential).or_default().extend(past);
                continue;
            }
            let state = runner::replay(&self.house.journal, &listed.rotation).await?;
            if state.plan.purpose.is_sweep() {
                if matches!(state.stage, Stage::Closed(_)) {
                    self.closed.insert(listed.rotation, None);
                }
                continue;
            }
            if state.plan.purpose == Purpose::Schedule {
                self.count(&state, &mut known);
            }
            let past = past_of(&state);
            if past.ended.is_some() {
                self.closed.insert(listed.rotation, Some(past));
            }
            known.past.entry(listed.credential).or_default().push(past);
        }
        Ok(known)
    }

    fn count(&self, state: &State, known: &mut Known) {
        match due(state, self.house.clock.now()) {
            Due::Rest(_) => {}
            Due::Ask(_) => known.waiting += 1,
            _ => known.moving += 1,
        }
    }

    /// Opens a case that nobody has asked for; the loop carries it. Never an emergency.
    async fn open(&self, config: &Mending, name: &str) -> Result<RotationId, RoundError> {
        let unread = |error: &dyn std::error::Error| RoundError::Unread(chain_of(error));
        let managed = config.managed(name).await.map_err(|error| unread(&error))?;
        let (token, secret) = managed.current().await.map_err(|error| unread(&error))?;
        if let Some(why) = self.spared(config, &managed, &secret).await {
            return Err(RoundError::Spared(why));
        }
        let told = |state: &State, event: &crate::rotation::Event| self.house.event(state, event);
        let runner = config.runner(&managed, &told, None, &self.house.stopping);
        let id = config.journal.next_id().await?;
        // The machine opens it, so nobody is its author.
        let consent = config.operator.consent(name, None);
        let plan = Plan { consent, purpose: Purpose::Schedule, ..managed.plan(id, self.house.clock.now(), false) };
        let old = Credential { token, secret: Some(secret), ..Credential::default() };
        Ok(runner.open(plan, &old).await?)
    }

    /// Why a token is not for the machine to rotate.
    async fn spared(&self, config: &Mending, managed: &Managed, secret: &crate::model::Secret) -> Option<String> {
        let print = self.key.fingerprint(secret);
        let marked = config.operator.credentials.get(&managed.name).is_some_and(|entry| entry.value.honeytoken);
        if marked || config.operator.is_honeytoken(&managed.kind, &print) {
            return Some("it is a honeytoken, and is never touched".to_owned());
        }
        let own = config.own();
        if let Some(what) = own.find(secret) {
            return Some(format!("stanch itself uses it for {what}, so a person rotates it, last"));
        }
        if let Some(error) = own.unread() {
            return Some(format!("it is not known whether stanch itself uses it: {}", chain_of(error)));
        }
        let others = config.candidates(&managed.kind, Some(&managed.name)).await;
        let other = others.holders(secret).first().map(|name| (*name).to_owned())?;
        Some(format!("'{other}' holds the same token: make them one credential"))
    }

    /// Looks for strays of every credential that can be swept, when it is time.
    async fn sweep(&mut self, config: &Mending) {
        let every = config.operator.daemon.sweep();
        let (monotonic, span) = (self.monotonic(), millis(every));
        if every.is_zero() {
            return;
        }
        let first = millis(FIRST).min(span);
        let next = *self.next_sweep.get_or_insert_with(|| monotonic.saturating_add(jitter(first)));
        if monotonic < next {
            return;
        }
        for (name, entry) in &config.operator.credentials {
            if self.house.stopping.load(Ordering::SeqCst) {
                return;
            }
            if let Err(error) = self.look(config, name, &entry.value).await {
                tracing::warn!(credential = name, error = chain_of(&error), "strays cannot be looked for");
            }
        }
        self.next_sweep = Some(self.monotonic().saturating_add(span).saturating_add(jitter(span / 10)));
    }

    async fn look(&self, config: &Mending, name: &str, entry: &Entry) -> Result<(), RoundError> {
        if entry.honeytoken {
            return Ok(());
        }
        let managed = config.managed(name).await.map_err(|error| RoundError::Unread(chain_of(&error)))?;
        if let Some(why) = runner::unable(&managed) {
            tracing::debug!(credential = name, why, "not swept");
            return Ok(());
        }
        let now = self.house.clock.now();
        let seen = runner::look(&config.journal, &managed, now).await;
        let seen = seen.map_err(|error| RoundError::Unread(chain_of(&error)))?;
        if !seen.strangers.is_empty() {
            tracing::warn!(credential = name, count = seen.strangers.len(), "tokens of another installation of stanch");
            self.house.voices.tell(&words::strangers(name, &seen.strangers, now)).await;
        }
        if seen.strays.is_empty() {
            return Ok(());
        }
        let id = config.journal.next_id().await?;
        let consent = config.operator.consent(name, None);
        let plan = runner::sweep_plan(&managed, id, seen.strays, config.operator.daemon.quarantine(), now);
        let told = |state: &State, event: &crate::rotation::Event| self.house.event(state, event);
        match config.runner(&managed, &told, None, &self.house.stopping).open_sweep(Plan { consent, ..plan }).await {
            Ok(case) => tracing::info!(%case, credential = name, "strays are swept"),
            Err(RunError::Journal(JournalError::Active { rotation })) => {
                tracing::debug!(case = %rotation, credential = name, "a sweep is open already");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn past_of(state: &State) -> Past {
    match state.stage {
        Stage::Closed(outcome) => Past { ended: Some((state.entered, outcome)) },
        _ => Past { ended: None },
    }
}
