//! `stanch demo`: the loop on screen, in a scratch directory, with the commands a person would type.

use super::args::Common;
use super::exit::Code;
use super::failure::Failure;
use super::output::{print, style_of};
use super::scan::Judge;
use super::screen::Screen;
use super::{acts, find, person, rotate, signals};
use crate::clock::{Clock as _, SystemClock};
use crate::demo::{CREDENTIAL, World};
use crate::report::{Format, Scope, timeline};
use crate::rotation::{self, Outcome, State};
use crate::runner::{Beforehand, Rest};
use crate::source::git::Whereabouts;
use crate::wiring::mending::Mending;
use crate::wiring::scanner::{Target, prepare};

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Demo, common: &Common) -> Result<Code, Failure> {
    signals::runtime()?.block_on(demo(given, common))
}

async fn demo(given: &acts::Demo, common: &Common) -> Result<Code, Failure> {
    let screen = Screen::new(common.verbose > 0);
    let mut unique = [0_u8; 4];
    getrandom::fill(&mut unique).map_err(|_| Failure::new(Code::Outside, "the system gives no random bytes"))?;
    let name = format!("stanch-demo-{}", data_encoding::HEXLOWER.encode(&unique));
    let directory = given.directory.clone().unwrap_or_else(|| std::env::temp_dir().join(name));
    if directory.exists() {
        let message = format!("{} exists already: name a directory that does not", directory.display());
        return Err(Failure::new(Code::Usage, message));
    }
    let world = World::make(&directory).await.map_err(Failure::from)?;
    screen.text(&format!(
        "A scratch world in {}:\n  a repository with a leak, an issuer at {}, and a service at {} that uses the token all the time\n",
        directory.display(),
        world.issuer.base(),
        world.dependent.base()
    ));

    screen.text("\n$ stanch scan --history repository\n\n");
    let config = world.config.clone();
    let clock = SystemClock::new();
    let prepared = prepare(
        find::request(Target::History(Whereabouts::Holding(world.repository.clone()))),
        crate::rules::builtin(),
        &clock,
    )?;
    let began = clock.now();
    let mut outcome = prepared.scanner.run(prepared.source.as_ref())?;
    let judge = Judge { gate: None, strict: false, exit_zero: false, stops_commit: false };
    let (report, _) = judge.judge(&prepared, &outcome, Scope::History, began, &clock);
    print(|out| report.write(Format::Text, style_of(common.color), out))?;
    let Some(finding) = outcome.findings.pop() else {
        return Err(Failure::new(Code::Outside, "the scan did not find the leak: this is a bug"));
    };

    screen.text(&format!("\n$ stanch rotate {} --repo repository --yes\n\n", finding.fingerprint.short()));
    let mending = Mending::open(Some(&config)).await.map_err(Failure::from)?;
    let managed = mending.managed(CREDENTIAL).await.map_err(Failure::from)?;
    let rotation = crate::journal::Journal::next_id(&mending.journal).await.map_err(Failure::from)?;
    let plan = managed.plan(rotation, mending.clock.now(), false);
    screen.head(&plan);
    screen.text(&format!("{}\n", timeline::plan(&plan, &rotation::effects(&plan))));
    let old = crate::model::Credential { secret: Some(finding.secret), ..crate::model::Credential::default() };
    let told = |state: &State, event: &rotation::Event| screen.event(state, event);
    let stopping = signals::watch()?;
    let beforehand = Some(Beforehand { who: person::current(), valid: rotate::VALID });
    let runner = mending.runner(&managed, &told, beforehand, &stopping.asked);
    let rotation = runner.open(plan, &old).await.map_err(Failure::from)?;
    let (state, rest) = runner.run(&rotation, None).await.map_err(Failure::from)?;
    let code = rotate::conclude(&screen, &state, &rest, &stopping);

    let (served, failed) = world.dependent.counts();
    let live = world.issuer.live().join(", ");
    screen.text(&format!(
        "\nthe service made {} requests meanwhile, {failed} failed; live at the issuer: {live}\n",
        served + failed
    ));
    if rest == Rest::Closed(Outcome::Rotated) && failed == 0 {
        let config = config.display();
        screen.text(&format!(
            "\nTry next:\n  stanch case show {rotation} --config {config}\n  stanch audit verify {}\n  \
             stanch scan .                       your own working directory\n  stanch scan --history .             and everything it ever held\n  \
             rm -r {}\n",
            directory.join("journal.db").display(),
            directory.display()
        ));
        return Ok(code);
    }
    Err(Failure::new(Code::Outside, "the demonstration did not end as it should: this is a bug"))
}
