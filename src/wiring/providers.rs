//! Providers, put together from the operator's file.

use super::mending::{Mending, MendingError, address, secret_for};
use crate::config::operator::{self, AwsAuthority};
use crate::egress::Endpoint;
use crate::model::{Companions, Secret};
use crate::provider::aws_iam::{self, AwsIamProvider};
use crate::provider::http::{Access, HttpProvider};
use crate::provider::postgres::{self, PostgresProvider, SingleRoleProvider};
use crate::provider::redis::{self, RedisProvider};
use crate::provider::vault_database::{self, VaultDatabaseProvider};
use crate::provider::{Provider, ProviderError};
use crate::rules::Kind;
use crate::rules::exchange::Exchanges;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Mending {
    /// The live adapter of a credential's provider. Nothing is sent yet.
    pub(super) async fn provider(
        &self,
        name: &str,
        kind: &Arc<Kind>,
        entry: &operator::Provider,
    ) -> Result<Arc<dyn Provider>, MendingError> {
        let failed = |source| MendingError::Provider { name: name.to_owned(), source };
        Ok(match entry {
            operator::Provider::Http { base, authority, values, hosts } => {
                let exchanges = kind.exchanges().clone();
                if exchanges.needs_base() && base.is_none() {
                    return Err(MendingError::NoBase { name: name.to_owned(), kind: kind.id.clone() });
                }
                let access = Access {
                    base: base.as_deref().map(|base| address(name, base)).transpose()?,
                    authority: authority.as_ref().map(|source| secret_for(name, source)).transpose()?,
                    values: public(name, &exchanges, values)?,
                    hosts: instead(name, &exchanges, hosts)?,
                    kind: Some(Arc::clone(kind)),
                };
                let clock = Arc::new(self.clock);
                Arc::new(HttpProvider::new(exchanges, access, Arc::clone(&self.egress), clock))
            }
            operator::Provider::AwsIam { user, region, endpoint, authority } => {
                let setting = aws_iam::Setting {
                    region: region.clone(),
                    endpoint: endpoint.as_deref().map(|endpoint| address(name, endpoint)).transpose()?,
                    user: user.clone(),
                    authority: match authority {
                        Some(AwsAuthority { id, secret }) => {
                            aws_iam::Authority::Key { id: id.clone(), secret: secret_for(name, secret)?, session: None }
                        }
                        None => aws_iam::Authority::DefaultChain,
                    },
                };
                Arc::new(AwsIamProvider::new(setting, Arc::new(self.clock)).await.map_err(failed)?)
            }
            operator::Provider::Postgres { host, port, database, roles, role, owner, end_sessions, authority, tls } => {
                let authority = postgres::Authority {
                    server: server(host, *port, database, *tls),
                    user: authority.user.clone(),
                    password: secret_for(name, &authority.password)?,
                };
                match (roles, role) {
                    (Some(roles), None) => {
                        let (roles, owner) = (roles.clone(), owner.clone());
                        Arc::new(PostgresProvider::new(postgres::Setting { authority, roles, owner }))
                    }
                    (None, Some(role)) => {
                        let (role, end_sessions) = (role.clone(), *end_sessions);
                        Arc::new(SingleRoleProvider::new(postgres::SingleRole { authority, role, end_sessions }))
                    }
                    // The operator's file was refused.
                    _ => return Err(failed(ProviderError::Unsupported { act: "rotate both one role and two" })),
                }
            }
            operator::Provider::VaultDatabase {
                address: at,
                namespace,
                token,
                mount,
                role,
                shared,
                renewed,
                host,
                port,
                database,
                tls,
            } => {
                let setting = vault_database::Setting {
                    address: address(name, at)?,
                    namespace: namespace.clone(),
                    token: secret_for(name, token)?,
                    mount: mount.clone(),
                    role: role.clone(),
                    shared: *shared,
                    renewed: *renewed,
                    server: server(host, *port, database, *tls),
                };
                let (egress, clock) = (Arc::clone(&self.egress), Arc::new(self.clock));
                Arc::new(VaultDatabaseProvider::new(setting, egress, clock).map_err(failed)?)
            }
            operator::Provider::Redis { host, port, user, authority, end_sessions } => {
                let setting = redis::Setting {
                    host: host.clone(),
                    port: *port,
                    user: user.clone(),
                    authority: authority.user.clone(),
                    password: secret_for(name, &authority.password)?,
                    end_sessions: *end_sessions,
                };
                Arc::new(RedisProvider::new(setting).map_err(failed)?)
            }
        })
    }
}

fn server(host: &str, port: u16, database: &str, tls: operator::Tls) -> postgres::Server {
    let tls = match tls {
        operator::Tls::Verify => postgres::Tls::Verified,
        operator::Tls::Disable => postgres::Tls::Off,
    };
    postgres::Server { host: host.to_owned(), port, database: database.to_owned(), tls }
}

/// The values that the operator's file gives, as calls take them.
fn public(name: &str, exchanges: &Exchanges, values: &BTreeMap<String, String>) -> Result<Companions, MendingError> {
    let known = exchanges.free();
    let mut given = Companions::default();
    for (value, text) in values {
        if !known.contains(value.as_str()) {
            let known = if known.is_empty() { "none".to_owned() } else { Vec::from_iter(known).join(", ") };
            return Err(MendingError::NoValue { name: name.to_owned(), value: value.clone(), known });
        }
        given.push(value, Secret::new(text.as_bytes().to_vec()));
    }
    Ok(given)
}

/// Where hosts of a kind are instead.
fn instead(
    name: &str,
    exchanges: &Exchanges,
    hosts: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Endpoint>, MendingError> {
    let mut checked = BTreeMap::new();
    for (host, instead) in hosts {
        if !exchanges.hosts().contains(host) {
            let (name, host, known) = (name.to_owned(), host.clone(), exchanges.hosts().join(", "));
            return Err(MendingError::NoHost { name, host, known });
        }
        checked.insert(host.clone(), address(name, instead)?);
    }
    Ok(checked)
}
