//! Every guard is taken away once, and the search must find the harm that it keeps off. Without that, a model that finds
//! nothing would prove nothing.

use super::model::Small;
use super::searches::small;
use super::strays::sweeping;
use super::*;
use stateright::{Checker, HasDiscoveries, Model};
use std::cell::Cell;

/// What stands between a fault and harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guard {
    /// Who lost the lease writes nothing into the journal any more.
    Fence,
    /// Nothing is sent before its intent is recorded.
    IntentFirst,
    /// A store moves only from the version that was looked at.
    ConditionalPut,
    /// On the way back the store moves on, also where the promotion's outcome is not known.
    LateWrites,
    /// A dependent is proved on what it is to use, before what it used may end.
    DependentsProof,
    /// And again at the instant of the revoke.
    Recheck,
    /// The way back proves dependents on the old token before it ends the new one.
    ProofOnTheWayBack,
    /// After the revoke was begun there is no way back.
    Pivot,
    /// The provider's word is no death: only a refusal is.
    DeadProbe,
    /// One refusal is none.
    ConsecutiveRefusals,
    /// What an interrupted mint left is sought before another.
    SeekBeforeMint,
    /// A replacement of unknown outcome is never sent again.
    NoResend,
    /// A value that was chosen here, and perhaps arrived, is followed by no other.
    SameValue,
    /// A second token of one mint is looked for.
    Twin,
    /// Of tokens that were there before the mint, none is ended.
    OnlyOurs,
    /// What must die is seen dead.
    OrphanDead,
    /// A stray that a store gives out is nobody's to end.
    Unclaimed,
    /// A list that lacks the old token says nothing of others.
    WholeList,
}

thread_local! {
    static GONE: Cell<Option<Guard>> = const { Cell::new(None) };
}

/// Whether a guard is taken away on this thread.
pub(crate) fn is_gone(guard: Guard) -> bool {
    GONE.get() == Some(guard)
}

/// Does something without a guard.
pub(crate) fn without<T>(guard: Option<Guard>, work: impl FnOnce() -> T) -> T {
    struct Back(Option<Guard>);
    impl Drop for Back {
        fn drop(&mut self) {
            GONE.set(self.0);
        }
    }
    let _back = Back(GONE.replace(guard));
    work()
}

/// The smallest world in which the guard is needed.
fn needs(guard: Guard) -> Small {
    let mut small = match guard {
        Guard::ConsecutiveRefusals => Small { misjudges: true, ..small(0, 0, 0) },
        Guard::DeadProbe => small(0, 0, 0),
        Guard::OrphanDead => Small { lies: true, ..small(2, 0, 0) },
        Guard::Fence => Small { robs: 1, ..small(1, 0, 0) },
        Guard::IntentFirst => small(0, 1, 0),
        Guard::Pivot | Guard::ProofOnTheWayBack => small(1, 0, 1),
        Guard::Unclaimed => sweeping(0, 0, 1),
        Guard::WholeList => Small { lies: true, ..small(2, 0, 0) },
        _ => small(2, 1, 1),
    };
    let abilities = &mut small.plan.abilities;
    match guard {
        Guard::OnlyOurs | Guard::WholeList => {
            abilities.find = false;
            small.strangers = true;
        }
        Guard::NoResend => abilities.class = Class::Replace,
        Guard::SameValue => {
            (abilities.class, abilities.chooser) = (Class::Replace, Chooser::Client);
            (abilities.find, abilities.list, abilities.revoke, abilities.disable) = (false, false, false, false);
        }
        _ => {}
    }
    if matches!(guard, Guard::NoResend | Guard::SameValue) {
        small.plan.policy.accept_outage = true;
    }
    small
}

const ALL: [Guard; 18] = [
    Guard::Fence,
    Guard::IntentFirst,
    Guard::ConditionalPut,
    Guard::LateWrites,
    Guard::DependentsProof,
    Guard::Recheck,
    Guard::ProofOnTheWayBack,
    Guard::Pivot,
    Guard::DeadProbe,
    Guard::ConsecutiveRefusals,
    Guard::SeekBeforeMint,
    Guard::NoResend,
    Guard::SameValue,
    Guard::Twin,
    Guard::OnlyOurs,
    Guard::OrphanDead,
    Guard::Unclaimed,
    Guard::WholeList,
];

#[test]
#[expect(clippy::print_stdout, reason = "a test's table, shown with --nocapture")]
fn without_any_one_guard_the_search_finds_harm() {
    let mut kept = Vec::new();
    for guard in ALL {
        let gone = Small { gone: Some(guard), ..needs(guard) };
        let checker = gone.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let found = ["nothing is broken", "it can always end"].iter().find_map(|name| checker.discovery(name));
        let Some(path) = found else {
            kept.push(guard);
            continue;
        };
        let last = path.last_state();
        let harm = last.broken.clone().unwrap_or_else(|| without(Some(guard), || last.harm_ahead()));
        let states = checker.unique_state_count();
        println!("without {guard:?}: {} steps, {states} states: {harm}", path.into_actions().len());
    }
    assert!(kept.is_empty(), "nothing happens without {kept:?}: they guard nothing, or the model does not see it");
}

/// And with every guard in place the same worlds are searched to their end in vain.
#[test]
fn with_every_guard_the_same_worlds_are_safe() {
    let some = [
        Guard::Fence,
        Guard::OnlyOurs,
        Guard::OrphanDead,
        Guard::ConsecutiveRefusals,
        Guard::Unclaimed,
        Guard::WholeList,
        Guard::SameValue,
    ];
    for guard in some {
        let checker = needs(guard).checker().threads(2).spawn_bfs().join();
        for name in ["nothing is broken", "it can always end"] {
            assert!(
                checker.discovery(name).is_none(),
                "{guard:?}: {:?}",
                checker.discovery(name).map(|p| p.into_actions())
            );
        }
    }
}
