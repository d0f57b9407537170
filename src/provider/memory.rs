//! A provider in memory: for rehearsals, and for tests that order its faults.

use super::{Listed, Minted, Provider, ProviderError, Revoked, Scopes, liked, warranted};
use crate::model::{
    Abilities, Chooser, Class, Credential, Happened, Label, Quota, Reason, Secret, Timestamp, TokenId, Usage, Use,
    Verdict,
};
use crate::rotation::Warrant;
use async_trait::async_trait;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What can be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Verify.
    Verify,
    /// Mint.
    Mint,
    /// List.
    List,
    /// Read the rights.
    Scopes,
    /// Find by label.
    Find,
    /// Disable.
    Disable,
    /// Revoke.
    Revoke,
    /// End the sessions.
    EndSessions,
    /// Read the use.
    Usage,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify a token",
            Self::Mint => "mint a token",
            Self::List => "list tokens",
            Self::Scopes => "read a token's rights",
            Self::Find => "find tokens by label",
            Self::Disable => "disable a token",
            Self::Revoke => "revoke a token",
            Self::EndSessions => "end a token's sessions",
            Self::Usage => "read a token's use",
        }
    }
}

/// What goes wrong with the next call of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection: it surely did not happen.
    Before,
    /// The connection breaks before the act; the caller cannot know, and it did not happen.
    Unsure,
    /// The reply is lost: it did happen.
    After,
    /// It is refused.
    Refused,
    /// It did happen, and is said to be refused: it arrived twice.
    Disowned,
    /// It asks to wait.
    Throttled(Duration),
    /// It says that it has no room.
    Quota,
    /// It says that all is well, and does nothing.
    Lie,
}

/// A provider in memory.
#[derive(Debug)]
pub struct MemoryProvider {
    abilities: Abilities,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tokens: BTreeMap<TokenId, Token>,
    minted: u64,
    faults: BTreeMap<Act, VecDeque<Fault>>,
    calls: BTreeMap<Act, u64>,
    accepts_anything: bool,
    /// What was replaced in place, and by what.
    replaced: BTreeMap<TokenId, TokenId>,
    reused: u64,
}

#[derive(Debug)]
struct Token {
    secret: Secret,
    label: Option<Label>,
    created: Option<Timestamp>,
    disabled: bool,
    sessions: u64,
    uses: Vec<Use>,
    scopes: Vec<String>,
}

impl Default for MemoryProvider {
    /// One that can do everything, chooses the values itself and has no quota.
    fn default() -> Self {
        Self::new(Abilities::EVERYTHING)
    }
}

impl MemoryProvider {
    /// An empty one; what its abilities do not say, it refuses as unsupported. It keeps its quota.
    #[must_use]
    pub fn new(abilities: Abilities) -> Self {
        Self { abilities, inner: Mutex::default() }
    }

    /// Puts a live token into it.
    pub fn put(&self, token: &str, secret: &str) {
        self.put_secret(&TokenId::new(token), Secret::new(secret.as_bytes().to_vec()));
    }

    /// Puts a live token into it.
    pub fn put_secret(&self, token: &TokenId, secret: Secret) {
        self.inner().tokens.insert(token.clone(), Token::of(secret, None, None));
    }

    /// Adds a right to a token; tokens minted like it have it too.
    pub fn grant(&self, token: &TokenId, scope: &str) {
        if let Some(held) = self.inner().tokens.get_mut(token) {
            held.scopes.push(scope.to_owned());
            held.scopes.sort();
        }
    }

    /// Takes all rights from a token.
    pub fn strip(&self, token: &TokenId) {
        if let Some(held) = self.inner().tokens.get_mut(token) {
            held.scopes.clear();
        }
    }

    /// Records that a token was used.
    pub fn used(&self, token: &TokenId, at: Timestamp, origin: &str) {
        if let Some(held) = self.inner().tokens.get_mut(token) {
            held.uses.push(Use { at: Some(at), origin: origin.to_owned() });
        }
    }

    /// Opens a session with a token; it lives until it is ended.
    pub fn open_session(&self, token: &TokenId) {
        if let Some(held) = self.inner().tokens.get_mut(token) {
            held.sessions += 1;
        }
    }

    /// Orders a fault for the next call of an act that has none ordered yet.
    pub fn order(&self, act: Act, fault: Fault) {
        self.inner().faults.entry(act).or_default().push_back(fault);
    }

    /// Makes it accept every secret, as a probe does that proves nothing.
    pub fn accept_anything(&self, yes: bool) {
        self.inner().accepts_anything = yes;
    }

    /// How often an act was asked for, faults included.
    #[must_use]
    pub fn calls(&self, act: Act) -> u64 {
        self.inner().calls.get(&act).copied().unwrap_or_default()
    }

    /// What a person does in the console: makes a token with the rights of another. Where one replaces the other in
    /// place, the other ends.
    pub fn make_by_hand(&self, like: &TokenId) -> (TokenId, Secret) {
        let made = self.inner().mint(like, &Label::new(""), &self.abilities, None);
        (made.token, made.secret)
    }

    /// What a person does in the console: ends a token. One that is not there stays so.
    pub fn end_by_hand(&self, token: &TokenId) {
        self.inner().tokens.remove(token);
    }

    /// How often a token that had been replaced was to be replaced again; each time all that came of it was ended.
    #[must_use]
    pub fn reused(&self) -> u64 {
        self.inner().reused
    }

    /// The tokens that work.
    #[must_use]
    pub fn live(&self) -> Vec<TokenId> {
        self.inner().tokens.iter().filter(|(_, held)| !held.disabled).map(|(token, _)| token.clone()).collect()
    }

    /// Whether a token works.
    #[cfg(test)]
    pub(crate) fn is_live(&self, token: &TokenId) -> bool {
        self.inner().tokens.get(token).is_some_and(|held| !held.disabled)
    }

    /// The live token of a value, faults aside.
    #[cfg(test)]
    pub(crate) fn holder(&self, secret: &Secret) -> Option<TokenId> {
        let inner = self.inner();
        let mut held = inner.tokens.iter().filter(|(_, token)| !token.disabled);
        held.find(|(_, token)| token.secret.same_as(secret)).map(|(token, _)| token.clone())
    }

    /// Puts a live token into it that another's mint made.
    #[cfg(test)]
    pub(crate) fn put_labelled(&self, token: &TokenId, secret: Secret, label: &Label) {
        self.inner().tokens.insert(token.clone(), Token::of(secret, Some(label.clone()), None));
    }

    /// The tokens that a mint made, by their labels.
    #[cfg(test)]
    pub(crate) fn of_mints(&self) -> Vec<TokenId> {
        let inner = self.inner();
        let labelled =
            inner.tokens.iter().filter(|(_, held)| held.label.as_ref().is_some_and(|label| !label.as_str().is_empty()));
        labelled.map(|(token, _)| token.clone()).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an act under the faults that were ordered.
    fn act<T>(
        &self,
        act: Act,
        able: bool,
        lie: impl FnOnce() -> T,
        run: impl FnOnce(&mut Inner) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let word = act.word();
        if !able {
            return Err(ProviderError::Unsupported { act: word });
        }
        let lost = |happened| ProviderError::NoAnswer { act: word, happened, why: Reason::Unreachable };
        let mut inner = self.inner();
        *inner.calls.entry(act).or_default() += 1;
        match inner.faults.get_mut(&act).and_then(VecDeque::pop_front) {
            None => run(&mut inner),
            Some(Fault::Before) => Err(lost(Happened::No)),
            Some(Fault::Unsure) => Err(lost(Happened::Perhaps)),
            Some(Fault::After) => run(&mut inner).and(Err(lost(Happened::Perhaps))),
            Some(Fault::Disowned) => {
                run(&mut inner).and(Err(ProviderError::Refused { act: word, code: "ordered".to_owned() }))
            }
            Some(Fault::Refused) => Err(ProviderError::Refused { act: word, code: "ordered".to_owned() }),
            Some(Fault::Throttled(after)) => Err(ProviderError::Throttled { act: word, after }),
            Some(Fault::Quota) => Err(ProviderError::Quota),
            Some(Fault::Lie) => Ok(lie()),
        }
    }
}

impl Token {
    fn of(secret: Secret, label: Option<Label>, created: Option<Timestamp>) -> Self {
        Self { secret, label, created, disabled: false, sessions: 0, uses: Vec::new(), scopes: Vec::new() }
    }
}

impl Inner {
    /// The token that a credential is, by its secret; [`None`] where no live one has it.
    fn holder(&self, credential: &Credential) -> Option<TokenId> {
        let secret = credential.secret.as_ref()?;
        let mut held = self.tokens.iter().filter(|(_, token)| !token.disabled);
        let exact = held.find(|(_, token)| token.secret.same_as(secret)).map(|(token, _)| token.clone());
        let any = || credential.token.clone().or_else(|| self.tokens.keys().next().cloned());
        exact.or_else(|| if self.accepts_anything { any() } else { None })
    }

    /// The token that a mint writes over: the one it pushed before under this label, or the slot that is not in use.
    fn slot(&self, like: &TokenId, label: &Label, abilities: &Abilities) -> Option<TokenId> {
        let mut held = self.tokens.iter();
        let slot = match (abilities.class, abilities.chooser) {
            (Class::TwoSlots, _) => held.find(|(token, _)| *token != like),
            // There is one place, whatever it is called by now.
            (Class::Replace, Chooser::Client) => self.heir(like).and_then(|heir| self.tokens.get_key_value(heir)),
            (_, Chooser::Client) => held.find(|(_, held)| held.label.as_ref() == Some(label)),
            (_, Chooser::Server) => None,
        };
        slot.map(|(token, _)| token.clone())
    }

    /// What has taken the place of a token by now.
    fn heir(&self, of: &TokenId) -> Option<&TokenId> {
        let mut heir = self.replaced.get(of);
        for _ in 0..self.replaced.len() {
            heir = heir.and_then(|heir| self.replaced.get(heir)).or(heir);
        }
        heir
    }

    fn mint(&mut self, like: &TokenId, label: &Label, abilities: &Abilities, chosen: Option<&Secret>) -> Minted {
        let token = self.slot(like, label, abilities).unwrap_or_else(|| {
            self.minted += 1;
            TokenId::new(format!("minted-{}", self.minted))
        });
        let secret = || match chosen {
            Some(chosen) => chosen.duplicate(),
            None => {
                let value = Secret::new(format!("value-{}-{}", self.minted, label.as_str()).into_bytes());
                let was = self.tokens.get(like).and_then(|like| like.secret.user_and_password());
                // Of a login the user changes too.
                match was.filter(|_| abilities.class == Class::Ephemeral) {
                    Some(_) => Secret::login(&format!("user-{}", self.minted), &value),
                    None => value,
                }
            }
        };
        let mut fresh = Token::of(secret(), Some(label.clone()), None);
        fresh.scopes = self.tokens.get(like).map(|like| like.scopes.clone()).unwrap_or_default();
        let minted = Minted { token: token.clone(), secret: secret(), ends: None };
        if abilities.class == Class::Replace {
            self.tokens.remove(like);
            self.replaced.insert(like.clone(), token.clone());
        }
        self.tokens.insert(token, fresh);
        minted
    }

    /// True when `like` was replaced before: somebody else may have its value, so all that came of it ends.
    fn is_reuse(&mut self, like: &TokenId) -> bool {
        let mut heirs = Vec::new();
        let mut last = like;
        while let Some(next) = self.replaced.get(last).filter(|next| !heirs.contains(*next)) {
            heirs.push(next.clone());
            last = next;
        }
        if heirs.is_empty() {
            return false;
        }
        self.reused += 1;
        self.tokens.retain(|token, _| !heirs.contains(token));
        true
    }

    fn full(&self, like: &TokenId, label: &Label, abilities: &Abilities) -> bool {
        let room = match abilities.quota {
            Quota::Unlimited => usize::MAX,
            Quota::AtMost(most) => usize::try_from(most).unwrap_or(usize::MAX),
        };
        let replaces = abilities.class == Class::Replace || self.slot(like, label, abilities).is_some();
        self.tokens.len() >= room && !replaces
    }
}

#[async_trait]
impl Provider for MemoryProvider {
    fn abilities(&self) -> Abilities {
        self.abilities
    }

    async fn verify(&self, credential: &Credential) -> Verdict {
        let verdict = self.act(
            Act::Verify,
            true,
            || Verdict::Unknown(Reason::Unexpected),
            |inner| Ok(inner.holder(credential).map_or(Verdict::Dead, Verdict::Live)),
        );
        verdict.unwrap_or_else(|error| Verdict::Unknown(error.reason()))
    }

    async fn mint(&self, like: &Credential, label: &Label, chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        let (abilities, like) = (self.abilities, liked(Act::Mint.word(), like)?);
        let lie = || Minted { token: TokenId::new("nowhere"), secret: Secret::new(b"nothing".to_vec()), ends: None };
        self.act(Act::Mint, abilities.mint, lie, |inner| match abilities.chooser {
            _ if inner.full(like, label, &abilities) => Err(ProviderError::Quota),
            Chooser::Server if abilities.class == Class::Replace && inner.is_reuse(like) => {
                Err(ProviderError::Refused { act: Act::Mint.word(), code: "it was replaced before".to_owned() })
            }
            Chooser::Server if abilities.class == Class::Replace && !inner.tokens.contains_key(like) => {
                Err(ProviderError::Refused { act: Act::Mint.word(), code: "no such token".to_owned() })
            }
            Chooser::Client if chosen.is_none() => {
                Err(ProviderError::Refused { act: Act::Mint.word(), code: "no value was chosen".to_owned() })
            }
            Chooser::Client => Ok(inner.mint(like, label, &abilities, chosen)),
            Chooser::Server => Ok(inner.mint(like, label, &abilities, None)),
        })
    }

    async fn list(&self, _like: &TokenId) -> Result<Vec<Listed>, ProviderError> {
        self.act(Act::List, self.abilities.list, Vec::new, |inner| {
            let listed = inner.tokens.iter().map(|(token, held)| Listed {
                token: token.clone(),
                created: held.created,
                used: held.uses.iter().filter_map(|used| used.at).max(),
            });
            Ok(listed.collect())
        })
    }

    async fn scopes(&self, of: &Credential) -> Result<Scopes, ProviderError> {
        self.act(
            Act::Scopes,
            self.abilities.scopes,
            || Scopes::CannotKnow,
            |inner| {
                let token = of.token.clone().or_else(|| inner.holder(of));
                let held = token.and_then(|token| inner.tokens.get(&token));
                Ok(held.map_or(Scopes::CannotKnow, |held| Scopes::Known(held.scopes.clone())))
            },
        )
    }

    async fn find(&self, label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        self.act(Act::Find, self.abilities.find, Vec::new, |inner| {
            let found = inner.tokens.iter().filter(|(_, held)| held.label.as_ref() == Some(label));
            Ok(found.map(|(token, _)| token.clone()).collect())
        })
    }

    fn labels(&self) -> bool {
        self.abilities.list
    }

    async fn labelled(&self, _like: &TokenId) -> Result<Vec<(TokenId, Option<Label>)>, ProviderError> {
        self.act(Act::List, self.abilities.list, Vec::new, |inner| {
            let named = |held: &Token| held.label.clone().filter(|label| !label.as_str().is_empty());
            Ok(inner.tokens.iter().map(|(token, held)| (token.clone(), named(held))).collect())
        })
    }

    async fn disable(&self, warrant: &Warrant, credential: &Credential) -> Result<(), ProviderError> {
        let token = warranted(Act::Disable.word(), warrant, credential)?;
        self.act(
            Act::Disable,
            self.abilities.disable,
            || (),
            |inner| {
                match inner.tokens.get_mut(token) {
                    Some(held) => held.disabled = true,
                    None => {
                        return Err(ProviderError::Refused { act: Act::Disable.word(), code: "not found".to_owned() });
                    }
                }
                Ok(())
            },
        )
    }

    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError> {
        let token = warranted(Act::Revoke.word(), warrant, credential)?;
        self.act(
            Act::Revoke,
            self.abilities.revoke,
            || Revoked::Accepted,
            |inner| Ok(inner.tokens.remove(token).map_or(Revoked::AlreadyGone, |_| Revoked::Accepted)),
        )
    }

    async fn end_sessions(&self, warrant: &Warrant, credential: &Credential) -> Result<u64, ProviderError> {
        let token = warranted(Act::EndSessions.word(), warrant, credential)?;
        self.act(
            Act::EndSessions,
            self.abilities.sessions,
            || 0,
            |inner| Ok(inner.tokens.get_mut(token).map_or(0, |held| std::mem::take(&mut held.sessions))),
        )
    }

    async fn usage(&self, token: &TokenId, since: Timestamp) -> Result<Usage, ProviderError> {
        self.act(
            Act::Usage,
            self.abilities.usage,
            || Usage::CannotKnow,
            |inner| {
                let uses = inner.tokens.get(token).map(|held| held.uses.as_slice()).unwrap_or_default();
                let seen: Vec<_> = uses.iter().filter(|used| used.at.is_none_or(|at| at >= since)).cloned().collect();
                // This one knows everything at once: what it has not seen until now has not been.
                Ok(if seen.is_empty() { Usage::NoneSeen(Timestamp(u64::MAX)) } else { Usage::Seen(seen) })
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::{credential, keeps_the_contract, like};
    use super::*;

    fn abilities(chooser: Chooser, quota: Quota) -> Abilities {
        Abilities { chooser, quota, ..MemoryProvider::default().abilities }
    }

    #[tokio::test]
    async fn the_contract_is_kept() {
        for chooser in [Chooser::Server, Chooser::Client] {
            let provider = MemoryProvider::new(abilities(chooser, Quota::AtMost(2)));
            provider.put("t0", "value0");
            keeps_the_contract(&provider, &TokenId::new("t0"), "value0").await;
        }
    }

    #[tokio::test]
    async fn slots_take_turns_and_a_replacement_ends_what_it_replaces() {
        let able = Abilities { class: Class::TwoSlots, ..abilities(Chooser::Client, Quota::AtMost(2)) };
        let provider = MemoryProvider::new(able);
        provider.put("a", "value-a");
        keeps_the_contract(&provider, &TokenId::new("a"), "value-a").await;
        provider.put("a", "value-a");
        provider.put("b", "value-b");
        let chosen = Secret::new(b"other".to_vec());
        let minted = provider.mint(&like(&TokenId::new("a")), &Label::new("l"), Some(&chosen)).await.unwrap();
        assert_eq!(minted.token, TokenId::new("b"));

        let able = Abilities { class: Class::Replace, ..abilities(Chooser::Server, Quota::AtMost(1)) };
        let provider = MemoryProvider::new(able);
        provider.put("a", "value-a");
        let minted = provider.mint(&like(&TokenId::new("a")), &Label::new("l"), None).await.unwrap();
        assert_eq!(provider.live(), [minted.token]);
        let again = provider.mint(&like(&TokenId::new("a")), &Label::new("l"), None).await.unwrap_err();
        assert_eq!((again.happened(), again.reason()), (Happened::No, Reason::Rejected));
        assert!(provider.live().is_empty() && provider.reused() == 1, "reuse ends all that came of the token");
    }

    #[tokio::test]
    async fn a_person_makes_and_ends_tokens_in_the_console() {
        let provider = MemoryProvider::new(Abilities { mint: false, ..abilities(Chooser::Server, Quota::Unlimited) });
        provider.put("a", "value-a");
        let (made, secret) = provider.make_by_hand(&TokenId::new("a"));
        let credential = Credential { secret: Some(secret), ..Credential::default() };
        assert_eq!(provider.verify(&credential).await, Verdict::Live(made.clone()));
        provider.end_by_hand(&TokenId::new("a"));
        assert_eq!(provider.live(), [made]);
    }

    #[tokio::test]
    async fn faults_happen_as_ordered() {
        let provider = MemoryProvider::new(abilities(Chooser::Server, Quota::AtMost(3)));
        provider.put("t0", "value0");
        let (old, label) = (TokenId::new("t0"), Label::new("l"));
        for fault in
            [Fault::Before, Fault::Unsure, Fault::After, Fault::Throttled(Duration::from_secs(3)), Fault::Refused]
        {
            provider.order(Act::Mint, fault);
        }
        let mut said = Vec::new();
        for _ in 0..5 {
            let error = provider.mint(&like(&old), &label, None).await.unwrap_err();
            said.push((error.happened(), error.reason(), provider.live().len()));
        }
        assert_eq!(
            said,
            [
                (Happened::No, Reason::Unreachable, 1),
                (Happened::Perhaps, Reason::Unreachable, 1),
                (Happened::Perhaps, Reason::Unreachable, 2),
                (Happened::No, Reason::Throttled, 2),
                (Happened::No, Reason::Rejected, 2),
            ]
        );
        provider.mint(&like(&old), &label, None).await.unwrap();
        assert!(matches!(provider.mint(&like(&old), &label, None).await, Err(ProviderError::Quota)));
        assert_eq!(provider.find(&label).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_lying_revoke_kills_nothing() {
        let provider = MemoryProvider::default();
        provider.put("t0", "value0");
        let (old, warrant) = (TokenId::new("t0"), Warrant::for_test("t0"));
        provider.order(Act::Revoke, Fault::Lie);
        assert_eq!(provider.revoke(&warrant, &credential(&old, "value0")).await.unwrap(), Revoked::Accepted);
        assert_eq!(provider.verify(&credential(&old, "value0")).await, Verdict::Live(old));
    }
}
