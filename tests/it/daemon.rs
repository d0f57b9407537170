//! The daemon as its operators run it: one at a time, killed and started again, asked by the commands of people.

use crate::world::Ran;
use crate::world::shop::{Running, Settings, Shop, until};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// A daemon under way, which answers.
fn start(shop: &Shop) -> Running {
    let running = Running::start(shop.program(&["daemon"]));
    until("the daemon answers", || shop.stanch(&["reload"]).code == 0);
    running
}

fn signal(running: &Running, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(running.child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[track_caller]
fn drained(shop: &Shop, running: Running) -> Ran {
    shop.stanch(&["drain"]).expect(0).says("has ended");
    running.end().expect(0).hides(&shop.leaked).hides(&shop.authority)
}

#[test]
fn a_case_that_is_opened_while_it_runs_is_carried_by_it_and_followed() {
    let shop = Shop::open();
    let daemon = start(&shop);
    let rotated = shop.rotate(&["--yes"]).expect(0).says("C-0001 closed").says("Minted");
    assert_eq!(rotated.stdout.matches("  Minted ").count(), 1, "{}", rotated.stdout);
    shop.assert_rotated();
    let log = drained(&shop, daemon).stderr;
    assert!(log.contains("Minted"), "the daemon carried it, not the command:\n{log}");
}

#[test]
fn people_decide_through_it_with_the_same_words_and_codes() {
    let shop = Settings::default().policy("soak", "10m").open();
    let daemon = start(&shop);
    shop.rotate(&[]).expect(20).says("waiting for approval of plan");
    shop.stanch(&["case", "approve", "C-0001", "--plan", "0000-0000"]).expect(2).says("not of that one");
    let mut approving = Running::start(shop.program(&["case", "approve", "C-0001"]));
    approving.reads("ok, attests");
    signal(&approving, Signal::INT);
    approving.end().expect(130).says("the daemon goes on with it");
    shop.case("pause").expect(22).says("held: a person said so");
    shop.case("pause").expect(2).says("pause is not possible now");
    shop.stanch(&["case", "abandon", "C-0001", "--reason", "a test"]).expect(22).says("STILL OPEN");
    shop.case("resume").expect(22);
    shop.case("abort").expect(2).says("nothing left to decide");
    shop.rotate(&[]).expect(20).says("C-0002");
    shop.stanch(&["case", "abort", "C-0002"]).expect(21).says("rolled back");
    drained(&shop, daemon);
}

#[test]
fn a_second_one_is_refused_and_one_that_was_killed_is_taken_over() {
    let shop = Shop::open();
    let mut first = start(&shop);
    let refused = shop.stanch(&["daemon"]).expect(4);
    let named = format!("(process {})", first.child.id());
    assert!(refused.stderr.contains(&named) && refused.stderr.contains(" since 20"), "{}", refused.stderr);
    first.kill();
    let second = start(&shop);
    first.child.wait().unwrap();
    shop.rotate(&["--yes"]).expect(0);
    signal(&second, Signal::TERM);
    second.end().expect(0);
    shop.stanch(&["drain"]).expect(0).says("no daemon runs here");
    shop.stanch(&["reload"]).expect(4).says("no daemon runs here");
    shop.assert_rotated();
}

#[test]
fn killed_again_and_again_it_finishes_what_was_open() {
    let seed = std::env::var("STANCH_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
    let mut state: u64 = seed | 1;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % below
    };
    for run in 0..8 {
        let shop = Settings::default().policy("when", "automatic").open();
        let mut rotating = shop.start_rotating();
        assert!(rotating.reads_events(1));
        rotating.kill();
        rotating.child.wait().unwrap();
        for _ in 0..=draw(4) {
            let mut daemon = Running::start(shop.program(&["daemon"]));
            let moment = Instant::now() + Duration::from_millis(draw(900));
            while Instant::now() < moment && daemon.child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            daemon.kill();
            daemon.child.wait().unwrap();
        }
        let daemon = start(&shop);
        until(&format!("seed {seed}, run {run}: the case is closed"), || {
            shop.stanch(&["case", "list", "--json"]).stdout.contains("\"stage\":\"Closed\"")
        });
        shop.assert_rotated();
        drained(&shop, daemon);
    }
}

#[test]
fn a_drain_stops_at_a_record_and_the_next_one_goes_on() {
    let shop = Settings::default().policy("when", "automatic").policy("soak", "2s").open();
    let daemon = start(&shop);
    let mut following = Running::start(shop.program(&["rotate", "--credential", "shop-api"]));
    following.reads("ok, attests");
    drained(&shop, daemon);
    let next = start(&shop);
    following.end().expect(0).says("C-0001 closed");
    shop.assert_rotated();
    drained(&shop, next);
}

#[test]
fn a_reload_takes_the_file_whole_or_not_at_all_and_a_broken_case_is_tried_again() {
    let shop = Shop::open();
    let daemon = start(&shop);
    shop.rotate(&[]).expect(20);
    shop.configure(|text| text.replace("when: ask", "when: sometimes"));
    shop.stanch(&["reload"]).expect(2).says("stanch.yaml:").says("goes on with the configuration that it has");
    shop.configure(|text| text.replace("when: sometimes", "when: ask").replace("stanch.demo-token", "no.such-kind"));
    shop.stanch(&["reload"]).expect(0);
    shop.case("approve").expect(4).says("C-0001 cannot be carried on").says("no.such-kind");
    shop.configure(|text| text.replace("no.such-kind", "stanch.demo-token"));
    let seen = shop.stanch(&["reload"]).expect(0);
    assert!(seen.stdout.contains("reloaded: "), "{}", seen.stdout);
    until("the word that waited was taken", || {
        shop.stanch(&["case", "list", "--json"]).stdout.contains("\"stage\":\"Closed\"")
    });
    shop.assert_rotated();
    let log = drained(&shop, daemon).stderr;
    assert!(log.contains("credentials.shop-api changed"), "{log}");
}
