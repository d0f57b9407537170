//! The conversations as they are typed in a rule file. Unknown keys are errors.

use crate::model::{Abilities, Chooser, Class, Limit, Quota};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// One call as typed in a rule file: what is sent, and the tables that say what the replies mean. A reply that is in
/// no table is unknown: of an act, it perhaps happened.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallSpec {
    /// Who does it by hand: the page that tells how. Such a call has nothing else.
    pub(super) by_hand: Option<String>,
    /// Of `usage`: how long a use may take to show.
    pub(super) lag_seconds: Option<u32>,
    pub(super) send: Option<SendSpec>,
    pub(super) live: Rows,
    pub(super) restricted: Rows,
    pub(super) dead: Rows,
    pub(super) wrong_place: Rows,
    pub(super) done: Rows,
    pub(super) refused: Rows,
    pub(super) gone: Rows,
    pub(super) quota: Rows,
}

/// What is sent.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SendSpec {
    pub(super) method: String,
    /// `https://<a host of the rule>/…` or `{{base}}/…`; values in it are percent-encoded.
    pub(super) url: String,
    /// `authorization: Bearer …`.
    pub(super) bearer: Option<String>,
    /// `user:password`, sent as `authorization: Basic …`.
    pub(super) basic: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) json: Option<Value>,
    #[serde(default)]
    pub(super) form: BTreeMap<String, String>,
}

/// One row of a table: which replies it is about, and what to take from them.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RowSpec {
    /// HTTP status codes.
    pub(super) status: Vec<u16>,
    /// By JSON pointer: the value that the body holds there, or a list of which it holds one. `null` means null or
    /// absent.
    pub(super) body: BTreeMap<String, Value>,
    /// What to take; a JSON pointer or a template.
    pub(super) take: TakeSpec,
    /// What limits the token: of `restricted` alone.
    pub(super) limit: Option<Limit>,
    /// Where the list is that the reply holds; `take` and `where` then look into each item.
    pub(super) items: Option<String>,
    /// Keeps the items whose taken value equals a template.
    #[serde(rename = "where")]
    pub(super) filter: BTreeMap<String, String>,
    /// A pointer to what is there only if the list goes on elsewhere: such a reply is not believed.
    pub(super) more: Option<String>,
}

/// What to take from a reply.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TakeSpec {
    pub(super) token: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) label: Option<String>,
    pub(super) created: Option<String>,
    pub(super) used: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) scopes: Option<String>,
}

/// One row, or a list of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows(pub(super) Vec<RowSpec>);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Rows;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row with a status, or a list of such rows")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Rows, A::Error> {
                RowSpec::deserialize(de::value::MapAccessDeserializer::new(map)).map(|row| Rows(vec![row]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Rows, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Rows)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// One sample reply as typed in a rule file: pins the tables without a network.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplySpec {
    /// Which call: `verify`, `mint`, `list`, `find`, `disable`, `revoke`, `usage`.
    pub(super) of: String,
    pub(super) status: u16,
    /// The body as text, or as a document.
    #[serde(default)]
    pub(super) body: Value,
    /// `live`, `restricted`, `dead`, `wrong_place`, `done`, `refused`, `gone`, `quota` or `unknown`.
    pub(super) means: String,
    /// The handle that is taken from it.
    #[serde(default)]
    pub(super) token: Option<String>,
    /// How many items are left of a list.
    #[serde(default)]
    pub(super) count: Option<usize>,
    /// The values that the tables' templates are filled with.
    #[serde(default)]
    pub(super) values: BTreeMap<String, String>,
}

/// What a kind says of its provider beyond the calls, as typed. What follows from the calls is not typed.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AbilitiesSpec {
    class: Option<Class>,
    chooser: Option<Chooser>,
    /// At most so many tokens for one principal; absent where no limit matters.
    #[serde(deserialize_with = "at_most")]
    quota: Option<u32>,
}

fn at_most<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number == 0 {
        return Err(de::Error::custom(
            "a quota of 0 leaves nothing to rotate; leave the key out where there is no limit",
        ));
    }
    Ok(Some(number))
}

impl super::Exchanges {
    /// The capability record: what the rule file says, and what follows from the calls there are.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        use super::Act;
        let typed = &self.typed;
        let has = |act| self.exchange(act).is_some();
        let chosen = self.exchange(Act::Mint).is_some_and(super::Exchange::takes_chosen);
        let class = if has(Act::Mint) { Class::Overlap } else { Class::Console };
        Abilities {
            class: typed.class.unwrap_or(class),
            chooser: typed.chooser.unwrap_or(if chosen { Chooser::Client } else { Chooser::Server }),
            quota: typed.quota.map_or(Quota::Unlimited, Quota::AtMost),
            mint: has(Act::Mint),
            list: has(Act::List),
            find: has(Act::Find),
            disable: has(Act::Disable),
            revoke: has(Act::Revoke),
            sessions: false,
            usage: has(Act::Usage),
            scopes: self.exchange(Act::Verify).is_some_and(super::Exchange::takes_scopes),
        }
    }
}
