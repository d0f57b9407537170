//! One database role alone: its password is replaced in place. The old one is dead with the new one's first breath, and
//! whoever uses the role fails from then on until it reads its store again. The value is chosen and sealed here, so the
//! same one is pushed again when nobody knows whether it arrived.
//!
//! The authority needs `createrole` with admin rights on the role. To end sessions it needs `pg_signal_backend`, and to
//! spare those of the new password the rights of the role or `pg_read_all_stats`: it does not see their beginning else.

use super::super::{Listed, Minted, Provider, ProviderError, Revoked, Scopes, liked, warranted};
use super::authority::{Authority, altered, in_time};
use super::login::{OURSELVES, close};
use crate::model::{
    Abilities, Chooser, Class, Credential, Happened, Label, Quota, Reason, Secret, Timestamp, TokenId, Usage, Verdict,
};
use crate::rotation::Warrant;
use async_trait::async_trait;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnection;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How much of a digest names a password, in hexadecimal.
const SHOWN: usize = 16;

/// Whose password is replaced. All of it comes from the configuration, none from scanned text.
#[derive(Debug)]
pub struct SingleRole {
    /// Who may change it, on the server and the database that the role connects to.
    pub authority: Authority,
    /// The login role.
    pub role: String,
    /// Whether sessions of the old password are ended.
    pub end_sessions: bool,
}

/// The password of one database role.
#[derive(Debug)]
pub struct SingleRoleProvider {
    setting: SingleRole,
    /// The password that was replaced last, and when, in microseconds by the server's clock.
    replaced: Mutex<Option<(Secret, i64)>>,
}

impl SingleRoleProvider {
    /// A provider for the role's password.
    #[must_use]
    pub fn new(setting: SingleRole) -> Self {
        Self { setting, replaced: Mutex::default() }
    }

    /// Keeps in mind when a password was replaced. Who logs in later has the new one. Nobody else has that yet, so a
    /// moment that is late by the time of an answer is as good.
    async fn remember(&self, act: &'static str, connection: &mut PgConnection, old: Option<&Secret>) {
        const NOW: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
        let now = in_time(act, sqlx::query_scalar::<_, i64>(NOW).fetch_one(connection)).await;
        let replaced = old.zip(now.ok()).map(|(old, now)| (old.duplicate(), now));
        *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = replaced;
    }

    /// When this password was replaced; [`None`] if that was in another run.
    fn moment(&self, old: Option<&Secret>) -> Option<i64> {
        let replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.as_ref().filter(|(secret, _)| old.is_some_and(|old| old.same_as(secret))).map(|(_, at)| *at)
    }
}

/// The handle of a password: the beginning of its digest. The role's name is the same before and after.
fn handle(password: &Secret) -> TokenId {
    #[expect(clippy::disallowed_methods, reason = "only the beginning of a digest is kept")]
    let digest = HEXLOWER.encode(&Sha256::digest(password.expose()));
    TokenId::new(format!("sha256-{}", digest.get(..SHOWN).unwrap_or(&digest)))
}

#[async_trait]
impl Provider for SingleRoleProvider {
    fn abilities(&self) -> Abilities {
        Abilities {
            class: Class::Replace,
            chooser: Chooser::Client,
            quota: Quota::AtMost(1),
            mint: true,
            list: false,
            find: false,
            disable: false,
            revoke: false,
            sessions: self.setting.end_sessions,
            usage: true,
            scopes: false,
            in_parts: false,
        }
    }

    /// Logs in and runs one constant select, in a read-only session.
    async fn verify(&self, credential: &Credential) -> Verdict {
        let Some(secret) = &credential.secret else { return Verdict::Unknown(Reason::Missing) };
        let own = Secret::new(self.setting.role.as_bytes().to_vec());
        if credential.companions.find("user").is_some_and(|user| !user.same_as(&own)) {
            // A refusal would be about another role than the one that leaked.
            return Verdict::WrongPlace;
        }
        match self.setting.authority.server.verify(&TokenId::new(&self.setting.role), secret).await {
            Verdict::Live(_) => Verdict::Live(handle(secret)),
            Verdict::Restricted(_, limit) => Verdict::Restricted(handle(secret), limit),
            verdict => verdict,
        }
    }

    /// Tries the change and takes it back: who may not make it is told before anything has happened.
    async fn ready(&self, _like: &TokenId, _lives: Duration) -> Result<(), ProviderError> {
        const ACT: &str = "try whether the role's password may be replaced";
        let refuse = |code: &str| ProviderError::Refused { act: ACT, code: code.to_owned() };
        let mut drawn = [0; 16];
        getrandom::fill(&mut drawn).map_err(|_| refuse("the system gives no random bytes"))?;
        let change = altered(ACT, &Secret::new(HEXLOWER.encode(&drawn).into_bytes()))?;
        let authority = &self.setting.authority;
        let mut connection = authority.connect(ACT).await?;
        let tried = authority.rehearse(ACT, &mut connection, &self.setting.role, &change).await;
        close(connection).await;
        tried?.ok_or_else(|| refuse("there is no such role; create it"))
    }

    /// Replaces the password. Nothing else about the role is changed.
    async fn mint(&self, like: &Credential, _label: &Label, chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        const ACT: &str = "replace the role's password";
        let refuse = |code: &str| ProviderError::Refused { act: ACT, code: code.to_owned() };
        let chosen = chosen.ok_or_else(|| refuse("no value was chosen"))?;
        liked(ACT, like)?;
        let change = altered(ACT, chosen)?;
        let authority = &self.setting.authority;
        let mut connection = authority.connect(ACT).await?;
        let done = authority.alter(ACT, &mut connection, &self.setting.role, &change).await;
        if matches!(done, Ok(Some(()))) {
            self.remember(ACT, &mut connection, like.secret.as_ref()).await;
        }
        close(connection).await;
        done?.ok_or_else(|| refuse("there is no such role; create it"))?;
        Ok(Minted { token: handle(chosen), secret: chosen.duplicate(), ends: None })
    }

    async fn list(&self, _like: &TokenId) -> Result<Vec<Listed>, ProviderError> {
        Err(ProviderError::Unsupported { act: "list a role's passwords" })
    }

    /// They are the role's, and the role stays the same.
    async fn scopes(&self, _of: &Credential) -> Result<Scopes, ProviderError> {
        Ok(Scopes::CannotKnow)
    }

    async fn find(&self, _label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        Err(ProviderError::Unsupported { act: "find a role's passwords by label" })
    }

    async fn disable(&self, _warrant: &Warrant, _credential: &Credential) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported { act: "disable one password of a role" })
    }

    /// A replaced password is dead already, and to end the role would end the new one.
    async fn revoke(&self, _warrant: &Warrant, _credential: &Credential) -> Result<Revoked, ProviderError> {
        Err(ProviderError::Unsupported { act: "revoke one password of a role" })
    }

    /// Those that were opened before the password was replaced. Where that was done in another run nobody knows the moment
    /// any more: all of them, then, and who uses the new password connects again.
    async fn end_sessions(&self, warrant: &Warrant, credential: &Credential) -> Result<u64, ProviderError> {
        const ACT: &str = "end the role's sessions";
        const END: &str = "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity \
             where usename = $1 and application_name <> $2 and pid <> pg_backend_pid() and (backend_start is null \
             or $3::bigint is null or (extract(epoch from backend_start) * 1000000)::bigint <= $3)";
        warranted(ACT, warrant, credential)?;
        if !self.setting.end_sessions {
            return Err(ProviderError::Unsupported { act: ACT });
        }
        let moment = self.moment(credential.secret.as_ref());
        let mut connection = self.setting.authority.connect(ACT).await?;
        let ending = sqlx::query_scalar::<_, i64>(END).bind(&self.setting.role).bind(OURSELVES).bind(moment);
        let ended = in_time(ACT, ending.fetch_one(&mut connection)).await;
        close(connection).await;
        let unreadable = ProviderError::NoAnswer { act: ACT, happened: Happened::Perhaps, why: Reason::Unexpected };
        u64::try_from(ended?).map_err(|_| unreadable)
    }

    /// The sessions of the role: the server does not know which password one was opened with.
    async fn usage(&self, _token: &TokenId, _since: Timestamp) -> Result<Usage, ProviderError> {
        const ACT: &str = "read a role's sessions";
        let mut connection = self.setting.authority.connect(ACT).await?;
        let usage = super::open_sessions(&self.setting.authority, ACT, &mut connection, &self.setting.role).await;
        close(connection).await;
        usage
    }
}

#[cfg(test)]
mod tests;
