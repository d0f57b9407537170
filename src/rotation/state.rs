//! Where a rotation stands, and what is due.

use super::{Given, Plan, Step, Warrant, forward, hand, replace};
use crate::model::{Class, Digest, Health, Label, Person, Reason, Timestamp, TokenId, Version};
use serde::{Deserialize, Serialize};

/// The new token on its way into use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Successor {
    /// Its handle.
    pub token: TokenId,
    /// Which mint made it.
    pub attempt: u32,
    /// The label of that mint.
    pub label: Label,
    /// Digest of its sealed form.
    pub sealed: Digest,
    /// Its label was looked for and no second token carries it, or none can.
    pub is_alone: bool,
}

/// A value that a person handed over; the provider has not said yet what it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offered {
    /// Which token of this rotation it would be, counted with the mints.
    pub attempt: u32,
    /// What stores know it by.
    pub label: Label,
    /// Digest of its sealed form.
    pub sealed: Digest,
    /// The handle that the person named.
    pub token: Option<TokenId>,
    /// A person said that it is another token, though the provider gives both the same handle.
    pub is_another: bool,
}

/// What staging left in a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Staged {
    /// The version that waits apart; none where every write is current at once.
    pub version: Option<Version>,
    /// The version that is current and will be left.
    pub previous: Version,
}

/// How far one store is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreState {
    /// As before.
    Untouched,
    /// A staging was begun and its outcome is not known to be "no".
    Touched,
    /// Staged.
    Staged(Staged),
    /// A promotion (or, on the way back, a demotion) was begun and its outcome is not known: either value may be current.
    Moving(Staged),
    /// The new value is current, as this version.
    Promoted(Staged, Version),
    /// The old value is current again, as this version.
    Demoted(Version),
}

/// Life of the old token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Old {
    /// Not asked yet.
    Unasked,
    /// Works.
    Live(TokenId),
    /// A disable or revoke was sent; perhaps dead.
    Ending(TokenId),
    /// Observed dead.
    Dead(Option<TokenId>),
}

/// What stands now. Names are those of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Reading usage, verifying.
    Assessing,
    /// The effect list and its digest are due.
    Planning,
    /// A person must approve the digest.
    AwaitingApproval(Digest),
    /// Checking everything checkable.
    Preflighting,
    /// Counting, minting.
    Minting,
    /// Looking for what an interrupted mint left.
    Seeking,
    /// The new token must work.
    Proving,
    /// Store by store.
    Staging,
    /// Store by store.
    Promoting,
    /// Dependent by dependent.
    Checking,
    /// Both live; the old one's use is watched until then.
    Soaking {
        /// The end of the window.
        until: Timestamp,
    },
    /// A person must approve the revoke.
    AwaitingRevokeApproval,
    /// Past the pivot.
    Revoking,
    /// The old one must be refused.
    Confirming,
    /// The new one is watched until then.
    Watching {
        /// The end of the window.
        until: Timestamp,
    },
    /// Going back: stores, dependents, then the new token.
    RollingBack(Reason),
    /// Strays are put out of use, and nothing is ended until then.
    Quarantined {
        /// The end of the quarantine.
        until: Timestamp,
    },
    /// Strays are ended, one after the other.
    Sweeping,
    /// A person must choose.
    Held {
        /// Where it goes on.
        at: Box<Stage>,
        /// Why.
        why: Reason,
    },
    /// Over.
    Closed(Outcome),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The new token is in use and the old one is dead.
    Rotated,
    /// The old token was dead already.
    AlreadyDead,
    /// The old token is in use as before, the new one is dead.
    RolledBack(Reason),
    /// Given up by a person; stays on the exposure list.
    Abandoned,
    /// Strays are dead, or somebody's by now.
    Swept,
}

/// How the current step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pace {
    /// May begin at a time.
    Ready {
        /// Not before.
        not_before: Timestamp,
        /// Tries so far.
        tried: u32,
    },
    /// Begun; the outcome is not recorded yet.
    Running {
        /// Doing what.
        step: Step,
        /// Tries so far, this one included.
        tried: u32,
    },
}

/// The whole state: a fold of the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Fixed.
    pub plan: Plan,
    /// When it was opened.
    pub opened: Timestamp,
    /// The leaked token.
    pub old: Old,
    /// Mints so far; part of the label of the next one.
    pub mints: u32,
    /// The new token, once there is one.
    pub successor: Option<Successor>,
    /// Store by store.
    pub stores: Vec<StoreState>,
    /// Where.
    pub stage: Stage,
    /// When this stage was entered; deadlines count from here.
    pub entered: Timestamp,
    /// How.
    pub pace: Pace,
    /// Who ordered the revoke before its proof, if anybody did.
    pub ordered: Option<Person>,
    /// The use since the leak was read, or could not be read.
    pub usage_read: bool,
    /// The plan's digest, once it was computed.
    pub planned: Option<Digest>,
    /// The tokens there were just before the next mint.
    pub counted: Option<Vec<TokenId>>,
    /// The mint whose outcome is not recorded or not known.
    pub pending: Option<Pending>,
    /// How many mints there had been when a person last said to go on; bounds the attempts.
    pub mints_resumed: u32,
    /// Tokens that must die: what interrupted mints left, or a successor that is given up.
    pub orphans: Vec<Orphan>,
    /// The label whose versions the stores must drop.
    pub stale: Option<Label>,
    /// The successor works.
    pub proved: bool,
    /// A promotion of the successor was begun: dependents may read it somewhere.
    pub exposed: bool,
    /// The promotion that was begun last is the first of its store: before it, the store held nothing of ours.
    pub first_move: bool,
    /// Consecutive successes of the current step, where more than one is asked for.
    pub streak: u32,
    /// Dependent by dependent.
    pub dependents: Vec<DependentState>,
    /// Uses of the old token in the last reading that dependents explain.
    pub explained: Vec<String>,
    /// How far the end of the old token is.
    pub ending: Ending,
    /// The value that a person handed over and that is not judged yet.
    pub offered: Option<Offered>,
    /// Why the last such value was not taken.
    pub refused: Option<Reason>,
    /// The next token is a person's to make, also where the provider can: the old one can no longer be replaced by a call.
    pub by_hand: bool,
    /// A person or a policy accepted that the old token's users fail from its replacement on.
    pub outage: bool,
    /// A person wants the old token back in use, if it still lives.
    pub returning: bool,
    /// How often in a row the old token was seen alive, after a replacement that perhaps happened.
    pub lives: u32,
    /// What people said that others must say as well, and what was said already.
    pub given: Given,
}

impl State {
    /// True once a disable or revoke of the old token was begun: there is no way back.
    #[must_use]
    pub fn pivoted(&self) -> bool {
        matches!(self.old, Old::Ending(_) | Old::Dead(Some(_)))
    }

    /// True when something was seen that holds for one instant alone: the probes before the revoke, the tokens counted
    /// before a mint. Whoever takes the rotation up later must record [`super::Fact::Restarted`] first.
    #[must_use]
    pub fn relies_on_the_instant(&self) -> bool {
        let rechecked = !self.pivoted() && self.dependents.iter().any(|one| one.rechecked);
        let counted = self.pending.is_none() && self.counted.is_some();
        let looked = replace::relies_on_preflight(self) || matches!(self.stage, Stage::Sweeping);
        !matches!(self.stage, Stage::Closed(_)) && (rechecked || counted || looked)
    }

    /// True when the old token's end is a person's: the provider takes no order for it, or knows the new token by the same
    /// handle.
    #[must_use]
    pub fn ends_by_hand(&self) -> bool {
        let abilities = &self.plan.abilities;
        (!abilities.revoke && !abilities.disable) || self.shares_handle()
    }

    /// True where a refusal alone is not the end: a token that was disabled is refused, and can be enabled again for as
    /// long as it is listed. Slots are always listed.
    #[must_use]
    pub fn ends_off_the_list(&self) -> bool {
        let abilities = &self.plan.abilities;
        let goes_away = abilities.class != Class::TwoSlots && !replace::replaces(&self.plan);
        abilities.disable && abilities.revoke && abilities.list && goes_away && !self.shares_handle()
    }

    /// True when what became of a replacement in place is not known, or is to be undone: only the old token can tell.
    #[must_use]
    pub fn asks_old(&self) -> bool {
        replace::asks_old(self)
    }

    /// True when the next token is a person's to make.
    #[must_use]
    pub fn made_by_hand(&self) -> bool {
        hand::makes(self)
    }

    /// True when the provider gives the old and the new token, which live side by side, the same handle.
    pub(super) fn shares_handle(&self) -> bool {
        let new = self.successor.as_ref().map(|successor| &successor.token);
        !replace::replaces(&self.plan) && new.is_some() && new == forward::old_token(&self.old)
    }
}

/// A mint that was begun and whose outcome is not recorded, or not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    /// Which mint.
    pub attempt: u32,
    /// Its label.
    pub label: Label,
    /// For a value chosen here: the digest of its sealed form.
    pub sealed: Option<Digest>,
    /// It may have happened.
    pub perhaps: bool,
    /// The sealed value cannot be opened, so it cannot be pushed again.
    pub lost: bool,
}

/// A token that must die.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Orphan {
    /// Its handle.
    pub token: TokenId,
    /// The digest of its sealed value, where we ever had the value.
    pub sealed: Option<Digest>,
    /// The label of the mint that made it, by which it may be found.
    pub label: Label,
    /// Disabled, as far as the provider says, or stepped over; of strays alone.
    pub disabled: bool,
    /// The provider accepted its revocation, or a person is said to have ended it; its death is still to be observed.
    pub revoked: bool,
    /// Its end is a person's.
    pub by_hand: bool,
    /// Its handle is the provider's; else one of ours stands for it.
    pub is_named: bool,
}

impl Orphan {
    /// A token that lives under a label, as far as we know, and of which we never had the value.
    pub(super) fn new(token: TokenId, label: Label) -> Self {
        Self { token, sealed: None, label, disabled: false, revoked: false, by_hand: false, is_named: true }
    }
}

/// How far one dependent is. All but the first two start afresh with every round of checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DependentState {
    /// Its probe saw the old version before anything changed.
    pub saw_old: bool,
    /// A person accepted that its probe proves nothing.
    pub accepted: bool,
    /// Its reload action was begun.
    pub reloaded: bool,
    /// Probes so far.
    pub tried: u32,
    /// It was seen on the version that the stage asks for.
    pub proved: bool,
    /// It was seen so again, at the instant of the revoke.
    pub rechecked: bool,
    /// What it last answered.
    pub health: Option<Health>,
}

/// How far the end of the old token is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ending {
    /// Disabled, as far as the provider says, or stepped over.
    pub disabled: bool,
    /// The revocation was sent, or is a person's to do.
    pub revoked: bool,
    /// Why nobody knows whether the provider took the revocation, after it was sent. Where the token was disabled
    /// before, its death does not tell.
    pub unsure: Option<Reason>,
    /// Its sessions were ended.
    pub ended: bool,
    /// When the first disable or revoke was begun; the alarm counts from here.
    pub since: Option<Timestamp>,
    /// How often it had to be revoked again after that.
    pub resends: u32,
}

/// What the world is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Effect {
    /// Read the old token's use since the leak.
    ReadUsage,
    /// Verify the old token.
    Verify,
    /// Check everything checkable.
    Preflight,
    /// List the ids there are.
    Count,
    /// Mint, for the n-th time; the runner draws the nonce and records the label.
    Mint {
        /// From 1.
        attempt: u32,
        /// For a value chosen here whose push may have happened: the same label, and the digest of the same sealed
        /// value, must be begun and pushed again.
        again: Option<(Label, Digest)>,
    },
    /// Ask, with a negative control, what the value is that a person handed over.
    Try,
    /// Ask whether the old token still lives, after a replacement in place whose outcome is not known. The answer is
    /// recorded as [`super::Fact::Verified`].
    AskOld,
    /// Look for a second token that the mint of the new one made.
    SeekTwin {
        /// The label of both.
        label: Label,
    },
    /// Look for tokens with the label (or all ids).
    Seek {
        /// The label of the interrupted mint.
        label: Label,
    },
    /// Try the new token once.
    Prove,
    /// Stage in one store.
    Stage {
        /// Which.
        store: usize,
    },
    /// Promote in one store.
    Promote {
        /// Which.
        store: usize,
        /// What was staged.
        staged: Staged,
    },
    /// Reload and probe one dependent for the new version.
    Check {
        /// Which.
        dependent: usize,
        /// True when its reload action is due: on the first try of a stage, and again if that action itself failed
        /// (recorded as a failure for [`Reason::Unhealthy`]) or was interrupted.
        reload: bool,
    },
    /// Read the old token's use.
    Soak,
    /// Disable the old token.
    Disable(Warrant),
    /// Revoke the old token.
    Revoke(Warrant),
    /// End its sessions.
    EndSessions(Warrant),
    /// Ask whether the old token is dead.
    Confirm,
    /// See that the new token is healthy.
    Watch,
    /// Make the old value current again. Where `current` is not known the promotion's outcome is not known either: it may
    /// still arrive, so the store must be left at a version that a late conditional write does not match.
    Demote {
        /// Which store.
        store: usize,
        /// What had been staged.
        staged: Staged,
        /// The new version that is current now, where it is known.
        current: Option<Version>,
    },
    /// Probe one dependent again for the new version, without reloading it.
    Recheck(usize),
    /// Reload and probe one dependent for the old version.
    CheckBack {
        /// Which.
        dependent: usize,
        /// True when its reload action is due.
        reload: bool,
    },
    /// Revoke a token that is not in use: the first of [`State::orphans`].
    Discard(Warrant),
    /// Ask whether that token is dead; [`State::orphans`] has the digest of its sealed value, where there is one. The
    /// answer is recorded as [`super::Fact::Verified`].
    ConfirmDiscard(TokenId),
    /// See which tokens the stores give out, and which of the plan's strays are there.
    Survey,
    /// Disable a stray.
    Quarantine(Warrant),
    /// Drop what a store holds of a mint.
    Unstage {
        /// Which store.
        store: usize,
        /// The label of the mint.
        label: Label,
    },
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Touch the world.
    Act(Step, Effect),
    /// Record the plan's digest (pure: nothing outside is touched).
    Plan,
    /// Sleep.
    Wait(Timestamp),
    /// A person must decide.
    Ask(Reason),
    /// Begun elsewhere, or interrupted.
    Busy,
    /// Nothing more.
    Rest(Outcome),
}
