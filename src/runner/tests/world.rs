//! A provider, two stores of either kind of staging, two dependents, and a way to make any call of theirs go wrong.

use super::super::*;
use crate::dependent::memory::{MemoryDependent, Turns};
use crate::dependent::{Dependent, DependentError, Expected};
use crate::inventory::{Dependency, StoredCopy};
use crate::journal::memory::MemoryJournal;
use crate::model::{Abilities, Class, Happened, Health, KindId, StorePath, TokenId, Usage, Verdict, Version};
use crate::provider::memory::MemoryProvider;
use crate::provider::{self, Minted, Provider, ProviderError, Revoked, Scopes};
use crate::rotation::{Policy, Staged, Staging, Warrant};
use crate::seal::FileKey;
use crate::store::memory::MemoryStore;
use crate::store::{SecretStore, StoreError, Which};
use async_trait::async_trait;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock, Mutex};

/// One envelope key for all worlds.
static KEYS: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

pub(super) const OLD: &str = "t-old";
const VALUE: &str = "the-old-value";

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is refused.
    Refused,
    /// Nobody can be reached, so nothing happens.
    Unreached,
    /// It does not happen, but the caller cannot know.
    LostRequest,
    /// It happens, but the caller cannot know.
    LostReply,
    /// It happens twice.
    Twice,
}

/// Counts all calls, and makes one of them go wrong.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    calls: AtomicU64,
    at: Mutex<Vec<(u64, Fault)>>,
    names: Mutex<Vec<&'static str>>,
    /// How many milliseconds every call takes.
    pub(super) slowness: AtomicU64,
    /// The provider refuses every value, as an issuer does that has lost its tokens for a while.
    pub(super) amnesia: AtomicBool,
    clock: Arc<AtomicU64>,
}

impl Trouble {
    /// From now on the call of this number (from 0) goes wrong.
    pub(super) fn order(&self, call: u64, fault: Fault) {
        self.at.lock().unwrap().push((call, fault));
    }

    /// What was called so far.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.names.lock().unwrap().clone()
    }

    fn next(&self, name: &'static str) -> Option<Fault> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        self.names.lock().unwrap().push(name);
        self.clock.fetch_add(self.slowness.load(Ordering::SeqCst), Ordering::SeqCst);
        let ordered = self.at.lock().unwrap();
        ordered.iter().find(|(call, _)| *call == number).map(|(_, fault)| *fault)
    }
}

/// Runs a call under the trouble that was ordered for it.
macro_rules! troubled {
    ($own:expr, $name:literal, $failed:expr, $call:expr) => {
        match $own.trouble.next($name) {
            None => $call,
            Some(Fault::Twice) => {
                let first = $call;
                drop($call);
                first
            }
            Some(Fault::LostReply) => {
                drop($call);
                $failed(Fault::LostReply)
            }
            Some(fault) => $failed(fault),
        }
    };
}

/// A provider whose calls can go wrong.
#[derive(Debug)]
struct Asked {
    inner: Arc<MemoryProvider>,
    trouble: Arc<Trouble>,
}

fn provider_failed<T>(fault: Fault) -> Result<T, ProviderError> {
    let lost = |happened| ProviderError::NoAnswer { act: "act", happened, why: Reason::Unreachable };
    Err(match fault {
        Fault::Refused => ProviderError::Refused { act: "act", code: "ordered".to_owned() },
        Fault::Unreached => lost(Happened::No),
        _ => lost(Happened::Perhaps),
    })
}

#[async_trait]
impl Provider for Asked {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn verify(&self, credential: &Credential) -> Verdict {
        let failed = |_| Verdict::Unknown(Reason::Unreachable);
        if self.trouble.amnesia.load(Ordering::SeqCst) {
            return Verdict::Dead;
        }
        troubled!(self, "verify", failed, self.inner.verify(credential).await)
    }

    async fn mint(&self, like: &Credential, label: &Label, chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        troubled!(self, "mint", provider_failed, self.inner.mint(like, label, chosen).await)
    }

    async fn list(&self, like: &TokenId) -> Result<Vec<provider::Listed>, ProviderError> {
        troubled!(self, "list", provider_failed, self.inner.list(like).await)
    }

    fn labels(&self) -> bool {
        self.inner.labels()
    }

    async fn labelled(&self, like: &TokenId) -> Result<Vec<(TokenId, Option<Label>)>, ProviderError> {
        troubled!(self, "list", provider_failed, self.inner.labelled(like).await)
    }

    async fn scopes(&self, of: &Credential) -> Result<Scopes, ProviderError> {
        troubled!(self, "scopes", provider_failed, self.inner.scopes(of).await)
    }

    async fn find(&self, label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        troubled!(self, "find", provider_failed, self.inner.find(label).await)
    }

    async fn disable(&self, warrant: &Warrant, credential: &Credential) -> Result<(), ProviderError> {
        troubled!(self, "disable", provider_failed, self.inner.disable(warrant, credential).await)
    }

    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError> {
        troubled!(self, "revoke", provider_failed, self.inner.revoke(warrant, credential).await)
    }

    async fn end_sessions(&self, warrant: &Warrant, credential: &Credential) -> Result<u64, ProviderError> {
        troubled!(self, "end sessions", provider_failed, self.inner.end_sessions(warrant, credential).await)
    }

    async fn usage(&self, token: &TokenId, since: Timestamp) -> Result<Usage, ProviderError> {
        troubled!(self, "usage", provider_failed, self.inner.usage(token, since).await)
    }
}

/// A store whose calls can go wrong; it remembers the promotions whose request was lost.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) inner: MemoryStore,
    trouble: Arc<Trouble>,
    pub(super) promotions: Mutex<Vec<(Staged, Secret)>>,
}

fn store_failed<T>(fault: Fault) -> Result<T, StoreError> {
    let (act, at) = ("touch", StorePath::new("shop/site"));
    Err(match fault {
        Fault::Refused => StoreError::Refused { act, at, code: "ordered".to_owned() },
        Fault::Unreached => StoreError::NoAnswer { act, at, happened: Happened::No },
        _ => StoreError::NoAnswer { act, at, happened: Happened::Perhaps },
    })
}

#[async_trait]
impl SecretStore for Kept {
    fn staging(&self) -> Staging {
        self.inner.staging()
    }

    async fn ready(&self, at: &StorePath) -> Result<Version, StoreError> {
        troubled!(self, "ready", store_failed, self.inner.ready(at).await)
    }

    async fn read(&self, at: &StorePath, which: &Which) -> Result<(Version, Secret), StoreError> {
        troubled!(self, "read", store_failed, self.inner.read(at, which).await)
    }

    async fn stage(&self, at: &StorePath, value: &Secret, label: &Label) -> Result<Staged, StoreError> {
        troubled!(self, "stage", store_failed, self.inner.stage(at, value, label).await)
    }

    async fn promote(&self, at: &StorePath, staged: &Staged, value: &Secret) -> Result<Version, StoreError> {
        self.promotions.lock().unwrap().push((staged.clone(), value.duplicate()));
        troubled!(self, "promote", store_failed, self.inner.promote(at, staged, value).await)
    }

    async fn fence(
        &self,
        at: &StorePath,
        staged: &Staged,
        value: &Secret,
        label: &Label,
    ) -> Result<Version, StoreError> {
        troubled!(self, "fence", store_failed, self.inner.fence(at, staged, value, label).await)
    }

    async fn discard(&self, at: &StorePath, label: &Label) -> Result<(), StoreError> {
        troubled!(self, "discard", store_failed, self.inner.discard(at, label).await)
    }
}

/// A dependent whose calls can go wrong.
#[derive(Debug)]
struct User {
    inner: Arc<MemoryDependent>,
    trouble: Arc<Trouble>,
}

#[async_trait]
impl Dependent for User {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn reloads(&self) -> bool {
        self.inner.reloads()
    }

    async fn reload(&self) -> Result<(), DependentError> {
        let failed = |_| Err(DependentError::Reload { name: "user".to_owned(), code: "ordered".to_owned() });
        troubled!(self, "reload", failed, self.inner.reload().await)
    }

    async fn verify(&self, expected: &Expected) -> Result<Health, DependentError> {
        let failed = |fault| match fault {
            Fault::Refused => Ok(Health::Bad),
            _ => Err(DependentError::Unreachable { name: "user".to_owned() }),
        };
        troubled!(self, "probe", failed, self.inner.verify(expected).await)
    }
}

/// A clock that jumps instead of waiting.
#[derive(Debug)]
pub(super) struct SteppingClock(Arc<AtomicU64>);

impl SteppingClock {
    pub(super) fn pass(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep_until(&self, at: Timestamp) {
        tokio::task::yield_now().await;
        self.0.fetch_max(at.0, Ordering::SeqCst);
    }
}

/// What the stores hold in the beginning.
pub(super) fn old_value() -> Secret {
    Secret::new(VALUE.as_bytes().to_vec())
}

pub(super) fn abilities() -> Abilities {
    Abilities::EVERYTHING
}

/// Everything that a rotation touches.
pub(super) struct World {
    pub(super) journal: MemoryJournal,
    pub(super) clock: SteppingClock,
    pub(super) sealer: Sealer,
    pub(super) provider: Arc<MemoryProvider>,
    pub(super) stores: Vec<Arc<Kept>>,
    pub(super) users: Vec<Arc<MemoryDependent>>,
    pub(super) trouble: Arc<Trouble>,
    pub(super) managed: Managed,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

pub(super) fn path() -> StorePath {
    StorePath::new("shop/site")
}

fn policy() -> Policy {
    let seconds = Duration::from_secs;
    Policy {
        tries: 3,
        pause: seconds(1),
        proofs: 2,
        prove_within: seconds(600),
        check_within: seconds(600),
        soak: seconds(8),
        confirms: 2,
        confirm_pause: seconds(1),
        confirm_within: seconds(60),
        watch: seconds(4),
        ..Policy::default()
    }
}

impl World {
    pub(super) fn new(abilities: Abilities) -> Self {
        let users = vec![
            MemoryDependent::new("site", Turns::After(1)),
            MemoryDependent::new("batch", Turns::After(0)).reloading(),
        ];
        Self::with(abilities, users)
    }

    pub(super) fn with(abilities: Abilities, users: Vec<MemoryDependent>) -> Self {
        let now = Arc::new(AtomicU64::new(1_000_000));
        let trouble = Arc::new(Trouble { clock: Arc::clone(&now), ..Trouble::default() });
        let provider = Arc::new(MemoryProvider::new(abilities));
        provider.put(OLD, VALUE);
        provider.grant(&TokenId::new(OLD), "read");
        let stores: Vec<_> = [Staging::None, Staging::Native]
            .map(|staging| {
                let inner = MemoryStore::new(staging);
                inner.put(&path(), &old_value());
                Arc::new(Kept { inner, trouble: Arc::clone(&trouble), promotions: Mutex::default() })
            })
            .into();
        let copies = stores.iter().enumerate().map(|(index, store)| StoredCopy {
            name: format!("store-{index}"),
            store: Arc::clone(store) as Arc<dyn SecretStore>,
            path: path(),
            shape: Default::default(),
        });
        let users: Vec<_> = users.into_iter().map(Arc::new).collect();
        let dependents = users.iter().map(|inner| Dependency {
            dependent: Arc::new(User { inner: Arc::clone(inner), trouble: Arc::clone(&trouble) }),
            required: true,
            sources: Vec::new(),
        });
        let managed = Managed {
            name: "site".to_owned(),
            kind: KindId::new("acme.api-token"),
            token: None,
            provider: Arc::new(Asked { inner: Arc::clone(&provider), trouble: Arc::clone(&trouble) }),
            stores: copies.collect(),
            dependents: dependents.collect(),
            policy: policy(),
        };
        Self {
            journal: MemoryJournal::new(),
            clock: SteppingClock(now),
            sealer: Sealer::new(FileKey::load_or_create(&KEYS.path().join("key")).unwrap()),
            provider,
            stores,
            users,
            trouble,
            managed,
        }
    }

    pub(super) fn plan(&self) -> Plan {
        self.managed.plan(RotationId::new("C-0001"), self.clock.now(), false)
    }

    pub(super) fn old() -> Credential {
        Credential { token: Some(TokenId::new(OLD)), secret: Some(old_value()), ..Credential::default() }
    }

    /// The token whose value a store gives out; none where that value does not work.
    async fn current(&self, store: usize) -> Option<TokenId> {
        let (_, value) = self.stores[store].inner.read(&path(), &Which::Current).await.unwrap();
        let credential = Credential { secret: Some(value), ..Credential::default() };
        self.provider.verify(&credential).await.token().cloned()
    }

    /// What holds at every instant: a token lives, and whoever has one has one that works.
    pub(super) async fn check_instant(&self) {
        if self.provider.abilities().class == Class::Replace {
            // What replaces another in place is an outage, and said to be one.
            return;
        }
        let live = self.provider.live();
        assert!(!live.is_empty(), "no token is live");
        for store in 0..self.stores.len() {
            assert!(self.current(store).await.is_some(), "store {store} points at a dead token; live: {live:?}");
        }
        for user in &self.users {
            assert!(user.holds().is_none_or(|held| live.contains(&held)), "{} holds a dead token", user.name());
        }
    }

    /// Whether the provider lists a token, disabled or not.
    pub(super) async fn lists(&self, token: &str) -> bool {
        let listed = self.provider.list(&TokenId::new(token)).await.unwrap();
        listed.iter().any(|listed| listed.token.as_str() == token)
    }

    /// What holds at the end.
    pub(super) async fn check_end(&self, outcome: Outcome) {
        self.check_instant().await;
        let state = replay(&self.journal, &RotationId::new("C-0001")).await.unwrap();
        assert_eq!(state.stage, Stage::Closed(outcome));
        let winner = match outcome {
            Outcome::Rotated => state.successor.unwrap().token,
            _ => TokenId::new(OLD),
        };
        assert_eq!(self.provider.live(), std::slice::from_ref(&winner), "exactly one token lives");
        for store in 0..self.stores.len() {
            assert_eq!(self.current(store).await.as_ref(), Some(&winner), "store {store}");
        }
        for user in &self.users {
            assert!(user.holds().is_none_or(|held| held == winner), "{}", user.name());
        }
    }
}
