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

/// Whoever carries many lets go of one that waits: nobody holds it, nothing happens to it, and it goes on as if it had
/// been held.
#[tokio::test]
async fn one_that_waits_for_long_is_let_go_and_taken_up_again() {
    for abilities in kinds() {
        let world = World::new(abilities);
        let journal = process::Process::new(&world);
        let stopping = AtomicBool::new(false);
        let runner = process::runner(&world, &journal, "worker".to_owned(), &stopping);
        let rotation = runner.open(world.plan(), &World::old()).await.unwrap();
        let mut waits = 0;
        loop {
            let (state, rest) = runner.run_with(Duration::from_millis(100), &rotation, None).await.unwrap();
            if let Rest::Closed(outcome) = rest {
                assert_eq!(outcome, Outcome::Rotated);
                break;
            }
            assert_eq!(rest, Rest::Stopped);
            let Due::Wait(until) = rotation::due(&state, world.clock.now()) else { panic!("{:?}", state.stage) };
            let somebody = Lease { holder: "another".into(), now: world.clock.now(), span: LEASE, ended: None };
            let at = world.journal.acquire(&rotation, &somebody).await.unwrap();
            world.journal.release(&at).await.unwrap();
            world.clock.sleep_until(until).await;
            waits += 1;
        }
        assert!(waits > 5, "it waited {waits} times");
        world.check_end(Outcome::Rotated).await;
    }
}
