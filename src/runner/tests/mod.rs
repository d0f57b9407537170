//! The loop on memory adapters: cut at every record, and with every act of the outside going wrong.

mod cuts;
mod faults;
mod hand;
mod holes;
mod process;
mod simulation;
mod strays;
mod world;

use super::*;
use crate::model::{Abilities, Chooser, Class, Quota};
use crate::rotation::Order;
use process::Person;
use world::{World, abilities};

/// The two ways of recovery that differ most: a value that exists once, found by comparing lists, and a value chosen here.
fn kinds() -> [Abilities; 2] {
    let server = Abilities { find: false, quota: Quota::AtMost(3), ..abilities() };
    let client = Abilities { class: Class::TwoSlots, chooser: Chooser::Client, quota: Quota::AtMost(2), ..server };
    [server, client]
}

#[tokio::test]
async fn a_rotation_runs_through_and_its_journal_is_its_state() {
    for abilities in kinds() {
        let world = World::new(abilities);
        let end = Person::default().carry(&world).await;
        assert_eq!(end, Outcome::Rotated);
        world.check_end(end).await;
    }
}
