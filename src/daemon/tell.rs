//! Who is told of what happens. What is told of a case is made from its journal, again after every event and after every
//! start: whatever was cut off is told the next time, and nothing is told twice, because every notice has its key.

use super::chain_of;
use super::delivery::Delivery;
use super::ends::Ends;
use super::house::{House, News};
use super::silence::Change;
use crate::alert::{Notice, words};
use crate::clock::Clock as _;
use crate::config::operator::{Operator, Provider};
use crate::journal::{Journal as _, Record};
use crate::ledger::Leaks;
use crate::model::RotationId;
use crate::rotation::{self, Old, State};
use crate::triage::{Decision, Why};
use crate::wiring::mending::Mending;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Cases whose events wait to be told; a case that finds no room is told of with its next event, or with the next look.
pub(super) const MOST: usize = 1024;
/// How often it is looked for what waits for a person, who is reminded.
const LOOK: Duration = Duration::from_secs(60);

/// What happens to a case within this time is told together: its journal is read once for all of it.
const GATHERING: Duration = Duration::from_millis(100);

/// How often it is looked for sources that are not scanned any more.
const PULSE: Duration = Duration::from_secs(1);

/// A case that ended since then is told of again at a start, and so many of the last ones are looked at.
const SHORTLY: Duration = Duration::from_secs(3600);
const LAST: usize = 50;

/// The sinks in force, and how the ones before them are ended.
pub(super) struct Voices {
    now: RwLock<Option<(Arc<Delivery>, watch::Sender<bool>)>>,
}

impl Voices {
    pub(super) fn none() -> Self {
        Self { now: RwLock::new(None) }
    }

    /// These sinks take the place of those before, whose messages stay in the outbox until somebody takes them.
    pub(super) fn adopt(&self, delivery: Arc<Delivery>) {
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(Arc::clone(&delivery).run(stopped));
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, stop)) = now.replace((delivery, stop)) {
            stop.send_replace(true);
        }
    }

    /// Nothing is delivered any more; what was put waits.
    pub(super) fn end(&self) {
        if let Some((_, stop)) = self.now.write().unwrap_or_else(PoisonError::into_inner).take() {
            stop.send_replace(true);
        }
    }

    fn delivery(&self) -> Option<Arc<Delivery>> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(delivery, _)| Arc::clone(delivery))
    }

    /// What is wrong with them, in words.
    pub(super) fn notes(&self) -> Vec<String> {
        self.delivery().map(|delivery| delivery.notes()).unwrap_or_default()
    }

    /// Tells; durable on return, delivered when that works.
    pub(super) async fn tell(&self, notice: &Notice) {
        if let Some(delivery) = self.delivery()
            && let Err(error) = delivery.tell(notice).await
        {
            tracing::error!(key = notice.key, error = chain_of(&error), "something could not be told yet");
        }
    }
}

/// The notice of a leak; none where its case tells of it.
pub(super) fn of_leak(news: &News<'_>, config: &Mending, now: crate::model::Timestamp) -> Option<Notice> {
    let next = match (news.decision, news.case) {
        (Decision::Open, Some(case)) if asks(config, news.credential) => words::Next::Asks(case.clone()),
        (Decision::Open, Some(case)) => words::Next::Rotates(case.clone()),
        (Decision::Report(Why::Unmanaged), _) => words::Next::Unmanaged,
        (Decision::Report(Why::Honeytoken), _) => {
            words::Next::Spared("it is a honeytoken, and is never touched".to_owned())
        }
        (Decision::Report(Why::Own(what)), _) => words::Next::Spared(format!(
            "stanch itself uses it for {what}, so a person replaces it, when no other case is open"
        )),
        (Decision::Report(_), _) => words::Next::Reported,
        (Decision::Attach(_) | Decision::Dead(_) | Decision::Open, _) => return None,
    };
    let entry = news.credential.and_then(|name| config.operator.credentials.get(name));
    let used_by: Vec<String> = entry
        .map(|entry| entry.value.dependents.iter().map(|one| one.value.name.clone()).collect())
        .unwrap_or_default();
    let short = news.sighting.fingerprint.short();
    let leak = words::Leak {
        fingerprint: &short,
        kind: &news.sighting.kind,
        credential: news.credential,
        verdict: news.verdict,
        also: news.sighting.also.len(),
        place: &news.sighting.place,
        source: news.source,
        who: None,
        bypass: news.bypass,
        used_by: &used_by,
        next,
        seen: now,
    };
    Some(words::leak(&leak, now, config.operator.daemon.link.as_deref()))
}

fn asks(config: &Mending, credential: Option<&str>) -> bool {
    use crate::config::policy::When;
    let entry = credential.and_then(|name| config.operator.credentials.get(name));
    entry.is_none_or(|entry| entry.value.policy.when != When::Automatic)
}

/// Tells of cases.
pub(super) struct Teller {
    house: Arc<House>,
    leaks: Leaks,
    /// Records of a case that were told of.
    told: BTreeMap<RotationId, usize>,
    ends: Ends,
}

impl Teller {
    /// What is open now was told of by the process before, or is now, and is not counted as news.
    pub(super) async fn begin(house: Arc<House>, leaks: Leaks, mut news: mpsc::Receiver<RotationId>) {
        let ends = Ends::new(Arc::clone(&house));
        let mut this = Self { house, leaks, told: BTreeMap::new(), ends };
        for case in this.recent().await {
            this.story(&case, false).await;
        }
        let mut looks = tokio::time::interval(LOOK);
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                case = news.recv() => match case {
                    Some(case) => this.stories(case, &mut news).await,
                    None => return,
                },
                _ = looks.tick() => this.remind().await,
                _ = pulse.tick() => this.silences().await,
            }
        }
    }

    /// Tells of a case, and of all others of which there is news within a moment.
    async fn stories(&mut self, case: RotationId, news: &mut mpsc::Receiver<RotationId>) {
        tokio::time::sleep(GATHERING).await;
        let more = std::iter::from_fn(|| news.try_recv().ok()).take(MOST);
        let cases: BTreeSet<RotationId> = std::iter::once(case).chain(more).collect();
        for case in &cases {
            self.story(case, true).await;
        }
    }

    /// Tells which sources are not scanned any more, and which are again.
    async fn silences(&self) {
        for change in self.house.silences.look(self.house.clock.monotonic()) {
            let now = self.house.clock.now();
            let notice = match change {
                Change::Silent { source, what, lasted, limit } => words::silence(&source, &what, lasted, limit, now),
                Change::Back { source, lasted } => words::resumed(&source, lasted, now),
            };
            tracing::warn!(what = notice.text, "dead man");
            self.house.voices.tell(&notice).await;
        }
    }

    async fn open(&self) -> Vec<RotationId> {
        match self.house.journal.open_ones(self.house.clock.now()).await {
            Ok(open) => open.into_iter().map(|standing| standing.listed.rotation).collect(),
            Err(error) => {
                tracing::warn!(error = chain_of(&error), "the open cases cannot be listed to tell of them");
                Vec::new()
            }
        }
    }

    /// What is open, and what ended so shortly ago that the process before may not have told of it any more.
    async fn recent(&self) -> Vec<RotationId> {
        let mut cases = self.open().await;
        let now = self.house.clock.now();
        let all = self.house.journal.list().await.unwrap_or_default();
        for ended in all.into_iter().rev().filter(|listed| !listed.open).take(LAST) {
            let last = self.records(&ended.rotation).await.last().map(|record| record.event.at);
            if last.is_some_and(|last| now.since(last) < SHORTLY) {
                cases.push(ended.rotation);
            }
        }
        cases
    }

    async fn records(&self, case: &RotationId) -> Vec<Record> {
        self.house.journal.replay(case).await.unwrap_or_else(|error| {
            self.house.metrics.journal_failed();
            tracing::warn!(%case, error = chain_of(&error), "a case cannot be read to tell of it");
            Vec::new()
        })
    }

    /// Tells what came since. `counts` says that it is news for the numbers too.
    async fn story(&mut self, case: &RotationId, counts: bool) {
        let records = self.records(case).await;
        let told = self.told.get(case).copied().unwrap_or(0);
        let config = self.house.config();
        let link = config.operator.daemon.link.as_deref();
        let mut before: Option<State> = None;
        for (number, record) in records.iter().enumerate() {
            let after = match &before {
                None => rotation::open(&record.event),
                Some(before) => rotation::apply(before, &record.event),
            };
            let Ok(after) = after else { return };
            if number >= told {
                if let Some(notice) = words::event(before.as_ref(), &record.event, &after, link) {
                    self.house.voices.tell(&notice).await;
                }
                if counts {
                    let provider = driver(&config.operator, &after.plan.credential);
                    self.house.metrics.told(provider, before.as_ref(), &record.event, &after);
                }
            }
            before = Some(after);
        }
        self.told.insert(case.clone(), records.len());
        if let Some(state) = before {
            self.learn(case, &state).await;
        }
    }

    /// What a case found out about the token is true of the leaks that it was opened for.
    async fn learn(&self, case: &RotationId, state: &State) {
        let verdict = match &state.old {
            Old::Live(_) => "live",
            Old::Dead(_) => "dead",
            Old::Unasked | Old::Ending(_) => return,
        };
        if let Err(error) = self.leaks.learned(case, verdict).await {
            tracing::warn!(%case, error = chain_of(&error), "what is known of a leak could not be noted");
        }
    }

    /// Whoever has to decide is told again after a while; and the numbers of what is open.
    async fn remind(&mut self) {
        let (config, now) = (self.house.config(), self.house.clock.now());
        let mut states = Vec::new();
        let open = self.open().await;
        // The word of its last event may still be on its way when a case is seen closed: it is not forgotten at once.
        self.told.retain(|case, _| open.contains(case));
        for case in open {
            let records = self.records(&case).await;
            if records.len() > self.told.get(&case).copied().unwrap_or(0) {
                self.story(&case, true).await;
            }
            let Ok(state) = crate::runner::fold(&records) else { continue };
            if let Some(notice) = words::standing(&state, now, config.operator.daemon.link.as_deref()) {
                self.house.voices.tell(&notice).await;
            }
            self.ends.read(&state, &records);
            states.push(state);
        }
        self.house.metrics.cases(&states, now);
        self.ends.look().await;
    }
}

fn driver(operator: &Operator, credential: &str) -> &'static str {
    match operator.credentials.get(credential).map(|entry| &entry.value.provider) {
        Some(Provider::Http { .. }) => "http",
        Some(Provider::AwsIam { .. }) => "aws-iam",
        Some(Provider::Postgres { .. }) => "postgres",
        Some(Provider::Redis { .. }) => "redis",
        Some(Provider::VaultDatabase { .. }) => "vault-database",
        None => "unknown",
    }
}
