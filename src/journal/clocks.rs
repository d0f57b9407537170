//! The two clocks of every record, held against each other: a jump is told, and is no flaw. What was decided by time is
//! decided by the clock that cannot be set.

use super::chain::Entry;
use crate::model::RotationId;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A difference between the clocks that is no jump, in milliseconds: they are read one after the other, and corrected by
/// and by.
const DRIFT: i128 = 5_000;

/// The most jumps that are told.
const MOST: usize = 100;

/// The wall clock of the one who wrote did not go as time did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The rotation.
    pub rotation: RotationId,
    /// The record that was written after the jump.
    pub seq: u64,
    /// By how many milliseconds the wall clock went ahead, or back where it is negative.
    pub by: i64,
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, way) = (self.by.unsigned_abs() / 1_000, if self.by < 0 { "back" } else { "ahead" });
        let Self { rotation, seq, .. } = self;
        write!(f, "{rotation} record {seq}: the wall clock had gone {way} by {seconds} s since the record before")
    }
}

/// Reads record after record of any number of rotations.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// Epoch, wall time and monotonic time of the last record of each.
    last: BTreeMap<RotationId, (u64, i128, i128)>,
    pub(super) jumps: Vec<Jump>,
}

impl Clocks {
    pub(super) fn take(&mut self, entry: &Entry) {
        let Some(wall) = entry.event.get("at").and_then(Value::as_u64).map(i128::from) else { return };
        let monotonic = i128::from(entry.monotonic);
        let now = (entry.epoch, wall, monotonic);
        let Some((epoch, wall_before, monotonic_before)) = self.last.insert(entry.rotation.clone(), now) else {
            return;
        };
        let gone = wall - wall_before;
        // The other clock starts anew with every machine and, on some, with every process.
        let by = match epoch == entry.epoch && monotonic >= monotonic_before {
            true => gone - (monotonic - monotonic_before),
            false => gone.min(0),
        };
        if by.abs() > DRIFT && self.jumps.len() < MOST {
            let by = i64::try_from(by).unwrap_or(if by < 0 { i64::MIN } else { i64::MAX });
            self.jumps.push(Jump { rotation: entry.rotation.clone(), seq: entry.seq, by });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Hash;
    use super::*;

    fn jumps(times: &[(u64, u64, u64)]) -> Vec<String> {
        let mut clocks = Clocks::default();
        for (seq, (epoch, at, monotonic)) in (1..).zip(times) {
            clocks.take(&Entry {
                rotation: RotationId::new("C-0001"),
                seq,
                epoch: *epoch,
                monotonic: *monotonic,
                event: serde_json::json!({ "at": at, "fact": "proved" }),
                previous: Hash::nothing(),
                hash: Hash::nothing(),
            });
        }
        clocks.jumps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_clock_that_was_set_is_told_and_a_restart_is_not() {
        assert!(jumps(&[(1, 1_000_000, 10), (1, 1_900_000, 900_020), (1, 1_901_000, 899_000)]).is_empty());
        assert!(
            jumps(&[(1, 1_000_000, 900_000), (2, 9_000_000, 3), (3, 9_000_000, 1)]).is_empty(),
            "nobody wrote meanwhile"
        );
        let back = jumps(&[(1, 10_000_000, 10), (1, 6_400_500, 510), (1, 6_400_600, 610)]);
        assert_eq!(back, ["C-0001 record 2: the wall clock had gone back by 3600 s since the record before"]);
        let restarted = jumps(&[(1, 10_000_000, 90_000), (2, 6_400_000, 5)]);
        assert_eq!(restarted, ["C-0001 record 2: the wall clock had gone back by 3600 s since the record before"]);
        let ahead = jumps(&[(1, 1_000_000, 10), (1, 61_000_000, 20)]);
        assert_eq!(ahead, ["C-0001 record 2: the wall clock had gone ahead by 59999 s since the record before"]);
        assert_eq!(jumps(&[(1, u64::MAX, 0), (1, 0, u64::MAX)]).len(), 1);
    }
}
