//! A dry run: the machine itself, driven by answers that are all as good as they can be.

use super::{
    Consent, Due, Effect, Event, Fact, Order, Plan, Stage, Staged, Staging, State, apply, due, open, takes_value,
};
use crate::model::{Digest, Health, Label, Person, Timestamp, TokenId, Usage, Verdict, Version};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Windows are read eight times and counts are a policy's, so a rehearsal is short; this only bounds a policy's whims.
const MOST_STEPS: usize = 100_000;

/// The effects that the plan would have if everything works, from the same step function that runs it. Repetitions of
/// one effect (proofs, readings, confirmations) are told once: their count is in the plan's policy. Handles, versions
/// and labels stand for those that the world will choose.
#[must_use]
pub fn effects(plan: &Plan) -> Vec<Effect> {
    let mut now = Timestamp(0);
    let mut told: Vec<Effect> = Vec::new();
    // Everybody agrees at once.
    let agreed = Plan { consent: Consent::default(), ..plan.clone() };
    let Ok(mut state) = open(&Event { at: now, fact: Fact::Opened(Box::new(agreed)) }) else { return told };
    for _ in 0..MOST_STEPS {
        let facts = match due(&state, now) {
            Due::Wait(until) => {
                now = until;
                continue;
            }
            Due::Plan => vec![Fact::Planned(Digest::new("planned"))],
            Due::Ask(_) => vec![consent(&state, now)],
            Due::Act(step, effect) => {
                let (label, sealed) = intent(plan, &effect);
                let began = Fact::Began { step, label, sealed };
                let facts = vec![began, success(plan, &effect, now)];
                if told.last() != Some(&effect) {
                    told.push(effect);
                }
                facts
            }
            Due::Busy | Due::Rest(_) => break,
        };
        for fact in facts {
            match apply(&state, &Event { at: now, fact }) {
                Ok(next) => state = next,
                Err(_) => return told,
            }
        }
    }
    told
}

/// What an approval is bound to: a digest (SHA-256) of the plan and its effects, without nonces.
#[must_use]
pub fn digest(plan: &Plan) -> Digest {
    // Writing plain data of our own to memory does not fail; if it did, the error's words would match no other plan.
    let plan = Plan { sealed: None, ..plan.clone() };
    let bytes = serde_json::to_vec(&(&plan, effects(&plan))).unwrap_or_else(|error| error.to_string().into_bytes());
    Digest::new(HEXLOWER.encode(&Sha256::digest(&bytes)))
}

/// What a person says and does who agrees with everything.
fn consent(state: &State, now: Timestamp) -> Fact {
    let who = Person::new("somebody");
    match &state.stage {
        Stage::AwaitingApproval(digest) => {
            Fact::Approved { who, digest: digest.clone(), expires: now.after(Duration::from_millis(1)) }
        }
        _ if takes_value(state) => Fact::Provided { who, sealed: Digest::new("sealed"), token: None, again: false },
        _ => Fact::Ordered(Order::Resume, who, String::new()),
    }
}

fn intent(plan: &Plan, effect: &Effect) -> (Option<Label>, Option<Digest>) {
    match effect {
        Effect::Mint { attempt, .. } => {
            let chosen_here = plan.abilities.chooser == crate::model::Chooser::Client;
            (Some(Label::of(&plan.rotation, *attempt, "nonce")), chosen_here.then(|| Digest::new("sealed")))
        }
        _ => (None, None),
    }
}

fn success(plan: &Plan, effect: &Effect, now: Timestamp) -> Fact {
    let (old, new) = (Version::new("old"), Version::new("new"));
    match effect {
        Effect::ReadUsage | Effect::Soak => {
            Fact::Used { usage: Usage::NoneSeen(now), explained: Vec::new(), foreign: Vec::new() }
        }
        Effect::Verify => Fact::Verified(Verdict::Live(TokenId::new("old"))),
        Effect::Preflight => Fact::Preflighted { saw_old: vec![true; plan.dependents.len()] },
        // A list is believed where the old token is in it.
        Effect::Count if !plan.abilities.find => Fact::Counted(vec![TokenId::new("old")]),
        Effect::Count => Fact::Counted(Vec::new()),
        Effect::Mint { .. } => Fact::Minted { token: TokenId::new("new"), sealed: Digest::new("sealed"), ends: None },
        Effect::Try => Fact::Tried(Verdict::Live(TokenId::new("new"))),
        Effect::AskOld => Fact::Verified(Verdict::Dead),
        Effect::Seek { .. } | Effect::SeekTwin { .. } => Fact::Sought(Vec::new()),
        Effect::Prove => Fact::Proved,
        Effect::Stage { store } => {
            let apart = plan.stores.get(*store).is_some_and(|store| store.staging == Staging::Native);
            Fact::Staged { store: *store, staged: Staged { version: apart.then_some(new), previous: old } }
        }
        Effect::Promote { store, .. } => Fact::Promoted { store: *store, version: new },
        Effect::Check { dependent, .. } | Effect::CheckBack { dependent, .. } | Effect::Recheck(dependent) => {
            Fact::Checked { dependent: *dependent, health: Health::Good }
        }
        Effect::Disable(_) => Fact::Disabled,
        Effect::Revoke(_) => Fact::Revoked,
        Effect::EndSessions(_) => Fact::Ended { sessions: 0 },
        Effect::Confirm | Effect::ConfirmDiscard(_) => Fact::Verified(Verdict::Dead),
        Effect::Watch => Fact::Healthy,
        Effect::Demote { store, .. } => Fact::Demoted { store: *store, version: old },
        Effect::Discard(_) => Fact::Discarded,
        Effect::Survey => {
            let there = super::sweep::of(plan).map(|sweep| sweep.strays.clone()).unwrap_or_default();
            Fact::Surveyed { in_use: Vec::new(), there }
        }
        Effect::Quarantine(_) => Fact::Quarantined,
        Effect::Unstage { store, .. } => Fact::Unstaged { store: *store },
    }
}
