//! The rows of the machine's table, one by one: proof, dependents, the end of the old token, the way back.

use super::*;

#[test]
fn proof_is_consecutive_and_scopes_are_fatal() {
    let mut fold = Fold::new(&plan()).until(Step::Prove);
    fold.step();
    fold.begin();
    fold.fail(Happened::No, false, Reason::Rejected);
    fold.step();
    assert_eq!(fold.state.stage, Stage::Proving, "one success after a failure is not two in a row");
    fold.step();
    assert_eq!(fold.state.stage, Stage::Staging);
    let mut fold = Fold::new(&plan()).until(Step::Prove);
    fold.begin();
    fold.fail(Happened::No, true, Reason::Scopes);
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::RolledBack(Reason::Scopes)));
}

#[test]
fn dependents_that_prove_nothing_need_a_person_unless_policy_says_otherwise() {
    let ask = |plan: &Plan, saw_old: Vec<bool>| {
        let mut fold = Fold::new(plan).until(Step::Preflight);
        fold.begin();
        fold.fact(Fact::Preflighted { saw_old });
        fold
    };
    let mut unproved = ask(&plan(), vec![true, false, true]);
    assert_eq!(unproved.due(), Due::Ask(Reason::Unprobeable));
    unproved.order(Order::Resume);
    assert!(unproved.state.dependents[1].accepted && !unproved.state.dependents[0].accepted);
    assert_eq!(unproved.finish().state.stage, Stage::Closed(Outcome::Rotated));
    assert!(matches!(ask(&plan(), vec![true, true, false]).due(), Due::Act(Step::Count, _)), "it is not required");
    let mut none = plan();
    none.dependents.truncate(0);
    assert_eq!(ask(&none, vec![]).due(), Due::Ask(Reason::NoDependents));
    none.policy.accept_unproved = true;
    assert!(matches!(ask(&none, vec![]).due(), Due::Act(Step::Count, _)));
}

#[test]
fn a_dependent_reloads_once_a_round_and_again_only_if_the_reload_itself_failed() {
    let mut fold = Fold::new(&plan()).until(Step::Check(0));
    let stale = |fold: &mut Fold| {
        let Effect::Check { dependent, reload } = fold.begin().1 else { panic!("{:#?}", fold.state) };
        fold.fact(Fact::Checked { dependent, health: Health::Stale });
        (dependent, reload)
    };
    // All are asked once before any is asked again; the second has no reload action.
    assert_eq!([stale(&mut fold), stale(&mut fold), stale(&mut fold)], [(0, true), (1, false), (2, true)]);
    assert_eq!(stale(&mut fold), (0, false));
    stale(&mut fold);
    stale(&mut fold);
    fold.begin();
    fold.fail(Happened::No, true, Reason::Unhealthy);
    let reload = |fold: &Fold| fold.state.dependents[0].reloaded;
    assert!(!reload(&fold));
    let mut fold = Fold::new(&plan()).until(Step::Check(0));
    fold.begin();
    fold.fact(Fact::Restarted);
    assert!(!reload(&fold), "the reload may not have run");
}

#[test]
fn a_required_dependent_that_stays_stale_rolls_back_and_another_does_not_block() {
    for (index, end) in [(1, Outcome::RolledBack(Reason::Unhealthy)), (2, Outcome::Rotated)] {
        let mut fold = Fold::new(&plan()).until(Step::Check(0));
        while matches!(fold.state.stage, Stage::Checking) {
            fold.due();
            let Effect::Check { dependent, .. } = fold.begin().1 else { panic!() };
            let health = if dependent == index { Health::Stale } else { Health::Good };
            fold.fact(Fact::Checked { dependent, health });
        }
        assert_eq!(fold.finish().state.stage, Stage::Closed(end));
    }
}

#[test]
fn a_dependent_that_cannot_tell_waits_for_a_person_at_the_deadline() {
    let mut fold = Fold::new(&plan()).until(Step::Check(0));
    while matches!(fold.state.stage, Stage::Checking) {
        fold.due();
        let Effect::Check { dependent, .. } = fold.begin().1 else { panic!() };
        let health = if dependent == 0 { Health::Indistinct } else { Health::Good };
        fold.fact(Fact::Checked { dependent, health });
    }
    assert_eq!(fold.due(), Due::Ask(Reason::Unprobeable));
    fold.order(Order::Resume);
    fold.begin();
    fold.fact(Fact::Checked { dependent: 0, health: Health::Indistinct });
    assert!(matches!(fold.state.stage, Stage::Soaking { .. }));
}

#[test]
fn explained_use_holds_the_revoke_until_a_person_overrides_it() {
    let mut fold = Fold::new(&plan()).until(Step::Soak);
    while matches!(fold.state.stage, Stage::Soaking { .. }) {
        fold.due();
        fold.begin();
        fold.fact(used(&["mailer"], &[]));
    }
    assert_eq!(fold.due(), Due::Ask(Reason::InUse));
    fold.order(Order::Resume);
    assert!(matches!(fold.due(), Due::Act(Step::Recheck(0), _)));
}

fn accepting() -> Plan {
    let mut plan = plan();
    (plan.policy.on_abuse, plan.policy.accept_unproved) = (OnAbuse::Revoke, true);
    plan
}

/// A first look at who uses the old token, long before the soak is over.
fn looked(foreign: &[&str], explained: &[&str], change: impl FnOnce(&mut Plan)) -> Fold {
    let mut plan = plan();
    plan.policy.on_abuse = OnAbuse::Revoke;
    change(&mut plan);
    let mut fold = Fold::new(&plan).until(Step::Soak);
    let Stage::Soaking { until } = fold.state.stage else { panic!("it does not soak") };
    fold.begin();
    fold.fact(used(explained, foreign));
    assert!(fold.now < until, "the first look is the last");
    fold
}

#[test]
fn a_thief_ends_the_soak_of_a_leaked_token_where_the_policy_says_so() {
    const THIEF: &str = "203.0.113.66";
    let mut over = looked(&[THIEF], &[], |_| {});
    assert!(matches!(over.due(), Due::Act(Step::Recheck(0), _)), "every dependent is probed once more");
    let twice = looked(&[THIEF], &[], |plan| plan.policy.approve = Approve::PlanAndRevoke);
    assert_eq!(twice.state.stage, Stage::AwaitingRevokeApproval);

    let goes_on = |fold: Fold| matches!(fold.state.stage, Stage::Soaking { .. });
    assert!(goes_on(looked(&[], &[], |_| {})), "nobody used it");
    assert!(goes_on(looked(&[THIEF], &["mailer"], |_| {})), "a service that was forgotten comes first");
    assert!(goes_on(looked(&[THIEF], &[], |plan| plan.policy.on_abuse = OnAbuse::Wait)));
    assert!(goes_on(looked(&[THIEF], &[], |plan| plan.purpose = Purpose::Schedule)), "nobody knows of a leak");

    // One that cannot tell the versions apart was let pass: it may be on the old one still, and be seen in the time that is left.
    let mut unproved = Fold::new(&accepting()).until(Step::Check(1));
    unproved.begin();
    unproved.fact(Fact::Checked { dependent: 1, health: Health::Indistinct });
    let mut unproved = unproved.until(Step::Soak);
    unproved.begin();
    unproved.fact(used(&[], &[THIEF]));
    assert!(goes_on(unproved), "not all attest it");
}

#[test]
fn a_dependent_that_fell_back_is_noticed_at_the_instant_of_the_revoke() {
    let mut fold = Fold::new(&plan()).until(Step::Recheck(1));
    fold.begin();
    fold.fact(Fact::Checked { dependent: 1, health: Health::Stale });
    assert_eq!(fold.state.stage, Stage::Checking);
    assert!(!fold.state.pivoted());
    // What was seen before an interruption is not seen at this instant.
    let mut fold = Fold::new(&plan()).until(Step::Disable);
    fold.fact(Fact::Restarted);
    assert!(matches!(fold.due(), Due::Act(Step::Recheck(0), _)));
}

#[test]
fn the_warrant_names_the_versions_that_succeeded() {
    let mut fold = Fold::new(&plan()).until(Step::Disable);
    let Due::Act(_, Effect::Disable(warrant)) = fold.due() else { panic!() };
    assert_eq!(warrant.token(), &TokenId::new("old"));
    assert_eq!(warrant.grounds(), &Grounds::Succeeded(vec![Version::new("v2"), Version::new("v2")]));
}

#[test]
fn a_revoke_is_never_sent_again_before_the_provider_was_asked() {
    let disabled = plan();
    let mut in_parts = plan();
    (in_parts.abilities.disable, in_parts.abilities.in_parts) = (false, true);
    for (plan, interrupted) in [(&disabled, true), (&disabled, false), (&in_parts, true), (&in_parts, false)] {
        let mut fold = Fold::new(plan).until(Step::Revoke);
        fold.begin();
        if interrupted {
            fold.fact(Fact::Restarted)
        } else {
            fold.fail(Happened::Perhaps, true, Reason::Unreachable)
        }
        assert!(!matches!(fold.due(), Due::Act(Step::Revoke, _)), "sent again unasked");
        fold = fold.until(Step::Confirm);
        fold.begin();
        fold.fact(Fact::Verified(Verdict::Live(TokenId::new("old"))));
        assert!(matches!(due(&fold.state, fold.now), Due::Wait(_)), "it does not wait longer");
        let first = if plan.abilities.disable { Step::Disable } else { Step::Revoke };
        assert!(matches!(fold.due(), Due::Act(step, _) if step == first));
    }
}

#[test]
fn a_token_that_is_dead_because_it_was_disabled_is_revoked_all_the_same() {
    let disabled = plan();
    let mut in_parts = plan();
    (in_parts.abilities.disable, in_parts.abilities.in_parts) = (false, true);
    for (plan, interrupted) in [(&disabled, true), (&disabled, false), (&in_parts, true), (&in_parts, false)] {
        let mut fold = Fold::new(plan).until(Step::Revoke);
        fold.begin();
        if interrupted {
            fold.fact(Fact::Restarted)
        } else {
            fold.fail(Happened::Perhaps, true, Reason::Unreachable)
        }
        fold = fold.until(Step::Confirm);
        while matches!(fold.due(), Due::Act(Step::Confirm, _)) {
            fold.begin();
            fold.fact(Fact::Verified(Verdict::Dead));
        }
        assert!(matches!(fold.due(), Due::Act(Step::Revoke, _)), "{:#?}", fold.state);
        assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
    }
    // Where nothing was disabled and a revocation is one act, death tells that the revocation was taken.
    let mut plan = plan();
    plan.abilities.disable = false;
    let mut fold = Fold::new(&plan).until(Step::Revoke);
    fold.begin();
    fold.fact(Fact::Restarted);
    fold = fold.until(Step::Confirm);
    while matches!(fold.due(), Due::Act(Step::Confirm, _)) {
        fold.begin();
        fold.fact(Fact::Verified(Verdict::Dead));
    }
    assert!(matches!(fold.state.stage, Stage::Watching { .. }), "{:#?}", fold.state);
}

/// It is refused because it was disabled, and the list says that its revocation did nothing.
#[test]
fn a_token_that_is_refused_and_listed_is_revoked_again_and_held_when_overdue() {
    let mut fold = Fold::new(&plan()).until(Step::Confirm);
    let mut waits = vec![];
    for _ in 0..2 {
        fold.begin();
        fold.fail(Happened::No, false, Reason::StillListed);
        let Due::Wait(until) = due(&fold.state, fold.now) else { panic!() };
        waits.push(until.since(fold.now));
        assert!(matches!(fold.due(), Due::Act(Step::Revoke, _)), "what is disabled needs no disabling");
        fold = fold.until(Step::Confirm);
    }
    assert!(waits[1] > waits[0], "{waits:?}");
    // One refusal before it was listed does not count with one after it.
    let mut streak = fold.clone();
    streak.begin();
    streak.fact(Fact::Verified(Verdict::Dead));
    streak = streak.until(Step::Confirm);
    streak.begin();
    streak.fail(Happened::No, false, Reason::StillListed);
    streak = streak.until(Step::Confirm);
    streak.begin();
    streak.fact(Fact::Verified(Verdict::Dead));
    assert_eq!(streak.state.stage, Stage::Confirming);
    // What cannot be listed is not known to be dead.
    let mut deaf = fold.clone();
    deaf.begin();
    deaf.fail(Happened::No, true, Reason::Unreachable);
    assert_eq!(deaf.state.stage, Stage::Confirming);
    for _ in 0..1000 {
        match fold.due() {
            Due::Act(Step::Confirm, _) => {
                fold.begin();
                fold.fail(Happened::No, false, Reason::StillListed);
            }
            Due::Act(..) => assert!(fold.step()),
            other => {
                assert_eq!(other, Due::Ask(Reason::StillListed));
                break;
            }
        }
    }
    assert_eq!(allowed(&fold.state), [Order::Resume, Order::Abandon]);
    fold.order(Order::Resume);
    assert!(matches!(fold.due(), Due::Act(Step::Revoke, _)));
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
}

#[test]
fn the_list_is_asked_where_a_disabled_token_is_to_go_away() {
    let state = |change: fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        Fold::new(&plan).state.ends_off_the_list()
    };
    assert!(state(|_| {}));
    assert!(!state(|plan| plan.abilities.disable = false));
    assert!(!state(|plan| plan.abilities.revoke = false));
    assert!(!state(|plan| plan.abilities.list = false));
    assert!(!state(|plan| plan.abilities.class = Class::TwoSlots));
    assert!(!state(|plan| plan.abilities.class = Class::Replace));
    // Of two values with one handle the list says nothing.
    let mut alike = Fold::new(&plan()).until(Step::Confirm).state;
    assert!(alike.ends_off_the_list());
    alike.successor.as_mut().unwrap().token = TokenId::new("old");
    assert!(!alike.ends_off_the_list());
}

#[test]
fn a_refused_revoke_of_what_is_only_disabled_is_held_for_the_refusal() {
    let mut fold = Fold::new(&plan()).until(Step::Revoke);
    for _ in 0..1000 {
        match fold.due() {
            Due::Act(Step::Revoke, _) => {
                fold.begin();
                fold.fail(Happened::No, false, Reason::Rejected);
            }
            Due::Act(Step::Confirm, _) => {
                fold.begin();
                fold.fail(Happened::No, false, Reason::StillListed);
            }
            Due::Act(..) => assert!(fold.step()),
            other => return assert_eq!(other, Due::Ask(Reason::Rejected)),
        }
    }
    panic!("it is never held");
}

#[test]
fn a_refused_revoke_waits_longer_every_time_and_never_ends_by_itself() {
    let mut fold = Fold::new(&plan()).until(Step::Revoke);
    let mut waits = vec![];
    for _ in 0..2 {
        fold.begin();
        fold.fail(Happened::No, false, Reason::Rejected);
        let Due::Wait(until) = due(&fold.state, fold.now) else { panic!() };
        waits.push(until.since(fold.now));
        fold.due();
    }
    assert!(waits[1] > waits[0], "{waits:?}");
    fold.begin();
    fold.fail(Happened::No, false, Reason::Rejected);
    // The old token stays alive: for ever Revoking, Confirming, and at the deadline a person.
    for _ in 0..1000 {
        match fold.due() {
            Due::Act(Step::Confirm, _) => {
                fold.begin();
                fold.fact(Fact::Verified(Verdict::Live(TokenId::new("old"))));
            }
            Due::Act(Step::Disable | Step::Revoke, _) => {
                fold.begin();
                fold.fail(Happened::No, true, Reason::Rejected);
            }
            Due::Act(Step::EndSessions, _) => assert!(fold.step()),
            Due::Ask(Reason::StillLive) => {
                assert_eq!(allowed(&fold.state), [Order::Resume, Order::Abandon]);
                fold.order(Order::Resume);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
}

#[test]
fn unknown_is_not_dead_and_death_is_seen_more_than_once_in_a_row() {
    let mut fold = Fold::new(&plan()).until(Step::Confirm);
    for verdict in [Verdict::Dead, Verdict::Unknown(Reason::Unreachable), Verdict::Dead, Verdict::WrongPlace] {
        fold.due();
        fold.begin();
        fold.fact(Fact::Verified(verdict));
        assert_eq!(fold.state.stage, Stage::Confirming);
    }
    let mut deaf = fold.clone();
    while deaf.due() != Due::Ask(Reason::StillLive) {
        deaf.begin();
        deaf.fact(Fact::Verified(Verdict::Unknown(Reason::Unreachable)));
    }
    fold.due();
    fold.step();
    assert_eq!(fold.state.stage, Stage::Confirming);
    fold.step();
    assert!(matches!(fold.state.stage, Stage::Watching { .. }));
}

#[test]
fn what_a_person_must_revoke_is_asked_for_and_then_observed() {
    let mut fold = Fold::new(&plan()).until(Step::Revoke);
    fold.begin();
    fold.fail(Happened::No, false, Reason::Unsupported);
    assert_eq!(fold.due(), Due::Ask(Reason::ByHand));
    fold.order(Order::Resume);
    let fold = fold.until(Step::Confirm);
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
}

#[test]
fn going_back_takes_stores_then_dependents_then_the_new_token() {
    let mut fold = Fold::new(&plan()).until(Step::Soak);
    fold.order(Order::Abort);
    let mut steps = vec![];
    while let Due::Act(step, _) = fold.due() {
        steps.push(step);
        fold.step();
    }
    use Step::*;
    let discard = [Discard, ConfirmDiscard, ConfirmDiscard];
    let expected: Vec<Step> = [Demote(0), Demote(1), CheckBack(0), CheckBack(1), CheckBack(2)]
        .into_iter()
        .chain(discard)
        .chain([Unstage(0), Unstage(1)])
        .collect();
    assert_eq!(steps, expected);
}

#[test]
fn an_emergency_ends_the_old_token_first_on_the_approvers_or_the_policys_word() {
    let mut emergency = plan();
    emergency.emergency = true;
    let grounds = |plan: &Plan| {
        let mut fold = Fold::new(plan).until(Step::Disable);
        assert_eq!(fold.state.mints, 0);
        let Due::Act(_, Effect::Disable(warrant)) = fold.due() else { panic!() };
        assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
        warrant.grounds().clone()
    };
    assert_eq!(grounds(&emergency), Grounds::Ordered(Person::new("dana")));
    emergency.policy.approve = Approve::Never;
    assert_eq!(grounds(&emergency), Grounds::Policy(digest(&emergency)));
}

#[test]
fn after_the_pivot_a_new_token_that_does_not_work_is_replaced_on_a_persons_word() {
    let mut fold = Fold::new(&plan()).until(Step::Prove);
    fold.order(Order::RevokeNow);
    fold = fold.until(Step::Prove);
    fold.begin();
    fold.fail(Happened::No, true, Reason::Scopes);
    assert_eq!(fold.due(), Due::Ask(Reason::Scopes));
    assert_eq!(allowed(&fold.state), [Order::Resume, Order::Abandon]);
    fold.order(Order::Resume);
    let end = fold.finish().state;
    assert_eq!((end.stage, end.successor.unwrap().attempt), (Stage::Closed(Outcome::Rotated), 2));
}

#[test]
fn an_already_dead_token_is_only_recorded() {
    let mut fold = Fold::new(&plan()).until(Step::Verify);
    fold.begin();
    fold.fact(Fact::Verified(Verdict::Dead));
    let mut revived = fold.clone();
    revived.begin();
    revived.fact(Fact::Verified(Verdict::Unknown(Reason::Unreachable)));
    revived.begin();
    revived.fact(Fact::Verified(Verdict::Dead));
    assert!(matches!(revived.due(), Due::Act(Step::Verify, _)), "one refusal after a doubt is not two in a row");
    fold.begin();
    fold.fact(Fact::Verified(Verdict::Dead));
    assert_eq!(fold.due(), Due::Rest(Outcome::AlreadyDead));
}

#[test]
fn a_plan_without_a_store_or_another_first_event_opens_nothing() {
    let mut bare = plan();
    bare.stores.clear();
    assert!(open(&Event { at: Timestamp(0), fact: Fact::Opened(Box::new(bare)) }).is_err());
    assert!(open(&Event { at: Timestamp(0), fact: Fact::Restarted }).is_err());
}

#[test]
fn a_rehearsal_tells_every_effect_once_in_order() {
    let told = effects(&plan());
    let names: Vec<String> = told
        .iter()
        .map(|effect| {
            let text = format!("{effect:?}");
            text.split(['(', ' ']).next().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        names.join(" "),
        "ReadUsage Verify Preflight Count Mint SeekTwin Prove Stage Stage Promote Promote Check Check Check Soak Recheck Recheck \
         Disable Revoke EndSessions Confirm Watch"
    );
}

#[test]
fn a_digest_is_of_this_plan_alone_and_always_the_same() {
    let digest_of = |change: fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        digest(&plan)
    };
    let same = digest_of(|_| {});
    assert_eq!(same, digest(&plan()));
    assert_eq!(same.as_str().len(), 64);
    assert_ne!(same, digest_of(|plan| plan.emergency = true));
    assert_ne!(same, digest_of(|plan| plan.policy.confirms = 9));
    assert_ne!(same, digest_of(|plan| plan.stores[0].name = "elsewhere".into()));
}

#[test]
fn dependents_are_proved_again_after_a_revoke_out_of_turn() {
    let mut fold = Fold::new(&plan()).until(Step::Soak);
    fold.order(Order::RevokeNow);
    let mut fold = fold.until(Step::Check(0));
    assert!(matches!(fold.state.old, Old::Dead(Some(_))));
    // Whatever works now does not work on the old token, even if it cannot tell.
    fold.begin();
    fold.fact(Fact::Checked { dependent: 0, health: Health::Indistinct });
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
}
