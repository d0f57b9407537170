//! The rehearsal: the same loop on memory adapters, with a clock that does not wait.

use crate::clock::Clock;
use crate::dependent::memory::{MemoryDependent, Turns};
use crate::inventory::{Dependency, Managed, StoredCopy};
use crate::model::{Credential, Person, Reason, Secret, Timestamp, TokenId};
use crate::provider::Provider;
use crate::provider::memory::MemoryProvider;
use crate::rotation::{self, Fact, Old, Order, Stage, State};
use crate::rules::template::TemplateError;
use crate::runner::{RunError, Word, seal_provided};
use crate::seal::Sealer;
use crate::store::memory::MemoryStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The handle that the rehearsed token has where the real one is not known before it is asked.
const HANDLE: &str = "rehearsed-token";

/// A credential of the same shape whose provider, stores and dependents are in memory, and the person who stands beside it.
#[derive(Debug)]
pub struct Rehearsal {
    /// The credential.
    pub managed: Managed,
    provider: Arc<MemoryProvider>,
}

impl Rehearsal {
    /// Does what the plan leaves to a person's hand, and says so; none where nothing of that kind is waited for.
    ///
    /// # Errors
    /// [`RunError::Seal`] when the key cannot be used.
    pub fn hand(&self, sealer: &Sealer, state: &State) -> Result<Option<Word>, RunError> {
        let who = || Person::new("rehearsal");
        let old = match &state.old {
            Old::Live(token) | Old::Ending(token) => token,
            Old::Unasked | Old::Dead(_) => return Ok(None),
        };
        if rotation::takes_value(state) && state.offered.is_none() && state.refused.is_none() {
            let (_, secret) = self.provider.make_by_hand(old);
            let sealed = seal_provided(sealer, &state.plan.rotation, &secret)?;
            return Ok(Some(Word::provided(who(), sealed, None)));
        }
        match &state.stage {
            Stage::Held { at, why: Reason::ByHand } if **at == Stage::Revoking => self.provider.end_by_hand(old),
            Stage::Held { why: Reason::Outage, .. } => {}
            _ => return Ok(None),
        }
        Ok(Some(Fact::Ordered(Order::Resume, who(), "rehearsed".to_owned()).into()))
    }
}

/// A double of a credential.
///
/// # Errors
/// When a stored value cannot be written in the configured shape.
pub fn double(managed: &Managed, old: &Credential) -> Result<Rehearsal, TemplateError> {
    let token = old.token.clone().or_else(|| managed.token.clone()).unwrap_or_else(|| TokenId::new(HANDLE));
    let value = Secret::new(b"rehearsed:a value of the rehearsal alone".to_vec());
    let secret = old.secret.as_ref().unwrap_or(&value);
    let provider = Arc::new(MemoryProvider::new(managed.provider.abilities()));
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
    let double = Managed {
        name: managed.name.clone(),
        kind: managed.kind.clone(),
        token: Some(token),
        provider: Arc::clone(&provider) as Arc<dyn Provider>,
        stores,
        dependents: dependents.collect(),
        policy: managed.policy.clone(),
    };
    Ok(Rehearsal { managed: double, provider })
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
