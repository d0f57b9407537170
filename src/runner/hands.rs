//! The only thing that touches the world: performs one effect and says, as a fact, what happened.

use super::custody::Custody;
use crate::dependent::{DependentError, Expected};
use crate::inventory::{Dependency, Managed, Sight, StoredCopy};
use crate::model::{
    Chooser, Companions, Credential, Digest, Happened, Health, Label, Reason, Secret, Timestamp, TokenId, Verdict,
    Version,
};
use crate::provider::{self, ProviderError, Scopes};
use crate::rotation::{Effect, Fact, Old, Staged, State, StoreState};
use crate::store::{StoreError, Which};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// The companion that belongs to one secret alone, not to its account.
const OF_THE_SECRET: &str = "session_token";

/// What an effect led to.
pub(super) enum Done {
    /// A fact to record.
    Fact(Fact),
    /// A fresh token: to be sealed before any other use.
    Minted {
        /// Its handle.
        token: TokenId,
        /// Its value.
        secret: Secret,
        /// When it ends by itself, if it does.
        ends: Option<Timestamp>,
    },
}

/// Works on one rotation as its state stands.
pub(super) struct Hands<'a> {
    pub(super) managed: &'a Managed,
    pub(super) state: &'a State,
}

/// A failure, and how long the other side asks to be left alone.
pub(super) struct Failed {
    fact: Fact,
    after: Option<Duration>,
}

impl Failed {
    /// What is wrong, in public words.
    pub(super) fn note(&self) -> &str {
        match &self.fact {
            Fact::Failed { note, .. } => note,
            _ => "it did not work",
        }
    }
}

impl Hands<'_> {
    /// Performs one effect. Beside what happened: how long whoever was asked wants to be left alone.
    pub(super) async fn perform(
        &self,
        effect: &Effect,
        label: Option<&Label>,
        custody: &Custody,
    ) -> (Done, Option<Duration>) {
        let done = match effect {
            Effect::Mint { .. } => self.mint(label, custody).await,
            effect => self.fact(effect, custody).await.map(Done::Fact),
        };
        match done {
            Ok(Done::Fact(fact)) => {
                let after = self.asked_to_wait(&fact);
                (Done::Fact(fact), after)
            }
            Ok(done) => (done, None),
            Err(Failed { fact, after }) => {
                let after = after.filter(|after| !after.is_zero()).or_else(|| self.asked_to_wait(&fact));
                (Done::Fact(fact), after)
            }
        }
    }

    /// How long the provider wants to be left alone, where it was asked whether a token works and said no more than that.
    fn asked_to_wait(&self, fact: &Fact) -> Option<Duration> {
        let throttled = match fact {
            Fact::Verified(verdict) => *verdict == Verdict::Unknown(Reason::Throttled),
            Fact::Failed { why, .. } => *why == Reason::Throttled,
            _ => false,
        };
        self.managed.provider.asks_to_wait().filter(|_| throttled)
    }

    async fn fact(&self, effect: &Effect, custody: &Custody) -> Result<Fact, Failed> {
        match effect {
            Effect::ReadUsage => self.usage(custody, self.state.plan.leaked).await,
            Effect::Soak => {
                self.stands(custody).await?;
                self.usage(custody, self.state.entered).await
            }
            Effect::Verify => self.assess(custody).await,
            Effect::Preflight => self.preflight(custody).await,
            Effect::Count => self.ids().await.map(Fact::Counted),
            Effect::Try => self.try_offered(custody).await,
            Effect::AskOld => {
                old_secret(custody)?;
                Ok(Fact::Verified(provider::ask(&*self.managed.provider, &self.old(custody)).await))
            }
            Effect::Seek { label } => self.seek(label).await,
            Effect::SeekTwin { label } => {
                self.managed.provider.find(label).await.map(Fact::Sought).map_err(|error| provider_failed(&error))
            }
            Effect::Prove => self.prove(custody).await,
            Effect::Stage { store } => self.stage(*store, custody).await,
            Effect::Promote { store, staged } => self.promote(*store, staged, custody).await,
            Effect::Check { dependent, reload } => {
                let expected = self.expect_new(custody)?;
                self.check(*dependent, *reload, &expected).await
            }
            Effect::Recheck(dependent) => {
                self.stands(custody).await?;
                let expected = self.expect_new(custody)?;
                self.check(*dependent, false, &expected).await
            }
            Effect::CheckBack { dependent, reload } => {
                let expected = self.expect_old(custody).await?;
                self.check(*dependent, *reload, &expected).await
            }
            Effect::Disable(warrant) => {
                let done = self.managed.provider.disable(warrant, &self.old(custody)).await;
                done.map(|()| Fact::Disabled).map_err(|error| provider_failed(&error))
            }
            Effect::Revoke(_) if self.state.ends_by_hand() => {
                Err(failed(Reason::ByHand, Happened::No, "the old token is a person's to end"))
            }
            Effect::Revoke(warrant) => {
                let done = self.managed.provider.revoke(warrant, &self.old(custody)).await;
                done.map(|_| Fact::Revoked).map_err(|error| provider_failed(&error))
            }
            Effect::EndSessions(warrant) => {
                let done = self.managed.provider.end_sessions(warrant, &self.old(custody)).await;
                done.map(|sessions| Fact::Ended { sessions }).map_err(|error| provider_failed(&error))
            }
            Effect::Confirm => self.confirm(custody).await,
            Effect::Watch => self.watch(custody).await,
            Effect::Demote { store, staged, current } => self.demote(*store, staged, current.as_ref(), custody).await,
            Effect::Discard(warrant) => self.discard(warrant, custody).await,
            Effect::ConfirmDiscard(token) => self.confirm_discard(token, custody).await,
            Effect::Survey => self.survey().await,
            Effect::Quarantine(warrant) => self.quarantine(warrant, custody).await,
            Effect::Unstage { store, label } => {
                let copy = self.copy(*store)?;
                let done = copy.store.discard(&copy.path, label).await;
                done.map(|()| Fact::Unstaged { store: *store }).map_err(|error| store_failed(&error))
            }
            Effect::Mint { .. } => Err(failed(Reason::Unexpected, Happened::No, "a mint is no plain effect")),
            #[expect(unreachable_patterns, reason = "the core may grow an effect")]
            _ => Err(failed(Reason::Unsupported, Happened::No, "these hands do not know the effect")),
        }
    }

    async fn mint(&self, label: Option<&Label>, custody: &Custody) -> Result<Done, Failed> {
        let (Some(_), Some(label)) = (self.old_token(), label) else {
            return Err(failed(Reason::Missing, Happened::No, "no token to make another like"));
        };
        let chosen = match self.state.plan.abilities.chooser {
            Chooser::Client => {
                let sealed = self.state.pending.as_ref().and_then(|pending| custody.value(pending.sealed.as_ref()?));
                Some(
                    sealed
                        .ok_or_else(|| failed(Reason::Unreadable, Happened::No, "the chosen value cannot be opened"))?,
                )
            }
            Chooser::Server => None,
        };
        let old = self.old(custody);
        let minted = self.managed.provider.mint(&old, label, chosen).await.map_err(|error| provider_failed(&error))?;
        Ok(Done::Minted { token: minted.token, secret: minted.secret, ends: minted.ends })
    }

    /// Asks, with a negative control, what a person handed over. Its handle is what the provider calls it.
    async fn try_offered(&self, custody: &Custody) -> Result<Fact, Failed> {
        let offered = self.state.offered.as_ref();
        let secret = offered.and_then(|offered| custody.value(&offered.sealed)).ok_or_else(|| {
            failed(Reason::Unreadable, Happened::No, "the value that was handed over cannot be opened")
        })?;
        let named = offered.and_then(|offered| offered.token.as_ref());
        let verdict = provider::ask(&*self.managed.provider, &account(named, Some(secret), custody)).await;
        match (named, verdict.token()) {
            (Some(named), Some(seen)) if seen != named => {
                let note = format!("the value lives, but its handle is {seen} and not the one that was named");
                Err(failed(Reason::Unexpected, Happened::No, &note))
            }
            _ => Ok(Fact::Tried(verdict)),
        }
    }

    async fn usage(&self, custody: &Custody, since: Timestamp) -> Result<Fact, Failed> {
        let token = self.old_token().or(custody.old.token.as_ref()).or(self.managed.token.as_ref());
        let usage = match token {
            Some(token) if self.state.plan.abilities.usage => {
                self.managed.provider.usage(token, since).await.map_err(|error| provider_failed(&error))?
            }
            _ => crate::model::Usage::CannotKnow,
        };
        let Sight { explained, foreign } = self.managed.sight(&usage, since);
        Ok(Fact::Used { usage, explained, foreign })
    }

    /// Everything that can be checked before anything outside changes.
    async fn preflight(&self, custody: &Custody) -> Result<Fact, Failed> {
        let old = old_secret(custody)?;
        for copy in &self.managed.stores {
            copy.store.ready(&copy.path).await.map_err(|error| store_failed(&error))?;
            let (_, value) = given_out(copy).await?;
            let holds_old = copy.shape.read(&value).is_ok_and(|(_, secret)| secret.same_as(old));
            if !holds_old {
                let note = format!("{} does not hold the token that is to be replaced", copy.name);
                return Err(failed(Reason::Conflict, Happened::No, &note));
            }
        }
        if let Some(token) = self.old_token() {
            let policy = &self.state.plan.policy;
            let lives = policy.check_within.saturating_add(policy.soak).saturating_add(policy.watch);
            self.managed.provider.ready(token, lives).await.map_err(|error| provider_failed(&error))?;
        }
        let expected = self.expect_old(custody).await?;
        let mut saw_old = Vec::with_capacity(self.managed.dependents.len());
        for dependency in &self.managed.dependents {
            let health = dependency.dependent.verify(&expected).await;
            match health {
                Ok(Health::Good) => saw_old.push(true),
                Ok(Health::Indistinct) => saw_old.push(false),
                Ok(Health::Stale | Health::Bad) if dependency.required => {
                    let note = format!("{} does not work on the old token, so it can prove nothing", name(dependency));
                    return Err(retry(Reason::Unhealthy, Happened::No, &note));
                }
                Err(error) if dependency.required => return Err(dependent_failed(&error)),
                Ok(Health::Stale | Health::Bad) | Err(_) => saw_old.push(false),
            }
        }
        Ok(Fact::Preflighted { saw_old })
    }

    /// Every store still holds the new value: a token that a store points at is not let die, nor one that none holds live.
    async fn undrifted(&self, custody: &Custody) -> Result<(), Failed> {
        for copy in &self.managed.stores {
            if !matches!(self.held(copy, custody).await?, (_, true)) {
                let note = format!("somebody else put the old value back into {}", copy.name);
                return Err(failed(Reason::Conflict, Happened::No, &note));
            }
        }
        Ok(())
    }

    pub(super) async fn ids(&self) -> Result<Vec<TokenId>, Failed> {
        let old =
            self.old_token().ok_or_else(|| failed(Reason::Missing, Happened::No, "the old token has no handle"))?;
        if !self.state.plan.abilities.list {
            return Ok(vec![old.clone()]);
        }
        self.listed(old).await
    }

    pub(super) async fn listed(&self, like: &TokenId) -> Result<Vec<TokenId>, Failed> {
        let listed = self.managed.provider.list(like).await.map_err(|error| provider_failed(&error))?;
        Ok(listed.into_iter().map(|listed| listed.token).collect())
    }

    async fn seek(&self, label: &Label) -> Result<Fact, Failed> {
        if !self.state.plan.abilities.find {
            return self.ids().await.map(Fact::Sought);
        }
        self.managed.provider.find(label).await.map(Fact::Sought).map_err(|error| provider_failed(&error))
    }

    async fn prove(&self, custody: &Custody) -> Result<Fact, Failed> {
        let (token, _) = self.new_pair(custody)?;
        let new = self.fresh(custody)?;
        match self.managed.provider.verify(&new).await {
            Verdict::Live(seen) if seen == *token => {}
            Verdict::Live(_) => {
                return Err(failed(Reason::Unexpected, Happened::No, "the new value belongs to another token"));
            }
            Verdict::Unknown(why) => return Err(retry(why, Happened::No, "the new token could not be tried")),
            verdict => {
                let note = format!("the new token is {} so far", verdict.word());
                return Err(retry(Reason::Unproven, Happened::No, &note));
            }
        }
        if self.state.plan.abilities.scopes {
            let scopes = |of| self.managed.provider.scopes(of);
            let old = self.old(custody);
            let (had, has) = (scopes(&old).await, scopes(&new).await);
            match (had.map_err(|e| provider_failed(&e))?, has.map_err(|e| provider_failed(&e))?) {
                (Scopes::Known(had), Scopes::Known(has)) if !had.iter().all(|scope| has.contains(scope)) => {
                    return Err(failed(Reason::Scopes, Happened::No, "the new token lacks rights of the old one"));
                }
                _ => {}
            }
        }
        Ok(Fact::Proved)
    }

    async fn stage(&self, store: usize, custody: &Custody) -> Result<Fact, Failed> {
        let copy = self.copy(store)?;
        let value = self.new_value(copy, custody)?;
        let label = self.state.successor.as_ref().map(|successor| successor.label.clone()).ok_or_else(no_successor)?;
        let (held, is_ours) = self.held(copy, custody).await?;
        let staged = copy.store.stage(&copy.path, &value, &label).await.map_err(|error| store_failed(&error))?;
        // What is left must be what was looked at, or the new value itself where the promotion came before.
        if !is_ours && staged.previous != held {
            let note = format!("{} was changed by somebody else", copy.name);
            return Err(failed(Reason::Conflict, Happened::Perhaps, &note));
        }
        Ok(Fact::Staged { store, staged })
    }

    /// The version that a store holds, and whether it is the new value; one that is neither new nor old belongs to
    /// somebody else and is left alone.
    async fn held(&self, copy: &StoredCopy, custody: &Custody) -> Result<(Version, bool), Failed> {
        let (version, value) = given_out(copy).await?;
        let (_, new) = self.new_pair(custody)?;
        let old = old_secret(custody)?;
        match copy.shape.read(&value) {
            Ok((_, secret)) if secret.same_as(new) => Ok((version, true)),
            Ok((_, secret)) if secret.same_as(old) => Ok((version, false)),
            _ => {
                let note = format!("{} holds a value that is neither the old nor the new one", copy.name);
                Err(failed(Reason::Conflict, Happened::No, &note))
            }
        }
    }

    async fn promote(&self, store: usize, staged: &Staged, custody: &Custody) -> Result<Fact, Failed> {
        let copy = self.copy(store)?;
        let value = self.new_value(copy, custody)?;
        let version = copy.store.promote(&copy.path, staged, &value).await.map_err(|error| store_failed(&error))?;
        let (_, back) = given_out(copy).await?;
        let (_, secret) = self.new_pair(custody)?;
        if !copy.shape.read(&back).is_ok_and(|(_, read)| read.same_as(secret)) {
            return Err(retry(Reason::Conflict, Happened::Perhaps, "what was read back is not what was written"));
        }
        Ok(Fact::Promoted { store, version })
    }

    async fn check(&self, dependent: usize, reload: bool, expected: &Expected) -> Result<Fact, Failed> {
        let Some(dependency) = self.managed.dependents.get(dependent) else {
            return Err(failed(Reason::Missing, Happened::No, "no such dependent"));
        };
        if reload {
            dependency.dependent.reload().await.map_err(|error| dependent_failed(&error))?;
        }
        let health = dependency.dependent.verify(expected).await.map_err(|error| dependent_failed(&error))?;
        Ok(Fact::Checked { dependent, health })
    }

    /// What the revoke will rely on, at this instant: every store gives out the new value, and the provider takes it.
    async fn stands(&self, custody: &Custody) -> Result<(), Failed> {
        let new = self.fresh(custody)?;
        self.undrifted(custody).await?;
        match self.managed.provider.verify(&new).await {
            Verdict::Live(_) | Verdict::Restricted(..) => Ok(()),
            Verdict::Unknown(why) => Err(retry(why, Happened::No, "the new token could not be tried")),
            Verdict::Dead | Verdict::WrongPlace => {
                Err(retry(Reason::Unproven, Happened::No, "the new token was not accepted"))
            }
        }
    }

    async fn watch(&self, custody: &Custody) -> Result<Fact, Failed> {
        let new = self.fresh(custody)?;
        if self.managed.provider.verify(&new).await.token().is_none() {
            return Err(retry(Reason::Unproven, Happened::No, "the new token was not accepted"));
        }
        if self.managed.provider.verify(&self.old(custody)).await.token().is_some() {
            return Err(failed(Reason::StillLive, Happened::No, "the old token is accepted again"));
        }
        self.undrifted(custody).await?;
        let expected = self.expect_new(custody)?;
        for dependency in self.managed.dependents.iter().filter(|dependency| dependency.required) {
            match dependency.dependent.verify(&expected).await.map_err(|error| dependent_failed(&error))? {
                Health::Good | Health::Indistinct => {}
                Health::Stale | Health::Bad => {
                    let note = format!("{} does not work on the new token", name(dependency));
                    return Err(retry(Reason::Unhealthy, Happened::No, &note));
                }
            }
        }
        Ok(Fact::Healthy)
    }

    /// The way back in one store. What is current decides: the old value is back already, or ours is there and is
    /// swapped for the version it replaced; anything else belongs to somebody else.
    async fn demote(
        &self,
        store: usize,
        staged: &Staged,
        current: Option<&Version>,
        custody: &Custody,
    ) -> Result<Fact, Failed> {
        let copy = self.copy(store)?;
        let old = old_secret(custody)?;
        let (now, value) = given_out(copy).await?;
        let (_, held) = copy
            .shape
            .read(&value)
            .map_err(|_| failed(Reason::Conflict, Happened::No, "the value has another shape"))?;
        if held.same_as(old) {
            return self.demoted(store, staged, &value).await;
        }
        let ours = self.state.successor.as_ref().and_then(|successor| custody.value(&successor.sealed));
        let is_ours = ours.is_some_and(|ours| held.same_as(ours)) || (ours.is_none() && current == Some(&now));
        if !is_ours {
            return Err(failed(
                Reason::Conflict,
                Happened::No,
                &format!("{} holds a value that is not ours", copy.name),
            ));
        }
        let before = copy.store.read(&copy.path, &Which::Exactly(staged.previous.clone())).await;
        let value = match before {
            Ok((_, value)) if copy.shape.read(&value).is_ok_and(|(_, secret)| secret.same_as(old)) => value,
            _ => {
                let token = self
                    .old_token()
                    .ok_or_else(|| failed(Reason::Missing, Happened::No, "the old token has no handle"))?;
                self.render(copy, token, old)?
            }
        };
        let back = Staged { version: Some(staged.previous.clone()), previous: now };
        copy.store.promote(&copy.path, &back, &value).await.map_err(|error| store_failed(&error))?;
        self.demoted(store, staged, &value).await
    }

    /// The old value is current. A promotion may still arrive, also where a later attempt at it succeeded: the store is
    /// left at a version that it does not name.
    async fn demoted(&self, store: usize, staged: &Staged, value: &Secret) -> Result<Fact, Failed> {
        let copy = self.copy(store)?;
        let label = self.state.successor.as_ref().map(|successor| &successor.label).ok_or_else(no_successor)?;
        let version = copy.store.fence(&copy.path, staged, value, label).await.map_err(|error| store_failed(&error))?;
        Ok(Fact::Demoted { store, version })
    }

    /// The old credential under the handle that the provider gave it, which may not be the one that was configured.
    pub(super) fn old(&self, custody: &Custody) -> Credential {
        Credential {
            token: self.old_token().or(custody.old.token.as_ref()).cloned(),
            secret: custody.old.secret.as_ref().map(Secret::duplicate),
            companions: custody.old.companions.duplicate(),
        }
    }

    /// The new credential, of the same account as the old one.
    pub(super) fn fresh(&self, custody: &Custody) -> Result<Credential, Failed> {
        let (token, secret) = self.new_pair(custody)?;
        Ok(successor(token, Some(secret), custody))
    }

    pub(super) fn old_token(&self) -> Option<&TokenId> {
        match &self.state.old {
            Old::Live(token) | Old::Ending(token) => Some(token),
            Old::Dead(token) => token.as_ref(),
            Old::Unasked => None,
        }
    }

    fn new_pair<'c>(&self, custody: &'c Custody) -> Result<(&TokenId, &'c Secret), Failed> {
        let successor = self.state.successor.as_ref().ok_or_else(no_successor)?;
        let secret = custody
            .value(&successor.sealed)
            .ok_or_else(|| failed(Reason::Unreadable, Happened::No, "the sealed new value cannot be opened"))?;
        Ok((&successor.token, secret))
    }

    fn new_value(&self, copy: &StoredCopy, custody: &Custody) -> Result<Secret, Failed> {
        let (token, secret) = self.new_pair(custody)?;
        self.render(copy, token, secret)
    }

    fn render(&self, copy: &StoredCopy, token: &TokenId, secret: &Secret) -> Result<Secret, Failed> {
        copy.shape
            .render(token, secret)
            .map_err(|_| failed(Reason::Local, Happened::No, &format!("the value of {} cannot be written", copy.name)))
    }

    fn expect_new(&self, custody: &Custody) -> Result<Expected, Failed> {
        let (token, secret) = self.new_pair(custody)?;
        let version = match self.state.stores.first() {
            Some(StoreState::Promoted(_, version)) => Some(version.clone()),
            _ => None,
        };
        Ok(Expected { version, token: token.clone(), digest: Some(digest(secret)), user: self.user(secret)? })
    }

    async fn expect_old(&self, custody: &Custody) -> Result<Expected, Failed> {
        let secret = old_secret(custody)?;
        let token =
            self.old_token().ok_or_else(|| failed(Reason::Missing, Happened::No, "the old token has no handle"))?;
        let copy = self.copy(0)?;
        let (version, _) = given_out(copy).await?;
        let user = self.user(secret)?;
        Ok(Expected { version: Some(version), token: token.clone(), digest: Some(digest(secret)), user })
    }

    /// The user of a secret that is a login.
    fn user(&self, secret: &Secret) -> Result<Option<String>, Failed> {
        let is_login = self.copy(0)?.shape.holds_user();
        Ok(secret.user_and_password().filter(|_| is_login).map(|(user, _)| user))
    }

    fn copy(&self, store: usize) -> Result<&StoredCopy, Failed> {
        self.managed.stores.get(store).ok_or_else(|| failed(Reason::Missing, Happened::No, "no such store"))
    }
}

/// What a store gives out now.
pub(super) async fn given_out(copy: &StoredCopy) -> Result<(Version, Secret), Failed> {
    copy.store.read(&copy.path, &Which::Current).await.map_err(|error| store_failed(&error))
}

pub(super) fn old_secret(custody: &Custody) -> Result<&Secret, Failed> {
    custody.old.secret.as_ref().ok_or_else(|| failed(Reason::Missing, Happened::No, "the old secret is not in custody"))
}

fn name(dependency: &Dependency) -> &str {
    dependency.dependent.name()
}

/// What a dependent may attest: SHA-256 of the secret, which a token's entropy protects.
fn digest(secret: &Secret) -> Digest {
    #[expect(clippy::disallowed_methods, reason = "the digest is what a dependent attests")]
    let hash = Sha256::digest(secret.expose());
    Digest::new(data_encoding::HEXLOWER.encode(&hash))
}

/// A credential of the same account as the old one: what names the account stays the same.
pub(super) fn successor(token: &TokenId, secret: Option<&Secret>, custody: &Custody) -> Credential {
    account(Some(token), secret, custody)
}

/// A credential of that account whose handle may not be known.
pub(super) fn account(token: Option<&TokenId>, secret: Option<&Secret>, custody: &Custody) -> Credential {
    let mut companions = Companions::default();
    for (name, value) in custody.old.companions.iter().filter(|(name, _)| *name != OF_THE_SECRET) {
        companions.push(name, value.duplicate());
    }
    Credential { token: token.cloned(), secret: secret.map(Secret::duplicate), companions }
}

fn no_successor() -> Failed {
    failed(Reason::Missing, Happened::No, "there is no new token")
}

pub(super) fn failed(why: Reason, happened: Happened, note: &str) -> Failed {
    told(happened, false, why, note.to_owned())
}

pub(super) fn retry(why: Reason, happened: Happened, note: &str) -> Failed {
    told(happened, true, why, note.to_owned())
}

fn told(happened: Happened, again: bool, why: Reason, note: String) -> Failed {
    Failed { fact: Fact::Failed { happened, again, why, note }, after: None }
}

pub(super) fn provider_failed(error: &ProviderError) -> Failed {
    let after = error.retry_after();
    Failed { after, ..told(error.happened(), after.is_some(), error.reason(), error.to_string()) }
}

fn store_failed(error: &StoreError) -> Failed {
    let after = error.retry_after();
    Failed { after, ..told(error.happened(), after.is_some(), error.reason(), error.to_string()) }
}

fn dependent_failed(error: &DependentError) -> Failed {
    retry(error.reason(), Happened::No, &error.to_string())
}
