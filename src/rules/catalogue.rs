//! All kinds that are known: those embedded in the program, and those that the operator adds.

use super::kind::Kind;
use super::precedence::{Rank, ranks};
use super::{RulesError, pack};
use crate::model::{Digest, KindId};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};

/// Kinds by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    pub(super) kinds: Vec<Arc<Kind>>,
    /// The digest of how they look, as far as it is known.
    pub(super) looks: OnceLock<[u8; 32]>,
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
            None => Ok(Self { kinds, looks: OnceLock::new() }),
        }
    }

    /// The kinds, ordered by name.
    #[must_use]
    pub fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// How specific each of them is, in their order.
    #[must_use]
    pub fn ranks(&self) -> Vec<Rank> {
        ranks(&self.kinds)
    }

    /// This catalogue without the kinds of these names.
    #[must_use]
    pub(super) fn without(&self, ids: &[KindId]) -> Self {
        let kinds = self.kinds.iter().filter(|kind| !ids.contains(&kind.id)).cloned().collect();
        Self { kinds, looks: OnceLock::new() }
    }

    /// Looks a kind up.
    #[must_use]
    pub fn find(&self, id: &KindId) -> Option<&Arc<Kind>> {
        let at = self.kinds.binary_search_by(|kind| kind.id.cmp(id)).ok()?;
        self.kinds.get(at)
    }

    /// The name of all that decides what these kinds find in given bytes: how they look, and `code`, the code that looks
    /// for them. Whatever was scanned under one digest need not be scanned again under the same. It is the same for
    /// kinds that are built in and kinds that were loaded.
    pub(super) fn digest_with(&self, code: &str) -> Digest {
        let looks = self.looks.get_or_init(|| pack::looks(&self.kinds));
        let mut hash = Sha256::new();
        hash.update(b"stanch rules 1\0");
        hash.update(code);
        hash.update(b"\0");
        hash.update(looks);
        Digest::new(HEXLOWER.encode(&hash.finalize()))
    }
}
