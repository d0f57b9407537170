//! Placeholder.
use super::{Due, Event, Fact, Order, Stage, State};
use crate::model::Timestamp;
/// An event that the state cannot take: a damaged journal or a bug.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {fact:?} cannot follow {stage:?}")]
pub struct Illegal {
    /// The stage.
    pub stage: Box<Stage>,
    /// The fact.
    pub fact: Box<Fact>,
}
/// The first state, from the first event (which must be an `Opened`).
pub fn open(_event: &Event) -> Result<State, Illegal> {
    unimplemented!()
}
/// Folds one event into the state.
pub fn apply(_state: &State, _event: &Event) -> Result<State, Illegal> {
    unimplemented!()
}
/// What must happen next.
pub fn due(_state: &State, _now: Timestamp) -> Due {
    unimplemented!()
}
/// The orders a person may give now.
pub fn allowed(_state: &State) -> Vec<Order> {
    unimplemented!()
}
