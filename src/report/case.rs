//! A case at one moment: what is live, what happens next and when, what can be stopped and what that would do.

use super::timeline::{short, standing, step_words, time_of_day};
use crate::model::{Class, Reason, Severity, Timestamp};
use crate::rotation::{self, Act, Due, Old, Order, Outcome, Pace, Plan, Purpose, Stage, State};
use std::time::Duration;

/// Something a person may type now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The command, whole.
    pub command: String,
    /// What would come of it.
    pub consequence: String,
}

/// The first lines: what it is, how bad, how long it has been open, what is live, what the stores hold.
#[must_use]
pub fn head(state: &State, severity: Option<Severity>, now: Timestamp) -> String {
    let plan = &state.plan;
    if plan.purpose.is_sweep() {
        let (id, kind, what) = (&plan.rotation, &plan.kind, plan.purpose.words());
        return format!("{id}  {kind}  {what}  '{}'\n{}\n", plan.credential, standing(state));
    }
    let severity = severity.map(|severity| format!("  {}", severity.to_string().to_uppercase())).unwrap_or_default();
    let old = match &state.old {
        Old::Unasked => "not asked",
        Old::Live(_) => "live",
        Old::Ending(_) => "ending",
        Old::Dead(_) => "dead",
    };
    let (word, until) = match &state.stage {
        Stage::Closed(Outcome::Rotated | Outcome::AlreadyDead) => ("was exposed", state.entered),
        _ => ("exposed", now),
    };
    let exposed = match plan.purpose {
        Purpose::Schedule => format!("scheduled, open for {}", span(until.since(state.opened))),
        Purpose::Offboarding(_) => format!("{}, open for {}", plan.purpose.words(), span(until.since(state.opened))),
        Purpose::Leak | Purpose::Sweep(_) => format!("{word} {}", span(until.since(plan.leaked))),
    };
    format!(
        "{}  {}{severity}  old token {old}   '{}'\n{exposed}   plan {}   {}\n",
        plan.rotation,
        plan.kind,
        plan.credential,
        super::timeline::class(plan),
        standing(state)
    )
}

/// What happens next by itself, or whom the case waits for; nothing once it is over.
#[must_use]
pub fn next(state: &State, now: Timestamp) -> Option<String> {
    if let Pace::Running { step, .. } = state.pace {
        let words = step_words(&state.plan, step);
        return Some(format!("begun: {words}; what came of it is not recorded yet"));
    }
    let due = rotation::due(state, now);
    let again = match &due {
        Due::Wait(until) => format!("next try {}", time_of_day(*until)),
        _ => "next try now".to_owned(),
    };
    let policy = &state.plan.policy;
    let deadline = |within| time_of_day(state.entered.after(within));
    let ordered = match rotation::tally(state, Act::RevokeNow, now) {
        tally if tally.yes.is_empty() => String::new(),
        _ => format!("; revoke-now is ordered{}", voices(state, Act::RevokeNow, now)),
    };
    let next = match &state.stage {
        Stage::Closed(_) => return None,
        Stage::AwaitingApproval(digest) => {
            let plan = short(digest.as_str());
            format!(
                "waiting for approval of plan {plan}; nothing has been changed yet{}",
                voices(state, Act::Plan, now)
            )
        }
        Stage::AwaitingRevokeApproval => {
            let voices = voices(state, Act::Revoke, now);
            format!("waiting for a yes to the revoke; old and new token both work meanwhile{voices}")
        }
        Stage::Held { at, why } => format!("held while {}: {why}", doing(state, at)),
        Stage::Minting if rotation::takes_value(state) => match due {
            Due::Ask(why) => format!("waiting for a token: {why}"),
            _ => format!("waiting for a token: {}", Reason::ByHand),
        },
        Stage::Proving => {
            let end = end(state, "back to OLD (no outage)");
            format!("the new token must work, {again}; deadline {}, then {end}", deadline(policy.prove_within))
        }
        Stage::Checking => {
            let (who, end) = (unproved(state).join(", "), end(state, "back to OLD (no outage)"));
            let who = if who.is_empty() { "the dependents".to_owned() } else { who };
            format!("waiting on {who}, {again}; deadline {}, then {end}", deadline(policy.check_within))
        }
        Stage::Soaking { until } => {
            format!("watching the old token's use until {}, then the revoke", time_of_day(*until))
        }
        Stage::Confirming => confirming(state, &again),
        Stage::Revoking if state.pivoted() => format!("the old token is being ended, {again}; there is no way back"),
        Stage::Watching { until } => {
            format!("the old token is dead; watching the new one until {}, then closed", time_of_day(*until))
        }
        Stage::RollingBack(why) => format!("going back to OLD ({why}), {again}"),
        Stage::Quarantined { until } if matches!(due, Due::Wait(_)) => {
            format!("the strays are disabled; unless somebody misses them they are ended at {}", moment(*until))
        }
        stage => format!("{}, {again}", doing(state, stage)),
    };
    Some(format!("{next}{ordered}"))
}

/// Who has said yes, how many are missing, and who cannot say it; nothing where one person's yes is enough.
fn voices(state: &State, act: Act, now: Timestamp) -> String {
    let consent = &state.plan.consent;
    let (tally, needed) = (rotation::tally(state, act, now), rotation::needed(state, act));
    let mut text = String::new();
    if needed > 1 {
        let yes: Vec<_> =
            tally.yes.iter().map(|(who, until)| format!("{who} (until {})", time_of_day(*until))).collect();
        let yes = if yes.is_empty() { "nobody yet".to_owned() } else { yes.join(", ") };
        text.push_str(&format!("; {needed} persons must say yes: {yes}, {} missing", tally.missing));
    }
    if let Some(author) = consent.author.as_ref().filter(|_| consent.four_eyes) {
        text.push_str(&format!("; {author} opened the case and cannot"));
    }
    text
}

/// With its date: a quarantine may last for days.
fn moment(at: Timestamp) -> String {
    at.to_string()
}

fn confirming(state: &State, again: &str) -> String {
    let since = state.ending.since.map_or_else(String::new, |at| format!(" {}", time_of_day(at)));
    let sent = if replaced(state) {
        "OLD was replaced. A new token is no proof that the old one is dead".to_owned()
    } else if state.ends_by_hand() {
        format!("OLD was ended by hand, as a person says{since}. That is no proof")
    } else if state.ending.unsure.is_some() {
        format!("revoke sent{since}, answer lost. OLD may be dead")
    } else {
        format!("revoke sent{since}. Accepted is not dead")
    };
    let seen = match state.streak {
        0 => String::new(),
        seen => format!(", refused {seen} of {} times", state.plan.policy.confirms.max(1)),
    };
    format!("{sent}. The provider is asked until it refuses OLD{seen}, {again}. Abort is no longer possible")
}

/// What a deadline leads to: before the pivot the way back, after it a person.
fn end(state: &State, back: &str) -> String {
    if state.pivoted() { "a person must choose: there is no way back".to_owned() } else { back.to_owned() }
}

/// Required dependents that were not seen on the version that the stage asks for.
fn unproved(state: &State) -> Vec<String> {
    let dependents = state.plan.dependents.iter().zip(&state.dependents);
    let open = dependents.filter(|(plan, one)| plan.required && !one.proved);
    open.map(|(plan, one)| match one.tried {
        0 => plan.name.clone(),
        tried => format!("{} (try {tried})", plan.name),
    })
    .collect()
}

/// The old token's replacement is its end, and nothing revokes it besides.
fn replaced(state: &State) -> bool {
    state.plan.abilities.class == Class::Replace && state.successor.is_some()
}

fn doing(state: &State, stage: &Stage) -> &'static str {
    match stage {
        Stage::Minting if state.offered.is_some() => "asking what the token is that was handed over",
        Stage::Minting if state.made_by_hand() => "waiting for a token that a person makes",
        Stage::Seeking if state.asks_old() => "asking whether the old token still lives, or was replaced",
        Stage::Assessing => "asking whether the old token lives",
        Stage::Planning => "writing the plan",
        Stage::Preflighting => "checking stores and dependents before anything is changed",
        Stage::Minting => "making the new token",
        Stage::Seeking => "looking for what a mint left, which must die",
        Stage::Proving => "proving the new token",
        Stage::Staging => "staging the new value",
        Stage::Promoting => "making the new value current",
        Stage::Checking => "proving the dependents",
        Stage::Soaking { .. } => "watching the old token's use",
        Stage::Revoking => "ending the old token",
        Stage::Confirming => "seeing that the old token is dead",
        Stage::Watching { .. } => "watching the new token",
        Stage::RollingBack(_) => "going back to the old token",
        Stage::Quarantined { .. } => "putting strays out of use",
        Stage::Sweeping => "ending strays",
        _ => "waiting for a person",
    }
}

/// All that a person may do now, with what would come of it.
#[must_use]
pub fn choices(state: &State) -> Vec<Choice> {
    let id = &state.plan.rotation;
    let mut all = Vec::new();
    let mut offer = |verb: &str, more: &str, consequence: String| {
        all.push(Choice { command: format!("stanch case {verb} {id}{more}"), consequence });
    };
    if rotation::takes_value(state) {
        offer("provide", " --secret -", "hands over the token that you made, on standard input".to_owned());
    }
    match &state.stage {
        Stage::AwaitingApproval(_) => offer("approve", "", "carries the plan out".to_owned()),
        Stage::AwaitingRevokeApproval => offer("approve", "", "revokes the old token: no way back".to_owned()),
        _ => {}
    }
    for order in rotation::allowed(state) {
        match order {
            Order::Resume if matches!(state.stage, Stage::AwaitingRevokeApproval) => {}
            Order::Resume => offer("resume", "", resumed(state)),
            Order::Pause => offer("pause", "", "stops before the next step; resume goes on".to_owned()),
            Order::Abort => offer("abort", "", aborted(state).to_owned()),
            Order::RevokeNow => offer("revoke-now", "", revoked(state)),
            Order::Abandon => {
                let left = if state.plan.purpose.is_sweep() {
                    aborted(state)
                } else {
                    "the leak stays open, on the exposure list"
                };
                offer("abandon", " --reason …", left.to_owned());
            }
        }
    }
    all
}

fn resumed(state: &State) -> String {
    let Stage::Held { at, why } = &state.stage else { return "goes on".to_owned() };
    let names = |fallback: &str| {
        let names = unproved(state);
        if names.is_empty() { fallback.to_owned() } else { names.join(", ") }
    };
    match why {
        Reason::InUse => format!("revokes although {} still uses the old token", state.explained.join(", ")),
        Reason::Unprobeable => format!("goes on without proof of {}", names("a dependent")),
        Reason::NoDependents => "goes on although no dependent proves anything".to_owned(),
        Reason::ByHand => "you have done it: the provider is asked".to_owned(),
        Reason::StillLive if state.asks_old() || replaced(state) => {
            "asks again whether the old token lives; nothing is sent".to_owned()
        }
        Reason::StillLive if !state.orphans.is_empty() => {
            "revokes the unused token once more, and asks again".to_owned()
        }
        Reason::StillListed if **at == Stage::Assessing => {
            "asks once more: enable the token, and it is replaced; delete it, and the case ends".to_owned()
        }
        Reason::StillLive | Reason::StillListed => "revokes once more, and asks again".to_owned(),
        Reason::Alike => "you vouch for it: this is another token than the old one".to_owned(),
        Reason::Outage if state.made_by_hand() => {
            "accepts the outage: then you are asked to replace the token".to_owned()
        }
        Reason::Outage => "accepts the outage: the old token is replaced at once, no way back".to_owned(),
        Reason::Unsupported if looked(state, at) => "you have looked: nothing that the mint left is alive".to_owned(),
        Reason::Ordered => "goes on from where it was paused".to_owned(),
        _ => format!("tries again: {}", doing(state, at)),
    }
}

/// True where nothing but a person can find what a mint may have left.
fn looked(state: &State, at: &Stage) -> bool {
    matches!(at, Stage::Seeking | Stage::RollingBack(_)) && state.pending.is_some() && state.orphans.is_empty()
}

fn aborted(state: &State) -> &'static str {
    if state.plan.purpose.is_sweep() {
        "leaves the strays as they are, and to you: they are not swept again"
    } else if state.pivoted() {
        "the old token is asked: if it lives it stays in use, if it is dead this leads nowhere"
    } else if state.successor.is_some() && (!state.plan.abilities.revoke || state.ends_by_hand()) {
        "you are asked to end the new token, the old one stays in use; the leak stays open"
    } else if state.successor.is_some() {
        "the new token dies, the old one stays in use; the leak stays open"
    } else if state.pending.is_some() {
        "what the mint left is looked for and dies, the old token stays; the leak stays open"
    } else if state.offered.is_some() || !state.orphans.is_empty() {
        "what was handed over must be dead or is yours to end, the old token stays; the leak stays open"
    } else if matches!(state.stage, Stage::Minting) && state.made_by_hand() {
        "the old token stays in use; what you made already is yours to end; the leak stays open"
    } else {
        "nothing was made, the old token stays in use; the leak stays open"
    }
}

fn revoked(state: &State) -> String {
    let required = state.plan.dependents.iter().zip(&state.dependents).filter(|(plan, _)| plan.required);
    let failing: Vec<_> = required.filter(|(_, one)| !one.proved).map(|(plan, _)| plan.name.as_str()).collect();
    let replaces = state.plan.abilities.class == Class::Replace && !state.made_by_hand();
    let how = if replaces {
        "the old token is replaced at once"
    } else if state.ends_by_hand() {
        "you are asked to end the old one now"
    } else {
        "the old token dies at once"
    };
    let early = if state.successor.is_some() || replaces { "" } else { ", before there is a new one" };
    match failing.as_slice() {
        [] if early.is_empty() => format!("{how}; no way back"),
        [] => format!("{how}{early}: whoever uses it fails; no way back"),
        [name] => format!("{how}{early}: {name} fails until it has the new one; no way back"),
        names => format!("{how}{early}: {} fail until they have the new one; no way back", names.join(", ")),
    }
}

/// One line of a list: where it stands, for how long it has been open, and what it waits for.
#[must_use]
pub fn line(plan: &Plan, state: &State, stage: &str, now: Timestamp) -> String {
    let open = match &state.stage {
        Stage::Closed(_) => String::new(),
        _ => span(now.since(plan.leaked)),
    };
    let waits = match rotation::due(state, now) {
        Due::Ask(why) => why.to_string(),
        _ => String::new(),
    };
    let purpose = match &plan.purpose {
        Purpose::Leak => String::new(),
        other if waits.is_empty() => format!("[{}]", other.words()),
        other => format!("[{}] ", other.words()),
    };
    let line = format!(
        "{}  {:<24} {:<28} {stage:<22} {open:>8}  {purpose}{waits}",
        plan.rotation,
        plan.credential,
        plan.kind.as_str()
    );
    line.trim_end().to_owned()
}

/// `14s`, `41m12s`, `3h07m`, `2d04h`.
#[must_use]
pub fn span(of: Duration) -> String {
    let seconds = of.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m{:02}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h{minutes:02}m"),
        (days, hours, _) => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests;
