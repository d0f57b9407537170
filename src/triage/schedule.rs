//! When a credential is due by its schedule: from what its journal holds, and from nothing that a process remembers.

use crate::model::{Reason, Timestamp};
use crate::rotation::Outcome;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// After one that did not end well it is tried again, at the latest, after this.
const AGAIN: Duration = Duration::from_secs(24 * 3600);
/// The part of a span over which the credentials of a schedule are spread, and the most of it.
const SPREAD: u32 = 10;
const WIDEST: Duration = Duration::from_secs(24 * 3600);

/// One rotation of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// When it ended, and how; none while it is open.
    pub ended: Option<(Timestamp, Outcome)>,
}

/// What is to be done about a credential now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A case of it is open, whatever it is for.
    Open,
    /// It is due: once, however often its time was missed.
    Due,
    /// Not before then.
    At(Timestamp),
}

/// Whose turn it is. One that was never rotated is due at once, for nobody knows how old it is.
#[must_use]
pub fn turn(every: Duration, name: &str, past: &[Past], now: Timestamp) -> Turn {
    if past.iter().any(|one| one.ended.is_none()) {
        return Turn::Open;
    }
    let ended = || past.iter().filter_map(|one| one.ended);
    let last = ended().filter(|(_, outcome)| *outcome == Outcome::Rotated).map(|(at, _)| at).max();
    let due = last.map(|at| at.after(every).after(spread(every, name, at)));
    let in_vain = ended().filter_map(|(at, outcome)| Some(at.after(patience(every, outcome)?))).max();
    match due.into_iter().chain(in_vain).max() {
        Some(due) if due > now => Turn::At(due),
        _ => Turn::Due,
    }
}

/// How long one that was not rotated is left alone: what a person stopped is not begun again before its time.
fn patience(every: Duration, outcome: Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Rotated | Outcome::Swept => None,
        Outcome::Abandoned | Outcome::RolledBack(Reason::Ordered) => Some(every),
        Outcome::RolledBack(_) | Outcome::AlreadyDead => Some(every.min(AGAIN)),
    }
}

/// A part of the span that is the same for whoever computes it, so that what was rotated together is not again.
fn spread(every: Duration, name: &str, last: Timestamp) -> Duration {
    let most = (every / SPREAD).min(WIDEST);
    let digest = Sha256::new().chain_update(last.0.to_be_bytes()).chain_update(name).finalize();
    let drawn = digest.iter().take(8).fold(0_u64, |drawn, byte| drawn << 8 | u64::from(*byte));
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(drawn % millis.saturating_add(1))
}

/// Whether the clock of this machine can be gone by. One that jumps has to go evenly for a while first: what would be due by
/// a wrong clock is left until it is known to be right.
#[derive(Debug, Default)]
pub struct Evenness {
    last: Option<(Timestamp, u64)>,
    /// By the monotonic clock.
    not_before: u64,
}

impl Evenness {
    /// A jump smaller than this is none.
    const JUMP: Duration = Duration::from_secs(60);
    /// How long the clock has to go evenly after one.
    const PROBATION: Duration = Duration::from_secs(600);

    /// Looks at both clocks; true where the wall clock can be gone by.
    pub fn look(&mut self, wall: Timestamp, monotonic: u64) -> bool {
        if let Some((was, then)) = self.last.replace((wall, monotonic)) {
            let passed = Duration::from_millis(monotonic.saturating_sub(then));
            let (forward, back) = (wall.since(was.after(passed)), was.after(passed).since(wall));
            if forward.max(back) > Self::JUMP {
                let probation = u64::try_from(Self::PROBATION.as_millis()).unwrap_or(u64::MAX);
                self.not_before = monotonic.saturating_add(probation);
            }
        }
        monotonic >= self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    const MONTH: Duration = Duration::from_millis(30 * DAY);

    fn at(day: u64) -> Timestamp {
        Timestamp(day * DAY)
    }

    fn ended(day: u64, outcome: Outcome) -> Past {
        Past { ended: Some((at(day), outcome)) }
    }

    #[test]
    fn one_is_due_when_its_span_has_passed_since_the_last_success_and_a_day_later_at_most() {
        assert_eq!(turn(MONTH, "a", &[], at(5)), Turn::Due);
        let past = [ended(1, Outcome::Rotated), ended(10, Outcome::Rotated)];
        let Turn::At(due) = turn(MONTH, "a", &past, at(20)) else { panic!() };
        assert!((at(40)..=at(41)).contains(&due), "{due}");
        assert_eq!(turn(MONTH, "a", &past, due), Turn::Due);
        let other = turn(MONTH, "b", &past, at(20));
        assert_ne!(other, Turn::At(due), "what was rotated together is spread");
        assert_eq!(turn(MONTH, "a", &past, at(20)), Turn::At(due), "and the same for everybody");
    }

    #[test]
    fn what_was_missed_is_made_up_once() {
        let mut past = vec![ended(1, Outcome::Rotated)];
        assert_eq!(turn(MONTH, "a", &past, at(400)), Turn::Due);
        past.push(Past { ended: None });
        assert_eq!(turn(MONTH, "a", &past, at(400)), Turn::Open);
        past.pop();
        past.push(ended(400, Outcome::Rotated));
        assert!(matches!(turn(MONTH, "a", &past, at(400)), Turn::At(due) if due >= at(430)));
    }

    #[test]
    fn what_did_not_end_well_is_tried_again_the_next_day_and_what_a_person_stopped_not_before_its_time() {
        let old = ended(1, Outcome::Rotated);
        for (outcome, day) in [
            (Outcome::RolledBack(Reason::Unhealthy), 101),
            (Outcome::AlreadyDead, 101),
            (Outcome::RolledBack(Reason::Ordered), 130),
            (Outcome::Abandoned, 130),
        ] {
            let past = [old, ended(100, outcome)];
            assert_eq!(turn(MONTH, "a", &past, at(100)), Turn::At(at(day)), "{outcome:?}");
            assert_eq!(turn(MONTH, "a", &past, at(day)), Turn::Due, "{outcome:?}");
        }
        let short = Duration::from_secs(3600);
        let past = [ended(100, Outcome::RolledBack(Reason::Unhealthy))];
        assert_eq!(turn(short, "a", &past, at(100)), Turn::At(at(100).after(short)));
    }

    #[test]
    fn a_clock_that_jumps_is_not_gone_by_for_a_while() {
        let mut clock = Evenness::default();
        assert!(clock.look(at(1), 0));
        assert!(clock.look(at(1).after(Duration::from_secs(5)), 5_000));
        // A month ahead at once.
        assert!(!clock.look(at(31), 10_000));
        assert!(!clock.look(at(31).after(Duration::from_secs(300)), 310_000));
        // And back: the time counts anew.
        assert!(!clock.look(at(1).after(Duration::from_secs(310)), 315_000));
        let later = Duration::from_secs(600);
        assert!(clock.look(at(1).after(Duration::from_secs(310)).after(later), 915_000));
        // A second more or less is no jump.
        assert!(clock.look(at(1).after(Duration::from_secs(911)), 916_500));
    }
}
