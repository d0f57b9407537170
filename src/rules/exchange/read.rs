//! What a reply means.

use super::{Field, Origin, Row, Table};
use crate::model::{Companions, Limit, Secret, Timestamp, TokenId};
use crate::rules::template::{Context, Values, as_json, wipe};
use serde_json::Value;

/// What a reply means, by the rule's tables.
#[derive(Debug)]
pub enum Meaning {
    /// The token works.
    Live(Taken),
    /// It is accepted, but something limits it.
    Restricted(Limit, Taken),
    /// It was refused in the documented way.
    Dead,
    /// Asked at the wrong region or instance.
    WrongPlace,
    /// Done; with what was taken, item by item where the reply holds a list.
    Done(Vec<Taken>),
    /// Surely not done.
    Refused,
    /// There is no such token.
    Gone,
    /// There is no room for another token.
    Quota,
    /// In no table: nobody knows, and an act perhaps happened.
    Unknown,
}

impl Meaning {
    /// The word of the rule files.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Live(_) => Table::Live.word(),
            Self::Restricted(..) => Table::Restricted.word(),
            Self::Dead => Table::Dead.word(),
            Self::WrongPlace => Table::WrongPlace.word(),
            Self::Done(_) => Table::Done.word(),
            Self::Refused => Table::Refused.word(),
            Self::Gone => Table::Gone.word(),
            Self::Quota => Table::Quota.word(),
            Self::Unknown => "unknown",
        }
    }

    /// What was taken.
    #[must_use]
    pub fn taken(&self) -> &[Taken] {
        match self {
            Self::Live(taken) | Self::Restricted(_, taken) => std::slice::from_ref(taken),
            Self::Done(taken) => taken,
            Self::Dead | Self::WrongPlace | Self::Refused | Self::Gone | Self::Quota | Self::Unknown => &[],
        }
    }
}

/// What was taken from a reply, or from one item of it.
#[derive(Debug, Default)]
pub struct Taken {
    /// The handle.
    pub token: Option<TokenId>,
    /// The value of a new token.
    pub secret: Option<Secret>,
    /// The label.
    pub label: Option<String>,
    /// When it was made; a date alone is its first instant.
    pub created: Option<Timestamp>,
    /// When it was last used; a date alone is its last instant.
    pub used: Option<Timestamp>,
    /// From where it was used; empty where the reply does not say.
    pub origin: String,
    /// Its rights, sorted; absent where the reply does not say.
    pub scopes: Option<Vec<String>>,
}

pub(super) fn read(rows: &[Row], status: u16, body: &Secret, values: Values<'_, '_>) -> (Meaning, usize) {
    let mut rows = rows.iter().filter(|row| row.status.contains(&status)).peekable();
    if rows.peek().is_none() || is_page(body) {
        return (Meaning::Unknown, 0);
    }
    #[expect(clippy::disallowed_methods, reason = "the reply is taken apart; what is secret in it is sealed again")]
    let mut document: Option<Value> = serde_json::from_slice(body.expose()).ok();
    let understood = rows.find_map(|row| Some((row.read(document.as_ref(), values)?, row.listed(document.as_ref()))));
    let (meaning, listed) = understood.unwrap_or((Meaning::Unknown, 0));
    if let Some(document) = &mut document {
        wipe(document);
    }
    (meaning, listed)
}

/// True of a page for people: a login, a firewall or a proxy answered instead of the provider, whatever the status.
fn is_page(body: &Secret) -> bool {
    #[expect(clippy::disallowed_methods, reason = "only the first letters of the reply are looked at")]
    let body = body.expose();
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let begins = |with: &[u8]| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    begins(b"<!doctype html") || begins(b"<html")
}

/// What is kept of a reply: each value as text, if it is text or a number, and as JSON, for a JSON body.
pub(super) fn kept(keep: &[(String, String)], body: &Secret) -> Option<Companions> {
    #[expect(clippy::disallowed_methods, reason = "the reply is taken apart; what is kept of it is sealed again")]
    let mut document: Value = serde_json::from_slice(body.expose()).ok()?;
    let mut kept = Companions::default();
    let mut whole = true;
    for (name, pointer) in keep {
        let Some(value) = document.pointer(pointer) else {
            whole = false;
            break;
        };
        kept.push(as_json(name), Secret::new(value.to_string().into_bytes()));
        match value {
            Value::String(text) => kept.push(name, Secret::new(text.as_bytes().to_vec())),
            Value::Number(number) => kept.push(name, Secret::new(number.to_string().into_bytes())),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
        }
    }
    wipe(&mut document);
    whole.then_some(kept)
}

impl Row {
    fn read(&self, document: Option<&Value>, values: Values<'_, '_>) -> Option<Meaning> {
        self.body.iter().all(|(pointer, any)| holds(document, pointer, |value| any.contains(value))).then_some(())?;
        self.has.iter().all(|pointer| holds(document, pointer, |value| !value.is_null())).then_some(())?;
        let one = || self.take(document, values);
        Some(match self.table {
            Table::Live => Meaning::Live(one()?),
            Table::Restricted => Meaning::Restricted(self.limit?, one()?),
            Table::Dead => Meaning::Dead,
            Table::WrongPlace => Meaning::WrongPlace,
            Table::Done => Meaning::Done(match &self.items {
                Some(items) => self.list(document?, items, values)?,
                None => vec![one()?],
            }),
            Table::Refused => Meaning::Refused,
            Table::Gone => Meaning::Gone,
            Table::Quota => Meaning::Quota,
        })
    }

    /// How many items the reply lists.
    fn listed(&self, document: Option<&Value>) -> usize {
        let items = self.items.as_ref().and_then(|items| document?.pointer(items)?.as_array());
        items.map_or(0, Vec::len)
    }

    /// The items that pass the filter; nothing at all when the list goes on elsewhere or an item is unreadable.
    fn list(&self, document: &Value, items: &str, values: Values<'_, '_>) -> Option<Vec<Taken>> {
        let goes_on = self.more.as_ref().and_then(|pointer| document.pointer(pointer));
        if goes_on.is_some_and(|more| !matches!(more, Value::Null | Value::Bool(false)) && more != "") {
            return None;
        }
        let mut kept = Vec::new();
        for item in document.pointer(items)?.as_array()? {
            let taken = self.take(Some(item), values)?;
            if self.passes(&taken, values)? {
                kept.push(taken);
            }
        }
        Some(kept)
    }

    fn passes(&self, taken: &Taken, values: Values<'_, '_>) -> Option<bool> {
        for (field, template) in &self.filter {
            let wanted = template.render(Context::Text, values).ok()?;
            let held = match field {
                Field::Token => taken.token.as_ref().map(TokenId::as_str),
                Field::Origin => Some(taken.origin.as_str()),
                Field::Label => taken.label.as_deref(),
                Field::Secret | Field::Created | Field::Used | Field::Scopes => None,
            };
            if !held.is_some_and(|held| Secret::new(held.as_bytes().to_vec()).same_as(&wanted)) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Takes what the row names. A handle or a secret that is not there makes the reply unreadable; the rest may be
    /// absent.
    fn take(&self, document: Option<&Value>, values: Values<'_, '_>) -> Option<Taken> {
        let mut taken = Taken::default();
        for (field, from) in &self.take {
            let value = match from {
                Origin::Pointer(pointer) => document.and_then(|document| document.pointer(pointer)).cloned(),
                Origin::Template(template) => {
                    let rendered = template.render(Context::Text, values).ok()?;
                    #[expect(clippy::disallowed_methods, reason = "a handle, by the rule's word, not a secret")]
                    let text = std::str::from_utf8(rendered.expose()).ok()?;
                    Some(Value::String(text.to_owned()))
                }
            };
            let mut value = value.filter(|value| !value.is_null());
            match field {
                Field::Token => taken.token = Some(handle(value.as_ref()?)?),
                Field::Secret => taken.secret = Some(sealed(value.as_ref()?)?),
                Field::Label => taken.label = value.as_ref().and_then(words),
                Field::Created => taken.created = moment(value.as_ref(), false)?,
                Field::Used => taken.used = moment(value.as_ref(), true)?,
                Field::Origin => taken.origin = value.as_ref().and_then(words).unwrap_or_default(),
                Field::Scopes => taken.scopes = value.as_ref().and_then(scopes),
            }
            if let Some(value) = &mut value {
                wipe(value);
            }
        }
        let secrets = [taken.secret.as_ref(), values("secret")];
        let named = taken.token.as_ref().map(|token| Secret::new(token.as_str().as_bytes().to_vec()));
        // A pointer at the wrong member must not make a public handle of a secret.
        let leaks = named.is_some_and(|named| secrets.iter().flatten().any(|secret| secret.same_as(&named)));
        (!leaks).then_some(taken)
    }
}

/// What is absent is nothing, not even null.
fn holds(document: Option<&Value>, pointer: &str, fits: impl Fn(&Value) -> bool) -> bool {
    document.and_then(|document| document.pointer(pointer)).is_some_and(fits)
}

fn handle(value: &Value) -> Option<TokenId> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty() && text.len() <= 512 && !text.contains(char::is_control)).then(|| TokenId::new(text))
}

fn sealed(value: &Value) -> Option<Secret> {
    value.as_str().filter(|text| !text.is_empty()).map(|text| Secret::new(text.as_bytes().to_vec()))
}

/// Text for people: one value, or a list of them with spaces between; cut to a line.
fn words(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Object(_) => return None,
    };
    Some(text.chars().filter(|char| !char.is_control()).take(512).collect())
}

/// A list of strings, or one string with spaces or commas between.
fn scopes(value: &Value) -> Option<Vec<String>> {
    let mut scopes: Vec<String> = match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        Value::String(text) => text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    scopes.sort();
    scopes.dedup();
    Some(scopes)
}

/// A time: seconds or milliseconds since 1970, RFC 3339, or a date alone. Absent is absent; unreadable is [`None`].
fn moment(value: Option<&Value>, end_of_day: bool) -> Option<Option<Timestamp>> {
    const YEAR_5138_IN_SECONDS: u64 = 100_000_000_000;
    const DAY: u64 = 86_400_000;
    let at = match value {
        None => return Some(None),
        Some(Value::Number(number)) => match number.as_u64() {
            Some(seconds) if seconds < YEAR_5138_IN_SECONDS => seconds * 1000,
            Some(milliseconds) => milliseconds,
            None => u64::try_from((number.as_f64()? * 1000.0) as i64).ok()?,
        },
        Some(Value::String(text)) if text.is_empty() => return Some(None),
        Some(Value::String(text)) => match text.parse::<jiff::Timestamp>() {
            Ok(at) => u64::try_from(at.as_millisecond()).ok()?,
            Err(_) => {
                let date: jiff::civil::Date = text.parse().ok()?;
                let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
                u64::try_from(start).ok()? + if end_of_day { DAY - 1 } else { 0 }
            }
        },
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => return None,
    };
    Some(Some(Timestamp(at)))
}
