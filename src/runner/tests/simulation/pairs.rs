//! Every call of every stage goes wrong in every way, and every two of them in one run: not drawn, but one after another.

use super::case::{Case, providers};
use super::life::Life;
use super::trouble::{Call, Fault};
use super::words;
use crate::model::{Abilities, Class};
use crate::rotation::Outcome;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Order = ((&'static str, Call), Fault);

/// A process dies on a record: which one, and whether the record is durable then.
type Death = Option<(u64, bool)>;

fn case(abilities: Abilities, orders: &[Order], death: Death, tells: bool) -> Case {
    let case = Case::plain(abilities, orders, tells);
    death.iter().for_each(|(record, after)| case.trouble.die(*record, *after));
    case
}

/// Carries a case to its end with this trouble; where it ends wrong, tells how.
fn carried(abilities: Abilities, orders: &[Order], death: Death) -> Case {
    let quiet = case(abilities, orders, death, false);
    let ran = catch_unwind(AssertUnwindSafe(|| Life::new(&quiet).run()));
    if let Ok(Outcome::Rotated | Outcome::RolledBack(_)) = ran {
        return quiet;
    }
    let told = case(abilities, orders, death, true);
    let ended = match catch_unwind(AssertUnwindSafe(|| Life::new(&told).run())) {
        Ok(outcome) => format!("it ends {outcome:?}"),
        Err(cause) => words(cause),
    };
    panic!("{}\n{abilities:?}\n{orders:?}, {death:?}: {ended}", told.trouble.story());
}

fn ends_right(abilities: Abilities, orders: &[Order]) -> Vec<(&'static str, Call)> {
    carried(abilities, orders, None).trouble.cells()
}

/// Before and after every intent, and before and after every outcome: the four sides of every step.
#[test]
fn a_process_may_die_on_either_side_of_every_record_of_every_class() {
    for abilities in providers() {
        let records = carried(abilities, &[], None).trouble.records();
        assert!(records > 30, "a run has many records: {records}");
        for record in 0..records {
            for after in [false, true] {
                carried(abilities, &[], Some((record, after)));
            }
        }
    }
}

/// The same on the way back: a promotion is disowned, so everything is taken back.
#[test]
fn a_process_may_die_on_either_side_of_every_record_of_a_way_back() {
    let back = [(("Promoting", Call::Promote), Fault::Disowned)];
    for abilities in providers().into_iter().filter(|abilities| abilities.class != Class::Replace) {
        for record in 0..carried(abilities, &back, None).trouble.records() {
            for after in [false, true] {
                carried(abilities, &back, Some((record, after)));
            }
        }
    }
}

#[test]
fn every_call_may_go_wrong_in_every_way() {
    for abilities in providers() {
        for cell in ends_right(abilities, &[]) {
            for fault in &Fault::ALL[..Fault::OF_A_CALL] {
                ends_right(abilities, &[(cell, *fault)]);
            }
        }
    }
}

/// Every two calls, with two kinds of trouble that go round: every two calls meet, and every two kinds.
#[test]
fn every_two_calls_may_go_wrong_in_one_run() {
    let faults = &Fault::ALL[..Fault::OF_A_CALL];
    let mut round = 0_usize;
    for abilities in providers() {
        let cells = ends_right(abilities, &[]);
        for (number, one) in cells.iter().enumerate() {
            for other in &cells[number + 1..] {
                round += 1;
                let (first, second) = (faults[round % faults.len()], faults[round / faults.len() % faults.len()]);
                ends_right(abilities, &[(*one, first), (*other, second)]);
            }
        }
    }
}
