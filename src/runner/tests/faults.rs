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

/// Two calls of every run go wrong, and the process dies as well: not all of them, but the same ones every time.
#[tokio::test]
async fn two_calls_may_go_wrong_in_one_run_that_is_cut_too() {
    for abilities in [kinds()[0], kinds()[1], world::abilities()] {
        let blind = !abilities.find && abilities.chooser == Chooser::Server;
        for seed in 0..150_u64 {
            let world = World::new(abilities);
            let (one, gap, cut) = (seed * 7 % 71, 1 + seed * 13 % 9, seed * 11 % 67);
            let wrong = |number: u64| FAULTS[usize::try_from(number).unwrap() % if blind { 4 } else { 5 }];
            world.trouble.order(one, wrong(seed));
            world.trouble.order(one + gap, wrong(seed / 5));
            let mut person = Person { dies: Some(super::process::Death::In(cut, seed % 2 == 0)), ..Person::default() };
            let outcome = person.carry(&world).await;
            let at = format!("seed {seed}: calls {one} and {}, cut at {cut}, {abilities:?}", one + gap);
            assert!(matches!(outcome, Outcome::Rotated | Outcome::RolledBack(_)), "{outcome:?} after {at}");
            world.check_end(outcome).await;
        }
    }
}
