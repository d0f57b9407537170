//! Tokens that carry our label and are nobody's: a machine died between a mint and its record, or a request that was given
//! up arrived after its case was closed. They are looked for here; only the core may end them.

use super::hands::{Failed, Hands, account, failed, given_out, provider_failed, retry};
use super::{Custody, RunError, fold};
use crate::inventory::Managed;
use crate::journal::{Journal, JournalError, Record};
use crate::model::{Chooser, Class, Credential, Happened, Label, Reason, RotationId, Timestamp, TokenId, Verdict};
use crate::provider;
use crate::rotation::{Fact, Old, Outcome, Plan, Purpose, Stage, State, Stray, Sweep, Warrant};
use std::time::Duration;

/// How labels of ours begin, whichever installation drew them.
const OURS: &str = "stanch-";

/// What a look at a provider's list saw of our labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Minted under a label of this journal by a case that is closed, and nobody's: these may be swept.
    pub strays: Vec<Stray>,
    /// Known to a case, which leaves them to a person.
    pub spared: Vec<(Stray, RotationId)>,
    /// Of a case that is open, or closed so shortly ago that a request may arrive still: the next look tells.
    pub waiting: Vec<(Stray, RotationId)>,
    /// A label that this journal never recorded: another installation's. They are told, and never ended.
    pub strangers: Vec<Stray>,
}

/// Why nothing could be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The provider does not list tokens with their labels.
    #[error("'{credential}' cannot be swept: {why}")]
    Unable {
        /// Which credential.
        credential: String,
        /// Why not.
        why: &'static str,
    },
    /// A store or the provider did not answer, or not credibly.
    #[error("the tokens of '{credential}' could not be looked at: {why}")]
    Unseen {
        /// Which credential.
        credential: String,
        /// What is wrong, in public words.
        why: String,
    },
    /// A case could not be read.
    #[error("a case of this journal cannot be read")]
    Case(#[source] RunError),
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Journal(#[source] JournalError),
}

/// Why a credential cannot be swept; none where it can.
#[must_use]
pub fn unable(managed: &Managed) -> Option<&'static str> {
    let abilities = managed.provider.abilities();
    let beside = matches!(abilities.class, Class::Overlap | Class::Ephemeral) && abilities.mint;
    if !beside || abilities.chooser != Chooser::Server {
        Some("no mint of its provider can leave a token beside the one in use")
    } else if !managed.provider.labels() {
        Some("its provider does not list tokens with their labels")
    } else if !abilities.revoke {
        Some("its provider ends no token by a call")
    } else {
        None
    }
}

/// Looks at what the provider lists, and holds it against this journal. Nothing is changed.
///
/// # Errors
/// [`SweepError`].
pub async fn look(journal: &dyn Journal, managed: &Managed, now: Timestamp) -> Result<Seen, SweepError> {
    let credential = || managed.name.clone();
    if let Some(why) = unable(managed) {
        return Err(SweepError::Unable { credential: credential(), why });
    }
    let (in_use, listed) = listed(managed)
        .await
        .map_err(|failed| SweepError::Unseen { credential: credential(), why: failed.note().to_owned() })?;
    let mut seen = Seen::default();
    let mut candidates = Vec::new();
    for stray in listed.into_iter().filter(|stray| stray.label.as_str().starts_with(OURS)) {
        if in_use.contains(&stray.token) {
            continue;
        }
        let records = match rotation_of(&stray.label) {
            Some(rotation) => records_of(journal, &rotation).await?,
            None => Vec::new(),
        };
        // Every label is recorded before its request leaves; whoever has the same numbers drew other nonces.
        if records.iter().any(|record| begins(record, &stray.label)) {
            candidates.push((stray, records));
        } else {
            seen.strangers.push(stray);
        }
    }
    if candidates.is_empty() {
        return Ok(seen);
    }
    let claimed = claimed(journal, managed).await?;
    for (stray, records) in candidates {
        let state = state_of(&records)?;
        let closed = matches!(state.stage, Stage::Closed(_));
        // A request that was given up may arrive still, and its case has looked for it only so long.
        let settled = records.last().map(|last| last.event.at.after(managed.policy.confirm_within));
        let stood_before = counted_before(&records, &stray);
        match claimed.iter().find(|(token, _)| *token == stray.token) {
            // They are swept with that one.
            _ if state.plan.credential != managed.name => {}
            _ if !closed || settled.is_none_or(|settled| now < settled) => {
                seen.waiting.push((stray, state.plan.rotation.clone()));
            }
            Some((_, case)) => seen.spared.push((stray, case.clone())),
            None if stood_before => seen.spared.push((stray, state.plan.rotation.clone())),
            None => seen.strays.push(stray),
        }
    }
    Ok(seen)
}

/// The plan of a sweep of these.
#[must_use]
pub fn sweep_plan(
    managed: &Managed,
    rotation: RotationId,
    strays: Vec<Stray>,
    quarantine: Duration,
    now: Timestamp,
) -> Plan {
    let purpose = Purpose::Sweep(Sweep { strays, quarantine });
    Plan { stores: Vec::new(), dependents: Vec::new(), purpose, ..managed.plan(rotation, now, false) }
}

/// Beside the rotations of a credential one sweep of it may be open.
pub(super) fn identity(plan: &Plan, name: &str) -> String {
    match plan.purpose {
        Purpose::Sweep(_) => format!("{name}/sweep"),
        Purpose::Leak | Purpose::Schedule | Purpose::Offboarding(_) => name.to_owned(),
    }
}

/// `stanch-c0142-1-4f1d` names `C-0142`.
fn rotation_of(label: &Label) -> Option<RotationId> {
    let digits = label.as_str().strip_prefix(OURS)?.split('-').next()?.strip_prefix('c')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| RotationId::new(format!("C-{digits}")))
}

fn begins(record: &Record, of: &Label) -> bool {
    matches!(&record.event.fact, Fact::Began { label: Some(label), .. } if label == of)
}

/// Where a token was there before the mint whose label it carries, that mint did not make it.
fn counted_before(records: &[Record], stray: &Stray) -> bool {
    let before = records.iter().take_while(|record| !begins(record, &stray.label));
    before.into_iter().any(|record| matches!(&record.event.fact, Fact::Counted(ids) if ids.contains(&stray.token)))
}

async fn records_of(journal: &dyn Journal, rotation: &RotationId) -> Result<Vec<Record>, SweepError> {
    match journal.replay(rotation).await {
        Err(JournalError::Missing { .. }) => Ok(Vec::new()),
        other => other.map_err(SweepError::Journal),
    }
}

fn state_of(records: &[Record]) -> Result<State, SweepError> {
    fold(records).map_err(|error| SweepError::Case(RunError::Illegal(error)))
}

/// The tokens that cases of this credential know as somebody's: those in use, and those that were left to a person.
async fn claimed(journal: &dyn Journal, managed: &Managed) -> Result<Vec<(TokenId, RotationId)>, SweepError> {
    let mut claimed = Vec::new();
    let all = journal.list().await.map_err(SweepError::Journal)?;
    for listed in all.into_iter().filter(|listed| listed.credential == managed.name) {
        let state = state_of(&records_of(journal, &listed.rotation).await?)?;
        let old = match &state.old {
            Old::Live(token) | Old::Ending(token) | Old::Dead(Some(token)) => Some(token.clone()),
            Old::Unasked | Old::Dead(None) => None,
        };
        let new = state.successor.as_ref().map(|successor| successor.token.clone());
        let mut tokens: Vec<TokenId> = old.into_iter().chain(new).collect();
        if matches!(state.stage, Stage::Closed(Outcome::Abandoned)) {
            tokens.extend(state.orphans.iter().map(|orphan| orphan.token.clone()));
            if let Purpose::Sweep(sweep) = &state.plan.purpose {
                tokens.extend(sweep.strays.iter().map(|stray| stray.token.clone()));
            }
        }
        claimed.extend(tokens.into_iter().map(|token| (token, listed.rotation.clone())));
    }
    Ok(claimed)
}

/// The tokens that the stores give out now, as their provider calls them, and what it lists. A list that lacks the token
/// in use is not believed.
async fn listed(managed: &Managed) -> Result<(Vec<TokenId>, Vec<Stray>), Failed> {
    let mut in_use = Vec::new();
    for copy in &managed.stores {
        let (_, value) = given_out(copy).await?;
        let shaped = copy.shape.read(&value);
        let (token, secret) = shaped.map_err(|_| {
            failed(Reason::Conflict, Happened::No, &format!("the value in {} has another shape", copy.name))
        })?;
        let token = token.or_else(|| managed.token.clone());
        let credential = Credential { token, secret: Some(secret), ..Credential::default() };
        match provider::ask(managed.provider.as_ref(), &credential).await {
            Verdict::Live(token) | Verdict::Restricted(token, _) => in_use.push(token),
            Verdict::Unknown(why) => {
                return Err(retry(why, Happened::No, &format!("the token in {} could not be asked for", copy.name)));
            }
            Verdict::Dead | Verdict::WrongPlace => {
                let note = format!("the token in {} is not accepted, so it proves nothing of a list", copy.name);
                return Err(retry(Reason::Control, Happened::No, &note));
            }
        }
    }
    let like = in_use.first().ok_or_else(|| failed(Reason::Missing, Happened::No, "there is no store"))?;
    let labelled = managed.provider.labelled(like).await.map_err(|error| provider_failed(&error))?;
    if !in_use.iter().all(|used| labelled.iter().any(|(token, _)| token == used)) {
        return Err(retry(Reason::Control, Happened::No, "the list lacks the token in use, so it proves nothing"));
    }
    let strays = labelled.into_iter().filter_map(|(token, label)| label.map(|label| Stray { token, label }));
    Ok((in_use, strays.collect()))
}

impl Hands<'_> {
    pub(super) async fn survey(&self) -> Result<Fact, Failed> {
        let (in_use, listed) = listed(self.managed).await?;
        let Purpose::Sweep(sweep) = &self.state.plan.purpose else {
            return Err(failed(Reason::Unexpected, Happened::No, "there is nothing to sweep"));
        };
        let there = sweep.strays.iter().filter(|stray| listed.contains(stray)).cloned().collect();
        Ok(Fact::Surveyed { in_use, there })
    }

    pub(super) async fn quarantine(&self, warrant: &Warrant, custody: &Custody) -> Result<Fact, Failed> {
        let credential = account(Some(warrant.token()), None, custody);
        let done = self.managed.provider.disable(warrant, &credential).await;
        done.map(|()| Fact::Quarantined).map_err(|error| provider_failed(&error))
    }

    /// A stray is dead when a list that holds the token in use does not hold it.
    pub(super) async fn confirm_stray(&self, token: &TokenId) -> Result<Fact, Failed> {
        let (_, listed) = listed(self.managed).await?;
        let lives = listed.iter().any(|stray| stray.token == *token);
        Ok(Fact::Verified(if lives { Verdict::Live(token.clone()) } else { Verdict::Dead }))
    }
}
