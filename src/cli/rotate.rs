//! `stanch rotate`: opens a case for a leaked credential and carries it as far as it goes.

use super::case::by_hand;
use super::exit::Code;
use super::failure::Failure;
use super::follow::{Followed, follow};
use super::screen::Screen;
use super::signals::Stopping;
use super::{acts, find, person, signals};
use crate::clock::Clock as _;
use crate::inventory::Managed;
use crate::journal::Journal as _;
use crate::model::{Companions, Credential, Finding, FingerprintPrefix, Person, Reason, RotationId, Secret, TokenId};
use crate::people::NOBODY;
use crate::report::timeline;
use crate::rotation::{self, Approve, Consent, Fact, Old, Outcome, Plan, Purpose, State};
use crate::runner::{Beforehand, Rest, Runner};
use crate::wiring::mending::Mending;
use crate::wiring::rehearsal;
use std::io::Read as _;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long an approval holds.
pub(super) const VALID: Duration = Duration::from_secs(15 * 60);
/// The longest secret that standard input may hold, in bytes.
const LONGEST: u64 = 1 << 20;

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Rotate, verbose: bool) -> Result<Code, Failure> {
    signals::runtime()?.block_on(rotate(given, verbose, Purpose::Leak))
}

/// What `stanch rotate` does.
pub(super) async fn rotate(given: &acts::Rotate, verbose: bool, purpose: Purpose) -> Result<Code, Failure> {
    let mending = Mending::open(given.config.config.as_deref()).await.map_err(Failure::from)?;
    no_signature(&mending, given.yes)?;
    let (managed, old) = target(&mending, given).await?;
    if !given.emergency {
        alone(&mending, &managed, &old).await?;
    }
    let rotation = if given.plan || given.rehearse {
        RotationId::new("C-NEXT")
    } else {
        mending.journal.next_id().await.map_err(Failure::from)?
    };
    let mut plan = managed.plan(rotation, mending.clock.now(), given.emergency);
    plan.consent = consent(&mending, &managed, given.plan || given.rehearse)?;
    plan.purpose = purpose;
    let screen = Screen::new(verbose);
    if let Some(what) = own(&mending, &old, given).await? {
        plan.policy.approve = match plan.policy.approve {
            Approve::Never => Approve::Plan,
            asks => asks,
        };
        screen
            .text(&format!("stanch itself uses this token for {what}: give it the new one before the old one ends\n"));
    }
    if given.plan {
        return Ok(show_plan(&screen, &plan));
    }
    if given.rehearse {
        return rehearse(&screen, &mending, &managed, &plan, &old).await;
    }
    begin(&mending, &screen, &managed, plan, Some(old), given.yes).await
}

/// Opens the case and carries it as far as it goes, or follows the daemon that does; the exit code. Without a leaked
/// credential it is a sweep.
pub(super) async fn begin(
    mending: &Mending,
    screen: &Screen,
    managed: &Managed,
    plan: Plan,
    old: Option<Credential>,
    yes: bool,
) -> Result<Code, Failure> {
    let told = |state: &State, event: &rotation::Event| {
        // Not before the case is open, which it may fail to be.
        if let Fact::Opened(plan) = &event.fact {
            screen.head(plan);
        }
        screen.event(state, event);
    };
    let stopping = signals::watch()?;
    let beforehand = yes.then(|| Beforehand { who: person::current(), valid: VALID });
    let runner = mending.runner(managed, &told, beforehand, &stopping.asked);
    let opened = match &old {
        Some(old) => runner.open(plan, old).await,
        None => runner.open_sweep(plan).await,
    };
    let rotation = opened.map_err(Failure::from)?;
    drop(old);
    if mending.attended().await.map_err(Failure::from)?.is_some() {
        let followed = Followed { rotation: &rotation, shown: 1, word: None, approves: yes };
        return follow(mending, screen, followed).await;
    }
    let (state, rest) = runner.run(&rotation, None).await.map_err(Failure::from)?;
    let code = conclude(screen, &state, &rest, &stopping);
    by_hand(mending, screen, &state);
    Ok(code)
}

/// Refuses a yes given beforehand where people sign.
pub(super) fn no_signature(mending: &Mending, yes: bool) -> Result<(), Failure> {
    if !yes || mending.operator.known.is_empty() {
        return Ok(());
    }
    let message = "--yes is no signature, and the operator's file names people who sign";
    Err(Failure::new(Code::NotAllowed, message).hint("open the case without it; then stanch case approve, with a key"))
}

/// Whose yes the case will need; refused where it cannot be known who the author is. What only looks has none.
pub(super) fn consent(mending: &Mending, managed: &Managed, looks: bool) -> Result<Consent, Failure> {
    let people = &mending.operator.known;
    if people.is_empty() {
        return Ok(Consent::default());
    }
    let account = person::current();
    let author = people.of_account(account.as_str()).cloned();
    let consent = mending.operator.consent(&managed.name, author.clone().or_else(|| Some(account.clone())));
    if consent.four_eyes && author.is_none() && !looks {
        let message = format!("four_eyes asks who opens the case, and the account '{account}' is none of the people's");
        return Err(Failure::new(Code::NotAllowed, message)
            .hint("name it under 'accounts' of the person whose account it is, or open the case as yourself"));
    }
    Ok(consent)
}

/// What the program itself uses the token for, if it does. That one comes last, and not on a policy's word.
async fn own(mending: &Mending, old: &Credential, given: &acts::Rotate) -> Result<Option<String>, Failure> {
    let (Some(secret), own) = (&old.secret, mending.own()) else { return Ok(None) };
    let Some(what) = own.find(secret) else {
        return match own.unread() {
            Some(error) if !given.plan && !given.rehearse => Err(Failure::because(
                Code::Usage,
                "it is not known whether stanch itself uses this token; nothing was begun",
                error,
            )),
            _ => Ok(None),
        };
    };
    if given.plan || given.rehearse {
        return Ok(Some(what.to_owned()));
    }
    if given.yes {
        let message = format!("stanch itself uses this token for {what}: --yes is not enough");
        return Err(Failure::new(Code::NotAllowed, message).hint("open the case without it, read its plan, approve it"));
    }
    let open = mending.journal.open_ones(mending.clock.now()).await.map_err(Failure::from)?;
    if let Some(first) = open.first() {
        let case = &first.listed.rotation;
        let message = format!("stanch itself uses this token for {what}, so it comes last, and {case} is open");
        return Err(Failure::new(Code::Usage, message).hint("nothing was begun; stanch case list shows what is open"));
    }
    Ok(Some(what.to_owned()))
}

/// Refuses a token that is there to be found by thieves.
fn spared(mending: &Mending, name: &str, finding: Option<&Finding>) -> Result<(), Failure> {
    let marked = mending.operator.credentials.get(name).is_some_and(|entry| entry.value.honeytoken);
    let listed = finding.is_some_and(|one| mending.operator.is_honeytoken(&one.kind, &one.fingerprint));
    if !marked && !listed {
        return Ok(());
    }
    let what = finding.map_or_else(|| format!("'{name}'"), |one| one.fingerprint.short());
    Err(Failure::new(Code::NotAllowed, format!("{what} is a honeytoken: to end it would tell the thief"))
        .hint("nothing was begun; take the mark away in the operator's file if it is none"))
}

/// The managed credential and the leaked value that the arguments name.
async fn target(mending: &Mending, given: &acts::Rotate) -> Result<(Managed, Credential), Failure> {
    if let Some(name) = &given.credential {
        spared(mending, name, None)?;
        let managed = mending.managed(name).await.map_err(Failure::from)?;
        let (token, secret) = match &given.secret {
            Some(_) => {
                let secret = from_standard_input()?;
                // The known handle is that of the current value; with another one it would name the wrong token.
                let current = managed.current().await.ok();
                current.filter(|(_, current)| managed.is_current(&secret, current)).unwrap_or((None, secret))
            }
            None => managed.current().await.map_err(Failure::from)?,
        };
        let old = credential(token, secret, Companions::default());
        return Ok((managed, old));
    }
    let Some(text) = &given.fingerprint else {
        let hint = "write stanch rotate FINGERPRINT, or stanch rotate --credential NAME";
        return Err(Failure::new(Code::Usage, "name what to rotate").hint(hint));
    };
    let prefix: FingerprintPrefix = text.parse().map_err(|error| Failure::new(Code::Usage, format!("{error}")))?;
    let (kinds, clock) = (&mending.catalogue, &mending.clock);
    let finding = match &given.report {
        Some(report) => find::imported(&prefix, report, &given.repo, kinds, clock)?,
        None => find::finding(&prefix, &given.repo, kinds, clock)?,
    };
    spared(mending, "", Some(&finding))?;
    let candidates = mending.candidates(&finding.kind, None).await;
    let looked = candidates.looked().join(", ");
    match candidates.take(&finding.secret) {
        Ok(Some(one)) => {
            spared(mending, &one.managed.name, None)?;
            let old = credential(one.token, one.current, finding.companions);
            return Ok((one.managed, old));
        }
        Ok(None) => {}
        Err(error) => return Err(Failure::from(error)),
    }
    let message = format!("no managed credential holds the token {} ({})", finding.fingerprint.short(), finding.kind);
    let hint = if looked.is_empty() {
        format!("add a credential of kind {} to the operator's file", finding.kind)
    } else {
        format!("looked at {looked}: what they hold now is another value")
    };
    Err(Failure::new(Code::Usage, message).hint(hint))
}

/// Refuses a token that another credential of the file holds as well: its dependents are not asked, and the revoke would
/// cut them off.
async fn alone(mending: &Mending, managed: &Managed, old: &Credential) -> Result<(), Failure> {
    let Some(secret) = &old.secret else { return Ok(()) };
    let others = mending.candidates(&managed.kind, Some(&managed.name)).await;
    for (credential, error) in others.unread() {
        tracing::warn!(credential, %error, "it is not known whether this credential holds the same token");
    }
    if let Some(name) = others.holders(secret).first() {
        let message = format!("'{}' and '{name}' hold the same token; nothing was begun", managed.name);
        let hint = "make them one credential with the stores and dependents of both";
        return Err(Failure::new(Code::Usage, message).hint(hint));
    }
    Ok(())
}

fn credential(token: Option<TokenId>, secret: Secret, companions: Companions) -> Credential {
    Credential { token, secret: Some(secret), companions }
}

pub(super) fn from_standard_input() -> Result<Secret, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(LONGEST).read_to_end(&mut bytes);
    let secret = Secret::new(bytes);
    read.map_err(|error| Failure::because(Code::Outside, "could not read the secret from standard input", &error))?;
    let trimmed = crate::wiring::mending::trimmed(&secret);
    if is_blank(&trimmed) {
        return Err(Failure::new(Code::Usage, "standard input holds no secret"));
    }
    Ok(trimmed)
}

/// White space alone is no secret, however much of it there is.
#[expect(clippy::disallowed_methods, reason = "it is told whether there is anything; nothing leaves")]
fn is_blank(secret: &Secret) -> bool {
    secret.expose().trim_ascii().is_empty()
}

fn show_plan(screen: &Screen, plan: &Plan) -> Code {
    screen.head(plan);
    screen.text(&timeline::plan(plan, &rotation::effects(plan)));
    screen.text("\nnothing was done; the plan gets the digest that is approved when its case is opened\n");
    Code::Clean
}

async fn rehearse(
    screen: &Screen,
    mending: &Mending,
    managed: &Managed,
    plan: &Plan,
    old: &Credential,
) -> Result<Code, Failure> {
    let double = rehearsal::double(managed, old).map_err(Failure::from)?;
    let journal = crate::journal::memory::MemoryJournal::new();
    let (told, stopping) =
        (|state: &State, event: &rotation::Event| screen.event(state, event), AtomicBool::new(false));
    let runner = Runner {
        journal: &journal,
        clock: &rehearsal::SteppingClock::starting(mending.clock.now()),
        sealer: &mending.sealer,
        managed: &double.managed,
        people: &NOBODY,
        holder: "rehearsal".to_owned(),
        told: &told,
        beforehand: Some(Beforehand { who: Person::new("rehearsal"), valid: VALID }),
        stopping: &stopping,
    };
    screen.head(plan);
    let rotation =
        runner.open(Plan { consent: Consent::default(), ..plan.clone() }, old).await.map_err(Failure::from)?;
    let (mut state, mut rest) = runner.run(&rotation, None).await.map_err(Failure::from)?;
    while let Rest::Asks(_) = rest {
        let Some(word) = double.hand(&mending.sealer, &state).map_err(Failure::from)? else { break };
        (state, rest) = runner.run(&rotation, Some(word)).await.map_err(Failure::from)?;
    }
    screen.text("this was a rehearsal on memory adapters: nothing outside was touched\n");
    Ok(conclude(screen, &state, &rest, &Stopping::default()))
}

/// Says how it ended, what is live and what can be done; the exit code follows from that.
pub(super) fn conclude(screen: &Screen, state: &State, rest: &Rest, stopping: &Stopping) -> Code {
    screen.end(state, rest);
    match rest {
        Rest::Closed(Outcome::Rotated | Outcome::AlreadyDead | Outcome::Swept) => Code::Clean,
        Rest::Closed(Outcome::RolledBack(_)) => Code::RolledBack,
        Rest::Closed(Outcome::Abandoned) => Code::Held,
        Rest::Stopped => stopping.code(),
        Rest::Asks(why) => match &state.stage {
            // The revocation has not worked so far: the old token is not dead, so nobody who uses it fails.
            rotation::Stage::Held { why: Reason::StillLive, .. } => Code::Held,
            rotation::Stage::Held { .. } if is_broken(state) => Code::Broken,
            rotation::Stage::Held { .. } => Code::Held,
            // Nobody knows of an outage where a person was asked to replace a token and perhaps has not yet.
            _ if is_broken(state) && (*why != Reason::ByHand || matches!(state.old, Old::Dead(_))) => Code::Broken,
            _ => Code::Waiting,
        },
    }
}

/// The old token is dead or dying and a required dependent is not proved on the new one: somebody must be woken.
fn is_broken(state: &State) -> bool {
    let unproved = state.plan.dependents.iter().zip(&state.dependents).any(|(plan, one)| plan.required && !one.proved);
    state.pivoted() && (unproved || state.successor.is_none())
}
