//! Managed credentials: one token type in the operator's hands, with its provider, stores and dependents.

use crate::dependent::Dependent;
use crate::model::{KindId, RotationId, Secret, StorePath, Timestamp, TokenId, Usage, Use};
use crate::provider::Provider;
use crate::rotation::{Consent, DependentPlan, Plan, Policy, Purpose, StorePlan};
use crate::rules::template::{Shape, TemplateError};
use crate::store::{SecretStore, StoreError, Which};
use std::net::IpAddr;
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

    /// The dependents whose declared sources explain a use. Use without any origin explains nothing.
    #[must_use]
    pub fn explain(&self, usage: &Usage) -> Vec<String> {
        let Usage::Seen(uses) = usage else { return Vec::new() };
        let explains = |dependency: &Dependency, seen: &Use| {
            dependency.sources.iter().any(|source| source_explains(source, &seen.origin))
        };
        self.dependents
            .iter()
            .filter(|dependency| uses.iter().any(|seen| explains(dependency, seen)))
            .map(|dependency| dependency.dependent.name().to_owned())
            .collect()
    }
}

/// A source is an address, a range (`10.2.0.0/16`), or a name that stands in the origin as a word of its own.
fn source_explains(source: &str, origin: &str) -> bool {
    let mut words =
        origin.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')')).filter(|w| !w.is_empty());
    match range(source) {
        Some((net, bits)) => words.any(|word| word.parse().is_ok_and(|address| within(address, net, bits))),
        None => words.any(|word| word == source),
    }
}

fn range(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    match bits {
        None => Some((address, all)),
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= all).map(|bits| (address, bits)),
    }
}

fn within(address: IpAddr, net: IpAddr, bits: u32) -> bool {
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u32::from(a) ^ u32::from(n)).checked_shr(32 - bits).unwrap_or(0) == 0,
        (IpAddr::V6(a), IpAddr::V6(n)) => (u128::from(a) ^ u128::from(n)).checked_shr(128 - bits).unwrap_or(0) == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_ranges_and_names_explain_a_use() {
        assert!(source_explains("10.2.0.0/16", "10.2.3.4 psql"));
        assert!(!source_explains("10.2.0.0/16", "10.3.3.4 psql"));
        assert!(source_explains("0.0.0.0/0", "192.0.2.1"));
        assert!(source_explains("billing", "10.2.3.4, billing"));
        assert!(!source_explains("bill", "10.2.3.4, billing"));
        assert!(source_explains("2001:db8::/32", "2001:db8::7"));
        assert!(!source_explains("10.0.0.0/40", "10.0.0.1"));
        assert!(!source_explains("billing", ""));
    }
}
