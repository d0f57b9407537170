//! What is said of a mistake in the operator's file. A secret may stand where something else belongs, so values are
//! repeated only where they are short or can be none.

use super::SecretSource;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::path::PathBuf;

/// What has more characters and a digit in it may be a secret.
const LONGEST_WORD: usize = 24;

/// What belongs where a secret was written.
const A_PLACE: &str =
    "a secret never stands in this file: write where it is, as { file: PATH }, { env: NAME } or { credential: NAME }";

/// A value as a message may repeat it.
pub(super) fn shown(value: &str) -> String {
    let count = value.chars().count();
    if count > LONGEST_WORD && value.contains(|c: char| c.is_ascii_digit()) {
        format!("of that name ({count} characters)")
    } else {
        format!("'{value}'")
    }
}

/// Whether a text has the form of a kind's name.
pub(super) fn may_be_kind(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    text.contains('.') && text.len() <= 100 && text.chars().all(plain)
}

/// The parser's message without a value that may be a secret, and in words that are not the program's own.
pub(super) fn without_values(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, "something else"));
        let found = found.split([' ', '`', '"']).next().unwrap_or(found);
        let tells_of_code = ["struct ", "enum ", "internally tagged", "newtype", "tuple"];
        let expected =
            if tells_of_code.iter().any(|word| expected.contains(word)) { "keys with values" } else { expected };
        return format!("a {found} stands here; write {expected}");
    }
    if message.contains("invalid socket address syntax") {
        return "this is no address to listen at: write one such as 127.0.0.1:8480".to_owned();
    }
    for (lead, close) in [("unknown variant `", '`'), ("unknown field `", '`'), ("'", '\'')] {
        let value = message.strip_prefix(lead).and_then(|rest| rest.split_once(close));
        if let Some((value, rest)) = value
            && value.chars().count() > LONGEST_WORD
            && value.contains(|c: char| c.is_ascii_digit())
        {
            return format!("what stands here ({} characters) is not known{rest}", value.chars().count());
        }
    }
    message.to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: Option<PathBuf>,
    env: Option<String>,
    credential: Option<String>,
}

struct Place;

impl<'de> Visitor<'de> for Place {
    type Value = SecretSource;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("file, env or credential")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<SecretSource, M::Error> {
        match Entry::deserialize(MapAccessDeserializer::new(map))? {
            Entry { file: Some(path), env: None, credential: None } => Ok(SecretSource::File(path)),
            Entry { file: None, env: Some(name), credential: None } => Ok(SecretSource::Env(name)),
            Entry { file: None, env: None, credential: Some(name) } => Ok(SecretSource::Credential(name)),
            _ => Err(Error::custom("a secret comes from one place: write one of file, env and credential")),
        }
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<SecretSource, E> {
        Err(E::custom(A_PLACE))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretSource, E> {
        Err(E::custom(A_PLACE))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretSource, E> {
        Err(E::custom(A_PLACE))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretSource, E> {
        Err(E::custom(A_PLACE))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretSource, E> {
        Err(E::custom(A_PLACE))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, _: S) -> Result<SecretSource, S::Error> {
        Err(Error::custom(A_PLACE))
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Place)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Operator;
    use super::*;

    /// What is said of a file with this in place of the store.
    fn said(store: &str) -> String {
        let error = Operator::parse("c.yaml", &format!("stores:\n  a: {store}\n")).unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_secret_that_was_typed_into_the_file_is_not_repeated() {
        for typed in ["hunter2", "4711", "4.5", "true", "[hunter2]", "~"] {
            let said = said(&format!("{{ driver: vault, address: 'http://127.0.0.1:1', token: {typed} }}"));
            assert!(said.starts_with("c.yaml:2:") && !said.contains("hunter2") && !said.contains("471"), "{said}");
            assert!(said.contains("{ env: NAME }") || typed == "~", "{said}");
        }
        let long = "a1".repeat(20);
        for wrong in [
            format!("{{ driver: {long} }}"),
            format!("{{ driver: local, {long}: x }}"),
            "{ driver: aws, region: x, authority: hunter2 }".to_owned(),
            "hunter2".to_owned(),
        ] {
            let said = said(&wrong);
            assert!(!said.contains("hunter2") && !said.contains("a1a1") && !said.contains("Authority"), "{said}");
        }
        let two = said("{ driver: vault, address: 'http://127.0.0.1:1', token: { file: a, env: B } }");
        assert!(two.contains("one place"), "{two}");
    }

    #[test]
    fn what_can_be_no_secret_is_repeated() {
        assert!(said("{ driver: gopher }").contains("`gopher`"));
        assert_eq!(shown("shop-database"), "'shop-database'");
        assert!(may_be_kind("stanch.demo-token") && !may_be_kind("ghp_x") && !may_be_kind("a"));
    }
}
