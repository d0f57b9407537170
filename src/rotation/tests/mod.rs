//! The core under test: what every stage takes, random walks with faults, crashes and people, and an exhaustive search.

mod consent;
mod console;
pub(crate) mod guards;
mod in_place;
mod instants;
mod mints;
mod model;
mod rows;
mod searches;
mod stale;
mod strays;
mod table;
mod walk;
mod world;

use super::*;
use crate::model::{
    Abilities, Chooser, Class, Digest, Happened, Health, KindId, Label, Person, Quota, Reason, RotationId, Timestamp,
    TokenId, Usage, Verdict, Version,
};
use std::time::Duration;

/// What a panic says.
fn words(cause: &(dyn std::any::Any + Send)) -> Option<String> {
    let words = cause.downcast_ref::<String>().cloned();
    words.or_else(|| cause.downcast_ref::<&str>().map(|words| (*words).to_owned()))
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn abilities() -> Abilities {
    Abilities { quota: Quota::AtMost(6), ..Abilities::EVERYTHING }
}

fn policy() -> Policy {
    Policy {
        approve: Approve::Plan,
        accept_unproved: false,
        accept_outage: false,
        tries: 3,
        pause: millis(10),
        proofs: 2,
        prove_within: millis(100),
        check_within: millis(100),
        soak: millis(50),
        on_abuse: OnAbuse::Wait,
        confirms: 2,
        confirm_pause: millis(5),
        confirm_within: millis(300),
        watch: millis(30),
    }
}

fn dependent(name: &str, required: bool, reload: bool) -> DependentPlan {
    DependentPlan { name: name.into(), required, reload }
}

fn store(name: &str, staging: Staging) -> StorePlan {
    StorePlan { name: name.into(), staging }
}

/// What was seen of the old token's use: by services, by strangers.
fn used(explained: &[&str], foreign: &[&str]) -> Fact {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Fact::Used { usage: Usage::CannotKnow, explained: words(explained), foreign: words(foreign) }
}

fn plan() -> Plan {
    Plan {
        rotation: RotationId::new("C-0142"),
        credential: "shop-mailer".into(),
        kind: KindId::new("acme.api-token"),
        abilities: abilities(),
        stores: vec![store("vault kv/shop/mailer", Staging::None), store("aws shop/mailer", Staging::Native)],
        dependents: vec![
            dependent("mailer", true, true),
            dependent("billing", true, false),
            dependent("batch", false, true),
        ],
        policy: policy(),
        leaked: Timestamp(0),
        emergency: false,
        sealed: None,
        consent: Consent::default(),
        purpose: Purpose::Leak,
    }
}

fn opened(plan: &Plan) -> State {
    open(&Event { at: Timestamp(1000), fact: Fact::Opened(Box::new(plan.clone())) }).unwrap()
}

/// Holds a state and its time, and folds facts into it.
#[derive(Clone)]
struct Fold {
    state: State,
    now: Timestamp,
}

impl Fold {
    fn new(plan: &Plan) -> Self {
        Self { state: opened(plan), now: Timestamp(1000) }
    }

    fn try_fact(&mut self, fact: Fact) -> Result<(), Illegal> {
        self.state = apply(&self.state, &Event { at: self.now, fact })?;
        Ok(())
    }

    fn fact(&mut self, fact: Fact) {
        self.try_fact(fact).unwrap_or_else(|error| panic!("{error}\n{:#?}", self.state));
    }

    fn order(&mut self, order: Order) {
        self.fact(Fact::Ordered(order, Person::new("dana"), "because".into()));
    }

    fn due(&mut self) -> Due {
        loop {
            match due(&self.state, self.now) {
                Due::Wait(until) => {
                    assert!(until > self.now);
                    self.now = until;
                }
                due => return due,
            }
        }
    }

    /// Begins what is due; says what it is.
    fn begin(&mut self) -> (Step, Effect) {
        let Due::Act(step, effect) = self.due() else { panic!("nothing to begin: {:#?}", self.state) };
        let (label, sealed) = match &effect {
            Effect::Mint { again: Some((label, sealed)), .. } => (Some(label.clone()), Some(sealed.clone())),
            Effect::Mint { attempt, again: None } => {
                let chosen = self.state.plan.abilities.chooser == Chooser::Client;
                let label = Label::of(&self.state.plan.rotation, *attempt, "n0nce");
                (Some(label), chosen.then(|| Digest::new(format!("chosen-{attempt}"))))
            }
            _ => (None, None),
        };
        self.fact(Fact::Began { step, label, sealed });
        (step, effect)
    }

    /// What the best of worlds answers.
    fn success(&self, effect: &Effect) -> Fact {
        match effect {
            Effect::ReadUsage | Effect::Soak => used(&[], &[]),
            Effect::Verify => Fact::Verified(Verdict::Live(TokenId::new("old"))),
            Effect::Preflight => Fact::Preflighted { saw_old: vec![true; self.state.plan.dependents.len()] },
            Effect::Count => Fact::Counted(vec![TokenId::new("old")]),
            Effect::Mint { attempt, .. } => Fact::Minted {
                token: TokenId::new(format!("new-{attempt}")),
                sealed: Digest::new(format!("sealed-{attempt}")),
                ends: None,
            },
            Effect::Try => Fact::Tried(Verdict::Live(TokenId::new(format!("new-{}", self.state.mints)))),
            Effect::AskOld => Fact::Verified(Verdict::Dead),
            Effect::Seek { .. } | Effect::SeekTwin { .. } => Fact::Sought(vec![]),
            Effect::Prove => Fact::Proved,
            Effect::Stage { store } => Fact::Staged { store: *store, staged: staged() },
            Effect::Promote { store, .. } => Fact::Promoted { store: *store, version: Version::new("v2") },
            Effect::Check { dependent, .. } | Effect::CheckBack { dependent, .. } | Effect::Recheck(dependent) => {
                Fact::Checked { dependent: *dependent, health: Health::Good }
            }
            Effect::Disable(_) => Fact::Disabled,
            Effect::Revoke(_) => Fact::Revoked,
            Effect::EndSessions(_) => Fact::Ended { sessions: 2 },
            Effect::Confirm | Effect::ConfirmDiscard(_) => Fact::Verified(Verdict::Dead),
            Effect::Watch => Fact::Healthy,
            Effect::Demote { store, .. } => Fact::Demoted { store: *store, version: Version::new("v1") },
            Effect::Discard(_) => Fact::Discarded,
            Effect::Survey => {
                let there = sweep::of(&self.state.plan).map(|sweep| sweep.strays.clone()).unwrap_or_default();
                Fact::Surveyed { in_use: vec![TokenId::new("old")], there }
            }
            Effect::Quarantine(_) => Fact::Quarantined,
            Effect::Unstage { store, .. } => Fact::Unstaged { store: *store },
        }
    }

    /// Takes one step that works, an approval included. False at the end, and where a person must choose.
    fn step(&mut self) -> bool {
        match self.due() {
            Due::Plan => self.fact(Fact::Planned(digest(&self.state.plan))),
            Due::Ask(Reason::Unapproved) => self.approve(),
            Due::Act(..) => {
                let (_, effect) = self.begin();
                self.fact(self.success(&effect));
            }
            Due::Ask(_) | Due::Rest(_) | Due::Busy | Due::Wait(_) => return false,
        }
        true
    }

    /// A person makes a token and hands it over.
    fn provide(&mut self, sealed: &str) {
        self.fact(Fact::Provided { who: Person::new("dana"), sealed: Digest::new(sealed), token: None, again: false });
    }

    /// Asks, and is told this.
    fn answer(&mut self, verdict: Verdict) {
        match self.begin().0 {
            Step::Try => self.fact(Fact::Tried(verdict)),
            _ => self.fact(Fact::Verified(verdict)),
        }
    }

    fn approve(&mut self) {
        let digest = self.state.planned.clone().unwrap();
        self.fact(Fact::Approved { who: Person::new("dana"), digest, expires: self.now.after(millis(1)) });
    }

    /// Goes on until this step is due.
    fn until(mut self, wanted: Step) -> Self {
        loop {
            if matches!(self.due(), Due::Act(step, _) if step == wanted) {
                return self;
            }
            assert!(self.step(), "never came to {wanted:?}: {:#?}", self.state);
        }
    }

    /// Goes on to the end, or to a person.
    fn finish(mut self) -> Self {
        while self.step() {}
        self
    }

    fn fail(&mut self, happened: Happened, again: bool, why: Reason) {
        self.fact(Fact::Failed { happened, again, why, note: "a note".into() });
    }

    /// Fails what is due as often as it is due, without anything having happened.
    fn fail_step(&mut self, wanted: Step, why: Reason) {
        while matches!(self.due(), Due::Act(step, _) if step == wanted) {
            self.begin();
            self.fail(Happened::No, true, why);
        }
    }
}

fn staged() -> Staged {
    Staged { version: Some(Version::new("v2")), previous: Version::new("v1") }
}

fn can_double(plan: &Plan) -> bool {
    plan.abilities.find && plan.abilities.chooser == Chooser::Server && !replace::replaces(plan)
}

fn going_back(state: &State) -> bool {
    matches!(state.stage, Stage::RollingBack(_) | Stage::Closed(Outcome::RolledBack(_)))
}
