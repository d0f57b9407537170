//! Managed credentials: one token type in the operator's hands, with its provider, stores and dependents.

mod sight;

pub use sight::Sight;

use crate::dependent::Dependent;
use crate::model::{KindId, RotationId, Secret, StorePath, Timestamp, TokenId};
use crate::provider::Provider;
use crate::rotation::{Consent, DependentPlan, Plan, Policy, Purpose, StorePlan};
use crate::rules::template::{Shape, TemplateError};
use crate::store::{SecretStore, StoreError, Which};
use std::sync::Arc;

/// One copy of a credential.
#[derive(Debug)]
pub struct StoredCopy {
    /// What people call it, for instance `vault kv/shop/db`.
    pub name: String,
    /// The store.
    pub store: Arc<dyn SecretStore>,
    /// The path in it.
    pub path: StorePath,
    /// How the value is written.
    pub shape: Shape,
}

/// One dependent of a credential.
#[derive(Debug)]
pub struct Dependency {
    /// The dependent.
    pub dependent: Arc<dyn Dependent>,
    /// The old token is not revoked before it is proved.
    pub required: bool,
    /// What its uses look like at the provider.
    pub sources: Vec<String>,
}

/// A managed credential with everything that a rotation of it touches.
#[derive(Debug)]
pub struct Managed {
    /// Its name in the operator's file; one rotation at a time may be open under it.
    pub name: String,
    /// Its kind.
    pub kind: KindId,
    /// Its handle, where the operator's file gives it.
    pub token: Option<TokenId>,
    /// Who issues it.
    pub provider: Arc<dyn Provider>,
    /// Its copies; at least one.
    pub stores: Vec<StoredCopy>,
    /// Who uses it.
    pub dependents: Vec<Dependency>,
    /// How careful.
    pub policy: Policy,
}

/// Why the current value of a managed credential cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The store does not give it.
    #[error("could not read the current value of '{name}' from {store}")]
    Store {
        /// The credential.
        name: String,
        /// The store.
        store: String,
        /// Why.
        source: StoreError,
    },
    /// The stored value has another shape than the operator's file says.
    #[error("the value in {store} does not have the shape that the configuration of '{name}' gives it")]
    Shape {
        /// The credential.
        name: String,
        /// The store.
        store: String,
        /// Why.
        source: TemplateError,
    },
    /// No store is named.
    #[error("'{name}' has no store")]
    NoStore {
        /// The credential.
        name: String,
    },
}

impl Managed {
    /// The plan of a rotation of this credential.
    #[must_use]
    pub fn plan(&self, rotation: RotationId, leaked: Timestamp, emergency: bool) -> Plan {
        Plan {
            rotation,
            credential: self.name.clone(),
            kind: self.kind.clone(),
            abilities: self.provider.abilities(),
            stores: self
                .stores
                .iter()
                .map(|copy| StorePlan { name: copy.name.clone(), staging: copy.store.staging() })
                .collect(),
            dependents: self
                .dependents
                .iter()
                .map(|dependency| DependentPlan {
                    name: dependency.dependent.name().to_owned(),
                    required: dependency.required,
                    reload: dependency.dependent.reloads(),
                })
                .collect(),
            policy: self.policy.clone(),
            leaked,
            emergency,
            sealed: None,
            consent: Consent::default(),
            purpose: Purpose::Leak,
        }
    }

    /// The handle (where the value holds it) and the secret that the first store holds now.
    ///
    /// # Errors
    /// [`InventoryError`] when the store does not give it or its shape is another.
    pub async fn current(&self) -> Result<(Option<TokenId>, Secret), InventoryError> {
        let name = || self.name.clone();
        let copy = self.stores.first().ok_or_else(|| InventoryError::NoStore { name: name() })?;
        let (_, value) = copy
            .store
            .read(&copy.path, &Which::Current)
            .await
            .map_err(|source| InventoryError::Store { name: name(), store: copy.name.clone(), source })?;
        let (token, secret) = copy.shape.read(&value).map_err(|source| InventoryError::Shape {
            name: name(),
            store: copy.name.clone(),
            source,
        })?;
        Ok((token.or_else(|| self.token.clone()), secret))
    }

    /// Whether a value that was found is `current`, which [`Self::current`] gave. Of a login it may be the password alone:
    /// the user stands beside it, or elsewhere.
    #[must_use]
    pub fn is_current(&self, found: &Secret, current: &Secret) -> bool {
        let is_login = self.stores.first().is_some_and(|copy| copy.shape.holds_user());
        let login = current.user_and_password().filter(|_| is_login);
        current.same_as(found) || login.is_some_and(|(_, password)| password.same_as(found))
    }
}
