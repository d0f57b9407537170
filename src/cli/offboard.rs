//! `stanch offboard`: a person leaves, and every credential that this person held is replaced.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, rotate, signals};
use crate::config::operator::Operator;
use crate::model::Person;
use crate::wiring::mending;

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
    let mut worst = Code::Clean;
    for (number, name) in held.iter().enumerate() {
        screen.text(&format!("{} of {}: {name}\n", number + 1, held.len()));
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
        let code = match rotate::rotate(&one, verbose).await {
            Ok(code) => code,
            Err(failure) => {
                failure.print();
                failure.code
            }
        };
        if matches!(code, Code::Interrupted | Code::Terminated) {
            return Ok(code);
        }
        if code.number() > worst.number() {
            worst = code;
        }
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

fn held_by(operator: &Operator, person: &str) -> Vec<String> {
    let held = operator.credentials.iter().filter(|(_, entry)| entry.value.held_by.iter().any(|one| one == person));
    held.map(|(name, _)| name.clone()).collect()
}
