//! Random walks over the core: faults, crashes, people. The invariants are checked at every step, and every walk ends
//! once faults stop and a person goes on. A failure prints its seed; `STANCH_WALK_SEED` runs that one alone, `STANCH_WALKS`
//! another number of them.

use super::world::{Dice, World};
use super::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const WALKS: u64 = 10_000;
/// Faults stop after so many turns, and everything must end after so many more.
const TROUBLED: u32 = 120;
const MENDED: u32 = 500;

#[test]
fn random_walks_keep_the_invariants_and_end() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (only, walks) = (number("STANCH_WALK_SEED"), number("STANCH_WALKS").unwrap_or(WALKS));
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for seed in only.map_or(0..walks, |seed| seed..seed + 1) {
        let mut walk = Walk::new(seed);
        match catch_unwind(AssertUnwindSafe(|| walk.run())) {
            Ok(outcome) => *ends.entry(format!("{outcome:?}")).or_default() += 1,
            Err(cause) => {
                panic!("seed {seed}: {}\n{}", words(&*cause).unwrap_or_default(), walk.story());
            }
        }
    }
    // Walks that all end in one way would prove little.
    if only.is_none() {
        let count =
            |name: &str| ends.iter().filter(|(end, _)| end.starts_with(name)).map(|(_, count)| count).sum::<u32>();
        for end in ["Rotated", "RolledBack(Ordered)", "RolledBack(Unhealthy)", "RolledBack(Scopes)", "Abandoned"] {
            assert!(count(end) > 20, "too few walks end {end}: {ends:?}");
        }
    }
}

fn any_plan(dice: &mut Dice) -> Plan {
    let mut plan = plan();
    let abilities = &mut plan.abilities;
    match dice.below(10) {
        0 | 1 => {}
        2 => abilities.find = false,
        3 => {
            abilities.find = false;
            abilities.list = false;
        }
        4 => {
            abilities.class = Class::TwoSlots;
            abilities.chooser = Chooser::Client;
            abilities.find = dice.percent(50);
            abilities.list = false;
        }
        5 => abilities.chooser = Chooser::Client,
        6 => {
            abilities.class = Class::Console;
            abilities.mint = false;
            abilities.revoke = dice.percent(50);
        }
        7 => {
            abilities.class = Class::Replace;
            abilities.mint = false;
            abilities.revoke = dice.percent(50);
        }
        8 => {
            abilities.class = Class::Replace;
            abilities.chooser = Chooser::Client;
        }
        _ => {
            abilities.class = Class::Replace;
            abilities.find = dice.percent(50);
        }
    }
    abilities.disable = abilities.mint && dice.percent(50);
    abilities.sessions = dice.percent(50);
    plan.stores.truncate(1 + dice.below(2) as usize);
    plan.dependents.truncate(dice.below(4) as usize);
    plan.policy.approve = dice.pick(&[Approve::Never, Approve::Plan, Approve::PlanAndRevoke]);
    plan.policy.accept_unproved = dice.percent(30);
    plan.policy.accept_outage = dice.percent(30);
    plan.policy.on_abuse = dice.pick(&[OnAbuse::Wait, OnAbuse::Revoke]);
    plan.emergency = dice.percent(10);
    plan
}

struct Walk {
    dice: Dice,
    world: World,
    state: State,
    now: Timestamp,
    journal: Vec<Event>,
    /// Per cent, at every point where something can go wrong.
    fault: u64,
    pivoted: bool,
    /// A replacement that its sender gave up and that may arrive within the window in which the old token is asked.
    late: Option<Label>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let plan = any_plan(&mut dice);
        let world = World::new(&plan, &mut dice);
        let fault = dice.pick(&[0, 2, 5, 15]);
        let now = Timestamp(1000);
        let first = Event { at: now, fact: Fact::Opened(Box::new(plan)) };
        let state = open(&first).unwrap();
        Self { dice, world, state, now, journal: vec![first], fault, pivoted: false, late: None }
    }

    fn run(&mut self) -> Outcome {
        for turn in 0..TROUBLED + MENDED {
            if turn == TROUBLED {
                self.fault = 0;
                self.world.mend();
            }
            if let Some(outcome) = self.turn(turn >= TROUBLED) {
                self.world.forget_by_hand();
                self.world.check_end(&self.state, outcome);
                let replayed = self.journal[1..]
                    .iter()
                    .fold(open(&self.journal[0]).unwrap(), |state, event| apply(&state, event).unwrap());
                assert_eq!(replayed, self.state, "a replay gives another state");
                return outcome;
            }
        }
        panic!("it never ends: {:#?}", self.state);
    }

    fn turn(&mut self, mended: bool) -> Option<Outcome> {
        self.check();
        self.now = self.now.after(millis(self.dice.below(3)));
        if self.state.plan.abilities.find && self.dice.percent(self.fault) && self.world.foreign.len() < 2 {
            self.world.strangers();
        }
        if matches!(self.state.stage, Stage::Soaking { .. }) && self.dice.percent(self.fault) {
            let dependent = self.dice.below(3) as usize;
            self.world.relapse(dependent);
        }
        if self.dice.percent(self.fault) && self.dice.percent(20) {
            self.order(false);
        }
        self.arrive();
        match due(&self.state, self.now) {
            Due::Rest(outcome) => return Some(outcome),
            Due::Wait(until) => {
                assert!(until > self.now);
                self.now = until;
            }
            Due::Busy => panic!("busy, though nothing is under way"),
            // What it says is opaque to the core; the rehearsal is tested elsewhere.
            Due::Plan => self.record(Fact::Planned(Digest::new("plan"))),
            Due::Ask(_) => self.ask(mended),
            Due::Act(step, effect) => self.act(step, &effect),
        }
        None
    }

    /// A replacement arrives late: while the old token is still asked whether it happened, not after.
    fn arrive(&mut self) {
        let asked = matches!(self.state.stage, Stage::Seeking) && self.state.pending.is_some();
        if !asked {
            self.late = None;
        } else if self.state.lives == 0
            && self.dice.percent(30)
            && let Some(label) = self.late.take()
        {
            self.world.replace_late(&label, None);
        }
    }

    /// A person makes a token and hands it over, or something else, or nothing yet.
    fn provide(&mut self, mended: bool) {
        if !mended && self.dice.percent(20) {
            return self.world.make_by_hand(&self.state.plan.clone());
        }
        let right = mended || self.dice.percent(70);
        let sealed = self.world.provide(&self.state.plan.clone(), right);
        self.record(Fact::Provided { who: Person::new("dana"), sealed, token: None, again: false });
    }

    fn ask(&mut self, mended: bool) {
        if takes_value(&self.state) && (mended || self.dice.percent(70)) {
            return self.provide(mended);
        }
        let waits = matches!(self.state.stage, Stage::AwaitingApproval(_) | Stage::AwaitingRevokeApproval);
        if waits && (mended || self.dice.percent(80)) {
            let digest = self.state.planned.clone().unwrap();
            let expires = self.now.after(millis(1));
            return self.record(Fact::Approved { who: Person::new("dana"), digest, expires });
        }
        self.order(mended);
    }

    /// A person decides: after things were mended, to go on wherever that leads anywhere.
    fn order(&mut self, mended: bool) {
        let all =
            [Order::Resume, Order::Resume, Order::Resume, Order::Pause, Order::Abort, Order::RevokeNow, Order::Abandon];
        let mut order = self.dice.pick(&all);
        if order == Order::Abandon && self.dice.percent(70) {
            order = Order::Resume;
        }
        if mended {
            let lost = matches!(self.state.stage, Stage::Held { why: Reason::Unreadable, .. });
            order = if lost && self.state.pivoted() { Order::Abandon } else { Order::Resume };
        }
        if order == Order::Resume && (mended || self.dice.percent(70)) {
            self.world.end_by_hand(&self.state);
        }
        if order == Order::Resume
            && matches!(self.state.stage, Stage::Held { why: Reason::Unsupported, .. })
            && let Some(pending) = &self.state.pending
        {
            self.world.clear_by_hand(&pending.label);
        }
        let event = Event { at: self.now, fact: Fact::Ordered(order, Person::new("dana"), "because".into()) };
        let allowed = allowed(&self.state).contains(&order);
        match apply(&self.state, &event) {
            Ok(next) => {
                assert!(allowed, "{order:?} was taken though it is not allowed");
                self.state = next;
                self.journal.push(event);
            }
            Err(_) => assert!(!allowed && !mended, "{order:?} was refused though it is allowed"),
        }
    }

    fn act(&mut self, step: Step, effect: &Effect) {
        if self.trouble() {
            return self.crash();
        }
        let (label, sealed) = self.intent(effect);
        self.record(Fact::Began { step, label, sealed });
        assert_eq!(due(&self.state, self.now), Due::Busy);
        assert!(allowed(&self.state).is_empty(), "an order is taken while an effect is under way");
        if self.trouble() {
            return self.crash();
        }
        if self.trouble() {
            let fact = self.failure(effect);
            return self.record(fact);
        }
        let attempt = self.world.perform(&self.state, effect, &mut self.dice);
        self.check();
        if self.trouble() {
            return self.crash();
        }
        match attempt {
            Ok(fact) => self.record(fact),
            Err((happened, why)) => {
                self.record(Fact::Failed { happened, again: why != Reason::Unreadable, why, note: String::new() })
            }
        }
        if self.trouble() {
            self.crash();
        }
    }

    fn intent(&mut self, effect: &Effect) -> (Option<Label>, Option<Digest>) {
        match effect {
            Effect::Mint { again: Some((label, sealed)), .. } => (Some(label.clone()), Some(sealed.clone())),
            Effect::Mint { attempt, again: None } => {
                let chosen_here = self.state.plan.abilities.chooser == Chooser::Client;
                let sealed = chosen_here.then(|| self.world.choose(*attempt));
                let nonce = self.dice.below(1_000_000).to_string();
                (Some(Label::of(&self.state.plan.rotation, *attempt, &nonce)), sealed)
            }
            _ => (None, None),
        }
    }

    /// It fails before, or its reply is lost after; or a value can no longer be opened.
    fn failure(&mut self, effect: &Effect) -> Fact {
        let again = self.dice.percent(75);
        let note = String::new();
        let whys = [Reason::Unreachable, Reason::Rejected, Reason::Throttled, Reason::Conflict, Reason::Unexpected];
        let mut why = self.dice.pick(&whys);
        let mut happened = Happened::Perhaps;
        match self.dice.below(3) {
            0 => happened = Happened::No,
            1 => {}
            _ => {
                if self.world.perform(&self.state, effect, &mut self.dice).is_err() {
                    happened = Happened::No;
                }
                self.world.crash();
            }
        }
        match effect {
            Effect::Verify | Effect::Confirm | Effect::AskOld | Effect::ConfirmDiscard(_) if self.dice.percent(50) => {
                return Fact::Verified(self.dice.pick(&[Verdict::WrongPlace, Verdict::Unknown(why)]));
            }
            Effect::Mint { again: None, .. } if replace::once(&self.state.plan) && happened == Happened::Perhaps => {
                self.late = self.state.pending.as_ref().map(|pending| pending.label.clone());
            }
            Effect::Try if self.dice.percent(20) => {
                let sealed = self.state.offered.as_ref().unwrap().sealed.clone();
                self.world.lose_offered(&sealed);
            }
            Effect::Prove if self.dice.percent(20) => why = Reason::Scopes,
            Effect::Check { .. } | Effect::CheckBack { .. } if self.dice.percent(50) => why = Reason::Unhealthy,
            Effect::Prove | Effect::Stage { .. } | Effect::Promote { .. } if self.dice.percent(20) => {
                let sealed = self.state.successor.as_ref().unwrap().sealed.clone();
                self.world.lose(&sealed);
            }
            Effect::Mint { .. } if self.dice.percent(20) => {
                if let Some(sealed) = self.state.pending.as_ref().and_then(|pending| pending.sealed.clone()) {
                    self.world.lose(&sealed);
                }
            }
            _ => {}
        }
        Fact::Failed { happened, again, why, note }
    }

    fn trouble(&mut self) -> bool {
        let fault = self.fault;
        self.dice.percent(fault)
    }

    fn crash(&mut self) {
        self.world.crash();
        self.record(Fact::Restarted);
    }

    fn record(&mut self, fact: Fact) {
        let event = Event { at: self.now, fact };
        match apply(&self.state, &event) {
            Ok(next) => self.state = next,
            Err(error) => panic!("{error}"),
        }
        self.world.recorded();
        self.journal.push(event);
        self.check();
    }

    fn check(&mut self) {
        self.world.check_invariants(&self.state);
        self.pivoted |= self.state.pivoted();
        let gave_back = replace::replaces(&self.state.plan) && self.world.works(&super::world::old());
        if gave_back && matches!(self.state.stage, Stage::RollingBack(_) | Stage::Closed(Outcome::RolledBack(_))) {
            self.pivoted = false;
        }
        let back = matches!(self.state.stage, Stage::RollingBack(_) | Stage::Closed(Outcome::RolledBack(_)));
        assert!(!self.pivoted || (self.state.pivoted() && !back), "a way back after the pivot");
    }

    fn story(&self) -> String {
        let line = |event: &Event| format!("{:>6} {:?}\n", event.at.0, event.fact);
        format!("{}{:#?}\n{:#?}", self.journal.iter().map(line).collect::<String>(), self.state, self.world)
    }
}
