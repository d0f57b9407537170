//! The process dies at every record, before and after it is durable; the next one goes on.

use super::process::Death;
use super::*;

#[tokio::test]
async fn a_process_may_die_before_and_after_every_record() {
    for abilities in kinds() {
        let mut clean = Person::default();
        clean.carry(&World::new(abilities)).await;
        assert!(clean.appends > 30, "a run has many records: {}", clean.appends);
        for last in 0..clean.appends {
            for through in [false, true] {
                let world = World::new(abilities);
                let mut person = Person { dies: Some(Death::In(last, through)), ..Person::default() };
                let outcome = person.carry(&world).await;
                assert_eq!(outcome, Outcome::Rotated, "cut at record {last}, through: {through}");
                world.check_end(outcome).await;
            }
        }
    }
}
