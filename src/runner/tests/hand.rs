//! Tokens that a person makes or ends, and tokens that are replaced in place: cut at every record, with every call going
//! wrong, and with a person who gets it wrong.

use super::process::{Death, Process, runner};
use super::world::{Fault, OLD, abilities, old_value};
use super::*;
use crate::model::{Secret, TokenId};
use crate::provider::memory::{Act, Fault as Told};

const FAULTS: [Fault; 5] = [Fault::Refused, Fault::Unreached, Fault::LostRequest, Fault::LostReply, Fault::Twice];

fn console() -> Abilities {
    let quiet = Abilities { find: false, list: false, disable: false, sessions: false, ..abilities() };
    Abilities { class: Class::Console, mint: false, revoke: false, ..quiet }
}

/// By hand from end to end; made by hand and ended by a call; replaced by a call that a label tells of, and one that
/// nothing tells of; replaced by a value chosen here; replaced by hand.
fn plans() -> [Abilities; 6] {
    let replace = Abilities { class: Class::Replace, sessions: false, ..abilities() };
    [
        console(),
        Abilities { revoke: true, disable: true, list: true, ..console() },
        replace,
        Abilities { find: false, list: false, ..replace },
        Abilities { find: false, chooser: Chooser::Client, ..replace },
        Abilities { class: Class::Replace, ..console() },
    ]
}

/// Whether a second mint is told from the first by whoever detects reuse.
fn detects_reuse(abilities: &Abilities) -> bool {
    abilities.class == Class::Replace && abilities.mint && abilities.chooser == Chooser::Server
}

async fn ends(world: &World, person: &mut Person, at: &str) {
    let outcome = person.carry(world).await;
    assert!(matches!(outcome, Outcome::Rotated | Outcome::RolledBack(_)), "{outcome:?} after {at}");
    let state = replay(&world.journal, &RotationId::new("C-0001")).await.unwrap();
    assert_eq!(state.stage, Stage::Closed(outcome), "{at}");
    world.check_end(outcome).await;
    for sealed in state.successor.iter().map(|successor| &successor.sealed).chain(state.plan.sealed.iter()) {
        let kept = world.journal.sealed(&RotationId::new("C-0001"), sealed).await.unwrap();
        assert!(kept.is_none(), "a sealed value outlives its case: {at}");
    }
}

#[tokio::test]
async fn every_plan_runs_through() {
    for abilities in plans() {
        let world = World::new(abilities);
        let mut person = Person::default();
        let outcome = person.carry(&world).await;
        assert_eq!(outcome, Outcome::Rotated, "{abilities:?}");
        world.check_end(outcome).await;
        assert_eq!(world.provider.calls(Act::Mint), u64::from(abilities.mint), "{abilities:?}");
    }
}

#[tokio::test]
async fn a_process_may_die_before_and_after_every_record() {
    for abilities in plans() {
        let mut clean = Person::default();
        clean.carry(&World::new(abilities)).await;
        for last in 0..clean.appends {
            for through in [false, true] {
                let world = World::new(abilities);
                let mut person = Person { dies: Some(Death::In(last, through)), ..Person::default() };
                ends(&world, &mut person, &format!("a cut at record {last}, through: {through}, {abilities:?}")).await;
                assert_eq!(world.provider.reused(), 0, "cut at {last}, through: {through}, {abilities:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_call_may_fail_be_lost_or_happen_twice() {
    for abilities in plans() {
        let clean = World::new(abilities);
        Person::default().carry(&clean).await;
        let calls = clean.trouble.names();
        for fault in FAULTS {
            for (number, name) in calls.iter().enumerate() {
                let world = World::new(abilities);
                world.trouble.order(number as u64, fault);
                let at = format!("call {number} ({name}), {fault:?}, {abilities:?}");
                ends(&world, &mut Person::default(), &at).await;
                let doubled = detects_reuse(&abilities) && *name == "mint" && fault == Fault::Twice;
                assert_eq!(world.provider.reused(), u64::from(doubled), "{at}");
            }
        }
    }
}

/// Two calls of every run go wrong, and the process dies as well: not all of them, but the same ones every time.
#[tokio::test]
async fn two_calls_may_go_wrong_in_one_run_that_is_cut_too() {
    for abilities in plans() {
        for seed in 0..100_u64 {
            let world = World::new(abilities);
            let (one, gap, cut) = (seed * 7 % 61, 1 + seed * 13 % 9, seed * 11 % 53);
            // What the network does twice, it does to both ends alike: that is the row above.
            let wrong = |number: u64| FAULTS[usize::try_from(number).unwrap() % 4];
            world.trouble.order(one, wrong(seed));
            world.trouble.order(one + gap, wrong(seed / 5));
            let mut person = Person { dies: Some(Death::In(cut, seed % 2 == 0)), ..Person::default() };
            let at = format!("seed {seed}: calls {one} and {}, cut at {cut}, {abilities:?}", one + gap);
            ends(&world, &mut person, &at).await;
            assert_eq!(world.provider.reused(), 0, "{at}");
        }
    }
}

/// One process after another, each told one word.
struct Desk<'w> {
    world: &'w World,
    rotation: RotationId,
    turns: u32,
}

impl<'w> Desk<'w> {
    /// Opens a case and carries it to the first question.
    async fn open(world: &'w World) -> (Self, State, Rest) {
        let rotation = RotationId::new("C-0001");
        let (process, stopping) = (Process::new(world), AtomicBool::new(false));
        let runner = runner(world, &process, "first".to_owned(), &stopping);
        runner.open(world.plan(), &World::old()).await.unwrap();
        let mut desk = Self { world, rotation, turns: 0 };
        let (state, rest) = desk.say(None).await.unwrap();
        (desk, state, rest)
    }

    async fn say(&mut self, word: Option<Word>) -> Result<(State, Rest), RunError> {
        self.turns += 1;
        let (process, stopping) = (Process::new(self.world), AtomicBool::new(false));
        runner(self.world, &process, format!("worker-{}", self.turns), &stopping).run(&self.rotation, word).await
    }

    async fn order(&mut self, order: Order) -> Result<(State, Rest), RunError> {
        self.say(Some(Fact::Ordered(order, crate::model::Person::new("dana"), String::new()).into())).await
    }

    async fn provide(&mut self, secret: &Secret) -> Result<(State, Rest), RunError> {
        let sealed = seal_provided(&self.world.sealer, &self.rotation, secret).unwrap();
        self.say(Some(Word::provided(crate::model::Person::new("dana"), sealed, None))).await
    }

    async fn records(&self) -> usize {
        self.world.journal.replay(&self.rotation).await.unwrap().len()
    }
}

#[track_caller]
fn refused(said: Result<(State, Rest), RunError>, words: &str) {
    match said {
        Err(error @ RunError::Refused { .. }) => assert!(error.to_string().contains(words), "{error}"),
        other => panic!("not refused: {:?}", other.map(|(_, rest)| rest)),
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

#[tokio::test]
async fn the_leaked_value_itself_is_refused_before_it_is_recorded_however_it_is_written() {
    let world = World::new(console());
    let (mut desk, _, rest) = Desk::open(&world).await;
    assert_eq!(rest, Rest::Asks(Reason::ByHand));
    let before = desk.records().await;
    for text in ["the-old-value", "the-old-value\n", "  the-old-value\t"] {
        refused(desk.provide(&secret(text)).await, "this is the leaked token itself");
    }
    refused(desk.provide(&secret(" ")).await, "empty");
    refused(desk.provide(&secret("a token ")).await, "white space");
    let other = seal_provided(&world.sealer, &RotationId::new("C-0002"), &secret("a value")).unwrap();
    let person = || crate::model::Person::new("dana");
    refused(desk.say(Some(Word::provided(person(), other, None))).await, "not sealed for this case");
    let word = Fact::Provided { who: person(), sealed: crate::model::Digest::new("none"), token: None, again: false };
    refused(desk.say(Some(word.into())).await, "missing");
    assert_eq!(desk.records().await, before);
    assert_eq!(world.provider.live(), [TokenId::new(OLD)]);
}

#[tokio::test]
async fn a_value_that_is_no_token_is_dropped_and_asked_for_again() {
    let world = World::new(console());
    let (mut desk, ..) = Desk::open(&world).await;
    let (state, rest) = desk.provide(&secret("no token at all")).await.unwrap();
    assert_eq!((rest, state.offered, state.stage), (Rest::Asks(Reason::Rejected), None, Stage::Minting));
    let (_, made) = world.provider.make_by_hand(&TokenId::new(OLD));
    let (_, rest) = desk.provide(&made).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::ByHand), "the old token is a person's to end");
}

#[tokio::test]
async fn a_value_that_cannot_be_judged_is_kept_until_it_can() {
    let world = World::new(console());
    let (mut desk, ..) = Desk::open(&world).await;
    let (_, made) = world.provider.make_by_hand(&TokenId::new(OLD));
    world.provider.accept_anything(true);
    let (state, rest) = desk.provide(&made).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::Control), "a probe that takes anything proves nothing");
    assert!(state.offered.is_some() && state.successor.is_none());
    world.provider.accept_anything(false);
    let (state, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::ByHand));
    assert!(state.successor.is_some());
}

#[tokio::test]
async fn a_value_is_refused_where_none_is_waited_for() {
    let world = World::new(console());
    let (mut desk, ..) = Desk::open(&world).await;
    let (_, made) = world.provider.make_by_hand(&TokenId::new(OLD));
    let (state, _) = desk.provide(&made).await.unwrap();
    assert!(matches!(state.stage, Stage::Held { .. }));
    refused(desk.provide(&secret("another")).await, "it is held at Revoking");
    let world = World::new(abilities());
    let process = Process::new(&world);
    let stopping = AtomicBool::new(false);
    let asks = Runner { beforehand: None, ..runner(&world, &process, "first".to_owned(), &stopping) };
    let rotation = asks.open(world.plan(), &World::old()).await.unwrap();
    asks.run(&rotation, None).await.unwrap();
    let sealed = seal_provided(&world.sealer, &rotation, &secret("a value")).unwrap();
    let said = asks.run(&rotation, Some(Word::provided(crate::model::Person::new("dana"), sealed, None))).await;
    refused(said, "it is Awaiting approval and allows: approve");
}

#[tokio::test]
async fn who_says_that_the_old_token_is_ended_is_not_believed() {
    let world = World::new(console());
    let (mut desk, ..) = Desk::open(&world).await;
    let (_, made) = world.provider.make_by_hand(&TokenId::new(OLD));
    desk.provide(&made).await.unwrap();
    for _ in 0..3 {
        let (state, rest) = desk.order(Order::Resume).await.unwrap();
        assert_eq!(rest, Rest::Asks(Reason::ByHand));
        assert!(matches!(state.old, crate::rotation::Old::Ending(_)));
    }
    world.provider.end_by_hand(&TokenId::new(OLD));
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
    world.check_end(Outcome::Rotated).await;
}

#[tokio::test]
async fn a_case_that_is_given_up_asks_for_the_end_of_what_was_handed_over() {
    let world = World::new(console());
    let (mut desk, ..) = Desk::open(&world).await;
    let (token, made) = world.provider.make_by_hand(&TokenId::new(OLD));
    world.provider.accept_anything(true);
    let (state, _) = desk.provide(&made).await.unwrap();
    assert!(state.offered.is_some() && state.successor.is_none());
    world.provider.accept_anything(false);
    let (_, rest) = desk.order(Order::Abort).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::ByHand), "it lives, and only a person can end it");
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::ByHand), "it still lives");
    world.provider.end_by_hand(&token);
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::RolledBack(Reason::Ordered)));
    world.check_end(Outcome::RolledBack(Reason::Ordered)).await;
}

fn replaced(find: bool) -> Abilities {
    Abilities { class: Class::Replace, find, list: find, sessions: false, ..abilities() }
}

#[tokio::test]
async fn a_lost_replacement_is_never_sent_again_and_a_person_brings_the_service_back() {
    for find in [false, true] {
        let world = World::new(replaced(find));
        let (mut desk, _, rest) = Desk::open(&world).await;
        assert_eq!(rest, Rest::Asks(Reason::Outage));
        assert_eq!(world.provider.calls(Act::Mint), 0, "nothing is sent before the outage is accepted");
        world.provider.order(Act::Mint, Told::After);
        let (_, rest) = desk.order(Order::Resume).await.unwrap();
        assert_eq!(rest, Rest::Asks(Reason::Lost));
        for order in [Order::Abort, Order::Abort] {
            let (state, rest) = desk.order(order).await.unwrap();
            assert_eq!((rest, state.stage), (Rest::Asks(Reason::Lost), Stage::Minting), "there is no way back");
        }
        let (_, made) = world.provider.make_by_hand(&TokenId::new(OLD));
        let (_, rest) = desk.provide(&made).await.unwrap();
        assert_eq!(rest, Rest::Closed(Outcome::Rotated));
        assert_eq!((world.provider.calls(Act::Mint), world.provider.reused()), (1, 0));
        if find {
            world.check_end(Outcome::Rotated).await;
        }
    }
}

#[tokio::test]
async fn a_replacement_that_was_refused_but_happened_is_not_sent_again() {
    let world = World::new(replaced(true));
    let (mut desk, ..) = Desk::open(&world).await;
    world.provider.order(Act::Mint, Told::Disowned);
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::Rejected));
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::Lost));
    assert_eq!((world.provider.calls(Act::Mint), world.provider.reused()), (1, 0));
}

#[tokio::test]
async fn a_replacement_that_did_not_happen_is_a_persons_to_give_up() {
    let world = World::new(replaced(true));
    let (mut desk, ..) = Desk::open(&world).await;
    world.provider.order(Act::Mint, Told::Unsure);
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::StillLive));
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::StillLive), "it is asked again, and not sent again");
    assert_eq!(world.provider.calls(Act::Mint), 1);
    let (_, rest) = desk.order(Order::Abort).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::RolledBack(Reason::Ordered)));
    assert_eq!(world.provider.live(), [TokenId::new(OLD)]);
}

#[tokio::test]
async fn what_was_looked_at_before_a_replacement_is_looked_at_again_after_a_pause() {
    let world = World::new(replaced(false));
    let (mut desk, ..) = Desk::open(&world).await;
    world.stores[0].inner.put(&super::world::path(), &secret("somebody else's"));
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::Conflict));
    assert_eq!(world.provider.calls(Act::Mint), 0);
    world.stores[0].inner.put(&super::world::path(), &old_value());
    let (_, rest) = desk.order(Order::Resume).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
}

#[tokio::test]
async fn a_policy_may_accept_the_outage_and_then_nobody_is_asked() {
    let mut world = World::new(replaced(true));
    world.managed.policy.accept_outage = true;
    world.managed.policy.approve = crate::rotation::Approve::Never;
    let (_, _, rest) = Desk::open(&world).await;
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
    world.check_end(Outcome::Rotated).await;
}

#[tokio::test]
async fn whoever_was_to_click_may_still_turn_back_if_nobody_clicked() {
    let by_hand = Abilities { class: Class::Replace, ..console() };
    for clicked in [false, true] {
        let world = World::new(by_hand);
        let (mut desk, ..) = Desk::open(&world).await;
        let (state, rest) = desk.order(Order::Resume).await.unwrap();
        assert_eq!(rest, Rest::Asks(Reason::ByHand));
        assert!(state.pivoted());
        let made = clicked.then(|| world.provider.make_by_hand(&TokenId::new(OLD)).1);
        let (_, rest) = desk.order(Order::Abort).await.unwrap();
        match made {
            None => assert_eq!(rest, Rest::Closed(Outcome::RolledBack(Reason::Ordered))),
            Some(made) => {
                assert_eq!(rest, Rest::Asks(Reason::ByHand), "there is no way back");
                let (_, rest) = desk.provide(&made).await.unwrap();
                assert_eq!(rest, Rest::Closed(Outcome::Rotated));
            }
        }
    }
}
