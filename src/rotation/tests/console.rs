//! A token that a person makes in the console, and one that a person ends there.

use super::*;

pub(super) fn console() -> Plan {
    let mut plan = plan();
    let abilities = &mut plan.abilities;
    abilities.class = Class::Console;
    (abilities.mint, abilities.revoke, abilities.disable, abilities.sessions) = (false, false, false, false);
    plan
}

/// Where a person is asked for a token.
fn asked(plan: &Plan) -> Fold {
    let fold = Fold::new(plan).finish();
    assert_eq!(fold.state.stage, Stage::Minting);
    assert!(takes_value(&fold.state));
    fold
}

fn live(token: &str) -> Verdict {
    Verdict::Live(TokenId::new(token))
}

#[test]
fn a_person_makes_the_token_and_ends_the_old_one_and_the_machine_does_the_rest() {
    let mut fold = asked(&console());
    assert_eq!(fold.due(), Due::Ask(Reason::ByHand));
    assert_eq!(allowed(&fold.state), [Order::Pause, Order::Abort, Order::RevokeNow, Order::Abandon]);
    fold.provide("digest-of-it");
    assert!(!takes_value(&fold.state), "one is being looked at");
    fold.answer(live("new"));
    let successor = fold.state.successor.clone().unwrap();
    assert_eq!((successor.token.as_str(), successor.sealed.as_str()), ("new", "digest-of-it"));
    assert!(successor.label.as_str().starts_with("stanch-c0142-1-"), "{}", successor.label);
    let mut fold = fold.until(Step::Revoke);
    fold.begin();
    assert!(fold.state.ends_by_hand());
    fold.fail(Happened::No, false, Reason::ByHand);
    assert_eq!(fold.due(), Due::Ask(Reason::ByHand));
    assert!(!takes_value(&fold.state));
    fold.order(Order::Resume);
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
}

#[test]
fn an_interruption_before_the_person_was_asked_to_end_it_asks_again() {
    let mut fold = asked(&console());
    fold.provide("s");
    let mut fold = fold.until(Step::Revoke);
    fold.begin();
    fold.fact(Fact::Restarted);
    assert!(matches!(fold.due(), Due::Act(Step::Revoke, _)), "nobody was asked, so nobody has done it");
}

#[test]
fn what_is_refused_or_cannot_be_judged_is_asked_for_again_with_the_reason() {
    let mut fold = asked(&console());
    fold.provide("s1");
    fold.answer(Verdict::Dead);
    assert!(matches!(fold.due(), Due::Act(Step::Try, _)), "a fresh token may take a moment");
    fold.answer(Verdict::Dead);
    assert_eq!((fold.due(), &fold.state.offered), (Due::Ask(Reason::Rejected), &None));
    fold.provide("s2");
    for _ in 0..3 {
        fold.due();
        fold.answer(Verdict::Unknown(Reason::Control));
    }
    assert_eq!(fold.due(), Due::Ask(Reason::Control));
    assert!(fold.state.offered.is_some() && takes_value(&fold.state), "it is kept, and may be followed by another");
    // One that is followed by another before it was judged may live: its death is observed in the end.
    fold.provide("s3");
    assert_eq!(fold.state.orphans.len(), 1);
    fold.answer(live("new"));
    assert!(matches!(fold.due(), Due::Act(Step::ConfirmDiscard, _)));
    fold.answer(live("the one before"));
    for _ in 0..2 {
        fold.due();
        fold.answer(live("the one before"));
    }
    assert_eq!(fold.due(), Due::Ask(Reason::ByHand));
    assert!(matches!(&fold.state.stage, Stage::Held { at, .. } if **at == Stage::Seeking));
}

#[test]
fn the_same_value_once_more_is_no_second_token() {
    let mut fold = asked(&console());
    let word = |sealed: &str, again| {
        let token = Some(TokenId::new("site"));
        Fact::Provided { who: Person::new("dana"), sealed: Digest::new(sealed), token, again }
    };
    assert!(fold.clone().try_fact(word("s0", true)).is_err(), "there was none before");
    fold.provide("s1");
    for _ in 0..3 {
        fold.due();
        fold.answer(Verdict::Unknown(Reason::Throttled));
    }
    let mut other = fold.clone();
    fold.fact(word("s2", true));
    assert_eq!(fold.state.orphans, [], "nobody may be asked to end the one that will be used");
    other.fact(word("s2", false));
    assert_eq!(other.state.orphans.len(), 1);
    // What is given up under the handle that was named is looked at under that.
    other.order(Order::Abort);
    assert!(other.state.orphans.iter().any(|orphan| orphan.is_named && orphan.token.as_str() == "site"));
}

#[test]
fn a_token_with_too_few_rights_is_kept_and_asked_about() {
    let mut fold = asked(&console());
    fold.provide("s");
    fold.answer(Verdict::Restricted(TokenId::new("new"), crate::model::Limit::Scope));
    assert_eq!(fold.due(), Due::Ask(Reason::Scopes));
    assert!(fold.state.successor.is_none() && fold.state.offered.is_some());
}

#[test]
fn a_token_that_the_provider_names_like_the_old_one_is_a_persons_to_vouch_for_and_no_call_ends_either() {
    let mut able = console();
    (able.abilities.revoke, able.abilities.disable, able.abilities.sessions) = (true, true, true);
    let mut fold = asked(&able);
    fold.provide("s");
    fold.answer(live("old"));
    assert_eq!(fold.due(), Due::Ask(Reason::Alike));
    assert!(fold.state.successor.is_none());
    fold.order(Order::Resume);
    fold.answer(live("old"));
    assert!(fold.state.ends_by_hand());
    let mut steps = vec![];
    let mut forward = fold.clone().until(Step::Recheck(0));
    while let Due::Act(step, effect) = forward.due() {
        assert!(!matches!(effect, Effect::Disable(_) | Effect::EndSessions(_)), "it would end the new one");
        steps.push(step);
        if step == Step::Revoke {
            forward.begin();
            forward.fail(Happened::No, false, Reason::ByHand);
            forward.order(Order::Resume);
        } else {
            forward.state.successor.as_ref().unwrap();
            forward.step();
        }
    }
    assert_eq!(forward.state.stage, Stage::Closed(Outcome::Rotated), "{steps:?}");
    // On the way back the new one is a person's to end too.
    let mut back = fold.until(Step::Soak);
    back.order(Order::Abort);
    let back = back.finish();
    assert!(matches!(back.state.stage, Stage::Held { why: Reason::ByHand, .. }), "{:?}", back.state.stage);
}

#[test]
fn giving_up_before_anything_was_handed_over_changes_nothing() {
    let mut fold = asked(&console());
    fold.order(Order::Abort);
    assert_eq!(fold.due(), Due::Rest(Outcome::RolledBack(Reason::Ordered)));
}

#[test]
fn a_value_is_taken_only_where_one_is_waited_for() {
    let word = || Fact::Provided { who: Person::new("dana"), sealed: Digest::new("s"), token: None, again: false };
    let mut steps = 0;
    let mut fold = Fold::new(&plan());
    while fold.step() {
        assert!(fold.clone().try_fact(word()).is_err() && !takes_value(&fold.state), "{:?}", fold.state.stage);
        steps += 1;
    }
    assert!(steps > 20);
    let mut paused = asked(&console());
    paused.order(Order::Pause);
    assert!(paused.try_fact(word()).is_err(), "it is paused");
    paused.order(Order::Resume);
    paused.fact(word());
    assert!(paused.try_fact(word()).is_err(), "one is being looked at");
    paused.begin();
    assert!(paused.try_fact(word()).is_err(), "and now it is asked for");
}

#[test]
fn a_second_token_of_one_mint_is_sought_once_the_first_is_sealed_and_then_neither_is_used() {
    let mut fold = Fold::new(&plan()).until(Step::Twin);
    fold.begin();
    fold.fact(Fact::Sought(vec![TokenId::new("new-1"), TokenId::new("twin")]));
    assert!(fold.state.successor.is_none());
    let mut ended = vec![];
    while fold.state.mints == 1 {
        match fold.begin() {
            (Step::Discard, Effect::Discard(warrant)) => {
                ended.push(warrant.token().as_str().to_owned());
                fold.fact(Fact::Discarded);
            }
            (Step::Seek, _) if ended.len() == 1 => fold.fact(Fact::Sought(vec![TokenId::new("twin")])),
            (Step::Mint, effect) => fold.fact(fold.success(&effect)),
            (_, effect) => fold.fact(fold.success(&effect)),
        }
        fold.due();
    }
    assert_eq!(ended, ["new-1", "twin"]);
    // Who goes back before it was sought seeks it too.
    let mut back = Fold::new(&plan()).until(Step::Twin);
    back.order(Order::Abort);
    assert!(matches!(back.due(), Due::Act(Step::Seek, _)));
    // An answer that does not come is waited for; the token is not used meanwhile.
    let mut deaf = Fold::new(&plan()).until(Step::Twin);
    deaf.fail_step(Step::Twin, Reason::Unreachable);
    assert_eq!(deaf.due(), Due::Ask(Reason::Unreachable));
}
