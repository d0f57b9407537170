//! What arrives when nobody looks for it any more: it is seen, told apart from what is others', and ended.

use super::process::{Person, Process, runner};
use super::*;
use crate::model::TokenId;
use crate::provider::Provider as _;
use crate::rotation::Stray;

/// A rotation that ended, and the label of its mint.
async fn ended(abilities: Abilities) -> (World, Label) {
    let world = World::new(abilities);
    assert_eq!(Person::default().carry(&world).await, Outcome::Rotated);
    let records = world.journal.records(&RotationId::new("C-0001"));
    let label = records.iter().find_map(|record| match &record.event.fact {
        Fact::Began { label, .. } => label.clone(),
        _ => None,
    });
    (world, label.expect("it minted"))
}

fn current(world: &World) -> TokenId {
    let state = fold(&world.journal.records(&RotationId::new("C-0001"))).unwrap();
    state.successor.unwrap().token
}

/// A request arrives that was given up, under this label.
async fn arrives(world: &World, label: &Label) -> TokenId {
    let like = Credential { token: Some(current(world)), ..Credential::default() };
    world.provider.mint(&like, label, None).await.unwrap().token
}

async fn looked(world: &World) -> Seen {
    look(&world.journal, &world.managed, world.clock.now()).await.unwrap()
}

async fn swept(world: &World, strays: Vec<Stray>, quarantine: Duration) -> (State, Rest) {
    let (process, stopping) = (Process::new(world), AtomicBool::new(false));
    let runner = runner(world, &process, "sweeper".to_owned(), &stopping);
    let id = world.journal.next_id().await.unwrap();
    let plan = sweep_plan(&world.managed, id, strays, quarantine, world.clock.now());
    let rotation = runner.open_sweep(plan).await.unwrap();
    runner.run(&rotation, None).await.unwrap()
}

#[tokio::test]
async fn a_mint_that_arrives_after_the_end_is_swept_and_the_token_in_use_is_not() {
    let (world, label) = ended(abilities()).await;
    let late = arrives(&world, &label).await;
    assert_eq!(looked(&world).await.strays, [], "its case was closed a moment ago");
    assert_eq!(looked(&world).await.waiting.len(), 1);
    world.clock.pass(Duration::from_secs(61));
    let strays = looked(&world).await.strays;
    assert_eq!(strays, [Stray { token: late, label }]);
    let before = world.clock.now();
    let (state, rest) = swept(&world, strays, Duration::from_secs(500)).await;
    assert_eq!(rest, Rest::Closed(Outcome::Swept));
    assert!(world.clock.now().since(before) >= Duration::from_secs(500), "it was out of use for that long");
    assert_eq!(world.provider.live(), [current(&world)]);
    assert!(state.plan.sealed.is_none(), "nothing was sealed for it");
    assert_eq!(looked(&world).await, Seen::default());
    let facts = world.journal.records(&RotationId::new("C-0002"));
    assert!(facts.iter().any(|record| record.event.fact == Fact::Quarantined));
}

#[tokio::test]
async fn a_label_that_this_journal_never_recorded_is_anothers_whatever_case_it_names() {
    let (world, label) = ended(abilities()).await;
    let other = Label::of(&RotationId::new("C-0001"), 1, "0ther");
    assert_ne!(other, label);
    for label in
        [other, Label::new("stanch-c9999-1-x"), Label::new("stanch-"), Label::new("stanch-c-1"), Label::new("mine")]
    {
        arrives(&world, &label).await;
    }
    world.clock.pass(Duration::from_secs(61));
    let seen = looked(&world).await;
    assert_eq!((seen.strays.len(), seen.strangers.len()), (0, 4), "{seen:?}");
}

#[tokio::test]
async fn a_list_without_the_token_in_use_is_not_believed() {
    let (world, label) = ended(abilities()).await;
    arrives(&world, &label).await;
    world.clock.pass(Duration::from_secs(61));
    world.provider.order(crate::provider::memory::Act::List, crate::provider::memory::Fault::Lie);
    let error = look(&world.journal, &world.managed, world.clock.now()).await.unwrap_err();
    assert!(matches!(&error, SweepError::Unseen { why, .. } if why.contains("lacks the token in use")), "{error}");
    // And where the token in use is dead, nobody vouches for any list.
    world.trouble.amnesia.store(true, Ordering::SeqCst);
    look(&world.journal, &world.managed, world.clock.now()).await.unwrap_err();
}

#[tokio::test]
async fn what_a_person_left_alone_is_told_and_not_swept_again() {
    let (world, label) = ended(abilities()).await;
    let late = arrives(&world, &label).await;
    world.clock.pass(Duration::from_secs(61));
    let strays = looked(&world).await.strays;
    let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
    let runner = runner(&world, &process, "sweeper".to_owned(), &stopping);
    let id = world.journal.next_id().await.unwrap();
    let mut plan = sweep_plan(&world.managed, id, strays.clone(), Duration::ZERO, world.clock.now());
    plan.policy.approve = rotation::Approve::Plan;
    // Nobody has agreed beforehand.
    plan.consent.quorum = 2;
    let rotation = runner.open_sweep(plan.clone()).await.unwrap();
    let (_, rest) = runner.run(&rotation, None).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::Unapproved));
    // A second one cannot be opened beside it, but a rotation can.
    plan.rotation = world.journal.next_id().await.unwrap();
    let twice = runner.open_sweep(plan).await.unwrap_err();
    assert!(matches!(twice, RunError::Journal(JournalError::Active { .. })), "{twice:?}");
    let no = Fact::Ordered(Order::Abort, crate::model::Person::new("dana"), "it is mine".to_owned());
    let (_, rest) = runner.run(&rotation, Some(no.into())).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::Abandoned));
    let seen = looked(&world).await;
    assert_eq!((seen.strays.len(), seen.spared.len()), (0, 1), "{seen:?}");
    assert!(world.provider.is_live(&late));
    let plan = world.managed.plan(world.journal.next_id().await.unwrap(), world.clock.now(), false);
    runner.open(plan, &Credential { secret: Some(world::old_value()), ..Credential::default() }).await.unwrap();
}

#[test]
fn what_cannot_be_swept_says_why() {
    for (change, words) in [
        ((|abilities: &mut Abilities| abilities.list = false) as fn(&mut Abilities), "does not list"),
        (|abilities| abilities.revoke = false, "ends no token"),
        (|abilities| abilities.class = Class::Replace, "beside"),
        (|abilities| abilities.chooser = Chooser::Client, "beside"),
    ] {
        let mut abilities = abilities();
        change(&mut abilities);
        let why = unable(&World::new(abilities).managed).expect("it cannot");
        assert!(why.contains(words), "{why}");
    }
    assert_eq!(unable(&World::new(abilities()).managed), None);
}
