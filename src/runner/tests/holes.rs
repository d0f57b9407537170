//! Ways in which a rotation could do harm, one by one.

use super::process::{Death, Process, runner};
use super::world::{OLD, old_value, path};
use super::*;
use crate::dependent::memory::{MemoryDependent, Turns};
use crate::model::{TokenId, Verdict};
use crate::provider::Provider as _;
use crate::provider::memory::{Act, Fault};
use crate::rotation::Step;
use crate::store::SecretStore as _;

fn token(text: &str) -> TokenId {
    TokenId::new(text)
}

/// A world in which one dependent never takes the new token, so that the rotation goes back.
fn stuck(abilities: Abilities) -> World {
    let stuck = MemoryDependent::new("batch", Turns::Never);
    World::with(abilities, vec![MemoryDependent::new("site", Turns::After(0)), stuck])
}

/// Runs one process until it dies.
async fn cut(world: &World, old: &Credential, death: fn(&Fact) -> bool) {
    let mut process = Process::new(world);
    process.dies = Some(Death::After(death));
    let stopping = AtomicBool::new(false);
    let runner = runner(world, &process, "first".to_owned(), &stopping);
    runner.open(world.plan(), old).await.unwrap();
    runner.run(&RotationId::new("C-0001"), None).await.unwrap_err();
    world.clock.pass(LEASE);
}

/// Another process goes on until it rests.
async fn go_on(world: &World) -> (State, Rest) {
    let (process, stopping) = (Process::new(world), AtomicBool::new(false));
    runner(world, &process, "second".to_owned(), &stopping).run(&RotationId::new("C-0001"), None).await.unwrap()
}

#[tokio::test]
async fn a_dependent_that_fell_back_while_nobody_watched_is_asked_again_before_the_revoke() {
    let world = World::new(abilities());
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Began { step: Step::Recheck(1), .. })).await;
    // The answer is in, and the process stops before it revokes anything.
    let process = Process { dies: Some(Death::After(rechecked)), ..Process::new(&world) };
    let stopping = AtomicBool::new(false);
    runner(&world, &process, "second".to_owned(), &stopping).run(&RotationId::new("C-0001"), None).await.unwrap_err();
    world.clock.pass(LEASE);
    world.users[0].hold(token(OLD));
    let (_, rest) = go_on(&world).await;
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
    world.check_end(Outcome::Rotated).await;
}

fn rechecked(fact: &Fact) -> bool {
    matches!(fact, Fact::Checked { dependent: 1, .. })
}

#[tokio::test]
async fn tokens_are_counted_again_before_a_mint_that_was_put_off() {
    let world = World::new(kinds()[0]);
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Counted(_))).await;
    world.provider.put("strangers", "a value of somebody else");
    world.provider.order(Act::Mint, Fault::Unsure);
    let (_, rest) = go_on(&world).await;
    assert!(world.provider.live().contains(&token("strangers")), "somebody else's token was ended");
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
}

#[tokio::test]
async fn a_promotion_that_arrives_after_the_way_back_changes_nothing() {
    let world = stuck(abilities());
    let clean = stuck(abilities());
    Person::default().carry(&clean).await;
    let names = clean.trouble.names();
    let promotions: Vec<_> = (0_u64..).zip(&names).filter(|(_, name)| **name == "promote").map(|(at, _)| at).collect();
    // The second store keeps versions apart, and shows the same version again once it was taken back.
    world.trouble.order(promotions[1], world::Fault::LostRequest);
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Demoted { store: 1, .. })).await;
    for store in &world.stores {
        let promotions = std::mem::take(&mut *store.promotions.lock().unwrap());
        let (staged, late) = &promotions[0];
        drop(store.inner.promote(&path(), staged, late).await);
    }
    let (_, rest) = go_on(&world).await;
    let outcome = Outcome::RolledBack(Reason::Unhealthy);
    assert_eq!(rest, Rest::Closed(outcome));
    world.check_end(outcome).await;
}

#[tokio::test]
async fn the_lease_of_a_busy_worker_does_not_run_out() {
    let world = World::new(abilities());
    world.trouble.slowness.store(10_000, Ordering::SeqCst);
    assert_eq!(Person::default().carry(&world).await, Outcome::Rotated);
}

#[tokio::test]
async fn a_minted_token_is_not_lost_to_a_journal_that_is_busy_for_a_moment() {
    let world = World::new(abilities());
    let process = Process::new(&world);
    process.busy.store(3, Ordering::SeqCst);
    let stopping = AtomicBool::new(false);
    let runner = runner(&world, &process, "first".to_owned(), &stopping);
    let rotation = runner.open(world.plan(), &World::old()).await.unwrap();
    let (state, rest) = runner.run(&rotation, None).await.unwrap();
    assert_eq!((rest, state.mints), (Rest::Closed(Outcome::Rotated), 1));
}

#[tokio::test]
async fn the_provider_knows_the_handle_better_than_the_configuration() {
    let world = World::new(abilities());
    let old = Credential { token: Some(token("a-handle-of-long-ago")), ..World::old() };
    let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
    let runner = runner(&world, &process, "first".to_owned(), &stopping);
    let rotation = runner.open(world.plan(), &old).await.unwrap();
    let (_, rest) = runner.run(&rotation, None).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
    world.check_end(Outcome::Rotated).await;
}

#[tokio::test]
async fn a_discarded_token_that_stays_alive_comes_before_a_person() {
    let world = stuck(Abilities { sessions: false, ..abilities() });
    for _ in 0..50 {
        world.provider.order(Act::Revoke, Fault::Lie);
    }
    let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
    let runner = runner(&world, &process, "first".to_owned(), &stopping);
    let rotation = runner.open(world.plan(), &World::old()).await.unwrap();
    let (_, rest) = runner.run(&rotation, None).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::StillLive));
}

/// The old token is disabled, the provider says that it deleted it, and has not.
#[tokio::test]
async fn a_token_that_is_only_disabled_is_not_dead_until_it_is_gone_from_the_list() {
    let world = World::new(kinds()[0]);
    world.provider.order(Act::Revoke, Fault::Lie);
    assert_eq!(Person::default().carry(&world).await, Outcome::Rotated);
    world.check_end(Outcome::Rotated).await;
    assert!(!world.lists(OLD).await, "only disabled");
    assert_eq!(world.provider.calls(Act::Revoke), 2);

    let world = World::new(kinds()[0]);
    (0..50).for_each(|_| world.provider.order(Act::Revoke, Fault::Lie));
    let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
    let runner = runner(&world, &process, "first".to_owned(), &stopping);
    let rotation = runner.open(world.plan(), &World::old()).await.unwrap();
    let (_, rest) = runner.run(&rotation, None).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::StillListed));
    assert!(!world.provider.live().contains(&token(OLD)) && world.lists(OLD).await);
}

/// Nobody can list, or the list is empty: that is no death.
#[tokio::test]
async fn a_list_that_says_nothing_proves_no_death() {
    for (fault, why) in [(Fault::Before, Reason::Unreachable), (Fault::Lie, Reason::Control)] {
        let world = World::new(kinds()[0]);
        let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
        let falls_silent = |_: &State, event: &Event| {
            if event.fact == Fact::Revoked {
                (0..3).for_each(|_| world.provider.order(Act::List, fault));
            }
        };
        let runner = Runner { told: &falls_silent, ..runner(&world, &process, "first".to_owned(), &stopping) };
        let rotation = runner.open(world.plan(), &World::old()).await.unwrap();
        let (_, rest) = runner.run(&rotation, None).await.unwrap();
        assert_eq!(rest, Rest::Closed(Outcome::Rotated));
        let records = world.journal.records(&RotationId::new("C-0001"));
        let failed = |fact: &Fact| matches!(fact, Fact::Failed { why: said, .. } if *said == why);
        assert_eq!(records.iter().filter(|record| failed(&record.event.fact)).count(), 3, "{why:?}");
    }
}

#[tokio::test]
async fn nothing_is_revoked_while_a_store_holds_the_old_value_again() {
    let world = World::new(abilities());
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Began { step: Step::Soak, .. })).await;
    world.stores[0].inner.put(&path(), &old_value());
    let (_, rest) = go_on(&world).await;
    assert_eq!(rest, Rest::Asks(Reason::Conflict));
    assert!(world.provider.live().contains(&token(OLD)));
}

#[tokio::test]
async fn nothing_is_revoked_while_the_new_token_does_not_work() {
    let world = World::new(abilities());
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Began { step: Step::Soak, .. })).await;
    let warrant = crate::rotation::Warrant::for_test("minted-1");
    let credential = Credential { token: Some(token("minted-1")), ..Credential::default() };
    world.provider.revoke(&warrant, &credential).await.unwrap();
    world.users.iter().for_each(|user| user.hold(token(OLD)));
    world.stores.iter().for_each(|store| drop(store.inner.put(&path(), &old_value())));
    let (_, rest) = go_on(&world).await;
    assert!(matches!(rest, Rest::Asks(_)), "{rest:?}");
    assert!(world.provider.live().contains(&token(OLD)));
}

#[tokio::test]
async fn an_issuer_that_forgot_everything_proves_no_death() {
    // On the way back: the new token lives on.
    let world = stuck(Abilities { sessions: false, ..abilities() });
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Discarded)).await;
    world.provider.put("minted-1", "another value, but alive");
    world.trouble.amnesia.store(true, Ordering::SeqCst);
    let (_, rest) = go_on(&world).await;
    assert_eq!(rest, Rest::Asks(Reason::Control));
}

#[tokio::test]
async fn one_refusal_does_not_close_a_case() {
    let world = World::new(abilities());
    world.trouble.amnesia.store(true, Ordering::SeqCst);
    let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
    let recovers = |_: &State, event: &Event| {
        if matches!(event.fact, Fact::Verified(Verdict::Dead | Verdict::Unknown(Reason::StillListed))) {
            world.trouble.amnesia.store(false, Ordering::SeqCst);
        }
    };
    let runner = Runner { told: &recovers, ..runner(&world, &process, "first".to_owned(), &stopping) };
    let rotation = runner.open(world.plan(), &World::old()).await.unwrap();
    let (_, rest) = runner.run(&rotation, None).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
    world.check_end(Outcome::Rotated).await;
}

#[tokio::test]
async fn a_list_that_lags_hides_no_orphan() {
    let world = World::new(abilities());
    world.provider.order(Act::Mint, Fault::After);
    world.provider.order(Act::Find, Fault::Lie);
    assert_eq!(Person::default().carry(&world).await, Outcome::Rotated);
    world.check_end(Outcome::Rotated).await;
}

#[tokio::test]
async fn an_old_token_that_comes_back_to_life_is_ended_again() {
    let world = World::new(abilities());
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Healthy)).await;
    world.provider.put(OLD, "the-old-value");
    let (_, rest) = go_on(&world).await;
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
    world.check_end(Outcome::Rotated).await;
}

#[tokio::test]
async fn a_case_whose_key_is_lost_can_still_be_given_up() {
    let mut world = World::new(abilities());
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Proved)).await;
    let folder = tempfile::tempdir().unwrap();
    world.sealer = Sealer::new(crate::seal::FileKey::load_or_create(&folder.path().join("another.key")).unwrap());
    let (state, rest) = go_on(&world).await;
    assert!(matches!(rest, Rest::Asks(_)), "{rest:?}");
    assert!(world.provider.live().contains(&token(OLD)));
    let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
    let abandon = Fact::Ordered(Order::Abandon, crate::model::Person::new("dana"), "the key is lost".to_owned());
    let runner = runner(&world, &process, "third".to_owned(), &stopping);
    let (_, rest) = runner.run(&state.plan.rotation, Some(abandon.into())).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::Abandoned));
}

#[tokio::test]
async fn nobody_has_answered_what_a_case_is_held_for_only_now() {
    let world = World::new(Abilities { find: false, list: false, ..abilities() });
    cut(&world, &World::old(), |fact| matches!(fact, Fact::Began { step: Step::Mint, .. })).await;
    let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
    let runner = runner(&world, &process, "second".to_owned(), &stopping);
    let rotation = RotationId::new("C-0001");
    let resume = || Fact::Ordered(Order::Resume, crate::model::Person::new("dana"), String::new()).into();
    let said = runner.run(&rotation, Some(resume())).await;
    assert!(matches!(&said, Err(RunError::Refused { why, .. }) if why.contains("held at Seeking")), "{said:?}");
    let (_, rest) = runner.run(&rotation, Some(resume())).await.unwrap();
    assert_eq!(rest, Rest::Closed(Outcome::Rotated));
}

/// Somebody answers what was asked before somebody else went on.
#[tokio::test]
async fn a_word_for_what_is_no_more_is_refused_with_the_reason() {
    let world = stuck(abilities());
    let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
    let runner = runner(&world, &process, "first".to_owned(), &stopping);
    let mut plan = world.plan();
    plan.policy.approve = rotation::Approve::Plan;
    plan.consent.quorum = 2;
    let rotation = runner.open(plan, &World::old()).await.unwrap();
    let (state, rest) = runner.run(&rotation, None).await.unwrap();
    assert_eq!(rest, Rest::Asks(Reason::Unapproved));
    let seen = world.journal.records(&rotation).len() as u64;
    let yes = |who: &str| Fact::Approved {
        who: crate::model::Person::new(who),
        digest: state.planned.clone().unwrap(),
        expires: Timestamp(u64::MAX),
    };
    let resume = || Word::from(Fact::Ordered(Order::Resume, crate::model::Person::new("kim"), String::new()));
    // The first yes of two changes nothing that the second is about.
    runner.run(&rotation, Some(Word::from(yes("ada")).seeing(seen))).await.unwrap();
    let ahead = runner.run(&rotation, Some(resume().seeing(9_999))).await.unwrap_err();
    assert!(ahead.to_string().contains("for record 9999"), "{ahead}");
    let none = runner.run(&rotation, Some(resume().seeing(0))).await.unwrap_err();
    assert!(matches!(none, RunError::Refused { .. }), "{none}");
    // The second starts it; it goes back, for a dependent never takes the new token.
    runner.run(&rotation, Some(Word::from(yes("kim")).seeing(seen))).await.unwrap();
    let late = runner.run(&rotation, Some(Word::from(yes("sam")).seeing(seen))).await.unwrap_err();
    assert!(matches!(&late, RunError::Refused { why, .. } if why.contains("look again")), "{late}");
    // In the inbox of a case that somebody else carries it is settled with the reason, and nothing is recorded.
    let records = world.journal.records(&rotation);
    let recorded = records.iter().filter(|record| record.event.fact.seen() == Some(seen)).count();
    assert_eq!(recorded, 2, "what a person saw is part of the record");
}

/// As if it had been disabled before the case began: it is refused and could be enabled again, so the leak stays open.
#[tokio::test]
async fn a_leaked_token_that_is_refused_and_listed_is_not_dead_already() {
    for abilities in kinds() {
        let world = World::new(abilities);
        world.trouble.amnesia.store(true, Ordering::SeqCst);
        let (process, stopping) = (Process::new(&world), AtomicBool::new(false));
        let runner = runner(&world, &process, "first".to_owned(), &stopping);
        let rotation = runner.open(world.plan(), &World::old()).await.unwrap();
        let (_, rest) = runner.run(&rotation, None).await.unwrap();
        assert_eq!(rest, Rest::Asks(Reason::StillListed));
    }
}
