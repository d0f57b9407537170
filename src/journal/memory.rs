//! The journal in memory: for rehearsals, which leave nothing behind, and for tests.

use super::inbox::{APPLIED, TOO_LATE};
use super::{
    Hash, Journal, JournalError, Lease, Listed, Position, Record, Waiting, chain, id_after, number_of, plan_of,
    reopens, verify,
};
use crate::model::{Digest, Person, RotationId, Timestamp};
use crate::rotation::{Event, Fact};
use crate::seal::Sealed;
use async_trait::async_trait;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The journal in memory. It keeps every promise of the contract but to outlive the process.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    rotations: Vec<Case>,
    inbox: Vec<(RotationId, Waiting, Option<String>)>,
}

/// One rotation.
#[derive(Debug)]
struct Case {
    listed: Listed,
    identity: String,
    records: Vec<Record>,
    sealed: Vec<Sealed>,
    epoch: u64,
    holder: Option<String>,
    until: Timestamp,
}

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All records, without their chain being checked.
    #[cfg(test)]
    pub(crate) fn records(&self, rotation: &RotationId) -> Vec<Record> {
        self.kept().find(rotation).map(|case| case.records.clone()).unwrap_or_default()
    }

    /// Who holds the lease.
    #[cfg(test)]
    pub(crate) fn holder(&self, rotation: &RotationId) -> Option<String> {
        self.kept().find(rotation).ok()?.holder.clone()
    }

    /// What each holder of the lease recorded last, in turn.
    #[cfg(test)]
    pub(crate) fn newest(&self, rotation: &RotationId) -> Vec<Fact> {
        let mut kept = self.kept();
        let Ok(case) = kept.find(rotation) else { return Vec::new() };
        let mut newest: Vec<(u64, &Fact)> = Vec::new();
        for record in case.records.iter().rev() {
            if newest.last().is_none_or(|(epoch, _)| *epoch > record.epoch) {
                newest.push((record.epoch, &record.event.fact));
            }
        }
        newest.into_iter().map(|(_, fact)| fact.clone()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing under the lock panics half-way through a change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&mut self, rotation: &RotationId) -> Result<&mut Case, JournalError> {
        self.rotations
            .iter_mut()
            .find(|case| case.listed.rotation == *rotation)
            .ok_or_else(|| JournalError::Missing { rotation: rotation.clone() })
    }
}

impl Kept {
    fn append(
        &mut self,
        at: &Position,
        events: &[Event],
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        if reopens(events) {
            return Err(JournalError::Unopened);
        }
        let case = self.find(&at.rotation)?;
        case.fence(at.epoch)?;
        if case.next() != *at {
            return Err(JournalError::Fenced { rotation: at.rotation.clone() });
        }
        let next = case.add(events, monotonic)?;
        case.sealed.extend_from_slice(sealed);
        if closes || !case.listed.open {
            self.close(&at.rotation)?;
        }
        Ok(next)
    }

    /// Nothing sealed is left, and no word waits any more.
    fn close(&mut self, rotation: &RotationId) -> Result<(), JournalError> {
        let case = self.find(rotation)?;
        case.listed.open = false;
        case.sealed.clear();
        for (of, waiting, outcome) in &mut self.inbox {
            if of == rotation && outcome.is_none() {
                waiting.sealed = None;
                *outcome = Some(TOO_LATE.to_owned());
            }
        }
        Ok(())
    }

    fn settle(&mut self, id: i64, outcome: &str) {
        if let Some((_, waiting, settled @ None)) = self.inbox.iter_mut().find(|(_, waiting, _)| waiting.id == id) {
            waiting.sealed = None;
            *settled = Some(outcome.to_owned());
        }
    }
}

impl Case {
    fn next(&self) -> Position {
        let seq = self.listed.records.saturating_add(1);
        Position { rotation: self.listed.rotation.clone(), epoch: self.epoch, seq }
    }

    fn add(&mut self, events: &[Event], monotonic: u64) -> Result<Position, JournalError> {
        let previous = self.records.last().map_or_else(Hash::nothing, |record| record.hash.clone());
        let at = self.next();
        let records = chain(&at.rotation, &previous, at.seq, at.epoch, monotonic, events)
            .map_err(|error| JournalError::Database { act: "write", source: Box::new(error) })?;
        self.records.extend(records);
        self.listed.records = self.records.len() as u64;
        Ok(self.next())
    }

    fn fence(&self, epoch: u64) -> Result<(), JournalError> {
        if self.holder.is_none() || self.epoch != epoch {
            return Err(JournalError::Fenced { rotation: self.listed.rotation.clone() });
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn next_id(&self) -> Result<RotationId, JournalError> {
        let last = self.kept().rotations.iter().map(|case| number_of(&case.listed.rotation)).max();
        Ok(id_after(last.unwrap_or(0)))
    }

    async fn open(
        &self,
        identity: &str,
        event: &Event,
        sealed: &[Sealed],
        lease: &Lease,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        let plan = plan_of(event)?;
        let mut kept = self.kept();
        if let Some(other) = kept.rotations.iter().find(|case| case.listed.open && case.identity == identity) {
            return Err(JournalError::Active { rotation: other.listed.rotation.clone() });
        }
        if kept.find(&plan.rotation).is_ok() {
            return Err(JournalError::Fenced { rotation: plan.rotation.clone() });
        }
        let mut case = Case {
            listed: Listed {
                rotation: plan.rotation.clone(),
                credential: plan.credential.clone(),
                open: true,
                opened: event.at,
                records: 0,
            },
            identity: identity.to_owned(),
            records: Vec::new(),
            sealed: sealed.to_vec(),
            epoch: 1,
            holder: Some(lease.holder.clone()),
            until: lease.now.after(lease.span),
        };
        let next = case.add(std::slice::from_ref(event), monotonic)?;
        kept.rotations.push(case);
        Ok(next)
    }

    async fn append(
        &self,
        at: &Position,
        events: &[Event],
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        self.kept().append(at, events, sealed, closes, monotonic)
    }

    async fn replay(&self, rotation: &RotationId) -> Result<Vec<Record>, JournalError> {
        let records = self.kept().find(rotation)?.records.clone();
        verify(&records)?;
        Ok(records)
    }

    async fn sealed(&self, rotation: &RotationId, digest: &Digest) -> Result<Option<Sealed>, JournalError> {
        let mut kept = self.kept();
        let case = kept.rotations.iter_mut().find(|case| case.listed.rotation == *rotation);
        Ok(case.and_then(|case| case.sealed.iter().find(|sealed| sealed.digest == *digest).cloned()))
    }

    async fn list(&self) -> Result<Vec<Listed>, JournalError> {
        Ok(self.kept().rotations.iter().map(|case| case.listed.clone()).collect())
    }

    async fn acquire(&self, rotation: &RotationId, lease: &Lease) -> Result<Position, JournalError> {
        let mut kept = self.kept();
        let case = kept.find(rotation)?;
        if let Some(holder) = case.holder.clone().filter(|holder| lease.is_barred_by(holder, case.until, lease.now)) {
            return Err(JournalError::Held { rotation: rotation.clone(), holder, until: case.until });
        }
        case.epoch = case.epoch.saturating_add(1);
        case.holder = Some(lease.holder.clone());
        case.until = lease.now.after(lease.span);
        Ok(case.next())
    }

    async fn renew(&self, at: &Position, lease: &Lease) -> Result<(), JournalError> {
        let mut kept = self.kept();
        let case = kept.find(&at.rotation)?;
        case.fence(at.epoch)?;
        case.holder = Some(lease.holder.clone());
        case.until = lease.now.after(lease.span);
        Ok(())
    }

    async fn release(&self, at: &Position) -> Result<(), JournalError> {
        let mut kept = self.kept();
        let case = kept.find(&at.rotation)?;
        case.fence(at.epoch)?;
        case.holder = None;
        case.until = Timestamp(0);
        Ok(())
    }

    async fn leave_word(
        &self,
        rotation: &RotationId,
        fact: &Fact,
        sealed: Option<&Sealed>,
        who: &Person,
        at: Timestamp,
    ) -> Result<i64, JournalError> {
        let mut kept = self.kept();
        let open = kept.find(rotation)?.listed.open;
        let id = i64::try_from(kept.inbox.len()).unwrap_or(i64::MAX).saturating_add(1);
        let waiting = Waiting { id, fact: fact.clone(), sealed: sealed.cloned(), who: who.clone(), at };
        kept.inbox.push((rotation.clone(), waiting, (!open).then(|| TOO_LATE.to_owned())));
        Ok(id)
    }

    async fn take_word(
        &self,
        id: i64,
        at: &Position,
        event: &Event,
        sealed: &[Sealed],
        closes: bool,
        monotonic: u64,
    ) -> Result<Position, JournalError> {
        let mut kept = self.kept();
        if !kept.inbox.iter().any(|(_, waiting, outcome)| waiting.id == id && outcome.is_none()) {
            return Err(JournalError::Settled);
        }
        let next = kept.append(at, std::slice::from_ref(event), sealed, false, monotonic)?;
        kept.settle(id, APPLIED);
        if closes {
            kept.close(&at.rotation)?
        }
        Ok(next)
    }

    async fn waiting(&self, rotation: &RotationId) -> Result<Option<Waiting>, JournalError> {
        let kept = self.kept();
        let oldest = kept.inbox.iter().find(|(of, _, outcome)| of == rotation && outcome.is_none());
        Ok(oldest.map(|(_, waiting, _)| waiting.clone()))
    }

    async fn settle(&self, id: i64, outcome: &str) -> Result<(), JournalError> {
        self.kept().settle(id, outcome);
        Ok(())
    }
}
