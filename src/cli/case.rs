//! `stanch case`: what is open, what happened, and what a person may do about it.

use super::discretion;
use super::exit::Code;
use super::failure::Failure;
use super::follow::{Followed, follow, leave, told};
use super::listing::list;
use super::rotate::{conclude, from_standard_input};
use super::screen::Screen;
use super::signing::{expiry, seen, speaker, vouched};
use super::{acts, person, signals};
use crate::clock::Clock as _;
use crate::journal::{Journal as _, JournalError};
use crate::model::{Class, Reason, RotationId, Severity, TokenId};
use crate::report::timeline;
use crate::rotation::{self, Due, Fact, Order, Said, Stage, State};
use crate::rules::exchange::Act;
use crate::runner::{self, RunError, Word};
use crate::wiring::mending::Mending;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often a case that is watched is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Case, verbose: bool) -> Result<Code, Failure> {
    signals::runtime()?.block_on(case(given, verbose))
}

async fn case(given: &acts::Case, verbose: bool) -> Result<Code, Failure> {
    let mending = Mending::open(given.config.as_deref()).await.map_err(Failure::from)?;
    let screen = Screen::new(verbose);
    // A reason is kept in the journal.
    let said = |reason: &str| discretion::without_tokens(reason);
    let id = |id: &str| rotation_id(id);
    match &given.verb {
        acts::CaseVerb::List { json, exposed } => list(&mending, &screen, *json, *exposed).await,
        acts::CaseVerb::Show { id: of, json } => show(&mending, &screen, &id(of), *json).await,
        acts::CaseVerb::Watch { id: of } => watch(&mending, &screen, &id(of)).await,
        acts::CaseVerb::Deny { id: of, reason, signing } => {
            deny(&mending, &screen, &id(of), &said(reason)?, signing).await
        }
        acts::CaseVerb::Approve { id: of, plan, signing } => {
            approve(&mending, &screen, &id(of), plan.as_deref(), signing).await
        }
        acts::CaseVerb::Provide { id: of, secret: acts::Stdin::Stdin, token, who, key, seen } => {
            let signing = acts::Signing { who: who.clone(), key: key.clone(), seen: *seen, ..acts::Signing::default() };
            provide(&mending, &screen, &id(of), token.as_deref(), &signing).await
        }
        acts::CaseVerb::Pause { id: of, reason } => {
            let word = Spoken { order: Order::Pause, reason: &said(reason)?, signing: &acts::Signing::default() };
            order(&mending, &screen, &id(of), &word).await
        }
        acts::CaseVerb::Resume { id: of, reason, signing } => {
            order(&mending, &screen, &id(of), &Spoken { order: Order::Resume, reason: &said(reason)?, signing }).await
        }
        acts::CaseVerb::Abort { id: of, reason, signing } => {
            order(&mending, &screen, &id(of), &Spoken { order: Order::Abort, reason: &said(reason)?, signing }).await
        }
        acts::CaseVerb::Abandon { id: of, reason, signing } => {
            order(&mending, &screen, &id(of), &Spoken { order: Order::Abandon, reason: &said(reason)?, signing }).await
        }
        acts::CaseVerb::RevokeNow { id: of, reason, signing } => {
            let word = Spoken { order: Order::RevokeNow, reason: &said(reason)?, signing };
            order(&mending, &screen, &id(of), &word).await
        }
    }
}

/// An order as it was typed.
struct Spoken<'a> {
    order: Order,
    reason: &'a str,
    signing: &'a acts::Signing,
}

/// `C-0142`, `c-142` and `142` name the same case.
pub(super) fn rotation_id(text: &str) -> RotationId {
    let digits = text.trim_start_matches(['C', 'c']).trim_start_matches('-');
    match digits.parse::<u64>() {
        Ok(number) => RotationId::new(format!("C-{number:04}")),
        Err(_) => RotationId::new(text),
    }
}

async fn show(mending: &Mending, screen: &Screen, id: &RotationId, json: bool) -> Result<Code, Failure> {
    let records = mending.journal.replay(id).await.map_err(Failure::from)?;
    if json {
        for record in &records {
            let line = serde_json::to_string(record)
                .map_err(|error| Failure::because(Code::Outside, "a record cannot be written as JSON", &error))?;
            screen.text(&format!("{line}\n"));
        }
        return Ok(Code::Clean);
    }
    let now = runner::fold(&records).map_err(RunError::Illegal).map_err(Failure::from)?;
    screen.head_now(&now, severity(mending, &now));
    told(screen, &records, None)?;
    screen.standing(&now, Some(records.len() as u64));
    by_hand(mending, screen, &now);
    Ok(Code::Clean)
}

fn severity(mending: &Mending, state: &State) -> Option<Severity> {
    mending.catalogue.find(&state.plan.kind).map(|kind| kind.severity)
}

/// Prints what happens until the case is over, whoever runs it.
async fn watch(mending: &Mending, screen: &Screen, id: &RotationId) -> Result<Code, Failure> {
    let stopping = signals::watch()?;
    let (mut state, mut shown, mut stood) = (None, 0, 0);
    loop {
        // The whole chain is read and checked only when there is something new in it.
        let standing = mending.journal.standing(id).await.map_err(Failure::from)?;
        if standing.listed.records > shown as u64 {
            let records = mending.journal.replay(id).await.map_err(Failure::from)?;
            if state.is_none() {
                let now = runner::fold(&records).map_err(RunError::Illegal).map_err(Failure::from)?;
                screen.head_now(&now, severity(mending, &now));
            }
            state = told(screen, records.get(shown..).unwrap_or_default(), state)?;
            shown = records.len();
        }
        let Some(now) = &state else { return Ok(Code::Clean) };
        let rests = matches!(rotation::due(now, mending.clock.now()), Due::Ask(_) | Due::Rest(_));
        if rests && stood != shown {
            stood = shown;
            screen.standing(now, Some(shown as u64));
            by_hand(mending, screen, now);
        }
        if matches!(now.stage, Stage::Closed(_)) {
            return Ok(Code::Clean);
        }
        if stopping.asked.load(Ordering::SeqCst) {
            return Ok(stopping.code());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What a denied approval means: the case goes back.
async fn deny(
    mending: &Mending,
    screen: &Screen,
    id: &RotationId,
    reason: &str,
    signing: &acts::Signing,
) -> Result<Code, Failure> {
    let state = runner::replay(&mending.journal, id).await.map_err(Failure::from)?;
    if rotation::act(&state).is_none() {
        let message = format!("{id} does not wait for an approval: it is {}", runner::stage_word(&state.stage));
        return Err(Failure::new(Code::Usage, message).hint(format!("stanch case abort {id} goes back from anywhere")));
    }
    let reason = format!("denied: {reason}");
    order(mending, screen, id, &Spoken { order: Order::Abort, reason: &reason, signing }).await
}

async fn approve(
    mending: &Mending,
    screen: &Screen,
    id: &RotationId,
    plan: Option<&str>,
    signing: &acts::Signing,
) -> Result<Code, Failure> {
    let (state, seen) = stands(mending, id, signing).await?;
    let (who, expires) = (speaker(mending, signing)?, expiry(mending, signing)?);
    let fact = match (&state.stage, &state.planned) {
        (Stage::AwaitingApproval(digest), _) => {
            let typed = plan.map(|plan| plan.replace('-', "").to_ascii_lowercase());
            if typed.as_deref().is_some_and(|typed| typed.len() < 8 || !digest.as_str().starts_with(typed)) {
                let message =
                    format!("{id} waits for approval of plan {}, not of that one", timeline::short(digest.as_str()));
                return Err(
                    Failure::new(Code::Usage, message).hint(format!("stanch case show {id} prints what it would do"))
                );
            }
            Fact::Approved { who, digest: digest.clone(), expires }
        }
        (Stage::AwaitingRevokeApproval, _) if state.plan.consent.is_plain() && mending.operator.known.is_empty() => {
            Fact::Ordered(Order::Resume, who, "approved the revoke".to_owned())
        }
        (Stage::AwaitingRevokeApproval, Some(digest)) => Fact::Approved { who, digest: digest.clone(), expires },
        (other, _) => {
            let message = format!("{id} does not wait for an approval: it is {}", runner::stage_word(other));
            return Err(
                Failure::new(Code::Usage, message).hint(format!("stanch case show {id} says what it waits for"))
            );
        }
    };
    match vouched(mending, screen, &state, seeing(fact, seen), signing, expires)? {
        Some(fact) => go_on(mending, screen, id, Some(fact.into())).await?.map_err(Failure::from),
        None => Ok(Code::Clean),
    }
}

/// Hands a token over that a person made. It is read only where the case takes one, and sealed before anything else.
async fn provide(
    mending: &Mending,
    screen: &Screen,
    id: &RotationId,
    token: Option<&str>,
    signing: &acts::Signing,
) -> Result<Code, Failure> {
    let (state, seen) = stands(mending, id, signing).await?;
    if !rotation::takes_value(&state) {
        let message = match &state.stage {
            Stage::Held { why, .. } => format!("{id} does not wait for a token: it is held ({why})"),
            stage => format!("{id} does not wait for a token: it is {}", runner::stage_word(stage)),
        };
        return Err(Failure::new(Code::Usage, message).hint(format!("stanch case show {id} says what it waits for")));
    }
    if token.is_none() && is_pair(mending, &state) {
        let message = format!("{} is a pair: its public half is missing", state.plan.kind);
        return Err(
            Failure::new(Code::Usage, message).hint(format!("stanch case provide {id} --token HANDLE --secret -"))
        );
    }
    let (who, expires) = (speaker(mending, signing)?, expiry(mending, signing)?);
    let secret = from_standard_input()?;
    let sealed = runner::seal_provided(&mending.sealer, id, &secret).map_err(Failure::from)?;
    drop(secret);
    let mut word = Word::provided(who, sealed, token.map(TokenId::new));
    match vouched(mending, screen, &state, seeing(word.fact, seen), signing, expires)? {
        Some(fact) => word.fact = fact,
        None => return Ok(Code::Clean),
    }
    match go_on(mending, screen, id, Some(word.clone())).await? {
        Err(RunError::Journal(JournalError::Held { .. })) => {
            leave(mending, id, &word).await?;
            screen.text(&format!("{id} is being run by another process; the token waits for it, sealed\n"));
            Ok(Code::Waiting)
        }
        other => other.map_err(Failure::from),
    }
}

/// Where a case waits for a person's hand: what to do, and where that is described.
pub(super) fn by_hand(mending: &Mending, screen: &Screen, state: &State) {
    let Some((act, what)) = hand_of(state) else { return };
    let mut text = format!("  by hand:  {what}\n");
    let kind = mending.catalogue.find(&state.plan.kind);
    if rotation::takes_value(state) && is_pair(mending, state) {
        text.push_str(&format!(
            "    its public half goes with it: --token HANDLE --secret - of case provide {}\n",
            state.plan.rotation
        ));
    }
    if let Some(how) = kind.and_then(|kind| kind.exchanges().by_hand(act)) {
        for (number, step) in how.steps.iter().enumerate() {
            text.push_str(&format!("    {}. {step}\n", number + 1));
        }
        text.push_str(&format!("    see {}\n", how.page));
    }
    screen.text(&text);
}

/// True when the provider takes the token as two halves, which both change.
fn is_pair(mending: &Mending, state: &State) -> bool {
    let Some(kind) = mending.catalogue.find(&state.plan.kind) else { return false };
    kind.exchanges().ways(Act::Verify).iter().any(|way| way.names().any(|part| part == "token"))
}

/// The token that must die, so that nobody ends the one in use instead.
fn end_unused(state: &State) -> String {
    let unused = state.orphans.first().filter(|orphan| orphan.is_named).map(|orphan| format!(" {}", orphan.token));
    let unused = unused.unwrap_or_default();
    match &state.successor {
        Some(new) => format!(
            "end the token{unused} in the provider's console that was handed over or made and is NOT used (the new \
             one in use is {}), then resume: the provider is asked",
            new.token
        ),
        None => format!(
            "end the NEW token{unused} in the provider's console, leave the old one alone, then resume: the provider \
             is asked"
        ),
    }
}

fn hand_of(state: &State) -> Option<(Act, String)> {
    let replaces = state.plan.abilities.class == Class::Replace;
    match &state.stage {
        _ if rotation::takes_value(state) && replaces => Some((
            Act::Replace,
            "replace the token in the provider's console (the old one ends with that), then hand the new one over on \
             standard input"
                .to_owned(),
        )),
        _ if rotation::takes_value(state) => Some((
            Act::Mint,
            "make a token with the same rights in the SAME account in the provider's console (which account it is of \
             cannot be seen from here), leave the old one alone, and hand the new one over on standard input"
                .to_owned(),
        )),
        Stage::Held { at, why: Reason::ByHand } if **at == Stage::Revoking => Some((
            Act::Revoke,
            "end the OLD token in the provider's console, then resume: the provider is asked".to_owned(),
        )),
        Stage::Held { why: Reason::ByHand, .. } => Some((Act::Revoke, end_unused(state))),
        _ => None,
    }
}

/// How a case stands, and the record that a word about it is for: the one that is named, else the last.
async fn stands(mending: &Mending, id: &RotationId, signing: &acts::Signing) -> Result<(State, Option<u64>), Failure> {
    let records = mending.journal.replay(id).await.map_err(Failure::from)?;
    let state = runner::fold(&records).map_err(RunError::Illegal).map_err(Failure::from)?;
    Ok((state, seen(signing, records.len() as u64)?))
}

fn seeing(word: Fact, seen: Option<u64>) -> Fact {
    match seen {
        Some(seen) => Fact::Said(Box::new(Said { seen, word })),
        None => word,
    }
}

/// Gives an order: to the process that runs the case if there is one, else carried out here.
async fn order(mending: &Mending, screen: &Screen, id: &RotationId, word: &Spoken<'_>) -> Result<Code, Failure> {
    let (state, seen) = stands(mending, id, word.signing).await?;
    let order = word.order;
    // A case that was merely interrupted needs no order to go on; only one that is held or paused does.
    let waits = matches!(state.stage, Stage::Held { .. } | Stage::AwaitingRevokeApproval)
        || rotation::allowed(&state).contains(&Order::Resume);
    if order == Order::Resume && !waits {
        return go_on(mending, screen, id, None).await?.map_err(Failure::from);
    }
    let (who, expires) = match order {
        Order::Pause => (person::current(), mending.clock.now()),
        _ => (speaker(mending, word.signing)?, expiry(mending, word.signing)?),
    };
    let fact = Fact::Ordered(order, who, word.reason.to_owned());
    let fact = seeing(fact, seen);
    let Some(fact) = vouched(mending, screen, &state, fact, word.signing, expires)? else { return Ok(Code::Clean) };
    let said = Word::from(fact);
    match go_on(mending, screen, id, Some(said.clone())).await? {
        Err(RunError::Journal(JournalError::Held { .. })) if order != Order::Resume => {
            leave(mending, id, &said).await?;
            screen.text(&format!("{id} is being run by another process; it was told to {}\n", order.word()));
            Ok(Code::Waiting)
        }
        other => other.map_err(Failure::from),
    }
}

/// Carries a case on: the daemon does it if one runs, else this process.
async fn go_on(
    mending: &Mending,
    screen: &Screen,
    id: &RotationId,
    first: Option<Word>,
) -> Result<Result<Code, RunError>, Failure> {
    let records = mending.journal.replay(id).await.map_err(Failure::from)?;
    let state = runner::fold(&records).map_err(RunError::Illegal).map_err(Failure::from)?;
    if mending.attended().await.map_err(Failure::from)?.is_some() {
        let word = match &first {
            Some(word) => Some(leave(mending, id, word).await?),
            None => None,
        };
        screen.head(&state.plan);
        let followed = Followed { rotation: id, shown: records.len() as u64, word, approves: false };
        return follow(mending, screen, followed).await.map(Ok);
    }
    let managed = mending.managed(&state.plan.credential).await.map_err(Failure::from)?;
    let told = |state: &State, event: &rotation::Event| screen.event(state, event);
    let stopping = signals::watch()?;
    let runner = mending.runner(&managed, &told, None, &stopping.asked);
    screen.head(&state.plan);
    Ok(runner.run(id, first).await.map(|(state, rest)| {
        let code = conclude(screen, &state, &rest, &stopping);
        by_hand(mending, screen, &state);
        code
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_named_in_any_spelling() {
        for text in ["C-0142", "c-142", "142", "C142"] {
            assert_eq!(rotation_id(text).as_str(), "C-0142");
        }
    }
}
