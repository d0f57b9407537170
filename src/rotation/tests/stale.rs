//! Words that come late: which of them still mean what they meant.

use super::*;

fn word(order: Order) -> Fact {
    Fact::Ordered(order, Person::new("dana"), "because".into())
}

fn said(seen: u64, word: Fact) -> Fact {
    Fact::Said(Box::new(Said { seen, word }))
}

/// Held because explained use goes on, as a person sees it.
fn in_use() -> Fold {
    let mut fold = Fold::new(&plan()).until(Step::Soak);
    while !matches!(fold.state.stage, Stage::Held { .. }) {
        fold.begin();
        fold.fact(used(&["mailer"], &[]));
        fold.due();
    }
    fold
}

#[test]
fn a_resume_is_for_the_hold_that_was_seen_and_for_no_later_one() {
    let seen = in_use();
    assert_eq!(stale(&seen.state, &seen.state, &word(Order::Resume)), None);
    let mut now = seen.clone();
    now.now = now.now.after(millis(1));
    now.order(Order::Abort);
    assert_eq!(stale(&seen.state, &now.state, &word(Order::Resume)), Some(Stale::Moved));
    // Held once more, at the same place and for the same reason.
    let mut again = Fold::new(&plan()).until(Step::Preflight);
    again.fail_step(Step::Preflight, Reason::Missing);
    let first = again.clone();
    again.now = again.now.after(millis(7));
    again.order(Order::Resume);
    again.fail_step(Step::Preflight, Reason::Missing);
    assert_eq!(again.state.stage, first.state.stage);
    assert_eq!(stale(&first.state, &again.state, &word(Order::Resume)), Some(Stale::Moved));
    assert_eq!(stale(&first.state, &again.state, &word(Order::Abandon)), Some(Stale::Moved));
}

#[test]
fn a_pause_is_never_stale_and_an_abort_not_before_the_pivot() {
    let seen = Fold::new(&plan()).until(Step::Stage(0));
    let later = seen.clone().until(Step::Soak);
    let pivoted = seen.clone().until(Step::Confirm);
    assert_eq!(stale(&seen.state, &pivoted.state, &word(Order::Pause)), None);
    assert_eq!(stale(&seen.state, &later.state, &word(Order::Abort)), None);
    assert_eq!(stale(&seen.state, &pivoted.state, &word(Order::Abort)), Some(Stale::Pivoted));
}

#[test]
fn a_revoke_now_is_not_taken_where_more_would_fail_than_was_said() {
    let seen = Fold::new(&plan()).until(Step::Soak);
    let before = Fold::new(&plan()).until(Step::Stage(0));
    assert_eq!(stale(&before.state, &seen.state, &word(Order::RevokeNow)), None, "less would fail");
    assert_eq!(stale(&seen.state, &before.state, &word(Order::RevokeNow)), Some(Stale::Worse));
    let none = Fold::new(&plan()).until(Step::Mint);
    assert_eq!(stale(&before.state, &none.state, &word(Order::RevokeNow)), Some(Stale::Worse));
}

#[test]
fn an_approval_is_for_the_question_that_was_seen() {
    let mut asking = Fold::new(&plan());
    while asking.step() && !matches!(asking.state.stage, Stage::AwaitingApproval(_)) {}
    let yes = Fact::Approved {
        who: Person::new("dana"),
        digest: asking.state.planned.clone().unwrap(),
        expires: asking.now.after(millis(1)),
    };
    assert_eq!(stale(&asking.state, &asking.state, &yes), None);
    let mut later = asking.clone();
    later.now = later.now.after(millis(1));
    later.approve();
    assert_eq!(stale(&asking.state, &later.state, &said(7, yes)), Some(Stale::Moved));
}

#[test]
fn a_word_with_a_record_around_it_is_that_word_and_nothing_else_can_be_said_so() {
    let plain = in_use();
    let (mut one, mut other) = (plain.clone(), plain.clone());
    one.fact(word(Order::Resume));
    other.fact(said(9, word(Order::Resume)));
    assert_eq!(one.state, other.state);
    for fact in [Fact::Restarted, Fact::Healthy, Fact::Revoked, said(9, word(Order::Resume))] {
        plain.clone().try_fact(said(9, fact)).unwrap_err();
    }
}

#[test]
fn what_is_signed_names_the_record_that_was_seen() {
    let fold = in_use();
    let expires = fold.now.after(millis(1));
    let text = |word: &Fact| statement(&fold.state, word, expires).unwrap();
    let (plain, first, later) =
        (text(&word(Order::Resume)), text(&said(17, word(Order::Resume))), text(&said(18, word(Order::Resume))));
    assert!(first.contains("\nseen: record 17\n") && !plain.contains("seen"), "{first}");
    assert_ne!(first, later);
    assert_eq!(first.replace("seen: record 17\n", ""), plain, "what was signed before keeps its words");
    let signed = Signed { word: said(17, word(Order::Resume)), expires, signature: String::new() };
    let mut taken = fold.clone();
    taken.fact(Fact::Signed(Box::new(signed.clone())));
    assert!(!matches!(taken.state.stage, Stage::Held { .. }));
    let around = said(17, Fact::Signed(Box::new(signed)));
    fold.clone().try_fact(around).expect_err("the record is part of what is signed, not around it");
}
