//! An exhaustive search of the real `apply` and `due` at a small size: every interleaving of a few faults (a refusal, a
//! lost reply, a promotion that arrives late, a lost envelope key), a crash, and a person, from every step.

use super::guards::{Guard, is_gone, without};
use super::world::{Dice, Late, World};
use super::*;
use stateright::{Model, Property};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

mod late;

/// Time stands still: every wait is nothing and every deadline is now, so that states come back.
const NOW: Timestamp = Timestamp(0);

/// A worker that lost its lease in the middle of an effect, and does not know.
#[derive(Clone, Debug, PartialEq)]
struct Zombie {
    state: State,
    effect: Effect,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    state: State,
    world: World,
    /// The effect that was begun.
    effect: Option<Effect>,
    late: Option<Late>,
    /// A replacement that its sender gave up and that may arrive yet.
    late_mint: Option<(Label, Option<Digest>)>,
    faults: u8,
    crashes: u8,
    orders: u8,
    robs: u8,
    zombie: Option<Zombie>,
    /// The one refusal of what lives has been.
    misjudged: bool,
    /// An assertion of the world that did not hold, or an event that was refused.
    pub(super) broken: Option<String>,
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
        (self.robs, self.misjudged).hash(hasher);
        if let Some(Zombie { state, effect }) = &self.zombie {
            // What an effect looks at.
            (effect, &state.pending, &state.successor, &state.orphans, &state.old, &state.counted).hash(hasher);
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
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
    /// It is said to be done and is not.
    Lie,
    /// What lives is refused, once.
    Misjudge,
    /// Another worker takes the lease while an effect is under way.
    Rob,
    /// The worker that was robbed goes on with it.
    Wake,
    /// An effect happens without its intent, and the process dies.
    Unintended,
    /// Somebody uses a stray after all.
    Adopt,
    /// A list is empty, and nobody is told why.
    Hide,
}

pub(super) struct Small {
    pub(super) plan: Plan,
    pub(super) faults: u8,
    pub(super) crashes: u8,
    pub(super) orders: u8,
    pub(super) robs: u8,
    pub(super) lies: bool,
    pub(super) misjudges: bool,
    /// Somebody else has a token there too.
    pub(super) strangers: bool,
    /// The guard that is taken away.
    pub(super) gone: Option<Guard>,
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

    fn begin(&mut self, nonce: &str) {
        let Due::Act(step, began) = due(&self.state, NOW) else { panic!("nothing is due") };
        let (label, sealed) = match &began {
            Effect::Mint { again: Some((label, sealed)), .. } => (Some(label.clone()), Some(sealed.clone())),
            Effect::Mint { attempt, again: None } => {
                let chosen_here = self.state.plan.abilities.chooser == Chooser::Client;
                let label = Label::of(&self.state.plan.rotation, *attempt, nonce);
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
            Act::Begin => self.begin("n0nce"),
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
                if let Some((label, sealed)) = self.late_mint.take() {
                    self.world.replace_late(&label, sealed.as_ref());
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
            Act::Lie => {
                let said = match self.effect {
                    Some(Effect::Disable(_)) => Fact::Disabled,
                    Some(Effect::Discard(_)) => Fact::Discarded,
                    Some(Effect::Quarantine(_)) => Fact::Quarantined,
                    _ => Fact::Revoked,
                };
                self.record(said);
            }
            Act::Misjudge => {
                self.misjudged = true;
                self.record(Fact::Verified(Verdict::Dead));
            }
            Act::Rob => {
                self.zombie = self.effect.take().map(|effect| Zombie { state: self.state.clone(), effect });
                self.record(Fact::Restarted);
            }
            Act::Wake => self.wake(),
            Act::Hide => self.record(Fact::Counted(Vec::new())),
            Act::Adopt => {
                if let Some(stray) = sweep::of(&self.state.plan).and_then(|sweep| sweep.strays.first()) {
                    self.world.adopt(&stray.token);
                }
            }
            Act::Unintended => {
                let mut other = self.clone();
                other.begin("0ther");
                other.perform();
                other.world.crash();
                self.world = other.world;
                self.record(Fact::Restarted);
            }
        }
        self.world.check_invariants(&self.state);
        if let Stage::Closed(outcome) = self.state.stage {
            self.world.forget_by_hand();
            self.world.check_end(&self.state, outcome);
        }
    }

    /// Whoever was robbed does what it was about to, and cannot record it.
    fn wake(&mut self) {
        let Some(Zombie { state, effect }) = self.zombie.take() else { return };
        let done = self.world.perform(&state, &effect, &mut Dice::new(0));
        if !is_gone(Guard::Fence) {
            return self.world.crash();
        }
        let fact = match done {
            Ok(fact) => fact,
            Err((happened, why)) => Fact::Failed { happened, again: true, why, note: String::new() },
        };
        self.record(fact);
    }

    /// What may still come of a worker that was robbed. A mint that nobody waits for any more has arrived or never will.
    fn may_wake(&self) -> bool {
        let Some(Zombie { state, effect }) = &self.zombie else { return false };
        let asked = matches!(self.state.stage, Stage::Seeking) && self.state.pending.is_some();
        let same = self.state.pending.as_ref().map(|one| &one.label) == state.pending.as_ref().map(|one| &one.label);
        !matches!(effect, Effect::Mint { .. }) || (asked && same && self.state.streak == 0)
    }

    fn approve(&mut self) {
        let digest = self.state.planned.clone().unwrap();
        self.record(Fact::Approved { who: Person::new("dana"), digest, expires: Timestamp(1) });
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

    /// What happens on the way to the end, where nothing more goes wrong.
    pub(super) fn harm_ahead(&self) -> String {
        match catch_unwind(AssertUnwindSafe(|| self.ends())) {
            Ok(end) => end.err().unwrap_or_default(),
            Err(cause) => words(&*cause).unwrap_or_default(),
        }
    }

    /// The only way back after a pivot: a person wanted it, and the old token was seen alive after its replacement.
    fn gave_back(&self, last: &Self) -> bool {
        replace::replaces(&last.state.plan) && last.state.returning && self.world.works(&super::world::old())
    }

    /// What is out of use already helps nobody, and of what is being ended it is too late to say so.
    fn may_be_adopted(&self) -> bool {
        let early = matches!(self.state.stage, Stage::Assessing | Stage::Planning | Stage::AwaitingApproval(_));
        let waits = matches!(self.state.stage, Stage::Quarantined { .. }) && !self.state.plan.abilities.disable;
        self.state.plan.purpose.is_sweep() && (early || waits)
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
        (world.lingering, world.spreading, world.explained, world.abused) = (0, 0, false, false);
        let sweep = sweep::of(&self.plan);
        sweep.iter().for_each(|sweep| world.strays(sweep));
        for user in &mut world.users {
            (user.exact, user.stuck) = (true, false);
        }
        let mut stuck = world.clone();
        stuck.users.iter_mut().skip(1).for_each(|user| user.stuck = true);
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
            robs: self.robs,
            zombie: None,
            misjudged: false,
            broken: None,
        };
        let mut worlds = [world, stuck, lingering];
        if self.strangers {
            worlds.iter_mut().for_each(World::strangers);
        }
        worlds.map(node).into()
    }

    fn actions(&self, node: &Node, acts: &mut Vec<Act>) {
        without(self.gone, || self.possible(node, acts));
    }

    fn next_state(&self, last: &Node, act: Act) -> Option<Node> {
        without(self.gone, || Self::after(last, act))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing is broken", |_, node: &Node| node.broken.is_none()),
            Property::always("it can always end", |model: &Small, node: &Node| {
                // Where faults are spent, the way on is the same for every ancestor too.
                node.broken.is_some()
                    || node.faults > 0
                    || catch_unwind(|| without(model.gone, || node.ends())).is_ok_and(|end| end.is_ok())
            }),
            Property::sometimes("rotated", |_, node: &Node| node.state.stage == Stage::Closed(Outcome::Rotated)),
            Property::sometimes("rolled back", |_, node: &Node| {
                matches!(node.state.stage, Stage::Closed(Outcome::RolledBack(_)))
            }),
            Property::sometimes("held", |_, node: &Node| matches!(node.state.stage, Stage::Held { .. })),
        ]
    }
}

impl Small {
    fn possible(&self, node: &Node, acts: &mut Vec<Act>) {
        if node.broken.is_some() {
            return;
        }
        if node.may_wake() {
            acts.push(Act::Wake);
        }
        if node.late.is_some() || node.may_replace_late() {
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
            Due::Act(..) => {
                acts.push(Act::Begin);
                if node.crashes > 0 && self.gone == Some(Guard::IntentFirst) {
                    acts.push(Act::Unintended);
                }
            }
            Due::Busy => {
                acts.push(Act::Succeed);
                self.strange(node, acts);
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
            if node.may_be_adopted() {
                acts.push(Act::Adopt);
            }
            let others = allowed(&node.state).into_iter().filter(|order| *order != Order::Resume);
            acts.extend(others.map(Act::Order));
        }
    }

    /// What only some worlds have: lies, a single refusal of what lives, and a second worker.
    fn strange(&self, node: &Node, acts: &mut Vec<Act>) {
        let effect = node.effect.as_ref();
        let ends =
            matches!(effect, Some(Effect::Disable(_) | Effect::Revoke(_) | Effect::Discard(_) | Effect::Quarantine(_)));
        if self.lies && node.faults > 0 && ends {
            acts.push(Act::Lie);
        }
        if self.lies && node.faults > 0 && matches!(effect, Some(Effect::Count)) {
            acts.push(Act::Hide);
        }
        let asks =
            matches!(effect, Some(Effect::Verify | Effect::Confirm | Effect::AskOld | Effect::ConfirmDiscard(_)));
        if self.misjudges && !node.misjudged && asks {
            acts.push(Act::Misjudge);
        }
        if node.robs > 0 && effect.is_some() {
            acts.push(Act::Rob);
        }
    }

    fn after(last: &Node, act: Act) -> Option<Node> {
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
            | Act::Lie
            | Act::Hide
            | Act::Spoil => {
                node.faults -= 1;
            }
            Act::Crash(_) | Act::Unintended => node.crashes -= 1,
            Act::Rob => node.robs -= 1,
            Act::Provide(false) | Act::Make | Act::Adopt => node.orders -= 1,
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
            node.broken = words(&*cause);
        } else if pivoted && going_back(&node.state) && !node.gave_back(last) {
            node.broken = Some("a way back after the pivot".into());
        }
        Some(node)
    }
}
