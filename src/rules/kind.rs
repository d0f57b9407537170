//! A kind: what one type of token looks like and how its provider is spoken to.

use super::check::facets_of;
use super::detect::Detect;
use super::exchange::Exchanges;
use super::pack::Examples;
use super::spec::{Opens, Source};
use super::structure::Reading;
use crate::model::{Companions, Confidence, KindId, Secret, Severity, Span};
use std::borrow::Cow;
use std::sync::OnceLock;

/// Drivers that the mending wing has code for.
pub(super) const DRIVERS: [&str; 3] = ["aws-iam", "postgres", "redis"];

/// One type of token.
#[derive(Debug)]
pub struct Kind {
    /// Its name, for instance `stripe.live-secret-key`.
    pub id: KindId,
    /// What the kind is called.
    pub title: Cow<'static, str>,
    /// How bad a leak is.
    pub severity: Severity,
    /// How sure a match is.
    pub confidence: Confidence,
    /// What it looks like.
    pub detect: Detect,
    pub(super) background: Background,
}

/// What is known of a kind besides its looks, which scanning never needs.
#[derive(Debug)]
pub(super) enum Background {
    /// Checked.
    Checked(Box<Facets>),
    /// In the text of an embedded rule file, as the kind of this index; read on first use.
    Embedded { text: &'static [u8], index: usize, examples: Examples<'static>, read: OnceLock<Box<Facets>> },
}

/// The provider's name, where secrets may be sent, where the facts come from, and the conversations.
#[derive(Debug, Default)]
pub(super) struct Facets {
    pub(super) provider: String,
    pub(super) hosts: Vec<String>,
    pub(super) sources: Vec<Source>,
    pub(super) driver: Option<String>,
    pub(super) opens: Option<Opens>,
    pub(super) advice: Vec<String>,
    pub(super) exchanges: Exchanges,
}

impl Kind {
    /// Who issues it: the first part of the name.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.id.as_str().split_once('.').map_or("", |(provider, _)| provider)
    }

    /// What the provider is called.
    #[must_use]
    pub fn provider_title(&self) -> &str {
        &self.facets().provider
    }

    /// The hosts that its secrets may be sent to; none where the operator names them.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.facets().hosts
    }

    /// Where the facts come from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.facets().sources
    }

    /// The driver that speaks to the provider where data does not suffice.
    #[must_use]
    pub fn driver(&self) -> Option<&str> {
        self.facets().driver.as_deref()
    }

    /// What whoever holds one can do, where the rule file says it.
    #[must_use]
    pub fn opens(&self) -> Option<&Opens> {
        self.facets().opens.as_ref()
    }

    /// What to do when one leaks, beside what the conversations say.
    #[must_use]
    pub fn advice(&self) -> &[String] {
        &self.facets().advice
    }

    /// How its provider is spoken to.
    #[must_use]
    pub fn exchanges(&self) -> &Exchanges {
        &self.facets().exchanges
    }

    fn facets(&self) -> &Facets {
        match &self.background {
            Background::Checked(facets) => facets,
            // The build checks every embedded rule; one that failed would give its kind no abilities.
            Background::Embedded { text, index, read, .. } => {
                read.get_or_init(|| facets_of(text, *index).map(Box::new).unwrap_or_default())
            }
        }
    }

    /// The text of the embedded file that it is from.
    pub(super) fn embedded(&self) -> Option<&'static str> {
        match &self.background {
            Background::Checked(_) => None,
            Background::Embedded { text, .. } => std::str::from_utf8(text).ok(),
        }
    }

    /// The examples of a kind that is built in.
    pub(super) fn examples(&self) -> Vec<String> {
        match &self.background {
            Background::Checked(_) => Vec::new(),
            Background::Embedded { examples, .. } => examples.read(),
        }
    }

    /// What the text of a secret names of itself (an id, an account), by the groups of the pattern that lie in it; none
    /// where the pattern needs other text around the secret.
    #[must_use]
    pub fn parts(&self, secret: &Secret) -> Companions {
        #[expect(clippy::disallowed_methods, reason = "the secret is taken apart into sealed parts")]
        let text = secret.expose();
        let mut parts = Companions::default();
        for (name, part) in self.detect.parts(text).unwrap_or_default() {
            parts.push(name, Secret::new(part.to_vec()));
        }
        parts
    }

    /// True when a secret that another kind took on its name alone is this kind's to judge: it starts as this kind's do,
    /// and its pattern finds it, so that a filter knew it for a sample.
    #[must_use]
    pub fn claims(&self, text: &[u8], secret: Span) -> bool {
        self.detect.claims(text, secret)
    }

    /// True of bytes that look like another secret of this kind which names the same things of itself.
    #[must_use]
    pub fn is_twin(&self, secret: &[u8], other: &[u8]) -> bool {
        self.detect.is_twin(secret, other)
    }

    /// How many bytes at the start of this secret are public.
    #[must_use]
    pub fn public_prefix(&self, secret: &[u8]) -> usize {
        self.detect.public_prefix(secret)
    }

    /// What a secret in a text tells of itself; see [`Detect::read`].
    #[must_use]
    pub fn read(&self, text: &[u8], secret: Span, companions: &[(String, Span)]) -> Option<Reading> {
        self.detect.read(text, secret, companions)
    }

    /// The length of its longest literal: the longer, the more specific the kind.
    #[must_use]
    pub fn longest_literal(&self) -> usize {
        self.detect.literals().iter().map(|literal| literal.len()).max().unwrap_or(0)
    }
}
