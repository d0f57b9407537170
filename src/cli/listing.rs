//! `stanch case list`: all cases, or what is still exposed.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use crate::clock::Clock as _;
use crate::journal::{Journal as _, Listed};
use crate::report::exposure::exposed;
use crate::report::{case as lines, timeline};
use crate::rotation::State;
use crate::runner;
use crate::wiring::mending::Mending;
use serde_json::json;

/// Lists cases; those that are still exposed alone, oldest first, where that is asked for.
pub(super) async fn list(mending: &Mending, screen: &Screen, json: bool, only_exposed: bool) -> Result<Code, Failure> {
    let all = mending.journal.list().await.map_err(Failure::from)?;
    let mut rows = Vec::new();
    for listed in all {
        let state = runner::replay(&mending.journal, &listed.rotation).await.map_err(Failure::from)?;
        rows.push((listed, state));
    }
    let now = mending.clock.now();
    if only_exposed {
        return Ok(exposure(screen, &rows, json, now));
    }
    if json {
        let rows: Vec<_> = rows.iter().map(|(listed, state)| row(listed, state, now)).collect();
        screen.text(&format!("{}\n", json!({ "schema": "stanch.cases/1", "cases": rows })));
        return Ok(Code::Clean);
    }
    if rows.is_empty() {
        screen.text("no case yet\n");
    }
    for (_, state) in rows {
        let stage = runner::stage_word(&state.stage);
        screen.text(&format!("{}\n", lines::line(&state.plan, &state, stage, now)));
    }
    Ok(Code::Clean)
}

fn row(listed: &Listed, state: &State, now: crate::model::Timestamp) -> serde_json::Value {
    json!({
        "case": listed.rotation, "credential": listed.credential, "kind": state.plan.kind,
        "open": listed.open, "opened": listed.opened.to_string(), "records": listed.records,
        "stage": runner::stage_word(&state.stage), "standing": timeline::standing(state),
        "next": lines::next(state, now),
        "choices": lines::choices(state).iter().map(|one| &one.command).collect::<Vec<_>>(),
    })
}

fn exposure(screen: &Screen, rows: &[(Listed, State)], json: bool, now: crate::model::Timestamp) -> Code {
    let open = exposed(rows.iter().map(|(_, state)| state), now);
    if json {
        let rows: Vec<_> = open
            .iter()
            .map(|one| {
                let plan = &one.state.plan;
                json!({
                    "case": plan.rotation, "credential": plan.credential, "kind": plan.kind,
                    "stage": runner::stage_word(&one.state.stage), "since": plan.leaked.to_string(),
                    "age_seconds": one.age.as_secs(), "why": one.why(), "standing": timeline::standing(one.state),
                })
            })
            .collect();
        screen.text(&format!("{}\n", json!({ "schema": "stanch.exposed/1", "exposed": rows })));
        return Code::Clean;
    }
    if open.is_empty() {
        screen.text("nothing is exposed, as far as the journal knows\n");
    }
    for one in &open {
        let plan = &one.state.plan;
        screen.text(&format!(
            "{:>8}  {}  {:<24} {:<28} {}\n",
            lines::span(one.age),
            plan.rotation,
            plan.credential,
            plan.kind.as_str(),
            one.why()
        ));
    }
    Code::Clean
}
