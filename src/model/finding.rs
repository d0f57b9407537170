//! A secret, of a kind, at a place.

use super::{Fingerprint, KindId, Place, Secret, TokenId};
use serde::{Deserialize, Serialize};

/// Half-open byte offsets into a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The other parts of a credential (an account id, a key id, a user name), by name, in order.
#[derive(Debug, Default)]
pub struct Companions(Vec<(String, Secret)>);

impl Companions {
    /// Adds one.
    pub fn push(&mut self, name: impl Into<String>, value: Secret) {
        self.0.push((name.into(), value));
    }

    /// Looks one up.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Secret> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The same parts once more.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.iter().map(|(name, value)| (name.clone(), value.duplicate())).collect())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// What a scan hands to the mending wing. Everything that leaves the process is a [`super::Sighting`] instead.
#[derive(Debug)]
pub struct Finding {
    /// Its kind.
    pub kind: KindId,
    /// Where.
    pub place: Place,
    /// Which bytes of it.
    pub span: Span,
    /// The bytes.
    pub secret: Secret,
    /// What was found near it.
    pub companions: Companions,
    /// Its fingerprint under the repository's key.
    pub fingerprint: Fingerprint,
}

/// A credential as a provider knows it. The id of a leaked bearer token is learned by verifying it; there is no
/// secret where it was lost.
#[derive(Debug, Default)]
pub struct Credential {
    /// Its public handle.
    pub token: Option<TokenId>,
    /// Its value.
    pub secret: Option<Secret>,
    /// Its other parts.
    pub companions: Companions,
}
