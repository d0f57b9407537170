//! The declarative provider: speaks to any provider that a rule file describes. The only interpreter of exchanges.

pub mod replay;

use super::{Listed, Minted, Provider, ProviderError, Revoked, Scopes, warranted};
use crate::clock::Clock;
use crate::egress::{Allowed, Egress, EgressError, Endpoint, Request, Response};
use crate::model::{
    Abilities, Chooser, Class, Companions, Credential, Happened, Label, Reason, Secret, Timestamp, TokenId, Usage, Use,
    Verdict,
};
use crate::rotation::Warrant;
use crate::rules::Kind;
use crate::rules::exchange::{Act, Exchange, Exchanges, Meaning, OURS, Request as Rendered, Taken};
use async_trait::async_trait;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait when a provider asks to slow down and does not say for how long.
const WAIT: Duration = Duration::from_secs(30);

/// What the configuration adds to a rule file.
#[derive(Debug, Default)]
pub struct Access {
    /// The address of a self-hosted instance: `{{base}}`.
    pub base: Option<Endpoint>,
    /// What may mint and revoke: `{{authority}}`.
    pub authority: Option<Secret>,
    /// Any other value that the rule's calls name; it goes before one that was found beside a leaked token.
    pub values: Companions,
    /// Where a host of the rule is instead: another region, or a stand-in. By the host's name; nothing is sent to the
    /// host itself then.
    pub hosts: BTreeMap<String, Endpoint>,
    /// What a token looks like, where its own text names parts of it, such as its id.
    pub kind: Option<Arc<Kind>>,
}

/// A provider that a rule file describes.
#[derive(Debug)]
pub struct HttpProvider {
    exchanges: Exchanges,
    abilities: Abilities,
    allowed: Allowed,
    base: Option<Secret>,
    authority: Option<Secret>,
    values: Companions,
    hosts: BTreeMap<String, Endpoint>,
    kind: Option<Arc<Kind>>,
    egress: Arc<Egress>,
    clock: Arc<dyn Clock>,
    /// Until when we were last asked to wait.
    busy: Mutex<Timestamp>,
}

/// What one call knows beside the configuration.
#[derive(Debug, Default)]
struct Known<'c> {
    credential: Option<&'c Credential>,
    chosen: Option<&'c Secret>,
    token: Option<Secret>,
    label: Option<Secret>,
    since: Option<Secret>,
    page: Option<Secret>,
    /// What the secret's own text names.
    parts: Companions,
    /// What was kept of the reply to what was asked first.
    kept: Companions,
}

impl HttpProvider {
    /// A provider that speaks by these exchanges. What it can do follows from them and from what the configuration
    /// gives.
    #[must_use]
    pub fn new(exchanges: Exchanges, access: Access, egress: Arc<Egress>, clock: Arc<dyn Clock>) -> Self {
        let Access { base, authority, values, hosts, kind } = access;
        let abilities = exchanges.abilities(&|name| match name {
            "base" => base.is_some(),
            "authority" => authority.is_some(),
            _ => true,
        });
        let own: Vec<String> = exchanges.hosts().iter().filter(|host| !hosts.contains_key(*host)).cloned().collect();
        let allowed = base.iter().chain(hosts.values()).fold(Allowed::hosts(&own), Allowed::and);
        let base = base.map(|base| plain(base.as_str()));
        let busy = Mutex::new(Timestamp(0));
        Self { exchanges, abilities, allowed, base, authority, values, hosts, kind, egress, clock, busy }
    }

    /// The first way of an act whose values are all at hand; of none, the first, which names what is missing.
    fn way(&self, act: Act, able: bool, known: &Known<'_>) -> Result<&Exchange, ProviderError> {
        let ways = if able { self.exchanges.ways(act) } else { &[] };
        let at_hand = |way: &&Exchange| way.names().all(|name| self.value(known, name).is_some());
        ways.iter().find(at_hand).or(ways.first()).ok_or(ProviderError::Unsupported { act: doing(act) })
    }

    /// Renders, sends, reads.
    async fn speak(&self, act: Act, able: bool, mut known: Known<'_>) -> Result<(u16, Meaning), ProviderError> {
        if let (Some(kind), Some(secret)) = (&self.kind, known.credential.and_then(|of| of.secret.as_ref())) {
            known.parts = kind.parts(secret);
        }
        let exchange = self.way(act, able, &known)?;
        if let Some(first) = exchange.first() {
            let rendered = first.render(&|name| self.value(&known, name));
            let reply = self.send(act, rendered.map_err(|why| refused(act, why.to_string()))?).await;
            let reply = reply.map_err(unchanged)?;
            if slow_down(&reply, &Meaning::Unknown) {
                return Err(self.throttled(act, &reply));
            }
            if (400..500).contains(&reply.status) {
                let code = format!("it does not say what the old token was (status {})", reply.status);
                return Err(refused(act, code));
            }
            let kept = if first.answers(reply.status) { first.read(&reply.body) } else { None };
            known.kept = kept.ok_or_else(|| unchanged(unreadable(act)))?;
        }
        let Some(most) = exchange.pages() else {
            let (status, meaning, _) = self.page(act, exchange, &known).await?;
            if let (Meaning::Dead, Some(name)) = (&meaning, exchange.names().find(|name| self.is_near(&known, name))) {
                tracing::warn!(name, "refused, but perhaps for what stood beside the token: name it under 'values'");
                return Err(ProviderError::NoAnswer { act: doing(act), happened: Happened::No, why: Reason::Rejected });
            }
            return Ok((status, meaning));
        };
        let mut all = Vec::new();
        for page in 1..=most {
            known.page = Some(plain(&page.to_string()));
            match self.page(act, exchange, &known).await? {
                (status, Meaning::Done(_), 0) => return Ok((status, Meaning::Done(all))),
                (_, Meaning::Done(items), _) => all.extend(items),
                (status, meaning, _) => return Ok((status, meaning)),
            }
        }
        // It goes on: what was not looked at may hold what is sought.
        Err(unreadable(act))
    }

    /// What the provider lists.
    async fn items(&self, like: &TokenId) -> Result<Vec<Taken>, ProviderError> {
        let known = Known { token: handle(like), ..Known::default() };
        match self.speak(Act::List, self.abilities.list, known).await? {
            (_, Meaning::Done(items)) => Ok(items),
            (status, meaning) => Err(failure(Act::List, status, &meaning)),
        }
    }

    async fn page(
        &self,
        act: Act,
        exchange: &Exchange,
        known: &Known<'_>,
    ) -> Result<(u16, Meaning, usize), ProviderError> {
        let values = |name: &str| self.value(known, name);
        let rendered = exchange.render(&values).map_err(|why| refused(act, why.to_string()))?;
        let reply = self.send(act, rendered).await?;
        let (meaning, listed) = exchange.read_page(reply.status, &reply.body, &values);
        if slow_down(&reply, &meaning) {
            return Err(self.throttled(act, &reply));
        }
        Ok((reply.status, meaning, listed))
    }

    async fn send(&self, act: Act, rendered: Rendered) -> Result<Response, ProviderError> {
        let Rendered { method, url, headers, body } = rendered;
        let request = Request { method, url: self.directed(url), headers, body };
        self.egress.send(&self.allowed, request).await.map_err(|why| unsent(act, &why))
    }

    /// The URL with its host replaced, where the configuration says so.
    fn directed(&self, url: Secret) -> Secret {
        #[expect(clippy::disallowed_methods, reason = "the URL is put together anew, into the same type")]
        let bytes = url.expose();
        for (host, instead) in &self.hosts {
            let own = format!("https://{host}");
            if let Some(behind) = bytes.strip_prefix(own.as_bytes()).filter(|rest| rest.starts_with(b"/")) {
                return Secret::new([instead.as_str().as_bytes(), behind].concat());
            }
        }
        url
    }

    /// Remembers for how long it asks to be left alone.
    fn throttled(&self, act: Act, reply: &Response) -> ProviderError {
        let after = reply.retry_after.unwrap_or(WAIT);
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.now().after(after);
        ProviderError::Throttled { act: doing(act), after }
    }

    /// Makes a token by `mint` or by `replace`.
    async fn make(
        &self,
        act: Act,
        like: &Credential,
        label: &Label,
        chosen: Option<&Secret>,
    ) -> Result<Minted, ProviderError> {
        let (token, label) = (like.token.as_ref().and_then(handle), Some(plain(label.as_str())));
        let known = Known { credential: Some(like), token, label, chosen, ..Known::default() };
        let (status, meaning) = self.speak(act, self.abilities.mint, known).await?;
        let Meaning::Done(taken) = meaning else {
            return Err(failure(act, status, &meaning));
        };
        let taken = taken.into_iter().next().ok_or_else(|| unreadable(act))?;
        let secret = match chosen.filter(|_| self.abilities.chooser == Chooser::Client) {
            Some(chosen) => Some(chosen.duplicate()),
            None => taken.secret,
        };
        match (taken.token, secret) {
            (Some(token), Some(secret)) => Ok(Minted { token, secret, ends: None }),
            _ => Err(unreadable(act)),
        }
    }

    /// Disables a token. Private to this adapter, as is `end`: what comes from outside needs a warrant.
    async fn useless(&self, token: &TokenId, credential: &Credential) -> Result<(), ProviderError> {
        let known = Known { credential: Some(credential), token: handle(token), ..Known::default() };
        match self.speak(Act::Disable, self.abilities.disable, known).await? {
            (_, Meaning::Done(_) | Meaning::Gone) => Ok(()),
            (status, meaning) => Err(failure(Act::Disable, status, &meaning)),
        }
    }

    /// Ends a token.
    async fn end(&self, token: &TokenId, credential: &Credential) -> Result<Revoked, ProviderError> {
        let known = Known { credential: Some(credential), token: handle(token), ..Known::default() };
        match self.speak(Act::Revoke, self.abilities.revoke, known).await? {
            (_, Meaning::Done(_)) => Ok(Revoked::Accepted),
            (_, Meaning::Gone) => Ok(Revoked::AlreadyGone),
            (status, meaning) => Err(failure(Act::Revoke, status, &meaning)),
        }
    }

    fn value<'v>(&'v self, known: &'v Known<'_>, name: &str) -> Option<&'v Secret> {
        match name {
            "secret" => known.credential.and_then(|credential| credential.secret.as_ref()),
            "token" => known.token.as_ref(),
            "label" => known.label.as_ref(),
            "chosen" => known.chosen,
            "since" => known.since.as_ref(),
            "page" => known.page.as_ref(),
            "base" => self.base.as_ref(),
            "authority" => self.authority.as_ref(),
            other => self.sure(known, other).or_else(|| known.credential?.companions.find(other)),
        }
    }

    /// A value that belongs to the token or was configured.
    fn sure<'v>(&'v self, known: &'v Known<'_>, name: &str) -> Option<&'v Secret> {
        known.kept.find(name).or_else(|| known.parts.find(name)).or_else(|| self.values.find(name))
    }

    /// True of a value that was only found beside the token. It may belong to another one, so that a refusal says little.
    fn is_near(&self, known: &Known<'_>, name: &str) -> bool {
        !OURS.contains(&name) && self.sure(known, name).is_none()
    }
}

fn doing(act: Act) -> &'static str {
    match act {
        Act::Verify => "verify a token",
        Act::Mint => "mint a token",
        Act::Replace => "replace a token",
        Act::List => "list tokens",
        Act::Find => "find tokens by label",
        Act::Disable => "disable a token",
        Act::Revoke => "revoke a token",
        Act::Usage => "read a token's use",
    }
}

fn refused(act: Act, code: String) -> ProviderError {
    ProviderError::Refused { act: doing(act), code }
}

/// A reply that no table holds, or that means something else than an answer to this act.
fn unreadable(act: Act) -> ProviderError {
    ProviderError::NoAnswer { act: doing(act), happened: Happened::Perhaps, why: Reason::Unexpected }
}

fn unsent(act: Act, error: &EgressError) -> ProviderError {
    match error {
        EgressError::Connect { .. } | EgressError::Lost { .. } => {
            ProviderError::NoAnswer { act: doing(act), happened: error.happened(), why: Reason::Unreachable }
        }
        EgressError::TooLong { .. } => unreadable(act),
        error => refused(act, error.to_string()),
    }
}

/// Too many requests, unless the rule says what that status means here; and a refusal that names a time to come back,
/// which is about the caller's rate and not about the token.
fn slow_down(reply: &Response, meaning: &Meaning) -> bool {
    let untold = matches!(meaning, Meaning::Unknown);
    (reply.status == 429 && untold) || (reply.status == 403 && reply.retry_after.is_some())
}

/// Whatever was lost, nothing was changed yet.
fn unchanged(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::NoAnswer { act, why, .. } => ProviderError::NoAnswer { act, happened: Happened::No, why },
        other => other,
    }
}

/// The error for a meaning that is not the success of an act.
fn failure(act: Act, status: u16, meaning: &Meaning) -> ProviderError {
    match meaning {
        Meaning::Refused => refused(act, format!("status {status}")),
        Meaning::Quota => ProviderError::Quota,
        Meaning::Gone => refused(act, format!("no such token (status {status})")),
        _ => unreadable(act),
    }
}

fn plain(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn handle(token: &TokenId) -> Option<Secret> {
    Some(plain(token.as_str()))
}

/// The handle of a token whose provider gives it none: part of a digest of the value, which is long and random for
/// every kind that is spoken to by HTTP, so that it cannot be guessed from the digest.
fn digest(secret: &Secret) -> TokenId {
    #[expect(clippy::disallowed_methods, reason = "the digest is a handle; the value does not follow from it")]
    let digest = Sha256::new().chain_update(b"stanch token handle\0").chain_update(secret.expose()).finalize();
    let short: Vec<u8> = digest.iter().copied().take(8).collect();
    TokenId::new(format!("sha256-{}", HEXLOWER.encode(&short)))
}

/// The handle that a reply gives, else the one known before, else one made from the value.
fn name(taken: &Taken, credential: &Credential) -> Option<TokenId> {
    let known = taken.token.clone().or_else(|| credential.token.clone());
    known.or_else(|| credential.secret.as_ref().map(digest))
}

#[async_trait]
impl Provider for HttpProvider {
    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn asks_to_wait(&self) -> Option<Duration> {
        let busy = *self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        Some(busy.since(self.clock.now())).filter(|left| !left.is_zero())
    }

    async fn verify(&self, credential: &Credential) -> Verdict {
        let token = credential.token.as_ref().and_then(handle);
        let known = Known { credential: Some(credential), token, ..Known::default() };
        let (status, meaning) = match self.speak(Act::Verify, true, known).await {
            Ok(answer) => answer,
            // Nobody was asked: a value is not known here, or the request may not leave.
            Err(error @ ProviderError::Refused { .. }) => {
                tracing::warn!(%error, "a token could not be verified");
                return Verdict::Unknown(Reason::Local);
            }
            Err(error) => return Verdict::Unknown(error.reason()),
        };
        let verdict = match meaning {
            Meaning::Live(taken) => name(&taken, credential).map(Verdict::Live),
            Meaning::Restricted(limit, taken) => {
                name(&taken, credential).map(|token| Verdict::Restricted(token, limit))
            }
            Meaning::Dead => Some(Verdict::Dead),
            Meaning::WrongPlace => Some(Verdict::WrongPlace),
            Meaning::Done(_) | Meaning::Refused | Meaning::Gone | Meaning::Quota | Meaning::Unknown => None,
        };
        tracing::debug!(status, verdict = verdict.as_ref().map_or("unknown", Verdict::word), "verified a token");
        // A server in trouble has not answered the question, whatever it wrote.
        let why = if status >= 500 { Reason::Unreachable } else { Reason::Unexpected };
        verdict.unwrap_or(Verdict::Unknown(why))
    }

    /// Beside the old one where that can be; else in its place, which is never to be asked twice.
    async fn mint(&self, like: &Credential, label: &Label, chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        let act = if self.abilities.class == Class::Replace { Act::Replace } else { Act::Mint };
        self.make(act, like, label, chosen).await
    }

    async fn list(&self, like: &TokenId) -> Result<Vec<Listed>, ProviderError> {
        let listed = self
            .items(like)
            .await?
            .into_iter()
            .filter_map(|item| item.token.map(|token| Listed { token, created: item.created, used: item.used }));
        Ok(listed.collect())
    }

    fn labels(&self) -> bool {
        let ways = self.exchanges.ways(Act::List);
        self.abilities.list && !ways.is_empty() && ways.iter().all(Exchange::takes_label)
    }

    async fn labelled(&self, like: &TokenId) -> Result<Vec<(TokenId, Option<Label>)>, ProviderError> {
        let items = self.items(like).await?;
        Ok(items.into_iter().filter_map(|item| Some((item.token?, item.label.map(Label::new)))).collect())
    }

    async fn scopes(&self, of: &Credential) -> Result<Scopes, ProviderError> {
        let token = of.token.as_ref().and_then(handle);
        let known = Known { credential: Some(of), token, ..Known::default() };
        match self.speak(Act::Verify, self.abilities.scopes, known).await? {
            (_, Meaning::Live(taken) | Meaning::Restricted(_, taken)) => {
                Ok(taken.scopes.map_or(Scopes::CannotKnow, Scopes::Known))
            }
            // In an emergency the old token dies first; there is nothing left to compare with.
            (_, Meaning::Dead) => Ok(Scopes::CannotKnow),
            (status, _) => Err(refused(Act::Verify, format!("status {status}"))),
        }
    }

    async fn find(&self, label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        let known = Known { label: Some(plain(label.as_str())), ..Known::default() };
        match self.speak(Act::Find, self.abilities.find, known).await? {
            (_, Meaning::Done(items)) => Ok(items.into_iter().filter_map(|item| item.token).collect()),
            (status, meaning) => Err(failure(Act::Find, status, &meaning)),
        }
    }

    async fn disable(&self, warrant: &Warrant, credential: &Credential) -> Result<(), ProviderError> {
        self.useless(warranted(doing(Act::Disable), warrant, credential)?, credential).await
    }

    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError> {
        self.end(warranted(doing(Act::Revoke), warrant, credential)?, credential).await
    }

    async fn end_sessions(&self, _warrant: &Warrant, _credential: &Credential) -> Result<u64, ProviderError> {
        Err(ProviderError::Unsupported { act: "end a token's sessions" })
    }

    async fn usage(&self, token: &TokenId, since: Timestamp) -> Result<Usage, ProviderError> {
        let asked = self.clock.now();
        let moment = Some(plain(&(since.0 / 1000).to_string()));
        let known = Known { token: handle(token), since: moment, ..Known::default() };
        let lag = self.way(Act::Usage, self.abilities.usage, &known)?.lag();
        let items = match self.speak(Act::Usage, self.abilities.usage, known).await? {
            (_, Meaning::Done(items)) => items,
            (_, Meaning::Gone) => return Ok(Usage::CannotKnow),
            (status, meaning) => return Err(failure(Act::Usage, status, &meaning)),
        };
        let others = items.iter().filter(|item| item.token.as_ref().is_some_and(|other| other != token)).count();
        if others > 0 && others == items.len() {
            return Ok(Usage::CannotKnow);
        }
        let own = items.into_iter().filter(|item| item.token.as_ref().is_none_or(|other| other == token));
        // What is recorded late, or by the hour or the day, may have happened later than it says.
        let lag = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
        let late = own.filter(|item| item.used.is_some_and(|at| at.0.saturating_add(lag) >= since.0));
        let seen: Vec<_> = late.map(|item| Use { at: item.used, origin: item.origin }).collect();
        let up_to = Timestamp(asked.0.saturating_sub(lag));
        Ok(if seen.is_empty() { Usage::NoneSeen(up_to) } else { Usage::Seen(seen) })
    }
}

#[cfg(test)]
mod tests;
