//! What every part of the daemon shares.

use super::chain_of;
use crate::clock::SystemClock;
use crate::journal::sqlite::SqliteJournal;
use crate::report::timeline;
use crate::rotation::{Event, State};
use crate::runner;
use crate::wiring::mending::Mending;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

/// The parts that outlive a reload, and the configuration, which does not.
pub(super) struct House {
    config: RwLock<Arc<Mending>>,
    pub(super) journal: SqliteJournal,
    pub(super) clock: SystemClock,
    pub(super) holder: String,
    /// Set when everything is to come to a record.
    pub(super) stopping: AtomicBool,
}

impl House {
    pub(super) fn new(mending: Mending) -> Self {
        Self {
            journal: mending.journal.clone(),
            clock: mending.clock,
            holder: mending.holder().to_owned(),
            stopping: AtomicBool::new(false),
            config: RwLock::new(Arc::new(mending)),
        }
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
        let (case, stage) = (state.plan.rotation.as_str(), runner::stage_word(&state.stage));
        match timeline::line(state, event) {
            Some(line) => tracing::info!(case, stage, what = line.what, evidence = line.evidence, "case"),
            None => tracing::debug!(case, stage, "case"),
        }
    }

    /// Notes why a case is not carried on, or that it is.
    pub(super) async fn trouble(&self, case: &crate::model::RotationId, what: Option<&str>) {
        use crate::clock::Clock as _;
        if let Err(error) = self.journal.trouble(case, what, self.clock.now()).await {
            tracing::warn!(%case, error = chain_of(&error), "the state of a case could not be noted");
        }
    }
}
