//! `apply` says what an event means; `due` says what follows. The state is nothing but a fold of the journal, and the next
//! effect nothing but a function of the state, so recovery is: replay, then ask `due`.
//!
//! | stage | effects | when they work | when tries are spent | after an interruption |
//! |---|---|---|---|---|
//! | Assessing | read usage, verify | Planning, or, refused often enough, closed: dead already | Held (usage: goes on without) | again |
//! | Planning | none: the digest is recorded | AwaitingApproval or Preflighting | – | again |
//! | Preflighting | preflight | Minting; Held where no probe would prove anything, or an outage is not accepted | Held: a person can mend it, resume or abort | again |
//! | Minting | count, mint; or ask a person for a token, and the provider what it is | Proving | surely not made: back; perhaps: Seeking, or the same value again; handed over in vain: asked for again | Seeking, or the same value again |
//! | Seeking | find, often enough to believe in none; discard and drop what was found; after a replacement ask the old token | Minting, under a new label; after a replacement by hand | Held | again |
//! | Proving | look for a twin, then try the new token | Staging | at the deadline: back | again |
//! | Staging, Promoting | store by store | the next store, the next stage | back | again |
//! | Checking | dependent by dependent | Soaking | at the deadline: back | again, reload included |
//! | Soaking | read use until the window ends | Revoking, perhaps after approval; Held if explained use goes on | Held | again |
//! | Revoking | recheck; then disable, revoke, end sessions | Confirming | recheck: Checking; after the pivot: ask, wait longer, again | recheck anew; revoke: ask first |
//! | Confirming | verify until refused often enough, and listed no more where it was disabled first | Watching, or what an early revoke left to do | at the deadline: Held | again |
//! | Watching | see the new token healthy until the window ends | closed: rotated; Revoking if the old one is accepted again | Held | again |
//! | Quarantined | disable strays, wait, look again | Sweeping | Held; a disabling is stepped over | again |
//! | Sweeping | discard and confirm, stray by stray | closed: swept | Held | looked at again first |
//! | RollingBack | demote, check dependents, discard, drop | closed: rolled back | Held | again |
//!
//! What was seen for one instant alone (tokens counted, dependents rechecked) is forgotten when a rotation is resumed or
//! taken up again.
//!
//! Before the pivot (the first begun disable or revoke), *back* is [`super::Stage::RollingBack`]; after it, Held. Where the
//! new token replaces the old one in place the mint is the pivot, or the moment in which a person is asked for it: then
//! there is no Soaking and no Revoking, and only a person leads back, if the old token is seen alive.

use super::back::{settle, unprobed};
use super::{
    Due, Effect, Ending, Event, Fact, Given, Old, Order, Pace, Pending, Plan, Policy, Stage, State, Step, StoreState,
    dependents, failures, forward, orders, revoke, steps,
};
use super::{consent, hand, replace, sweep};
use crate::model::{Chooser, Digest, Label, Person, Reason, Timestamp};
use std::time::Duration;

/// An event that the state cannot take: a damaged journal, a bug, or an order that comes at the wrong time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {fact:?} cannot follow {stage:?}")]
pub struct Illegal {
    /// The stage.
    pub stage: Box<Stage>,
    /// The fact.
    pub fact: Box<Fact>,
}

/// The first state, from the first event.
///
/// # Errors
/// [`Illegal`] unless the event is an [`Fact::Opened`] with at least one store, or with strays and none.
pub fn open(event: &Event) -> Result<State, Illegal> {
    match &event.fact {
        Fact::Opened(plan) if sweep::has_work(plan) => Ok(begin(plan.as_ref().clone(), event.at)),
        fact => Err(Illegal { stage: Box::new(Stage::Assessing), fact: Box::new(fact.clone()) }),
    }
}

fn begin(plan: Plan, at: Timestamp) -> State {
    State {
        opened: at,
        old: Old::Unasked,
        mints: 0,
        successor: None,
        stores: vec![StoreState::Untouched; plan.stores.len()],
        stage: Stage::Assessing,
        entered: at,
        pace: Pace::Ready { not_before: at, tried: 0 },
        ordered: None,
        usage_read: false,
        planned: None,
        counted: None,
        pending: None,
        mints_resumed: 0,
        orphans: Vec::new(),
        stale: None,
        proved: false,
        exposed: false,
        first_move: false,
        streak: 0,
        dependents: unprobed(plan.dependents.len()),
        explained: Vec::new(),
        ending: Ending::default(),
        offered: None,
        refused: None,
        by_hand: false,
        outage: false,
        returning: false,
        lives: 0,
        given: Given::default(),
        plan,
    }
}

/// Folds one event into the state.
///
/// # Errors
/// [`Illegal`] when the event cannot follow the state.
pub fn apply(state: &State, event: &Event) -> Result<State, Illegal> {
    let mut next = state.clone();
    match fold(&mut next, &event.fact, event.at) {
        Some(()) => Ok(next),
        None => Err(Illegal { stage: Box::new(state.stage.clone()), fact: Box::new(event.fact.clone()) }),
    }
}

fn fold(state: &mut State, fact: &Fact, at: Timestamp) -> Option<()> {
    match (fact, state.pace) {
        (Fact::Restarted, pace) => restarted(state, pace, at),
        _ if matches!(state.stage, Stage::Closed(_)) => return None,
        (Fact::Began { step, label, sealed }, Pace::Ready { tried, .. }) => {
            began(state, *step, label.as_ref(), sealed.as_ref(), at)?;
            state.pace = Pace::Running { step: *step, tried: tried.saturating_add(1) };
        }
        (Fact::Planned(digest), Pace::Ready { .. }) => forward::planned(state, digest, at)?,
        (Fact::Approved { who, digest, expires }, Pace::Ready { .. }) => {
            orders::approved(state, who, digest, *expires, at)?;
        }
        (Fact::Provided { sealed, token, again, .. }, Pace::Ready { .. }) => {
            hand::provided(state, sealed, token.as_ref(), *again, at)?;
        }
        (Fact::Ordered(order, who, _), Pace::Ready { .. }) => orders::take(state, *order, who, None, at)?,
        (Fact::Signed(signed), Pace::Ready { .. }) => consent::take(state, signed, at)?,
        (Fact::Said(said), Pace::Ready { .. }) => {
            let is_word = matches!(said.word, Fact::Approved { .. } | Fact::Ordered(..) | Fact::Provided { .. });
            return if is_word { fold(state, &said.word, at) } else { None };
        }
        (Fact::Failed { happened, again, why, .. }, Pace::Running { step, tried }) => {
            let again = *again && tried < tries(&state.plan.policy);
            failures::failed(state, step, failures::Failure { happened: *happened, again, why: *why, tried }, at)?;
        }
        (fact, Pace::Running { step, tried }) => forward::succeeded(state, step, tried, fact, at)?,
        _ => return None,
    }
    settle(state, at);
    Some(())
}

/// Says what must happen next.
#[must_use]
pub fn due(state: &State, now: Timestamp) -> Due {
    match (&state.stage, state.pace) {
        (Stage::Closed(outcome), _) => Due::Rest(*outcome),
        (_, Pace::Running { .. }) => Due::Busy,
        (Stage::Held { why, .. }, _) => Due::Ask(*why),
        (Stage::AwaitingApproval(_) | Stage::AwaitingRevokeApproval, _) => Due::Ask(Reason::Unapproved),
        (Stage::Planning, _) => Due::Plan,
        (Stage::Minting, _) if hand::waits(state) => Due::Ask(hand::asks(state)),
        (_, Pace::Ready { not_before, .. }) if not_before > now => Due::Wait(not_before),
        // A stage that neither has an effect nor passes on is a bug; it waits for a person rather than spin.
        (_, Pace::Ready { .. }) => {
            steps::next(state).map_or(Due::Ask(Reason::Unexpected), |(step, effect)| Due::Act(step, effect))
        }
    }
}

/// The orders a person may give now; none while an effect is under way.
#[must_use]
pub fn allowed(state: &State) -> Vec<Order> {
    let takes = |order: &Order| {
        let ordered = Fact::Ordered(*order, Person::new(""), String::new());
        fold(&mut state.clone(), &ordered, state.entered).is_some()
    };
    [Order::Resume, Order::Pause, Order::Abort, Order::RevokeNow, Order::Abandon].into_iter().filter(takes).collect()
}

/// The runner is about to touch the world: what must be known should it never come back.
fn began(state: &mut State, step: Step, label: Option<&Label>, sealed: Option<&Digest>, at: Timestamp) -> Option<()> {
    let (due, effect) = steps::next(state)?;
    if due != step {
        return None;
    }
    match (step, effect) {
        (Step::Mint, Effect::Mint { attempt, again }) => began_mint(state, attempt, again, label?, sealed, at)?,
        (Step::Stage(store), _) => *state.stores.get_mut(store)? = StoreState::Touched,
        (Step::Promote(store), Effect::Promote { staged, .. }) => {
            let one = state.stores.get_mut(store)?;
            state.first_move = matches!(one, StoreState::Staged(_));
            *one = StoreState::Moving(staged);
            state.exposed = true;
        }
        (Step::Check(index), Effect::Check { reload, .. })
        | (Step::CheckBack(index), Effect::CheckBack { reload, .. }) => {
            dependents::began(state, index, reload)?;
        }
        // Until its outcome is known, nobody knows which value is current.
        (Step::Demote(store), Effect::Demote { staged, .. }) => {
            *state.stores.get_mut(store)? = StoreState::Moving(staged);
        }
        (Step::Disable | Step::Revoke, _) => revoke::pivot(state, at),
        _ => {}
    }
    Some(())
}

/// Every mint has a label of its own, but for the same value pushed again.
fn began_mint(
    state: &mut State,
    attempt: u32,
    again: Option<(Label, Digest)>,
    label: &Label,
    sealed: Option<&Digest>,
    at: Timestamp,
) -> Option<()> {
    if let Some((same_label, same_value)) = again {
        return (*label == same_label && sealed == Some(&same_value)).then_some(());
    }
    if replace::replaces(&state.plan) {
        // The call ends the old token, and a second one of unknown outcome may end the new one.
        if state.pending.is_some() && replace::once(&state.plan) {
            return None;
        }
        revoke::pivot(state, at);
    }
    let prefix = Label::of(&state.plan.rotation, attempt, "");
    let chosen_here = state.plan.abilities.chooser == Chooser::Client;
    if !label.as_str().starts_with(prefix.as_str()) || chosen_here != sealed.is_some() {
        return None;
    }
    state.mints = attempt;
    // A lost value may be in the slot until this one is.
    let perhaps = state.pending.as_ref().is_some_and(|before| before.perhaps);
    state.pending = Some(Pending { attempt, label: label.clone(), sealed: sealed.cloned(), perhaps, lost: false });
    Some(())
}

/// An interruption is an event like any other.
fn restarted(state: &mut State, pace: Pace, at: Timestamp) {
    if let Pace::Running { step, tried } = pace {
        state.ready(at, tried);
        match step {
            Step::Mint => failures::mint_unknown(state, at),
            Step::Promote(_) => state.first_move = false,
            Step::Check(index) | Step::CheckBack(index) => dependents::interrupted(state, index),
            // Never sent again before the provider was asked.
            Step::Revoke if !state.ends_by_hand() => revoke::unsure(state, Reason::Unreachable),
            _ => {}
        }
    }
    state.forget_the_instant();
    if replace::relies_on_preflight(state) {
        state.go(Stage::Preflighting, at);
    }
    sweep::look_again(state, at);
}

impl State {
    /// What was seen just before an act that did not follow says nothing of a later instant.
    pub(super) fn forget_the_instant(&mut self) {
        if !self.pivoted() {
            dependents::forget_rechecks(self);
        }
        if self.pending.is_none() {
            self.counted = None;
        }
    }

    /// Enters a stage.
    pub(super) fn go(&mut self, stage: Stage, at: Timestamp) {
        self.stage = stage;
        self.entered = at;
        self.streak = 0;
        self.lives = 0;
        self.ready(at, 0);
    }

    /// The next step may begin then.
    pub(super) fn ready(&mut self, not_before: Timestamp, tried: u32) {
        self.pace = Pace::Ready { not_before, tried };
    }

    /// A person must choose; the stage goes on where it stands.
    pub(super) fn hold(&mut self, why: Reason, at: Timestamp) {
        if !matches!(self.stage, Stage::Held { .. }) {
            let here = Box::new(self.stage.clone());
            self.go(Stage::Held { at: here, why }, at);
        }
    }
}

/// How often a step is tried; at least once.
pub(super) fn tries(policy: &Policy) -> u32 {
    policy.tries.max(1)
}

/// True when the time in which an end must be seen has passed since then.
pub(super) fn overdue_since(state: &State, since: Timestamp, at: Timestamp) -> bool {
    at >= since.after(state.plan.policy.confirm_within)
}

/// A wait that doubles with every try, up to an hour.
pub(super) fn backoff(policy: &Policy, tried: u32) -> Duration {
    let doublings = tried.saturating_sub(1).min(20);
    let most = Duration::from_secs(3600).max(policy.pause);
    policy.pause.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(most)
}

/// The wait between two readings in a window: an eighth of it, and never none.
pub(super) fn between_readings(policy: &Policy, window: Duration) -> Duration {
    policy.pause.max(window / 8).max(Duration::from_millis(1))
}
