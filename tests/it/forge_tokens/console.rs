//! Systems that only a console serves, rotated from the plan to the end: a person clicks, and everything that may go wrong
//! with a person does.

use super::desk::Desk;
use super::gitlab::{Gitlab, in_days};
use super::loopback::{Fault, Loopback, body, header, json};
use super::{PERSONAL, reads_projects};
use crate::kill::at_every_step;
use crate::world::http::{Asked, Reply};
use crate::world::shop::{Running, until};
use data_encoding::BASE64;
use serde_json::{Value, json as object};
use std::sync::{Arc, Mutex};

const AGENT: &str = "kim@acme.example";

#[derive(Clone, Copy, PartialEq)]
enum Spreading {
    Done,
    Slowly,
    OnceThenSlowly,
}

/// A provider with a console: what it accepts is what a person made there and has not ended.
struct Console {
    at: Loopback,
    accepted: Arc<Mutex<Vec<String>>>,
    /// The newest of them is answered with an error: not at all, always, or after the first time.
    spreading: Arc<Mutex<Spreading>>,
    signed: fn(&str) -> String,
    draw: fn() -> String,
}

impl Console {
    fn start(path: &'static str, reply: Value, signed: fn(&str) -> String, draw: fn() -> String) -> Self {
        let accepted = Arc::new(Mutex::new(Vec::<String>::new()));
        let spreading = Arc::new(Mutex::new(Spreading::Done));
        let (known, not_yet) = (Arc::clone(&accepted), Arc::clone(&spreading));
        let at = Loopback::start(move |asked| {
            let sent = header(asked, "authorization").unwrap_or_default().to_owned();
            match asked.path == path {
                false => Reply::of(404, ""),
                true if known.lock().unwrap().last() == Some(&sent) => {
                    let mut spreading = not_yet.lock().unwrap();
                    let before = *spreading;
                    if before == Spreading::OnceThenSlowly {
                        *spreading = Spreading::Slowly;
                    }
                    if before == Spreading::Slowly { Reply::of(503, "") } else { json(200, &reply) }
                }
                true if known.lock().unwrap().contains(&sent) => json(200, &reply),
                true => json(401, &object!({ "type": "error.list", "errors": [{ "code": "unauthorized" }] })),
            }
        });
        Self { at, accepted, spreading, signed, draw }
    }

    /// A person makes a token.
    fn make(&self) -> String {
        let value = (self.draw)();
        self.accepted.lock().unwrap().push((self.signed)(&value));
        value
    }

    /// A person ends one.
    fn end(&self, value: &str) {
        let sent = (self.signed)(value);
        let mut accepted = self.accepted.lock().unwrap();
        let before = accepted.len();
        accepted.retain(|one| *one != sent);
        assert_eq!(accepted.len() + 1, before, "it did not live");
    }

    #[track_caller]
    fn assert_alone(&self, value: &str) {
        assert_eq!(*self.accepted.lock().unwrap(), [(self.signed)(value)], "what lives at the provider");
    }
}

fn bearer(value: &str) -> String {
    format!("Bearer {value}")
}

fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64.encode(pair.as_bytes()))
}

fn of_agent(key: &str) -> String {
    basic(&format!("{AGENT}:{key}"))
}

fn presenting(path: &str, signed: String) -> Asked {
    let mut asked = Asked::new("GET", path, b"");
    asked.headers = vec![("authorization".to_owned(), signed.into_bytes())];
    asked
}

fn intercom() -> (Console, Desk) {
    let draw = || format!("dG9rO{}", body(55));
    let console = Console::start("/me", object!({ "type": "admin", "id": "1" }), bearer, draw);
    let provider = format!("hosts: {{ api.intercom.io: '{}' }}", console.at.base());
    let leaked = console.make();
    let work = |held: &str| presenting("/me", bearer(held));
    let desk = Desk::new("intercom.access-token", &leaked, &provider, "", console.at.address(), work);
    (console, desk)
}

fn app() -> (Console, Desk) {
    let console = Console::start("/v1/workspaces", object!({ "workspaces": [] }), bearer, || body(32));
    let provider = format!("base: '{}'", console.at.base());
    let leaked = console.make();
    let work = |held: &str| presenting("/v1/workspaces", bearer(held));
    let desk = Desk::new("customerio.app-api-key", &leaked, &provider, "", console.at.address(), work);
    (console, desk)
}

fn track() -> (Console, Desk) {
    const REGION: &str = "/api/v1/accounts/region";
    let draw = || format!("{}:{}", body(20), body(20));
    let console = Console::start(REGION, object!({ "region": "us", "environment_id": 3 }), basic, draw);
    let provider = format!("hosts: {{ track.customer.io: '{}' }}", console.at.base());
    let leaked = console.make();
    let work = |held: &str| presenting(REGION, basic(held));
    let desk = Desk::new("customerio.track-api-key", &leaked, &provider, "", console.at.address(), work);
    desk.configure(|text| text.replace("export: token }", "export: token, value: '{{token}}:{{secret}}' }"));
    (console, desk)
}

fn comm100() -> (Console, Desk) {
    const CAMPAIGNS: &str = "/v4/livechat/campaigns?siteId=10000";
    let console = Console::start(CAMPAIGNS, object!([]), of_agent, || body(40));
    let provider = format!("base: '{}', values: {{ email: {AGENT}, site_id: '10000' }}", console.at.base());
    let leaked = console.make();
    let work = |held: &str| presenting(CAMPAIGNS, of_agent(held));
    let desk = Desk::new("comm100.api-key", &leaked, &provider, "", console.at.address(), work);
    (console, desk)
}

fn begin(desk: &Desk) {
    desk.configure(|text| text.replace("when: automatic", "when: ask"));
    desk.stanch(&["rotate", "--credential", "shop"]).expect(20).says("waiting for approval of plan");
}

fn overlapping(console: &Console, desk: &Desk) {
    let old = desk.stored();
    begin(desk);
    let asked = desk.case("approve").expect(20).says("leave the old one alone").says("see https://");
    assert_eq!(asked.stdout.contains("--token HANDLE"), old.contains(':'), "{}", asked.stdout);

    desk.provide(&(console.draw)()).expect(20).says("the other side refused");
    desk.provide(&old).expect(2).says("this is the leaked token itself");
    let dead = console.make();
    console.end(&dead);
    desk.provide(&dead).expect(20).says("the other side refused");
    assert_eq!(desk.stored(), old);

    let new = console.make();
    let held = desk.provide(&new).expect(22).says("end the OLD token").says("live now: OLD (until you end it) and NEW");
    assert!(!held.stdout.contains("abort"), "there is no way back:\n{}", held.stdout);
    assert_eq!(desk.stored(), new);
    // Nobody did it.
    desk.case("resume").expect(22).says("LIVE").says("end the OLD token");
    console.end(&old);
    desk.case("resume").expect(0).says("old token observed dead");
    desk.assert_unbroken();
    assert_eq!(desk.stored(), new);
    console.assert_alone(&new);
    desk.case("show").expect(0).says("was exposed").says("live now: NEW").hides(new.rsplit(':').next().unwrap());
}

#[test]
fn a_console_token_is_replaced_whatever_is_handed_over_before_the_right_one() {
    for (console, desk) in [intercom(), app(), track()] {
        overlapping(&console, &desk);
    }
}

#[test]
fn the_same_while_a_daemon_carries_the_case() {
    for (console, desk) in [intercom(), track()] {
        let daemon = Running::start(desk.program(&["daemon"]));
        until("the daemon answers", || desk.stanch(&["reload"]).code == 0);
        overlapping(&console, &desk);
        desk.stanch(&["drain"]).expect(0);
        daemon.end().expect(0);
    }
}

#[test]
fn a_pair_without_its_public_half_is_not_even_read() {
    let (console, desk) = track();
    begin(&desk);
    desk.case("approve").expect(20);
    let pair = console.make();
    let key = pair.split_once(':').unwrap().1.to_owned();
    desk.provide(&key).expect(2).says("its public half is missing").says("--token HANDLE");
    let wrong = format!("{}:{key}", body(20));
    desk.provide(&wrong).expect(20).says("the other side refused");
    desk.provide(&pair).expect(22);
}

/// The same value once more is the same token: nobody is asked to end it as an unused one, for it is the one in use.
#[test]
fn a_value_that_is_handed_over_twice_is_one_token() {
    let (console, desk) = intercom();
    let old = desk.stored();
    begin(&desk);
    desk.case("approve").expect(20);
    let new = console.make();
    *console.spreading.lock().unwrap() = Spreading::Slowly;
    desk.provide(&new).expect(22).says("asking what the token is that was handed over");
    let shown = desk.case("show").expect(0).says("the one handed over (not judged yet)");
    assert!(shown.stdout.contains("must be dead or is yours to end"), "{}", shown.stdout);
    *console.spreading.lock().unwrap() = Spreading::Done;
    let held = desk.provide(&new).expect(22).says("end the OLD token");
    assert!(!held.stdout.contains("NOT used"), "{}", held.stdout);
    console.end(&old);
    desk.case("resume").expect(0);
    console.assert_alone(&new);
    desk.assert_unbroken();
}

#[test]
fn a_value_that_was_given_up_is_not_taken_again_and_its_end_is_asked_for() {
    let (console, desk) = intercom();
    let old = desk.stored();
    begin(&desk);
    desk.case("approve").expect(20);
    // Made first: the service works on what was the newest until then.
    let first = console.make();
    *console.spreading.lock().unwrap() = Spreading::Slowly;
    desk.provide(&first).expect(22);
    let second = console.make();
    desk.provide(&second).expect(22);
    desk.provide(&first).expect(2).says("given up before and is to be ended");
    *console.spreading.lock().unwrap() = Spreading::Done;
    desk.case("abort").expect(22).says("leave the old one alone");
    console.end(&first);
    console.end(&second);
    desk.case("resume").expect(21);
    console.assert_alone(&old);
    desk.assert_unbroken();
}

#[test]
fn the_new_token_itself_takes_the_place_of_nothing() {
    let (console, desk) = comm100();
    desk.configure(|text| text.replace("prove_within: 30s", "prove_within: 100ms"));
    begin(&desk);
    desk.case("approve").expect(22);
    desk.case("resume").expect(20);
    console.end(&desk.stored());
    let new = console.make();
    *console.spreading.lock().unwrap() = Spreading::OnceThenSlowly;
    desk.provide(&new).says("held while proving the new token");
    desk.provide(&new).expect(2).says("this is the new token that the case has already");
    *console.spreading.lock().unwrap() = Spreading::Done;
    desk.case("resume").expect(0);
    console.assert_alone(&new);
    desk.assert_works();
}

#[test]
fn giving_up_before_and_after_a_token_was_handed_over() {
    let (console, desk) = intercom();
    let old = desk.stored();
    begin(&desk);
    desk.case("approve").expect(20).says("what you made already is yours to end");
    desk.case("abort").expect(21);
    console.assert_alone(&old);

    desk.configure(|text| text.replace("soak: 100ms", "soak: 10m"));
    desk.stanch(&["rotate", "--credential", "shop"]).expect(20);
    desk.stanch(&["case", "approve", "C-0002"]).expect(20);
    let new = console.make();
    let mut soaking = Running::start(desk.given(&["case", "provide", "C-0002", "--secret", "-", "-v"], &new));
    soaking.reads("ok, attests");
    desk.stanch(&["case", "abort", "C-0002"]).expect(20).says("it was told to abort");
    let back = soaking.end().expect(22).says("end the NEW token").hides(&new);
    assert!(back.stdout.contains("live now: OLD and an unused one"), "{}", back.stdout);
    assert_eq!(desk.stored(), old);
    console.end(&new);
    desk.stanch(&["case", "resume", "C-0002"]).expect(21);
    console.assert_alone(&old);
    desk.assert_unbroken();
}

#[test]
fn a_key_that_only_a_click_replaces() {
    let (console, desk) = comm100();
    let old = desk.stored();
    begin(&desk);
    desk.case("approve").expect(22).says("accepts the outage: then you are asked to replace the token");
    desk.assert_works();
    desk.case("resume").expect(20).says("the old one ends with that").says("if it lives it stays in use");
    // The person looked at what would follow, and would rather not.
    desk.case("abort").expect(21).says("rolled back");
    console.assert_alone(&old);

    desk.stanch(&["rotate", "--credential", "shop", "--yes"]).expect(22);
    desk.stanch(&["case", "resume", "C-0002"]).expect(20);
    console.end(&old);
    let new = console.make();
    // Too late to go back: the old one is asked, and it is dead.
    let late = desk.stanch(&["case", "abort", "C-0002"]).says("Old asked").says("DEAD");
    assert!(late.stdout.contains("case provide C-0002"), "{}{}", late.stdout, late.stderr);
    let hand_over = |value: &str| {
        Running::start(desk.given(&["case", "provide", "C-0002", "--secret", "-", "-v"], value)).end().hides(value)
    };
    let wrong = hand_over(&body(40)).says("the other side refused");
    assert!(matches!(wrong.code, 20 | 23), "{}", wrong.stdout);
    hand_over(&old).expect(2).says("this is the leaked token itself");
    hand_over(&new).expect(0);
    console.assert_alone(&new);
    assert_eq!(desk.stored(), new);
    desk.assert_works();
}

/// The old token is asked to replace itself once and never again, wherever the program was killed.
#[test]
fn a_replacement_killed_after_any_of_its_events_is_brought_home_and_sent_once() {
    let steps = at_every_step(|step| {
        let gitlab = Gitlab::start();
        let (_, old) = gitlab.issue(7, "deploy", &["api"], Some(in_days(60)));
        let provider = format!("base: '{}'", gitlab.at.base());
        let desk = Desk::new(PERSONAL, &old, &provider, "", gitlab.at.address(), reads_projects);
        desk.configure(|text| {
            let text = text.replace("confirm_within: 30s", "confirm_within: 500ms");
            text.replace("when: automatic", "when: automatic, accept_outage: true")
        });
        let mut running = Running::start(desk.program(&["rotate", "--credential", "shop", "--yes", "-v"]));
        let killed = running.reads_events(step);
        if killed {
            running.kill();
        }
        running.child.wait().unwrap();
        let rotated = bring_home(&gitlab, &desk, step);
        assert_eq!(gitlab.find(&old).lives(), !rotated, "killed after event {step}");
        assert!(gitlab.find(&desk.stored()).lives(), "killed after event {step}");
        assert!(gitlab.at.count("POST ") <= 1, "sent twice, killed after event {step}");
        desk.assert_works();
        killed
    });
    assert!(steps > 15, "only {steps} steps were seen");
}

/// Does what a person on call is told to do; false where the request was never sent, and the old token was kept.
fn bring_home(gitlab: &Gitlab, desk: &Desk, step: usize) -> bool {
    for _ in 0..10 {
        let ran = desk.case("resume");
        if ran.code == 0 || ran.stderr.contains("nothing left to decide") {
            return true;
        }
        let shown = desk.case("show").expect(0).stdout;
        if shown.contains("the old token is still accepted") {
            assert!(shown.contains("asks again whether the old token lives; nothing is sent"), "{shown}");
            desk.case("abort").expect(21);
            return false;
        }
        if shown.contains("case provide") {
            let (_, new) = gitlab.issue(7, "by hand", &["api"], Some(in_days(60)));
            if desk.provide(&new).code == 0 {
                return true;
            }
        }
    }
    panic!("killed after event {step}, it does not come to an end:\n{}", desk.case("show").stdout);
}

#[test]
fn a_lost_reply_to_a_replacement_is_a_persons_to_mend() {
    let gitlab = Gitlab::start();
    let (_, old) = gitlab.issue(7, "deploy", &["api"], Some(in_days(60)));
    let provider = format!("base: '{}'", gitlab.at.base());
    let desk = Desk::new(PERSONAL, &old, &provider, "", gitlab.at.address(), reads_projects);
    desk.configure(|text| text.replace("when: automatic", "when: automatic, accept_outage: true"));
    gitlab.at.order("POST ", Fault::ReplyLost);
    let lost = desk.stanch(&["rotate", "--credential", "shop", "-v"]).expect(23);
    for words in ["the old token is dead and the value of the new one was lost", "case provide C-0001 --secret -"] {
        assert!(lost.stdout.contains(words), "{words}\n{}", lost.stdout);
    }
    let (_, new) = gitlab.issue(7, "by hand", &["api"], Some(in_days(60)));
    desk.provide(&new).expect(0);
    assert_eq!((desk.stored(), gitlab.at.count("POST ")), (new, 1));
    desk.assert_works();
    gitlab.at.assert_obeyed();
}
