//! What is wrong with a rule file, where, and what to do about it.

use super::spec::options;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DefaultMessageFormatter, Error, MessageFormatter as _, Spanned};
use std::fmt;

/// One thing that is wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}; {remedy}")]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// What the YAML reader said.
    pub(super) fn of_yaml(file: &str, error: &Error) -> Self {
        let error = error.without_snippet();
        let (line, column) = error.location().map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
        let (message, remedy) = match error {
            Error::SerdeUnknownField { field, expected, .. } => {
                (format!("`{}` is no key here", field.escape_debug()), suggestion(field, expected))
            }
            Error::SerdeUnknownVariant { variant, expected, .. } => {
                (format!("`{}` is no value here", variant.escape_debug()), suggestion(variant, expected))
            }
            Error::SerdeMissingField { field, .. } => (format!("`{field}` is missing"), format!("add `{field}`")),
            Error::DuplicateMappingKey { key, .. } => (
                format!("`{}` is there twice", key.as_deref().unwrap_or("a key").escape_debug()),
                "keep one".to_owned(),
            ),
            other => (
                DefaultMessageFormatter.format_message(other).escape_debug().to_string(),
                "compare it with what `stanch rules show` says of a kind, or with a file of rules/".to_owned(),
            ),
        };
        Self { file: file.to_owned(), line, column, message, remedy }
    }
}

/// The nearest of the words that would do, or all of them.
pub(super) fn suggestion(typed: &str, known: &[&str]) -> String {
    let near = known.iter().map(|word| (distance(typed, word), word)).min();
    match near {
        Some((steps, word)) if steps * 2 <= typed.len() => format!("did you mean `{word}`?"),
        None => "remove it".to_owned(),
        Some(_) => format!("use one of: {}", known.join(", ")),
    }
}

/// How many letters must be put in, taken out or exchanged to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().take(100).enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (same, above) in other.iter().map(|wanted| *wanted == letter).zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(!same)).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// One step on the way to a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// The value of a key.
    Key(&'a str),
    /// An entry of a list.
    At(usize),
}

/// Where the values of a file are.
#[derive(Debug)]
pub(super) struct Places {
    line: u64,
    column: u64,
    below: Below,
}

#[derive(Debug)]
enum Below {
    Nothing,
    Keys(Vec<(String, Places)>),
    Entries(Vec<Places>),
}

impl Places {
    /// Reads the places of all values.
    pub(super) fn of(text: &str) -> Option<Self> {
        serde_yaml::from_str_with_options(text, options()).ok()
    }

    /// Line and column of a value, or of the nearest value around it.
    pub(super) fn find(&self, path: &[Step<'_>]) -> (u64, u64) {
        let mut here = self;
        for step in path {
            let next = match (step, &here.below) {
                (Step::Key(key), Below::Keys(keys)) => keys.iter().find(|(name, _)| name == key).map(|(_, at)| at),
                (Step::At(index), Below::Entries(entries)) => entries.get(*index),
                _ => None,
            };
            match next {
                Some(next) => here = next,
                None => break,
            }
        }
        (here.line.max(1), here.column.max(1))
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let node = Spanned::<Below>::deserialize(from)?;
        Ok(Self { line: node.referenced.line(), column: node.referenced.column(), below: node.value })
    }
}

impl<'de> Deserialize<'de> for Below {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Nodes;

        impl<'de> Visitor<'de> for Nodes {
            type Value = Below;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Below, A::Error> {
                let mut keys = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    keys.push(entry);
                }
                Ok(Below::Keys(keys))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Below, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    entries.push(entry);
                }
                Ok(Below::Entries(entries))
            }

            fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Below, D::Error> {
                IgnoredAny::deserialize(from).map(|_| Below::Nothing)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Below, E> {
                Ok(Below::Nothing)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Below, E> {
                Ok(Below::Nothing)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Below, E> {
                Ok(Below::Nothing)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Below, E> {
                Ok(Below::Nothing)
            }

            fn visit_str<E>(self, _: &str) -> Result<Below, E> {
                Ok(Below::Nothing)
            }

            fn visit_unit<E>(self) -> Result<Below, E> {
                Ok(Below::Nothing)
            }
        }

        from.deserialize_any(Nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested() {
        let known = ["verify", "revoke", "severity"];
        assert_eq!(suggestion("verfy", &known), "did you mean `verify`?");
        assert_eq!(suggestion("revok", &known), "did you mean `revoke`?");
        assert_eq!(suggestion("colour", &known), "use one of: verify, revoke, severity");
        assert_eq!(suggestion("", &[]), "remove it");
    }

    #[test]
    fn distances_are_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }

    #[test]
    fn values_are_found_or_what_is_around_them() {
        let places = Places::of("a: 1\nlist:\n  - x: yes\n    y: [p, q]\n  - z: ~\n").expect("a tree");
        use Step::{At, Key};
        assert_eq!(places.find(&[Key("a")]), (1, 4));
        assert_eq!(places.find(&[Key("list"), At(0), Key("y"), At(1)]), (4, 12));
        assert_eq!(places.find(&[Key("list"), At(1), Key("nothing")]), (5, 5));
        assert_eq!(places.find(&[Key("nothing")]), (1, 1));
    }
}
