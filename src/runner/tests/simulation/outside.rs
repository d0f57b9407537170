//! Everything a rotation touches, over a network on which every call takes its time and can go wrong.

use super::super::super::*;
use super::time::{Time, at_once};
use super::trouble::{Call, Fault, Trouble};
use super::truth::Truth;
use crate::dependent::{Dependent, DependentError, Expected};
use crate::model::{Abilities, Happened, Health, StorePath, TokenId, Usage, Verdict, Version};
use crate::provider::memory::MemoryProvider;
use crate::provider::{self, Minted, Provider, ProviderError, Revoked, Scopes};
use crate::rotation::{Staged, Staging, Warrant};
use crate::store::memory::MemoryStore;
use crate::store::{SecretStore, StoreError, Which};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};

/// How long an answer takes at most, how long it is waited for, and how long after that a request may still arrive: not
/// longer than a policy waits between two looks.
const LATENCY: u64 = 20;
pub(super) const PATIENCE: u64 = 60;
pub(super) const SETTLED: u64 = 300;
/// How late a conditional write may be, which nothing but its condition can stop.
const VERY_LATE: u64 = 100_000;

/// The network.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) time: Arc<Time>,
    pub(super) trouble: Arc<Trouble>,
    pub(super) truth: Arc<Truth>,
}

/// What a caller is told.
struct Answers<R> {
    failed: fn(Fault) -> R,
    /// What is said by who lies, or has only accepted it so far.
    lie: Box<dyn FnOnce() -> R + Send>,
}

impl Network {
    async fn call<R: Send + 'static>(
        &self,
        call: Call,
        work: impl Fn() -> R + Send + Sync + 'static,
        answers: Answers<R>,
    ) -> R {
        self.truth.asked(call);
        let fault = self.trouble.of(call);
        self.trouble.tell(|| format!("{:>9} {:?} {call:?} {fault:?}", self.time.now(), self.trouble.stage()));
        let work: Arc<dyn Fn() -> R + Send + Sync> = Arc::new(work);
        let reply: Arc<Mutex<Option<R>>> = Arc::default();
        let (there, back) = (1 + self.trouble.below(LATENCY), 1 + self.trouble.below(LATENCY));
        let deliver = |after: u64| {
            let (work, reply) = (Arc::clone(&work), Arc::clone(&reply));
            self.time.send(after, Box::new(move || *reply.lock().unwrap() = Some(work())));
        };
        let failed = answers.failed;
        let wait = match fault {
            None => {
                deliver(there);
                there + back
            }
            Some(Fault::ReplyLost | Fault::BrokenAfter | Fault::Disowned) => {
                if fault == Some(Fault::Disowned) && call == Call::Mint {
                    self.truth.expect_strays();
                }
                deliver(there);
                if fault == Some(Fault::Disowned) {
                    deliver(there + 1);
                }
                there + back
            }
            Some(Fault::Twice) => {
                deliver(there);
                if call == Call::Mint && self.trouble.mints_may_be_very_late() {
                    self.truth.expect_strays();
                }
                let again = Arc::clone(&work);
                // Whoever passes a request on twice does so before it passes an answer back.
                let second = self.trouble.below(back);
                self.time.send(there + second, Box::new(move || drop(again())));
                there + back
            }
            Some(Fault::Late | Fault::Accepted) => {
                let ages = call == Call::Mint && self.trouble.mints_may_be_very_late() && self.trouble.below(2) == 0;
                if ages {
                    self.truth.expect_strays();
                }
                let most = if ages || matches!(call, Call::Promote) { VERY_LATE } else { SETTLED };
                deliver(PATIENCE + self.trouble.below(most));
                if fault == Some(Fault::Late) { PATIENCE } else { back }
            }
            Some(Fault::Hangs) => {
                if self.trouble.below(2) == 0 {
                    deliver(there);
                }
                let lease = u64::try_from(LEASE.as_millis()).unwrap();
                lease / 2 + self.trouble.below(lease)
            }
            Some(_) => there,
        };
        self.time.sleep(wait).await;
        match fault {
            None | Some(Fault::Twice) => reply.lock().unwrap().take().expect("it has arrived"),
            Some(Fault::Lie | Fault::Accepted) => (answers.lie)(),
            Some(fault) => failed(fault),
        }
    }
}

fn provider_failed<T>(fault: Fault) -> Result<T, ProviderError> {
    let lost = |happened, why| ProviderError::NoAnswer { act: "act", happened, why };
    Err(match fault {
        Fault::Refused | Fault::Disowned => ProviderError::Refused { act: "act", code: "drawn".to_owned() },
        Fault::Throttled => ProviderError::Throttled { act: "act", after: Duration::from_millis(700) },
        Fault::Unreached => lost(Happened::No, Reason::Unreachable),
        Fault::Broken | Fault::BrokenAfter => lost(Happened::Perhaps, Reason::Unexpected),
        _ => lost(Happened::Perhaps, Reason::Unreachable),
    })
}

fn store_failed<T>(fault: Fault) -> Result<T, StoreError> {
    let (act, at) = ("touch", path());
    let out = |happened| StoreError::OutOfService { act, at: path(), happened, state: "drawn" };
    Err(match fault {
        Fault::Refused | Fault::Disowned => StoreError::Refused { act, at, code: "drawn".to_owned() },
        Fault::Throttled => out(Happened::No),
        Fault::Broken | Fault::BrokenAfter => out(Happened::Perhaps),
        Fault::Unreached => StoreError::NoAnswer { act, at, happened: Happened::No },
        _ => StoreError::NoAnswer { act, at, happened: Happened::Perhaps },
    })
}

pub(super) fn path() -> StorePath {
    StorePath::new("shop/site")
}

fn copied(of: &Credential) -> Credential {
    Credential {
        token: of.token.clone(),
        secret: of.secret.as_ref().map(Secret::duplicate),
        companions: of.companions.duplicate(),
    }
}

/// The provider, at the other end of the network.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) inner: Arc<MemoryProvider>,
    pub(super) network: Network,
}

impl Issuer {
    async fn asked<T: Send + 'static>(
        &self,
        call: Call,
        lie: impl FnOnce() -> T + Send + 'static,
        work: impl Fn(&MemoryProvider) -> Result<T, ProviderError> + Send + Sync + 'static,
    ) -> Result<T, ProviderError> {
        let inner = Arc::clone(&self.inner);
        let answers = Answers { failed: provider_failed, lie: Box::new(|| Ok(lie())) };
        self.network.call(call, move || work(&inner), answers).await
    }
}

#[async_trait]
impl Provider for Issuer {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn verify(&self, credential: &Credential) -> Verdict {
        let (inner, credential) = (Arc::clone(&self.inner), copied(credential));
        let lie = match (at_once(inner.verify(&credential)), &credential.token) {
            (Verdict::Dead, Some(token)) => Verdict::Live(token.clone()),
            _ => Verdict::Dead,
        };
        let failed = |fault| match fault {
            Fault::Refused | Fault::Disowned => Verdict::Unknown(Reason::Rejected),
            Fault::Throttled => Verdict::Unknown(Reason::Throttled),
            Fault::Broken | Fault::BrokenAfter => Verdict::Unknown(Reason::Unexpected),
            _ => Verdict::Unknown(Reason::Unreachable),
        };
        let answers = Answers { failed, lie: Box::new(|| lie) };
        self.network.call(Call::Verify, move || at_once(inner.verify(&credential)), answers).await
    }

    async fn mint(&self, like: &Credential, label: &Label, chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        let (like, label, chosen) = (copied(like), label.clone(), chosen.map(Secret::duplicate));
        let lie =
            || Minted { token: TokenId::new("nowhere"), secret: Secret::new(b"nothing at all".to_vec()), ends: None };
        self.asked(Call::Mint, lie, move |inner| at_once(inner.mint(&like, &label, chosen.as_ref()))).await
    }

    async fn list(&self, like: &TokenId) -> Result<Vec<provider::Listed>, ProviderError> {
        let like = like.clone();
        self.asked(Call::List, Vec::new, move |inner| at_once(inner.list(&like))).await
    }

    fn labels(&self) -> bool {
        self.inner.labels()
    }

    async fn labelled(&self, like: &TokenId) -> Result<Vec<(TokenId, Option<Label>)>, ProviderError> {
        let like = like.clone();
        self.asked(Call::List, Vec::new, move |inner| at_once(inner.labelled(&like))).await
    }

    async fn scopes(&self, of: &Credential) -> Result<Scopes, ProviderError> {
        let of = copied(of);
        self.asked(Call::Scopes, || Scopes::CannotKnow, move |inner| at_once(inner.scopes(&of))).await
    }

    async fn find(&self, label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        let label = label.clone();
        self.asked(Call::Find, Vec::new, move |inner| at_once(inner.find(&label))).await
    }

    async fn disable(&self, warrant: &Warrant, credential: &Credential) -> Result<(), ProviderError> {
        let (warrant, credential, truth) = (warrant.clone(), copied(credential), Arc::clone(&self.network.truth));
        let work = move |inner: &MemoryProvider| {
            truth.ends(warrant.token());
            at_once(inner.disable(&warrant, &credential))
        };
        self.asked(Call::Disable, || (), work).await
    }

    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError> {
        let (warrant, credential, truth) = (warrant.clone(), copied(credential), Arc::clone(&self.network.truth));
        let work = move |inner: &MemoryProvider| {
            truth.ends(warrant.token());
            at_once(inner.revoke(&warrant, &credential))
        };
        self.asked(Call::Revoke, || Revoked::Accepted, work).await
    }

    async fn end_sessions(&self, warrant: &Warrant, credential: &Credential) -> Result<u64, ProviderError> {
        let (warrant, credential) = (warrant.clone(), copied(credential));
        self.asked(Call::EndSessions, || 0, move |inner| at_once(inner.end_sessions(&warrant, &credential))).await
    }

    async fn usage(&self, token: &TokenId, since: Timestamp) -> Result<Usage, ProviderError> {
        let token = token.clone();
        self.asked(Call::Usage, || Usage::CannotKnow, move |inner| at_once(inner.usage(&token, since))).await
    }
}

/// A store, at the other end of the network.
#[derive(Debug)]
pub(super) struct Vault {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) network: Network,
}

impl Vault {
    async fn asked<T: Send + 'static>(
        &self,
        call: Call,
        lie: impl FnOnce() -> T + Send + 'static,
        work: impl Fn(&MemoryStore) -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        let answers = Answers { failed: store_failed, lie: Box::new(|| Ok(lie())) };
        self.network.call(call, move || work(&inner), answers).await
    }
}

fn nowhere() -> Version {
    Version::new("999999")
}

#[async_trait]
impl SecretStore for Vault {
    fn staging(&self) -> Staging {
        self.inner.staging()
    }

    async fn ready(&self, at: &StorePath) -> Result<Version, StoreError> {
        let at = at.clone();
        self.asked(Call::Ready, nowhere, move |inner| at_once(inner.ready(&at))).await
    }

    async fn read(&self, at: &StorePath, which: &Which) -> Result<(Version, Secret), StoreError> {
        let (at, which) = (at.clone(), which.clone());
        let lie = || (nowhere(), Secret::new(Vec::new()));
        self.asked(Call::Read, lie, move |inner| at_once(inner.read(&at, &which))).await
    }

    async fn stage(&self, at: &StorePath, value: &Secret, label: &Label) -> Result<Staged, StoreError> {
        let (at, value, label) = (at.clone(), value.duplicate(), label.clone());
        let previous = at_once(self.inner.ready(&at));
        let native = self.inner.staging() == Staging::Native;
        let lie = move || Staged { version: native.then(nowhere), previous: previous.unwrap_or_else(|_| nowhere()) };
        self.asked(Call::Stage, lie, move |inner| at_once(inner.stage(&at, &value, &label))).await
    }

    async fn promote(&self, at: &StorePath, staged: &Staged, value: &Secret) -> Result<Version, StoreError> {
        let (at, staged, value) = (at.clone(), staged.clone(), value.duplicate());
        self.asked(Call::Promote, nowhere, move |inner| at_once(inner.promote(&at, &staged, &value))).await
    }

    async fn fence(
        &self,
        at: &StorePath,
        staged: &Staged,
        value: &Secret,
        label: &Label,
    ) -> Result<Version, StoreError> {
        let (at, staged, value, label) = (at.clone(), staged.clone(), value.duplicate(), label.clone());
        self.asked(Call::Fence, nowhere, move |inner| at_once(inner.fence(&at, &staged, &value, &label))).await
    }

    async fn discard(&self, at: &StorePath, label: &Label) -> Result<(), StoreError> {
        let (at, label) = (at.clone(), label.clone());
        self.asked(Call::Drop, || (), move |inner| at_once(inner.discard(&at, &label))).await
    }
}

/// A service that uses the token, at the other end of the network.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) reloads: bool,
    pub(super) network: Network,
}

impl Service {
    async fn asked<T: Send + 'static>(
        &self,
        call: Call,
        failed: fn(Fault) -> Result<T, DependentError>,
        lie: T,
        work: impl Fn(&Truth, usize) -> T + Send + Sync + 'static,
    ) -> Result<T, DependentError> {
        let (truth, number) = (Arc::clone(&self.network.truth), self.number);
        let answers = Answers { failed, lie: Box::new(|| Ok(lie)) };
        self.network.call(call, move || Ok(work(&truth, number)), answers).await
    }
}

#[async_trait]
impl Dependent for Service {
    fn name(&self) -> &str {
        &self.name
    }

    fn reloads(&self) -> bool {
        self.reloads
    }

    async fn reload(&self) -> Result<(), DependentError> {
        if !self.reloads {
            return Ok(());
        }
        let failed = |_| Err(DependentError::Reload { name: "service".to_owned(), code: "drawn".to_owned() });
        self.asked(Call::Reload, failed, (), |truth, number| truth.reloads(number)).await
    }

    async fn verify(&self, expected: &Expected) -> Result<Health, DependentError> {
        let failed = |fault| match fault {
            Fault::Refused | Fault::Broken => Ok(Health::Bad),
            _ => Err(DependentError::Unreachable { name: "service".to_owned() }),
        };
        let digest = expected.digest.clone();
        self.asked(Call::Probe, failed, Health::Good, move |truth, number| truth.health(number, digest.as_ref())).await
    }
}
