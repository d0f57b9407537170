//! A kind: what one type of token looks like and how its provider is spoken to.

use super::check::exchanges_of;
use super::detect::Detect;
use super::exchange::Exchanges;
use super::spec::Source;
use crate::model::{Companions, Confidence, KindId, Secret, Severity};
use std::sync::OnceLock;

/// Drivers that the mending wing has code for.
pub(super) const DRIVERS: [&str; 3] = ["aws-iam", "postgres", "redis"];

/// One type of token.
#[derive(Debug)]
pub struct Kind {
    /// Its name, for instance `stripe.live-secret-key`.
    pub id: KindId,
    /// Who issues it: the first part of the name.
    pub provider: String,
    /// What the provider is called.
    pub provider_title: String,
    /// What the kind is called.
    pub title: String,
    /// How bad a leak is.
    pub severity: Severity,
    /// How sure a match is.
    pub confidence: Confidence,
    /// The hosts that its secrets may be sent to; none where the operator names them.
    pub hosts: Vec<String>,
    /// Where the facts come from.
    pub sources: Vec<Source>,
    /// The driver that speaks to the provider where data does not suffice.
    pub driver: Option<String>,
    /// What it looks like.
    pub detect: Detect,
    pub(super) conversations: Conversations,
}

/// The conversations of a kind, checked at once or on first use.
#[derive(Debug)]
pub(super) enum Conversations {
    /// Checked.
    Checked(Exchanges),
    /// In the text of an embedded rule file, as the kind of this index.
    Embedded { text: &'static str, index: usize, checked: OnceLock<Exchanges> },
}

impl Kind {
    /// How its provider is spoken to. Scanning never needs it, so embedded rules are read that far on first use.
    pub fn exchanges(&self) -> &Exchanges {
        match &self.conversations {
            Conversations::Checked(exchanges) => exchanges,
            // A test checks every embedded rule; one that failed would give its kind no abilities.
            Conversations::Embedded { text, index, checked } => {
                checked.get_or_init(|| exchanges_of(text, *index).unwrap_or_default())
            }
        }
    }

    /// What the text of a secret names of itself (an id, an account), by the groups of the pattern that lie in it; none
    /// where the pattern needs other text around the secret.
    #[must_use]
    pub fn parts(&self, secret: &Secret) -> Companions {
        #[expect(clippy::disallowed_methods, reason = "the secret is taken apart into sealed parts")]
        let text = secret.expose();
        let mut parts = Companions::default();
        for (name, part) in self.detect.parts(text) {
            parts.push(name, Secret::new(part.to_vec()));
        }
        parts
    }

    /// How many bytes at the start of this secret are public.
    #[must_use]
    pub fn public_prefix(&self, secret: &[u8]) -> usize {
        self.detect.public_prefix(secret)
    }

    /// The length of its longest literal: the longer, the more specific the kind.
    #[must_use]
    pub fn longest_literal(&self) -> usize {
        self.detect.literals().iter().map(String::len).max().unwrap_or(0)
    }
}
