//! A rule file as a tree that knows where everything in it stands.

use super::spec::options;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, Error, NonFiniteFloatPolicy, Spanned};
use std::fmt;

/// One step on the way to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The value of a key.
    Key(&'a str),
    /// An entry of a list.
    At(usize),
}

/// One step on the way to a value, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The value of a key.
    Key(String),
    /// An entry of a list.
    At(usize),
}

impl Stop {
    /// The same step, looked at.
    pub(super) fn step(&self) -> Step<'_> {
        match self {
            Self::Key(key) => Step::Key(key),
            Self::At(index) => Step::At(*index),
        }
    }
}

/// A value, where it stands, and what is below it.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Natural(u64),
    Number(f64),
    Text(String),
    List(Vec<Places>),
    Keys(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) value: Places,
}

impl Places {
    /// Reads the tree of a file.
    ///
    /// # Errors
    /// When the text is no YAML, or more than a rule file may hold.
    pub(super) fn read(text: &str) -> Result<Self, Box<Error>> {
        let mut options = options();
        // Two of one key are found in the tree, beside everything else that is wrong.
        options.duplicate_keys = DuplicateKeyPolicy::LastWins;
        options.non_finite_float_policy = NonFiniteFloatPolicy::AsString;
        serde_yaml::from_str_with_options(text, options).map_err(Box::new)
    }

    /// Line and column of a value, or of the nearest value around it. Where one thing stands for a list of one, it is the
    /// first entry.
    pub(super) fn find(&self, path: &[Step<'_>]) -> (u64, u64) {
        let mut here = self;
        let mut at = (self.line, self.column);
        for step in path {
            match (step, &here.value) {
                (Step::Key(key), Value::Keys(entries)) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == *key) else { break };
                    here = &entry.value;
                    // What is empty, or begins on a line of its own, is shown by its key.
                    let shown = matches!(here.value, Value::Null) || here.line > entry.line;
                    at = if shown { (entry.line, entry.column) } else { (here.line, here.column) };
                }
                (Step::At(index), Value::List(entries)) => {
                    let Some(entry) = entries.get(*index) else { break };
                    here = entry;
                    at = (here.line, here.column);
                }
                (Step::At(0), _) => {}
                _ => break,
            }
        }
        (at.0.max(1), at.1.max(1))
    }
}

impl Places {
    /// The first text at or below this that holds a part.
    pub(super) fn holding(&self, part: &str) -> Option<(u64, u64)> {
        match &self.value {
            Value::Text(text) => text.contains(part).then_some((self.line, self.column)),
            Value::List(entries) => entries.iter().find_map(|entry| entry.holding(part)),
            Value::Keys(entries) => entries.iter().find_map(|entry| entry.value.holding(part)),
            _ => None,
        }
    }

    /// What is at a path.
    pub(super) fn at(&self, path: &[Step<'_>]) -> Option<&Self> {
        path.iter().try_fold(self, |here, step| match (step, &here.value) {
            (Step::Key(key), Value::Keys(entries)) => {
                entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.value)
            }
            (Step::At(index), Value::List(entries)) => entries.get(*index),
            _ => None,
        })
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let node = Spanned::<Value>::deserialize(from)?;
        Ok(Self { line: node.referenced.line(), column: node.referenced.column(), value: node.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Nodes;

        impl<'de> Visitor<'de> for Nodes {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let (line, column) = (key.referenced.line(), key.referenced.column());
                    entries.push(Entry { key: key.value, line, column, value: map.next_value()? });
                }
                Ok(Value::Keys(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    entries.push(entry);
                }
                Ok(Value::List(entries))
            }

            fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
                IgnoredAny::deserialize(from)?;
                Err(D::Error::custom("this kind of value has no use here"))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Boolean(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Integer(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Natural(value))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Number(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
        }

        from.deserialize_any(Nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::Step::{At, Key};
    use super::*;

    #[test]
    fn values_are_found_or_what_is_around_them() {
        let places = Places::read("a: 1\nlist:\n  - x: yes\n    y: [p, q]\n  - z: ~\n").expect("a tree");
        assert_eq!(places.find(&[Key("a")]), (1, 4));
        assert_eq!(places.find(&[Key("list")]), (2, 1));
        assert_eq!(places.find(&[Key("list"), At(0), Key("y"), At(1)]), (4, 12));
        assert_eq!(places.find(&[Key("list"), At(1), Key("nothing")]), (5, 5));
        assert_eq!(places.find(&[Key("list"), At(1), Key("z")]), (5, 5));
        assert_eq!(places.find(&[Key("nothing")]), (1, 1));
    }

    #[test]
    fn one_thing_stands_for_a_list_of_one() {
        let places = Places::read("way: { live: { status: [200] } }\n").expect("a tree");
        assert_eq!(places.find(&[Key("way"), At(0), Key("live"), At(0), Key("status"), At(0)]), (1, 25));
        assert_eq!(places.find(&[Key("way"), At(1), Key("live")]), (1, 6));
    }

    #[test]
    fn keys_that_stand_there_twice_are_both_there() {
        let places = Places::read("a: 1\nb: { c: 2, c: 3 }\na: 4\n").expect("a tree");
        let Value::Keys(entries) = &places.value else { panic!("keys") };
        assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a", "b", "a"]);
        let Some(Entry { value: Places { value: Value::Keys(inner), .. }, .. }) = entries.get(1) else { panic!("b") };
        assert_eq!(inner.iter().map(|entry| (entry.line, entry.column)).collect::<Vec<_>>(), [(2, 6), (2, 12)]);
    }
}
