//! Logins that Vault's and OpenBao's database engine makes on demand: each is a lease with a user of its own in the
//! database, and ends by itself. The handle is the lease's id, the secret is the login, `user:password`.
//!
//! Vault is asked for a new lease and to revoke the old one, by its id and in the foreground; never by a prefix, and never
//! by force. Whether a login lives is for the database to say: it is tried there. A refusal counts as death only when Vault
//! has no such lease either, since a wrong server refuses every login; and Vault's word alone counts for nothing.
//!
//! A lease cannot be labelled, and Vault tells of no lease which user it belongs to. So what a lost reply left is told by
//! the leases there were before, which is safe where nobody else draws from the role: give stanch a role of its own, or
//! say `shared`, and nothing is told that way. Whoever uses a login renews it; stanch does not. A lease ends with the token
//! that made it as well: that must not end before.
//!
//! The policy of the token: `read` on `MOUNT/creds/ROLE` and `MOUNT/roles/ROLE`, `update` on `sys/leases/lookup` and
//! `sys/leases/revoke`, `list` and `sudo` on `sys/leases/lookup/MOUNT/creds/ROLE`.

mod client;

use super::postgres::Server;
use super::{Listed, Minted, Provider, ProviderError, Revoked, Scopes, liked, warranted};
use crate::clock::Clock;
use crate::egress::{Egress, Endpoint};
use crate::model::{
    Abilities, Chooser, Class, Credential, Label, Limit, Quota, Reason, Secret, Timestamp, TokenId, Usage, Verdict,
};
use crate::rotation::Warrant;
use async_trait::async_trait;
use client::{Client, refused, unreadable};
use std::sync::Arc;
use std::time::Duration;

/// Which engine, by what right, and the database that its logins are for. All of it comes from the configuration.
#[derive(Debug)]
pub struct Setting {
    /// Vault's address.
    pub address: Endpoint,
    /// The namespace, where the server has them.
    pub namespace: Option<String>,
    /// The token that asks.
    pub token: Secret,
    /// Where the engine is mounted, usually `database`.
    pub mount: String,
    /// The role that logins are made of.
    pub role: String,
    /// Others draw logins from the role too.
    pub shared: bool,
    /// Who uses a login renews its lease.
    pub renewed: bool,
    /// The database.
    pub server: Server,
}

/// The logins of one role of Vault's database engine.
pub struct VaultDatabaseProvider {
    client: Client,
    mount: String,
    role: String,
    shared: bool,
    renewed: bool,
    server: Server,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for VaultDatabaseProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = (self.client.origin(), &self.mount, &self.role);
        f.debug_struct("VaultDatabaseProvider").field("at", &at).field("server", &self.server).finish_non_exhaustive()
    }
}

impl VaultDatabaseProvider {
    /// A provider with these settings; sends nothing yet.
    ///
    /// # Errors
    /// When the mount or the role is none.
    pub fn new(setting: Setting, egress: Arc<Egress>, clock: Arc<dyn Clock>) -> Result<Self, ProviderError> {
        let Setting { address, namespace, token, mount, role, shared, renewed, server } = setting;
        let plain = |text: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !matches!(text, "" | "." | "..") && text.chars().all(allowed)
        };
        if !mount.split('/').all(plain) || !plain(&role) {
            let code = "a mount and a role are names of letters, digits, '-', '_' and '.', without a slash at the end";
            return Err(refused("name a role of the database engine", code.to_owned()));
        }
        let client = Client::new(address, namespace, token, egress);
        Ok(Self { client, mount, role, shared, renewed, server, clock })
    }

    /// Where logins of the role are made, which is also what their leases' ids begin with.
    fn path(&self) -> String {
        format!("{}/creds/{}", self.mount, self.role)
    }

    /// The lease, if it is one of the role: no other is ever asked about or ended.
    fn ours<'t>(&self, act: &'static str, lease: &'t TokenId) -> Result<&'t str, ProviderError> {
        let id = lease.as_str();
        let name = id.strip_prefix(&self.path()).and_then(|rest| rest.strip_prefix('/'));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match name {
            Some(name) if !name.is_empty() && name.chars().all(plain) => Ok(id),
            _ => Err(refused(act, format!("this is no lease of {}", self.path()))),
        }
    }

    /// Whether the token may do what a rotation needs, as far as Vault tells.
    async fn may(&self, act: &'static str) -> Result<(), ProviderError> {
        let (creds, list) = (self.path(), format!("sys/leases/lookup/{}/", self.path()));
        let mut needed: Vec<(&str, &[&str])> =
            vec![(&creds, &["read"]), ("sys/leases/lookup", &["update"]), ("sys/leases/revoke", &["update"])];
        if !self.shared {
            needed.push((&list, &["list", "sudo"]));
        }
        for (path, wanted) in needed {
            let Some(has) = self.client.rights(act, path).await? else { continue };
            let lacks = |wanted: &&&str| !has.iter().any(|right| right == **wanted || right == "root");
            if let Some(lacked) = wanted.iter().find(lacks) {
                return Err(refused(act, format!("the token has no capability {lacked} on {path}")));
            }
        }
        Ok(())
    }

    /// What the database's refusal of a login means.
    async fn gone(&self, lease: Option<&TokenId>, limit: Option<Limit>) -> Verdict {
        const ACT: &str = "look a lease up";
        let Some(lease) = lease else {
            return Verdict::Dead;
        };
        let held = match self.ours(ACT, lease) {
            Ok(id) => self.client.holds(ACT, id).await,
            Err(error) => Err(error),
        };
        match (held, limit) {
            (Ok(false), _) => Verdict::Dead,
            (Ok(true), Some(limit)) => Verdict::Restricted(lease.clone(), limit),
            (Ok(true), None) => {
                tracing::debug!(%lease, "the database refuses the login, and the lease lives");
                Verdict::Unknown(Reason::Rejected)
            }
            (Err(error), _) => {
                tracing::warn!(%error, "the database refuses a login whose lease cannot be looked up");
                Verdict::Unknown(error.reason())
            }
        }
    }
}

#[async_trait]
impl Provider for VaultDatabaseProvider {
    fn abilities(&self) -> Abilities {
        Abilities {
            class: Class::Ephemeral,
            chooser: Chooser::Server,
            quota: Quota::Unlimited,
            mint: true,
            list: !self.shared,
            find: false,
            disable: false,
            revoke: true,
            sessions: false,
            usage: false,
            scopes: true,
            in_parts: false,
        }
    }

    /// Logs in at the database.
    async fn verify(&self, credential: &Credential) -> Verdict {
        let login = credential.secret.as_ref().and_then(Secret::user_and_password);
        let Some((user, password)) = login else {
            return Verdict::Unknown(Reason::Missing);
        };
        let lease = credential.token.as_ref();
        match (self.server.verify(&TokenId::new(user), &password).await, lease) {
            (Verdict::Live(_), Some(lease)) => Verdict::Live(lease.clone()),
            (Verdict::Restricted(_, limit), Some(_)) if limit == Limit::Account => self.gone(lease, Some(limit)).await,
            (Verdict::Restricted(_, limit), Some(lease)) => Verdict::Restricted(lease.clone(), limit),
            (Verdict::Live(_) | Verdict::Restricted(..), None) => {
                tracing::warn!("a login lives whose lease is not known: take its right to log in at the database");
                Verdict::Unknown(Reason::Missing)
            }
            (Verdict::Dead, lease) => self.gone(lease, None).await,
            (verdict @ (Verdict::WrongPlace | Verdict::Unknown(_)), _) => verdict,
        }
    }

    /// The role makes passwords, the token may do all that will be done, and neither a login nor the token ends too early.
    async fn ready(&self, like: &TokenId, lives: Duration) -> Result<(), ProviderError> {
        const ACT: &str = "make a login";
        self.ours(ACT, like)?;
        self.may(ACT).await?;
        let role = self.client.role(ACT, &format!("{}/roles/{}", self.mount, self.role)).await?;
        if let Some(other) = role.credential_type.as_deref().filter(|kind| *kind != "password") {
            return Err(refused(ACT, format!("the role makes no passwords but '{other}'")));
        }
        // Nothing there means: as the mount or the server has it, which the token need not be able to read.
        let (first, most) = (Some(role.default_ttl), Some(role.max_ttl));
        let (first, most) = (first.filter(|ttl| *ttl > 0), most.filter(|ttl| *ttl > 0));
        let span =
            if self.renewed { most } else { first.map_or(most, |first| Some(most.map_or(first, |m| m.min(first)))) };
        if let Some(span) = span.filter(|span| *span < lives.as_secs()) {
            let (needed, what) = (lives.as_secs(), if self.renewed { "max_ttl" } else { "default_ttl" });
            let code = format!(
                "a login would end after {span} s, and the plan may take {needed} s: raise {what} of the role, or make \
                 deadline, soak and watch shorter"
            );
            return Err(refused(ACT, code));
        }
        match self.client.own_end(ACT).await?.filter(|end| *end < lives.as_secs()) {
            Some(end) => {
                let code = format!("the token ends in {end} s, and every login that it makes ends with it: renew it");
                Err(refused(ACT, code))
            }
            None => Ok(()),
        }
    }

    async fn mint(&self, like: &Credential, _label: &Label, _chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        const ACT: &str = "make a login";
        self.ours(ACT, liked(ACT, like)?)?;
        let own_end = self.client.own_end(ACT).await?;
        let asked = self.clock.now();
        let made = self.client.make(ACT, &self.path()).await?;
        let password = Secret::new(made.data.password.into_bytes());
        let token = TokenId::new(made.lease_id);
        let user = made.data.username;
        if self.ours(ACT, &token).is_err() || user.is_empty() || user.contains(':') || password.is_empty() {
            return Err(unreadable(ACT));
        }
        let lasts = own_end.map_or(made.lease_duration, |own| own.min(made.lease_duration));
        let ends = (lasts > 0).then(|| asked.after(Duration::from_secs(lasts)));
        Ok(Minted { token, secret: Secret::login(&user, &password), ends })
    }

    /// The leases of the role, whoever drew them.
    async fn list(&self, like: &TokenId) -> Result<Vec<Listed>, ProviderError> {
        const ACT: &str = "list the leases of the role";
        self.ours(ACT, like)?;
        if self.shared {
            return Err(ProviderError::Unsupported { act: "tell its leases from those of others" });
        }
        let names = self.client.leases(ACT, &self.path()).await?;
        let leases = names.into_iter().map(|name| TokenId::new(format!("{}/{name}", self.path())));
        Ok(leases.map(|token| Listed { token, created: None, used: None }).collect())
    }

    /// The roles that a login is a member of, its attributes, and what it may do to tables: asked with the login itself.
    async fn scopes(&self, of: &Credential) -> Result<Scopes, ProviderError> {
        let Some((user, password)) = of.secret.as_ref().and_then(Secret::user_and_password) else {
            return Ok(Scopes::CannotKnow);
        };
        Ok(self.server.rights(&user, &password).await.map_or(Scopes::CannotKnow, Scopes::Known))
    }

    async fn find(&self, _label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        Err(ProviderError::Unsupported { act: "find leases by label" })
    }

    async fn disable(&self, _warrant: &Warrant, _credential: &Credential) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported { act: "disable a lease" })
    }

    /// Vault says the same of a lease that it does not have.
    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError> {
        const ACT: &str = "revoke a lease";
        let lease = self.ours(ACT, warranted(ACT, warrant, credential)?)?;
        self.client.revoke(ACT, lease).await.map(|()| Revoked::Accepted)
    }

    async fn end_sessions(&self, _warrant: &Warrant, _credential: &Credential) -> Result<u64, ProviderError> {
        Err(ProviderError::Unsupported { act: "end a login's sessions" })
    }

    async fn usage(&self, _token: &TokenId, _since: Timestamp) -> Result<Usage, ProviderError> {
        Ok(Usage::CannotKnow)
    }
}

#[cfg(test)]
mod tests;
