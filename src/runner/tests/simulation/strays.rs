//! After the end: what arrived when nobody looked for it any more is swept, under the same trouble.

use super::super::super::*;
use super::case::Case;
use super::life::Life;
use super::time::at_once;
use crate::rotation::Stray;

/// So often it is looked before everything must be swept.
const LOOKS: u32 = 40;
/// How long a stray is out of use before it is ended.
const QUARANTINE: Duration = Duration::from_millis(1_500);

/// Looks and sweeps until nothing is left that this installation may end.
pub(super) fn swept(case: &Case, outcome: Outcome) {
    let able = unable(&case.managed).is_none() && case.truth.expects_strays();
    if !able || matches!(outcome, Outcome::Abandoned | Outcome::AlreadyDead) {
        return;
    }
    let watch = case.watch(0);
    case.trouble.cease();
    case.truth.stranger_of_ours();
    for _ in 0..LOOKS {
        case.time.pass_to(case.time.now() + 3_600_000);
        let seen = waited(case, look(&*case.truth.journal, &case.managed, watch.now())).expect("nothing goes wrong");
        case.truth.spare(&seen.spared);
        assert_eq!(seen.strangers.len(), 1, "another installation's token is told: {seen:?}");
        if seen.strays.is_empty() && seen.waiting.is_empty() {
            return;
        }
        if !seen.strays.is_empty() {
            sweep(case, seen.strays);
        }
    }
    panic!("9: it is never swept");
}

fn sweep(case: &Case, strays: Vec<Stray>) {
    let (watch, stopping) = (case.watch(0), AtomicBool::new(false));
    let runner = Runner {
        journal: &*case.truth.journal,
        clock: &watch,
        sealer: &case.sealer,
        managed: &case.managed,
        people: &crate::people::NOBODY,
        holder: "sweeper".to_owned(),
        told: &|_, _| {},
        beforehand: None,
        stopping: &stopping,
    };
    let id = at_once(case.truth.journal.next_id()).unwrap();
    let rotation = at_once(runner.open_sweep(sweep_plan(&case.managed, id, strays, QUARANTINE, watch.now()))).unwrap();
    case.trouble.tell(|| format!("{:>9} a sweep is opened", case.time.now()));
    if case.troubled {
        case.trouble.resume();
    }
    let outcome = Life::of(case, rotation).live();
    case.trouble.cease();
    assert!(matches!(outcome, Outcome::Swept | Outcome::Abandoned), "a sweep ends {outcome:?}");
}

/// What a future gives, while time passes.
fn waited<T>(case: &Case, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        match case.time.ask(future.as_mut()) {
            Ok(done) => return done,
            Err(wake) => {
                while let Some(at) = case.time.next().filter(|at| *at <= wake) {
                    case.time.pass_to(at);
                    case.time.arrive().into_iter().for_each(|thing| thing());
                    case.truth.check_instant();
                }
                case.time.pass_to(wake);
            }
        }
    }
}
