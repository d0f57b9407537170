//! Proof, dependent by dependent: forward on the new version, on the way back on the old one.

use super::back::roll_back;
use super::machine::tries;
use super::replace::replaces;
use super::{DependentState, Old, Stage, State};
use crate::model::{Health, Reason, Timestamp};

/// The dependent to probe next, and whether its reload action is due. The one that was tried least comes first, so that
/// all reload at once and none waits for another's deadline.
pub(super) fn next(state: &State) -> Option<(usize, bool)> {
    let plans = state.plan.dependents.iter();
    let open = plans.zip(&state.dependents).enumerate().filter(|(_, (plan, one))| !done(state, plan.required, one));
    let (index, (plan, one)) = open.min_by_key(|(index, (_, one))| (one.tried, *index))?;
    Some((index, plan.reload && !one.reloaded))
}

/// One that is not required is probed as often as a step is tried, and never blocks.
fn done(state: &State, required: bool, one: &DependentState) -> bool {
    one.proved || (!required && one.tried >= tries(&state.plan.policy))
}

/// The required dependent to probe again at the instant of the revoke.
pub(super) fn next_recheck(state: &State) -> Option<usize> {
    state.plan.dependents.iter().zip(&state.dependents).position(|(plan, one)| plan.required && !one.rechecked)
}

/// True where every dependent showed both versions, so that none can still be on the old one unseen.
pub(super) fn all_attested(state: &State) -> bool {
    state.dependents.iter().all(|one| one.saw_old && one.proved && one.health == Some(Health::Good))
}

/// Starts a round of checks.
pub(super) fn reset(state: &mut State) {
    for one in &mut state.dependents {
        *one = DependentState { saw_old: one.saw_old, accepted: one.accepted, ..DependentState::default() };
    }
}

/// A person said to go on: whoever is not proved reloads and is tried again.
pub(super) fn renew(state: &mut State) {
    for one in state.dependents.iter_mut().filter(|one| !one.proved) {
        one.tried = 0;
        one.reloaded = false;
    }
}

/// Probes made before this instant prove nothing about it.
pub(super) fn forget_rechecks(state: &mut State) {
    for one in &mut state.dependents {
        one.rechecked = false;
    }
}

/// A person accepted what cannot be proved: the probes that never saw the old version, or that now cannot tell.
pub(super) fn accept(state: &mut State) {
    let before = matches!(state.stage, Stage::Minting);
    for one in &mut state.dependents {
        one.accepted |= if before { !one.saw_old } else { !one.proved && one.health == Some(Health::Indistinct) };
    }
}

/// A probe is about to be made.
pub(super) fn began(state: &mut State, index: usize, reload: bool) -> Option<()> {
    let one = state.dependents.get_mut(index)?;
    one.tried = one.tried.saturating_add(1);
    one.reloaded |= reload;
    Some(())
}

/// The probe was interrupted: nobody knows whether its reload action ran, and running it again is harmless.
pub(super) fn interrupted(state: &mut State, index: usize) {
    if let Some(one) = state.dependents.get_mut(index) {
        one.reloaded = false;
    }
}

/// Does this answer prove the version that the stage asks for? One that cannot tell proves it only where that was
/// accepted, or once the old token was observed dead: then whatever works does not work on it.
pub(super) fn counts(state: &State, index: usize, health: Health) -> bool {
    let Some(one) = state.dependents.get(index) else { return false };
    let accepted = one.accepted || state.plan.policy.accept_unproved;
    let back = matches!(state.stage, Stage::RollingBack(_));
    match health {
        Health::Good => one.saw_old || accepted || back || state.pivoted(),
        // What was replaced in place is dead, and whether it is gets confirmed while whoever uses the new one is watched.
        Health::Indistinct => {
            let replaced = replaces(&state.plan) && state.pivoted();
            accepted || replaced || matches!(state.old, Old::Dead(Some(_)))
        }
        Health::Stale | Health::Bad => guard!(DependentsProof: false),
    }
}

/// A dependent answered, or could not be asked.
pub(super) fn answered(state: &mut State, index: usize, answer: Result<Health, Reason>, at: Timestamp) -> Option<()> {
    let counts = answer.is_ok_and(|health| counts(state, index, health));
    let required = state.plan.dependents.get(index)?.required;
    let one = state.dependents.get_mut(index)?;
    one.health = answer.ok();
    one.proved = counts;
    // A failure in these words is the reload action's own, so it has not run.
    if answer == Err(Reason::Unhealthy) {
        one.reloaded = false;
    }
    if !counts && required && at >= state.entered.after(state.plan.policy.check_within) {
        late(state, answer, at);
        return Some(());
    }
    let fresh = next(state).is_none_or(|(next, _)| state.dependents.get(next).is_none_or(|one| one.tried == 0));
    state.ready(if counts || fresh { at } else { at.after(state.plan.policy.pause) }, 0);
    Some(())
}

/// The deadline passed and a required dependent is not proved.
fn late(state: &mut State, answer: Result<Health, Reason>, at: Timestamp) {
    match answer {
        Ok(Health::Indistinct) => state.hold(Reason::Unprobeable, at),
        _ if matches!(state.stage, Stage::RollingBack(_)) => state.hold(Reason::Unhealthy, at),
        _ => roll_back(state, Reason::Unhealthy, at),
    }
}

/// A dependent answered at the instant of the revoke, before anything was sent.
pub(super) fn rechecked(state: &mut State, index: usize, health: Health, at: Timestamp) -> Option<()> {
    if counts(state, index, health) {
        state.dependents.get_mut(index)?.rechecked = true;
        state.ready(at, 0);
    } else {
        fell_back(state, at);
    }
    Some(())
}

/// A dependent that had been proved is no longer: everything is checked again.
pub(super) fn fell_back(state: &mut State, at: Timestamp) {
    reset(state);
    state.go(Stage::Checking, at);
    state.ready(at.after(state.plan.policy.pause), 0);
}
