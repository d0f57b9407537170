//! The pure core of a rotation: what an event means and what is due. No clock, file, socket, randomness, thread or `async`.

#[macro_use]
mod guard;

mod back;
mod consent;
mod dependents;
mod event;
mod failures;
mod forward;
mod hand;
mod machine;
mod orders;
mod plan;
mod purpose;
mod rehearsal;
mod replace;
mod revoke;
mod stale;
mod state;
mod steps;
mod sweep;
mod warrant;

#[cfg(test)]
mod tests;

pub use consent::{Act, Consent, Given, Objection, Signed, Tally, Vote};
pub use consent::{act, needed, objection, speaker, statement, tally};
pub use event::{Event, Fact, Order, Said, Step};
pub use hand::takes_value;
pub use machine::{Illegal, allowed, apply, due, open};
pub use plan::{Approve, DependentPlan, OnAbuse, Plan, Policy, Staging, StorePlan};
pub use purpose::{Purpose, Stray, Sweep};
pub use rehearsal::{digest, effects};
pub use stale::{Stale, stale};
pub use state::{
    DependentState, Due, Effect, Ending, Offered, Old, Orphan, Outcome, Pace, Pending, Stage, Staged, State,
    StoreState, Successor,
};
pub use warrant::{Grounds, Warrant};
