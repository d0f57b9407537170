//! A rotation in words: each durable event as a line of its timeline, each effect of a plan as a sentence.

use crate::model::{Class, Health, Reason, Timestamp, Usage, Verdict};
use crate::rotation::{self, Act, Effect, Event, Fact, Old, Outcome, Plan, Purpose, Stage, State, Step, StoreState};

/// What a replacement in place means.
const OUTAGE: &str =
    "the old one ends at that moment, its users fail until they have the new one, and there is no way back";

/// One line of a timeline: what happened, and the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// One or two words.
    pub what: String,
    /// The evidence; never a secret, never a provider's body.
    pub evidence: String,
}

/// What a durable event says; none for an intent, which only `--verbose` shows (see [`intent`]).
#[must_use]
pub fn line(state: &State, event: &Event) -> Option<Line> {
    let mut line = said(state, event.fact.said(), event.at)?;
    if let Fact::Signed(_) = &event.fact {
        line.evidence.push_str(", signed");
    }
    Some(line)
}

/// `; 1 more needed`, while others must say yes too.
fn missing(state: &State, act: Act, at: Timestamp) -> String {
    match rotation::tally(state, act, at) {
        tally if tally.yes.is_empty() => String::new(),
        tally => format!("; {} more needed", tally.missing),
    }
}

fn said(state: &State, fact: &Fact, at: Timestamp) -> Option<Line> {
    let say = |what: &str, evidence: String| Some(Line { what: what.to_owned(), evidence });
    let plan = &state.plan;
    match fact {
        // What is signed is told as what it says.
        Fact::Signed(_) | Fact::Said(_) => None,
        Fact::Opened(plan) => {
            let purpose = match &plan.purpose {
                Purpose::Leak => String::new(),
                other => format!(", {}", other.words()),
            };
            say("Opened", format!("{} '{}', plan {}{purpose}", plan.kind, plan.credential, class(plan)))
        }
        Fact::Began { .. } => None,
        Fact::Used { usage, explained, foreign } => say("Usage read", usage_words(usage, explained, foreign)),
        Fact::Verified(verdict) => {
            let times = match verdict {
                Verdict::Dead => times(state, Stage::Confirming, plan.policy.confirms),
                _ => String::new(),
            };
            say(verified(state), format!("{}{times}", verdict_words(verdict)))
        }
        Fact::Planned(digest) => say("Planned", format!("plan {}", short(digest.as_str()))),
        Fact::Approved { who, digest, expires } => {
            let open = rotation::act(state).map(|act| missing(state, act, at)).unwrap_or_default();
            say("Approved", format!("{who}, plan {}, valid until {expires}{open}", short(digest.as_str())))
        }
        Fact::Preflighted { saw_old } => {
            let seen = saw_old.iter().filter(|saw| **saw).count();
            say("Preflight", format!("stores ready; {seen} of {} dependents attest the old version", saw_old.len()))
        }
        Fact::Counted(ids) => say("Counted", plural(ids.len(), "token")),
        Fact::Minted { token, ends, .. } => {
            let ends = ends.map(|at| format!("; ends by itself at {at} unless somebody renews it")).unwrap_or_default();
            say("Minted", format!("{token}, sealed before any other use{ends}"))
        }
        Fact::Provided { who, .. } => say("Handed over", format!("a token by {who}, sealed before any other use")),
        Fact::Tried(verdict) => say("New asked", verdict_words(verdict)),
        Fact::Sought(ids) => say("Sought", format!("{} found", plural(ids.len(), "token"))),
        Fact::Proved => {
            say("Proved", format!("the new token works{}", times(state, Stage::Proving, plan.policy.proofs)))
        }
        Fact::Staged { store, staged } => {
            let waits = staged.version.as_ref().map(|version| format!(", {version} waits apart")).unwrap_or_default();
            say("Staged", format!("{}, will leave {}{waits}", store_name(plan, *store), staged.previous))
        }
        Fact::Promoted { store, version } => {
            let from = match state.stores.get(*store) {
                Some(StoreState::Promoted(staged, _)) => format!("{} -> ", staged.previous),
                _ => String::new(),
            };
            say("Stored", format!("{} {from}{version}, read back equal", store_name(plan, *store)))
        }
        Fact::Checked { dependent, health } => {
            say("Dependent", format!("{} {}", dependent_name(plan, *dependent), health_words(*health)))
        }
        Fact::Disabled => say("Disabled", "the old token, as the provider says".to_owned()),
        Fact::Revoked => say("Revoke sent", "the provider took it; not yet a proof of death".to_owned()),
        Fact::Ended { sessions } => say("Sessions", format!("{sessions} ended")),
        Fact::Healthy => say("Healthy", "the new token and every required dependent".to_owned()),
        Fact::Demoted { store, version } => {
            say("Put back", format!("{} holds the old value again, {version}", store_name(plan, *store)))
        }
        Fact::Discarded => say("Discarded", "revoke of the unused token sent".to_owned()),
        Fact::Surveyed { in_use, there } => say(
            "Looked",
            format!("{} in use, {} with our label there", plural(in_use.len(), "token"), plural(there.len(), "stray")),
        ),
        Fact::Quarantined => say("Quarantined", "a stray is disabled, as the provider says".to_owned()),
        Fact::Unstaged { store } => say("Cleared", format!("{} holds nothing of it", store_name(plan, *store))),
        Fact::Failed { why, note, again, .. } => {
            let next = if *again { "will be tried again" } else { "is not tried again" };
            say("Not yet", format!("{} ({why}); {next}", if note.is_empty() { "it did not work" } else { note }))
        }
        Fact::Restarted => say("Interrupted", "taken up again from the journal".to_owned()),
        Fact::Ordered(order, who, reason) => {
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            let open = match order {
                rotation::Order::RevokeNow => missing(state, Act::RevokeNow, at),
                _ => String::new(),
            };
            say("Ordered", format!("{} by {who}{reason}{open}", order.word()))
        }
    }
}

/// An intent in words, for `--verbose`.
#[must_use]
pub fn intent(state: &State, event: &Event) -> Option<Line> {
    let Fact::Began { step, label, .. } = &event.fact else { return None };
    let label = label.as_ref().map(|label| format!(", label {label}")).unwrap_or_default();
    Some(Line { what: "Begins".to_owned(), evidence: format!("{}{label}", step_words(&state.plan, *step)) })
}

/// The time of day, UTC, as a timeline prints it.
#[must_use]
pub fn time_of_day(at: Timestamp) -> String {
    let seconds = (at.0 / 1000) % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, (seconds / 60) % 60, seconds % 60)
}

/// What is live now and what the stores hold: the header of a case.
#[must_use]
pub fn standing(state: &State) -> String {
    if state.plan.purpose.is_sweep() {
        let left: Vec<_> = state.orphans.iter().map(|orphan| orphan.token.as_str()).collect();
        return match left.as_slice() {
            [] => "no stray is known to live".to_owned(),
            left => format!("strays: {}", left.join(", ")),
        };
    }
    let mut live = Vec::new();
    match &state.old {
        Old::Unasked => live.push("OLD (not asked)"),
        Old::Live(_) => live.push("OLD"),
        Old::Ending(_) if waits_for_end(state) => live.push("OLD (until you end it)"),
        Old::Ending(_) => live.push("OLD (perhaps dead)"),
        Old::Dead(_) => {}
    }
    if state.successor.is_some() && !matches!(state.stage, Stage::Closed(Outcome::RolledBack(_))) {
        live.push("NEW");
    }
    if state.offered.is_some() {
        live.push("the one handed over (not judged yet)");
    }
    if !state.orphans.is_empty() {
        live.push("an unused one (which must die)");
    }
    if state.pending.as_ref().is_some_and(|pending| pending.perhaps) {
        live.push("perhaps one whose value was lost");
    }
    let live = if live.is_empty() { "none".to_owned() } else { live.join(" and ") };
    let stores: Vec<_> = state
        .plan
        .stores
        .iter()
        .zip(&state.stores)
        .map(|(plan, store)| {
            let holds = match store {
                StoreState::Promoted(_, version) => format!("NEW ({version})"),
                StoreState::Moving(_) => "NEW or OLD (the answer is open)".to_owned(),
                StoreState::Untouched | StoreState::Touched | StoreState::Staged(_) | StoreState::Demoted(_) => {
                    "OLD".to_owned()
                }
            };
            format!("{}: {holds}", plan.name)
        })
        .collect();
    format!("live now: {live}   {}", stores.join("   "))
}

/// True while a person has been asked to end the old token and has not said that it was done.
fn waits_for_end(state: &State) -> bool {
    matches!(&state.stage, Stage::Held { at, why: Reason::ByHand } if **at == Stage::Revoking)
}

/// The effects of a plan as numbered sentences, from the step function that runs it.
#[must_use]
pub fn plan(plan: &Plan, effects: &[Effect]) -> String {
    let mut live = Live { old: true, new: false };
    let mut text = String::new();
    for (number, effect) in effects.iter().enumerate() {
        let after = live.after(plan, effect);
        let change = if after == live || plan.purpose.is_sweep() {
            String::new()
        } else {
            format!("  [live then: {}]", after.words())
        };
        text.push_str(&format!("  {:>2}  {}{change}\n", number + 1, effect_words(plan, effect)));
        live = after;
    }
    if plan.abilities.class == Class::Ephemeral {
        text.push_str("      the new one ends by itself and is renewed by who uses it, not here; its end is said when it is made\n");
    }
    let ended = effects.iter().any(|effect| matches!(effect, Effect::EndSessions(_)));
    if plan.abilities.class == Class::Replace && plan.abilities.sessions && !ended {
        text.push_str("      sessions that the old token opened are NOT ended: close them by hand\n");
    }
    text
}

/// Which tokens work after a step of a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Live {
    old: bool,
    new: bool,
}

impl Live {
    fn after(self, plan: &Plan, effect: &Effect) -> Self {
        match effect {
            Effect::Mint { .. } | Effect::Try => {
                Self { old: self.old && plan.abilities.class != Class::Replace, new: true }
            }
            Effect::Disable(_) | Effect::Revoke(_) => Self { old: false, ..self },
            _ => self,
        }
    }

    fn words(self) -> &'static str {
        match (self.old, self.new) {
            (true, true) => "OLD and NEW",
            (true, false) => "OLD",
            (false, true) => "NEW",
            (false, false) => "none",
        }
    }
}

/// The first eight characters of a digest in two groups.
#[must_use]
pub fn short(digest: &str) -> String {
    format!("{}-{}", digest.get(..4).unwrap_or(digest), digest.get(4..8).unwrap_or_default())
}

/// `, 2 of 3`: how often in a row, where more than once is asked for.
fn times(state: &State, stage: Stage, of: u32) -> String {
    match of {
        0 | 1 => String::new(),
        of if state.stage == stage => format!(", {} of {of}", state.streak),
        of => format!(", {of} of {of}"),
    }
}

fn verified(state: &State) -> &'static str {
    let stage = match &state.stage {
        Stage::Held { at, .. } => at,
        stage => stage,
    };
    match stage {
        Stage::Assessing | Stage::Planning | Stage::Closed(Outcome::AlreadyDead) => "Assessed",
        // After a replacement in place only the old token can tell.
        Stage::Seeking | Stage::Minting
            if state.plan.abilities.class == Class::Replace && state.successor.is_none() =>
        {
            "Old asked"
        }
        Stage::Sweeping | Stage::Closed(Outcome::Swept) => "Stray asked",
        Stage::RollingBack(_) | Stage::Seeking | Stage::Minting | Stage::Closed(Outcome::RolledBack(_)) => "New asked",
        _ => "Old asked",
    }
}

pub(super) fn class(plan: &Plan) -> &'static str {
    match plan.abilities.class {
        Class::Overlap => "overlap (A)",
        Class::TwoSlots => "two slots (B)",
        Class::Replace => "replace in place (C)",
        Class::Ephemeral => "ephemeral (D)",
        Class::Console => "console (E)",
    }
}

fn usage_words(usage: &Usage, explained: &[String], foreign: &[String]) -> String {
    let mut words = match usage {
        Usage::Seen(uses) => {
            let mut origins: Vec<_> =
                uses.iter().map(|seen| seen.origin.as_str()).filter(|origin| !origin.is_empty()).collect();
            origins.sort_unstable();
            origins.dedup();
            match origins.as_slice() {
                [] => format!("{}, origin not told", plural(uses.len(), "use")),
                origins => format!("{}, from {}", plural(uses.len(), "use"), origins.join("; ")),
            }
        }
        Usage::NoneSeen(until) => format!("no use seen up to {until}"),
        Usage::CannotKnow => "the provider does not tell".to_owned(),
    };
    if !explained.is_empty() {
        words.push_str("; explained by ");
        words.push_str(&explained.join(", "));
    }
    if !foreign.is_empty() {
        words.push_str("; ABUSE: used by nobody who is known, from ");
        words.push_str(&foreign.join("; "));
    }
    words
}

fn verdict_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Live(token) => format!("LIVE, {token}"),
        Verdict::Restricted(token, limit) => {
            format!("LIVE but restricted ({limit:?}), {token}").to_lowercase().replacen("live", "LIVE", 1)
        }
        Verdict::Dead => "DEAD, refused as documented".to_owned(),
        Verdict::WrongPlace => "asked at the wrong place".to_owned(),
        Verdict::Unknown(why) => format!("unknown: {why}"),
    }
}

fn health_words(health: Health) -> &'static str {
    match health {
        Health::Good => "ok, attests the version asked for",
        Health::Stale => "works, but STILL on the other version",
        Health::Indistinct => "works, cannot tell the versions apart",
        Health::Bad => "FAILS",
    }
}

pub(super) fn step_words(plan: &Plan, step: Step) -> String {
    match step {
        Step::ReadUsage | Step::Soak => "read the old token's use".to_owned(),
        Step::Verify => "verify the old token".to_owned(),
        Step::Preflight => "check everything checkable".to_owned(),
        Step::Count => "list the tokens there are".to_owned(),
        Step::Mint => "mint".to_owned(),
        Step::Try => "ask what the token is that was handed over".to_owned(),
        Step::AskOld => "ask whether the old token still lives".to_owned(),
        Step::Twin => "look for a second token of the same mint".to_owned(),
        Step::Seek => "look for what an interrupted mint left".to_owned(),
        Step::Prove => "try the new token".to_owned(),
        Step::Stage(store) => format!("stage in {}", store_name(plan, store)),
        Step::Promote(store) => format!("promote in {}", store_name(plan, store)),
        Step::Check(dependent) | Step::Recheck(dependent) => format!("probe {}", dependent_name(plan, dependent)),
        Step::Disable => "disable the old token".to_owned(),
        Step::Revoke => "revoke the old token".to_owned(),
        Step::EndSessions => "end the old token's sessions".to_owned(),
        Step::Confirm => "ask whether the old token is dead".to_owned(),
        Step::Watch => "see that the new token is healthy".to_owned(),
        Step::Demote(store) => format!("put the old value back in {}", store_name(plan, store)),
        Step::CheckBack(dependent) => format!("probe {} for the old version", dependent_name(plan, dependent)),
        Step::Discard => "revoke the unused token".to_owned(),
        Step::ConfirmDiscard => "ask whether the unused token is dead".to_owned(),
        Step::Unstage(store) => format!("clear {}", store_name(plan, store)),
        Step::Survey => "see which strays are there, and which tokens are in use".to_owned(),
        Step::Quarantine => "disable a stray".to_owned(),
    }
}

fn effect_words(plan: &Plan, effect: &Effect) -> String {
    let reload = |yes: &bool| if *yes { "reload and probe" } else { "probe" };
    match effect {
        Effect::ReadUsage => format!("read the old token's use since {}", plan.leaked),
        Effect::Verify => "verify the old token, with a negative control".to_owned(),
        Effect::Preflight => "check stores, dependents on the old token, and the quota; nothing is changed".to_owned(),
        Effect::Count => "list the tokens there are".to_owned(),
        Effect::Mint { attempt, .. } => {
            let rotation = plan.rotation.as_str().to_ascii_lowercase().replace('-', "");
            let label = format!("stanch-{rotation}-{attempt}-<nonce>");
            match plan.abilities.class {
                Class::Replace => format!("REPLACE the old token by a new one, labelled {label}: {OUTAGE}"),
                _ => format!("MINT a token like the old one, labelled {label}"),
            }
        }
        Effect::Try => {
            let replaces = plan.abilities.class == Class::Replace;
            let makes = if replaces {
                format!("REPLACES the old token by a new one in the provider's console ({OUTAGE})")
            } else {
                "MAKES a token like the old one in the provider's console".to_owned()
            };
            format!("a person {makes} and hands it over; it is asked for, with a negative control, before any use")
        }
        Effect::AskOld => "ask whether the old token still lives".to_owned(),
        Effect::SeekTwin { .. } => "look for a second token of the same mint".to_owned(),
        Effect::Seek { .. } => "look for what an interrupted mint left".to_owned(),
        Effect::Prove => format!("try the new token ({} successes in a row)", plan.policy.proofs),
        Effect::Stage { store } => format!("STAGE the new value in {}", store_name(plan, *store)),
        Effect::Promote { store, .. } => {
            format!("PROMOTE it in {}, conditional on the version it replaces", store_name(plan, *store))
        }
        Effect::Check { dependent, reload: yes } => {
            format!("{} {} for the new version", reload(yes), dependent_name(plan, *dependent))
        }
        Effect::Soak => {
            let early = if plan.ends_soak_on_abuse() { ", or until a thief uses it" } else { "" };
            format!("watch the old token's use for {:?}{early}", plan.policy.soak)
        }
        Effect::Recheck(dependent) => format!("probe {} once more", dependent_name(plan, *dependent)),
        Effect::Disable(_) => "DISABLE the old token: from here there is no way back".to_owned(),
        Effect::Revoke(_) if !plan.abilities.revoke && !plan.abilities.disable => {
            "a person REVOKES the old token in the provider's console: from here there is no way back".to_owned()
        }
        Effect::Revoke(_) => "REVOKE the old token: from here there is no way back".to_owned(),
        Effect::EndSessions(_) => "END the sessions that the old token opened".to_owned(),
        Effect::Confirm => format!("ask until the old token is refused {} times in a row", plan.policy.confirms),
        Effect::Watch => format!("watch the new token and the dependents for {:?}", plan.policy.watch),
        Effect::Demote { store, .. } => format!("put the old value back in {}", store_name(plan, *store)),
        Effect::CheckBack { dependent, reload: yes } => {
            format!("{} {} for the old version", reload(yes), dependent_name(plan, *dependent))
        }
        Effect::Discard(warrant) if plan.purpose.is_sweep() => {
            format!("REVOKE {}, if nobody uses it still", warrant.token())
        }
        Effect::Discard(_) => "revoke the unused token".to_owned(),
        Effect::ConfirmDiscard(_) => "ask until the unused token is refused".to_owned(),
        Effect::Survey => {
            "list the tokens there are, and ask which ones the stores give out; nothing is changed".to_owned()
        }
        Effect::Quarantine(warrant) => format!("DISABLE {}, which nobody is known to use", warrant.token()),
        Effect::Unstage { store, .. } => format!("clear what {} holds of it", store_name(plan, *store)),
    }
}

fn store_name(plan: &Plan, store: usize) -> &str {
    plan.stores.get(store).map_or("?", |store| store.name.as_str())
}

fn dependent_name(plan: &Plan, dependent: usize) -> &str {
    plan.dependents.get(dependent).map_or("?", |dependent| dependent.name.as_str())
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
