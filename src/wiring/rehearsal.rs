//! The rehearsal: the same loop on memory adapters, with a clock that does not wait.

use crate::clock::Clock;
use crate::dependent::memory::{MemoryDependent, Turns};
use crate::inventory::{Dependency, Managed, StoredCopy};
use crate::model::{Credential, Secret, Timestamp, TokenId};
use crate::provider::memory::MemoryProvider;
use crate::rules::template::TemplateError;
use crate::store::memory::MemoryStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The handle that the rehearsed token has where the real one is not known before it is asked.
const HANDLE: &str = "rehearsed-token";

/// A credential of the same shape whose provider, stores and dependents are in memory.
///
/// # Errors
/// When a stored value cannot be written in the configured shape.
pub fn double(managed: &Managed, old: &Credential) -> Result<Managed, TemplateError> {
    let token = old.token.clone().or_else(|| managed.token.clone()).unwrap_or_else(|| TokenId::new(HANDLE));
    let value = Secret::new(b"a value of the rehearsal alone".to_vec());
    let secret = old.secret.as_ref().unwrap_or(&value);
    let provider = MemoryProvider::new(managed.provider.abilities());
    provider.put_secret(&token, secret.duplicate());
    let mut stores = Vec::new();
    for copy in &managed.stores {
        let store = MemoryStore::new(copy.store.staging());
        store.put(&copy.path, &copy.shape.render(&token, secret)?);
        stores.push(StoredCopy {
            name: copy.name.clone(),
            store: Arc::new(store),
            path: copy.path.clone(),
            shape: copy.shape.clone(),
        });
    }
    let dependents = managed.dependents.iter().map(|dependency| {
        let dependent = MemoryDependent::new(dependency.dependent.name(), Turns::After(1));
        let dependent = if dependency.dependent.reloads() { dependent.reloading() } else { dependent };
        Dependency {
            dependent: Arc::new(dependent),
            required: dependency.required,
            sources: dependency.sources.clone(),
        }
    });
    Ok(Managed {
        name: managed.name.clone(),
        kind: managed.kind.clone(),
        token: Some(token),
        provider: Arc::new(provider),
        stores,
        dependents: dependents.collect(),
        policy: managed.policy.clone(),
    })
}

/// A clock that jumps instead of waiting.
#[derive(Debug)]
pub struct SteppingClock {
    now: AtomicU64,
}

impl SteppingClock {
    /// Begins at a time.
    #[must_use]
    pub fn starting(at: Timestamp) -> Self {
        Self { now: AtomicU64::new(at.0) }
    }
}

#[async_trait::async_trait]
impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    async fn sleep_until(&self, at: Timestamp) {
        tokio::task::yield_now().await;
        // A little more than asked: two sleeps that race must not starve one another.
        self.now.fetch_max(at.after(Duration::from_millis(1)).0, Ordering::SeqCst);
    }
}
