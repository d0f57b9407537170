//! Which managed credential a leaked value is: the one whose first store holds it now.

use super::mending::{Mending, MendingError};
use crate::inventory::{InventoryError, Managed};
use crate::model::{KindId, Secret, TokenId};

/// A managed credential with the value that its first store holds now.
#[derive(Debug)]
pub struct Candidate {
    /// The credential.
    pub managed: Managed,
    /// The handle of its current value, where that is known.
    pub token: Option<TokenId>,
    /// The value.
    pub current: Secret,
}

impl Candidate {
    /// Whether what was found is its value, or the password of it.
    fn holds(&self, found: &Secret) -> bool {
        self.managed.is_current(found, &self.current)
    }
}

/// Why the current value of a credential is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// It cannot be set up.
    #[error(transparent)]
    Mending(#[from] MendingError),
    /// Its store does not give it.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
}

/// The managed credentials of a kind.
#[derive(Debug, Default)]
pub struct Candidates {
    ones: Vec<Candidate>,
    unread: Vec<(String, CandidateError)>,
}

impl Candidates {
    /// The names of those that hold this value now.
    #[must_use]
    pub fn holders(&self, secret: &Secret) -> Vec<&str> {
        self.ones.iter().filter(|one| one.holds(secret)).map(|one| one.managed.name.as_str()).collect()
    }

    /// The first one that holds this value now.
    #[must_use]
    pub fn find(&self, secret: &Secret) -> Option<&Candidate> {
        self.ones.iter().find(|one| one.holds(secret))
    }

    /// The same, for good; none when nobody holds it.
    ///
    /// # Errors
    /// When nobody is known to hold it, but one could not be read: it may be the one.
    pub fn take(self, secret: &Secret) -> Result<Option<Candidate>, CandidateError> {
        match self.ones.into_iter().find(|one| one.holds(secret)) {
            Some(one) => Ok(Some(one)),
            None => self.unread.into_iter().next().map_or(Ok(None), |(_, error)| Err(error)),
        }
    }

    /// The names of those that were looked at.
    #[must_use]
    pub fn looked(&self) -> Vec<&str> {
        self.ones.iter().map(|one| one.managed.name.as_str()).collect()
    }

    /// Those whose value is not known, which may hold any, and why.
    #[must_use]
    pub fn unread(&self) -> &[(String, CandidateError)] {
        &self.unread
    }
}

impl Mending {
    /// The credentials of a kind with what they hold now, but for one that need not be asked.
    pub async fn candidates(&self, kind: &KindId, but: Option<&str>) -> Candidates {
        let mut found = Candidates::default();
        for name in self.names_of(kind).into_iter().filter(|name| Some(name.as_str()) != but) {
            self.look_at(name, &mut found).await;
        }
        found
    }

    /// Looks again at one of these, and at no other.
    pub async fn look_again(&self, name: &str, among: &mut Candidates) {
        among.ones.retain(|one| one.managed.name != name);
        among.unread.retain(|(other, _)| other != name);
        self.look_at(name.to_owned(), among).await;
    }

    async fn look_at(&self, name: String, found: &mut Candidates) {
        match self.candidate(&name).await {
            Ok(one) => found.ones.push(one),
            Err(error) => found.unread.push((name, error)),
        }
    }

    async fn candidate(&self, name: &str) -> Result<Candidate, CandidateError> {
        let managed = self.managed(name).await?;
        let (token, current) = managed.current().await?;
        Ok(Candidate { managed, token, current })
    }
}
