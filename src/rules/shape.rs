//! The part of a rule file that says what a token looks like, as typed.

use super::named;
use super::structure::Structure;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;

/// What a token looks like, as typed.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DetectSpec {
    /// Parts of which every match holds at least one; they feed the first pass.
    pub literals: Vec<String>,
    /// The pattern; the group `secret` (or all of it) is the secret, other named groups become companions.
    #[serde(deserialize_with = "named::written_out")]
    pub pattern: String,
    /// The public start of the secret, which reports show.
    #[serde(default)]
    pub prefix: Option<String>,
    /// How many bytes either side of a literal the pattern may need.
    #[serde(default)]
    pub window: Option<usize>,
    /// The least Shannon entropy of the secret, in bits per byte.
    #[serde(default)]
    pub entropy: Option<f64>,
    /// The checksum that the secret carries.
    #[serde(default)]
    pub checksum: Option<Checksum>,
    /// What the secret is made of, where its bytes say more than the pattern.
    #[serde(default)]
    pub structure: Option<Structure>,
    /// Groups, companions and fields of the structure that are no secret: reports show them.
    #[serde(default)]
    pub public: Vec<String>,
    /// Told only where it is no part of a token that was found.
    #[serde(default)]
    pub lone: bool,
    /// Sorts of characters of which the secret holds at least one each.
    #[serde(default)]
    pub require: Vec<Sort>,
    /// Secrets that match one of these are samples.
    #[serde(default, deserialize_with = "named::all_written_out")]
    pub exclude: Vec<String>,
    /// Matches that match one of these are none: the whole of them, and the start of the name that they begin in.
    #[serde(default, deserialize_with = "named::all_written_out")]
    pub unless: Vec<String>,
    /// How the secret came to be, as far as its bytes tell.
    #[serde(default)]
    pub made: Option<Maker>,
    /// What becomes of secrets in which a word of samples stands.
    #[serde(default)]
    pub samples: Samples,
    /// Kinds that this one wins over where both match the same bytes.
    #[serde(default)]
    pub before: Vec<String>,
    /// What is looked for near the match.
    #[serde(default)]
    pub companions: Vec<CompanionSpec>,
    /// Why looking for it may cost more than the budget.
    #[serde(default)]
    pub costly: Option<String>,
    /// Texts that must match.
    #[serde(default)]
    pub examples: Vec<Text>,
    /// Texts that must not match.
    #[serde(default)]
    pub counterexamples: Vec<Text>,
}

/// Another part of the credential, as typed.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompanionSpec {
    /// Its name; the companion named `secret` is the secret.
    pub name: String,
    /// Its pattern; the group `value` (or all of it) is the value.
    #[serde(deserialize_with = "named::written_out")]
    pub pattern: String,
    /// How many bytes away from the match it may be.
    pub within: usize,
    /// Without it the match is no finding.
    #[serde(default)]
    pub required: bool,
}

/// A checksum whose algorithm is published or was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checksum {
    /// CRC-32 in base 62 at the end of `ghp_`, `gho_`, `ghu_`, `ghr_` and classic `ghs_` tokens.
    Github,
    /// The same at the end of `npm_` tokens.
    Npm,
    /// CRC-32 in upper-case hex at the end of `ATATT3…` and `ATCTT3…` tokens.
    Atlassian,
    /// CRC-32 in base 36 at the end of routable tokens; other tokens of the kind carry none.
    GitlabRoutable,
    /// The checksum of GitHub's tokens at the end of `nbp_` tokens.
    Netbird,
    /// CRC-32 of all that precedes in hex, the smallest byte first, at the end of `glsa_` tokens.
    Grafana,
    /// CRC-16 in the last two bytes of a seed in base 32.
    Nkey,
    /// Bech32: six letters of checksum at the end.
    Bech32,
    /// The check digit of card numbers. Digits without it are no card number.
    Luhn,
    /// The check digits of bank accounts. What has others is no account.
    Iban,
}

/// How a secret came to be, as far as its bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Maker {
    /// Drawn, as keys are.
    #[serde(rename = "by-chance")]
    Chance,
    /// Thought up, as passwords are.
    #[serde(rename = "by-person")]
    Person,
}

/// What becomes of secrets in which a word stands that people write into samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Samples {
    /// They are no findings.
    #[default]
    Dropped,
    /// They are judged as all others.
    Kept,
}

/// A sort of character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// `0` to `9`.
    Digit,
    /// `A` to `Z`.
    Upper,
    /// `a` to `z`.
    Lower,
}

/// A text, whole or in parts that are joined: token-shaped samples are kept in parts, so that no scanner is set off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(String);

impl Text {
    /// The joined text.
    #[must_use]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a list of parts that are joined")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Text, A::Error> {
                let mut joined = String::new();
                while let Some(part) = parts.next_element::<String>()? {
                    joined.push_str(&part);
                }
                Ok(Text(joined))
            }
        }

        from.deserialize_any(Parts)
    }
}
