//! All kinds that are known: those embedded in the program, and those that the operator adds.

use super::RulesError;
use super::detect::Detect;
use super::kind::{Conversations, Kind};
use super::shape::{Checksum, CompanionSpec, DetectSpec, Sort};
use super::spec::{Mark, Source};
use crate::model::{Confidence, KindId, Severity};
use std::sync::{Arc, OnceLock};

/// Kinds by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    kinds: Vec<Arc<Kind>>,
}

impl Catalogue {
    /// A catalogue of these kinds.
    ///
    /// # Errors
    /// When two kinds have one name.
    pub fn new(kinds: Vec<Kind>) -> Result<Self, RulesError> {
        Self::default().with(kinds)
    }

    /// This catalogue and these kinds.
    ///
    /// # Errors
    /// When two kinds have one name.
    pub fn with(&self, extra: Vec<Kind>) -> Result<Self, RulesError> {
        let mut kinds = self.kinds.clone();
        kinds.extend(extra.into_iter().map(Arc::new));
        kinds.sort_by(|one, other| one.id.cmp(&other.id));
        let mut pairs = kinds.iter().zip(kinds.iter().skip(1));
        match pairs.find(|(one, other)| one.id == other.id) {
            Some((twice, _)) => Err(RulesError::Twice { id: twice.id.clone() }),
            None => Ok(Self { kinds }),
        }
    }

    /// The kinds, ordered by name.
    #[must_use]
    pub fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// Looks a kind up.
    #[must_use]
    pub fn find(&self, id: &KindId) -> Option<&Arc<Kind>> {
        let at = self.kinds.binary_search_by(|kind| kind.id.cmp(id)).ok()?;
        self.kinds.get(at)
    }
}

/// The kinds embedded in the program.
#[must_use]
pub fn builtin() -> Arc<Catalogue> {
    static BUILTIN: OnceLock<Arc<Catalogue>> = OnceLock::new();
    let gather = || {
        let mut kinds: Vec<Arc<Kind>> = EMBEDDED.iter().flat_map(EmbeddedFile::kinds).map(Arc::new).collect();
        kinds.sort_by(|one, other| one.id.cmp(&other.id));
        Arc::new(Catalogue { kinds })
    };
    Arc::clone(BUILTIN.get_or_init(gather))
}

/// One rule file as the build lays it into the program: what scanning needs is data already, the rest is its text.
struct EmbeddedFile {
    text: &'static str,
    provider: &'static str,
    title: &'static str,
    hosts: &'static [&'static str],
    kinds: &'static [EmbeddedKind],
}

struct EmbeddedKind {
    id: &'static str,
    title: &'static str,
    severity: Severity,
    confidence: Confidence,
    sources: &'static [(&'static str, Mark, Option<&'static str>)],
    driver: Option<&'static str>,
    literals: &'static [&'static str],
    pattern: &'static str,
    prefix: Option<&'static str>,
    window: Option<usize>,
    entropy: Option<f64>,
    checksum: Option<Checksum>,
    require: &'static [Sort],
    exclude: &'static [&'static str],
    companions: &'static [(&'static str, &'static str, usize, bool)],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

impl EmbeddedFile {
    fn kinds(&'static self) -> impl Iterator<Item = Kind> {
        self.kinds.iter().enumerate().map(|(index, kind)| Kind {
            id: KindId::new(kind.id),
            provider: self.provider.to_owned(),
            provider_title: self.title.to_owned(),
            title: kind.title.to_owned(),
            severity: kind.severity,
            confidence: kind.confidence,
            hosts: owned(self.hosts),
            sources: kind.sources.iter().map(source).collect(),
            driver: kind.driver.map(str::to_owned),
            detect: kind.detect(),
            conversations: Conversations::Embedded { text: self.text, index, checked: OnceLock::new() },
        })
    }
}

impl EmbeddedKind {
    fn detect(&self) -> Detect {
        Detect::new(DetectSpec {
            literals: owned(self.literals),
            pattern: self.pattern.to_owned(),
            prefix: self.prefix.map(str::to_owned),
            window: self.window,
            entropy: self.entropy,
            checksum: self.checksum,
            require: self.require.to_vec(),
            exclude: owned(self.exclude),
            companions: self.companions.iter().map(companion).collect(),
            examples: Vec::new(),
            counterexamples: Vec::new(),
        })
    }
}

fn source((page, mark, note): &(&str, Mark, Option<&str>)) -> Source {
    Source { page: (*page).to_owned(), mark: *mark, note: note.map(str::to_owned) }
}

fn companion((name, pattern, within, required): &(&str, &str, usize, bool)) -> CompanionSpec {
    CompanionSpec { name: (*name).to_owned(), pattern: (*pattern).to_owned(), within: *within, required: *required }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
