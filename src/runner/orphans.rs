//! Tokens that must die: what interrupted mints left, or a successor that was given up.

use super::custody::Custody;
use super::hands::{Failed, Hands, account, provider_failed, successor};
use crate::model::{Reason, Secret, TokenId, Verdict};
use crate::rotation::{Fact, Old, Warrant};

impl Hands<'_> {
    pub(super) async fn discard(&self, warrant: &Warrant, custody: &Custody) -> Result<Fact, Failed> {
        let credential = successor(warrant.token(), self.orphan_value(warrant.token(), custody), custody);
        let provider = &self.managed.provider;
        provider.revoke(warrant, &credential).await.map_err(|error| provider_failed(&error))?;
        if self.state.plan.abilities.sessions {
            provider.end_sessions(warrant, &credential).await.map_err(|error| provider_failed(&error))?;
        }
        Ok(Fact::Discarded)
    }

    /// With its secret in hand the token is tried, and a refusal counts only while a token that should live is accepted;
    /// without, it must be gone from the provider's list, or no longer be found by its label.
    pub(super) async fn confirm_discard(&self, token: &TokenId, custody: &Custody) -> Result<Fact, Failed> {
        if self.state.plan.purpose.is_sweep() {
            return self.confirm_stray(token).await;
        }
        let Some(secret) = self.orphan_value(token, custody) else {
            let gone = self.is_gone(token).await?;
            let verdict = if gone { Verdict::Dead } else { Verdict::Unknown(Reason::Unreadable) };
            return Ok(Fact::Verified(verdict));
        };
        let is_named = self.state.orphans.iter().any(|orphan| orphan.token == *token && orphan.is_named);
        let credential = account(is_named.then_some(token), Some(secret), custody);
        let verdict = self.managed.provider.verify(&credential).await;
        let control = match (&self.state.old, self.fresh(custody)) {
            (Old::Live(_), _) => self.old(custody),
            (_, Ok(new)) => new,
            _ => return Ok(Fact::Verified(verdict)),
        };
        let proves = verdict != Verdict::Dead || self.managed.provider.verify(&control).await.token().is_some();
        Ok(Fact::Verified(if proves { verdict } else { Verdict::Unknown(Reason::Control) }))
    }

    /// Whether a token is nowhere to be seen.
    async fn is_gone(&self, token: &TokenId) -> Result<bool, Failed> {
        let abilities = &self.state.plan.abilities;
        let orphan = self.state.orphans.iter().find(|orphan| orphan.token == *token);
        let label = orphan.map(|orphan| &orphan.label);
        match label {
            _ if abilities.list => Ok(!self.ids().await?.contains(token)),
            Some(label) if abilities.find => {
                let found = self.managed.provider.find(label).await.map_err(|error| provider_failed(&error))?;
                Ok(!found.contains(token))
            }
            _ => Ok(false),
        }
    }

    /// The value of a token that must die, where we have it.
    fn orphan_value<'c>(&self, token: &TokenId, custody: &'c Custody) -> Option<&'c Secret> {
        let orphan = self.state.orphans.iter().find(|orphan| orphan.token == *token)?;
        custody.value(orphan.sealed.as_ref()?)
    }
}
