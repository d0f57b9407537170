//! Whose yes is needed, how many have said it, and the exact words that a signature is given for.

use super::{Fact, Order, Stage, State};
use crate::model::{Digest, Person, Timestamp};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Whose yes a plan needs; fixed when it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Consent {
    /// Who opened the case, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Person>,
    /// The author's own yes does not count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub four_eyes: bool,
    /// How many persons must approve the plan, and the revoke.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub quorum: u32,
    /// How many persons must order a revoke before its proof, or approve an emergency.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub revoke_now: u32,
    /// People were configured: what they say is signed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
}

impl Default for Consent {
    fn default() -> Self {
        Self { author: None, four_eyes: false, quorum: 1, revoke_now: 1, signed: false }
    }
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

impl Consent {
    /// True where nothing was said about it: the plan of an older journal, or of an installation without people.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What a yes is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    /// The plan.
    Plan,
    /// The revoke, where it is asked for apart.
    Revoke,
    /// The revoke before its proof.
    RevokeNow,
}

/// One person's yes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    /// What for.
    pub act: Act,
    /// Whose.
    pub who: Person,
    /// It counts until then.
    pub expires: Timestamp,
}

/// What people have said so far that is not carried out yet, and what they may not say twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Given {
    /// Each person's latest yes.
    pub votes: Vec<Vote>,
    /// Digests of the statements that were taken.
    pub spent: Vec<Digest>,
}

/// A person's word with the signature over its [`statement`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// [`Fact::Approved`], [`Fact::Ordered`] or [`Fact::Provided`], or one of them in a [`Fact::Said`].
    pub word: Fact,
    /// It is void from then on.
    pub expires: Timestamp,
    /// As `ssh-keygen -Y sign` wrote it.
    pub signature: String,
}

/// Why a signed word is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Objection {
    /// Too late.
    #[error("it was void from {expires} on: sign it anew")]
    Expired {
        /// Since when.
        expires: Timestamp,
    },
    /// It was counted before.
    #[error("this very statement was taken already: it counts once")]
    Replayed,
    /// The author approves.
    #[error("'{author}' opened the case, and four_eyes asks for somebody else's yes")]
    Author {
        /// Who.
        author: Person,
    },
    /// Nothing that can be signed.
    #[error("this is not a person's to say")]
    NotSaid,
}

/// How a decision stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Who said yes, and until when that counts.
    pub yes: Vec<(Person, Timestamp)>,
    /// How many are missing.
    pub missing: u32,
}

/// Who speaks.
#[must_use]
pub fn speaker(fact: &Fact) -> Option<&Person> {
    match fact {
        Fact::Approved { who, .. } | Fact::Ordered(_, who, _) | Fact::Provided { who, .. } => Some(who),
        Fact::Signed(signed) => speaker(&signed.word),
        Fact::Said(said) => speaker(&said.word),
        _ => None,
    }
}

/// The words that a person's signature is given for. They name one case of one installation (its seal is drawn at
/// random when a case is opened), the plan by its digest, what is said, by whom, and until when.
#[must_use]
pub fn statement(state: &State, word: &Fact, expires: Timestamp) -> Option<String> {
    let plan = &state.plan;
    let (seen, word) = match word {
        Fact::Said(said) => (Some(said.seen), &said.word),
        word => (None, word),
    };
    let says = match word {
        // Another digest than the plan's is approved by nobody, so its words are nobody's either.
        Fact::Approved { digest, .. } if state.planned.as_ref() == Some(digest) => match act(state)? {
            Act::Plan if plan.emergency => "approve the plan: the old token is ended FIRST".to_owned(),
            Act::Plan => "approve the plan".to_owned(),
            _ => "approve the revoke".to_owned(),
        },
        Fact::Ordered(order, _, reason) => {
            let held = match &state.stage {
                Stage::Held { why, .. } if *order == Order::Resume => format!(" although held: {why}"),
                _ => String::new(),
            };
            format!("{}{held}, reason {reason:?}", order.word())
        }
        Fact::Provided { sealed, token, .. } => match token {
            Some(token) => format!("hand over a token, sealed as {sealed}, handle {:?}", token.as_str()),
            None => format!("hand over a token, sealed as {sealed}"),
        },
        _ => return None,
    };
    let mut text = String::from("stanch statement, version 1\n");
    let digest = |digest: &Option<Digest>| digest.as_ref().map_or("none", Digest::as_str).to_owned();
    for (name, value) in [
        ("case", plan.rotation.as_str().to_owned()),
        ("credential", format!("{:?}", plan.credential)),
        ("seal", digest(&plan.sealed)),
        ("plan", digest(&state.planned)),
        ("says", says),
        // Named where it is known, so that texts that were signed before keep their words.
        ("seen", seen.map(|record| format!("record {record}")).unwrap_or_default()),
        ("who", speaker(word)?.as_str().to_owned()),
        ("expires", format!("{} ({})", expires.0, expires)),
    ] {
        if !value.is_empty() || name != "seen" {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    Some(text)
}

/// What stands against a signed word, whoever signed it.
#[must_use]
pub fn objection(state: &State, signed: &Signed, at: Timestamp) -> Option<Objection> {
    let Some(mark) = mark(state, signed) else { return Some(Objection::NotSaid) };
    if at >= signed.expires {
        return Some(Objection::Expired { expires: signed.expires });
    }
    if state.given.spent.contains(&mark) {
        return Some(Objection::Replayed);
    }
    let counts = matches!(signed.word.said(), Fact::Approved { .. } | Fact::Ordered(Order::RevokeNow, ..));
    match speaker(&signed.word) {
        Some(who) if counts && is_author(state, who) => Some(Objection::Author { author: who.clone() }),
        _ => None,
    }
}

/// How many have said yes to what the case waits for; with a revoke out of turn, to that.
#[must_use]
pub fn tally(state: &State, act: Act, now: Timestamp) -> Tally {
    let yes: Vec<_> = state.given.votes.iter().filter(|vote| vote.act == act && vote.expires > now).collect();
    let missing = needed(state, act).saturating_sub(u32::try_from(yes.len()).unwrap_or(u32::MAX));
    Tally { yes: yes.into_iter().map(|vote| (vote.who.clone(), vote.expires)).collect(), missing }
}

/// What an approval would be for now.
#[must_use]
pub fn act(state: &State) -> Option<Act> {
    match state.stage {
        Stage::AwaitingApproval(_) => Some(Act::Plan),
        Stage::AwaitingRevokeApproval => Some(Act::Revoke),
        _ => None,
    }
}

/// How many persons it takes.
#[must_use]
pub fn needed(state: &State, act: Act) -> u32 {
    let consent = &state.plan.consent;
    let count = match act {
        Act::Plan if state.plan.emergency => consent.quorum.max(consent.revoke_now),
        Act::Plan | Act::Revoke => consent.quorum,
        Act::RevokeNow => consent.revoke_now,
    };
    count.max(1)
}

/// True where an emergency may not begin on its author's word, nor on a policy's.
pub(super) fn guards_emergency(state: &State) -> bool {
    let consent = &state.plan.consent;
    state.plan.emergency && (consent.revoke_now > 1 || consent.four_eyes)
}

fn is_author(state: &State, who: &Person) -> bool {
    state.plan.consent.four_eyes && state.plan.consent.author.as_ref() == Some(who)
}

/// The digest of what was signed: a signature can be written in several ways, its text cannot.
fn mark(state: &State, signed: &Signed) -> Option<Digest> {
    let text = statement(state, &signed.word, signed.expires)?;
    Some(Digest::new(HEXLOWER.encode(&Sha256::digest(text.as_bytes()))))
}

/// A signed word: it is what it says, once, and while it holds.
pub(super) fn take(state: &mut State, signed: &Signed, at: Timestamp) -> Option<()> {
    let mark = mark(state, signed)?;
    if objection(state, signed, at).is_some() {
        return None;
    }
    match signed.word.said() {
        Fact::Approved { who, digest, expires } if *expires == signed.expires => {
            super::orders::approved(state, who, digest, *expires, at)?;
        }
        Fact::Ordered(order, who, _) => super::orders::take(state, *order, who, Some(signed.expires), at)?,
        Fact::Provided { sealed, token, again, .. } => {
            super::hand::provided(state, sealed, token.as_ref(), *again, at)?;
        }
        _ => return None,
    }
    state.given.spent.push(mark);
    Some(())
}

/// Counts one person's yes, once. True when they are enough; they are spent then.
pub(super) fn vote(state: &mut State, act: Act, who: &Person, expires: Timestamp, at: Timestamp) -> Option<bool> {
    if at >= expires || is_author(state, who) {
        return None;
    }
    let votes = &mut state.given.votes;
    votes.retain(|vote| vote.expires > at && !(vote.act == act && vote.who == *who));
    votes.push(Vote { act, who: who.clone(), expires });
    let enough = tally(state, act, at).missing == 0;
    if enough {
        forget(state, act);
    }
    Some(enough)
}

/// What was said about it counts no longer.
pub(super) fn forget(state: &mut State, act: Act) {
    state.given.votes.retain(|vote| vote.act != act);
}
