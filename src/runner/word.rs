//! What a person says to a rotation: an order, an approval, or a token made in the provider's console.

use super::custody::{self, Custody};
use super::{RunError, stage_word};
use crate::model::{Digest, RotationId, Secret, TokenId};
use crate::rotation::{self, Fact, Order, Stage, State};
use crate::seal::{Sealed, Sealer};

/// What a person says, and the sealed value if one was handed over.
#[derive(Clone, Debug)]
pub struct Word {
    /// [`Fact::Ordered`], [`Fact::Approved`] or [`Fact::Provided`].
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

    pub(super) fn verb(&self) -> &'static str {
        match &self.fact {
            Fact::Ordered(order, ..) => order.word(),
            Fact::Provided { .. } => "provide",
            _ => "approve",
        }
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
    let (digest, sealed) = match (&word.fact, &word.sealed) {
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
    if let Fact::Provided { again, .. } = &mut word.fact {
        *again = state.offered.as_ref().is_some_and(|offered| is(&offered.sealed));
    }
    Ok(Some((sealed, secret)))
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
