//! The table of what went wrong where: every cell that can be reached has been.

use super::trouble::{Fault, STAGES, Table};
use std::collections::BTreeMap;

/// Why nothing of the kind can go wrong in a stage.
fn unreachable(stage: &str, fault: Fault) -> Option<&'static str> {
    let is_of_a_call = Fault::ALL[..Fault::OF_A_CALL].contains(&fault);
    match (stage, fault) {
        ("Planning" | "Awaiting approval" | "Awaiting revoke approval" | "Held", _) if is_of_a_call => {
            Some("nobody outside is called there: a digest or a word is recorded")
        }
        ("Minting", Fault::Accepted) => Some("a mint's reply carries the value, so it cannot be promised"),
        ("Seeking" | "Revoking" | "Confirming" | "Rolling back" | "Quarantined" | "Sweeping", Fault::Accepted) => None,
        (_, Fault::Accepted) => Some("nothing is ended there, and a promise of anything else is looked at as a lie"),
        ("Preflighting", Fault::Lie) => Some("what a store or a service says of itself has no second witness"),
        _ => None,
    }
}

/// Prints the table; an unreachable cell shows a dash.
#[expect(clippy::print_stdout, reason = "a test's table, shown with --nocapture")]
pub(super) fn print(table: &Table, runs: u64, ends: &BTreeMap<String, u64>) {
    println!("{runs} rotations: {ends:?}");
    print!("{:<25}", "");
    Fault::ALL.iter().for_each(|fault| print!("{:>13}", format!("{fault:?}")));
    for stage in STAGES {
        print!("\n{stage:<25}");
        for fault in Fault::ALL {
            let count = table.get(&(stage, fault)).copied().unwrap_or_default();
            let cell =
                if unreachable(stage, fault).is_some() && count == 0 { "-".to_owned() } else { count.to_string() };
            print!("{cell:>13}");
        }
    }
    println!();
}

/// Every cell was reached, or is declared and was not.
pub(super) fn is_whole(table: &Table) {
    for stage in STAGES {
        for fault in Fault::ALL {
            let reached = table.contains_key(&(stage, fault));
            match unreachable(stage, fault) {
                None => assert!(reached, "{fault:?} never struck in {stage}: nothing is known about it"),
                Some(why) => assert!(!reached, "{fault:?} struck in {stage}, though {why}"),
            }
        }
    }
}
