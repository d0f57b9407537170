//! Every stage against every fact, and every order, interruption and way back from every step.

use super::*;

/// One of every kind of fact, with its name. Those that name a store or a dependent name the first.
fn facts(state: &State, now: Timestamp) -> Vec<(&'static str, Fact)> {
    let who = Person::new("dana");
    let planned = state.planned.clone().unwrap_or_else(|| Digest::new("none"));
    let approval = |digest: Digest, expires: Timestamp| Fact::Approved { who: who.clone(), digest, expires };
    let began = |step: Step| Fact::Began {
        step,
        label: Some(Label::of(&state.plan.rotation, state.mints + 1, "n0nce")),
        sealed: None,
    };
    let mut facts = vec![
        ("opened", Fact::Opened(Box::new(state.plan.clone()))),
        ("used", used(&[], &[])),
        ("verified", Fact::Verified(Verdict::Live(TokenId::new("old")))),
        ("planned", Fact::Planned(Digest::new("d"))),
        ("approved", approval(planned.clone(), now.after(millis(1)))),
        ("approved-late", approval(planned, now)),
        ("approved-other", approval(Digest::new("other"), now.after(millis(1)))),
        ("preflighted", Fact::Preflighted { saw_old: vec![true; state.plan.dependents.len()] }),
        ("preflighted-short", Fact::Preflighted { saw_old: vec![] }),
        ("counted", Fact::Counted(vec![])),
        ("minted", Fact::Minted { token: TokenId::new("new"), sealed: Digest::new("s"), ends: None }),
        ("provided", Fact::Provided { who: who.clone(), sealed: Digest::new("s"), token: None, again: false }),
        ("tried", Fact::Tried(Verdict::Dead)),
        ("sought", Fact::Sought(vec![])),
        ("proved", Fact::Proved),
        ("staged", Fact::Staged { store: 0, staged: staged() }),
        ("staged-other", Fact::Staged { store: 7, staged: staged() }),
        ("promoted", Fact::Promoted { store: 0, version: Version::new("v2") }),
        ("promoted-other", Fact::Promoted { store: 1, version: Version::new("v2") }),
        ("checked", Fact::Checked { dependent: 0, health: Health::Good }),
        ("checked-other", Fact::Checked { dependent: 9, health: Health::Good }),
        ("disabled", Fact::Disabled),
        ("revoked", Fact::Revoked),
        ("ended", Fact::Ended { sessions: 1 }),
        ("healthy", Fact::Healthy),
        ("demoted", Fact::Demoted { store: 0, version: Version::new("v1") }),
        ("discarded", Fact::Discarded),
        ("unstaged", Fact::Unstaged { store: 0 }),
        ("failed", Fact::Failed { happened: Happened::No, again: true, why: Reason::Unreachable, note: String::new() }),
        ("restarted", Fact::Restarted),
    ];
    for (name, order) in ORDERS {
        facts.push((name, Fact::Ordered(order, who.clone(), "because".into())));
    }
    if let Due::Act(step, _) = due(state, now) {
        facts.push(("began", began(step)));
        let other = if step == Step::Watch { Step::Verify } else { Step::Watch };
        facts.push(("began-other", began(other)));
    }
    facts
}

pub(super) const ORDERS: [(&str, Order); 5] = [
    ("resume", Order::Resume),
    ("pause", Order::Pause),
    ("abort", Order::Abort),
    ("revoke-now", Order::RevokeNow),
    ("abandon", Order::Abandon),
];

fn taken(fold: &Fold) -> String {
    let takes = |fact: &Fact| apply(&fold.state, &Event { at: fold.now, fact: fact.clone() }).is_ok();
    let facts = facts(&fold.state, fold.now);
    facts.iter().filter(|(_, fact)| takes(fact)).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// Every step that the machine can take, with a state in which it is due.
fn all_steps() -> Vec<(&'static str, Fold)> {
    let at = |step| Fold::new(&plan()).until(step);
    let seeking = || {
        let mut fold = at(Step::Mint);
        fold.begin();
        fold.fact(Fact::Restarted);
        fold
    };
    let found = |fold: &mut Fold| {
        fold.begin();
        fold.fact(Fact::Sought(vec![TokenId::new("lost")]));
    };
    let back = || {
        let mut fold = at(Step::Soak);
        fold.order(Order::Abort);
        fold
    };
    let mut discard = seeking();
    found(&mut discard);
    vec![
        ("Assessing", at(Step::ReadUsage)),
        ("Assessing, usage read", at(Step::Verify)),
        ("Preflighting", at(Step::Preflight)),
        ("Minting, not counted", at(Step::Count)),
        ("Minting", at(Step::Mint)),
        ("Seeking", seeking()),
        ("Seeking, found", discard.clone()),
        ("Seeking, discarded", discard.until(Step::ConfirmDiscard)),
        ("Proving, perhaps a twin", at(Step::Twin)),
        ("Proving", at(Step::Prove)),
        ("Staging", at(Step::Stage(0))),
        ("Promoting", at(Step::Promote(0))),
        ("Checking", at(Step::Check(0))),
        ("Soaking", at(Step::Soak)),
        ("Revoking", at(Step::Recheck(0))),
        ("Revoking, proved", at(Step::Disable)),
        ("Revoking, disabled", at(Step::Revoke)),
        ("Revoking, revoked", at(Step::EndSessions)),
        ("Confirming", at(Step::Confirm)),
        ("Watching", at(Step::Watch)),
        ("RollingBack", back()),
        ("RollingBack, demoted", back().until(Step::CheckBack(0))),
        ("RollingBack, proved", back().until(Step::Discard)),
        ("RollingBack, discarded", back().until(Step::Unstage(0))),
    ]
}

#[test]
fn what_every_stage_takes() {
    let mut table = String::new();
    let mut row = |name: &str, fold: &Fold| table.push_str(&format!("{name}: {}\n", taken(fold)));
    for (name, mut fold) in all_steps() {
        fold.due();
        row(name, &fold);
        let (step, _) = fold.begin();
        row(&format!("  {step:?} begun"), &fold);
        assert_eq!(due(&fold.state, fold.now), Due::Busy);
        assert!(allowed(&fold.state).is_empty());
    }
    for (name, fold) in resting() {
        row(name, &fold);
    }
    insta::assert_snapshot!(table);
}

/// The stages in which nothing is due.
fn resting() -> Vec<(&'static str, Fold)> {
    let mut planning = Fold::new(&plan());
    while planning.due() != Due::Plan {
        planning.step();
    }
    let mut awaiting = planning.clone();
    awaiting.step();
    let mut twice = plan();
    twice.policy.approve = Approve::PlanAndRevoke;
    let mut revoke = Fold::new(&twice).until(Step::Soak);
    while !matches!(revoke.state.stage, Stage::AwaitingRevokeApproval) {
        revoke.step();
    }
    let mut held = Fold::new(&plan()).until(Step::Preflight);
    held.fail_step(Step::Preflight, Reason::Missing);
    let mut late = Fold::new(&plan()).until(Step::Watch);
    late.fail_step(Step::Watch, Reason::Rejected);
    vec![
        ("Planning", planning),
        ("AwaitingApproval", awaiting),
        ("AwaitingRevokeApproval", revoke),
        ("Held before the pivot", held),
        ("Held after the pivot", late),
        ("Closed", Fold::new(&plan()).finish()),
    ]
}

#[test]
fn the_orders_that_are_allowed_are_those_that_are_taken() {
    for (name, mut fold) in all_steps().into_iter().chain(resting()) {
        fold.due();
        let allowed = allowed(&fold.state);
        for (word, order) in ORDERS {
            let fact = Fact::Ordered(order, Person::new("dana"), "because".into());
            let taken = apply(&fold.state, &Event { at: fold.now, fact }).is_ok();
            assert_eq!(allowed.contains(&order), taken, "{word} in {name}");
        }
    }
}

#[test]
fn an_interruption_anywhere_still_ends_rotated() {
    for (name, fold) in all_steps().into_iter().filter(|(name, _)| !name.starts_with("Rolling")) {
        for begun in [false, true] {
            let mut fold = fold.clone();
            if begun {
                fold.begin();
            }
            fold.fact(Fact::Restarted);
            fold.fact(Fact::Restarted);
            let end = fold.finish();
            assert_eq!(end.state.stage, Stage::Closed(Outcome::Rotated), "{name}, begun: {begun}");
        }
    }
}

#[test]
fn an_abort_anywhere_before_the_pivot_rolls_back_and_nowhere_after_it() {
    for (name, mut fold) in all_steps() {
        fold.due();
        let going_back = matches!(fold.state.stage, Stage::RollingBack(_));
        let before = !fold.state.pivoted() && !going_back;
        assert_eq!(allowed(&fold.state).contains(&Order::Abort), before, "{name}");
        if before {
            fold.order(Order::Abort);
            let end = fold.finish();
            assert_eq!(end.state.stage, Stage::Closed(Outcome::RolledBack(Reason::Ordered)), "{name}");
            assert!(end.state.stores.iter().all(|store| *store == StoreState::Untouched), "{name}");
            assert!(end.state.orphans.is_empty() && end.state.pending.is_none(), "{name}");
        }
    }
}

#[test]
fn a_revoke_now_anywhere_before_the_pivot_ends_rotated_on_that_persons_word() {
    for (name, mut fold) in all_steps() {
        fold.due();
        let before = matches!(fold.state.old, Old::Live(_));
        assert_eq!(allowed(&fold.state).contains(&Order::RevokeNow), before, "{name}");
        if before {
            fold.order(Order::RevokeNow);
            let Due::Act(Step::Disable, Effect::Disable(warrant)) = fold.due() else { panic!("{name}") };
            assert_eq!(warrant.grounds(), &Grounds::Ordered(Person::new("dana")));
            let kept = fold.state.successor.clone();
            let end = fold.finish();
            assert_eq!(end.state.stage, Stage::Closed(Outcome::Rotated), "{name}");
            if let Some(kept) = kept {
                let token = end.state.successor.map(|successor| successor.token);
                assert_eq!(token, Some(kept.token), "{name}: the successor was not kept");
            }
        }
    }
}
