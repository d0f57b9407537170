//! The searches of the intact core, one for every kind of provider that recovers in a way of its own.

use super::model::Small;
use super::*;
use stateright::{Checker, Model};

/// One store, two dependents, and so many things that may go wrong.
pub(super) fn small(faults: u8, crashes: u8, orders: u8) -> Small {
    let mut plan = plan();
    plan.stores.truncate(1);
    plan.dependents = vec![dependent("mailer", true, true), dependent("billing", true, true)];
    plan.abilities.sessions = false;
    plan.policy = Policy {
        approve: Approve::Never,
        accept_unproved: false,
        accept_outage: false,
        tries: 2,
        pause: millis(0),
        proofs: 1,
        prove_within: millis(0),
        check_within: millis(0),
        soak: millis(0),
        on_abuse: OnAbuse::Wait,
        confirms: 2,
        confirm_pause: millis(0),
        confirm_within: millis(0),
        watch: millis(0),
    };
    let (lies, misjudges, strangers) = (false, false, false);
    Small { plan, faults, crashes, orders, robs: 0, lies, misjudges, strangers, gone: None }
}

/// Searches everything, and says if that was suspiciously little.
fn search(small: Small, at_least: usize) {
    let checker = small.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    assert!(states > at_least, "only {states} states");
}

#[test]
fn every_interleaving_with_a_server_chosen_value() {
    search(small(2, 1, 1), 200_000);
}

#[test]
fn every_interleaving_with_a_value_chosen_here_in_two_slots() {
    let mut small = small(1, 1, 1);
    small.plan.abilities.chooser = Chooser::Client;
    small.plan.abilities.class = Class::TwoSlots;
    small.plan.abilities.find = false;
    search(small, 40_000);
}

/// A person makes the new token and ends the old one; everything between is the machine's.
fn by_hand(faults: u8, crashes: u8, orders: u8) -> Small {
    let mut small = small(faults, crashes, orders);
    let abilities = &mut small.plan.abilities;
    abilities.class = Class::Console;
    (abilities.mint, abilities.revoke, abilities.disable) = (false, false, false);
    (abilities.find, abilities.list) = (false, false);
    small
}

#[test]
fn every_interleaving_of_a_console_token() {
    search(by_hand(1, 1, 2), 20_000);
}

#[test]
fn every_interleaving_of_a_replacement_in_place() {
    let mut small = small(2, 1, 1);
    small.plan.abilities.class = Class::Replace;
    search(small, 20_000);
}

#[test]
fn every_interleaving_of_a_replacement_by_hand() {
    let mut small = by_hand(1, 1, 2);
    small.plan.abilities.class = Class::Replace;
    search(small, 5_000);
}

#[test]
fn every_interleaving_of_a_replacement_by_a_value_chosen_here() {
    let mut small = small(1, 1, 1);
    small.plan.abilities.chooser = Chooser::Client;
    small.plan.abilities.class = Class::Replace;
    small.plan.abilities.find = false;
    search(small, 5_000);
}

#[test]
fn every_interleaving_of_a_password_of_one_role_and_its_sessions() {
    let mut small = small(1, 1, 1);
    let abilities = &mut small.plan.abilities;
    (abilities.class, abilities.chooser, abilities.sessions) = (Class::Replace, Chooser::Client, true);
    (abilities.find, abilities.list, abilities.revoke, abilities.disable) = (false, false, false, false);
    search(small, 5_000);
}
