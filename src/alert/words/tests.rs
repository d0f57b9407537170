//! The text of every moment, word for word.

use super::*;
use crate::model::{Abilities, Digest, Label, Person, TokenId, Version};
use crate::rotation::{self, DependentPlan, DependentState, Plan, Policy, Staged, Staging, StorePlan, Successor};

const OPENED: u64 = 1_700_000_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp(OPENED + seconds * 1000)
}

fn abilities() -> Abilities {
    Abilities { disable: false, sessions: false, usage: false, scopes: false, ..Abilities::EVERYTHING }
}

/// A case of one credential with one store and three dependents, before anything happened.
fn case() -> State {
    let dependent = |name: &str| DependentPlan { name: name.to_owned(), required: true, reload: false };
    let plan = Plan {
        rotation: RotationId::new("C-0142"),
        credential: "intercom".to_owned(),
        kind: KindId::new("intercom.access-token"),
        abilities: abilities(),
        stores: vec![StorePlan { name: "vault kv/shop/intercom".to_owned(), staging: Staging::None }],
        dependents: vec![dependent("billing"), dependent("mailer"), dependent("report-cron")],
        policy: Policy::default(),
        leaked: at(0),
        emergency: false,
        sealed: None,
        consent: rotation::Consent::default(),
        purpose: crate::rotation::Purpose::Leak,
    };
    rotation::open(&Event { at: at(14), fact: Fact::Opened(Box::new(plan)) }).unwrap()
}

fn in_stage(stage: Stage) -> State {
    let mut state = case();
    (state.stage, state.entered) = (stage, at(60));
    state.old = Old::Live(TokenId::new("t1"));
    state
}

/// All is done but the end of the old token.
fn replaced(mut state: State) -> State {
    let staged = Staged { version: None, previous: Version::new("v14") };
    state.stores = vec![StoreState::Promoted(staged, Version::new("v15"))];
    state.successor = Some(Successor {
        token: TokenId::new("t2"),
        attempt: 1,
        label: Label::new("l"),
        sealed: Digest::new("d"),
        is_alone: true,
    });
    for one in &mut state.dependents {
        *one = DependentState { saw_old: true, proved: true, tried: 1, health: Some(Health::Good), ..one.clone() };
    }
    state
}

fn told(state: &State, now: Timestamp) -> String {
    let notice = standing(state, now, None).unwrap();
    format!("{} {}\n{}", notice.urgency.word(), notice.key, notice.text)
}

#[test]
fn approval() {
    let mut state = in_stage(Stage::AwaitingApproval(Digest::new("9c1e77d0aa")));
    state.planned = Some(Digest::new("9c1e77d0aa"));
    assert_eq!(
        told(&state, at(61)),
        "warning C-0142/approval/1700000060000\n\
         C-0142 needs a yes: 'intercom' (intercom.access-token) is live and is leaked. Plan 9c1e-77d0: mint, store in \
         vault kv/shop/intercom, prove 3 dependents, revoke old. Nothing has been changed yet, and the leak stays open \
         until then.\n\
         Look: stanch case show C-0142\n\
         Yes: stanch case approve C-0142 --plan 9c1e-77d0\n\
         No: stanch case abort C-0142 --reason WHY"
    );
    let again = told(&state, at(60 + 9 * 3600));
    assert!(again.starts_with("warning C-0142/approval/1700000060000/2\n"), "{again}");
    assert!(again.contains("\nIt has waited for 9h.\n"), "{again}");
    let second = told(&replaced(in_stage(Stage::AwaitingRevokeApproval)), at(61));
    assert!(
        second.contains(
            "needs a second yes, to revoke the old token of 'intercom'. All 3 dependents work on the new one. \
                         After the revoke there is no way back."
        ),
        "{second}"
    );
    state.plan.emergency = true;
    assert!(told(&state, at(61)).contains("revoke the old token FIRST"));
}

#[test]
fn stuck() {
    let mut state = replaced(in_stage(Stage::Checking));
    let cron = &mut state.dependents[2];
    (cron.proved, cron.tried, cron.health) = (false, 7, Some(Health::Stale));
    assert_eq!(
        told(&state, at(200)),
        "warning C-0142/stuck/1700000060000\n\
         C-0142 waits on report-cron (still on the old token, try 7). At 22:44 UTC it goes back to the old token by \
         itself. Nothing is broken now.\n\
         Look: stanch case show C-0142\n\
         Stop: stanch case pause C-0142 --reason WHY\n\
         Go back to the old token: stanch case abort C-0142 --reason WHY\n\
         End the old token at once, whoever uses it: stanch case revoke-now C-0142 --reason WHY"
    );
    state.dependents[2].health = Some(Health::Bad);
    assert!(told(&state, at(200)).contains("report-cron (it fails, try 7)"));
    assert!(told(&state, at(200)).contains("The old token still works."));
    state.dependents[2].tried = PROBES - 1;
    assert_eq!(standing(&state, at(200), None), None);
}

#[test]
fn unsure() {
    let mut state = replaced(in_stage(Stage::Confirming));
    state.old = Old::Ending(TokenId::new("t1"));
    (state.ending.unsure, state.ending.since) = (Some(Reason::Unreachable), Some(at(50)));
    let text = told(&state, at(61));
    assert!(
        text.starts_with(
            "error C-0142/unsure/1700000050000\n\
             C-0142: the revoke was sent, the answer was lost. The old token may be dead. All 3 dependents work on the \
             new one. Asking every 10s whether it is.\n\
             Look: stanch case show C-0142"
        ),
        "{text}"
    );
    assert!(!text.contains("abort"), "{text}");
}

#[test]
fn outage() {
    let mut state = replaced(in_stage(Stage::Checking));
    state.old = Old::Dead(Some(TokenId::new("t1")));
    let cron = &mut state.dependents[2];
    (cron.proved, cron.tried, cron.health) = (false, 12, Some(Health::Bad));
    let text = told(&state, at(200));
    assert!(
        text.starts_with(
            "critical C-0142/outage/1700000060000\n\
             C-0142: report-cron fails since the revoke (12 probes). The old token is dead and cannot be revived. Deploy \
             v15 of vault kv/shop/intercom to it.\n"
        ),
        "{text}"
    );
    let here = Box::new(Stage::Watching { until: at(900) });
    state = replaced(in_stage(Stage::Held { at: here, why: Reason::Unhealthy }));
    state.old = Old::Dead(Some(TokenId::new("t1")));
    let text = told(&state, at(200));
    assert!(text.starts_with("critical C-0142/outage/") && text.contains("Go on: stanch case resume C-0142"), "{text}");
}

#[test]
fn held() {
    let state = in_stage(Stage::Held { at: Box::new(Stage::Preflighting), why: Reason::Unprobeable });
    assert_eq!(
        told(&state, at(61)),
        "error C-0142/held/1700000060000\n\
         C-0142 is held, and a person must choose: a dependent cannot tell the two versions apart. The old token is LIVE; \
         there is no new one. It can still go back.\n\
         Look: stanch case show C-0142\n\
         Go on: stanch case resume C-0142 --reason WHY\n\
         Go back to the old token: stanch case abort C-0142 --reason WHY\n\
         End the old token at once, whoever uses it: stanch case revoke-now C-0142 --reason WHY\n\
         Give up: stanch case abandon C-0142 --reason WHY"
    );
    let paused = in_stage(Stage::Held { at: Box::new(Stage::Staging), why: Reason::Ordered });
    assert!(told(&paused, at(61)).contains("C-0142 is paused: a person said so."));
    let mut after = in_stage(Stage::Held { at: Box::new(Stage::Confirming), why: Reason::StillLive });
    after.old = Old::Ending(TokenId::new("t1"));
    let text = told(&after, at(61));
    assert!(text.starts_with("critical") && text.contains("There is no way back to the old token."), "{text}");
}

#[test]
fn done_and_rolled_back_and_given_up() {
    let mut state = replaced(in_stage(Stage::Closed(Outcome::Rotated)));
    (state.old, state.entered) = (Old::Dead(Some(TokenId::new("t1"))), at(300 + 41 * 60 + 12));
    assert_eq!(
        told(&state, at(9000)),
        "info C-0142/done/1700002772000\n\
         C-0142 closed: old token of 'intercom' observed dead 3 times, new one in use by 3 of 3. Exposed for at most \
         41m12s.\n\
         What happened, and who used the old token: stanch case show C-0142"
    );
    let back = in_stage(Stage::Closed(Outcome::RolledBack(Reason::Unhealthy)));
    assert_eq!(
        told(&back, at(61)),
        "error C-0142/rolled-back/1700000060000\n\
         C-0142 rolled back: old token of 'intercom' in use, new one dead. The leak is STILL OPEN. Reason: a dependent \
         does not work on the new version.\n\
         What happened: stanch case show C-0142"
    );
    let gone = in_stage(Stage::Closed(Outcome::Abandoned));
    assert!(told(&gone, at(61)).contains("C-0142 was given up: 'intercom' is as it was left. The leak is STILL OPEN"));
    let dead = in_stage(Stage::Closed(Outcome::AlreadyDead));
    assert!(told(&dead, at(61)).contains("C-0142 closed: the leaked token of 'intercom' was dead already."));
}

#[test]
fn an_event_is_told_once_with_its_evidence_and_persons_are_named() {
    let before = in_stage(Stage::Proving);
    let held = in_stage(Stage::Held { at: Box::new(Stage::Proving), why: Reason::Scopes });
    let note = "it lacks\u{202e}\nthe right to write".to_owned();
    let failed = Fact::Failed { happened: crate::model::Happened::No, again: false, why: Reason::Scopes, note };
    let failed = Event { at: at(70), fact: failed };
    let notice = event(Some(&before), &failed, &held, Some("https://stanch.example/C-0142")).unwrap();
    assert!(notice.text.contains("\nSeen: it lacks\u{fffd}\u{fffd}the right to write\nLook:"), "{}", notice.text);
    assert_eq!(notice.link.as_deref(), Some("https://stanch.example/C-0142"));
    assert_eq!(event(Some(&held), &failed, &held, None), None);
    assert_eq!(Some(notice.key), standing(&held, at(99), None).map(|notice| notice.key));

    let ordered = Fact::Ordered(Order::Resume, Person::new("sam"), "looked at it".to_owned());
    let notice = event(Some(&held), &Event { at: at(80), fact: ordered }, &before, None).unwrap();
    assert_eq!((notice.moment, notice.urgency), (Moment::Acted, Urgency::Info));
    assert_eq!(notice.text, "C-0142: sam ordered resume (looked at it). It goes on.");
    let gone = in_stage(Stage::Closed(Outcome::Abandoned));
    let ordered = Fact::Ordered(Order::Abandon, Person::new("sam"), "wrong case".to_owned());
    let notice = event(Some(&held), &Event { at: at(80), fact: ordered }, &gone, None).unwrap();
    assert!(notice.text.contains("\nOrdered by sam: wrong case\n"), "{}", notice.text);
    let approved = Fact::Approved { who: Person::new("kim"), digest: Digest::new("9c1e77d0aa"), expires: at(999) };
    let waits = in_stage(Stage::AwaitingApproval(Digest::new("9c1e77d0aa")));
    let notice = event(Some(&waits), &Event { at: at(80), fact: approved }, &before, None).unwrap();
    assert_eq!(notice.text, "C-0142: kim approved the plan. It goes on.");
    assert_eq!(event(Some(&before), &Event { at: at(80), fact: Fact::Proved }, &before, None), None);
}

#[test]
fn leaks() {
    let (kind, live) = (KindId::new("intercom.access-token"), Verdict::Live(TokenId::new("t1")));
    let place = Place::Commit { commit: "0123456789abcdef".to_owned(), path: "deploy/.env".to_owned(), time: 0 };
    let used_by = ["billing".to_owned(), "mailer".to_owned()];
    let mut found = Leak {
        fingerprint: "st1:abc",
        kind: &kind,
        credential: Some("intercom"),
        verdict: Some(&live),
        also: 2,
        place: &place,
        source: "acme/shop",
        who: Some("sam"),
        bypass: None,
        used_by: &used_by,
        next: Next::Asks(RotationId::new("C-0142")),
        seen: at(0),
    };
    let notice = leak(&found, at(14), None);
    assert_eq!((notice.urgency, notice.key.as_str()), (Urgency::Critical, "leak/acme/shop/st1:abc/live"));
    assert_eq!(
        notice.text,
        "intercom.access-token of 'intercom' is LIVE and was found in acme/shop by sam, at deploy/.env@0123456789 and 2 \
         more places, 14s ago. Used by billing, mailer. C-0142 is opened and asks before it changes anything.\n\
         Look: stanch case show C-0142\n\
         Stop it: stanch case pause C-0142 --reason WHY\n\
         Fingerprint: st1:abc"
    );
    (found.credential, found.verdict, found.next, found.used_by) = (None, None, Next::Unmanaged, &[]);
    found.who = Some("eve\r\n<https://evil.example|Click>\u{202e}");
    let text = leak(&found, at(14), None).text;
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("may be live (nobody was asked)") && text.contains("replaced by hand"), "{text}");
    assert!(!text.contains('\u{202e}') && !text.contains('\r'), "{text}");
    (found.verdict, found.next) = (Some(&Verdict::Dead), Next::Reported);
    let notice = leak(&found, at(14), None);
    assert!(notice.urgency == Urgency::Info && notice.text.contains("is dead"), "{}", notice.text);
}

#[test]
fn silence_and_what_was_not_delivered() {
    let hours = |count: u64| Duration::from_secs(count * 3600);
    let notice = silence("acme", "scan of acme/shop", hours(26), hours(24), at(0));
    assert_eq!(notice.text, "No scan of acme/shop for 1d2h (limit 1d). What was leaked since then is not known.");
    assert_eq!(notice.key, "dead-man/acme/1700000000000");
    let notice = resumed("acme", hours(26), at(1));
    assert_eq!(notice.text, "acme is scanned whole again, after 1d2h: what came in between was read.");
    assert_eq!((notice.key.as_str(), notice.urgency), ("dead-man/acme/1700000001000/over", Urgency::Info));
    let notice = undelivered("pager", "C-1 is held", "pager refused the message: status 404", at(0));
    assert_eq!(
        notice.text,
        "'pager' was not told, and will not be: pager refused the message: status 404. The message was: C-1 is held\n\
         Try it: stanch notify test pager"
    );
}

#[test]
fn many_leaks_are_one_message_with_the_worst_of_them() {
    let one = |number: u32, urgency| {
        let text = format!("acme.key {number} is there.\nFingerprint: print{number}");
        alone(format!("leak/shop/{number}/x"), Moment::Leak, urgency, text, at(0))
    };
    let mut all: Vec<_> = (0..8).map(|number| one(number, Urgency::Error)).collect();
    all.push(one(8, Urgency::Info));
    all.push(one(9, Urgency::Critical));
    let notice = many("shop", "/srv/shop.git", &all, at(0), None);
    assert_eq!(
        notice.text,
        "10 leaks were found at once in shop (/srv/shop.git): 1 are live, 8 may be, 1 are dead.\n\
         - acme.key 9 is there. (print9)\n- acme.key 0 is there. (print0)\n- acme.key 1 is there. (print1)\n\
         - acme.key 2 is there. (print2)\n- acme.key 3 is there. (print3)\n\
         And 5 more: each is in the log of the daemon."
    );
    assert_eq!((notice.urgency, notice.moment), (Urgency::Critical, Moment::Leak));
    all.reverse();
    assert_eq!(many("shop", "x", &all, at(9), None).key, notice.key, "the same ones are told once");
    all.pop();
    assert_ne!(many("shop", "x", &all, at(9), None).key, notice.key);
}

#[test]
fn spans_have_their_two_largest_units() {
    let text = [0, 59, 60, 2472, 3600, 7320, 86_400, 93_600].map(|seconds| span(Duration::from_secs(seconds)));
    assert_eq!(text, ["0s", "59s", "1m", "41m12s", "1h", "2h2m", "1d", "1d2h"]);
}

/// No state says that nothing is broken once the old token was ended.
#[test]
fn nobody_is_calmed_after_the_pivot() {
    for old in [Old::Ending(TokenId::new("t1")), Old::Dead(Some(TokenId::new("t1")))] {
        for stage in [Stage::Checking, Stage::Confirming, Stage::Revoking] {
            let mut state = replaced(in_stage(stage));
            state.old = old.clone();
            state.ending.unsure = Some(Reason::Unreachable);
            state.dependents[0] = DependentState { tried: 9, health: Some(Health::Bad), ..DependentState::default() };
            let text = told(&state, at(100));
            assert!(!text.contains("Nothing is broken") && !text.contains("goes back"), "{text}");
        }
    }
}

#[test]
fn a_login_that_ends_by_itself_is_told_before_and_after() {
    let case = RotationId::new("C-0007");
    let told = |now: u64, open: Option<&str>| {
        let open = open.map(RotationId::new);
        ends("shop-db", &case, at(3600), open.as_ref(), at(now), None)
    };
    let before = told(2880, None);
    assert_eq!((before.moment, before.urgency), (Moment::Ending, Urgency::Error));
    assert_eq!(
        before.text,
        format!(
            "The login of 'shop-db' that C-0007 put into use ends by itself at {} (in 12m), unless somebody renews it, and \
             nothing replaces it. Who uses it fails then.\nReplace it: stanch rotate --credential shop-db",
            clock(at(3600), at(2880))
        )
    );
    assert_eq!(told(2900, None).key, before.key, "once before its end");
    assert!(told(2880, Some("C-0007")).text.contains("and C-0007 is not done. "));
    let other = told(2880, Some("C-0008")).text;
    assert!(other.contains("C-0008, which replaces it, is not done") && other.ends_with("stanch case show C-0008"));
    let after = told(3720, None);
    assert!(after.text.contains("ended by itself 2m ago") && after.text.contains("Who still uses it fails."));
    assert_ne!(after.key, before.key);
}

#[test]
fn abuse_is_told_once_and_says_what_comes_next() {
    let used = |foreign: &[&str]| Event {
        at: at(70),
        fact: Fact::Used {
            usage: crate::model::Usage::CannotKnow,
            explained: vec![],
            foreign: foreign.iter().map(|origin| (*origin).to_owned()).collect(),
        },
    };
    let soaking = replaced(in_stage(Stage::Soaking { until: at(900) }));
    let told = |state: &State, event: &Event| super::event(Some(&soaking), event, state, None);
    assert_eq!(told(&soaking, &used(&[])), None);
    let notice = told(&soaking, &used(&["203.0.113.66 curl/8", "198.51.100.7"])).unwrap();
    assert_eq!(
        (notice.moment, notice.urgency, notice.key.as_str()),
        (Moment::Abused, Urgency::Critical, "C-0142/abused")
    );
    assert_eq!(
        notice.text,
        format!(
            "ABUSE of 'intercom' (C-0142): the token is used from 203.0.113.66 curl/8; 198.51.100.7, where no dependent works. \
             Who has it can do what it opens. It is revoked at {}.\n\
             Look: stanch case show C-0142\n\
             Stop: stanch case pause C-0142 --reason WHY\n\
             Go back to the old token: stanch case abort C-0142 --reason WHY\n\
             End the old token at once, whoever uses it: stanch case revoke-now C-0142 --reason WHY",
            clock(at(900), at(70))
        )
    );
    let ended = told(&replaced(in_stage(Stage::Revoking)), &used(&["203.0.113.66"])).unwrap();
    assert!(ended.text.contains("it is revoked now."), "{}", ended.text);
    // Where it asks for a yes, that is what is told, and why it is urgent.
    let asks = told(&replaced(in_stage(Stage::AwaitingRevokeApproval)), &used(&["203.0.113.66"])).unwrap();
    assert_eq!(asks.moment, Moment::Approval);
    assert!(asks.text.contains("ABUSE: the old token is used from 203.0.113.66"), "{}", asks.text);
}
