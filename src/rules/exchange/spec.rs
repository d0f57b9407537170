//! The conversations as they are typed in a rule file. Unknown keys are errors.

use crate::model::{Abilities, Chooser, Class, Limit, Quota};
use crate::rules::Mark;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// What a person does, as typed and as told.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// The page that documents it.
    pub page: String,
    /// How well it is known that this is the way.
    #[serde(default)]
    pub mark: Option<Mark>,
    /// What to know about it.
    #[serde(default)]
    pub note: Option<String>,
    /// What to do, in order; one action a step.
    pub steps: Vec<String>,
}

/// One call as typed in a rule file: what is sent, and the tables that say what the replies mean. A reply that is in
/// no table is unknown: of an act, it perhaps happened.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallSpec {
    /// A person does it. Such a call has nothing else.
    pub(super) by_hand: Option<ByHand>,
    /// Asked before it; changes nothing.
    pub(super) first: Option<FirstSpec>,
    /// Of a list: the page `{{page}}` is asked from 1 until one is empty, and no more than so many.
    pub(super) pages: Option<u32>,
    /// Of `usage`: how long a use may take to show.
    pub(super) lag_seconds: Option<u32>,
    pub(super) send: Option<SendSpec>,
    /// The page that documents it.
    pub(super) page: Option<String>,
    /// How well it is known.
    pub(super) mark: Option<Mark>,
    /// What to know about it.
    pub(super) note: Option<String>,
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

/// What is asked before a call, and what of the reply is kept for it.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstSpec {
    pub(super) send: SendSpec,
    pub(super) status: Vec<u16>,
    /// By the name of the place that it fills: where it stands in the reply.
    pub(super) keep: BTreeMap<String, String>,
}

/// One row of a table: which replies it is about, and what to take from them.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RowSpec {
    /// HTTP status codes.
    pub(super) status: Vec<u16>,
    /// By JSON pointer: the value that the body holds there, or a list of which it holds one. What is absent equals
    /// nothing, not even `null`.
    pub(super) body: BTreeMap<String, Value>,
    /// Pointers to what the body holds, whatever it is, but not null.
    pub(super) has: Vec<String>,
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

/// The rows of a table.
pub(super) type Rows = Any<RowSpec>;

/// The ways of an act: the first whose values are all at hand is taken.
pub type Ways = Any<CallSpec>;

/// One of a thing, or a list of them.
#[derive(Clone, Debug)]
pub struct Any<T>(pub(super) Vec<T>);

impl<T> Default for Any<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Any<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = Any<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one, or a list of them")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Any<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|one| Any(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Any<T>, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Any)
            }
        }
        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

/// One sample reply as typed in a rule file: pins the tables without a network.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplySpec {
    /// Which call: `verify`, `mint`, `replace`, `list`, `find`, `disable`, `revoke`, `usage`.
    pub(super) of: String,
    /// Which of its ways, from 1; the first where none is named.
    #[serde(default)]
    pub(super) way: Option<usize>,
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
    /// The capability record: what the rule file says, and what follows from the calls there are. A call counts when
    /// the values that only a configuration can give it (`base`, `authority`) are there. A token that cannot be made
    /// beside the old one, but takes its place, is of the class `replace`.
    #[must_use]
    pub fn abilities(&self, given: &dyn Fn(&str) -> bool) -> Abilities {
        use super::{Act, Exchange};
        let typed = &self.typed;
        let way = |act| self.ways(act).iter().find(|way| way.wants().all(given));
        let has = |act| way(act).is_some();
        let (mint, replace) = (way(Act::Mint), way(Act::Replace));
        let replaces = mint.is_none() && replace.is_some();
        let class = match mint {
            Some(_) => typed.class.unwrap_or(Class::Overlap),
            None if replaces => Class::Replace,
            None => typed.class.unwrap_or(Class::Console),
        };
        let chosen = mint.or(replace).is_some_and(Exchange::takes_chosen);
        Abilities {
            class,
            chooser: typed.chooser.unwrap_or(if chosen { Chooser::Client } else { Chooser::Server }),
            quota: typed.quota.map_or(Quota::Unlimited, Quota::AtMost),
            mint: mint.is_some() || replaces,
            list: has(Act::List),
            find: has(Act::Find),
            disable: has(Act::Disable),
            revoke: has(Act::Revoke),
            sessions: false,
            usage: has(Act::Usage),
            // What was replaced is dead, and its rights cannot be read any more.
            scopes: !replaces && way(Act::Verify).is_some_and(Exchange::takes_scopes),
            in_parts: false,
        }
    }
}
