//! What a report tells of a value: sealed as it is read, and nothing at all where the scanner masked it.

use crate::model::Secret;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// A text that may be a secret.
#[derive(Debug, Default)]
pub(super) struct Told(Option<Secret>);

impl Told {
    /// The value, unless it is empty or masked.
    pub(super) fn value(self) -> Option<Secret> {
        self.0.filter(|secret| !masked(secret))
    }
}

/// As the scanners mask: a word in place of the value, stars in it, or its end cut off.
fn masked(secret: &Secret) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a masked value is told from a real one")]
    let bytes = secret.expose();
    let word = ["REDACTED", "[REDACTED"].iter().any(|word| bytes.starts_with(word.as_bytes()));
    let stars = bytes.windows(3).any(|three| three == b"***");
    let cut = bytes.ends_with(b"...") || bytes.ends_with("\u{2026}".as_bytes());
    bytes.is_empty() || word || stars || cut
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Told;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Told, E> {
                Ok(Told(Some(Secret::new(text.as_bytes().to_vec()))))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Told, E> {
                Ok(Told(Some(Secret::new(text.into_bytes()))))
            }
            fn visit_unit<E: Error>(self) -> Result<Told, E> {
                Ok(Told(None))
            }
            fn visit_none<E: Error>(self) -> Result<Told, E> {
                Ok(Told(None))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_value_is_not_told() {
        let told = |text: &str| serde_json::from_str::<Told>(&format!("\"{text}\"")).unwrap().value().is_some();
        assert!(told("a-value.with..dots"));
        for text in ["", "REDACTED", "[REDACTED:ab12]", "sk_****xyz", "ghp_ab...", "ghp_ab\u{2026}"] {
            assert!(!told(text), "{text}");
        }
        assert!(serde_json::from_str::<Told>("null").unwrap().value().is_none());
        assert!(serde_json::from_str::<Told>("7").is_err());
    }
}
