//! What people may decide, and when. Never while an effect is under way: its outcome comes first.

use super::steps::{can_seek, pushable};
use super::{Act, Order, Outcome, Stage, State, back, consent, dependents, forward, hand, replace, revoke, sweep};
use crate::model::{Digest, Person, Reason, Timestamp};

/// A person approved a digest: it must be this plan's, and in time. Where others must approve as well it goes on with the
/// last of them.
pub(super) fn approved(
    state: &mut State,
    who: &Person,
    digest: &Digest,
    expires: Timestamp,
    at: Timestamp,
) -> Option<()> {
    if at >= expires || state.planned.as_ref() != Some(digest) {
        return None;
    }
    let act = consent::act(state)?;
    if !consent::vote(state, act, who, expires, at)? {
        return Some(());
    }
    match state.stage {
        Stage::AwaitingApproval(_) => {
            if state.plan.emergency {
                state.ordered = Some(who.clone());
            }
            forward::after_approval(state, at);
        }
        Stage::AwaitingRevokeApproval => revoke::enter(state, at),
        _ => return None,
    }
    Some(())
}

/// A person decided.
pub(super) fn take(
    state: &mut State,
    order: Order,
    who: &Person,
    expires: Option<Timestamp>,
    at: Timestamp,
) -> Option<()> {
    let (held, here) = match &state.stage {
        Stage::Held { at, why } => (Some(*why), at.as_ref().clone()),
        stage => (None, stage.clone()),
    };
    if state.plan.purpose.is_sweep() {
        return sweep::take(state, order, held, here, at);
    }
    let going_back = matches!(here, Stage::RollingBack(_));
    match (order, held) {
        (Order::Resume, Some(why)) => resume(state, here, why, at),
        // Where it matters who says yes, a yes is an approval.
        (Order::Resume, None) if here == Stage::AwaitingRevokeApproval && state.plan.consent.is_plain() => {
            revoke::enter(state, at);
        }
        (Order::Pause, None) if !state.pivoted() => state.hold(Reason::Ordered, at),
        (Order::Abort, _) if !going_back && (guard!(Pivot: !state.pivoted())) => {
            back::turn_back(state, Reason::Ordered, at)
        }
        (Order::Abort, _) if replace::may_return(state, &here) => replace::return_to_old(state, at),
        (Order::RevokeNow, _) if revocable(state, &here, held.is_some()) => {
            // Unsigned it counts for this instant alone.
            let expires = expires.unwrap_or(at.after(std::time::Duration::from_millis(1)));
            if !consent::vote(state, Act::RevokeNow, who, expires, at)? {
                return Some(());
            }
            // Nobody looks at them at the instant of this revoke, so they are proved after it.
            dependents::reset(state);
            state.ordered = Some(who.clone());
            revoke::end_first(state, at);
        }
        (Order::Abandon, held) if held.is_some() || hand::waits(state) => {
            state.go(Stage::Closed(Outcome::Abandoned), at)
        }
        _ => return None,
    }
    Some(())
}

/// The old token is known to live, and is not being ended out of turn already.
fn revocable(state: &State, here: &Stage, held: bool) -> bool {
    let under_way = *here == Stage::Revoking && revoke::early(state) && !held;
    matches!(state.old, super::Old::Live(_)) && !under_way
}

/// Goes on from where it was held. The person's word counts for what the machine could not know.
fn resume(state: &mut State, here: Stage, why: Reason, at: Timestamp) {
    state.mints_resumed = state.mints;
    state.forget_the_instant();
    state.go(here, at);
    match (why, &state.stage) {
        (Reason::InUse, Stage::Soaking { .. }) => return forward::after_soak(state, at),
        (Reason::Unprobeable, _) => dependents::accept(state),
        (Reason::Outage | Reason::NoDependents, Stage::Preflighting) => state.outage = true,
        (Reason::Alike, Stage::Minting) => hand::is_another(state),
        (Reason::ByHand, Stage::Revoking) => state.ending.since = Some(at),
        // Only the old token can tell, and it is asked again.
        (_, Stage::Seeking) if replace::asks_old(state) => {}
        (Reason::StillLive, _) if state.pivoted() => {
            state.ending.since = Some(at);
            state.ending.resends = 0;
        }
        (_, Stage::Seeking | Stage::RollingBack(_)) if state.orphans.is_empty() && !can_seek(state) => {
            // Nothing can find what the mint may have left: the person has looked.
            state.pending = state.pending.take().filter(|pending| pushable(&state.plan, pending));
        }
        _ => {}
    }
    match state.stage {
        // What was looked at before a replacement is looked at again.
        Stage::Minting if replace::relies_on_preflight(state) => state.go(Stage::Preflighting, at),
        Stage::Checking | Stage::RollingBack(_) => dependents::renew(state),
        _ => {}
    }
}
