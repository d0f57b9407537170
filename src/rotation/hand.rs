//! What a person does in the provider's console: the machine asks for it, takes the value that is handed over, and has
//! the provider say what that is before anything uses it.

use super::forward::{advance, old_token, retry_or_hold};
use super::{Offered, Orphan, Pace, Stage, State, Successor, replace};
use crate::model::{Chooser, Digest, Label, Reason, Timestamp, TokenId, Verdict};

/// Characters of a sealed value's digest that make its label.
const NONCE: usize = 10;

/// True when the next token is a person's to make.
pub(super) fn makes(state: &State) -> bool {
    !state.plan.abilities.mint || state.by_hand
}

/// True while only a person's value leads on.
pub(super) fn waits(state: &State) -> bool {
    matches!(state.stage, Stage::Minting) && makes(state) && state.offered.is_none()
}

/// What a person is asked for: a token, and why the last one was not taken.
pub(super) fn asks(state: &State) -> Reason {
    let first = if state.plan.abilities.mint { Reason::Lost } else { Reason::ByHand };
    state.refused.unwrap_or(first)
}

/// True when a value may be handed over now ([`super::Fact::Provided`]): where the machine waits for one, where the last
/// one could not be judged, and where a replacement in place left none that works.
#[must_use]
pub fn takes_value(state: &State) -> bool {
    if matches!(state.pace, Pace::Running { .. }) {
        return false;
    }
    let Stage::Held { at, .. } = &state.stage else { return waits(state) };
    let replaced = replace::replaces(&state.plan) && state.pivoted();
    match at.as_ref() {
        Stage::Minting => makes(state) && state.offered.is_some(),
        Stage::Seeking => replaced && state.successor.is_none() && state.offered.is_none(),
        Stage::Proving => replaced,
        _ => false,
    }
}

/// A person handed a value over; it is sealed.
pub(super) fn provided(
    state: &mut State,
    sealed: &Digest,
    token: Option<&TokenId>,
    again: bool,
    at: Timestamp,
) -> Option<()> {
    if !takes_value(state) {
        return None;
    }
    if again {
        state.offered.take()?;
    }
    give_up_offer(state);
    state.mints = state.mints.saturating_add(1);
    let nonce: String = sealed.as_str().chars().take(NONCE).collect();
    let label = Label::of(&state.plan.rotation, state.mints, &nonce);
    let (sealed, token) = (sealed.clone(), token.cloned());
    state.offered = Some(Offered { attempt: state.mints, label, sealed, token, is_another: false });
    state.by_hand = true;
    state.refused = None;
    state.returning = false;
    state.go(Stage::Minting, at);
    Some(())
}

/// The provider spoke of the value.
pub(super) fn tried(state: &mut State, verdict: &Verdict, tried: u32, at: Timestamp) -> Option<()> {
    let streak = std::mem::take(&mut state.streak);
    match verdict {
        Verdict::Live(token) => accepted(state, token, at)?,
        // A token that was made a moment ago may not work yet.
        Verdict::Dead if streak.saturating_add(1) < state.plan.policy.confirms.max(1) => {
            state.streak = streak.saturating_add(1);
            state.ready(at.after(state.plan.policy.confirm_pause), tried);
        }
        Verdict::Dead => refuse(state, Reason::Rejected, at),
        // It lives, so it is neither used nor forgotten.
        Verdict::Restricted(..) => state.hold(Reason::Scopes, at),
        Verdict::WrongPlace => retry_or_hold(state, Reason::Unexpected, tried, at),
        Verdict::Unknown(why) => retry_or_hold(state, *why, tried, at),
    }
    Some(())
}

/// It is dropped, and a person is asked again.
pub(super) fn refuse(state: &mut State, why: Reason, at: Timestamp) {
    state.offered = None;
    state.refused = Some(why);
    state.go(Stage::Minting, at);
}

fn accepted(state: &mut State, token: &TokenId, at: Timestamp) -> Option<()> {
    let is_another = state.offered.as_ref()?.is_another || replace::replaces(&state.plan);
    if !is_another && old_token(&state.old) == Some(token) {
        // Another writing of the old value, or a provider that names all tokens of an account alike.
        state.hold(Reason::Alike, at);
        return Some(());
    }
    let Offered { attempt, label, sealed, .. } = state.offered.take()?;
    let fresh = Successor { token: token.clone(), attempt, label, sealed, is_alone: true };
    if let Some(before) = state.successor.replace(fresh) {
        let Successor { token, sealed, label, .. } = before;
        let sealed = Some(sealed);
        state.orphans.push(Orphan { sealed, revoked: true, by_hand: true, ..Orphan::new(token, label) });
    }
    state.proved = false;
    state.counted = None;
    // What an interrupted mint may have left is sought once the new token is in use.
    let can_find = state.plan.abilities.find && state.plan.abilities.chooser == Chooser::Server;
    state.pending = state.pending.take().filter(|_| can_find);
    advance(state, at);
    Some(())
}

/// A person says that it is another token, whatever its handle.
pub(super) fn is_another(state: &mut State) {
    if let Some(offered) = &mut state.offered {
        offered.is_another = true;
    }
}

/// A value that was never judged may be a token that lives: its death is observed, or a person's to bring about.
pub(super) fn give_up_offer(state: &mut State) {
    if let Some(Offered { label, sealed, token, .. }) = state.offered.take() {
        let is_named = token.is_some();
        let token = token.unwrap_or_else(|| TokenId::new(label.as_str()));
        let sealed = Some(sealed);
        state.orphans.push(Orphan { sealed, revoked: true, by_hand: true, is_named, ..Orphan::new(token, label) });
    }
}

/// A token whose end is a person's: the machine asks for it and then looks.
pub(super) fn end_orphan(state: &mut State, at: Timestamp) {
    if let Some(orphan) = state.orphans.first_mut() {
        orphan.revoked = true;
        state.hold(Reason::ByHand, at);
    }
}
