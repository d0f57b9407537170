//! Where spent tries lead, and everything that can become of a mint.

use super::*;

/// Fails a step until its tries are spent; says where that leads.
fn spent(step: Step, why: Reason) -> Stage {
    let mut fold = Fold::new(&plan()).until(step);
    fold.fail_step(step, why);
    fold.state.stage
}

#[test]
fn where_spent_tries_lead() {
    let held = |at: Stage, why| Stage::Held { at: Box::new(at), why };
    assert_eq!(spent(Step::ReadUsage, Reason::Unreachable), Stage::Assessing);
    assert_eq!(spent(Step::Verify, Reason::Control), held(Stage::Assessing, Reason::Control));
    assert_eq!(spent(Step::Preflight, Reason::Missing), held(Stage::Preflighting, Reason::Missing));
    assert_eq!(spent(Step::Count, Reason::Throttled), held(Stage::Minting, Reason::Throttled));
    let back = |why| Stage::RollingBack(why);
    assert_eq!(spent(Step::Prove, Reason::Rejected), back(Reason::Unproven));
    assert_eq!(spent(Step::Stage(1), Reason::Rejected), back(Reason::Rejected));
    assert_eq!(spent(Step::Promote(0), Reason::Conflict), back(Reason::Conflict));
    assert_eq!(spent(Step::Watch, Reason::Rejected), held(watching(), Reason::Rejected));
    assert_eq!(spent(Step::Recheck(0), Reason::Unreachable), Stage::Checking);
}

#[test]
fn a_store_that_somebody_else_moved_first_is_left_to_them() {
    let mut fold = Fold::new(&plan()).until(Step::Promote(0));
    fold.begin();
    fold.fail(Happened::No, false, Reason::Conflict);
    assert!(matches!(fold.due(), Due::Act(Step::Discard, _)), "nothing of ours was current there");
    // Unless an earlier attempt may have made ours current for a while.
    let mut fold = Fold::new(&plan()).until(Step::Promote(0));
    fold.begin();
    fold.fail(Happened::Perhaps, true, Reason::Unreachable);
    fold.begin();
    fold.fail(Happened::No, false, Reason::Conflict);
    assert!(matches!(fold.due(), Due::Act(Step::Demote(0), _)));
}

fn watching() -> Stage {
    Fold::new(&plan()).until(Step::Watch).state.stage
}

#[test]
fn a_mint_that_surely_did_not_happen_is_tried_again_then_rolled_back_and_counted_each_time() {
    let mut fold = Fold::new(&plan()).until(Step::Count);
    for attempt in 1..=3 {
        fold = fold.until(Step::Count);
        fold.step();
        let (_, effect) = fold.begin();
        assert_eq!(effect, Effect::Mint { attempt, again: None });
        fold.fail(Happened::No, true, Reason::Unreachable);
    }
    assert_eq!(fold.state.stage, Stage::Closed(Outcome::RolledBack(Reason::Unreachable)));
}

#[test]
fn a_full_quota_asks_a_person_before_and_after_the_mint() {
    let mut full = plan();
    full.abilities.quota = Quota::AtMost(1);
    let fold = Fold::new(&full).finish();
    assert_eq!(fold.state.stage, Stage::Held { at: Box::new(Stage::Minting), why: Reason::Quota });
    let mut fold = Fold::new(&plan()).until(Step::Mint);
    fold.begin();
    fold.fail(Happened::No, false, Reason::Quota);
    fold.order(Order::Resume);
    assert!(matches!(fold.due(), Due::Act(Step::Count, _)));
}

#[test]
fn an_unknown_mint_is_found_by_its_label_discarded_and_made_anew() {
    let mut fold = Fold::new(&plan()).until(Step::Mint);
    let first = fold.begin();
    assert_eq!(first.1, Effect::Mint { attempt: 1, again: None });
    fold.fail(Happened::Perhaps, true, Reason::Unreachable);
    let (_, effect) = fold.begin();
    assert_eq!(effect, Effect::Seek { label: Label::of(&plan().rotation, 1, "n0nce") });
    fold.fact(Fact::Sought(vec![TokenId::new("a"), TokenId::new("old"), TokenId::new("b")]));
    for token in ["a", "b"] {
        let (_, effect) = fold.begin();
        let Effect::Discard(warrant) = &effect else { panic!("{effect:?}") };
        assert_eq!((warrant.token().as_str(), warrant.grounds()), (token, &Grounds::NeverUsed));
        fold.fact(Fact::Discarded);
        for _ in 0..2 {
            assert_eq!(fold.begin().1, Effect::ConfirmDiscard(TokenId::new(token)));
            fold.fact(Fact::Verified(Verdict::Dead));
        }
    }
    let fold = fold.until(Step::Mint);
    assert_eq!(fold.finish().state.successor.unwrap().attempt, 2);
}

#[test]
fn where_nothing_can_be_labelled_exactly_one_new_id_counts() {
    let mut unlabelled = plan();
    unlabelled.abilities.find = false;
    let sought = |ids: &[&str]| {
        let mut fold = Fold::new(&unlabelled).until(Step::Mint);
        fold.begin();
        fold.fact(Fact::Restarted);
        fold.begin();
        fold.fact(Fact::Sought(ids.iter().map(|id| TokenId::new(*id)).collect()));
        fold
    };
    let mut none = sought(&["old"]);
    assert!(matches!(none.due(), Due::Act(Step::Seek, _)), "a list may lag");
    none.begin();
    none.fact(Fact::Sought(vec![TokenId::new("old")]));
    assert!(matches!(none.due(), Due::Act(Step::Count, _)));
    assert!(matches!(sought(&["old", "x"]).due(), Due::Act(Step::Discard, _)));
    let mut two = sought(&["x", "old", "y"]);
    assert_eq!(two.due(), Due::Ask(Reason::Ambiguous));
    two.order(Order::Resume);
    assert!(matches!(two.due(), Due::Act(Step::Seek, _)));
    unlabelled.abilities.list = false;
    let mut blind = Fold::new(&unlabelled).until(Step::Mint);
    blind.begin();
    blind.fact(Fact::Restarted);
    assert_eq!(blind.due(), Due::Ask(Reason::Unsupported));
    blind.order(Order::Resume);
    assert!(matches!(blind.due(), Due::Act(Step::Mint, Effect::Mint { attempt: 2, again: None })));
}

fn chosen_here() -> Plan {
    let mut plan = plan();
    plan.abilities.chooser = Chooser::Client;
    plan.abilities.class = Class::TwoSlots;
    plan.abilities.find = false;
    plan.abilities.list = false;
    plan
}

#[test]
fn a_value_chosen_here_is_pushed_again_under_its_label() {
    let mut fold = Fold::new(&chosen_here()).until(Step::Mint);
    fold.begin();
    let label = fold.state.pending.clone().unwrap().label;
    fold.fact(Fact::Restarted);
    let same = Some((label.clone(), Digest::new("chosen-1")));
    assert_eq!(fold.due(), Due::Act(Step::Mint, Effect::Mint { attempt: 1, again: same }));
    for (wrong, sealed) in [(Label::of(&plan().rotation, 1, "other"), "chosen-1"), (label, "chosen-2")] {
        let began = Fact::Began { step: Step::Mint, label: Some(wrong), sealed: Some(Digest::new(sealed)) };
        assert!(fold.clone().try_fact(began).is_err());
    }
    // Going back pushes it too, so that it is known and can be discarded.
    fold.order(Order::Abort);
    assert!(matches!(fold.begin(), (Step::Mint, Effect::Mint { attempt: 1, again: Some(_) })));
    fold.fact(Fact::Minted { token: TokenId::new("slot-b"), sealed: Digest::new("chosen-1"), ends: None });
    assert!(matches!(fold.begin(), (Step::Discard, _)));
}

#[test]
fn a_lost_value_is_followed_by_another_into_the_same_slot() {
    let mut fold = Fold::new(&chosen_here()).until(Step::Mint);
    fold.begin();
    fold.fact(Fact::Restarted);
    fold.begin();
    fold.fail(Happened::No, false, Reason::Unreadable);
    assert_eq!(fold.due(), Due::Act(Step::Mint, Effect::Mint { attempt: 2, again: None }));
    fold.order(Order::Abort);
    assert!(matches!(fold.due(), Due::Act(Step::Mint, _)), "what was perhaps pushed is forgotten");
}

#[test]
fn a_mint_needs_a_label_of_its_own_attempt_and_a_sealed_value_if_it_is_chosen_here() {
    let fold = Fold::new(&plan()).until(Step::Mint);
    let began = |label: Option<Label>, sealed: Option<&str>| {
        let fact = Fact::Began { step: Step::Mint, label, sealed: sealed.map(Digest::new) };
        fold.clone().try_fact(fact).is_ok()
    };
    let label = |attempt| Some(Label::of(&plan().rotation, attempt, "n0nce"));
    assert!(began(label(1), None));
    assert!(!began(None, None) && !began(label(2), None) && !began(label(1), Some("s")));
    let mut chosen = Fold::new(&chosen_here()).until(Step::Mint);
    assert!(chosen.try_fact(Fact::Began { step: Step::Mint, label: label(1), sealed: None }).is_err());
}

#[test]
fn a_new_token_that_is_the_old_one_is_nobodys_to_end() {
    let mut fold = Fold::new(&plan()).until(Step::Mint);
    fold.begin();
    fold.fact(Fact::Minted { token: TokenId::new("old"), sealed: Digest::new("s"), ends: None });
    assert_eq!(fold.due(), Due::Ask(Reason::Unexpected));
    fold.order(Order::Abort);
    assert_eq!(fold.due(), Due::Rest(Outcome::RolledBack(Reason::Ordered)));
}

#[test]
fn an_unreadable_value_is_discarded_and_minted_again_until_attempts_are_spent() {
    for step in [Step::Prove, Step::Stage(1)] {
        let mut fold = Fold::new(&plan());
        for attempt in 1..=3 {
            fold = fold.until(step);
            assert_eq!(fold.state.successor.as_ref().unwrap().attempt, attempt);
            fold.begin();
            fold.fail(Happened::No, false, Reason::Unreadable);
            assert_eq!(fold.state.stage, Stage::Seeking);
        }
        assert!(fold.state.orphans[0].sealed.is_some());
        fold = fold.finish();
        assert_eq!(fold.due(), Due::Ask(Reason::Unexpected), "attempts are not bounded");
        assert!(fold.state.stores.iter().all(|store| *store == StoreState::Untouched));
        fold.order(Order::Resume);
        assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
    }
}
