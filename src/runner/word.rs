//! What a person says to a rotation: an order, an approval, or a token made in the provider's console.

use super::custody::{self, Custody};
use super::{RunError, stage_word};
use crate::journal::Journal;
use crate::model::{Digest, Person, RotationId, Secret, Timestamp, TokenId};
use crate::people::{May, People};
use crate::rotation::{self, Fact, Order, Said, Stage, State};
use crate::seal::{Sealed, Sealer};
use std::time::Duration;

/// A signature that holds for longer is not taken: what it was given for may look different by then.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What a person says, and the sealed value if one was handed over.
#[derive(Clone, Debug)]
pub struct Word {
    /// [`Fact::Ordered`], [`Fact::Approved`] or [`Fact::Provided`], or one of them signed, or said for what was seen.
    pub fact: Fact,
    /// With [`Fact::Provided`], and only with it: see [`seal_provided`].
    pub sealed: Option<Sealed>,
}

impl From<Fact> for Word {
    fn from(fact: Fact) -> Self {
        Self { fact, sealed: None }
    }
}

impl Word {
    /// A token that a person made, sealed for this rotation, and its public handle where that is a half of it.
    #[must_use]
    pub fn provided(who: crate::model::Person, sealed: Sealed, token: Option<TokenId>) -> Self {
        Self { fact: Fact::Provided { who, sealed: sealed.digest.clone(), token, again: false }, sealed: Some(sealed) }
    }

    /// The same, for what its speaker saw: it is refused where that has changed in a way that matters.
    #[must_use]
    pub fn seeing(mut self, record: u64) -> Self {
        self.fact = Fact::Said(Box::new(Said { seen: record, word: self.fact }));
        self
    }

    pub(super) fn verb(&self) -> &'static str {
        verb(&self.fact)
    }
}

fn verb(fact: &Fact) -> &'static str {
    match fact.said() {
        Fact::Ordered(order, ..) => order.word(),
        Fact::Provided { .. } => "provide",
        _ => "approve",
    }
}

/// What a person must be allowed to do who says this; nothing where anybody may.
#[must_use]
pub fn may(state: &State, fact: &Fact) -> Option<May> {
    match fact.said() {
        Fact::Approved { .. } if state.plan.emergency && !matches!(state.stage, Stage::AwaitingRevokeApproval) => {
            Some(May::RevokeNow)
        }
        Fact::Approved { .. } => Some(May::Approve),
        // A no to a plan is the other side of a yes.
        Fact::Ordered(Order::Abort, ..) if rotation::act(state).is_some() => Some(May::Approve),
        Fact::Ordered(Order::RevokeNow, ..) => Some(May::RevokeNow),
        Fact::Ordered(Order::Resume | Order::Abort | Order::Abandon, ..) | Fact::Provided { .. } => Some(May::Respond),
        // To stop before the next step changes nothing outside, and whoever sees a mistake may do it.
        _ => None,
    }
}

/// Sees that a person's word is that person's, and may be said: whoever can write to the inbox can put any name there.
///
/// # Errors
/// [`RunError::NotAllowed`], with the reason.
pub fn vouch(people: &People, state: &State, fact: &Fact, now: Timestamp) -> Result<(), RunError> {
    let order = || verb(fact).to_owned();
    let refuse = |why: String| Err(RunError::NotAllowed { order: order(), why });
    let signed = match fact {
        Fact::Signed(signed) if people.is_empty() => {
            return refuse(format!(
                "'{}' signed it, and the operator's file names no people to know them by",
                rotation::speaker(&signed.word).map_or("somebody", Person::as_str)
            ));
        }
        Fact::Signed(signed) => signed,
        _ if people.is_empty() && !state.plan.consent.signed => return Ok(()),
        _ if may(state, fact).is_none() => return Ok(()),
        _ if people.is_empty() => {
            return refuse(
                "when the case was opened the operator's file named people, and now it names none".to_owned(),
            );
        }
        _ => return refuse("it needs the signature of one of the people of the operator's file".to_owned()),
    };
    let Some(text) = rotation::statement(state, &signed.word, signed.expires) else {
        return Err(refused(verb(fact), state));
    };
    if signed.expires > now.after(LONGEST) {
        return refuse("it would hold for more than a day: sign one that ends sooner".to_owned());
    }
    if let Some(objection) = rotation::objection(state, signed, now) {
        return refuse(objection.to_string());
    }
    let (Some(who), Some(may)) = (rotation::speaker(&signed.word), may(state, fact)) else {
        return refuse("nobody signs this".to_owned());
    };
    match people.verify(who, may, &text, &signed.signature) {
        Ok(_) => Ok(()),
        Err(doubt) => refuse(doubt.to_string()),
    }
}

/// Sees that a word still means what it meant when its speaker looked.
pub(super) async fn fresh(journal: &dyn Journal, state: &State, fact: &Fact) -> Result<(), RunError> {
    let Some(seen) = fact.seen() else { return Ok(()) };
    let records = journal.replay(&state.plan.rotation).await.map_err(RunError::Journal)?;
    let refuse = |why: String| Err(RunError::Refused { order: verb(fact).to_owned(), why });
    let before = usize::try_from(seen).ok().filter(|seen| *seen > 0).and_then(|seen| records.get(..seen));
    let Some(before) = before else {
        return refuse(format!("it is for record {seen}, and the case has {}", records.len()));
    };
    let then = super::fold(before).map_err(RunError::Illegal)?;
    match rotation::stale(&then, state, fact) {
        Some(stale) => refuse(format!(
            "it was given for record {seen}, when the case was {}, and now it is {}: {stale}; look again",
            place(&then),
            place(state)
        )),
        None => Ok(()),
    }
}

/// Where a case stands, in a few words.
fn place(state: &State) -> String {
    match &state.stage {
        Stage::Held { at, why } => format!("held at {} ({why})", stage_word(at)),
        stage => stage_word(stage).to_lowercase(),
    }
}

/// Seals a token that a person made, for one rotation alone: whoever carries it can be handed this.
///
/// # Errors
/// [`RunError::Seal`] when the key cannot be used.
pub fn seal_provided(sealer: &Sealer, rotation: &RotationId, secret: &Secret) -> Result<Sealed, RunError> {
    custody::seal_new(sealer, rotation, secret).map_err(RunError::Seal)
}

/// Looks at a value before it is recorded: it belongs to its word, can be opened here, and is not the token that leaked.
pub(super) fn examine(
    sealer: &Sealer,
    state: &State,
    custody: &Custody,
    word: &mut Word,
) -> Result<Option<(Sealed, Secret)>, RunError> {
    let refuse = |why: &str| Err(RunError::Refused { order: word.verb().to_owned(), why: why.to_owned() });
    let (digest, sealed) = match (word.fact.said(), &word.sealed) {
        (Fact::Provided { sealed: digest, .. }, Some(sealed)) => (digest, sealed),
        (Fact::Provided { .. }, None) => return refuse("the value is missing"),
        (Fact::Ordered(..) | Fact::Approved { .. }, None) => return Ok(None),
        _ => return refuse("this is not a person's to say"),
    };
    if !rotation::takes_value(state) {
        return Err(refused(word.verb(), state));
    }
    if *digest != sealed.digest {
        return refuse("the value is another than was announced");
    }
    let Ok(secret) = custody::open_new(sealer, &state.plan.rotation, sealed) else {
        return refuse("the value was not sealed for this case, or with another key");
    };
    let Some(old) = &custody.old.secret else {
        return refuse("the leaked value cannot be opened, so it cannot be told whether this is another one");
    };
    if trimmed(&secret).is_empty() {
        return refuse("the value is empty");
    }
    if trimmed(&secret) == trimmed(old) {
        return refuse("this is the leaked token itself, not a new one");
    }
    if trimmed(&secret).len() < secret.len() {
        return refuse("there is white space around the value");
    }
    let is = |digest: &Digest| custody.value(digest).is_some_and(|known| trimmed(known) == trimmed(&secret));
    // One token under two names here would end with a person ending the one in use.
    if state.successor.as_ref().is_some_and(|new| is(&new.sealed)) {
        return refuse("this is the new token that the case has already");
    }
    if state.orphans.iter().filter_map(|orphan| orphan.sealed.as_ref()).any(is) {
        return refuse("this value was given up before and is to be ended: make another one");
    }
    let sealed = sealed.clone();
    if let Fact::Provided { again, .. } = inner(&mut word.fact) {
        *again = state.offered.as_ref().is_some_and(|offered| is(&offered.sealed));
    }
    Ok(Some((sealed, secret)))
}

/// What is said, without what stands around it.
fn inner(fact: &mut Fact) -> &mut Fact {
    match fact {
        Fact::Signed(signed) => inner(&mut signed.word),
        Fact::Said(said) => inner(&mut said.word),
        fact => fact,
    }
}

/// The bytes without white space around them, which many providers do not look at.
#[expect(clippy::disallowed_methods, reason = "two values are compared, and neither leaves")]
fn trimmed(secret: &Secret) -> &[u8] {
    secret.expose().trim_ascii()
}

/// A word that the state cannot take.
pub(super) fn refused(verb: &str, state: &State) -> RunError {
    let mut can: Vec<_> = rotation::allowed(state).into_iter().map(Order::word).collect();
    if matches!(state.stage, Stage::AwaitingApproval(_)) {
        can.insert(0, "approve");
    }
    if rotation::takes_value(state) {
        can.insert(0, "provide");
    }
    let can = if can.is_empty() { "nothing".to_owned() } else { can.join(", ") };
    let stage = match &state.stage {
        Stage::Held { at, why } => format!("it is held at {} ({why})", stage_word(at)),
        stage => format!("it is {}", stage_word(stage)),
    };
    RunError::Refused { order: verb.to_owned(), why: format!("{stage} and allows: {can}") }
}
