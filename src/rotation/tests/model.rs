//! An exhaustive search of the real `apply` and `due` at a small size: every interleaving of a few faults (a refusal, a
//! lost reply, a promotion that arrives late, a lost envelope key), a crash, and a person, from every step.

use super::world::{Dice, Late, World};
use super::*;
use stateright::{Checker, Model, Property};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Time stands still: every wait is nothing and every deadline is now, so that states come back.
const NOW: Timestamp = Timestamp(0);

#[derive(Clone, Debug, PartialEq)]
struct Node {
    state: State,
    world: World,
    /// The effect that was begun.
    effect: Option<Effect>,
    late: Option<Late>,
    /// A replacement that its sender gave up and that may arrive yet.
    late_mint: Option<Label>,
    faults: u8,
    crashes: u8,
    orders: u8,
    /// An assertion of the world that did not hold, or an event that was refused.
    broken: Option<String>,
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        // Whole, so that a new field is not forgotten; the plan never changes and time stands still.
        let State {
            plan: _,
            opened: _,
            old,
            mints,
            successor,
            stores,
            stage,
            entered: _,
            pace,
            ordered,
            usage_read,
            planned,
            counted,
            pending,
            mints_resumed,
            orphans,
            stale,
            proved,
            exposed,
            first_move,
            streak,
            dependents,
            explained,
            ending,
            offered,
            refused,
            by_hand,
            outage,
            returning,
            lives,
            given,
        } = &self.state;
        (old, mints, successor, stores, stage, pace, ordered, usage_read).hash(hasher);
        (planned, counted, pending, mints_resumed, orphans, stale).hash(hasher);
        (offered, refused, by_hand, outage, returning, lives, given).hash(hasher);
        (proved, exposed, first_move, streak, dependents, explained, ending).hash(hasher);
        (&self.world, &self.effect, &self.late, &self.late_mint, self.faults, self.crashes, self.orders, &self.broken)
            .hash(hasher);
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Act {
    /// What the core computes or a person approves.
    Plan,
    Approve,
    Order(Order),
    Begin,
    Succeed,
    /// It happens, and the reply is lost.
    Lose,
    /// Refused; may it be tried again?
    Refuse(bool),
    /// It does not happen, and nobody knows.
    Vanish,
    /// It does not happen yet.
    Delay,
    Arrive,
    /// It happens twice.
    Twice,
    /// It happens, and a second delivery of it is refused: that is the answer.
    Disown,
    /// A person hands a token over: the right one, or something else.
    Provide(bool),
    /// A person makes a token, and keeps it.
    Make,
    /// A person ends by hand what is to be ended, and says so.
    Done,
    /// The provider's word means nothing.
    Doubt,
    /// A dependent starts again on the old token, which still lives.
    Relapse,
    /// The envelope key of the new value is lost.
    Spoil,
    /// The process dies: before the effect, or after it.
    Crash(bool),
}

struct Small {
    plan: Plan,
    faults: u8,
    crashes: u8,
    orders: u8,
}

fn small(faults: u8, crashes: u8, orders: u8) -> Small {
    let mut plan = plan();
    plan.stores.truncate(1);
    plan.dependents = vec![dependent("mailer", true, true), dependent("billing", true, true)];
    plan.abilities.sessions = false;
    plan.policy = Policy {
        approve: Approve::Never,
        accept_unproved: false,
        accept_outage: false,
        tries: 2,
        pause: millis(0),
        proofs: 1,
        prove_within: millis(0),
        check_within: millis(0),
        soak: millis(0),
        confirms: 2,
        confirm_pause: millis(0),
        confirm_within: millis(0),
        watch: millis(0),
    };
    Small { plan, faults, crashes, orders }
}

impl Node {
    fn record(&mut self, fact: Fact) {
        match apply(&self.state, &Event { at: NOW, fact }) {
            Ok(next) => self.state = next,
            Err(error) => panic!("{error}"),
        }
        self.world.recorded();
        self.effect = None;
    }

    fn begin(&mut self) {
        let Due::Act(step, began) = due(&self.state, NOW) else { panic!("nothing is due") };
        let (label, sealed) = match &began {
            Effect::Mint { again: Some((label, sealed)), .. } => (Some(label.clone()), Some(sealed.clone())),
            Effect::Mint { attempt, again: None } => {
                let chosen_here = self.state.plan.abilities.chooser == Chooser::Client;
                let label = Label::of(&self.state.plan.rotation, *attempt, "n0nce");
                (Some(label), chosen_here.then(|| self.world.choose(*attempt)))
            }
            _ => (None, None),
        };
        self.record(Fact::Began { step, label, sealed });
        self.effect = Some(began);
    }

    fn perform(&mut self) -> Fact {
        let effect = self.effect.clone().expect("nothing was begun");
        match self.world.perform(&self.state, &effect, &mut Dice::new(0)) {
            Ok(fact) => fact,
            Err((happened, why)) => Fact::Failed { happened, again: true, why, note: String::new() },
        }
    }

    fn failed(&mut self, happened: Happened, again: bool) {
        self.record(Fact::Failed { happened, again, why: Reason::Unreachable, note: String::new() });
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Plan => self.record(Fact::Planned(Digest::new("plan"))),
            Act::Approve => self.approve(),
            Act::Order(order) => self.record(Fact::Ordered(order, Person::new("dana"), "because".into())),
            Act::Begin => self.begin(),
            Act::Succeed => {
                let fact = self.perform();
                self.record(fact);
            }
            Act::Lose => {
                self.perform();
                self.world.crash();
                self.failed(Happened::Perhaps, true);
            }
            Act::Refuse(again) => self.failed(Happened::No, again),
            Act::Vanish => self.failed(Happened::Perhaps, true),
            Act::Twice => {
                let fact = self.perform();
                if let (Some(pending), Fact::Minted { .. }) = (&self.state.pending, &fact) {
                    self.world.twin(&pending.label);
                }
                self.record(fact);
            }
            Act::Disown => {
                self.perform();
                self.world.crash();
                self.failed(Happened::No, true);
            }
            Act::Provide(right) => {
                let sealed = self.world.provide(&self.state.plan, right);
                self.record(Fact::Provided { who: Person::new("dana"), sealed, token: None, again: false });
            }
            Act::Make => self.world.make_by_hand(&self.state.plan),
            Act::Done => {
                self.world.end_by_hand(&self.state);
                self.record(Fact::Ordered(Order::Resume, Person::new("dana"), "because".into()));
            }
            Act::Delay => {
                self.late = self.delay();
                self.late_mint = self.replacing();
                self.failed(Happened::Perhaps, true);
            }
            Act::Arrive => {
                if let Some(late) = self.late.take() {
                    self.world.arrive(&late);
                }
                if let Some(label) = self.late_mint.take() {
                    self.world.replace_late(&label);
                }
            }
            Act::Doubt => self.record(Fact::Verified(Verdict::Unknown(Reason::Unexpected))),
            Act::Relapse => self.world.relapse(0),
            Act::Spoil => {
                if let Some(sealed) = self.sealed() {
                    self.world.lose(&sealed);
                }
            }
            Act::Crash(after) => {
                if after {
                    self.perform();
                }
                self.world.crash();
                self.record(Fact::Restarted);
            }
        }
        self.world.check_invariants(&self.state);
        if let Stage::Closed(outcome) = self.state.stage {
            self.world.forget_by_hand();
            self.world.check_end(&self.state, outcome);
        }
    }

    fn approve(&mut self) {
        let digest = self.state.planned.clone().unwrap();
        self.record(Fact::Approved { who: Person::new("dana"), digest, expires: Timestamp(1) });
    }

    fn delay(&self) -> Option<Late> {
        self.world.delay(&self.state, self.effect.as_ref()?)
    }

    /// The replacement that is under way.
    fn replacing(&self) -> Option<Label> {
        let is_mint = matches!(self.effect, Some(Effect::Mint { again: None, .. }));
        let pending = self.state.pending.as_ref().filter(|_| is_mint && replace::once(&self.state.plan))?;
        Some(pending.label.clone())
    }

    /// The new value that a step may still have to open.
    fn sealed(&self) -> Option<Digest> {
        let pending = self.state.pending.as_ref().and_then(|pending| pending.sealed.clone());
        pending.or_else(|| self.state.successor.as_ref().map(|successor| successor.sealed.clone()))
    }

    /// Where it ends without new faults, when a person says to go on (or gives up where a value is lost for good).
    fn ends(&self) -> Result<(), String> {
        let mut node = self.clone();
        node.world.mend();
        for _ in 0..300 {
            match due(&node.state, NOW) {
                Due::Rest(_) => return Ok(()),
                Due::Plan => node.act(Act::Plan),
                Due::Busy => node.act(Act::Succeed),
                Due::Act(..) => node.act(Act::Begin),
                Due::Ask(Reason::Unapproved) => node.act(Act::Approve),
                Due::Ask(_) if takes_value(&node.state) => node.act(Act::Provide(true)),
                Due::Ask(Reason::ByHand) => node.act(Act::Done),
                Due::Ask(Reason::Unreadable) if node.state.pivoted() => node.act(Act::Order(Order::Abandon)),
                Due::Ask(Reason::Unsupported) => {
                    node.clear_by_hand();
                    node.act(Act::Order(Order::Resume));
                }
                Due::Ask(_) => node.act(Act::Order(Order::Resume)),
                Due::Wait(_) => return Err("it waits though time stands still".into()),
            }
        }
        Err("it does not end".into())
    }

    /// The only way back after a pivot: a person wanted it, and the old token was seen alive after its replacement.
    fn gave_back(&self, last: &Self) -> bool {
        replace::replaces(&last.state.plan) && last.state.returning && self.world.works(&super::world::old())
    }

    fn clear_by_hand(&mut self) {
        if let Some(pending) = &self.state.pending {
            self.world.clear_by_hand(&pending.label);
        }
    }
}

impl Model for Small {
    type State = Node;
    type Action = Act;

    fn init_states(&self) -> Vec<Node> {
        let first = Event { at: NOW, fact: Fact::Opened(Box::new(self.plan.clone())) };
        let state = open(&first).unwrap();
        let mut world = World::new(&self.plan, &mut Dice::new(0));
        (world.lingering, world.spreading, world.explained) = (0, 0, false);
        for user in &mut world.users {
            (user.exact, user.stuck) = (true, false);
        }
        let mut stuck = world.clone();
        stuck.users[1].stuck = true;
        let mut lingering = world.clone();
        lingering.lingering = 2;
        let node = |world| Node {
            state: state.clone(),
            world,
            effect: None,
            late: None,
            late_mint: None,
            faults: self.faults,
            crashes: self.crashes,
            orders: self.orders,
            broken: None,
        };
        [world, stuck, lingering].map(node).into()
    }

    fn actions(&self, node: &Node, acts: &mut Vec<Act>) {
        if node.broken.is_some() {
            return;
        }
        let still_asked = matches!(node.state.stage, Stage::Seeking) && node.state.pending.is_some();
        if node.late.is_some() || (node.late_mint.is_some() && still_asked) {
            acts.push(Act::Arrive);
        }
        match due(&node.state, NOW) {
            Due::Rest(_) | Due::Wait(_) => return,
            Due::Plan => acts.push(Act::Plan),
            Due::Ask(Reason::Unapproved) => acts.push(Act::Approve),
            Due::Ask(why) => {
                if takes_value(&node.state) {
                    acts.push(Act::Provide(true));
                    if node.orders > 0 {
                        acts.extend([Act::Provide(false), Act::Make]);
                    }
                }
                if why == Reason::ByHand && matches!(node.state.stage, Stage::Held { .. }) {
                    acts.push(Act::Done);
                }
                if allowed(&node.state).contains(&Order::Resume) && (why != Reason::ByHand || node.orders > 0) {
                    acts.push(Act::Order(Order::Resume));
                }
            }
            Due::Act(..) => acts.push(Act::Begin),
            Due::Busy => {
                acts.push(Act::Succeed);
                if node.faults > 0 {
                    acts.extend([Act::Lose, Act::Refuse(true), Act::Refuse(false), Act::Vanish]);
                    if matches!(node.effect, Some(Effect::Mint { .. })) && can_double(&node.state.plan) {
                        acts.push(Act::Twice);
                    }
                    if node.replacing().is_some() {
                        acts.push(Act::Disown);
                    }
                    if node.delay().is_some() || node.replacing().is_some() {
                        acts.push(Act::Delay);
                    }
                    if matches!(
                        node.effect,
                        Some(Effect::Verify | Effect::Confirm | Effect::AskOld | Effect::ConfirmDiscard(_))
                    ) {
                        acts.push(Act::Doubt);
                    }
                }
                if node.crashes > 0 {
                    acts.push(Act::Crash(true));
                }
            }
        }
        if node.crashes > 0 {
            acts.push(Act::Crash(false));
        }
        if node.faults > 0 && node.sealed().is_some_and(|sealed| node.world.holds(&sealed)) {
            acts.push(Act::Spoil);
        }
        if node.faults > 0 && matches!(node.state.stage, Stage::Soaking { .. }) {
            acts.push(Act::Relapse);
        }
        if node.orders > 0 {
            let others = allowed(&node.state).into_iter().filter(|order| *order != Order::Resume);
            acts.extend(others.map(Act::Order));
        }
    }

    fn next_state(&self, last: &Node, act: Act) -> Option<Node> {
        let mut node = last.clone();
        match act {
            Act::Lose
            | Act::Refuse(_)
            | Act::Vanish
            | Act::Delay
            | Act::Twice
            | Act::Disown
            | Act::Doubt
            | Act::Relapse
            | Act::Spoil => {
                node.faults -= 1;
            }
            Act::Crash(_) => node.crashes -= 1,
            Act::Provide(false) | Act::Make => node.orders -= 1,
            Act::Order(Order::Resume) if matches!(last.state.stage, Stage::Held { why: Reason::ByHand, .. }) => {
                node.orders -= 1;
            }
            Act::Order(order) if order != Order::Resume => node.orders -= 1,
            Act::Order(_) if matches!(node.state.stage, Stage::Held { why: Reason::Unsupported, .. }) => {
                node.clear_by_hand();
            }
            _ => {}
        }
        let done = catch_unwind(AssertUnwindSafe(|| node.act(act)));
        let pivoted = last.state.pivoted();
        if let Err(cause) = done {
            let words = cause.downcast_ref::<String>().cloned();
            node.broken = words.or_else(|| cause.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        } else if pivoted && going_back(&node.state) && !node.gave_back(last) {
            node.broken = Some("a way back after the pivot".into());
        }
        Some(node)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing is broken", |_, node: &Node| node.broken.is_none()),
            Property::always("it can always end", |_, node: &Node| {
                // Where faults are spent, the way on is the same for every ancestor too.
                node.broken.is_some() || node.faults > 0 || catch_unwind(|| node.ends()).is_ok_and(|end| end.is_ok())
            }),
            Property::sometimes("rotated", |_, node: &Node| node.state.stage == Stage::Closed(Outcome::Rotated)),
            Property::sometimes("rolled back", |_, node: &Node| {
                matches!(node.state.stage, Stage::Closed(Outcome::RolledBack(_)))
            }),
            Property::sometimes("held", |_, node: &Node| matches!(node.state.stage, Stage::Held { .. })),
        ]
    }
}

fn can_double(plan: &Plan) -> bool {
    plan.abilities.find && plan.abilities.chooser == Chooser::Server && !replace::replaces(plan)
}

fn going_back(state: &State) -> bool {
    matches!(state.stage, Stage::RollingBack(_) | Stage::Closed(Outcome::RolledBack(_)))
}

/// Searches everything, and says if that was suspiciously little.
fn search(small: Small, at_least: usize) {
    let checker = small.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    assert!(states > at_least, "only {states} states");
}

#[test]
fn every_interleaving_with_a_server_chosen_value() {
    search(small(2, 1, 1), 200_000);
}

#[test]
fn every_interleaving_with_a_value_chosen_here_in_two_slots() {
    let mut small = small(1, 1, 1);
    small.plan.abilities.chooser = Chooser::Client;
    small.plan.abilities.class = Class::TwoSlots;
    small.plan.abilities.find = false;
    search(small, 40_000);
}

/// A person makes the new token and ends the old one; everything between is the machine's.
fn by_hand(faults: u8, crashes: u8, orders: u8) -> Small {
    let mut small = small(faults, crashes, orders);
    let abilities = &mut small.plan.abilities;
    abilities.class = Class::Console;
    (abilities.mint, abilities.revoke, abilities.disable) = (false, false, false);
    (abilities.find, abilities.list) = (false, false);
    small
}

#[test]
fn every_interleaving_of_a_console_token() {
    search(by_hand(1, 1, 2), 20_000);
}

#[test]
fn every_interleaving_of_a_replacement_in_place() {
    let mut small = small(2, 1, 1);
    small.plan.abilities.class = Class::Replace;
    search(small, 20_000);
}

#[test]
fn every_interleaving_of_a_replacement_by_hand() {
    let mut small = by_hand(1, 1, 2);
    small.plan.abilities.class = Class::Replace;
    search(small, 5_000);
}

#[test]
fn every_interleaving_of_a_replacement_by_a_value_chosen_here() {
    let mut small = small(1, 1, 1);
    small.plan.abilities.chooser = Chooser::Client;
    small.plan.abilities.class = Class::Replace;
    small.plan.abilities.find = false;
    search(small, 5_000);
}
