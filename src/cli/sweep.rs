//! `stanch sweep`: tokens that an interrupted case left behind, and that nobody uses, are looked for and ended.

use super::exit::Code;
use super::failure::Failure;
use super::rotate::{begin, consent, no_signature};
use super::screen::Screen;
use super::{acts, signals};
use crate::clock::Clock as _;
use crate::inventory::Managed;
use crate::journal::Journal as _;
use crate::rotation::{Plan, Stray};
use crate::runner::{self, Seen, SweepError};
use crate::wiring::mending::Mending;

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Sweep, verbose: bool) -> Result<Code, Failure> {
    signals::runtime()?.block_on(sweep(given, verbose))
}

async fn sweep(given: &acts::Sweep, verbose: bool) -> Result<Code, Failure> {
    let mending = Mending::open(given.config.config.as_deref()).await.map_err(Failure::from)?;
    no_signature(&mending, given.yes)?;
    let screen = Screen::new(verbose);
    let names: Vec<String> = match &given.credential {
        Some(name) => vec![name.clone()],
        None => mending.operator.credentials.keys().cloned().collect(),
    };
    let mut worst = Code::Clean;
    for name in names {
        let code = match one(&mending, &screen, &name, given).await {
            Ok(code) => code,
            Err(failure) if given.credential.is_none() => {
                failure.print();
                failure.code
            }
            Err(failure) => return Err(failure),
        };
        if matches!(code, Code::Interrupted | Code::Terminated) {
            return Ok(code);
        }
        worst = worst.or_worse(code);
    }
    Ok(worst)
}

/// Looks at one credential, and opens a case for what may be ended.
async fn one(mending: &Mending, screen: &Screen, name: &str, given: &acts::Sweep) -> Result<Code, Failure> {
    if mending.operator.credentials.get(name).is_some_and(|entry| entry.value.honeytoken) {
        screen.text(&format!("{name}: a honeytoken, which is never touched\n"));
        return Ok(Code::Clean);
    }
    let managed = mending.managed(name).await.map_err(Failure::from)?;
    let now = mending.clock.now();
    let seen = match runner::look(&mending.journal, &managed, now).await {
        Ok(seen) => seen,
        Err(SweepError::Unable { why, .. }) => {
            screen.text(&format!("{name}: not swept, for {why}\n"));
            return Ok(Code::Clean);
        }
        Err(error) => return Err(Failure::of(Code::Outside, &error).hint("nothing was begun")),
    };
    told(screen, name, &seen);
    if seen.strays.is_empty() || given.dry_run {
        return Ok(Code::Clean);
    }
    open(mending, screen, &managed, seen.strays, given).await
}

fn told(screen: &Screen, name: &str, seen: &Seen) {
    let say = |stray: &Stray, what: &str| screen.text(&format!("{name}: {}  {}  {what}\n", stray.token, stray.label));
    for stray in &seen.strays {
        say(stray, "nobody's: a case that is over left it");
    }
    for (stray, case) in &seen.waiting {
        say(stray, &format!("of {case}, which is open or closed shortly ago: the next sweep tells"));
    }
    for (stray, case) in &seen.spared {
        say(stray, &format!("known to {case}, and left to a person"));
    }
    for stray in &seen.strangers {
        say(stray, "of another installation of stanch, or of a journal that was lost: left alone");
    }
    if *seen == Seen::default() {
        screen.text(&format!("{name}: nothing with our label that nobody uses\n"));
    }
}

async fn open(
    mending: &Mending,
    screen: &Screen,
    managed: &Managed,
    strays: Vec<Stray>,
    given: &acts::Sweep,
) -> Result<Code, Failure> {
    let id = mending.journal.next_id().await.map_err(Failure::from)?;
    let quarantine = given.quarantine.map_or_else(|| mending.operator.daemon.quarantine(), |span| span.0);
    let consent = consent(mending, managed, false)?;
    let plan = runner::sweep_plan(managed, id, strays, quarantine, mending.clock.now());
    begin(mending, screen, managed, Plan { consent, ..plan }, None, given.yes).await
}
