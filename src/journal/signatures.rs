//! Who said what, seen again long afterwards: each signed word of a chain is held against its statement and the person's
//! keys.

use crate::model::{Person, RotationId};
use crate::people::People;
use crate::rotation::{self, Event, Fact, Order, State};
use std::collections::BTreeMap;

/// A signed word that an audit came across, or one that should be signed.
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

/// What a person says there without a signature, where one is needed: no runner takes that.
fn unsigned(state: &State, fact: &Fact) -> Option<&'static str> {
    match fact {
        Fact::Said(said) => unsigned(state, &said.word),
        Fact::Ordered(Order::Pause, ..) => None,
        _ if !state.plan.consent.signed => None,
        Fact::Ordered(order, ..) => Some(order.word()),
        Fact::Approved { .. } => Some("approve"),
        Fact::Provided { .. } => Some("hand over a token"),
        _ => None,
    }
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
        if let (Some(event), Some(state)) = (&event, &before)
            && let Some(says) = unsigned(state, &event.fact)
        {
            let who = rotation::speaker(&event.fact).cloned().unwrap_or_else(|| Person::new("nobody"));
            let key = Err("it is not signed, and the case asks for signatures".to_owned());
            self.words.push(SignedWord { rotation: rotation.clone(), seq, who, says: says.to_owned(), key });
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

#[cfg(test)]
mod tests {
    use super::super::contract::opened;
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn a_word_without_a_signature_is_told_where_one_is_needed() {
        for signed in [true, false] {
            let mut first = opened(1);
            if let Fact::Opened(plan) = &mut first.fact {
                plan.consent.signed = signed;
                plan.stores = vec![rotation::StorePlan { name: "one".into(), staging: rotation::Staging::None }];
            }
            let said = |order| Fact::Ordered(order, Person::new("ada"), String::new());
            let mut signatures = Signatures::of(&People::default());
            for (seq, fact) in [(2, said(Order::Pause)), (3, said(Order::Resume))] {
                let event = |event: &Event| serde_json::to_value(event).unwrap();
                if seq == 2 {
                    signatures.take(&RotationId::new("C-0001"), 1, &event(&first));
                }
                signatures.take(&RotationId::new("C-0001"), seq, &event(&Event { at: Timestamp(seq), fact }));
            }
            let found: Vec<_> = signatures.words.iter().map(|word| (word.seq, word.says.as_str())).collect();
            assert_eq!(found, if signed { vec![(3, "resume")] } else { vec![] });
            assert!(signatures.words.iter().all(|word| word.key.is_err()));
        }
    }
}
