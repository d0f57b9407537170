//! Which step comes next, and the exact effect it has: a function of the state alone.

use super::{Effect, Grounds, Pending, Plan, Stage, State, Step, StoreState, Warrant};
use super::{dependents, hand, replace, revoke, sweep};
use crate::model::{Chooser, Class};

/// The next effect, if the stage has one.
pub(super) fn next(state: &State) -> Option<(Step, Effect)> {
    match &state.stage {
        Stage::Assessing if state.plan.purpose.is_sweep() => Some((Step::Survey, Effect::Survey)),
        Stage::Assessing if !state.usage_read => Some((Step::ReadUsage, Effect::ReadUsage)),
        Stage::Assessing => Some((Step::Verify, Effect::Verify)),
        Stage::Preflighting => Some((Step::Preflight, Effect::Preflight)),
        Stage::Minting => mint(state),
        Stage::Seeking if replace::asks_old(state) => Some((Step::AskOld, Effect::AskOld)),
        Stage::Seeking => leftovers(state).or_else(|| seek(state)),
        Stage::Proving => {
            let is_alone = guard!(Twin: state.successor.as_ref().is_none_or(|successor| successor.is_alone));
            if is_alone { Some((Step::Prove, Effect::Prove)) } else { twin(state) }
        }
        Stage::Staging => stage(state),
        Stage::Promoting => promote(state),
        Stage::Checking => {
            let (dependent, reload) = dependents::next(state)?;
            Some((Step::Check(dependent), Effect::Check { dependent, reload }))
        }
        Stage::Soaking { .. } => Some((Step::Soak, Effect::Soak)),
        Stage::Revoking => revoke::next(state),
        Stage::Confirming => revoke::sessions(state).or(Some((Step::Confirm, Effect::Confirm))),
        Stage::Watching { .. } => Some((Step::Watch, Effect::Watch)),
        Stage::RollingBack(_) => back(state),
        Stage::Quarantined { .. } => sweep::quarantine(state),
        Stage::Sweeping => leftovers(state),
        Stage::Planning
        | Stage::AwaitingApproval(_)
        | Stage::AwaitingRevokeApproval
        | Stage::Held { .. }
        | Stage::Closed(_) => None,
    }
}

/// True when pushing settles what an unknown mint left: the same value again, or, where that value can no longer be
/// opened, another one into the same slot.
pub(super) fn pushable(plan: &Plan, pending: &Pending) -> bool {
    let slot = matches!(plan.abilities.class, Class::TwoSlots | Class::Replace);
    plan.abilities.chooser == Chooser::Client && pending.sealed.is_some() && (slot || !pending.lost)
}

/// True when what an interrupted mint left can be told from everything else.
pub(super) fn can_seek(state: &State) -> bool {
    state.plan.abilities.find || (state.plan.abilities.list && state.counted.is_some())
}

/// True when this store takes part in neither the old nor the new way yet.
pub(super) fn unstaged(store: &StoreState) -> bool {
    matches!(store, StoreState::Untouched | StoreState::Touched | StoreState::Demoted(_))
}

/// True when dependents may read the new value from this store.
pub(super) fn moved(store: &StoreState) -> bool {
    matches!(store, StoreState::Moving(_) | StoreState::Promoted(..))
}

fn mint(state: &State) -> Option<(Step, Effect)> {
    let abilities = &state.plan.abilities;
    if hand::makes(state) {
        return state.offered.as_ref().map(|_| (Step::Try, Effect::Try));
    }
    let pending = state.pending.as_ref().filter(|pending| !pending.lost);
    // Whatever was sent of another value would end the new one when it arrives.
    let is_first = guard!(SameValue: pending.is_none());
    if let Some(pending) = pending.filter(|_| !is_first) {
        let again = Some((pending.label.clone(), pending.sealed.clone()?));
        return Some((Step::Mint, Effect::Mint { attempt: pending.attempt, again }));
    }
    if abilities.chooser == Chooser::Server && abilities.list && state.counted.is_none() {
        return Some((Step::Count, Effect::Count));
    }
    Some((Step::Mint, Effect::Mint { attempt: state.mints.saturating_add(1), again: None }))
}

fn twin(state: &State) -> Option<(Step, Effect)> {
    state.successor.as_ref().map(|successor| (Step::Twin, Effect::SeekTwin { label: successor.label.clone() }))
}

fn seek(state: &State) -> Option<(Step, Effect)> {
    state.pending.as_ref().map(|pending| (Step::Seek, Effect::Seek { label: pending.label.clone() }))
}

fn stage(state: &State) -> Option<(Step, Effect)> {
    let store = state.stores.iter().position(unstaged)?;
    Some((Step::Stage(store), Effect::Stage { store }))
}

fn promote(state: &State) -> Option<(Step, Effect)> {
    state.stores.iter().enumerate().find_map(|(store, one)| match one {
        StoreState::Staged(staged) | StoreState::Moving(staged) => {
            Some((Step::Promote(store), Effect::Promote { store, staged: staged.clone() }))
        }
        _ => None,
    })
}

/// Stores, then dependents, then the new token: nothing that a dependent may read dies before it is proved unread.
fn back(state: &State) -> Option<(Step, Effect)> {
    if let Some(pending) = &state.pending {
        return if pushable(&state.plan, pending) { mint(state) } else { seek(state) };
    }
    if let Some(demote) = demote(state) {
        return Some(demote);
    }
    if checks_back(state)
        && let Some((dependent, reload)) = dependents::next(state)
    {
        return Some((Step::CheckBack(dependent), Effect::CheckBack { dependent, reload }));
    }
    leftovers(state)
}

/// True while dependents must be proved on the old version: some store was taken back and the new token is not given
/// up yet.
pub(super) fn checks_back(state: &State) -> bool {
    let nobody_reads =
        state.successor.is_none() || !state.stores.iter().any(|store| matches!(store, StoreState::Demoted(_)));
    !(guard!(ProofOnTheWayBack: nobody_reads))
}

fn demote(state: &State) -> Option<(Step, Effect)> {
    state
        .stores
        .iter()
        .enumerate()
        .find_map(|(store, one)| match one {
            StoreState::Moving(staged) => Some((store, staged, None)),
            StoreState::Promoted(staged, version) => Some((store, staged, Some(version.clone()))),
            _ => None,
        })
        .map(|(store, staged, current)| {
            (Step::Demote(store), Effect::Demote { store, staged: staged.clone(), current })
        })
}

/// Tokens that must die, then what the stores still hold of them.
fn leftovers(state: &State) -> Option<(Step, Effect)> {
    if let Some(orphan) = state.orphans.first() {
        let token = orphan.token.clone();
        return Some(if orphan.revoked {
            (Step::ConfirmDiscard, Effect::ConfirmDiscard(token))
        } else {
            (Step::Discard, Effect::Discard(Warrant::new(token, Grounds::NeverUsed)))
        });
    }
    let label = state.stale.clone()?;
    let store = state.stores.iter().position(|store| *store != StoreState::Untouched)?;
    Some((Step::Unstage(store), Effect::Unstage { store, label }))
}
