//! The parts of the checker that are about conversations, and about files that cannot be read as they are typed.

use super::super::detect::Detect;
use super::super::exchange::{Act, Exchanges, OURS};
use super::super::places::{Places, Step, Stop, Value};
use super::super::problem::{Mistake, Problem, near};
use super::super::reading::Reading;
use super::super::spec::{FileSpec, KindSpec};
use super::super::syntax::{explain, nothing};
use super::{Desk, below};
use Step::Key;

impl Desk<'_> {
    /// A file that cannot be read as it is typed: all that is wrong with its shape, and what could be read.
    pub(super) fn read_wrong(&mut self, error: &serde_yaml::Error) -> Option<FileSpec> {
        let places = match Places::read(self.text) {
            Ok(places) => places,
            Err(error) => {
                self.note(explain(self.text, &error));
                return None;
            }
        };
        if matches!(places.value, Value::Null) {
            self.note(nothing());
            return None;
        }
        let mut reading = Reading::of(&places);
        std::mem::take(&mut reading.mistakes).into_iter().for_each(|mistake| self.note(mistake));
        if self.problems.is_empty() {
            self.note(explain(self.text, error));
        }
        let spec = reading.spec.take();
        self.reading = reading;
        spec
    }

    /// All problems in the order of their places; what is repeated by an alias is told once.
    pub(super) fn told(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        self.problems.dedup();
        self.problems
    }

    /// The conversations, unless they could not be read, or where they may go to could not.
    pub(super) fn check_exchanges(
        &mut self,
        here: &[Step<'_>],
        file: &FileSpec,
        spec: &KindSpec,
        detect: &Detect,
    ) -> Result<Exchanges, ()> {
        let is_call = |key: &str| key == "replies" || Act::ALL.iter().any(|act| act.word() == key);
        if self.reading.covers(&[Key("hosts")]) || self.reading.covers(here) || self.reading.touches(here, &is_call) {
            return Err(());
        }
        // What is wrong with the list of hosts is told there.
        let hosts: Vec<String> = file.hosts.iter().map(|host| bare(host)).collect();
        match Exchanges::check(spec.calls(), &hosts) {
            Ok(exchanges) => {
                self.check_names(here, &exchanges, detect);
                Ok(exchanges)
            }
            Err(faults) => {
                for fault in faults {
                    let steps: Vec<Step<'_>> = fault.path.iter().map(Stop::step).collect();
                    let verb = match fault.path.first() {
                        Some(Stop::Key(key)) => format!("{key}: "),
                        _ => String::new(),
                    };
                    self.say(&below(here, &steps), format!("{verb}{}", fault.message), fault.remedy);
                }
                Err(())
            }
        }
    }

    /// Places that nothing fills but the operator's file, and that are nearly the name of something else.
    fn check_names(&mut self, here: &[Step<'_>], exchanges: &Exchanges, detect: &Detect) {
        let own: Vec<&str> = detect.names().collect();
        for name in exchanges.free().into_iter().filter(|name| !own.contains(name)) {
            let Some(meant) = OURS.iter().chain(&own).find(|known| near(name, known)) else { continue };
            let place = format!("{{{{{name}}}}}");
            let places = self.places.get_or_init(|| Places::read(self.text).ok());
            let at = places.as_ref().and_then(|places| places.at(here)?.holding(&place));
            let (line, column) = at.unwrap_or((1, 1));
            let (message, remedy) =
                (format!("nothing is known for `{place}`"), format!("did you mean `{{{{{meant}}}}}`?"));
            self.note(Mistake { line, column, message, remedy });
        }
    }
}

/// The host in what was typed as one.
fn bare(typed: &str) -> String {
    let host = typed.split_once("://").map_or(typed, |(_, host)| host);
    host.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase()
}
