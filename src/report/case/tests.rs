use super::*;
use crate::model::{Abilities, Class, Digest, Health, KindId, Label, RotationId, TokenId, Version};
use crate::rotation::{
    DependentPlan, DependentState, Event, Fact, Policy, Staged, Staging, Step, StorePlan, StoreState, Successor,
};

fn at(seconds: u64) -> Timestamp {
    Timestamp(1_700_000_000_000 + seconds * 1000)
}

/// A case with a store and two dependents, in a stage that it entered a minute after it was opened.
fn case(stage: Stage) -> State {
    let dependent = |name: &str| DependentPlan { name: name.to_owned(), required: true, reload: false };
    let plan = Plan {
        rotation: RotationId::new("C-0142"),
        credential: "shop".to_owned(),
        kind: KindId::new("intercom.access-token"),
        abilities: Abilities { disable: false, sessions: false, scopes: false, ..Abilities::EVERYTHING },
        stores: vec![StorePlan { name: "vault kv/shop".to_owned(), staging: Staging::None }],
        dependents: vec![dependent("billing"), dependent("report-cron")],
        policy: Policy::default(),
        leaked: at(0),
        emergency: false,
        sealed: None,
        consent: rotation::Consent::default(),
        purpose: crate::rotation::Purpose::Leak,
    };
    let mut state = rotation::open(&Event { at: at(0), fact: Fact::Opened(Box::new(plan)) }).unwrap();
    (state.stage, state.entered, state.old) = (stage, at(60), Old::Live(TokenId::new("t1")));
    state.pace = Pace::Ready { not_before: at(65), tried: 1 };
    state
}

/// The same with a new token in the store, and one dependent on it.
fn moved(stage: Stage) -> State {
    let mut state = case(stage);
    let staged = Staged { version: None, previous: Version::new("14") };
    state.stores = vec![StoreState::Promoted(staged, Version::new("15"))];
    state.successor = Some(Successor {
        token: TokenId::new("t2"),
        attempt: 1,
        label: Label::new("l"),
        sealed: Digest::new("d"),
        is_alone: true,
    });
    state.proved = true;
    let seen = DependentState { saw_old: true, tried: 7, ..DependentState::default() };
    let proved = DependentState { proved: true, health: Some(Health::Good), ..seen.clone() };
    state.dependents = vec![proved, seen];
    state
}

fn commands(state: &State) -> Vec<String> {
    choices(state).into_iter().map(|choice| format!("{}: {}", choice.command, choice.consequence)).collect()
}

#[test]
fn the_head_says_what_is_live_and_for_how_long() {
    let state = moved(Stage::Checking);
    assert_eq!(
        head(&state, Some(Severity::Critical), at(2472)),
        "C-0142  intercom.access-token  CRITICAL  old token live   'shop'\n\
         exposed 41m12s   plan overlap (A)   live now: OLD and NEW   vault kv/shop: NEW (15)\n"
    );
    let mut closed = moved(Stage::Closed(Outcome::Rotated));
    closed.old = Old::Dead(Some(TokenId::new("t1")));
    assert!(head(&closed, None, at(90_000)).contains("was exposed 1m00s   plan overlap (A)   live now: NEW"));
}

#[test]
fn a_dependent_that_is_waited_for_is_named_with_its_deadline() {
    let state = moved(Stage::Checking);
    assert_eq!(
        next(&state, at(61)).unwrap(),
        "waiting on report-cron (try 7), next try 22:14:25; deadline 22:44:20, then back to OLD (no outage)"
    );
    assert_eq!(
        commands(&state),
        [
            "stanch case pause C-0142: stops before the next step; resume goes on",
            "stanch case abort C-0142: the new token dies, the old one stays in use; the leak stays open",
            "stanch case revoke-now C-0142: the old token dies at once: report-cron fails until it has the new one; no way back",
        ]
    );
}

#[test]
fn after_the_pivot_no_way_back_is_promised() {
    let mut state = moved(Stage::Checking);
    state.old = Old::Ending(TokenId::new("t1"));
    assert!(next(&state, at(61)).unwrap().ends_with("then a person must choose: there is no way back"));
    assert!(commands(&state).iter().all(|choice| !choice.contains("abort")));
}

#[test]
fn a_lost_answer_to_a_revoke_is_said() {
    let mut state = moved(Stage::Confirming);
    state.old = Old::Ending(TokenId::new("t1"));
    state.ending.since = Some(at(50));
    assert_eq!(
        next(&state, at(61)).unwrap(),
        "revoke sent 22:14:10. Accepted is not dead. The provider is asked until it refuses OLD, next try 22:14:25. Abort is no longer possible"
    );
    state.ending.unsure = Some(Reason::Unreachable);
    state.streak = 2;
    assert_eq!(
        next(&state, at(66)).unwrap(),
        "revoke sent 22:14:10, answer lost. OLD may be dead. The provider is asked until it refuses OLD, refused 2 of 3 times, next try now. Abort is no longer possible"
    );
}

#[test]
fn whoever_must_choose_is_told_what_comes_of_it() {
    let held = |at: Stage, why| Stage::Held { at: Box::new(at), why };
    let mut state = moved(held(Stage::Soaking { until: at(60) }, Reason::InUse));
    state.explained = vec!["billing".to_owned()];
    assert!(commands(&state)[0].ends_with("revokes although billing still uses the old token"));
    let state = moved(held(Stage::Revoking, Reason::ByHand));
    assert!(commands(&state)[0].ends_with("you have done it: the provider is asked"));
    let state = case(held(Stage::Preflighting, Reason::Conflict));
    assert_eq!(
        next(&state, at(61)).unwrap(),
        "held while checking stores and dependents before anything is changed: another writer moved it"
    );
    let told = commands(&state);
    assert!(told[0].contains("tries again: checking stores"), "{told:?}");
    assert!(told.iter().any(|choice| choice.contains("abort C-0142: nothing was made")), "{told:?}");
    assert!(
        told.iter().any(|choice| choice
            .contains("before there is a new one: billing, report-cron fail until they have the new one")),
        "{told:?}"
    );
    assert!(told.last().unwrap().starts_with("stanch case abandon C-0142 --reason …"), "{told:?}");
}

#[test]
fn every_stage_says_something_and_a_closed_one_nothing() {
    let until = at(120);
    let stages = [
        Stage::Assessing,
        Stage::AwaitingApproval(Digest::new("9c1e77d0aa")),
        Stage::AwaitingRevokeApproval,
        Stage::Preflighting,
        Stage::Minting,
        Stage::Seeking,
        Stage::Proving,
        Stage::Staging,
        Stage::Promoting,
        Stage::Soaking { until },
        Stage::Revoking,
        Stage::Watching { until },
        Stage::RollingBack(Reason::Unhealthy),
    ];
    for stage in stages {
        let state = case(stage);
        let told = next(&state, at(61)).unwrap();
        assert!(told.len() > 20 && !told.contains("  "), "{:?}: {told}", state.stage);
    }
    assert_eq!(next(&case(Stage::Closed(Outcome::Rotated)), at(61)), None);
    let mut running = case(Stage::Proving);
    running.pace = Pace::Running { step: Step::Prove, tried: 1 };
    assert!(next(&running, at(61)).unwrap().starts_with("begun: try the new token"));
    assert!(choices(&running).is_empty(), "nothing may be ordered while an effect is under way");
}

#[test]
fn spans_are_short() {
    let told: Vec<_> = [14, 2472, 11_220, 187_200].into_iter().map(|s| span(Duration::from_secs(s))).collect();
    assert_eq!(told, ["14s", "41m12s", "3h07m", "2d04h"]);
}

#[test]
fn what_must_die_is_told_apart_from_what_is_in_use() {
    let mut state = moved(Stage::RollingBack(Reason::Ordered));
    state.orphans = vec![rotation::Orphan {
        token: TokenId::new("t3"),
        sealed: None,
        label: crate::model::Label::new("stanch-c0001-1-x"),
        disabled: false,
        revoked: false,
        by_hand: false,
        is_named: true,
    }];
    assert!(head(&state, None, at(61)).contains("live now: OLD and NEW and an unused one (which must die)"));
    let mut state = moved(Stage::Held { at: Box::new(Stage::Revoking), why: Reason::ByHand });
    state.old = Old::Ending(TokenId::new("t1"));
    assert!(head(&state, None, at(61)).contains("live now: OLD (until you end it) and NEW"));
}

#[test]
fn a_replacement_is_not_called_a_revoke_and_nothing_is_promised_of_the_old_token() {
    let mut state = case(Stage::Held { at: Box::new(Stage::Seeking), why: Reason::StillLive });
    state.plan.abilities.class = Class::Replace;
    state.old = Old::Ending(TokenId::new("t1"));
    state.pending =
        Some(rotation::Pending { attempt: 1, label: Label::new("l"), sealed: None, perhaps: true, lost: false });
    let told = commands(&state);
    assert!(told[1].ends_with("asks again whether the old token lives; nothing is sent"), "{told:?}");
    assert!(told.iter().any(|choice| choice.contains("if it lives it stays in use")), "{told:?}");
    assert!(next(&state, at(61)).unwrap().starts_with("held while asking whether the old token still lives"));
    assert!(head(&state, None, at(61)).contains("OLD (perhaps dead) and perhaps one whose value was lost"));
    let mut state = moved(Stage::Confirming);
    state.plan.abilities.class = Class::Replace;
    state.old = Old::Ending(TokenId::new("t1"));
    assert!(next(&state, at(61)).unwrap().starts_with("OLD was replaced"));
    let outage = case(Stage::Held { at: Box::new(Stage::Preflighting), why: Reason::Outage });
    assert!(commands(&outage)[0].contains("accepts the outage"));
}

#[test]
fn who_must_click_is_not_told_that_it_happens_by_itself() {
    let mut state = moved(Stage::Soaking { until: at(90) });
    (state.plan.abilities.mint, state.plan.abilities.revoke) = (false, false);
    let told = commands(&state).join("\n");
    assert!(told.contains("you are asked to end the new token, the old one stays in use"), "{told}");
    assert!(told.contains("you are asked to end the old one now: report-cron fails"), "{told}");
    state.stage = Stage::Confirming;
    assert!(next(&state, at(61)).unwrap().starts_with("OLD was ended by hand, as a person says"));
}
