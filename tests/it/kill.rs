//! SIGKILL at every step and at any moment: whatever was killed, going on ends with one live token in everybody's hands.

#![allow(clippy::disallowed_methods, reason = "the tests keep their own time")]

use crate::world::shop::{ATTESTING, Running, Settings, Shop, dice, seed};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Runs the trial for 1, 2, … on two threads, until one of them says that there was nothing left to kill.
pub(crate) fn at_every_step(trial: impl Fn(usize) -> bool + Sync) -> usize {
    let (next, over) = (AtomicUsize::new(1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let step = next.fetch_add(1, Ordering::SeqCst);
                    if !trial(step) {
                        over.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    next.into_inner()
}

/// Kills the rotation after its n-th event; false when it had ended before. What is left of every other one is noticed by
/// its parent only when it is dropped here.
fn killed_after(shop: &Shop, events: usize) -> (bool, Running) {
    let mut running = shop.start_rotating();
    let killed = running.reads_events(events);
    if killed {
        running.kill();
    }
    if events.is_multiple_of(2) {
        running.child.wait().unwrap();
    }
    (killed, running)
}

#[test]
fn a_rotation_killed_after_any_of_its_events_is_carried_to_its_end() {
    let steps = at_every_step(|step| {
        let shop = Shop::open();
        let (killed, _left) = killed_after(&shop, step);
        assert_eq!(shop.carry_on(), 0, "killed after event {step}");
        shop.assert_rotated();
        killed
    });
    assert!(steps > 30, "only {steps} steps were seen");
}

#[test]
fn a_way_back_killed_after_any_of_its_events_is_carried_to_its_end() {
    let steps = at_every_step(|step| {
        // The service never reads its token again, so it is never proved on the new one.
        let shop = Settings::default().dependent(&[ATTESTING]).policy("deadline", "100ms").open();
        let (killed, _left) = killed_after(&shop, step);
        assert_eq!(shop.carry_on(), 21, "killed after event {step}");
        shop.assert_as_before();
        killed
    });
    assert!(steps > 30, "only {steps} steps were seen");
}

#[test]
fn a_rotation_killed_again_and_again_at_any_moment_is_carried_to_its_end() {
    let seed = seed();
    let mut draw = dice(seed);
    for run in 0..15 {
        let shop = Shop::open();
        let mut running = shop.start_rotating();
        assert!(running.reads_events(1));
        for _ in 0..=draw(4) {
            let moment = Instant::now() + Duration::from_millis(draw(400));
            while Instant::now() < moment && running.child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            running.kill();
            running.child.wait().unwrap();
            let verb = if draw(2) == 0 { "resume" } else { "approve" };
            running = Running::start(shop.program(&["case", verb, "C-0001", "-v"]));
        }
        running.kill();
        running.child.wait().unwrap();
        assert_eq!(shop.carry_on(), 0, "seed {seed}, run {run}");
        shop.assert_rotated();
    }
}

#[test]
fn a_case_is_never_taken_from_a_process_that_lives_even_one_that_stands_still() {
    let shop = Settings::default().policy("soak", "10m").open();
    let mut running = shop.start_rotating();
    let pid = Pid::from_raw(i32::try_from(running.child.id()).unwrap()).unwrap();
    running.reads("ok, attests");
    let refused = shop.case("resume").expect(2).says(&format!("run by another process ({})", running.child.id()));
    assert!(refused.stderr.starts_with("stanch: C-0001 "), "{}", refused.stderr);
    // It may be stopped in the middle of a write, which keeps all other writers out: then it is stopped once more.
    for _ in 0..20 {
        kill_process(pid, Signal::STOP).unwrap();
        let refused = shop.case("resume");
        kill_process(pid, Signal::CONT).unwrap();
        if refused.code == 2 {
            break;
        }
        refused.expect(4).says("another program has been writing");
    }
    shop.case("abort").expect(20).says("was told to abort");
    assert_eq!(running.end().code, 21);
    shop.assert_as_before();
}
