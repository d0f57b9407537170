//! A sweep: what is ended, what is not, and what people may say to it.

use super::model::Small;
use super::searches::small;
use super::*;
use stateright::{Checker, Model};

fn strays(count: u32) -> Vec<Stray> {
    let stray = |number: u32| Stray {
        token: TokenId::new(format!("stray-{number}")),
        label: Label::of(&RotationId::new("C-0141"), number, "n0nce"),
    };
    (1..=count).map(stray).collect()
}

fn sweep_plan(count: u32, quarantine: u64) -> Plan {
    let sweep = Sweep { strays: strays(count), quarantine: millis(quarantine) };
    Plan { stores: Vec::new(), dependents: Vec::new(), purpose: Purpose::Sweep(sweep), ..plan() }
}

/// Two strays, one of which somebody may take into use.
pub(super) fn sweeping(faults: u8, crashes: u8, orders: u8) -> Small {
    let mut small = Small { lies: true, ..small(faults, crashes, orders) };
    let plan = sweep_plan(2, 0);
    (small.plan.stores, small.plan.dependents, small.plan.purpose) = (plan.stores, plan.dependents, plan.purpose);
    small
}

#[test]
fn every_interleaving_of_a_sweep() {
    for disable in [true, false] {
        let mut small = sweeping(2, 1, 1);
        small.plan.abilities.disable = disable;
        small.plan.policy.approve = Approve::Plan;
        let checker = small.checker().threads(2).spawn_bfs().join();
        for name in ["nothing is broken", "it can always end"] {
            let found = checker.discovery(name).map(|path| (path.last_state().broken.clone(), path.into_actions()));
            assert!(found.is_none(), "{name}, disable: {disable}: {found:?}");
        }
        let states = checker.unique_state_count();
        assert!(states > 1_000, "only {states} states");
    }
}

fn said(fold: &Fold) -> Vec<Effect> {
    let mut fold = fold.clone();
    let mut told = Vec::new();
    loop {
        match fold.due() {
            Due::Act(_, effect) => {
                told.push(effect.clone());
                fold.begin();
                let fact = match effect {
                    Effect::Survey => there(&fold, &["old"]),
                    effect => fold.success(&effect),
                };
                fold.fact(fact);
            }
            _ => {
                if !fold.step() {
                    return told;
                }
            }
        }
    }
}

fn there(fold: &Fold, in_use: &[&str]) -> Fact {
    let there = sweep::of(&fold.state.plan).unwrap().strays.clone();
    Fact::Surveyed { in_use: in_use.iter().map(|token| TokenId::new(*token)).collect(), there }
}

#[test]
fn a_stray_is_looked_at_three_times_disabled_waited_for_ended_and_seen_dead() {
    let words: Vec<_> = said(&Fold::new(&sweep_plan(1, 50)))
        .iter()
        .map(|effect| match effect {
            Effect::Survey => "survey",
            Effect::Quarantine(_) => "disable",
            Effect::Discard(_) => "end",
            Effect::ConfirmDiscard(_) => "seen dead",
            _ => "something else",
        })
        .collect();
    assert_eq!(words, ["survey", "survey", "disable", "survey", "end", "seen dead", "seen dead"]);
}

#[test]
fn nothing_is_ended_before_the_quarantine_is_over() {
    let mut fold = Fold::new(&sweep_plan(2, 5_000)).until(Step::Quarantine);
    for _ in 0..2 {
        let (step, effect) = fold.begin();
        assert_eq!(step, Step::Quarantine);
        fold.fact(fold.success(&effect));
    }
    let disabled = fold.now;
    assert!(matches!(due(&fold.state, fold.now), Due::Wait(until) if until == disabled.after(millis(5_000))));
    // A person stops it and goes on: the time counts from the disabling all the same.
    fold.order(Order::Pause);
    fold.now = fold.now.after(millis(1_000));
    fold.order(Order::Resume);
    fold.due();
    assert_eq!(fold.now, disabled.after(millis(5_000)));
    assert_eq!(fold.begin().0, Step::Survey);
}

#[test]
fn what_somebody_uses_by_now_is_left_alone_and_the_rest_is_ended() {
    let mut fold = Fold::new(&sweep_plan(2, 0)).until(Step::Quarantine);
    while !matches!(fold.due(), Due::Act(Step::Survey, _)) {
        let (_, effect) = fold.begin();
        fold.fact(fold.success(&effect));
    }
    fold.begin();
    let fact = there(&fold, &["old", "stray-1"]);
    fold.fact(fact);
    let orphans: Vec<_> = fold.state.orphans.iter().map(|orphan| orphan.token.as_str()).collect();
    assert_eq!(orphans, ["stray-2"]);
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Swept));
}

#[test]
fn a_stray_under_another_label_than_the_plan_says_is_not_ended() {
    let mut fold = Fold::new(&sweep_plan(1, 0));
    fold.begin();
    let other = Stray { label: Label::new("stanch-c0141-1-0ther"), ..strays(1).remove(0) };
    fold.fact(Fact::Surveyed { in_use: vec![TokenId::new("old")], there: vec![other] });
    assert_eq!(fold.state.stage, Stage::Closed(Outcome::Swept));
    assert!(fold.state.orphans.is_empty());
}

#[test]
fn whoever_takes_it_up_later_looks_again_before_anything_is_ended() {
    for begun in [false, true] {
        let mut fold = Fold::new(&sweep_plan(1, 0)).until(Step::Discard);
        assert!(fold.state.relies_on_the_instant());
        if begun {
            fold.begin();
        }
        fold.fact(Fact::Restarted);
        assert_eq!(fold.begin().0, Step::Survey);
    }
}

#[test]
fn a_no_leaves_everything_as_it_is() {
    for step in [Step::Survey, Step::Quarantine, Step::Discard, Step::ConfirmDiscard] {
        let mut fold = Fold::new(&sweep_plan(1, 0)).until(step);
        assert!(!allowed(&fold.state).contains(&Order::RevokeNow));
        fold.order(Order::Abort);
        assert_eq!(fold.state.stage, Stage::Closed(Outcome::Abandoned), "{step:?}");
    }
}

#[test]
fn what_cannot_be_disabled_is_ended_all_the_same() {
    let mut fold = Fold::new(&sweep_plan(1, 0)).until(Step::Quarantine);
    fold.fail_step(Step::Quarantine, Reason::Unreachable);
    assert!(fold.state.orphans.iter().all(|orphan| orphan.disabled));
    assert_eq!(fold.finish().state.stage, Stage::Closed(Outcome::Swept));
}

#[test]
fn a_sweep_of_nothing_or_with_stores_is_none() {
    let begun = |plan: Plan| open(&Event { at: Timestamp(0), fact: Fact::Opened(Box::new(plan)) }).is_ok();
    assert!(begun(sweep_plan(1, 0)));
    assert!(!begun(sweep_plan(0, 0)));
    assert!(!begun(Plan { stores: plan().stores, ..sweep_plan(1, 0) }));
    assert!(!begun(Plan { stores: Vec::new(), ..plan() }));
}

/// A plan of an older journal has no purpose, and keeps its digest.
#[test]
fn the_plan_of_a_leak_is_written_as_it_always_was() {
    let text = serde_json::to_string(&plan()).unwrap();
    assert!(!text.contains("purpose"), "{text}");
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!((read.purpose.clone(), digest(&read)), (Purpose::Leak, digest(&plan())));
    let scheduled = Plan { purpose: Purpose::Schedule, ..plan() };
    assert_ne!(digest(&scheduled), digest(&plan()));
    let (one, other) = (sweep_plan(1, 0), sweep_plan(2, 0));
    assert_ne!(digest(&one), digest(&other), "an approval is of these strays and no others");
}
