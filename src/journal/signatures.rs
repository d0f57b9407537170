//! Who said what, seen again long afterwards: each signed word of a chain is held against its statement and the person's
//! keys.

use crate::model::{Person, RotationId};
use crate::people::People;
use crate::rotation::{self, Event, Fact, State};
use std::collections::BTreeMap;

/// A signed word that an audit came across.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedWord {
    /// Its rotation.
    pub rotation: RotationId,
    /// Its record.
    pub seq: u64,
    /// Who is said to have said it.
    pub who: Person,
    /// What, as it was signed.
    pub says: String,
    /// The fingerprint of the person's key, or why it is not known to be that person's.
    pub key: Result<String, String>,
}

/// Follows the rotations of a chain.
#[derive(Debug)]
pub(super) struct Signatures {
    people: People,
    states: BTreeMap<RotationId, State>,
    pub(super) words: Vec<SignedWord>,
}

impl Signatures {
    pub(super) fn of(people: &People) -> Self {
        Self { people: people.clone(), states: BTreeMap::new(), words: Vec::new() }
    }

    /// The next record of a rotation, whose place in the chain was verified.
    pub(super) fn take(&mut self, rotation: &RotationId, seq: u64, event: &serde_json::Value) {
        let event: Option<Event> = serde_json::from_value(event.clone()).ok();
        let before = self.states.remove(rotation);
        if let Some(Event { fact: Fact::Signed(signed), .. }) = &event {
            let text = before.as_ref().and_then(|state| rotation::statement(state, &signed.word, signed.expires));
            let who = rotation::speaker(&signed.word).cloned().unwrap_or_else(|| Person::new("nobody"));
            let key = match &text {
                Some(text) => self.people.recognise(&who, text, &signed.signature).map_err(|doubt| doubt.to_string()),
                None => Err("the records before it do not lead there".to_owned()),
            };
            let says = text.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("says: ")));
            let says = says.unwrap_or("something that cannot be read").to_owned();
            self.words.push(SignedWord { rotation: rotation.clone(), seq, who, says, key });
        }
        let after = event.and_then(|event| match &before {
            None => rotation::open(&event).ok(),
            Some(state) => rotation::apply(state, &event).ok(),
        });
        if let Some(state) = after.filter(|state| !matches!(state.stage, rotation::Stage::Closed(_))) {
            self.states.insert(rotation.clone(), state);
        }
    }
}
