//! The policy of a managed credential as typed, and what it means.

use crate::rotation::{Approve, OnAbuse, Policy};
use serde::Deserialize;
use std::time::Duration;

/// When a person is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Never by itself: a leak is told, and a person opens the case, which then asks before anything changes.
    Report,
    /// Before anything changes.
    #[default]
    Ask,
    /// Before anything changes, and again before the revoke.
    AskTwice,
    /// Never.
    Automatic,
}

/// A span of time as typed: `500ms`, `30s`, `15m`, `2h`, `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => 0,
        };
        match number.parse::<u64>().ok().and_then(|n| n.checked_mul(scale)) {
            Some(millis) if scale > 0 => Ok(Self(Duration::from_millis(millis))),
            _ => Err(format!("'{text}' is no span of time: write a number and a unit, for instance 30s, 15m, 2h")),
        }
    }
}

/// When a credential is rotated though nothing has happened.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// So long after it was rotated last.
    pub every: Span,
}

impl Schedule {
    /// What is more often than this is an error of the unit, and a load for everybody.
    const SHORTEST: Duration = Duration::from_secs(3600);

    /// What is wrong with it; none where nothing is.
    #[must_use]
    pub fn problem(&self, when: When, honeytoken: bool) -> Option<&'static str> {
        if honeytoken {
            Some("a honeytoken is never touched, so it cannot be rotated by a schedule: remove 'rotate'")
        } else if when == When::Report {
            Some("'when: report' opens no case by itself, so 'rotate' means nothing: write 'ask' or 'automatic'")
        } else if self.every.0 < Self::SHORTEST {
            Some("'every' is shorter than an hour: write for instance 30d")
        } else {
            None
        }
    }
}

/// The policy as typed; what is left out keeps its default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyEntry {
    /// When a person is asked.
    #[serde(default)]
    pub when: When,
    /// Go on without asking where a dependent cannot tell versions apart, or where there is none.
    #[serde(default)]
    pub accept_unproved: bool,
    /// Go on without asking where the new token replaces the old one in place: its users fail until they have it.
    #[serde(default)]
    pub accept_outage: bool,
    /// Who opened the case cannot approve it.
    #[serde(default)]
    pub four_eyes: bool,
    /// How many persons must approve the plan; one where it is not given.
    pub quorum: Option<u32>,
    /// How many persons must order a revoke before its proof, or approve an emergency; two in production, else one.
    pub revoke_now_quorum: Option<u32>,
    /// Tries of a step.
    pub tries: Option<u32>,
    /// Wait between tries.
    pub pause: Option<Span>,
    /// Consecutive successes that prove the new token.
    pub proofs: Option<u32>,
    /// Deadline of the proof.
    pub prove_within: Option<Span>,
    /// Deadline of the dependents.
    pub deadline: Option<Span>,
    /// Watch over the old token's use before it is revoked.
    pub soak: Option<Span>,
    /// What ends that early; `revoke` where it is not given.
    pub on_abuse: Option<OnAbuse>,
    /// Consecutive refusals that prove the old token dead.
    pub confirms: Option<u32>,
    /// Wait between them.
    pub confirm_pause: Option<Span>,
    /// After this, a token that is still accepted raises an alarm.
    pub confirm_within: Option<Span>,
    /// Watch over the new token afterwards.
    pub watch: Option<Span>,
}

impl PolicyEntry {
    /// The policy with its defaults filled in.
    #[must_use]
    pub fn resolve(&self) -> Policy {
        let base = Policy::default();
        let span = |typed: Option<Span>, default| typed.map_or(default, |Span(span)| span);
        Policy {
            approve: match self.when {
                When::Report | When::Ask => Approve::Plan,
                When::AskTwice => Approve::PlanAndRevoke,
                When::Automatic => Approve::Never,
            },
            accept_unproved: self.accept_unproved,
            accept_outage: self.accept_outage,
            tries: self.tries.unwrap_or(base.tries).max(1),
            pause: span(self.pause, base.pause),
            proofs: self.proofs.unwrap_or(base.proofs).max(1),
            prove_within: span(self.prove_within, base.prove_within),
            check_within: span(self.deadline, base.check_within),
            soak: span(self.soak, base.soak),
            on_abuse: self.on_abuse.unwrap_or(OnAbuse::Revoke),
            confirms: self.confirms.unwrap_or(base.confirms).max(1),
            confirm_pause: span(self.confirm_pause, base.confirm_pause),
            confirm_within: span(self.confirm_within, base.confirm_within),
            watch: span(self.watch, base.watch),
        }
    }
}
