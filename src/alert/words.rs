//! The words of each moment: what, where, live or not, what it does, what happens next, and who may stop it. Built from a
//! case's state and from a leak's public facts; nothing here has seen a secret.
//!
//! A notice's key is the case, the moment and when that stage was entered, so whoever computes it again (after a restart,
//! from the journal) tells nobody twice. What waits for a person is told again every [`REMINDER`], under a key of its own.

mod abuse;
mod ends;
mod sources;
mod strays;

pub use ends::ends;
pub use sources::{many, resumed, silence};
pub use strays::strangers;

use super::{Moment, Notice, Urgency};
use crate::model::{Health, KindId, Place, Reason, RotationId, Timestamp, Verdict};
use crate::rotation::{Approve, Event, Fact, Old, Order, Outcome, Purpose, Stage, State, StoreState};
use std::time::Duration;

/// What waits for a person is told again after this.
pub const REMINDER: Duration = Duration::from_secs(4 * 3600);
/// Probes of a dependent that may fail before it is said.
const PROBES: u32 = 3;

/// What one event of a case means to people; none where it means nothing new. `link` is the page about the case.
#[must_use]
pub fn event(before: Option<&State>, event: &Event, after: &State, link: Option<&str>) -> Option<Notice> {
    let mut notice = match standing(after, event.at, link) {
        Some(notice) if before.and_then(|was| Some(key(was, moment(was)?))).as_ref() != Some(&notice.key) => notice,
        _ => return abuse::seen(event, after, link).or_else(|| acted(event, after, link)),
    };
    // Evidence that the state does not keep.
    match event.fact.said() {
        Fact::Failed { note, .. } if !note.is_empty() && notice.moment != Moment::Unsure => {
            notice.text = with_line(&notice.text, &format!("Seen: {}", clean(note, 300)));
        }
        Fact::Ordered(_, who, reason) => {
            let reason = if reason.is_empty() { String::new() } else { format!(": {}", clean(reason, 300)) };
            notice.text = with_line(&notice.text, &format!("Ordered by {}{reason}", clean(who.as_str(), 60)));
        }
        _ => {}
    }
    if let Some(places) = abuse::places(event) {
        notice.text =
            with_line(&notice.text, &format!("ABUSE: the old token is used from {places}, where no dependent works"));
    }
    Some(notice)
}

/// What there is to say of a case as it stands, whatever was told before; none where nobody needs to know.
#[must_use]
pub fn standing(state: &State, now: Timestamp, link: Option<&str>) -> Option<Notice> {
    let moment = moment(state)?;
    let waited = now.since(state.entered);
    let times = match moment {
        Moment::Approval | Moment::Held | Moment::Outage | Moment::Unsure => {
            waited.as_secs().checked_div(REMINDER.as_secs()).unwrap_or(0)
        }
        _ => 0,
    };
    let mut key = key(state, moment);
    let (urgency, headline) = headline(state, moment, now);
    let mut text = format!("{headline}\n{}", commands(state, moment));
    if times > 0 {
        key = format!("{key}/{times}");
        text = with_line(&text, &format!("It has waited for {}.", span(waited)));
    }
    Some(notice(state, key, moment, urgency, text, now, link))
}

/// A case's key for a moment. What belongs to the end of the old token is told once a case and end.
fn key(state: &State, moment: Moment) -> String {
    let since = match moment {
        Moment::Unsure => state.ending.since.unwrap_or(state.entered),
        _ => state.entered,
    };
    format!("{}/{}/{}", state.plan.rotation, moment.word(), since.0)
}

fn notice(
    state: &State,
    key: String,
    moment: Moment,
    urgency: Urgency,
    text: String,
    at: Timestamp,
    link: Option<&str>,
) -> Notice {
    Notice {
        key,
        moment,
        urgency,
        case: Some(state.plan.rotation.clone()),
        kind: Some(state.plan.kind.clone()),
        credential: Some(state.plan.credential.clone()),
        text,
        link: link.map(str::to_owned),
        at,
    }
}

/// Which moment a state is, if any.
fn moment(state: &State) -> Option<Moment> {
    match &state.stage {
        Stage::AwaitingApproval(_) | Stage::AwaitingRevokeApproval => Some(Moment::Approval),
        Stage::Held { why: Reason::Unhealthy, .. } if state.pivoted() => Some(Moment::Outage),
        Stage::Held { .. } => Some(Moment::Held),
        Stage::Closed(Outcome::Rotated | Outcome::AlreadyDead | Outcome::Swept) => Some(Moment::Done),
        Stage::Closed(Outcome::RolledBack(_) | Outcome::Abandoned) => Some(Moment::RolledBack),
        Stage::Checking if !failing(state).is_empty() => {
            Some(if state.pivoted() { Moment::Outage } else { Moment::Stuck })
        }
        Stage::Revoking | Stage::Confirming if state.ending.unsure.is_some() => Some(Moment::Unsure),
        _ => None,
    }
}

/// Required dependents that were probed often enough and are not proved.
fn failing(state: &State) -> Vec<usize> {
    let all = state.plan.dependents.iter().zip(&state.dependents).enumerate();
    all.filter(|(_, (plan, one))| plan.required && !one.proved && one.tried >= PROBES).map(|(index, _)| index).collect()
}

fn headline(state: &State, moment: Moment, now: Timestamp) -> (Urgency, String) {
    let case = &state.plan.rotation;
    match moment {
        Moment::Approval => (Urgency::Warning, approval(state)),
        Moment::Stuck => (Urgency::Warning, stuck(state, now)),
        Moment::Unsure => {
            let every = span(state.plan.policy.confirm_pause);
            let text = format!(
                "{case}: the revoke was sent, the answer was lost. The old token may be dead. {} Asking every {every} \
                 whether it is.",
                in_use(state)
            );
            (Urgency::Error, text)
        }
        Moment::Outage => (Urgency::Critical, outage(state)),
        Moment::Done => (Urgency::Info, done(state)),
        Moment::RolledBack => (Urgency::Error, rolled_back(state)),
        _ => held(state),
    }
}

fn approval(state: &State) -> String {
    let (case, plan) = (&state.plan.rotation, &state.plan);
    if let Purpose::Sweep(sweep) = &plan.purpose {
        return strays::asked(case, &plan.credential, sweep);
    }
    if matches!(state.stage, Stage::AwaitingRevokeApproval) {
        return format!(
            "{case} needs a second yes, to revoke the old token of '{}'. {} After the revoke there is no way back.",
            plan.credential,
            in_use(state)
        );
    }
    let stores: Vec<_> = plan.stores.iter().map(|store| store.name.as_str()).collect();
    let proof = match plan.dependents.len() {
        0 => "nobody is named who could prove it".to_owned(),
        1 => "prove 1 dependent".to_owned(),
        count => format!("prove {count} dependents"),
    };
    let steps = if plan.emergency {
        format!("revoke the old token FIRST, then mint, store in {}, {proof}", stores.join(" and "))
    } else {
        format!("mint, store in {}, {proof}, revoke old", stores.join(" and "))
    };
    let digest = state.planned.as_ref().map(|digest| short(digest.as_str())).unwrap_or_default();
    format!(
        "{case} needs a yes: '{}' ({}) {} and {}. Plan {digest}: {steps}. Nothing has been changed yet{}.",
        plan.credential,
        plan.kind,
        match state.old {
            Old::Live(_) => "is live",
            Old::Unasked | Old::Ending(_) | Old::Dead(_) => "may be live",
        },
        match &plan.purpose {
            Purpose::Schedule => "is due by its schedule".to_owned(),
            Purpose::Offboarding(who) => format!("was held by {}, who leaves", clean(who.as_str(), 60)),
            Purpose::Leak | Purpose::Sweep(_) => "is leaked".to_owned(),
        },
        still_open(plan, ", and the leak stays open until then")
    )
}

fn stuck(state: &State, now: Timestamp) -> String {
    let waits = failing(state).into_iter().map(|index| answer(state, index)).collect::<Vec<_>>();
    let until = clock(state.entered.after(state.plan.policy.check_within), now);
    let broken = state.dependents.iter().any(|one| one.health == Some(Health::Bad));
    let now = if broken { "The old token still works." } else { "Nothing is broken now." };
    format!(
        "{} waits on {}. At {until} it goes back to the old token by itself. {now}",
        state.plan.rotation,
        waits.join(", ")
    )
}

/// How a dependent answered last, in words.
fn answer(state: &State, index: usize) -> String {
    let name = state.plan.dependents.get(index).map_or("?", |plan| plan.name.as_str());
    let Some(one) = state.dependents.get(index) else { return name.to_owned() };
    let how = match one.health {
        Some(Health::Stale) => "still on the old token",
        Some(Health::Bad) => "it fails",
        Some(Health::Indistinct) => "it cannot tell which token it holds",
        Some(Health::Good) => "it never showed the old token, so its answer proves nothing",
        None => "it cannot be asked",
    };
    format!("{name} ({how}, try {})", one.tried)
}

fn outage(state: &State) -> String {
    let named = failing(state);
    let all = state.plan.dependents.iter().zip(&state.dependents).enumerate();
    let bad = all.filter(|(_, (plan, one))| plan.required && one.health == Some(Health::Bad)).map(|(index, _)| index);
    let who: Vec<usize> = if named.is_empty() { bad.collect() } else { named };
    let names: Vec<_> =
        who.iter().filter_map(|index| state.plan.dependents.get(*index)).map(|plan| plan.name.as_str()).collect();
    let names = if names.is_empty() { "a dependent, or the new token itself,".to_owned() } else { names.join(", ") };
    let dead = if matches!(state.old, Old::Dead(_)) { "is dead and cannot be revived" } else { "has been revoked" };
    let deploy: Vec<_> = state
        .plan
        .stores
        .iter()
        .zip(&state.stores)
        .filter_map(|(plan, store)| match store {
            StoreState::Promoted(_, version) => Some(format!("{version} of {}", plan.name)),
            _ => None,
        })
        .collect();
    let deploy = match deploy.as_slice() {
        [] => "No store holds a new token yet.".to_owned(),
        deploy => format!("Deploy {} to it.", deploy.join(" and ")),
    };
    let why = if who.is_empty() { String::new() } else { format!(" ({})", tries(state, &who)) };
    format!("{}: {names} fails since the revoke{why}. The old token {dead}. {deploy}", state.plan.rotation)
}

fn tries(state: &State, who: &[usize]) -> String {
    let count: u32 =
        who.iter().filter_map(|index| state.dependents.get(*index)).map(|one| one.tried).max().unwrap_or(0);
    format!("{count} probes")
}

fn held(state: &State) -> (Urgency, String) {
    let case = &state.plan.rotation;
    let Stage::Held { at, why } = &state.stage else { return (Urgency::Error, format!("{case} waits.")) };
    let live = live(state);
    if state.plan.purpose.is_sweep() {
        return (Urgency::Warning, format!("{case}: ending tokens that nobody uses is held: {why}."));
    }
    if *why == Reason::Ordered {
        return (Urgency::Warning, format!("{case} is paused: a person said so. {live}"));
    }
    let past = match (state.pivoted(), at.as_ref()) {
        (true, _) => "There is no way back to the old token.",
        (false, Stage::RollingBack(_)) => "It was going back to the old token and could not end that.",
        (false, _) => "It can still go back.",
    };
    let urgency = if state.pivoted() { Urgency::Critical } else { Urgency::Error };
    (urgency, format!("{case} is held, and a person must choose: {why}. {live} {past}"))
}

/// Which tokens work.
fn live(state: &State) -> String {
    let old = match &state.old {
        Old::Unasked => "The old token was not asked yet",
        Old::Live(_) => "The old token is LIVE",
        Old::Ending(_) => "The old token is perhaps dead",
        Old::Dead(_) => "The old token is dead",
    };
    let new = if state.successor.is_some() { "there is a new one" } else { "there is no new one" };
    format!("{old}; {new}.")
}

/// How many dependents are proved on the new token.
fn in_use(state: &State) -> String {
    let (proved, all) = (state.dependents.iter().filter(|one| one.proved).count(), state.dependents.len());
    match (proved, all) {
        (_, 0) => "Nobody is named who could prove the new one.".to_owned(),
        (proved, all) if proved == all => format!("All {all} dependents work on the new one."),
        (proved, all) => format!("{proved} of {all} dependents are proved on the new one."),
    }
}

fn done(state: &State) -> String {
    let (case, plan) = (&state.plan.rotation, &state.plan);
    if plan.purpose.is_sweep() {
        return format!("{case} closed: no token with our label of '{}' is left that nobody uses.", plan.credential);
    }
    if matches!(state.stage, Stage::Closed(Outcome::AlreadyDead)) {
        return format!(
            "{case} closed: the leaked token of '{}' was dead already. Nothing was changed.",
            plan.credential
        );
    }
    let (proved, all) = (state.dependents.iter().filter(|one| one.proved).count(), state.dependents.len());
    let used = if all == 0 { "new one stored".to_owned() } else { format!("new one in use by {proved} of {all}") };
    let confirms = plan.policy.confirms;
    let times = if confirms == 1 { "once".to_owned() } else { format!("{confirms} times") };
    // The last window begins when the old token was seen dead.
    let exposed = span(state.entered.since(plan.leaked).saturating_sub(plan.policy.watch));
    format!(
        "{case} closed: old token of '{}' observed dead {times}, {used}. Exposed for at most {exposed}.",
        plan.credential
    )
}

fn rolled_back(state: &State) -> String {
    let case = &state.plan.rotation;
    let open = still_open(&state.plan, " The leak is STILL OPEN.");
    if state.plan.purpose.is_sweep() {
        return format!("{case} was given up: tokens of '{}' that nobody uses live on.", state.plan.credential);
    }
    match &state.stage {
        Stage::Closed(Outcome::RolledBack(why)) => format!(
            "{case} rolled back: old token of '{}' in use, new one dead.{open} Reason: {why}.",
            state.plan.credential
        ),
        _ => {
            let dead = matches!(state.old, Old::Dead(_));
            let leak = if dead { " The old token is dead." } else { open };
            format!("{case} was given up: '{}' is as it was left.{leak} Nobody works on it.", state.plan.credential)
        }
    }
}

/// What is said where a token has leaked, or was held by somebody who leaves; nothing of one that merely became old.
fn still_open<'w>(plan: &crate::rotation::Plan, words: &'w str) -> &'w str {
    if plan.purpose.is_leak() { words } else { "" }
}

/// A person's decision, which others want to know of; nothing where the event is none.
fn acted(event: &Event, state: &State, link: Option<&str>) -> Option<Notice> {
    let case = &state.plan.rotation;
    let open = |act| match crate::rotation::tally(state, act, event.at) {
        tally if tally.yes.is_empty() => None,
        tally => Some(format!("{} more must say so.", tally.missing)),
    };
    let text = match event.fact.said() {
        // Nobody approved: a policy did, or the one who opened the case, and they know.
        Fact::Approved { .. } if state.plan.policy.approve == Approve::Never => return None,
        Fact::Approved { who, .. } => {
            let next = crate::rotation::act(state).and_then(open).unwrap_or_else(|| "It goes on.".to_owned());
            format!("{case}: {} approved the plan. {next}", clean(who.as_str(), 60))
        }
        Fact::Ordered(order, who, reason) => {
            let next = match order {
                Order::Resume => "It goes on.",
                Order::Pause => "It stops.",
                Order::Abort => "It goes back to the old token.",
                Order::RevokeNow => "The old token is revoked now.",
                Order::Abandon => "Nobody works on it any more.",
            };
            let open = (*order == Order::RevokeNow).then(|| open(crate::rotation::Act::RevokeNow)).flatten();
            let next = open.as_deref().unwrap_or(next);
            let reason = if reason.is_empty() { String::new() } else { format!(" ({})", clean(reason, 300)) };
            format!("{case}: {} ordered {}{reason}. {next}", clean(who.as_str(), 60), order.word())
        }
        _ => return None,
    };
    let key = format!("{case}/{}/{}", Moment::Acted.word(), event.at.0);
    Some(notice(state, key, Moment::Acted, Urgency::Info, text, event.at, link))
}

/// What can be typed, and what it does.
fn commands(state: &State, moment: Moment) -> String {
    let case = &state.plan.rotation;
    let mut lines = Vec::new();
    let mut say = |verb: &str, rest: &str, does: &str| lines.push(format!("{does}: stanch case {verb} {case}{rest}"));
    let reason = " --reason WHY";
    match moment {
        Moment::Approval => {
            let plan = match &state.stage {
                Stage::AwaitingApproval(digest) => format!(" --plan {}", short(digest.as_str())),
                _ => String::new(),
            };
            say("show", "", "Look");
            say("approve", &plan, "Yes");
            say("abort", reason, "No");
        }
        Moment::Done => say("show", "", "What happened, and who used the old token"),
        Moment::RolledBack => say("show", "", "What happened"),
        _ => {
            say("show", "", "Look");
            for order in crate::rotation::allowed(state) {
                match order {
                    Order::Resume => say("resume", reason, "Go on"),
                    Order::Abort => say("abort", reason, "Go back to the old token"),
                    Order::RevokeNow => say("revoke-now", reason, "End the old token at once, whoever uses it"),
                    Order::Abandon => say("abandon", reason, "Give up"),
                    Order::Pause => say("pause", reason, "Stop"),
                }
            }
        }
    }
    lines.join("\n")
}

/// A leak that was found, in public facts.
#[derive(Clone, Debug)]
pub struct Leak<'a> {
    /// Names the secret without showing it.
    pub fingerprint: &'a str,
    /// Its kind.
    pub kind: &'a KindId,
    /// The managed credential that it belongs to.
    pub credential: Option<&'a str>,
    /// What its provider says of it; none where it was not asked.
    pub verdict: Option<&'a Verdict>,
    /// How many other places it was found at.
    pub also: usize,
    /// Where, in that source.
    pub place: &'a Place,
    /// The source, or the repository.
    pub source: &'a str,
    /// Who pushed it, if that is known.
    pub who: Option<&'a str>,
    /// How it went past a hook, if it is known that a person let it pass.
    pub bypass: Option<&'a str>,
    /// Who uses the credential.
    pub used_by: &'a [String],
    /// What happens next.
    pub next: Next,
    /// When it was seen first.
    pub seen: Timestamp,
}

/// What follows from a leak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The policy only reports.
    Reported,
    /// No managed credential is known for it.
    Unmanaged,
    /// The machine leaves it alone, whatever the policy says; why.
    Spared(String),
    /// A case was opened, which asks before anything changes.
    Asks(RotationId),
    /// A case was opened, which goes on by itself.
    Rotates(RotationId),
}

/// The words of a leak. Once a source and secret: its key is the source, the fingerprint and what the verdict was.
#[must_use]
pub fn leak(leak: &Leak<'_>, now: Timestamp, link: Option<&str>) -> Notice {
    let live = matches!(leak.verdict, Some(Verdict::Live(_) | Verdict::Restricted(..)));
    let dead = matches!(leak.verdict, Some(Verdict::Dead));
    let (urgency, state) = match leak.verdict {
        Some(Verdict::Live(_)) => (Urgency::Critical, "is LIVE"),
        Some(Verdict::Restricted(..)) => (Urgency::Critical, "is LIVE, with limits,"),
        Some(Verdict::Dead) => (Urgency::Info, "is dead"),
        Some(Verdict::WrongPlace | Verdict::Unknown(_)) => (Urgency::Error, "may be live (its provider did not say)"),
        None => (Urgency::Error, "may be live (nobody was asked)"),
    };
    let what = match leak.credential {
        Some(credential) => format!("{} of '{}'", leak.kind, clean(credential, 80)),
        None => leak.kind.to_string(),
    };
    let who = leak.who.map(|who| format!(" by {}", clean(who, 80))).unwrap_or_default();
    let also = match leak.also {
        0 => String::new(),
        1 => " and 1 more place".to_owned(),
        more => format!(" and {more} more places"),
    };
    let mut text = format!(
        "{what} {state} and was found in {}{who}, at {}{also}, {} ago.",
        clean(leak.source, 120),
        clean(&leak.place.to_string(), 200),
        span(now.since(leak.seen))
    );
    if !leak.used_by.is_empty() {
        let names: Vec<_> = leak.used_by.iter().map(|name| clean(name, 60)).collect();
        text.push_str(&format!(" Used by {}.", clean(&names.join(", "), 400)));
    }
    if let Some(bypass) = leak.bypass {
        text.push_str(&format!(" A local hook was bypassed for it: {}.", clean(bypass, 300)));
    }
    let (case, next) = match &leak.next {
        Next::Reported if dead => (None, "Nothing is to be done but to take it out of the text.".to_owned()),
        Next::Reported => (None, "The policy is to report: nothing is changed by itself.".to_owned()),
        Next::Unmanaged if dead => (None, "Nothing is to be done but to take it out of the text.".to_owned()),
        Next::Unmanaged => {
            (None, "No credential in the configuration is known to hold it: it must be replaced by hand.".to_owned())
        }
        Next::Spared(why) => (None, format!("Nothing is changed by itself: {}", sentence(&clean(why, 300)))),
        Next::Asks(case) => (Some(case), format!("{case} is opened and asks before it changes anything.")),
        Next::Rotates(case) => (Some(case), format!("{case} is opened and replaces it by itself.")),
    };
    text.push_str(&format!(" {next}"));
    match (case, leak.credential) {
        (Some(case), _) => {
            text.push_str(&format!("\nLook: stanch case show {case}\nStop it: stanch case pause {case} --reason WHY"))
        }
        (None, Some(credential)) if !dead && !matches!(leak.next, Next::Spared(_)) => {
            text.push_str(&format!("\nReplace it: stanch rotate --credential {}", clean(credential, 80)));
        }
        _ => {}
    }
    text.push_str(&format!("\nFingerprint: {}", leak.fingerprint));
    let verdict = leak.verdict.map_or("unasked", Verdict::word);
    let bypassed = if leak.bypass.is_some() { "/bypassed" } else { "" };
    Notice {
        key: format!("leak/{}/{}/{verdict}{bypassed}", clean(leak.source, 120), leak.fingerprint),
        moment: Moment::Leak,
        urgency: if live { Urgency::Critical } else { urgency },
        case: case.cloned(),
        kind: Some(leak.kind.clone()),
        credential: leak.credential.map(str::to_owned),
        text,
        link: link.map(str::to_owned),
        at: now,
    }
}

/// A message that one sink did not take, for the others. Told once a sink and day.
#[must_use]
pub fn undelivered(sink: &str, headline: &str, why: &str, now: Timestamp) -> Notice {
    let text = format!(
        "'{sink}' was not told, and will not be: {} The message was: {}\nTry it: stanch notify test {sink}",
        sentence(&clean(why, 200)),
        clean(headline, 300)
    );
    alone(format!("undelivered/{sink}/{}", day(now)), Moment::DeadMan, Urgency::Error, text, now)
}

/// A message that says nothing but that messages arrive.
#[must_use]
pub fn test(sink: &str, now: Timestamp) -> Notice {
    let text = format!(
        "This is a test: messages of stanch arrive at '{sink}'. Nothing is leaked, nothing was changed, nothing is to be done."
    );
    alone(format!("test/{sink}/{}", now.0), Moment::Test, Urgency::Info, text, now)
}

fn alone(key: String, moment: Moment, urgency: Urgency, text: String, at: Timestamp) -> Notice {
    Notice { key, moment, urgency, case: None, kind: None, credential: None, text, link: None, at }
}

/// Text of others on one line, without signs that hide or turn what follows, and not endless.
fn clean(text: &str, most: usize) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    super::clipped(&text.replace(hidden, "\u{fffd}"), most)
}

fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// A line put between the headline and the commands.
fn with_line(text: &str, line: &str) -> String {
    match text.split_once('\n') {
        Some((headline, rest)) => format!("{headline}\n{line}\n{rest}"),
        None => format!("{text}\n{line}"),
    }
}

/// The first eight characters of a digest in two groups, as plans show it.
fn short(digest: &str) -> String {
    format!("{}-{}", digest.get(..4).unwrap_or(digest), digest.get(4..8).unwrap_or_default())
}

/// `41m12s`: the two largest units.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{part}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => two(minutes, "m", seconds % 60, "s"),
        (0, hours, minutes) => two(hours, "h", minutes, "m"),
        (days, hours, _) => two(days, "d", hours, "h"),
    }
}

/// `14:07 UTC`, with its date where it is not within a day.
fn clock(at: Timestamp, now: Timestamp) -> String {
    let text = at.to_string();
    let near = at.since(now) < Duration::from_secs(86_400);
    match (text.get(11..16), near) {
        (Some(time), true) => format!("{time} UTC"),
        _ => text,
    }
}

fn day(at: Timestamp) -> String {
    at.to_string().get(..10).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
