//! The end of a run before everything was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why a run ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Cut {
    /// A person asked for it.
    Interrupted = 1,
    /// The system asked for it.
    Terminated = 2,
    /// Its time is over.
    OutOfTime = 3,
}

impl Cut {
    /// As a report says it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted before everything was read",
            Self::Terminated => "terminated before everything was read",
            Self::OutOfTime => "the time limit ran out before everything was read",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Interrupted | Self::Terminated => "this report is partial: run it again",
            Self::OutOfTime => "what was not read may hold more: give it more time (--timeout), or less to read",
        }
    }
}

/// Asks a run to end. All copies are one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// Asks for the end. What was asked first stays.
    pub fn ask(&self, cut: Cut) {
        let _was_asked = self.0.compare_exchange(0, cut as usize, Ordering::SeqCst, Ordering::SeqCst).is_err();
    }

    /// What was asked for, if anything.
    #[must_use]
    pub fn asked(&self) -> Option<Cut> {
        match self.0.load(Ordering::SeqCst) {
            1 => Some(Cut::Interrupted),
            2 => Some(Cut::Terminated),
            3 => Some(Cut::OutOfTime),
            _ => None,
        }
    }

    /// The flag behind it, for a signal handler: it takes the number of a [`Cut`].
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let stop = Stop::default();
        assert_eq!(stop.asked(), None);
        for cut in [Cut::Terminated, Cut::OutOfTime, Cut::Interrupted] {
            stop.clone().ask(cut);
            assert_eq!(stop.asked(), Some(Cut::Terminated));
        }
        stop.flag().store(Cut::OutOfTime as usize, Ordering::SeqCst);
        assert_eq!(stop.asked(), Some(Cut::OutOfTime));
    }
}
