//! What every part of the daemon shares.

use super::chain_of;
use super::metrics::Metrics;
use super::silence::Silences;
use super::tell::{self, Voices};
use crate::alert::Notice;
use crate::clock::{Clock as _, SystemClock};
use crate::journal::durable::DurableJournal;
use crate::model::{RotationId, Sighting, Verdict};
use crate::report::timeline;
use crate::rotation::{Event, Stage, State};
use crate::runner;
use crate::triage::Decision;
use crate::wiring::mending::Mending;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{Notify, mpsc};

/// A leak that is news.
pub(super) struct News<'a> {
    pub(super) source: &'a str,
    pub(super) sighting: &'a Sighting,
    pub(super) decision: &'a Decision,
    pub(super) verdict: Option<&'a Verdict>,
    pub(super) credential: Option<&'a str>,
    pub(super) case: Option<&'a RotationId>,
    /// How it went past a hook, where a person let it pass.
    pub(super) bypass: Option<&'a str>,
}

/// The parts that outlive a reload, and the configuration, which does not.
pub(super) struct House {
    config: RwLock<Arc<Mending>>,
    pub(super) journal: DurableJournal,
    pub(super) clock: SystemClock,
    pub(super) holder: String,
    pub(super) metrics: Arc<Metrics>,
    /// Who is told.
    pub(super) voices: Voices,
    /// Cases of which there is something to tell.
    news: mpsc::Sender<RotationId>,
    /// What is not scanned any more.
    pub(super) silences: Silences,
    /// Why the configuration was not reloaded, if it was not.
    pub(super) refused: Mutex<Option<String>>,
    /// Told when a case closes.
    pub(super) closed: Notify,
    /// Why no checkpoint was published, if none could be.
    pub(super) unmarked: Mutex<Option<String>>,
    /// Set when everything is to come to a record.
    pub(super) stopping: AtomicBool,
    /// Rung when a case was opened here: it is not left to the next turn.
    pub(super) opened: Notify,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl House {
    /// And what there is to tell of cases.
    pub(super) fn new(mending: Mending) -> (Self, mpsc::Receiver<RotationId>) {
        let (news, told) = mpsc::channel(tell::MOST);
        let house = Self {
            metrics: Arc::new(Metrics::new(mending.clock.now())),
            voices: Voices::none(),
            news,
            silences: Silences::default(),
            refused: Mutex::default(),
            closed: Notify::new(),
            unmarked: Mutex::default(),
            journal: mending.journal.clone(),
            clock: mending.clock,
            holder: mending.holder().to_owned(),
            stopping: AtomicBool::new(false),
            opened: Notify::new(),
            config: RwLock::new(Arc::new(mending)),
        };
        (house, told)
    }

    /// The configuration in force. Whoever works with it keeps it to the end of that work.
    pub(super) fn config(&self) -> Arc<Mending> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another one into force.
    pub(super) fn adopt(&self, mending: Mending) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(mending);
    }

    /// One durable event of a case.
    pub(super) fn event(&self, state: &State, event: &Event) {
        if self.news.try_send(state.plan.rotation.clone()).is_err() {
            tracing::debug!("what happens is told with the next event of its case");
        }
        if matches!(state.stage, Stage::Closed(_)) {
            self.closed.notify_one();
        }
        let (case, stage) = (state.plan.rotation.as_str(), runner::stage_word(&state.stage));
        match timeline::line(state, event) {
            Some(line) => tracing::info!(case, stage, what = line.what, evidence = line.evidence, "case"),
            None => tracing::debug!(case, stage, "case"),
        }
    }

    /// A leak that nobody knew of, and what is done about it; what is to be told, if its case does not tell.
    pub(super) fn leak(&self, news: &News<'_>) -> Option<Notice> {
        self.metrics.found(news.sighting.severity, news.verdict);
        tracing::warn!(
            source = news.source,
            kind = news.sighting.kind.as_str(),
            fingerprint = news.sighting.fingerprint.short(),
            place = %news.sighting.place,
            verdict = news.verdict.map(Verdict::word),
            credential = news.credential,
            case = news.case.map(RotationId::as_str),
            decision = news.decision.words(),
            bypass = news.bypass,
            "leak"
        );
        tell::of_leak(news, &self.config(), self.clock.now())
    }

    /// This process runs nothing here any more.
    pub(super) async fn give_back(&self) {
        if let Err(error) = self.journal.stop_attending(&self.holder).await {
            tracing::warn!(error = chain_of(&error), "the attendance was not given back; it ends with this process");
        }
    }

    /// Notes why a case is not carried on, or that it is.
    pub(super) async fn trouble(&self, case: &RotationId, what: Option<&str>) {
        if let Err(error) = self.journal.trouble(case, what, self.clock.now()).await {
            tracing::warn!(%case, error = chain_of(&error), "the state of a case could not be noted");
        }
    }
}
