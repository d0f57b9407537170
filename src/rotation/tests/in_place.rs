//! Replacement in place: the mint is the pivot, and it is sent once.

use super::*;

fn replacing() -> Plan {
    let mut plan = plan();
    plan.abilities.class = Class::Replace;
    plan
}

fn by_hand() -> Plan {
    let mut plan = replacing();
    let abilities = &mut plan.abilities;
    (abilities.mint, abilities.revoke, abilities.disable) = (false, false, false);
    plan
}

/// Before the mint, the outage accepted.
fn accepted(plan: &Plan) -> Fold {
    let mut fold = Fold::new(plan).finish();
    assert_eq!(fold.due(), Due::Ask(Reason::Outage));
    assert!(!fold.state.pivoted());
    fold.order(Order::Resume);
    fold
}

/// The reply is lost.
fn lost() -> Fold {
    let mut fold = accepted(&replacing()).until(Step::Mint);
    fold.begin();
    fold.fail(Happened::Perhaps, true, Reason::Unreachable);
    fold
}

fn live() -> Verdict {
    Verdict::Live(TokenId::new("old"))
}

#[test]
fn nothing_is_replaced_before_a_person_or_a_policy_accepts_the_outage() {
    let mut fold = accepted(&replacing());
    assert!(matches!(fold.due(), Due::Act(Step::Preflight, _)), "what was looked at may be long ago");
    let mut steps = vec![];
    while let Due::Act(step, _) = fold.due() {
        steps.push(step);
        fold.step();
    }
    assert_eq!(fold.state.stage, Stage::Closed(Outcome::Rotated));
    steps.dedup();
    let words = steps.iter().map(|step| format!("{step:?}")).collect::<Vec<_>>().join(" ");
    assert_eq!(
        words,
        "Preflight Count Mint Prove Stage(0) Stage(1) Promote(0) Promote(1) Check(0) Check(1) Check(2) Confirm Watch"
    );

    let mut policy = replacing();
    policy.policy.approve = Approve::Never;
    let mut asks = Fold::new(&policy);
    while !matches!(asks.due(), Due::Ask(_)) {
        asks.step();
    }
    assert_eq!(asks.due(), Due::Ask(Reason::Unapproved), "automatic alone accepts no outage");
    policy.policy.accept_outage = true;
    let fold = Fold::new(&policy).until(Step::Mint);
    assert!(fold.state.planned.is_some() && fold.state.outage);
    policy.dependents.truncate(0);
    assert_eq!(Fold::new(&policy).finish().due(), Due::Ask(Reason::NoDependents));
}

#[test]
fn what_preflight_saw_does_not_outlive_an_interruption_or_a_pause() {
    let before = accepted(&replacing()).until(Step::Mint);
    assert!(before.state.relies_on_the_instant());
    let mut restarted = before.clone();
    restarted.fact(Fact::Restarted);
    let mut paused = before;
    paused.order(Order::Pause);
    paused.order(Order::Resume);
    for mut fold in [restarted, paused] {
        assert!(matches!(fold.due(), Due::Act(Step::Preflight, _)));
        assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
    }
}

#[test]
fn beginning_it_is_the_pivot_and_afterwards_nothing_goes_back_by_itself() {
    let mut fold = accepted(&replacing()).until(Step::Mint);
    fold.begin();
    assert_eq!(fold.state.old, Old::Ending(TokenId::new("old")));
    fold.fact(Fact::Minted { token: TokenId::new("new"), sealed: Digest::new("s"), ends: None });
    assert!(!allowed(&fold.state).contains(&Order::Abort));
    // A dependent that cannot tell works on the new one, or it would not work; one that fails is a person's.
    let mut bad = fold.clone().until(Step::Check(0));
    while matches!(bad.state.stage, Stage::Checking) {
        let Effect::Check { dependent, .. } = bad.begin().1 else { panic!() };
        let health = if dependent == 0 { Health::Bad } else { Health::Indistinct };
        bad.fact(Fact::Checked { dependent, health });
        bad.due();
    }
    assert_eq!(bad.due(), Due::Ask(Reason::Unhealthy));
    // It must be observed dead, and is never revoked by a handle that the new one may have.
    let mut fold = fold.until(Step::Confirm);
    while matches!(fold.due(), Due::Act(Step::Confirm, _)) {
        fold.answer(live());
    }
    assert_eq!(fold.due(), Due::Ask(Reason::StillLive));
    fold.order(Order::Resume);
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
}

#[test]
fn after_a_lost_reply_only_the_old_token_is_asked_and_nothing_is_sent_again() {
    for interrupted in [false, true] {
        let mut fold = accepted(&replacing()).until(Step::Mint);
        fold.begin();
        if interrupted {
            fold.fact(Fact::Restarted)
        } else {
            fold.fail(Happened::Perhaps, true, Reason::Unreachable)
        }
        assert_eq!(fold.due(), Due::Act(Step::AskOld, Effect::AskOld));
        let begun = fold.now;
        while matches!(fold.due(), Due::Act(Step::AskOld, _)) {
            fold.answer(live());
        }
        assert_eq!(fold.due(), Due::Ask(Reason::StillLive));
        assert!(fold.now.since(begun) >= fold.state.plan.policy.confirm_within, "it may still arrive");
        assert_eq!(allowed(&fold.state), [Order::Resume, Order::Abort, Order::Abandon]);
        assert!(takes_value(&fold.state));
        let mut again = fold.clone();
        again.order(Order::Resume);
        assert!(matches!(again.due(), Due::Act(Step::AskOld, _)), "going on asks again, and sends nothing");
        fold.order(Order::Abort);
        for _ in 0..2 {
            fold.due();
            fold.answer(live());
        }
        assert_eq!(fold.due(), Due::Rest(Outcome::RolledBack(Reason::Ordered)));
        assert_eq!(fold.state.mints, 1);
    }
}

/// The password of one database role.
fn chosen_here() -> Plan {
    let mut plan = replacing();
    let abilities = &mut plan.abilities;
    (abilities.chooser, abilities.sessions) = (Chooser::Client, true);
    (abilities.find, abilities.list, abilities.revoke, abilities.disable) = (false, false, false, false);
    plan
}

#[test]
fn a_value_chosen_here_is_pushed_again_and_no_other() {
    for interrupted in [false, true] {
        let mut fold = accepted(&chosen_here()).until(Step::Mint);
        let Effect::Mint { attempt: 1, again: None } = fold.begin().1 else { panic!("{:#?}", fold.state) };
        assert_eq!(fold.state.old, Old::Ending(TokenId::new("old")), "begun is the pivot");
        let pending = fold.state.pending.clone().unwrap();
        if interrupted {
            fold.fact(Fact::Restarted)
        } else {
            fold.fail(Happened::Perhaps, true, Reason::Unreachable)
        }
        let again = Some((pending.label, pending.sealed.unwrap()));
        let mut fold = fold.until(Step::Mint);
        assert_eq!(fold.begin().1, Effect::Mint { attempt: 1, again });
        fold.fact(Fact::Restarted);
        assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
    }
}

#[test]
fn sessions_of_a_replaced_value_end_once_everybody_is_on_the_new_one() {
    let mut fold = accepted(&chosen_here());
    let mut steps = vec![];
    while let Due::Act(step, _) = fold.due() {
        steps.push(step);
        fold.step();
    }
    assert_eq!(fold.state.stage, Stage::Closed(Outcome::Rotated));
    let at = |wanted: Step| steps.iter().position(|step| *step == wanted).unwrap();
    assert!(at(Step::Check(2)) < at(Step::EndSessions) && at(Step::EndSessions) < at(Step::Confirm), "{steps:?}");
    assert!(!steps.contains(&Step::Revoke) && !steps.contains(&Step::Disable), "{steps:?}");
}

#[test]
fn a_refused_replacement_of_a_value_chosen_here_waits_and_goes_back_once_the_old_one_was_seen_alive() {
    let mut fold = accepted(&chosen_here()).until(Step::Mint);
    fold.begin();
    fold.fail(Happened::No, false, Reason::Rejected);
    assert_eq!(fold.due(), Due::Ask(Reason::Rejected));
    fold.order(Order::Abort);
    for _ in 0..2 {
        assert!(matches!(fold.due(), Due::Act(Step::AskOld, _)));
        fold.answer(live());
    }
    assert_eq!(fold.due(), Due::Rest(Outcome::RolledBack(Reason::Ordered)));
}

#[test]
fn one_refusal_or_one_doubt_decides_nothing_about_the_old_token() {
    let mut fold = lost();
    for verdict in [Verdict::Dead, live(), Verdict::Dead, Verdict::Unknown(Reason::Unreachable), Verdict::Dead] {
        fold.due();
        fold.answer(verdict);
        assert_eq!(fold.state.stage, Stage::Seeking);
    }
    fold.due();
    fold.answer(Verdict::Dead);
    assert_eq!(fold.due(), Due::Ask(Reason::Lost));
}

#[test]
fn a_lost_value_is_a_persons_to_replace_and_what_nobody_can_read_is_ended_once_the_service_is_back() {
    let mut fold = lost();
    for _ in 0..2 {
        fold.due();
        fold.answer(Verdict::Dead);
    }
    assert_eq!(fold.due(), Due::Ask(Reason::Lost));
    assert_eq!(allowed(&fold.state), [Order::Abort, Order::Abandon]);
    let mut back = fold.clone();
    back.order(Order::Abort);
    for _ in 0..2 {
        back.due();
        back.answer(Verdict::Dead);
    }
    assert_eq!(back.due(), Due::Ask(Reason::Lost), "there is no way back to a dead token");
    fold.provide("s");
    fold.answer(Verdict::Live(TokenId::new("made")));
    let mut steps = vec![];
    while let Due::Act(step, _) = fold.due() {
        steps.push(step);
        fold.step();
    }
    assert_eq!(fold.state.stage, Stage::Closed(Outcome::Rotated));
    assert!(!steps.contains(&Step::Mint), "{steps:?}");
    let (sought, confirmed) =
        (steps.iter().position(|s| *s == Step::Seek), steps.iter().position(|s| *s == Step::Confirm));
    assert!(sought > confirmed, "its users come first: {steps:?}");
}

#[test]
fn one_that_was_refused_is_sent_again_only_once_the_old_token_was_seen_alive() {
    let mut fold = accepted(&replacing()).until(Step::Mint);
    fold.begin();
    fold.fail(Happened::No, true, Reason::Throttled);
    for _ in 0..2 {
        assert!(matches!(fold.due(), Due::Act(Step::AskOld, _)));
        fold.answer(live());
    }
    let mut fold = fold.until(Step::Mint);
    fold.begin();
    fold.fail(Happened::No, false, Reason::Rejected);
    assert_eq!(fold.due(), Due::Ask(Reason::Rejected));
    assert_eq!(allowed(&fold.state), [Order::Resume, Order::Abort, Order::Abandon]);
    let mut twice = fold.clone();
    twice.order(Order::Resume);
    for _ in 0..2 {
        assert!(matches!(twice.due(), Due::Act(Step::AskOld, _)));
        twice.answer(Verdict::Dead);
    }
    assert_eq!(twice.due(), Due::Ask(Reason::Lost), "it had arrived twice, and the refusal was of the second");
    fold.order(Order::Abort);
    for _ in 0..2 {
        fold.due();
        fold.answer(live());
    }
    assert_eq!(fold.due(), Due::Rest(Outcome::RolledBack(Reason::Ordered)));
}

#[test]
fn refusals_are_bounded() {
    let mut fold = accepted(&replacing());
    let mut sent = 0;
    while !matches!(fold.due(), Due::Ask(_)) {
        let (step, effect) = fold.begin();
        match step {
            Step::Mint => {
                sent += 1;
                fold.fail(Happened::No, true, Reason::Throttled);
            }
            Step::AskOld => fold.fact(Fact::Verified(live())),
            _ => fold.fact(fold.success(&effect)),
        }
    }
    assert_eq!((sent, fold.due()), (3, Due::Ask(Reason::Unexpected)));
}

#[test]
fn a_new_token_that_does_not_work_is_tried_again_or_followed_by_one_that_a_person_makes() {
    let mut fold = accepted(&replacing()).until(Step::Prove);
    fold.fail_step(Step::Prove, Reason::Rejected);
    assert_eq!(fold.due(), Due::Ask(Reason::Unproven));
    let mut again = fold.clone();
    again.order(Order::Resume);
    assert_eq!(again.finish().state.stage, Stage::Closed(Outcome::Rotated));
    fold.provide("s");
    fold.answer(Verdict::Live(TokenId::new("made")));
    let fold = fold.finish();
    assert_eq!(fold.state.stage, Stage::Closed(Outcome::Rotated));
    assert_eq!(fold.state.successor.unwrap().token, TokenId::new("made"));
}

#[test]
fn a_click_that_nobody_saw_counts_from_the_moment_it_is_asked_for() {
    let mut fold = accepted(&by_hand()).finish();
    assert_eq!(fold.due(), Due::Ask(Reason::ByHand));
    assert!(fold.state.pivoted());
    assert_eq!(allowed(&fold.state), [Order::Abort, Order::Abandon]);
    let mut back = fold.clone();
    back.order(Order::Abort);
    for _ in 0..2 {
        back.due();
        back.answer(live());
    }
    assert_eq!(back.due(), Due::Rest(Outcome::RolledBack(Reason::Ordered)));
    let mut clicked = fold.clone();
    clicked.order(Order::Abort);
    for _ in 0..2 {
        clicked.due();
        clicked.answer(Verdict::Dead);
    }
    assert_eq!(clicked.due(), Due::Ask(Reason::ByHand));
    for mut fold in [fold, clicked] {
        fold.provide("s");
        assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
    }
}

#[test]
fn an_emergency_or_a_revoke_now_replaces_at_once() {
    let mut emergency = replacing();
    emergency.emergency = true;
    let fold = Fold::new(&emergency).until(Step::Mint);
    assert!(!fold.state.pivoted());
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
    let mut now = Fold::new(&replacing()).finish();
    now.order(Order::RevokeNow);
    let now = now.until(Step::Mint);
    assert_eq!(now.state.ordered, Some(Person::new("dana")));
    assert_eq!(now.finish().state.stage, Stage::Closed(Outcome::Rotated));
}

#[test]
fn the_plan_tells_the_outage_and_what_a_person_does() {
    let names = |plan: &Plan| {
        let word = |effect: &Effect| format!("{effect:?}").split(['(', ' ']).next().unwrap().to_owned();
        effects(plan).iter().map(word).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names(&replacing()),
        "ReadUsage Verify Preflight Count Mint Prove Stage Stage Promote Promote Check Check Check Confirm Watch"
    );
    assert_eq!(
        names(&by_hand()),
        "ReadUsage Verify Preflight Try Prove Stage Stage Promote Promote Check Check Check Confirm Watch"
    );
}

#[test]
fn who_turns_back_already_is_not_asked_to_turn_back_and_the_count_does_not_start_anew() {
    let mut fold = accepted(&by_hand()).finish();
    assert!(takes_value(&fold.state) && allowed(&fold.state).contains(&Order::Abort));
    fold.order(Order::Abort);
    assert_eq!(fold.state.stage, Stage::Seeking);
    assert!(!allowed(&fold.state).contains(&Order::Abort), "{:?}", allowed(&fold.state));
}
