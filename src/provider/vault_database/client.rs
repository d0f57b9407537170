//! The calls of Vault's interface that leases need, each sent once. What a refusal means is said here and nowhere else.

use super::super::ProviderError;
use crate::egress::{Allowed, Egress, EgressError, Endpoint, Request, Response};
use crate::model::{Happened, Reason, Secret};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait where the server does not say.
const WAIT: Duration = Duration::from_secs(5);

/// Vault, spoken to with one token.
pub(super) struct Client {
    address: Endpoint,
    namespace: Option<Secret>,
    token: Secret,
    egress: Arc<Egress>,
    allowed: Allowed,
}

/// What every answer with content has.
#[derive(Deserialize)]
struct Enveloped<T> {
    data: T,
}

/// What a refusal says.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

/// A login, as it is made.
#[derive(Deserialize)]
pub(super) struct Made {
    pub(super) lease_id: String,
    pub(super) lease_duration: u64,
    pub(super) data: Login,
}

#[derive(Deserialize)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: String,
}

/// A role of the engine.
#[derive(Deserialize)]
pub(super) struct Role {
    #[serde(default)]
    pub(super) default_ttl: u64,
    #[serde(default)]
    pub(super) max_ttl: u64,
    pub(super) credential_type: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct Itself {
    ttl: u64,
}

#[derive(Deserialize)]
struct Capabilities {
    capabilities: Vec<String>,
}

impl Client {
    pub(super) fn new(address: Endpoint, namespace: Option<String>, token: Secret, egress: Arc<Egress>) -> Self {
        let allowed = Allowed::default().and(&address);
        let namespace = namespace.map(|name| Secret::new(name.into_bytes()));
        Self { address, namespace, token, egress, allowed }
    }

    pub(super) fn origin(&self) -> String {
        self.address.origin()
    }

    /// A new login of a role.
    pub(super) async fn make(&self, act: &'static str, path: &str) -> Result<Made, ProviderError> {
        let reply = self.send(act, "GET", path, None).await?;
        match reply.status {
            200 => parsed(&reply).ok_or_else(|| unreadable(act)),
            _ => Err(failure(act, &reply)),
        }
    }

    /// A role; what it is asked for changes nothing.
    pub(super) async fn role(&self, act: &'static str, path: &str) -> Result<Role, ProviderError> {
        let reply = self.send(act, "GET", path, None).await.map_err(unchanged)?;
        match reply.status {
            200 => parsed::<Enveloped<Role>>(&reply).map(|role| role.data).ok_or_else(|| unchanged(unreadable(act))),
            404 => Err(refused(act, format!("there is no role at {path}"))),
            403 => Err(refused(act, format!("the token may not read {path}; let it"))),
            _ => Err(unchanged(failure(act, &reply))),
        }
    }

    /// The names of the leases below a path.
    pub(super) async fn leases(&self, act: &'static str, path: &str) -> Result<Vec<String>, ProviderError> {
        let path = format!("sys/leases/lookup/{path}?list=true");
        let reply = self.send(act, "GET", &path, None).await.map_err(unchanged)?;
        match reply.status {
            200 => {
                parsed::<Enveloped<Keys>>(&reply).map(|list| list.data.keys).ok_or_else(|| unchanged(unreadable(act)))
            }
            // There is none.
            404 => Ok(Vec::new()),
            _ => Err(unchanged(failure(act, &reply))),
        }
    }

    /// Whether Vault still has a lease.
    pub(super) async fn holds(&self, act: &'static str, lease: &str) -> Result<bool, ProviderError> {
        let body = serde_json::json!({ "lease_id": lease });
        let reply = self.send(act, "PUT", "sys/leases/lookup", Some(&body)).await.map_err(unchanged)?;
        let invalid = || parsed::<Errors>(&reply).is_some_and(|said| said.errors == ["invalid lease"]);
        match reply.status {
            200 => Ok(true),
            400 if invalid() => Ok(false),
            _ => Err(unchanged(failure(act, &reply))),
        }
    }

    /// Ends one lease, by its id, and waits for the end: nothing else is ever ended with it.
    pub(super) async fn revoke(&self, act: &'static str, lease: &str) -> Result<(), ProviderError> {
        let body = serde_json::json!({ "lease_id": lease, "sync": true });
        let reply = self.send(act, "PUT", "sys/leases/revoke", Some(&body)).await?;
        match reply.status {
            200..=204 => Ok(()),
            // What the database refused in the midst of its statements is told as a mistake of the caller.
            400 => Err(ProviderError::NoAnswer { act, happened: Happened::Perhaps, why: Reason::Unexpected }),
            _ => Err(failure(act, &reply)),
        }
    }

    /// In how many seconds the token itself ends, and with it all that it made; none where it never does or does not say.
    pub(super) async fn own_end(&self, act: &'static str) -> Result<Option<u64>, ProviderError> {
        let reply = self.send(act, "GET", "auth/token/lookup-self", None).await.map_err(unchanged)?;
        match reply.status {
            200 => {
                let itself = parsed::<Enveloped<Itself>>(&reply).ok_or_else(|| unchanged(unreadable(act)))?;
                Ok(Some(itself.data.ttl).filter(|ttl| *ttl > 0))
            }
            400..=499 => Ok(None),
            _ => Err(unchanged(failure(act, &reply))),
        }
    }

    /// What the token may do at a path; none where that may not be asked.
    pub(super) async fn rights(&self, act: &'static str, path: &str) -> Result<Option<Vec<String>>, ProviderError> {
        let body = serde_json::json!({ "paths": [path] });
        let reply = self.send(act, "PUT", "sys/capabilities-self", Some(&body)).await.map_err(unchanged)?;
        match reply.status {
            200 => Ok(parsed::<Enveloped<Capabilities>>(&reply).map(|rights| rights.data.capabilities)),
            400..=499 => Ok(None),
            _ => Err(unchanged(failure(act, &reply))),
        }
    }

    async fn send(
        &self,
        act: &'static str,
        method: &'static str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Response, ProviderError> {
        let named = |name: &str, value: &Secret| (name.to_owned(), value.duplicate());
        let mut headers = vec![named("x-vault-token", &self.token)];
        headers.extend(self.namespace.iter().map(|namespace| named("x-vault-namespace", namespace)));
        let request = Request {
            method,
            url: Secret::new(format!("{}/v1/{path}", self.address.as_str()).into_bytes()),
            headers,
            body: body.map(|body| Secret::new(body.to_string().into_bytes())),
        };
        self.egress.send(&self.allowed, request).await.map_err(|why| unsent(act, &why))
    }
}

fn parsed<T: DeserializeOwned>(reply: &Response) -> Option<T> {
    #[expect(clippy::disallowed_methods, reason = "a password in it is moved into the sealed type next")]
    serde_json::from_slice(reply.body.expose()).ok()
}

/// What an answer means that is not the wanted one.
fn failure(act: &'static str, reply: &Response) -> ProviderError {
    let lost = |happened, why| ProviderError::NoAnswer { act, happened, why };
    match reply.status {
        429 => ProviderError::Throttled { act, after: reply.retry_after.unwrap_or(WAIT) },
        // The server is behind, or not the one that acts: refused before anything was done.
        412 | 472 | 473 => lost(Happened::No, Reason::Unreachable),
        status @ 300..=399 => {
            refused(act, format!("status {status}: name the node that acts, or what stands before it"))
        }
        status @ 400..=499 => refused(act, format!("status {status}")),
        // Sealed, or down for maintenance; or what stands before it is.
        502..=504 => lost(Happened::Perhaps, Reason::Unreachable),
        _ => lost(Happened::Perhaps, Reason::Unexpected),
    }
}

fn unsent(act: &'static str, why: &EgressError) -> ProviderError {
    match why {
        EgressError::Lost { .. } | EgressError::TooLong { .. } | EgressError::Connect { .. } => {
            let reason =
                if matches!(why, EgressError::TooLong { .. }) { Reason::Unexpected } else { Reason::Unreachable };
            ProviderError::NoAnswer { act, happened: why.happened(), why: reason }
        }
        other => refused(act, other.to_string()),
    }
}

pub(super) fn refused(act: &'static str, code: String) -> ProviderError {
    ProviderError::Refused { act, code }
}

pub(super) fn unreadable(act: &'static str) -> ProviderError {
    ProviderError::NoAnswer { act, happened: Happened::Perhaps, why: Reason::Unexpected }
}

/// Whatever was lost, nothing was to be changed.
fn unchanged(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::NoAnswer { act, why, .. } => ProviderError::NoAnswer { act, happened: Happened::No, why },
        other => other,
    }
}
