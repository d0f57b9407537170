//! The part of the operator's file that says who issues a credential.

use super::{SecretSource, postgres_port};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A provider.
#[derive(Debug, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Provider {
    /// The kind's own exchanges, over HTTP.
    Http {
        /// The base address of a self-hosted system.
        base: Option<String>,
        /// What mints, lists and revokes.
        authority: Option<SecretSource>,
        /// Other values that the kind's calls name, such as a project's or an account's id; public ones.
        #[serde(default)]
        values: BTreeMap<String, String>,
        /// Where a host of the kind is instead: another region, or a stand-in. Nothing is sent to the host itself then.
        #[serde(default)]
        hosts: BTreeMap<String, String>,
    },
    /// AWS IAM access keys.
    AwsIam {
        /// The IAM user that holds the keys; looked up by key where it is not named.
        user: Option<String>,
        /// Region.
        region: String,
        /// Another endpoint than Amazon's, for IAM and STS alike.
        endpoint: Option<String>,
        /// Credentials; the default chain where there are none.
        authority: Option<AwsAuthority>,
    },
    /// PostgreSQL: two alternating login roles, or one whose password is replaced in place.
    Postgres {
        /// Host.
        host: String,
        /// Port.
        #[serde(default = "postgres_port")]
        port: u16,
        /// Database.
        database: String,
        /// The two login roles, of which one works while the other is replaced.
        roles: Option<[String; 2]>,
        /// Instead of two the one login role: its old password is dead as soon as it has a new one.
        role: Option<String>,
        /// The role that both are members of; checked before a mint where it is named.
        owner: Option<String>,
        /// Whether sessions that were opened with the old password of the one role are ended, once its dependents are
        /// on the new one. With two roles the sessions of the old role always are.
        #[serde(default = "super::yes")]
        end_sessions: bool,
        /// Who may alter them.
        authority: PostgresAuthority,
        /// Transport security.
        #[serde(default)]
        tls: Tls,
    },
    /// Vault's or `OpenBao`'s database engine: each login is a lease, with a user of its own in a PostgreSQL database.
    VaultDatabase {
        /// Base address of Vault.
        address: String,
        /// Namespace.
        namespace: Option<String>,
        /// Token.
        token: SecretSource,
        /// Where the engine is mounted.
        #[serde(default = "database_mount")]
        mount: String,
        /// The role that logins are made of.
        role: String,
        /// Others draw logins from that role too: what an interrupted mint left is then not told by comparing lists.
        #[serde(default)]
        shared: bool,
        /// Who uses a login renews it; stanch does not.
        #[serde(default)]
        renewed: bool,
        /// Host of the database, where logins are tried.
        host: String,
        /// Port.
        #[serde(default = "postgres_port")]
        port: u16,
        /// Database.
        database: String,
        /// Transport security of the database's connection.
        #[serde(default)]
        tls: Tls,
    },
    /// Redis: the passwords of one ACL user.
    Redis {
        /// Address of this machine: the connection is plain.
        host: String,
        /// Port.
        #[serde(default = "redis_port")]
        port: u16,
        /// The ACL user whose passwords are rotated.
        user: String,
        /// Who may change it.
        authority: RedisAuthority,
        /// Whether the user's connections are ended with the old password. The server does not know which password a
        /// connection was opened with, so all of them are, and clients connect again.
        #[serde(default = "super::yes")]
        end_sessions: bool,
    },
}

/// An AWS access key that stanch uses itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsAuthority {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: SecretSource,
}

/// A database account that stanch uses itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresAuthority {
    /// Role.
    pub user: String,
    /// Password.
    pub password: SecretSource,
}

/// Transport security of a database connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Encrypted, with the certificate and the host name checked.
    #[default]
    Verify,
    /// In clear: for loopback and unix sockets.
    Disable,
}

/// A Redis account that stanch uses itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisAuthority {
    /// ACL user.
    #[serde(default = "redis_default")]
    pub user: String,
    /// Password.
    pub password: SecretSource,
}

fn database_mount() -> String {
    "database".to_owned()
}

fn redis_port() -> u16 {
    6379
}

fn redis_default() -> String {
    "default".to_owned()
}

impl Provider {
    /// True when every new secret has another handle, so that a stored value without it would be taken for another
    /// pair's.
    pub(super) fn is_paired(&self) -> bool {
        matches!(self, Self::Postgres { role: None, .. } | Self::AwsIam { .. } | Self::VaultDatabase { .. })
    }

    /// True when the user stays the same and only its password changes, so that a user proves nothing.
    pub(super) fn keeps_role(&self) -> bool {
        matches!(self, Self::Postgres { role: Some(_), roles: None, .. })
    }

    /// True when every new secret is a login, with a user of its own.
    pub(super) fn has_user(&self) -> bool {
        matches!(self, Self::VaultDatabase { .. })
    }

    /// What is wrong with it, and what to write instead.
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Postgres { roles: None, role: None, .. } => {
                Some("needs 'roles', two that alternate, or 'role', whose password is replaced in place".to_owned())
            }
            Self::Postgres { roles: Some(_), role: Some(_), .. } => {
                Some("has both 'roles' and 'role': write which it is, two that alternate or one".to_owned())
            }
            Self::Postgres { role: Some(_), owner: Some(_), .. } => {
                Some("needs no 'owner': the one role keeps what it has".to_owned())
            }
            Self::Postgres { role: Some(role), authority, .. } if *role == authority.user => {
                Some(format!("needs another authority than '{role}' itself: its password is the one that is replaced"))
            }
            Self::Postgres { roles: Some([a, b]), .. } if a == b => {
                Some("needs two different roles that alternate".to_owned())
            }
            Self::Redis { user, authority, .. } if *user == authority.user => {
                Some(format!("needs another authority than '{user}' itself: its connections end with the old password"))
            }
            _ => None,
        }
    }

    /// The secret that stanch itself uses for it.
    pub(super) fn authority(&self) -> Option<&SecretSource> {
        match self {
            Self::Http { authority, .. } => authority.as_ref(),
            Self::AwsIam { authority, .. } => authority.as_ref().map(|authority| &authority.secret),
            Self::Postgres { authority, .. } => Some(&authority.password),
            Self::Redis { authority, .. } => Some(&authority.password),
            Self::VaultDatabase { token, .. } => Some(token),
        }
    }

    /// The same, to make its path count from elsewhere.
    pub(super) fn secrets(&mut self) -> Option<&mut SecretSource> {
        match self {
            Self::Http { authority, .. } => authority.as_mut(),
            Self::AwsIam { authority, .. } => authority.as_mut().map(|authority| &mut authority.secret),
            Self::Postgres { authority, .. } => Some(&mut authority.password),
            Self::Redis { authority, .. } => Some(&mut authority.password),
            Self::VaultDatabase { token, .. } => Some(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Operator;
    use super::*;

    const CREDENTIAL: &str = "
stores: { local: { driver: local, directory: secrets } }
credentials:
  cache:
    kind: redis.url
    provider: { driver: redis, host: 127.0.0.1, user: shop, authority: { password: { file: admin } } }
    stores: [{ store: local, path: shop/cache, value: 'redis://shop:{{secret}}@cache/0' }]
  intercom:
    kind: intercom.access-token
    provider: { driver: http, values: { account: acme }, hosts: { api.intercom.io: 'https://api.eu.intercom.io' } }
    stores: [{ store: local, path: shop/intercom }]
";

    #[test]
    fn what_is_not_said_has_its_usual_value() {
        let operator = Operator::parse("o.yaml", CREDENTIAL).unwrap();
        let Provider::Redis { port, authority, end_sessions, .. } = &operator.credentials["cache"].value.provider
        else {
            panic!()
        };
        assert_eq!((*port, authority.user.as_str(), *end_sessions), (6379, "default", true));
        let Provider::Http { base, values, hosts, .. } = &operator.credentials["intercom"].value.provider else {
            panic!()
        };
        assert!(base.is_none() && values["account"] == "acme");
        assert_eq!(hosts["api.intercom.io"], "https://api.eu.intercom.io");
    }

    #[test]
    fn a_password_beside_the_file_is_found_from_anywhere() {
        let mut operator = Operator::parse("o.yaml", CREDENTIAL).unwrap();
        operator.anchor(std::path::Path::new("/etc/stanch"));
        let Provider::Redis { authority, .. } = &operator.credentials["cache"].value.provider else { panic!() };
        let SecretSource::File(path) = &authority.password else { panic!() };
        assert_eq!(path, std::path::Path::new("/etc/stanch/admin"));
    }

    const ROLE: &str = "
stores: { local: { driver: local, directory: secrets } }
credentials:
  shop-db:
    kind: postgres.url
    provider: { driver: postgres, host: 127.0.0.1, database: shop, role: shop, authority: { user: rotator, password: { file: admin } } }
    stores: [{ store: local, path: shop/db, value: 'postgres://shop:{{secret}}@127.0.0.1/shop' }]
    dependents: [{ name: billing, http: { url: 'http://127.0.0.1:1/', expect: { body: { /digest: '{{digest}}' } } } }]
";

    #[test]
    fn one_role_keeps_its_name_and_cannot_change_itself() {
        let operator = Operator::parse("o.yaml", ROLE).unwrap();
        let Provider::Postgres { roles, role, end_sessions, .. } = &operator.credentials["shop-db"].value.provider
        else {
            panic!()
        };
        assert_eq!((roles, role.as_deref(), *end_sessions), (&None, Some("shop"), true));
        let cases = [
            ("user: rotator", "user: shop", "needs another authority than 'shop' itself"),
            ("role: shop,", "role: shop, owner: shops,", "needs no 'owner'"),
            (
                "http: { url: 'http://127.0.0.1:1/', expect: { body: { /digest: '{{digest}}' } } }",
                "postgres: { host: 127.0.0.1, database: shop, authority: { user: looks, password: { file: p } }, application: billing }",
                "its sessions tell nothing",
            ),
        ];
        for (from, to, words) in cases {
            let text = ROLE.replace(from, to);
            assert_ne!(text, ROLE, "{from}");
            let error = Operator::parse("o.yaml", &text).unwrap_err().to_string();
            assert!(error.contains(words), "{from} -> {to}: {error}");
        }
    }
}
