//! Every call to the outside goes wrong once, in every way.

use super::world::Fault;
use super::*;

const FAULTS: [Fault; 5] = [Fault::Refused, Fault::Unreached, Fault::LostRequest, Fault::LostReply, Fault::Twice];

#[tokio::test]
async fn every_call_may_fail_be_lost_or_happen_twice() {
    for abilities in [kinds()[0], kinds()[1], world::abilities()] {
        let clean = World::new(abilities);
        Person::default().carry(&clean).await;
        let calls = clean.trouble.names();
        for fault in FAULTS {
            for (number, name) in calls.iter().enumerate() {
                // Without a label, the second token cannot be told from one that somebody else made.
                if fault == Fault::Twice && *name == "mint" && !abilities.find && abilities.chooser == Chooser::Server {
                    continue;
                }
                let world = World::new(abilities);
                world.trouble.order(number as u64, fault);
                let mut person = Person::default();
                let outcome = person.carry(&world).await;
                let at = format!("call {number} ({name}), {fault:?}, {abilities:?}");
                assert!(matches!(outcome, Outcome::Rotated | Outcome::RolledBack(_)), "{outcome:?} after {at}");
                world.check_end(outcome).await;
            }
        }
    }
}
