//! What one answer is worth: an instant, or nothing where a later one says otherwise.

use super::*;

#[test]
fn what_was_counted_or_rechecked_does_not_outlive_the_instant() {
    let counted = Fold::new(&plan()).until(Step::Mint);
    assert!(counted.state.relies_on_the_instant());
    let rechecked = Fold::new(&plan()).until(Step::Disable);
    assert!(rechecked.state.relies_on_the_instant());
    let mut given_up = counted.clone();
    given_up.order(Order::Abort);
    assert_eq!(given_up.due(), Due::Rest(Outcome::RolledBack(Reason::Ordered)));
    assert!(!given_up.state.relies_on_the_instant(), "nothing is added to a case that is over");
    for (fold, again) in [(counted, Step::Count), (rechecked, Step::Recheck(0))] {
        let mut taken_up = fold.clone();
        taken_up.fact(Fact::Restarted);
        let mut paused = fold;
        paused.order(Order::Pause);
        paused.order(Order::Resume);
        for mut fold in [taken_up, paused] {
            assert!(!fold.state.relies_on_the_instant());
            assert!(matches!(fold.due(), Due::Act(step, _) if step == again), "{again:?}");
            assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
        }
    }
}

#[test]
fn what_was_counted_before_a_mint_under_way_is_kept_to_tell_its_token() {
    let mut fold = Fold::new(&plan()).until(Step::Mint);
    fold.begin();
    fold.fact(Fact::Restarted);
    assert_eq!(fold.state.counted, Some(vec![TokenId::new("old")]));
    assert!(!fold.state.relies_on_the_instant());
}

#[test]
fn a_discarded_token_that_lives_is_revoked_ever_more_rarely_and_then_held() {
    let mut fold = Fold::new(&plan()).until(Step::Soak);
    fold.order(Order::Abort);
    let mut fold = fold.until(Step::Discard);
    let mut sent = vec![];
    while !matches!(fold.due(), Due::Ask(_)) {
        let (step, _) = fold.begin();
        if step == Step::Discard {
            sent.push(fold.now);
            fold.fact(Fact::Discarded);
        } else {
            fold.fact(Fact::Verified(Verdict::Live(TokenId::new("new-1"))));
        }
        assert!(sent.len() < 20, "it is revoked for ever");
    }
    let waits: Vec<_> = sent.windows(2).map(|two| two[1].since(two[0])).collect();
    assert!(waits.len() > 1 && waits.windows(2).all(|two| two[0] < two[1]), "{waits:?}");
    assert_eq!(fold.due(), Due::Ask(Reason::StillLive));
    fold.order(Order::Resume);
    assert!(matches!(fold.finish().state.stage, Stage::Closed(Outcome::RolledBack(_))));
}

#[test]
fn an_old_token_that_is_accepted_again_is_ended_again() {
    let mut fold = Fold::new(&plan()).until(Step::Watch);
    fold.begin();
    fold.fail(Happened::No, false, Reason::StillLive);
    assert_eq!(fold.state.old, Old::Ending(TokenId::new("old")));
    let fold = fold.until(Step::Revoke).until(Step::Confirm);
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Rotated));
}

#[test]
fn a_dependent_that_fell_back_is_not_asked_without_a_pause() {
    let mut fold = Fold::new(&plan()).until(Step::Recheck(0));
    fold.begin();
    fold.fact(Fact::Checked { dependent: 0, health: Health::Stale });
    assert_eq!(fold.state.stage, Stage::Checking);
    assert!(matches!(due(&fold.state, fold.now), Due::Wait(_)));
}
