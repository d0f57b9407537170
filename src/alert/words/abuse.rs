//! The words about a token in the hands of somebody who is not known.

use super::{clean, clock, commands, notice};
use crate::alert::{Moment, Notice, Urgency};
use crate::rotation::{Event, Fact, Stage, State};

/// Of many places, so many are named.
const NAMED: usize = 5;

/// From where, if this event tells of it.
pub(super) fn places(event: &Event) -> Option<String> {
    let Fact::Used { foreign, .. } = event.fact.said() else { return None };
    let names: Vec<_> = foreign.iter().take(NAMED).map(|origin| clean(origin, 120)).collect();
    let more = foreign.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (!names.is_empty()).then(|| format!("{}{more}", names.join("; ")))
}

/// What it means; told once a case. Nothing is to be done where the token is about to be ended anyway.
pub(super) fn seen(event: &Event, state: &State, link: Option<&str>) -> Option<Notice> {
    let places = places(event)?;
    let case = &state.plan.rotation;
    let next = match state.stage {
        Stage::Soaking { until } => format!("It is revoked at {}.", clock(until, event.at)),
        Stage::Revoking => "Every dependent is proved on the new one: it is revoked now.".to_owned(),
        _ => "It is revoked once every dependent is proved on another.".to_owned(),
    };
    let text = format!(
        "ABUSE of '{}' ({case}): the token is used from {places}, where no dependent works. Who has it can do what it opens. {next}\n{}",
        clean(&state.plan.credential, 120),
        commands(state, Moment::Abused)
    );
    let key = format!("{case}/{}", Moment::Abused.word());
    Some(notice(state, key, Moment::Abused, Urgency::Critical, text, event.at, link))
}
