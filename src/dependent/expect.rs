//! What a probe's answer must say, and what it says of the version that the dependent holds.
//!
//! An expectation is a literal, or a text with placeholders: `{{token}}` (the token's handle), `{{version}}` (of its
//! store), `{{digest}}` (SHA-256 of the secret in hex), `{{user}}` (of a login that is made anew). Literals tell whether
//! the dependent works; placeholders tell on which version it works.

use super::Expected;
use crate::model::Health;
use serde_json::Value;
use std::collections::BTreeMap;

/// What an answer must say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// JSON pointers into the answer, and what stands there: a literal, or a text with placeholders.
    pub fields: BTreeMap<String, Value>,
    /// A text that the answer contains, as whole words; may hold placeholders.
    pub contains: Option<String>,
}

/// What one expectation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// A literal stands there, or a placeholder that names the expected version.
    Fits,
    /// A placeholder names the expected version.
    Attests,
    /// A placeholder names another version.
    Differs,
    /// The answer does not say, or what is expected is not known.
    Silent,
    /// A literal does not stand there.
    Wrong,
}

impl Expectation {
    /// What is wrong with it, with its remedy; none when it can be used.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let odd_pointer = self.fields.keys().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/'));
        if let Some(pointer) = odd_pointer {
            return Some(format!("{pointer:?} is no JSON pointer: begin it with /"));
        }
        let texts = self.fields.values().filter_map(Value::as_str).chain(self.contains.as_deref());
        let odd_name = texts.flat_map(names).find(|name| !matches!(*name, "token" | "user" | "version" | "digest"));
        odd_name.map(|name| {
            format!(
                "{{{{{name}}}}} is no placeholder: use {{{{token}}}}, {{{{user}}}}, {{{{version}}}} or {{{{digest}}}}"
            )
        })
    }

    /// Judges an answer of a dependent that took the question.
    #[must_use]
    pub fn judge(&self, answer: &[u8], expected: &Expected) -> Health {
        let mut findings = Vec::new();
        if !self.fields.is_empty() {
            let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return Health::Bad };
            findings.extend(self.fields.iter().map(|(pointer, want)| field(answer.pointer(pointer), want, expected)));
        }
        if let Some(want) = &self.contains {
            findings.push(contained(&String::from_utf8_lossy(answer), want, expected));
        }
        let any = |finding: Finding| findings.contains(&finding);
        if any(Finding::Wrong) {
            Health::Bad
        } else if any(Finding::Differs) {
            Health::Stale
        } else if any(Finding::Silent) || !any(Finding::Attests) {
            Health::Indistinct
        } else {
            Health::Good
        }
    }
}

fn field(found: Option<&Value>, want: &Value, expected: &Expected) -> Finding {
    let Some(template) = want.as_str().filter(|text| names(text).next().is_some()) else {
        return if found == Some(want) { Finding::Fits } else { Finding::Wrong };
    };
    let Some(want) = fill(template, expected) else { return Finding::Silent };
    let found = match found {
        Some(Value::String(text)) => text.clone(),
        Some(other @ (Value::Number(_) | Value::Bool(_))) => other.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => return Finding::Silent,
    };
    if found == want { Finding::Attests } else { Finding::Differs }
}

fn contained(answer: &str, want: &str, expected: &Expected) -> Finding {
    if names(want).next().is_none() {
        return if answer.contains(want) { Finding::Fits } else { Finding::Wrong };
    }
    match fill(want, expected) {
        None => Finding::Silent,
        Some(want) if holds_word(answer, &want) => Finding::Attests,
        Some(_) => Finding::Differs,
    }
}

/// True when `word` stands in `text` and no longer name has it as a part: version 1 is not said by 12.
fn holds_word(text: &str, word: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let (first, last) = (word.chars().next().is_some_and(inner), word.chars().next_back().is_some_and(inner));
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text.get(..at).and_then(|text| text.chars().next_back()).is_some_and(inner);
            let after = text.get(at + word.len()..).and_then(|text| text.chars().next()).is_some_and(inner);
            !(first && before || last && after)
        })
}

/// The names of the placeholders in a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(name, _)| name.trim())
}

/// The text with its placeholders filled; none where one of them is not known.
fn fill(template: &str, expected: &Expected) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, opened)) = rest.split_once("{{") {
        let (name, after) = opened.split_once("}}")?;
        filled.push_str(before);
        filled.push_str(match name.trim() {
            "token" => expected.token.as_str(),
            "version" => expected.version.as_ref()?.as_str(),
            "digest" => expected.digest.as_ref()?.as_str(),
            "user" => expected.user.as_deref()?,
            _ => return None,
        });
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, TokenId, Version};
    use proptest::prelude::*;
    use serde_json::json;

    fn expected() -> Expected {
        Expected { version: Some(Version::new("3")), token: TokenId::new("key-1"), digest: None, user: None }
    }

    fn fields(pairs: &[(&str, Value)]) -> Expectation {
        let fields = pairs.iter().map(|(pointer, want)| ((*pointer).to_owned(), want.clone())).collect();
        Expectation { fields, contains: None }
    }

    fn contains(text: &str) -> Expectation {
        Expectation { fields: BTreeMap::new(), contains: Some(text.to_owned()) }
    }

    fn judge(expectation: &Expectation, answer: &str) -> Health {
        assert_eq!(expectation.problem(), None);
        expectation.judge(answer.as_bytes(), &expected())
    }

    #[test]
    fn literals_say_whether_it_works_and_placeholders_on_what() {
        let both = fields(&[("/ok", json!(true)), ("/key", json!("{{token}}"))]);
        assert_eq!(judge(&both, r#"{"ok": true, "key": "key-1"}"#), Health::Good);
        assert_eq!(judge(&both, r#"{"ok": true, "key": "key-0"}"#), Health::Stale);
        assert_eq!(judge(&both, r#"{"ok": false, "key": "key-1"}"#), Health::Bad);
        assert_eq!(judge(&both, r#"{"key": "key-1"}"#), Health::Bad);
        assert_eq!(judge(&both, r#"{"ok": true}"#), Health::Indistinct);
        assert_eq!(judge(&both, r#"{"ok": true, "key": null}"#), Health::Indistinct);
        assert_eq!(judge(&both, "<html>"), Health::Bad);
        assert_eq!(judge(&fields(&[("/ok", json!(true))]), r#"{"ok": true}"#), Health::Indistinct);
        assert_eq!(judge(&Expectation::default(), "anything"), Health::Indistinct);
    }

    #[test]
    fn every_placeholder_must_agree_and_numbers_count_as_their_text() {
        let all = fields(&[("/version", json!("{{version}}")), ("/key", json!("{{ token }}"))]);
        assert_eq!(judge(&all, r#"{"version": 3, "key": "key-1"}"#), Health::Good);
        assert_eq!(judge(&all, r#"{"version": 2, "key": "key-1"}"#), Health::Stale);
        assert_eq!(judge(&all, r#"{"version": 3}"#), Health::Indistinct);
        assert_eq!(judge(&fields(&[("/v", json!("v{{version}}"))]), r#"{"v": "v3"}"#), Health::Good);
    }

    #[test]
    fn what_is_not_known_is_not_attested() {
        let digest = fields(&[("/digest", json!("{{digest}}"))]);
        assert_eq!(judge(&digest, r#"{"digest": "ab"}"#), Health::Indistinct);
        let known = Expected { digest: Some(Digest::new("ab")), ..expected() };
        assert_eq!(digest.judge(br#"{"digest": "ab"}"#, &known), Health::Good);
        assert_eq!(digest.judge(br#"{"digest": "cd"}"#, &known), Health::Stale);
    }

    #[test]
    fn a_part_of_a_longer_name_attests_nothing() {
        assert_eq!(judge(&contains("{{token}}"), "working as key-1, since noon"), Health::Good);
        assert_eq!(judge(&contains("{{token}}"), "working as key-12"), Health::Stale);
        assert_eq!(judge(&contains("{{token}}"), "working as my-key-1"), Health::Stale);
        assert_eq!(judge(&contains("{{token}}"), "key-12 before, key-1 now"), Health::Good);
        assert_eq!(judge(&contains("version={{version}};"), "version=3;"), Health::Good);
        assert_eq!(judge(&contains("all is well"), "all is well"), Health::Indistinct);
        assert_eq!(judge(&contains("all is well"), "not at all"), Health::Bad);
    }

    #[test]
    fn mistakes_are_told_with_their_remedy() {
        assert!(fields(&[("ok", json!(1))]).problem().is_some_and(|words| words.contains("begin it with /")));
        assert!(contains("{{secret}}").problem().is_some_and(|words| words.contains("{{digest}}")));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fall_over(answer in prop::collection::vec(any::<u8>(), 0..200), want in "\\PC{0,40}") {
            let contained = contains(&want).judge(&answer, &expected());
            prop_assert!(contained != Health::Good || want.contains("{{"));
            let named = fields(&[("/a", json!(want))]).judge(&answer, &expected());
            prop_assert!(named != Health::Good || want.contains("{{"));
        }
    }
}
