//! Tokens of ours that nobody claims: looked at again, put out of use, looked at once more after a quarantine, and ended.
//! There is no old token and no store: the whole right to end them is that they were never used.

use super::{Effect, Grounds, Order, Orphan, Outcome, Plan, Purpose, Stage, State, Step, Stray, Sweep, Warrant, steps};
use crate::model::{Reason, Timestamp, TokenId};

/// What is swept, where that is what the plan is for.
pub(super) fn of(plan: &Plan) -> Option<&Sweep> {
    match &plan.purpose {
        Purpose::Sweep(sweep) => Some(sweep),
        Purpose::Leak | Purpose::Schedule | Purpose::Offboarding(_) => None,
    }
}

/// True when a plan can be begun: a rotation has stores, a sweep has strays and touches no store.
pub(super) fn has_work(plan: &Plan) -> bool {
    match of(plan) {
        Some(sweep) => !sweep.strays.is_empty() && plan.stores.is_empty() && !plan.emergency,
        None => !plan.stores.is_empty(),
    }
}

/// In quarantine: each is disabled; when the time is over it is looked once more.
pub(super) fn quarantine(state: &State) -> Option<(Step, Effect)> {
    match waits_for_disabling(state) {
        Some(token) => {
            let warrant = Warrant::new(token.clone(), Grounds::NeverUsed);
            Some((Step::Quarantine, Effect::Quarantine(warrant)))
        }
        None => Some((Step::Survey, Effect::Survey)),
    }
}

fn waits_for_disabling(state: &State) -> Option<&TokenId> {
    let able = state.plan.abilities.disable;
    state.orphans.iter().find(|orphan| able && !orphan.disabled && !orphan.revoked).map(|orphan| &orphan.token)
}

/// It was listed again. A stray is ended only if it is there under its label and nobody's: what a store gives out by now is
/// somebody's, whatever the plan says.
pub(super) fn surveyed(state: &mut State, in_use: &[TokenId], there: &[Stray], at: Timestamp) -> Option<()> {
    let sweep = of(&state.plan)?.clone();
    let is_nobodys = |token: &TokenId| guard!(Unclaimed: !in_use.contains(token));
    let is_there = |token: &TokenId| {
        let stray = sweep.strays.iter().find(|stray| stray.token == *token);
        stray.is_some_and(|stray| there.contains(stray))
    };
    let first = matches!(state.stage, Stage::Assessing);
    if first {
        let by_hand = !state.plan.abilities.revoke;
        let strays = sweep.strays.iter().filter(|stray| is_there(&stray.token));
        state.orphans = strays.map(|stray| orphan(stray, by_hand)).collect();
    }
    state.orphans.retain(|orphan| is_nobodys(&orphan.token));
    // What is gone meanwhile must be seen dead like what we ended ourselves.
    for orphan in state.orphans.iter_mut().filter(|orphan| !is_there(&orphan.token)) {
        orphan.revoked = true;
    }
    if state.orphans.is_empty() {
        state.go(Stage::Closed(Outcome::Swept), at);
    } else if !first {
        state.go(Stage::Sweeping, at);
    } else if state.planned.is_none() {
        state.go(Stage::Planning, at);
    } else {
        enter(state, at);
    }
    Some(())
}

fn orphan(stray: &Stray, by_hand: bool) -> Orphan {
    let Stray { token, label } = stray.clone();
    Orphan { by_hand, ..Orphan::new(token, label) }
}

/// The plan may be carried out. A yes may have taken days, so it is looked before anything is changed.
pub(super) fn approved(state: &mut State, at: Timestamp) {
    state.go(Stage::Assessing, at);
}

fn enter(state: &mut State, at: Timestamp) {
    let span = match of(&state.plan) {
        Some(sweep) if state.plan.abilities.disable => sweep.quarantine,
        _ => std::time::Duration::ZERO,
    };
    state.go(Stage::Quarantined { until: at.after(span) }, at);
    pause(state, at);
}

/// One is out of use, or could not be put so: the quarantine begins with the last.
pub(super) fn disabled(state: &mut State, at: Timestamp) -> Option<()> {
    let span = of(&state.plan)?.quarantine;
    let token = waits_for_disabling(state)?.clone();
    state.orphans.iter_mut().filter(|orphan| orphan.token == token).for_each(|orphan| orphan.disabled = true);
    if let Stage::Quarantined { until } = &mut state.stage {
        *until = at.after(span);
    }
    pause(state, at);
    Some(())
}

/// It is tried again, then stepped over: what cannot be disabled can be ended.
pub(super) fn not_disabled(state: &mut State, why: Reason, again: bool, tried: u32, at: Timestamp) -> Option<()> {
    if again && why != Reason::Unsupported {
        state.ready(at.after(super::machine::backoff(&state.plan.policy, tried)), tried);
        return Some(());
    }
    disabled(state, at)
}

/// What is out of use waits until nobody has missed it.
fn pause(state: &mut State, at: Timestamp) {
    let Stage::Quarantined { until } = state.stage else { return };
    let free = if waits_for_disabling(state).is_some() { at } else { until.max(at) };
    state.ready(free, 0);
}

/// Whoever goes on later looks again before anything is ended.
pub(super) fn look_again(state: &mut State, at: Timestamp) {
    if matches!(state.stage, Stage::Sweeping) {
        state.go(Stage::Quarantined { until: at }, at);
    }
}

/// What people may decide: there is nothing to go back to, so a no leaves things as they are.
pub(super) fn take(state: &mut State, order: Order, held: Option<Reason>, here: Stage, at: Timestamp) -> Option<()> {
    match (order, held) {
        (Order::Resume, Some(_)) => {
            state.go(here, at);
            pause(state, at);
            look_again(state, at);
        }
        (Order::Pause, None) => state.hold(Reason::Ordered, at),
        (Order::Abort, _) | (Order::Abandon, Some(_)) => state.go(Stage::Closed(Outcome::Abandoned), at),
        _ => return None,
    }
    Some(())
}

/// Follows every step of the fold.
pub(super) fn settle(state: &mut State, at: Timestamp) {
    let ending = matches!(state.stage, Stage::Sweeping);
    if ending && steps::next(state).is_none() {
        state.go(Stage::Closed(Outcome::Swept), at);
    }
}
