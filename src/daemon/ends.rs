//! Logins that end by themselves: the journal says when the one in use does, and somebody is told in time if no rotation
//! has taken its place by then. Where the operator's file says that those who use a login renew it, its end is theirs.

use super::chain_of;
use super::house::House;
use crate::alert::words;
use crate::clock::Clock as _;
use crate::config::operator::Provider;
use crate::journal::{Journal as _, JournalError, Record};
use crate::model::{RotationId, Timestamp};
use crate::rotation::{Event, Fact, Outcome, Stage, State, StoreState};
use crate::runner;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// It is said when a quarter of the login's life is left, and no earlier than this before its end.
const MOST: Duration = Duration::from_secs(24 * 3600);

/// A login that a case put into use.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Login {
    case: RotationId,
    made: Timestamp,
    ends: Timestamp,
}

impl Login {
    fn is_near_its_end(&self, now: Timestamp) -> bool {
        let before = (self.ends.since(self.made) / 4).min(MOST);
        now.after(before) >= self.ends
    }
}

/// What a case says of the login in use.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Says {
    /// Nothing: it put none into use, or took it out again.
    Nothing,
    /// It is the one that this case made; none where that does not end by itself.
    Made(Option<Login>),
}

/// Looks after the ends of logins.
pub(super) struct Ends {
    house: Arc<House>,
    /// Cases that are closed, which never change.
    closed: BTreeMap<RotationId, Says>,
    /// Open ones that were read for another reason since the last look.
    read: BTreeMap<RotationId, Says>,
}

impl Ends {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self { house, closed: BTreeMap::new(), read: BTreeMap::new() }
    }

    /// An open case was read: the next look need not do it again.
    pub(super) fn read(&mut self, state: &State, records: &[Record]) {
        let said = says(state, records.iter().map(|record| &record.event));
        self.read.insert(state.plan.rotation.clone(), said);
    }

    /// Tells of every login that ends soon and that nothing has replaced.
    pub(super) async fn look(&mut self) {
        let (config, read) = (self.house.config(), std::mem::take(&mut self.read));
        let ends = |provider: &Provider| matches!(provider, Provider::VaultDatabase { renewed: false, .. });
        let entries = config.operator.credentials.iter();
        let names: BTreeSet<&str> =
            entries.filter(|(_, entry)| ends(&entry.value.provider)).map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            return;
        }
        if let Err(error) = self.tell(&names, &read, config.operator.daemon.link.as_deref()).await {
            tracing::warn!(error = chain_of(&error), "which logins end soon is not known");
        }
    }

    async fn tell(
        &mut self,
        names: &BTreeSet<&str>,
        read: &BTreeMap<RotationId, Says>,
        link: Option<&str>,
    ) -> Result<(), JournalError> {
        let now = self.house.clock.now();
        let all = self.house.journal.list().await?;
        for name in names {
            let mut newest = Vec::new();
            for listed in all.iter().rev().filter(|listed| listed.credential == *name) {
                let said = match read.get(&listed.rotation).filter(|_| listed.open) {
                    Some(said) => said.clone(),
                    None => self.says(&listed.rotation, listed.open).await?,
                };
                let is_last = said != Says::Nothing;
                newest.push((listed.rotation.clone(), listed.open, said));
                if is_last {
                    break;
                }
            }
            if let Some((login, open)) = ending(&newest, now) {
                let notice = words::ends(name, &login.case, login.ends, open, now, link);
                self.house.voices.tell(&notice).await;
            }
        }
        Ok(())
    }

    async fn says(&mut self, case: &RotationId, is_open: bool) -> Result<Says, JournalError> {
        if let Some(said) = self.closed.get(case) {
            return Ok(said.clone());
        }
        let records = self.house.journal.replay(case).await?;
        // A case of a newer stanch says nothing that is understood here.
        let said = runner::fold(&records)
            .map_or(Says::Nothing, |state| says(&state, records.iter().map(|record| &record.event)));
        if !is_open {
            self.closed.insert(case.clone(), said.clone());
        }
        Ok(said)
    }
}

/// Of a credential's cases, the newest first: the login in use, if its end is near, and the case that is open beside it.
fn ending(newest: &[(RotationId, bool, Says)], now: Timestamp) -> Option<(&Login, Option<&RotationId>)> {
    let login = newest.iter().find_map(|(_, _, said)| match said {
        Says::Nothing => None,
        Says::Made(login) => Some(login.as_ref()),
    });
    let open = newest.iter().find(|(_, is_open, _)| *is_open).map(|(case, ..)| case);
    login.flatten().filter(|login| login.is_near_its_end(now)).map(|login| (login, open))
}

/// Once every store gives it out, the login of a case is the one in use, unless the case goes back.
fn says<'e>(state: &State, events: impl DoubleEndedIterator<Item = &'e Event>) -> Says {
    let is_out = !state.stores.is_empty() && state.stores.iter().all(|one| matches!(one, StoreState::Promoted(..)));
    let goes_back = matches!(state.stage, Stage::RollingBack(_) | Stage::Closed(Outcome::RolledBack(_)));
    let Some(new) = state.successor.as_ref().filter(|_| is_out && !goes_back) else { return Says::Nothing };
    let login = events.rev().find_map(|event| match &event.fact {
        Fact::Minted { token, ends, .. } if *token == new.token => {
            Some(Login { case: state.plan.rotation.clone(), made: event.at, ends: (*ends)? })
        }
        _ => None,
    });
    Says::Made(login)
}

#[cfg(test)]
mod tests;
