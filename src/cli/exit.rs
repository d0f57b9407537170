//! Exit codes: the only file with their numbers.

use crate::model::{Severity, Verdict};
use crate::scan::{Cut, Outcome};
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Clean and complete.
    Clean = 0,
    /// A finding at or above the gate.
    Findings = 1,
    /// Usage, configuration or rule file; nothing was done.
    Usage = 2,
    /// Coverage incomplete, and no finding at the gate.
    Incomplete = 3,
    /// Something outside or inside failed.
    Outside = 4,
    /// Not allowed.
    NotAllowed = 5,
    /// A finding proven live.
    Live = 10,
    /// A case waits for a person.
    Waiting = 20,
    /// A rotation went back: the old token is in use, the new one dead.
    RolledBack = 21,
    /// A rotation is held: a person must choose.
    Held = 22,
    /// The old token is revoked, but a dependent fails.
    Broken = 23,
    /// Interrupted.
    Interrupted = 130,
    /// Terminated.
    Terminated = 143,
}

/// The codes, as `--help` prints them.
pub const HELP: &str = "\
Exit codes:
  0  clean and complete                        10  at least one finding proven live
  1  finding at or above the gate              20  a case waits for a person
  2  usage, configuration or rule file         21  rolled back: old token in use, new one dead
  3  coverage incomplete, no finding at gate   22  held: a person must choose
  4  outside or internal failure               23  old token revoked, but a dependent fails
  5  not allowed                              130  interrupted (143: terminated)
If several apply: 130 or 143, then 10, then 1, then 3.";

impl Code {
    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The worse of two, of a command that does the same to several.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        if other.number() > self.number() { other } else { self }
    }

    /// What a scan comes to. `exit_zero` forgives findings and nothing else; `strict` counts what was left out on
    /// purpose as a gap.
    #[must_use]
    pub fn of_scan(outcome: &Outcome, gate: Severity, strict: bool, exit_zero: bool) -> Self {
        let live = |verdict: &Option<Verdict>| matches!(verdict, Some(Verdict::Live(_) | Verdict::Restricted(..)));
        let whole = if strict { outcome.coverage.is_whole() } else { outcome.coverage.is_complete() };
        if let Some(cut) = outcome.cut.and_then(Self::of_cut) {
            cut
        } else if !exit_zero && outcome.sightings.iter().any(|sighting| live(&sighting.verdict)) {
            Self::Live
        } else if !exit_zero && outcome.sightings.iter().any(|sighting| sighting.severity >= gate) {
            Self::Findings
        } else if !whole {
            Self::Incomplete
        } else {
            Self::Clean
        }
    }

    /// What a signal comes to; a time limit is a gap like others.
    pub(super) fn of_cut(cut: Cut) -> Option<Self> {
        match cut {
            Cut::Interrupted => Some(Self::Interrupted),
            Cut::Terminated => Some(Self::Terminated),
            Cut::OutOfTime => None,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_help() {
        use Code::*;
        for code in [
            Clean,
            Findings,
            Usage,
            Incomplete,
            Outside,
            NotAllowed,
            Live,
            Waiting,
            RolledBack,
            Held,
            Broken,
            Interrupted,
            Terminated,
        ] {
            let number = code.number().to_string();
            assert!(HELP.split(|c: char| !c.is_ascii_digit()).any(|word| word == number), "{number}");
        }
    }

    #[test]
    fn a_gap_is_never_forgiven() {
        let mut outcome = Outcome::default();
        assert_eq!(Code::of_scan(&outcome, Severity::Low, true, false), Code::Clean);
        outcome.coverage.skipped.entry(crate::scan::SkipReason::Excluded).or_default().count = 1;
        assert_eq!(Code::of_scan(&outcome, Severity::Low, false, false), Code::Clean);
        assert_eq!(Code::of_scan(&outcome, Severity::Low, true, false), Code::Incomplete);
        outcome.coverage.gaps.count = 1;
        assert_eq!(Code::of_scan(&outcome, Severity::Low, false, true), Code::Incomplete);
        outcome.cut = Some(Cut::OutOfTime);
        assert_eq!(Code::of_scan(&outcome, Severity::Low, false, true), Code::Incomplete);
        outcome.cut = Some(Cut::Terminated);
        assert_eq!(Code::of_scan(&outcome, Severity::Low, false, true), Code::Terminated);
    }
}
