//! What happened, in the past tense. The journal's records are these.

use super::{Plan, Signed, Staged, Stray};
use crate::model::{Digest, Happened, Health, Label, Person, Reason, Timestamp, TokenId, Usage, Verdict, Version};
use serde::{Deserialize, Serialize};

/// One thing that happened, at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// What.
    pub fact: Fact,
}

/// Which effect was begun. The numbers are indexes into the plan's stores and dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Read usage since the leak (before verifying, which may overwrite it).
    ReadUsage,
    /// Verify the old token, with a negative control.
    Verify,
    /// Check everything checkable before anything outside changes.
    Preflight,
    /// List the tokens there are, just before a mint.
    Count,
    /// Mint.
    Mint,
    /// Ask what the value is that a person handed over.
    Try,
    /// Look for what an interrupted mint left.
    Seek,
    /// Ask once whether the old token still lives, after a replacement in place whose outcome is not known.
    AskOld,
    /// Look for a second token of a mint that was answered.
    Twin,
    /// Try the new token once.
    Prove,
    /// Put the new value beside the current one, or note the version to leave.
    Stage(usize),
    /// Make the new value current, and read it back.
    Promote(usize),
    /// Reload (where there is an action) and probe one dependent for the new version.
    Check(usize),
    /// Read the old token's use while both live.
    Soak,
    /// Probe one dependent again, at the instant of the revoke.
    Recheck(usize),
    /// Disable the old token.
    Disable,
    /// Revoke the old token.
    Revoke,
    /// End the sessions that the old token opened.
    EndSessions,
    /// Ask once whether the old token is dead.
    Confirm,
    /// See once that the new token is still healthy.
    Watch,
    /// Way back: make the old value current again.
    Demote(usize),
    /// Way back: probe one dependent for the old version.
    CheckBack(usize),
    /// Revoke a token that never went into use (or was taken out of it).
    Discard,
    /// Ask once whether that token is dead.
    ConfirmDiscard,
    /// Drop what a store still holds of it.
    Unstage(usize),
    /// See whose the strays are.
    Survey,
    /// Disable a stray.
    Quarantine,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The rotation was opened; always the first, and only the first.
    Opened(Box<Plan>),
    /// The runner is about to touch the world.
    Began {
        /// Doing what.
        step: Step,
        /// The label of a mint.
        label: Option<Label>,
        /// For a value chosen here: the digest of its sealed form, written in the same transaction.
        sealed: Option<Digest>,
    },
    /// Use of the old token, as far as the provider tells.
    Used {
        /// What it tells.
        usage: Usage,
        /// Uses that a dependent's declared sources explain, and those from private addresses.
        explained: Vec<String>,
        /// From where it was used by nobody who is known: abuse.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        foreign: Vec<String>,
    },
    /// The provider spoke of the token that the step asks about: the old one, or the one being discarded.
    Verified(Verdict),
    /// The plan's digest, for approval.
    Planned(Digest),
    /// A person (or `--yes`) approved a digest until a time.
    Approved {
        /// Who.
        who: Person,
        /// What.
        digest: Digest,
        /// Until when.
        expires: Timestamp,
    },
    /// Everything checkable is right. For each dependent: did its probe see the old version?
    Preflighted {
        /// In the plan's order.
        saw_old: Vec<bool>,
    },
    /// The tokens there are.
    Counted(Vec<TokenId>),
    /// A new token exists and its value is sealed.
    Minted {
        /// Its handle.
        token: TokenId,
        /// Digest of its sealed form.
        sealed: Digest,
        /// When it ends by itself, if it does and nobody renews it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends: Option<Timestamp>,
    },
    /// A person made a token and handed its value over; it is sealed in the same transaction.
    Provided {
        /// Who.
        who: Person,
        /// Digest of its sealed form.
        sealed: Digest,
        /// Its public handle, where the person named it: the other half of a pair.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<TokenId>,
        /// It is the value that was handed over before and is not judged yet.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// The provider spoke of the value that a person handed over.
    Tried(Verdict),
    /// What an interrupted mint may have left: by label, or all ids there are now where nothing can be labelled.
    Sought(Vec<TokenId>),
    /// The new token worked once, with the scopes of the old one as far as they can be read.
    Proved,
    /// The new value is in the store (or the version to leave is known).
    Staged {
        /// Which store.
        store: usize,
        /// What.
        staged: Staged,
    },
    /// The new value is current, and was read back equal.
    Promoted {
        /// Which store.
        store: usize,
        /// The current version.
        version: Version,
    },
    /// A dependent was probed for the version the step asked for.
    Checked {
        /// Which.
        dependent: usize,
        /// How it is.
        health: Health,
    },
    /// The old token is disabled, as far as the provider says.
    Disabled,
    /// The provider accepted the revocation, or had no such token; neither is a proof of death.
    Revoked,
    /// Sessions were ended.
    Ended {
        /// How many.
        sessions: u64,
    },
    /// The new token was seen healthy.
    Healthy,
    /// The old value is current again.
    Demoted {
        /// Which store.
        store: usize,
        /// The current version.
        version: Version,
    },
    /// The discarded token was revoked, as far as the provider says.
    Discarded,
    /// The store holds nothing of it.
    Unstaged {
        /// Which store.
        store: usize,
    },
    /// Strays were looked at.
    Surveyed {
        /// The tokens that the stores give out.
        in_use: Vec<TokenId>,
        /// The strays of the plan that the provider lists, under their labels.
        there: Vec<Stray>,
    },
    /// A stray is disabled, as far as the provider says.
    Quarantined,
    /// The step did not work.
    Failed {
        /// Could it have happened?
        happened: Happened,
        /// May it be tried again?
        again: bool,
        /// Why.
        why: Reason,
        /// Public words about it, for people: never secret text, never a provider's body.
        note: String,
    },
    /// The runner came back after an interruption.
    Restarted,
    /// A person decided.
    Ordered(Order, Person, String),
    /// A person's word, signed: what it says is inside.
    Signed(Box<Signed>),
    /// A person's word, and what that person saw: both are inside.
    Said(Box<Said>),
}

/// A person's word for what that person saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The record that was the last one then.
    pub seen: u64,
    /// [`Fact::Approved`], [`Fact::Ordered`] or [`Fact::Provided`].
    pub word: Fact,
}

impl Fact {
    /// What was said, where it is a word with a signature or a record around it; else the fact itself.
    #[must_use]
    pub fn said(&self) -> &Self {
        match self {
            Self::Signed(signed) => signed.word.said(),
            Self::Said(said) => said.word.said(),
            fact => fact,
        }
    }

    /// The record that was the last one for whoever said it, where that is known.
    #[must_use]
    pub fn seen(&self) -> Option<u64> {
        match self {
            Self::Signed(signed) => signed.word.seen(),
            Self::Said(said) => Some(said.seen),
            _ => None,
        }
    }
}

/// A person's decision. The text beside it in [`Fact::Ordered`] is the reason given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Go on from where it was held, or approve what waits.
    Resume,
    /// Stop before the next effect.
    Pause,
    /// Go back: the new token dies, the old one stays.
    Abort,
    /// Revoke the old token now.
    RevokeNow,
    /// Give up; the case stays on the exposure list.
    Abandon,
}

impl Order {
    /// As it is typed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Pause => "pause",
            Self::Abort => "abort",
            Self::RevokeNow => "revoke-now",
            Self::Abandon => "abandon",
        }
    }
}
