//! `stanch offboard`: a person leaves, and every credential that this person held is replaced.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, rotate, signals};
use crate::clock::Clock as _;
use crate::config::operator::Operator;
use crate::journal::Journal as _;
use crate::model::{Person, RotationId};
use crate::rotation::{Outcome, Purpose, Stage};
use crate::runner;
use crate::wiring::mending::{self, Mending};
use std::time::Duration;

/// A credential that was replaced for the same leaving since then is not replaced again.
const LATELY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Offboard, verbose: bool) -> Result<Code, Failure> {
    signals::runtime()?.block_on(offboard(given, verbose))
}

/// One after the other, each as `stanch rotate` would; a failure of one does not spare the others.
async fn offboard(given: &acts::Offboard, verbose: bool) -> Result<Code, Failure> {
    let path = mending::configuration(given.config.config.as_deref()).map_err(Failure::from)?;
    let operator = Operator::load(&path).map_err(|error| Failure::of(Code::Usage, &error))?;
    let held: Vec<String> = held_by(&operator, &given.person);
    if held.is_empty() {
        let mut all: Vec<&str> =
            operator.credentials.values().flat_map(|entry| &entry.value.held_by).map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        let hint = match all.as_slice() {
            [] => "no credential of the operator's file says so: write held_by: [NAME] beside its policy".to_owned(),
            all => format!("the operator's file names: {}", all.join(", ")),
        };
        return Err(Failure::new(Code::Usage, format!("'{}' held no credential", given.person)).hint(hint));
    }
    let screen = Screen::new(verbose);
    let mending = Mending::open(Some(&path)).await.map_err(Failure::from)?;
    let (held, bait): (Vec<String>, Vec<String>) = held.into_iter().partition(|name| !is_honeytoken(&operator, name));
    for name in bait {
        screen.text(&format!("{name}: a honeytoken, which is never touched\n"));
    }
    let held = own_last(&mending, held).await;
    let who = Person::new(&given.person);
    let mut worst = Code::Clean;
    for (number, name) in held.iter().enumerate() {
        screen.text(&format!("{} of {}: {name}\n", number + 1, held.len()));
        if let Some(case) = replaced(&mending, name, &who).await? {
            screen.text(&format!(
                "replaced already by {case}: take '{who}' out of its held_by; stanch rotate --credential {name} does it once \
                 more\n\n"
            ));
            continue;
        }
        let one = acts::Rotate {
            fingerprint: None,
            credential: Some(name.clone()),
            secret: None,
            report: None,
            repo: std::path::PathBuf::from("."),
            plan: given.plan,
            rehearse: false,
            yes: given.yes,
            emergency: false,
            config: acts::Configured { config: Some(path.clone()) },
        };
        let code = match rotate::rotate(&one, verbose, Purpose::Offboarding(who.clone())).await {
            Ok(code) => code,
            Err(failure) => {
                failure.print();
                failure.code
            }
        };
        if matches!(code, Code::Interrupted | Code::Terminated) {
            return Ok(code);
        }
        worst = worst.or_worse(code);
        screen.text("\n");
    }
    if operator.known.find(&Person::new(&given.person)).is_some() {
        screen.text(&format!(
            "'{}' may still approve: take the entry out of 'people' in the operator's file\n",
            given.person
        ));
    }
    Ok(worst)
}

fn is_honeytoken(operator: &Operator, name: &str) -> bool {
    operator.credentials.get(name).is_some_and(|entry| entry.value.honeytoken)
}

/// What stanch itself uses is replaced when everything that is replaced with it is.
async fn own_last(mending: &Mending, held: Vec<String>) -> Vec<String> {
    let own = mending.own();
    let (mut others, mut last) = (Vec::new(), Vec::new());
    for name in held {
        let current = match mending.managed(&name).await {
            Ok(managed) => managed.current().await.ok(),
            Err(_) => None,
        };
        // What cannot be read is told when it is its turn.
        let is_own = current.is_some_and(|(_, secret)| own.find(&secret).is_some());
        if is_own { last.push(name) } else { others.push(name) }
    }
    others.append(&mut last);
    others
}

/// The case that replaced a credential lately because the same person leaves: what is repeated does not begin anew.
async fn replaced(mending: &Mending, name: &str, who: &Person) -> Result<Option<RotationId>, Failure> {
    let all = mending.journal.list().await.map_err(Failure::from)?;
    for listed in all.into_iter().rev().filter(|listed| listed.credential == *name && !listed.open) {
        if mending.clock.now().since(listed.opened) > LATELY {
            break;
        }
        let state = runner::replay(&mending.journal, &listed.rotation).await.map_err(Failure::from)?;
        let same = matches!(&state.plan.purpose, Purpose::Offboarding(person) if person == who);
        if same && matches!(state.stage, Stage::Closed(Outcome::Rotated)) {
            return Ok(Some(listed.rotation));
        }
    }
    Ok(None)
}

fn held_by(operator: &Operator, person: &str) -> Vec<String> {
    let held = operator.credentials.iter().filter(|(_, entry)| entry.value.held_by.iter().any(|one| one == person));
    held.map(|(name, _)| name.clone()).collect()
}
