//! What people may decide, and when. Never while an effect is under way: its outcome comes first.

use super::steps::{can_seek, pushable};
use super::{Order, Outcome, Stage, State, back, dependents, forward, revoke};
use crate::model::{Digest, Person, Reason, Timestamp};

/// A person approved a digest: it must be this plan's, and in time.
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
pub(super) fn take(state: &mut State, order: Order, who: &Person, at: Timestamp) -> Option<()> {
    let (held, here) = match &state.stage {
        Stage::Held { at, why } => (Some(*why), at.as_ref().clone()),
        stage => (None, stage.clone()),
    };
    let going_back = matches!(here, Stage::RollingBack(_));
    match (order, held) {
        (Order::Resume, Some(why)) => resume(state, here, why, at),
        (Order::Resume, None) if here == Stage::AwaitingRevokeApproval => revoke::enter(state, at),
        (Order::Pause, None) if !state.pivoted() => state.hold(Reason::Ordered, at),
        (Order::Abort, _) if !state.pivoted() && !going_back => back::turn_back(state, Reason::Ordered, at),
        (Order::RevokeNow, _) if revocable(state, &here, held.is_some()) => {
            // Nobody looks at them at the instant of this revoke, so they are proved after it.
            dependents::reset(state);
            state.ordered = Some(who.clone());
            revoke::enter(state, at);
        }
        (Order::Abandon, Some(_)) => state.go(Stage::Closed(Outcome::Abandoned), at),
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
        Stage::Checking | Stage::RollingBack(_) => dependents::renew(state),
        _ => {}
    }
}
