//! Database logins: two roles that take turns, both members of the role that owns things. A password is chosen here and
//! pushed as a verifier; the role in use keeps working until it is revoked. Where there is one role alone, its password is
//! replaced in place ([`SingleRoleProvider`]).
//!
//! The roles are prepared once, by an administrator: `create role shop; create role shop_a login in role shop; create
//! role shop_b nologin in role shop; alter role shop_a set role shop; alter role shop_b set role shop`. The authority
//! needs `createrole` with admin rights on both, and `pg_signal_backend` to end sessions.

mod authority;
mod in_place;
mod login;
mod scram;

pub use authority::Authority;
pub use in_place::{SingleRole, SingleRoleProvider};
pub use login::{Server, Tls};

use super::{Listed, Minted, Provider, ProviderError, Revoked, Scopes, liked, warranted};
use crate::model::{
    Abilities, Chooser, Class, Credential, Happened, Label, Quota, Reason, Secret, Timestamp, TokenId, Usage, Use,
    Verdict,
};
use crate::rotation::Warrant;
use async_trait::async_trait;
use authority::{altered, unchanged};
use login::close;
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// Where the server is, and what takes turns there. All of it comes from the configuration, none from scanned text.
#[derive(Debug)]
pub struct Setting {
    /// Who may change them, on the server and the database that the roles connect to.
    pub authority: Authority,
    /// The two login roles.
    pub roles: [String; 2],
    /// The role that both must be members of, if that is to be checked before a mint.
    pub owner: Option<String>,
}

/// The two roles of one database.
#[derive(Debug)]
pub struct PostgresProvider {
    setting: Setting,
}

impl PostgresProvider {
    /// A provider for the two roles.
    #[must_use]
    pub fn new(setting: Setting) -> Self {
        Self { setting }
    }

    /// Runs one `ALTER ROLE`; [`None`] where there is no such role.
    async fn alter(&self, act: &'static str, role: &TokenId, change: &str) -> Result<Option<()>, ProviderError> {
        let mut connection = self.setting.authority.connect(act).await?;
        let done = self.setting.authority.alter(act, &mut connection, role.as_str(), change).await;
        close(connection).await;
        done
    }

    /// The token, if it is one of the two roles: no other is ever changed.
    fn ours<'t>(&self, act: &'static str, token: &'t TokenId) -> Result<&'t TokenId, ProviderError> {
        if self.setting.roles.iter().any(|role| role == token.as_str()) {
            Ok(token)
        } else {
            Err(ProviderError::Refused { act, code: "not one of the two roles".to_owned() })
        }
    }

    fn other(&self, act: &'static str, role: &TokenId) -> Result<TokenId, ProviderError> {
        let [a, b] = &self.setting.roles;
        let role = self.ours(act, role)?.as_str();
        let other = if role == a { b } else { a };
        if other == role {
            return Err(ProviderError::Refused { act, code: "the two roles are one and the same".to_owned() });
        }
        Ok(TokenId::new(other))
    }

    /// Refuses to touch an idle role that somebody uses, or that lacks the owner's rights.
    async fn idle(&self, act: &'static str, role: &TokenId) -> Result<(), ProviderError> {
        const SESSIONS: &str = "select 1 from pg_stat_activity where usename = $1 and application_name <> $2";
        const OWNERS: &str = "select o.rolname::text from pg_roles r join pg_auth_members m on m.member = r.oid \
                              join pg_roles o on o.oid = m.roleid where r.rolname = $1 and $2 <> ''";
        let mut connection = self.setting.authority.connect(act).await?;
        let sessions = self.setting.authority.ask(act, &mut connection, SESSIONS, role.as_str()).await;
        let owners = self.setting.authority.ask(act, &mut connection, OWNERS, role.as_str()).await;
        close(connection).await;
        let refuse = |code: String| Err(ProviderError::Refused { act, code });
        // Nothing was changed yet, whatever was lost.
        if !sessions.map_err(unchanged)?.is_empty() {
            return refuse(format!("the idle role {role} has open sessions; move who uses it, or end them"));
        }
        let owners = owners.map_err(unchanged)?;
        let is_member =
            |owner: &String| owners.iter().any(|row| row.try_get::<String, _>(0).is_ok_and(|o| o == *owner));
        match &self.setting.owner {
            Some(owner) if !is_member(owner) => refuse(format!("{role} is not a member of {owner}; grant it")),
            Some(_) | None => Ok(()),
        }
    }
}

/// The role that a credential logs in as.
fn role(credential: &Credential) -> Option<TokenId> {
    credential.token.clone().or_else(|| {
        let user = credential.companions.find("user")?;
        #[expect(clippy::disallowed_methods, reason = "the name of a role is not a secret")]
        let user = std::str::from_utf8(user.expose()).ok()?;
        Some(TokenId::new(user))
    })
}

#[async_trait]
impl Provider for PostgresProvider {
    fn abilities(&self) -> Abilities {
        Abilities {
            class: Class::TwoSlots,
            chooser: Chooser::Client,
            quota: Quota::AtMost(2),
            mint: true,
            list: true,
            find: false,
            disable: true,
            revoke: true,
            sessions: true,
            usage: true,
            scopes: true,
            in_parts: false,
        }
    }

    /// Logs in and runs one constant select, in a read-only session.
    async fn verify(&self, credential: &Credential) -> Verdict {
        let (Some(role), Some(secret)) = (role(credential), &credential.secret) else {
            return Verdict::Unknown(Reason::Missing);
        };
        self.setting.authority.server.verify(&role, secret).await
    }

    /// Gives the idle role the chosen password. It is refused while somebody else has sessions on that role: it is not
    /// idle then, and a new password would break who uses it.
    async fn mint(&self, like: &Credential, _label: &Label, chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        const ACT: &str = "give the idle role a password";
        let refuse = |code: &str| ProviderError::Refused { act: ACT, code: code.to_owned() };
        let chosen = chosen.ok_or_else(|| refuse("no value was chosen"))?;
        let role = self.other(ACT, liked(ACT, like)?)?;
        self.idle(ACT, &role).await?;
        let change = format!("LOGIN {} VALID UNTIL 'infinity'", altered(ACT, chosen)?);
        self.alter(ACT, &role, &change).await?.ok_or_else(|| refuse("there is no such role; create it"))?;
        Ok(Minted { token: role, secret: chosen.duplicate(), ends: None })
    }

    /// Those of the two roles that may log in.
    async fn list(&self, like: &TokenId) -> Result<Vec<Listed>, ProviderError> {
        const ACT: &str = "list the roles";
        const MAY: &str = "select rolname::text from pg_roles where rolname = $1 and rolcanlogin and $2 <> ''";
        self.ours(ACT, like)?;
        let mut connection = self.setting.authority.connect(ACT).await?;
        let mut listed = Vec::new();
        for role in &self.setting.roles {
            if !self.setting.authority.ask(ACT, &mut connection, MAY, role).await.map_err(unchanged)?.is_empty() {
                listed.push(Listed { token: TokenId::new(role), created: None, used: None });
            }
        }
        close(connection).await;
        Ok(listed)
    }

    /// The roles it is a member of, at any depth, and its attributes.
    async fn scopes(&self, of: &Credential) -> Result<Scopes, ProviderError> {
        const ACT: &str = "read a role's rights";
        let Some(role) = role(of) else { return Ok(Scopes::CannotKnow) };
        let mut connection = self.setting.authority.connect(ACT).await?;
        let rows = self.setting.authority.ask(ACT, &mut connection, login::RIGHTS, role.as_str()).await;
        close(connection).await;
        let rights = rows.map_err(unchanged)?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>();
        Ok(rights.map_or(Scopes::CannotKnow, Scopes::Known))
    }

    async fn find(&self, _label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        Err(ProviderError::Unsupported { act: "find roles by label" })
    }

    /// Takes the right to log in; the password stays.
    async fn disable(&self, warrant: &Warrant, credential: &Credential) -> Result<(), ProviderError> {
        const ACT: &str = "take a role's right to log in";
        let role = self.ours(ACT, warranted(ACT, warrant, credential)?)?;
        // A role that is gone cannot log in either.
        self.alter(ACT, role, "NOLOGIN").await.map(|_| ())
    }

    /// Takes the right to log in and the password. The role itself stays, for its next turn.
    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError> {
        const ACT: &str = "take a role's password";
        let role = self.ours(ACT, warranted(ACT, warrant, credential)?)?;
        let done = self.alter(ACT, role, "NOLOGIN PASSWORD NULL").await?;
        Ok(done.map_or(Revoked::AlreadyGone, |()| Revoked::Accepted))
    }

    async fn end_sessions(&self, warrant: &Warrant, credential: &Credential) -> Result<u64, ProviderError> {
        const ACT: &str = "end a role's sessions";
        const END: &str = "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity \
                           where usename = $1 and pid <> pg_backend_pid() and $2 <> ''";
        let role = self.ours(ACT, warranted(ACT, warrant, credential)?)?;
        let mut connection = self.setting.authority.connect(ACT).await?;
        let rows = self.setting.authority.ask(ACT, &mut connection, END, role.as_str()).await;
        close(connection).await;
        let ended = rows?.first().and_then(|row| row.try_get::<i64, _>(0).ok());
        ended.and_then(|ended| u64::try_from(ended).ok()).ok_or(ProviderError::NoAnswer {
            act: ACT,
            happened: Happened::Perhaps,
            why: Reason::Unexpected,
        })
    }

    /// The sessions that are open at this instant, whenever they were opened: an open session is a use now. Sessions that
    /// came and went are not known to the server, so "none seen" is worth little until it was heard many times.
    async fn usage(&self, token: &TokenId, _since: Timestamp) -> Result<Usage, ProviderError> {
        const ACT: &str = "read a role's sessions";
        let mut connection = self.setting.authority.connect(ACT).await?;
        let usage = open_sessions(&self.setting.authority, ACT, &mut connection, token.as_str()).await;
        close(connection).await;
        usage
    }
}

/// The sessions of a role that are open at this instant, ours aside.
async fn open_sessions(
    authority: &Authority,
    act: &'static str,
    connection: &mut PgConnection,
    role: &str,
) -> Result<Usage, ProviderError> {
    const OPEN: &str = "select (extract(epoch from clock_timestamp()) * 1000)::bigint, \
         coalesce(host(a.client_addr), case when a.pid is null then '' else 'local' end), \
         coalesce(a.application_name, ''), a.pid is not null from (select 1) one \
         left join pg_stat_activity a on a.usename = $1 and a.application_name <> $2";
    let rows = authority.ask(act, connection, OPEN, role).await;
    let (mut seen, mut asked) = (Vec::new(), Timestamp(0));
    for row in rows.map_err(unchanged)? {
        let read = || -> Result<(i64, String, String, bool), sqlx::Error> {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
        };
        let Ok((now, address, program, open)) = read() else { return Ok(Usage::CannotKnow) };
        asked = Timestamp(u64::try_from(now).unwrap_or_default());
        if open {
            seen.push(Use { at: Some(asked), origin: format!("{address} {program}").trim_end().to_owned() });
        }
    }
    Ok(if seen.is_empty() { Usage::NoneSeen(asked) } else { Usage::Seen(seen) })
}

#[cfg(test)]
mod tests;
