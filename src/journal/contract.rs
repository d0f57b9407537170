//! What every keeper of the journal promises, run on all of them.

use super::durable::DurableJournal;
use super::memory::MemoryJournal;
use super::{Journal, JournalError, Lease, Position, Record, verify};
use crate::database::{Database, scratch};
use crate::model::{Abilities, Digest, KindId, Label, Person, Quota, RotationId, Timestamp, TokenId};
use crate::rotation::{Event, Fact, Order, Plan, Policy, Step};
use crate::seal::Sealed;
use std::sync::Arc;
use std::time::Duration;

/// A journal and what it needs to live.
pub(super) struct Kept {
    pub(super) journal: Arc<dyn Journal>,
    _folder: Option<tempfile::TempDir>,
}

async fn in_memory() -> Kept {
    Kept { journal: Arc::new(MemoryJournal::new()), _folder: None }
}

async fn in_a_database() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(Database::open(&folder.path().join("journal.db")).await.unwrap());
    Kept { journal: Arc::new(DurableJournal::open(database).await.unwrap()), _folder: Some(folder) }
}

async fn on_a_server() -> Kept {
    let database = Arc::new(Database::connect(&scratch().await).await.unwrap());
    Kept { journal: Arc::new(DurableJournal::open(database).await.unwrap()), _folder: None }
}

pub(super) fn rotation(number: u64) -> RotationId {
    super::id_after(number - 1)
}

pub(super) fn opened(number: u64) -> Event {
    let abilities =
        Abilities { quota: Quota::AtMost(2), disable: false, sessions: false, scopes: false, ..Abilities::EVERYTHING };
    let plan = Plan {
        rotation: rotation(number),
        credential: format!("shop-{number}"),
        kind: KindId::new("acme.token"),
        abilities,
        stores: Vec::new(),
        dependents: Vec::new(),
        policy: Policy::default(),
        leaked: Timestamp(900),
        emergency: false,
        sealed: None,
        consent: crate::rotation::Consent::default(),
        purpose: crate::rotation::Purpose::Leak,
    };
    Event { at: Timestamp(1_000 + number), fact: Fact::Opened(Box::new(plan)) }
}

pub(super) fn event(at: u64, fact: Fact) -> Event {
    Event { at: Timestamp(at), fact }
}

pub(super) fn began(step: Step) -> Event {
    let label = Some(Label::of(&rotation(1), 1, "n\"ö\u{1}"));
    event(2_000, Fact::Began { step, label, sealed: None })
}

pub(super) fn minted(sealed: &Sealed) -> Event {
    event(3_000, Fact::Minted { token: TokenId::new("t-1"), sealed: sealed.digest.clone(), ends: None })
}

pub(super) fn sealed(name: &str) -> Sealed {
    let digest = Digest::new(format!("digest of {name}"));
    let marked = format!("ciphertext of {name}").into_bytes();
    Sealed { digest, key: "k".into(), wrapped: vec![1, 2, 3], ciphertext: marked }
}

pub(super) fn lease(holder: &str, now: u64) -> Lease {
    Lease { holder: holder.into(), now: Timestamp(now), span: Duration::from_millis(100), ended: None }
}

/// A lease that is held for as long as any test lasts, and one that has run out when it is taken: by whatever clock.
pub(super) fn held(holder: &str) -> Lease {
    Lease { span: Duration::from_secs(3_600), ..lease(holder, 0) }
}

pub(super) fn run_out(holder: &str) -> Lease {
    Lease { span: Duration::ZERO, ..lease(holder, 0) }
}

async fn open(kept: &Kept, number: u64) -> Position {
    open_for(kept, number, &held("a")).await
}

async fn open_for(kept: &Kept, number: u64, lease: &Lease) -> Position {
    let identity = format!("identity {number}");
    kept.journal.open(&identity, &opened(number), &[sealed("old")], lease, 7).await.unwrap()
}

fn fenced(outcome: Result<impl std::fmt::Debug, JournalError>) {
    assert!(matches!(outcome, Err(JournalError::Fenced { .. })), "{outcome:?}");
}

async fn facts(kept: &Kept, rotation: &RotationId) -> Vec<Event> {
    kept.journal.replay(rotation).await.unwrap().into_iter().map(|record| record.event).collect()
}

async fn what_is_written_is_replayed_in_order_and_chained(kept: Kept) {
    let at = open(&kept, 1).await;
    assert_eq!(at, Position { rotation: rotation(1), epoch: 1, seq: 2 });
    let at = kept.journal.append(&at, &[began(Step::Mint)], &[], false, 8).await.unwrap();
    let new = sealed("new");
    let more = [minted(&new), event(4_000, Fact::Proved)];
    let at = kept.journal.append(&at, &more, std::slice::from_ref(&new), false, u64::MAX).await.unwrap();
    assert_eq!(at.seq, 5);
    let records = kept.journal.replay(&rotation(1)).await.unwrap();
    let expected = [opened(1), began(Step::Mint), minted(&new), event(4_000, Fact::Proved)];
    assert_eq!(records.iter().map(|record| record.event.clone()).collect::<Vec<_>>(), expected);
    let places = |record: &Record| (record.rotation.clone(), record.seq, record.epoch);
    assert_eq!(records.iter().map(places).collect::<Vec<_>>(), [1, 2, 3, 4].map(|seq| (rotation(1), seq, 1)).to_vec());
    assert_eq!(records.iter().map(|record| record.monotonic).collect::<Vec<_>>()[..2], [7, 8]);
    assert_eq!(verify(&records).unwrap().records, 4);
    assert_eq!(kept.journal.sealed(&rotation(1), &new.digest).await.unwrap(), Some(new));
}

async fn a_position_is_taken_once(kept: Kept) {
    let at = open(&kept, 1).await;
    kept.journal.append(&at, &[began(Step::Verify)], &[], false, 0).await.unwrap();
    fenced(kept.journal.append(&at, &[began(Step::Mint)], &[], false, 0).await);
    fenced(kept.journal.append(&Position { seq: 4, ..at.clone() }, &[began(Step::Mint)], &[], false, 0).await);
    assert_eq!(facts(&kept, &rotation(1)).await, [opened(1), began(Step::Verify)]);
}

async fn of_many_writers_at_one_position_one_wins(kept: Kept) {
    let at = open(&kept, 1).await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (journal, at) = (kept.journal.clone(), at.clone());
            tokio::spawn(
                async move { journal.append(&at, &[event(writer, Fact::Proved)], &[], false, 0).await.is_ok() },
            )
        })
        .collect();
    let mut won = 0;
    for writer in writers {
        won += u32::from(writer.await.unwrap());
    }
    assert_eq!((won, facts(&kept, &rotation(1)).await.len()), (1, 2));
}

async fn one_rotation_per_credential_is_open(kept: Kept) {
    let at = open(&kept, 1).await;
    let second = kept.journal.open("identity 1", &opened(2), &[], &lease("b", 0), 0).await;
    assert!(matches!(&second, Err(JournalError::Active { rotation: other }) if *other == rotation(1)), "{second:?}");
    open(&kept, 3).await;
    kept.journal.append(&at, &[event(5, Fact::Proved)], &[], true, 0).await.unwrap();
    kept.journal.open("identity 1", &opened(2), &[], &lease("b", 0), 0).await.unwrap();
    let listed = kept.journal.list().await.unwrap();
    let shown: Vec<_> = listed.iter().map(|one| (one.rotation.clone(), one.open, one.records, one.opened.0)).collect();
    assert_eq!(shown, [(rotation(1), false, 2, 1_001), (rotation(3), true, 1, 1_003), (rotation(2), true, 1, 1_002)]);
    assert_eq!(listed[0].credential, "shop-1");
}

async fn an_id_is_used_once_and_the_next_one_follows(kept: Kept) {
    assert_eq!(kept.journal.next_id().await.unwrap(), RotationId::new("C-0001"));
    open(&kept, 1).await;
    fenced(kept.journal.open("another", &opened(1), &[], &lease("b", 0), 0).await);
    open(&kept, 9_999).await;
    assert_eq!(kept.journal.next_id().await.unwrap(), RotationId::new("C-10000"));
}

async fn only_the_first_event_opens(kept: Kept) {
    let unopened = |outcome: Result<Position, JournalError>| assert!(matches!(outcome, Err(JournalError::Unopened)));
    unopened(kept.journal.open("i", &event(1, Fact::Proved), &[], &lease("a", 0), 0).await);
    let at = open(&kept, 1).await;
    unopened(kept.journal.append(&at, &[opened(1)], &[], false, 0).await);
    assert_eq!(facts(&kept, &rotation(1)).await.len(), 1);
}

async fn a_lease_is_taken_over_when_it_ran_out_and_fences_the_one_before(kept: Kept) {
    let first = open(&kept, 1).await;
    let barred = kept.journal.acquire(&rotation(1), &held("b")).await;
    assert!(matches!(&barred, Err(JournalError::Held { holder, .. }) if holder == "a"), "{barred:?}");
    kept.journal.renew(&first, &run_out("a")).await.unwrap();
    let second = kept.journal.acquire(&rotation(1), &held("b")).await.unwrap();
    assert_eq!(second, Position { epoch: 2, ..first.clone() });
    let lost = sealed("lost");
    fenced(kept.journal.append(&first, &[minted(&lost)], std::slice::from_ref(&lost), false, 0).await);
    assert_eq!(kept.journal.sealed(&rotation(1), &lost.digest).await.unwrap(), None, "its secret is dropped");
    fenced(kept.journal.renew(&first, &held("a")).await);
    fenced(kept.journal.release(&first).await);
    kept.journal.append(&second, &[event(6, Fact::Restarted)], &[], false, 0).await.unwrap();
    let epochs: Vec<_> =
        kept.journal.replay(&rotation(1)).await.unwrap().iter().map(|record| (record.seq, record.epoch)).collect();
    assert_eq!(epochs, [(1, 1), (2, 2)]);
}

/// Of keepers on one machine, whose clock everybody reads.
async fn a_lease_runs_out_at_its_millisecond(kept: Kept) {
    let first = open_for(&kept, 1, &lease("a", 0)).await;
    let barred = kept.journal.acquire(&rotation(1), &lease("b", 99)).await;
    assert!(matches!(&barred, Err(JournalError::Held { until: Timestamp(100), .. })), "{barred:?}");
    kept.journal.renew(&first, &lease("a", 90)).await.unwrap();
    assert!(matches!(kept.journal.acquire(&rotation(1), &lease("b", 189)).await, Err(JournalError::Held { .. })));
    assert_eq!(kept.journal.acquire(&rotation(1), &lease("b", 190)).await.unwrap().epoch, 2);
}

/// Of a keeper that several machines share: a clock that goes wrong takes nothing from anybody.
async fn the_clock_of_a_worker_decides_nothing(kept: Kept) {
    let ahead = |holder: &str| Lease { now: Timestamp(u64::MAX / 4), ..held(holder) };
    let first = open(&kept, 1).await;
    assert!(matches!(kept.journal.acquire(&rotation(1), &ahead("b")).await, Err(JournalError::Held { .. })));
    kept.journal.renew(&first, &ahead("a")).await.unwrap();
    kept.journal.renew(&first, &Lease { span: Duration::ZERO, ..ahead("a") }).await.unwrap();
    assert_eq!(kept.journal.acquire(&rotation(1), &held("b")).await.unwrap().epoch, 2, "it is over for those behind");
}

async fn a_lease_whose_holder_has_ended_is_taken_over_and_nobody_elses_is(kept: Kept) {
    let first = open(&kept, 1).await;
    let over = |ended: &str| Lease { ended: Some(ended.to_owned()), ..held("b") };
    let barred = kept.journal.acquire(&rotation(1), &over("another")).await;
    assert!(matches!(&barred, Err(JournalError::Held { holder, .. }) if holder == "a"), "{barred:?}");
    let second = kept.journal.acquire(&rotation(1), &over("a")).await.unwrap();
    assert_eq!(second, Position { epoch: 2, ..first.clone() });
    fenced(kept.journal.append(&first, &[began(Step::Mint)], &[], false, 0).await);
    let late = Lease { ended: Some("a".to_owned()), ..held("c") };
    let barred = kept.journal.acquire(&rotation(1), &late).await;
    assert!(
        matches!(&barred, Err(JournalError::Held { holder, .. }) if holder == "b"),
        "one takes it over: {barred:?}"
    );
}

async fn a_lease_is_renewed_given_back_and_taken_again_by_its_holder(kept: Kept) {
    let at = open_for(&kept, 1, &run_out("a")).await;
    kept.journal.renew(&at, &held("a")).await.unwrap();
    assert!(matches!(kept.journal.acquire(&rotation(1), &held("b")).await, Err(JournalError::Held { .. })));
    let again = kept.journal.acquire(&rotation(1), &held("a")).await.unwrap();
    assert_eq!(again.epoch, 2);
    fenced(kept.journal.append(&at, &[began(Step::Mint)], &[], false, 0).await);
    kept.journal.release(&again).await.unwrap();
    fenced(kept.journal.append(&again, &[began(Step::Mint)], &[], false, 0).await);
    assert_eq!(kept.journal.acquire(&rotation(1), &held("b")).await.unwrap().epoch, 3);
}

async fn two_workers_get_one_lease(kept: Kept) {
    open_for(&kept, 1, &run_out("a")).await;
    let workers: Vec<_> = (0..6)
        .map(|worker| {
            let journal = kept.journal.clone();
            tokio::spawn(async move { journal.acquire(&rotation(1), &held(&format!("w{worker}"))).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for worker in workers {
        won += u32::from(worker.await.unwrap());
    }
    assert_eq!(won, 1);
}

/// Of many that open a rotation of one credential at the same time one does, under whatever number.
async fn of_many_that_open_at_once_one_does(kept: Kept) {
    let openers: Vec<_> = (1..=6)
        .map(|number| {
            let journal = kept.journal.clone();
            tokio::spawn(async move { journal.open("the same", &opened(number), &[], &held("a"), 0).await })
        })
        .collect();
    let mut won = Vec::new();
    let mut lost = Vec::new();
    for opener in openers {
        match opener.await.unwrap() {
            Ok(at) => won.push(at.rotation),
            Err(JournalError::Active { rotation }) => lost.push(rotation),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((won.len(), lost.len()), (1, 5));
    assert!(lost.iter().all(|named| *named == won[0]), "the others learn which: {lost:?}");
}

/// Many rotations are written to at the same time; all records form one chain.
async fn writers_of_many_rotations_share_one_chain(kept: Kept) {
    let mut writers = Vec::new();
    for number in 1..=6 {
        let (journal, mut at) = (kept.journal.clone(), open(&kept, number).await);
        writers.push(tokio::spawn(async move {
            for _ in 0..10 {
                at = journal.append(&at, &[event(at.seq, Fact::Healthy)], &[], false, 0).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for number in 1..=6 {
        assert_eq!(kept.journal.replay(&rotation(number)).await.unwrap().len(), 11);
    }
}

async fn sealed_values_are_erased_when_the_rotation_closes(kept: Kept) {
    let (at, other) = (open(&kept, 1).await, open(&kept, 2).await);
    let (old, new) = (sealed("old"), sealed("new"));
    assert_eq!(kept.journal.sealed(&rotation(1), &old.digest).await.unwrap(), Some(old.clone()));
    let at = kept.journal.append(&at, &[minted(&new)], std::slice::from_ref(&new), false, 0).await.unwrap();
    let at = kept.journal.append(&at, &[event(9, Fact::Healthy)], &[], true, 0).await.unwrap();
    kept.journal.append(&at, &[minted(&new)], std::slice::from_ref(&new), false, 0).await.unwrap();
    for value in [&old, &new] {
        assert_eq!(kept.journal.sealed(&rotation(1), &value.digest).await.unwrap(), None);
    }
    assert_eq!(kept.journal.sealed(&other.rotation, &old.digest).await.unwrap(), Some(old));
    assert_eq!(facts(&kept, &rotation(1)).await.len(), 4, "the records stay");
    assert!(!kept.journal.list().await.unwrap()[0].open, "and it stays closed");
}

async fn orders_wait_in_their_order_until_they_are_settled(kept: Kept) {
    open(&kept, 1).await;
    open(&kept, 2).await;
    let ada = Person::new("ada");
    let said = |order, reason: &str| Fact::Ordered(order, Person::new("ada"), reason.to_owned());
    let put = |rotation: u64, order, reason: &'static str| {
        let (journal, ada, fact) = (kept.journal.clone(), ada.clone(), said(order, reason));
        async move { journal.leave_word(&self::rotation(rotation), &fact, None, &ada, Timestamp(5)).await.unwrap() }
    };
    assert_eq!(kept.journal.waiting(&rotation(1)).await.unwrap(), None);
    put(1, Order::Pause, "lunch").await;
    put(2, Order::Abandon, "other").await;
    put(1, Order::RevokeNow, "it's abused").await;
    let first = kept.journal.waiting(&rotation(1)).await.unwrap().unwrap();
    assert_eq!((&first.fact, &first.who, first.at), (&said(Order::Pause, "lunch"), &ada, Timestamp(5)));
    kept.journal.settle(first.id, "applied").await.unwrap();
    kept.journal.settle(first.id, "twice").await.unwrap();
    let second = kept.journal.waiting(&rotation(1)).await.unwrap().unwrap();
    assert_eq!(second.fact, said(Order::RevokeNow, "it's abused"));
    kept.journal.settle(second.id, "refused: past the pivot").await.unwrap();
    assert_eq!(kept.journal.waiting(&rotation(1)).await.unwrap(), None);
    assert_eq!(kept.journal.waiting(&rotation(2)).await.unwrap().unwrap().fact, said(Order::Abandon, "other"));
}

async fn a_word_is_taken_once_with_its_record_and_the_value_it_brings(kept: Kept) {
    let at = open(&kept, 1).await;
    let (ada, value) = (Person::new("ada"), sealed("from ada"));
    let fact = Fact::Ordered(Order::Pause, ada.clone(), "lunch".into());
    let id = kept.journal.leave_word(&rotation(1), &fact, Some(&value), &ada, Timestamp(5)).await.unwrap();
    let waiting = kept.journal.waiting(&rotation(1)).await.unwrap().unwrap();
    assert_eq!((waiting.id, waiting.sealed.as_ref()), (id, Some(&value)));
    let (said, brought) = (event(6, waiting.fact), [value.clone()]);
    let late = Position { seq: 9, ..at.clone() };
    fenced(kept.journal.take_word(id, &late, &said, &brought, false, 0).await);
    assert!(kept.journal.waiting(&rotation(1)).await.unwrap().is_some(), "what was not recorded still waits");
    let next = kept.journal.take_word(id, &at, &said, &brought, false, 0).await.unwrap();
    assert_eq!(kept.journal.waiting(&rotation(1)).await.unwrap(), None);
    assert_eq!(kept.journal.sealed(&rotation(1), &value.digest).await.unwrap(), Some(value));
    let again = kept.journal.take_word(id, &next, &said, &[], false, 0).await;
    assert!(matches!(again, Err(JournalError::Settled)), "{again:?}");
    assert_eq!(facts(&kept, &rotation(1)).await, [opened(1), said]);
}

async fn no_word_waits_at_a_rotation_that_is_over(kept: Kept) {
    let at = open(&kept, 1).await;
    let (ada, value) = (Person::new("ada"), sealed("from ada"));
    let fact = Fact::Ordered(Order::Abandon, ada.clone(), "enough".into());
    let leave = || kept.journal.leave_word(&at.rotation, &fact, Some(&value), &ada, Timestamp(5));
    let (first, _late) = (leave().await.unwrap(), leave().await.unwrap());
    let brought = std::slice::from_ref(&value);
    kept.journal.take_word(first, &at, &event(6, fact.clone()), brought, true, 0).await.unwrap();
    assert_eq!(kept.journal.waiting(&at.rotation).await.unwrap(), None, "one that was left is settled");
    leave().await.unwrap();
    assert_eq!(kept.journal.waiting(&at.rotation).await.unwrap(), None, "one that comes later too");
    assert_eq!(kept.journal.sealed(&at.rotation, &value.digest).await.unwrap(), None);
}

async fn what_is_not_there_is_missing(kept: Kept) {
    let none = rotation(404);
    let at = Position { rotation: none.clone(), epoch: 1, seq: 2 };
    let missing = |outcome: Result<(), JournalError>| {
        assert!(matches!(outcome, Err(JournalError::Missing { .. })), "{outcome:?}");
    };
    missing(kept.journal.replay(&none).await.map(drop));
    missing(kept.journal.acquire(&none, &lease("a", 0)).await.map(drop));
    missing(kept.journal.append(&at, &[began(Step::Mint)], &[], false, 0).await.map(drop));
    let pause = Fact::Ordered(Order::Pause, Person::new("ada"), String::new());
    missing(kept.journal.leave_word(&none, &pause, None, &Person::new("ada"), Timestamp(0)).await.map(drop));
    missing(kept.journal.renew(&at, &lease("a", 0)).await);
    missing(kept.journal.release(&at).await);
    assert_eq!(kept.journal.sealed(&none, &Digest::new("d")).await.unwrap(), None);
    assert!(kept.journal.list().await.unwrap().is_empty());
}

macro_rules! promises {
    ($($promise:ident)*) => {
        mod memory { $(#[tokio::test(flavor = "multi_thread")] async fn $promise() { super::$promise(super::in_memory().await).await })* }
        mod file { $(#[tokio::test(flavor = "multi_thread")] async fn $promise() { super::$promise(super::in_a_database().await).await })* }
        mod server { $(
            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs a real PostgreSQL: ./tests/run"]
            async fn $promise() { super::$promise(super::on_a_server().await).await }
        )* }
    };
}

promises! {
    what_is_written_is_replayed_in_order_and_chained
    a_position_is_taken_once
    of_many_writers_at_one_position_one_wins
    of_many_that_open_at_once_one_does
    writers_of_many_rotations_share_one_chain
    one_rotation_per_credential_is_open
    an_id_is_used_once_and_the_next_one_follows
    only_the_first_event_opens
    a_lease_is_taken_over_when_it_ran_out_and_fences_the_one_before
    a_lease_whose_holder_has_ended_is_taken_over_and_nobody_elses_is
    a_lease_is_renewed_given_back_and_taken_again_by_its_holder
    two_workers_get_one_lease
    sealed_values_are_erased_when_the_rotation_closes
    orders_wait_in_their_order_until_they_are_settled
    a_word_is_taken_once_with_its_record_and_the_value_it_brings
    no_word_waits_at_a_rotation_that_is_over
    what_is_not_there_is_missing
}

#[tokio::test(flavor = "multi_thread")]
async fn on_one_machine_its_clock_decides() {
    a_lease_runs_out_at_its_millisecond(in_memory().await).await;
    a_lease_runs_out_at_its_millisecond(in_a_database().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn on_a_server_its_clock_decides() {
    the_clock_of_a_worker_decides_nothing(on_a_server().await).await;
}
