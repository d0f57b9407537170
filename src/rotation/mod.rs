//! The pure core of a rotation: what an event means and what is due. No clock, file, socket, randomness, thread or `async`.

mod event;
mod machine;
mod plan;
mod state;
mod warrant;

pub use event::{Event, Fact, Order, Step};
pub use machine::{Illegal, allowed, apply, due, open};
pub use plan::{Approve, DependentPlan, Plan, Policy, Staging, StorePlan, digest, effects};
pub use state::{Due, Effect, Old, Outcome, Pace, Stage, Staged, State, StoreState, Successor};
pub use warrant::{Grounds, Warrant};
