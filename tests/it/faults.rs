//! What may go wrong outside, and what must hold all the same: one live token in everybody's hands, or a named person asked.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use crate::world::door::{Act, Fault, Gate};
use crate::world::http::Reply;
use crate::world::shop::{ATTESTING, INDISTINCT, RELOADING, Running, Settings, Shop, until};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn nothing(status: u16) -> Reply {
    Reply::of(status, "")
}

/// Runs a trial for every case, two at a time.
fn for_all<C: Sync>(cases: &[C], trial: impl Fn(&C) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    trial(case);
                }
            });
        }
    });
}

/// The kinds of trouble that any request can meet.
fn troubles() -> Vec<(&'static str, Fault)> {
    vec![
        ("request lost", Fault::RequestLost),
        ("reply lost", Fault::ReplyLost),
        ("reply becomes 500", Fault::ReplyBecomes(500)),
        ("refused by 503", Fault::Says(nothing(503))),
        ("garbage", Fault::Says(Reply::of(200, "<html>"))),
    ]
}

#[test]
fn trouble_with_any_one_request_delays_a_rotation_and_no_more() {
    let mut cases = Vec::new();
    for (act, most) in [(Act::Verify, 12), (Act::List, 2), (Act::Mint, 1), (Act::Revoke, 1)] {
        for nth in 1..=most {
            cases.extend(troubles().into_iter().map(|(name, fault)| (act, nth, name, fault)));
        }
    }
    for_all(&cases, |(act, nth, name, fault)| {
        let shop = Shop::open();
        shop.door.order_nth(*act, *nth, fault.clone());
        let ran = shop.rotate(&["--yes", "-v"]);
        assert_eq!(ran.code, 0, "{act:?} {nth}: {name}\n{}{}", ran.stdout, ran.stderr);
        shop.assert_rotated();
    });
}

#[test]
fn a_mint_of_unknown_outcome_leaves_no_second_token() {
    let mints = [
        ("reply lost", Fault::ReplyLost),
        ("500 after it was done", Fault::ReplyBecomes(500)),
        ("201 without a body", Fault::ReplyBecomes(201)),
        ("delivered twice", Fault::Twice),
    ];
    let mut cases = Vec::new();
    for mint in mints {
        // Then nothing else, or trouble while it is looked for, ended and seen dead.
        cases.push((mint.clone(), None));
        for (act, nth) in [(Act::List, 2), (Act::List, 3), (Act::Revoke, 1), (Act::Mint, 2)] {
            for (name, fault) in troubles() {
                cases.push((mint.clone(), Some((act, nth, name, fault))));
            }
        }
    }
    for_all(&cases, |((mint, fault), second)| {
        let shop = Shop::open();
        shop.door.order(Act::Mint, fault.clone());
        if let Some((act, nth, _, fault)) = second {
            shop.door.order_nth(*act, *nth, fault.clone());
        }
        let ran = shop.rotate(&["--yes", "-v"]);
        let and = second.as_ref().map(|(act, nth, name, _)| (act, nth, name));
        assert_eq!(ran.code, 0, "{mint}, {and:?}\n{}{}", ran.stdout, ran.stderr);
        assert!(shop.door.count(Act::Mint) >= 2, "{mint}: another was minted");
        shop.assert_rotated();
    });
}

#[test]
fn a_mint_that_nobody_answers_in_time_is_sought_and_ended() {
    let shop = Shop::open();
    shop.door.order(Act::Mint, Fault::ReplyHangs);
    shop.rotate(&["--yes"]).expect(0).says("Sought");
    shop.assert_rotated();
}

#[test]
fn what_a_mint_left_is_kept_in_mind_until_it_can_be_ended() {
    let shop = Shop::open();
    shop.door.order(Act::Mint, Fault::ReplyLost);
    // The list is needed once before the mint, and then to find what it left.
    (2..40).for_each(|nth| shop.door.order_nth(Act::List, nth, Fault::RequestLost));
    shop.rotate(&["--yes"]).expect(22).says("stanch case resume C-0001");
    assert_eq!(shop.live(), ["tok_0001", "tok_0002"]);
    assert_eq!(shop.door.count(Act::Mint), 1, "nothing is minted before that is known");
    shop.door.behave();
    shop.case("resume").expect(0);
    shop.assert_rotated();
}

#[test]
fn a_request_to_wait_is_kept_to() {
    let wait = Reply { headers: vec![("retry-after".to_owned(), "1".to_owned())], ..nothing(429) };
    for act in [Act::List, Act::Mint, Act::Revoke] {
        let shop = Shop::open();
        shop.door.order(act, Fault::Says(wait.clone()));
        shop.rotate(&["--yes"]).expect(0);
        let times = shop.door.times(act);
        assert!(times[1] - times[0] >= Duration::from_secs(1), "{act:?}: asked again after {:?}", times[1] - times[0]);
        shop.assert_rotated();
    }
}

#[test]
fn a_revocation_that_takes_its_time_is_waited_for() {
    let shop = Shop::open();
    shop.door.order(Act::Revoke, Fault::Late(nothing(204), 4));
    shop.rotate(&["--yes"]).expect(0).says("LIVE");
    shop.assert_rotated();
}

#[test]
fn a_revocation_that_never_works_is_never_called_done() {
    for status in [200, 202, 204, 404] {
        let shop = Settings::default().policy("confirm_within", "200ms").open();
        shop.door.always(Act::Revoke, Fault::Says(nothing(status)));
        let held = shop.rotate(&["--yes", "-v"]).expect(22).says("perhaps dead");
        assert!(!held.stdout.contains("observed dead"), "{status}:\n{}", held.stdout);
        assert_eq!(shop.live(), ["tok_0001", "tok_0002"], "{status}");
        shop.assert_unbroken();
        shop.case("resume").expect(22);
        shop.case("abort").expect(2).says("abort is not possible now");
        shop.stanch(&["case", "list"]).expect(0).says("Held");
        shop.stanch(&["case", "list", "--exposed"]).says("C-0001");
        shop.door.behave();
        shop.case("resume").expect(0).says("observed dead");
        shop.assert_rotated();
    }
}

#[test]
fn an_issuer_that_refuses_everything_proves_no_death() {
    let shop = Settings::default().policy("confirm_within", "200ms").open();
    let gate = Arc::new(Gate::default());
    shop.door.order(Act::Revoke, Fault::Waits(Arc::clone(&gate)));
    let running = shop.start_rotating();
    gate.wait_for_one();
    shop.door.always(Act::Verify, Fault::Says(nothing(401)));
    gate.open();
    running.end().expect(22);
    shop.door.behave();
    shop.case("resume").expect(0);
    shop.assert_rotated();
}

#[test]
fn a_probe_that_accepts_anything_proves_no_life() {
    let shop = Shop::open();
    shop.door.always(Act::Verify, Fault::Says(Reply::of(200, r#"{"id":"tok_0001"}"#)));
    shop.rotate(&["--yes"]).expect(22).says("held");
    assert_eq!((shop.door.count(Act::Mint), shop.door.count(Act::Revoke)), (0, 0));
    shop.case("abort").expect(21);
    shop.assert_as_before();
}

#[test]
fn a_control_that_nobody_answers_proves_no_life() {
    for fault in [Fault::Says(nothing(503)), Fault::RequestLost] {
        let shop = Shop::open();
        (2..40).step_by(2).for_each(|nth| shop.door.order_nth(Act::Verify, nth, fault.clone()));
        let ran = shop.rotate(&["--yes"]);
        assert_eq!((ran.code, shop.door.count(Act::Mint)), (22, 0), "{}", ran.stdout);
        shop.door.behave();
        shop.case("resume").expect(20);
        shop.case("approve").expect(0);
        shop.assert_rotated();
    }
}

#[test]
fn a_dependent_that_never_turns_keeps_the_old_token_alive() {
    let shop = Settings::default().dependent(&[ATTESTING]).policy("deadline", "200ms").open();
    shop.rotate(&["--yes"]).expect(21).says("STILL on the other version").says("The leak is STILL OPEN");
    assert_eq!(shop.door.count(Act::Revoke), 1, "the new token alone was revoked");
    shop.assert_as_before();
}

#[test]
fn a_dependent_that_cannot_tell_waits_for_a_person() {
    let shop = Settings::default().dependent(&[INDISTINCT, RELOADING]).open();
    shop.rotate(&["--yes"]).expect(22).says("cannot tell");
    assert_eq!(shop.door.count(Act::Mint), 0);
    shop.case("resume").expect(0);
    shop.assert_rotated();
}

#[test]
fn what_nobody_can_prove_may_be_accepted_beforehand() {
    let shop = Settings::default().dependent(&[INDISTINCT, RELOADING]).policy("accept_unproved", "true").open();
    shop.rotate(&["--yes"]).expect(0);
    shop.assert_rotated();
}

#[test]
fn without_a_dependent_a_person_is_asked() {
    let shop = Settings::default().dependent(&[]).open();
    shop.rotate(&["--yes"]).expect(22);
    assert_eq!((shop.door.count(Act::Mint), shop.live()), (0, vec!["tok_0001".to_owned()]));
    shop.case("resume").expect(0);
    assert_eq!(shop.live(), ["tok_0002"]);
}

/// The stages that wait for a person, before anything is irrevocable.
fn waiting() -> Vec<(&'static str, Shop, i32)> {
    let unapproved = Shop::open();
    let unprobeable = Settings::default().dependent(&[INDISTINCT, RELOADING]).open();
    let revoke = Settings::default().policy("when", "ask-twice").open();
    vec![("Awaiting approval", unapproved, 20), ("Held", unprobeable, 22), ("Awaiting revoke approval", revoke, 20)]
}

#[test]
fn every_waiting_stage_can_be_aborted() {
    for (stage, shop, code) in waiting() {
        let yes: &[&str] = if stage == "Awaiting approval" { &[] } else { &["--yes"] };
        shop.rotate(yes).expect(code).says(stage);
        shop.case("abort").expect(21);
        shop.assert_as_before();
        shop.case("resume").expect(21).says("rolled back");
        shop.case("abort").expect(2).says("abort is not possible now");
        shop.rotate(&[]).says("C-0002");
    }
}

#[test]
fn every_waiting_stage_can_be_cut_short_by_a_revoke() {
    for (stage, shop, code) in waiting() {
        let yes: &[&str] = if stage == "Awaiting approval" { &[] } else { &["--yes"] };
        shop.rotate(yes).expect(code).says(stage);
        shop.stanch(&["case", "revoke-now", "C-0001", "--reason", "abused"]).expect(0).says("revoke-now by");
        assert_eq!(shop.live(), ["tok_0002"], "{stage}");
        if stage == "Awaiting revoke approval" {
            shop.assert_rotated();
        }
    }
}

#[test]
fn an_emergency_revokes_first_and_mends_afterwards() {
    let shop = Shop::open();
    shop.rotate(&["--emergency"]).expect(20).says("no way back");
    assert_eq!(shop.live(), ["tok_0001"]);
    shop.case("approve").expect(0);
    let (mint, revoke) = (shop.door.times(Act::Mint), shop.door.times(Act::Revoke));
    assert!(revoke[0] < mint[0], "the revocation comes first");
    assert_eq!(shop.live(), ["tok_0002"]);
}

#[test]
fn what_somebody_else_writes_into_the_store_is_never_overwritten() {
    let shop = Shop::open();
    let gate = Arc::new(Gate::default());
    shop.door.order(Act::Mint, Fault::Waits(Arc::clone(&gate)));
    let running = shop.start_rotating();
    gate.wait_for_one();
    shop.overwrite("by somebody else");
    gate.open();
    running.end().expect(21).says("neither the old nor the new");
    assert_eq!(shop.stored(), b"by somebody else");
    assert_eq!(shop.live(), ["tok_0001"]);
    shop.assert_unbroken();
}

#[test]
fn a_store_that_is_changed_while_the_old_token_is_watched_holds_the_revocation() {
    let shop = Settings::default().policy("when", "ask").policy("soak", "1s").open();
    let old = shop.stored();
    let mut running = shop.start_rotating();
    running.reads("ok, attests");
    shop.overwrite(std::str::from_utf8(&old).unwrap());
    running.end().expect(22).says("somebody else put the old value back");
    assert_eq!(shop.door.count(Act::Revoke), 0);
    assert_eq!(shop.live(), ["tok_0001", "tok_0002"]);
    shop.case("abort").expect(21);
    shop.assert_as_before();
}

#[test]
fn a_changed_configuration_does_not_carry_an_open_case_on() {
    let shop = Shop::open();
    shop.rotate(&[]).expect(20);
    let before = std::fs::read_to_string(shop.at("stanch.yaml")).unwrap();
    for (from, to) in [("name: shop\n", "name: mall\n"), ("path: shop/api-token", "path: shop/other")] {
        shop.configure(|text| text.replace(from, to));
        let refused = shop.case("approve").expect(2).says("the configuration of 'shop-api' changed since C-0001");
        assert_eq!(refused.stderr.lines().filter(|line| line.starts_with("stanch: ")).count(), 1);
        shop.configure(|_| before.clone());
    }
    assert_eq!(shop.door.count(Act::Mint), 0);
    shop.case("approve").expect(0);
    shop.assert_rotated();
}

#[test]
fn of_two_processes_on_one_case_one_is_refused() {
    let shop = Settings::default().policy("soak", "500ms").open();
    shop.rotate(&[]).expect(20);
    let start = || Running::start(shop.program(&["case", "approve", "C-0001"]));
    let (one, other) = (start(), start());
    let mut codes = [one.end().code, other.end().code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 2]);
    assert_eq!(shop.door.count(Act::Mint), 1);
    shop.assert_rotated();
}

#[test]
fn one_rotation_of_a_credential_is_open_at_a_time() {
    let shop = Shop::open();
    shop.rotate(&[]).expect(20);
    shop.rotate(&["--yes"]).expect(2).says("C-0001 already rotates this credential");
    assert_eq!(shop.door.count(Act::Mint), 0);
    shop.case("approve").expect(0);
    shop.rotate(&["--yes"]).expect(0).says("C-0002");
    assert_eq!(shop.live(), ["tok_0003"]);
}

#[test]
fn a_signal_stops_between_two_records_and_the_case_goes_on_later() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let shop = Settings::default().policy("soak", "3s").open();
        let mut running = shop.start_rotating();
        running.reads("ok, attests");
        kill_process(Pid::from_raw(i32::try_from(running.child.id()).unwrap()).unwrap(), signal).unwrap();
        running.end().expect(code).says("stanch case resume C-0001 goes on from here");
        assert_eq!(shop.live().len(), 2);
        shop.case("resume").expect(0);
        shop.assert_rotated();
    }
}

#[test]
fn an_order_reaches_the_process_that_runs_the_case() {
    let shop = Settings::default().policy("soak", "10m").open();
    let mut running = shop.start_rotating();
    running.reads("ok, attests");
    shop.stanch(&["case", "revoke-now", "C-0001", "--reason", "abused"]).expect(20).says("was told to revoke-now");
    running.end().expect(0).says("revoke-now by").says("abused");
    until("the old token is dead", || shop.live() == ["tok_0002"]);
    shop.assert_rotated();
}
