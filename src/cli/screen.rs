//! What a person sees of a case: its head, its timeline line by line, and what can be done.

use crate::clock::{Clock as _, SystemClock};
use crate::model::{Severity, Timestamp};
use crate::report::{case, timeline};
use crate::rotation::{self, Event, Outcome, Plan, Stage, State};
use crate::runner::{self, Rest};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

/// Prints to standard output, each line at once.
#[derive(Debug)]
pub(super) struct Screen {
    verbose: bool,
    last: Mutex<Last>,
}

/// What was printed last: the time for the spans, the line so that the same news is not told twice in a row.
#[derive(Debug, Default)]
struct Last {
    at: Option<Timestamp>,
    line: Option<timeline::Line>,
}

impl Screen {
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose, last: Mutex::default() }
    }

    /// Text as it is. A reader that went away does not stop a rotation.
    pub(super) fn text(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            tracing::debug!("standard output is closed");
        }
    }

    /// The first lines of a case.
    pub(super) fn head(&self, plan: &Plan) {
        if plan.purpose.is_sweep() {
            let what = plan.purpose.words();
            return self.text(&format!("{}  {}  {what}  '{}'\n\n", plan.rotation, plan.kind, plan.credential));
        }
        let dependents = match plan.dependents.len() {
            0 => "no dependent is named".to_owned(),
            _ => plan.dependents.iter().map(|dependent| dependent.name.as_str()).collect::<Vec<_>>().join(", "),
        };
        let stores = plan.stores.iter().map(|store| store.name.as_str()).collect::<Vec<_>>().join(", ");
        self.text(&format!(
            "{}  {}  '{}'\nstores: {stores}   dependents: {dependents}\n\n",
            plan.rotation, plan.kind, plan.credential
        ));
    }

    /// The first lines of a case that is looked at: how it stands now.
    pub(super) fn head_now(&self, state: &State, severity: Option<Severity>) {
        self.text(&format!("{}\n", case::head(state, severity, SystemClock::new().now())));
    }

    /// One durable event.
    pub(super) fn event(&self, state: &State, event: &Event) {
        let line =
            timeline::line(state, event).or_else(|| self.verbose.then(|| timeline::intent(state, event)).flatten());
        let Some(line) = line else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.verbose && last.line.as_ref() == Some(&line) {
            return;
        }
        let took = last.at.replace(event.at).map(|last| event.at.since(last));
        last.line = Some(line.clone());
        drop(last);
        let took = took.map(|took| format!("{:.1}s", took.as_secs_f64())).unwrap_or_default();
        self.text(&format!("  {}  {:<12} {took:>6}  {}\n", timeline::time_of_day(event.at), line.what, line.evidence));
    }

    /// What is live, what happens next, and what may be done.
    /// With `seen`, a word that is copied from here is for what is seen here.
    pub(super) fn standing(&self, state: &State, seen: Option<u64>) {
        let now = SystemClock::new().now();
        if let Stage::AwaitingApproval(_) = &state.stage {
            self.text(&format!("\n{}", timeline::plan(&state.plan, &rotation::effects(&state.plan))));
        }
        self.text(&format!("\n{}  {}\n", runner::stage_word(&state.stage), timeline::standing(state)));
        if let Some(next) = case::next(state, now) {
            self.text(&format!("> {next}\n"));
        }
        let mut choices = case::choices(state);
        let seen = seen.map(|record| format!(" --seen {record}")).unwrap_or_default();
        // A pause stops whatever goes on, and needs no sight of it.
        let bound = choices.iter_mut().filter(|choice| !choice.command.starts_with("stanch case pause"));
        bound.for_each(|choice| choice.command.push_str(&seen));
        let width = choices.iter().map(|choice| choice.command.chars().count()).max().unwrap_or(0);
        for (number, choice) in choices.iter().enumerate() {
            let lead = if number == 0 { "you can:" } else { "" };
            self.text(&format!("  {lead:<8}  {:<width$}  {}\n", choice.command, choice.consequence));
        }
    }

    /// The last lines of a run.
    pub(super) fn end(&self, state: &State, rest: &Rest) {
        let id = &state.plan.rotation;
        match rest {
            Rest::Closed(Outcome::Rotated) => {
                let open = state.entered.since(state.opened).as_secs_f64();
                self.text(&format!(
                    "\n{id} closed after {open:.1}s: old token observed dead, new one in use.  {}\n",
                    timeline::standing(state)
                ));
            }
            Rest::Closed(Outcome::AlreadyDead) => {
                self.text(&format!("\n{id} closed: the token was dead already, refused as documented\n"));
            }
            Rest::Closed(Outcome::RolledBack(why)) => self.text(&format!(
                "\n{id} rolled back: old token in use, new one dead.{} Reason: {why}\n",
                if state.plan.purpose.is_leak() { " The leak is STILL OPEN." } else { "" }
            )),
            Rest::Closed(Outcome::Swept) => {
                self.text(&format!("\n{id} closed: no token with our label is left that nobody uses\n"));
            }
            Rest::Closed(Outcome::Abandoned) if state.plan.purpose.is_sweep() => {
                self.text(&format!("\n{id} abandoned: the strays live on, and are not swept again\n"));
            }
            Rest::Closed(Outcome::Abandoned) => {
                self.text(&format!("\n{id} abandoned: the leak is STILL OPEN and stays on the exposure list\n"));
            }
            Rest::Asks(_) => self.standing(state, None),
            Rest::Stopped => {
                self.standing(state, None);
                if let Stage::Quarantined { .. } = state.stage {
                    self.text("the quarantine goes on meanwhile\n");
                }
                self.text(&format!("stopped by a signal; stanch case resume {id} goes on from here\n"));
            }
        }
    }
}
