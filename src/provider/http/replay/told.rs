//! What the file says of a request, read apart from the code that sends it.

use super::of;
use super::stand_in::Asked;
use crate::rules::Step::{self, Key};
use data_encoding::BASE64;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request that is not what the file says: where it says so, and what is different.
#[derive(Debug)]
pub(super) struct Difference<'c> {
    pub(super) at: Vec<Step<'c>>,
    pub(super) message: String,
    pub(super) remedy: &'static str,
}

const HEADERS: &str =
    "leave out headers that HTTP or the program itself sets, and write each value without blanks around it";
const ADDRESS: &str = "write the address as it is sent: no `..`, no fragment, no second `?`";

/// The values of a call, by name.
pub(super) struct Given {
    values: BTreeMap<String, String>,
    /// The names of those that nobody is shown.
    hidden: Vec<String>,
}

impl Given {
    pub(super) fn new() -> Self {
        Self { values: BTreeMap::new(), hidden: Vec::new() }
    }

    pub(super) fn public(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    pub(super) fn secret(&mut self, name: &str, value: impl Into<String>) {
        self.public(name, value);
        self.hidden.push(name.to_owned());
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A text of the file with its places filled in; a place that nothing fills stays.
    fn filled(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, name, behind)) = place(rest) {
            out.push_str(before);
            match self.find(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&format!("{{{{{name}}}}}")),
            }
            rest = behind;
        }
        out + rest
    }

    fn document(&self, typed: &Value) -> Value {
        match typed {
            Value::String(text) => Value::String(self.filled(text)),
            Value::Array(list) => list.iter().map(|one| self.document(one)).collect(),
            Value::Object(map) => map.iter().map(|(key, one)| (key.clone(), self.document(one))).collect(),
            other => other.clone(),
        }
    }

    /// A text without secrets: their names stand where they were.
    pub(super) fn masked(&self, text: &str) -> String {
        let secrets = self.hidden.iter().filter_map(|name| Some((name, self.find(name)?)));
        let mut secrets: Vec<_> = secrets.filter(|(_, value)| !value.is_empty()).collect();
        secrets.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        secrets.into_iter().fold(text.to_owned(), |text, (name, value)| text.replace(value, &format!("{{{{{name}}}}}")))
    }

    /// What was asked is what the file says.
    pub(super) fn compare<'c>(&self, send: &'c Value, asked: &Asked, base: &str) -> Result<(), Difference<'c>> {
        self.compare_address(send, asked, base)?;
        let headers = self.headers(send);
        for (name, (at, value)) in &headers {
            let is = asked.headers.get(name).map_or("", String::as_str);
            let (is, value) = (unbasic(is), unbasic(value));
            self.same(at, (&format!("the header `{name}`"), HEADERS), &is, &value)?;
        }
        self.compare_body(send, asked, headers.get("content-type").map(|(_, value)| value.as_str()))?;
        let others = asked.headers.iter().filter(|(name, _)| !headers.contains_key(*name));
        for (name, value) in others {
            let shows = |hidden: &String| self.find(hidden).is_some_and(|one| !one.is_empty() && value.contains(one));
            if ["secret", "authority", "chosen"].map(str::to_owned).iter().any(shows) {
                let message = format!("the header `{name}` holds a secret, and the file says nothing of it");
                return Err(Difference { at: vec![Key("headers")], message, remedy: HEADERS });
            }
        }
        Ok(())
    }

    fn compare_address<'c>(&self, send: &'c Value, asked: &Asked, base: &str) -> Result<(), Difference<'c>> {
        let text = |key: &str| of(send, key).as_str().unwrap_or_default();
        let method = "write the method in capital letters";
        self.same(&[Key("method")], ("the method", method), &asked.method, text("method"))?;
        let wanted = self.filled(&text("url").replace("{{base}}", base));
        let behind = wanted.strip_prefix(base).or_else(|| {
            let behind = wanted.strip_prefix("https://")?;
            behind.get(behind.find(['/', '?'])?..)
        });
        let is = decoded(&asked.address, false);
        self.same(&[Key("url")], ("the address", ADDRESS), &is, &decoded(behind.unwrap_or("/"), false))
    }

    /// The headers that the file asks for, each with the place that does.
    fn headers<'c>(&self, send: &'c Value) -> BTreeMap<String, (Vec<Step<'c>>, String)> {
        let mut headers = BTreeMap::new();
        let mut authorization = |key: &'static str, value: String| {
            headers.insert("authorization".to_owned(), (vec![Key(key)], value));
        };
        if let Some(token) = of(send, "bearer").as_str() {
            authorization("bearer", format!("Bearer {}", self.filled(token)));
        }
        if let Some(pair) = of(send, "basic").as_str() {
            authorization("basic", format!("Basic {}", BASE64.encode(self.filled(pair).as_bytes())));
        }
        for (name, value) in of(send, "headers").as_object().into_iter().flatten() {
            let value = self.filled(&value.as_str().map_or(value.to_string(), str::to_owned));
            headers.insert(name.clone(), (vec![Key("headers"), Key(name)], value));
        }
        headers
    }

    fn compare_body<'c>(&self, send: &'c Value, asked: &Asked, sort: Option<&str>) -> Result<(), Difference<'c>> {
        let is_sort = asked.headers.get("content-type").map_or("", String::as_str);
        let typed = "name another `content-type` in `headers`, or none";
        let other = "write in `json` or `form` what the provider is to get";
        match (of(send, "json"), of(send, "form")) {
            (Value::Null, Value::Null) => self.same(&[], ("the body", other), &asked.body, ""),
            (Value::Null, Value::Object(fields)) => {
                let form = "application/x-www-form-urlencoded";
                self.same(&[Key("form")], ("the header `content-type`", typed), is_sort, form)?;
                let field = |(key, value): (&String, &Value)| {
                    format!("{key}={}", self.filled(value.as_str().unwrap_or_default()))
                };
                let mut wanted: Vec<String> = fields.iter().map(field).collect();
                let mut is: Vec<String> = asked.body.split('&').map(|pair| decoded(pair, true)).collect();
                is.sort();
                wanted.sort();
                self.same(&[Key("form")], ("the form", other), &is.join("&"), &wanted.join("&"))
            }
            (document, _) => {
                let at = [Key("json")];
                let sort = sort.unwrap_or("application/json");
                self.same(&at, ("the header `content-type`", typed), is_sort, sort)?;
                let wanted = self.document(document);
                match serde_json::from_str::<Value>(&asked.body) {
                    Ok(is) => self.same(&at, ("the body", other), &is.to_string(), &wanted.to_string()),
                    Err(_) => self.same(&at, ("the body", other), &asked.body, &wanted.to_string()),
                }
            }
        }
    }

    fn same<'c>(
        &self,
        at: &[Step<'c>],
        (what, remedy): (&str, &'static str),
        is: &str,
        wanted: &str,
    ) -> Result<(), Difference<'c>> {
        if is == wanted {
            return Ok(());
        }
        let shown = |text: &str| match text {
            "" => "nothing".to_owned(),
            text => format!("`{}`", self.masked(text).escape_debug()),
        };
        let message = format!("{what} that was sent is {}, and the file says {}", shown(is), shown(wanted));
        Err(Difference { at: at.to_vec(), message, remedy })
    }
}

/// The first place of a text: what is before it, its name, and what is behind it.
fn place(text: &str) -> Option<(&str, &str, &str)> {
    let (before, after) = text.split_once("{{")?;
    let (name, behind) = after.split_once("}}")?;
    Some((before, name, behind))
}

/// A user and a password as they are typed, so that a secret is seen in them.
fn unbasic(value: &str) -> String {
    let pair = value.strip_prefix("Basic ").and_then(|pair| BASE64.decode(pair.as_bytes()).ok());
    pair.map_or_else(|| value.to_owned(), |pair| format!("Basic {}", String::from_utf8_lossy(&pair)))
}

/// With percents, and in a form the signs for blanks, turned back.
fn decoded(text: &str, form: bool) -> String {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            (b'+', ..) if form => bytes.push(b' '),
            (other, ..) => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
