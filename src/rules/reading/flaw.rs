//! What is wrong with the shape of a value, in words.

use super::{Address, address};
use crate::rules::places::{Entry, Places, Value};
use crate::rules::problem::{Mistake, suggestion};
use serde::de::{Error, Expected, Unexpected};
use std::fmt;

/// What is wrong with a value, and which.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) what: What,
    pub(super) node: Option<Address>,
    pub(super) entry: Option<Address>,
    /// The other keys beside the entry.
    pub(super) beside: Vec<String>,
}

#[derive(Debug)]
pub(super) enum What {
    Key { key: String, known: &'static [&'static str] },
    Word { word: String, known: &'static [&'static str] },
    Missing { field: &'static str },
    Other { found: &'static str, wanted: String },
    Said(String),
}

impl Flaw {
    pub(super) fn new(what: What) -> Self {
        Self { what, node: None, entry: None, beside: Vec::new() }
    }

    pub(super) fn at(mut self, places: &Places) -> Self {
        self.node = self.node.or(Some(address(places)));
        self
    }

    pub(super) fn of(mut self, entry: &Entry, entries: &Places) -> Self {
        if self.entry.is_none() {
            self.entry = Some(address(entry));
            if let Value::Keys(entries) = &entries.value {
                self.beside = entries.iter().map(|entry| entry.key.clone()).collect();
            }
        }
        self
    }

    /// In words, with its place.
    pub(super) fn told(self, places: &Places) -> Mistake {
        let (line, column) = self.place(places).unwrap_or((1, 1));
        let (message, remedy) = match self.what {
            What::Key { key, known } => (format!("`{}` is no key here", key.escape_debug()), home(&key, known)),
            What::Word { word, known } => {
                (format!("`{}` is no value here", word.escape_debug()), suggestion(&word, known))
            }
            What::Missing { field } => (format!("`{field}` is missing"), addition(field)),
            What::Other { found, wanted } => {
                let node = self.node.and_then(|node| at(places, node));
                let (wanted, remedy) = form(&wanted, found, node);
                let found = match found {
                    "nothing" => "nothing stands here".to_owned(),
                    "a number" if wanted.contains("number") => "this number is none that can stand here".to_owned(),
                    found => format!("this is {found}"),
                };
                (format!("{found}, and {wanted} is wanted"), remedy)
            }
            What::Said(text) => match text.rsplit_once("; ") {
                Some((message, remedy)) => (message.to_owned(), remedy.to_owned()),
                None => (text, "write it as in docs/kinds.md".to_owned()),
            },
        };
        Mistake { line, column, message, remedy }
    }

    /// The place of what is wrong: of the entry's key, or of the value.
    fn place(&self, places: &Places) -> Option<(u64, u64)> {
        if self.node == Some(address(places)) && self.entry.is_none() {
            return Some((places.line.max(1), places.column.max(1)));
        }
        match &places.value {
            Value::Keys(entries) => entries.iter().find_map(|entry| {
                let here = self.entry == Some(address(entry));
                if here { Some((entry.line, entry.column)) } else { self.place(&entry.value) }
            }),
            Value::List(entries) => entries.iter().find_map(|entry| self.place(entry)),
            _ => None,
        }
    }
}

/// Keys of `detect`, which are often indented too little.
const OF_DETECT: [&str; 8] =
    ["literals", "pattern", "prefix", "entropy", "exclude", "companions", "examples", "counterexamples"];
/// Keys of a call.
const OF_CALL: [&str; 9] = ["send", "live", "dead", "restricted", "wrong_place", "done", "refused", "gone", "by_hand"];
/// Keys of what is sent.
const OF_SEND: [&str; 5] = ["method", "url", "bearer", "basic", "headers"];

/// Where a key that is none here belongs.
fn home(key: &str, known: &[&'static str]) -> String {
    if OF_DETECT.contains(&key) && known.contains(&"detect") {
        "it belongs to `detect`: indent it by two spaces more than `detect:`".to_owned()
    } else if OF_CALL.contains(&key) && known.contains(&"detect") {
        "it belongs to a call such as `verify`: indent it by two spaces more than `verify:`".to_owned()
    } else if OF_SEND.contains(&key) && known.contains(&"send") {
        "it belongs to `send`: write it into its braces, or indent it below `send:`".to_owned()
    } else if ["id", "detect", "severity"].contains(&key) && known.contains(&"kinds") {
        "it belongs to a kind: write it below `kinds:`, the first key of each kind behind `- `".to_owned()
    } else {
        suggestion(key, known)
    }
}

/// What to write where a key is missing.
fn addition(field: &str) -> String {
    let value = match field {
        "hosts" => return "add `hosts: [api.acme.example]`, or `hosts: []` where there are none".to_owned(),
        "kinds" => return "add `kinds:`, and below it each kind with `- id: …` as its first line".to_owned(),
        "detect" => {
            return "add `detect:`, and below it `literals`, `pattern`, `examples` and `counterexamples`".to_owned();
        }
        "steps" => return "add `steps:`, and below it one action a line, each behind `- `".to_owned(),
        "provider" => "acme",
        "title" => "Acme API token",
        "id" => "acme.api-token",
        "severity" => "high",
        "sources" => "[{ page: 'https://…', mark: D }]",
        "page" => "'https://…'",
        "mark" => "D",
        "literals" => "[acme_]",
        "pattern" => r"'\bacme_[0-9a-z]{32}\b'",
        "name" => "account",
        "within" => "80",
        "send" => "{ method: GET, url: 'https://…', bearer: '{{secret}}' }",
        "method" => "GET",
        "url" => "'https://api.acme.example/v1/me'",
        "status" => "200",
        "of" => "verify",
        "means" => "live",
        "keep" => "{ name: /pointer }",
        _ => "…",
    };
    format!("add `{field}: {value}`")
}

/// The value that is at this address.
fn at(places: &Places, node: Address) -> Option<&Places> {
    if address(places) == node {
        return Some(places);
    }
    match &places.value {
        Value::Keys(entries) => entries.iter().find_map(|entry| at(&entry.value, node)),
        Value::List(entries) => entries.iter().find_map(|entry| at(entry, node)),
        _ => None,
    }
}

/// What belongs there, and how to write it.
fn form(wanted: &str, found: &str, node: Option<&Places>) -> (String, String) {
    let of = |words: &str, remedy: &str| (words.to_owned(), remedy.to_owned());
    let typed = match node.map(|node| &node.value) {
        Some(Value::Text(text)) if text.len() <= 40 => text.escape_debug().to_string(),
        Some(Value::Natural(number)) => number.to_string(),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "…".to_owned(),
    };
    if wanted.starts_with("struct ") || wanted == "a map" {
        return match found {
            "a list" => of("a map of keys and values", "remove the brackets or the `- `"),
            _ => of(
                "a map of keys and values",
                "write `key: value` on lines of their own below it, indented by two spaces more",
            ),
        };
    }
    match (wanted, found) {
        ("a sequence", "a map") => of("a list", "put `- ` before the first key of each entry"),
        ("a sequence", "nothing") => of("a list", "write one entry a line below it, each behind `- `"),
        ("a sequence", _) => ("a list".to_owned(), format!("put it in brackets: `[{typed}]`")),
        ("a string", "nothing") => of("a text", "write one, or remove the key"),
        ("a string", "a map" | "a list") => of("a text", "put it in single quotes: `'…'`"),
        ("a string", _) => ("a text".to_owned(), format!("put it in single quotes: `'{typed}'`")),
        ("a boolean", _) => of("`true` or `false`", "write one of them, without quotes"),
        ("f64" | "f32", _) => of("a number", "write it with digits, such as `3.5`"),
        ("u16", _) => of("a number from 0 to 65535", "write it with digits, such as `200`"),
        ("u32" | "u64" | "usize", _) => of("a number without sign or fraction", "write it with digits, such as `80`"),
        _ => (wanted.to_owned(), "write it as in docs/kinds.md".to_owned()),
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Flaw {}

impl Error for Flaw {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(What::Said(text.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new(What::Other { found: name(&found), wanted: wanted.to_string() })
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::Word { word: word.to_owned(), known })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::Key { key: key.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing { field })
    }
}

fn name(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a yes or no",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Str(_) | Unexpected::Char(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a map",
        _ => "something else",
    }
}
