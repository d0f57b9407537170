//! What the bytes of a match tell of themselves: the fields that lie in it, whether it is what it looks like, and what
//! takes some of its weight. Only matches are read, so that this costs nothing where there are none.

mod aws;
mod bits;
mod der;
mod fields;
mod jwt;
mod pem;
mod pgp;
mod ssh;
pub(super) mod sums;
mod url;

use crate::model::{Confidence, Severity};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The longest fact.
pub(super) const LONGEST: usize = 160;

/// What a secret is made of, where its bytes say more than its pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Structure {
    /// A key id of AWS, the secret itself or the companion `id`: the account is in it.
    AwsKeyId,
    /// A JSON object in base64, from the first `eyJ` on.
    Base64Json,
    /// A signed token: header, claims, signature.
    Jwt,
    /// A private key between its two lines.
    PrivateKey,
    /// A password in a URL, with the companions `user` and `host`.
    Url,
}

/// A companion by its name.
pub(super) type Part<'p> = &'p dyn Fn(&str) -> Option<&'p [u8]>;

/// What is known of a match beyond its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What is public of it, by name.
    pub facts: BTreeMap<String, String>,
    /// What takes some of its weight, each in a few words.
    pub remarks: Vec<Cow<'static, str>>,
    /// True when it may well be no token at all.
    pub doubtful: bool,
    /// When it ends by itself, in seconds since 1970.
    pub ends: Option<i64>,
    /// The gravest that it can be.
    most: Option<Severity>,
}

impl Reading {
    /// How bad it is, if its kind is this bad.
    #[must_use]
    pub fn severity(&self, of_kind: Severity) -> Severity {
        self.most.map_or(of_kind, |most| most.min(of_kind))
    }

    /// How sure it is, if its kind is this sure.
    #[must_use]
    pub fn confidence(&self, of_kind: Confidence) -> Confidence {
        if self.doubtful { Confidence::Low } else { of_kind }
    }

    /// It is no worse than this, and why.
    pub fn lower(&mut self, most: Severity, why: impl Into<Cow<'static, str>>) {
        self.most = Some(self.severity(most));
        self.remarks.push(why.into());
    }

    /// It looks like a token and may well be none, and why.
    pub(super) fn doubt(&mut self, why: &'static str) {
        self.doubtful = true;
        self.lower(Severity::Low, why);
    }

    /// One more fact, if it is short and plain.
    pub(super) fn tell(&mut self, name: &str, value: &[u8]) {
        let short = !value.is_empty() && value.len() <= LONGEST;
        if short && value.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            self.facts.insert(name.to_owned(), String::from_utf8_lossy(value).into_owned());
        }
    }
}

impl Structure {
    /// True where public facts may be fields that lie in the secret.
    pub(super) fn has_fields(self) -> bool {
        matches!(self, Self::Base64Json | Self::Jwt)
    }

    /// Adds what a secret tells. None where it is no secret: public by design, or a documented sample.
    pub(super) fn read(
        self,
        secret: &[u8],
        part: Part<'_>,
        public: &[Cow<'static, str>],
        to: &mut Reading,
    ) -> Option<()> {
        match self {
            Self::AwsKeyId => aws::read(part("id").unwrap_or(secret), to),
            Self::Base64Json => fields::read(secret, public, to),
            Self::Jwt => return jwt::read(secret, public, to),
            Self::PrivateKey => pem::read(secret, to),
            Self::Url => return url::read(secret, part, to),
        }
        Some(())
    }
}
