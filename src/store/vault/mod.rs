//! HashiCorp Vault and OpenBao, key-value engine version 2: every write is current at once, so promoting is the one
//! conditional write, and staging only notes the version it will leave.
//!
//! A path is `mount/path`. The engine keeps an object of fields: a value that is the text of a JSON object is written as
//! that object, any other text under the one field `value`; reading gives the object's canonical text (fields sorted,
//! no spacing) or the text back. [`super::same_value`] compares accordingly. What the client library says of its own
//! doings is not logged.

use super::{SecretStore, StoreError, Which};
use crate::egress::endpoint;
use crate::model::{Happened, Label, Secret, StorePath, Version};
use crate::rotation::{Staged, Staging};
use async_trait::async_trait;
use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError as TransportError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;
use url::Url;
use vaultrs::api::EndpointMiddleware;
use vaultrs::api::kv2::requests::{ReadSecretRequest, SetSecretRequest, SetSecretRequestOptions};
use vaultrs::client::{VaultClient, VaultClientSettings};
use vaultrs::error::ClientError;

/// The field of a value that is no JSON object.
const FIELD: &str = "value";

/// How to reach Vault.
#[derive(Debug)]
pub struct VaultSettings {
    /// Its address, for instance `https://vault.example:8200`. Redirects are not followed: name the active node, or what
    /// stands before it.
    pub address: String,
    /// The namespace, where the server has them.
    pub namespace: Option<String>,
    /// How to log in.
    pub login: VaultLogin,
    /// A file of certificates (PEM) to trust besides the machine's.
    pub authorities: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// How to log in to Vault.
#[derive(Debug)]
pub enum VaultLogin {
    /// With a token.
    Token(Secret),
    /// As an application.
    AppRole {
        /// Where the method is mounted, usually `approle`.
        mount: String,
        /// The role id.
        role: String,
        /// The secret id.
        secret: Secret,
    },
}

/// Vault's key-value engine.
pub struct VaultStore {
    settings: VaultSettings,
    address: Url,
    /// The client that is logged in; none before the first request.
    client: Mutex<Option<Arc<VaultClient>>>,
}

impl fmt::Debug for VaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultStore").field("address", &self.address.as_str()).finish_non_exhaustive()
    }
}

/// Why a request did not succeed.
#[derive(Debug)]
enum Failure {
    /// An answer with this status, and whether it says that the version to leave was not current.
    Status { status: u16, moved: bool },
    /// No answer, or one that cannot be read.
    Silence { happened: Happened },
    /// The settings are wrong.
    Settings(StoreError),
}

impl VaultStore {
    /// A store with these settings; sends nothing yet.
    ///
    /// # Errors
    /// The address, the namespace or the token cannot be sent.
    pub fn new(settings: VaultSettings) -> Result<Self, StoreError> {
        let address = endpoint(&settings.address).ok().and_then(|named| Url::parse(named.as_str()).ok());
        let address = address.ok_or_else(|| problem("the address is not like https://vault.example:8200"))?;
        if !settings.namespace.as_deref().is_none_or(visible) {
            return Err(problem("the namespace has characters that cannot be sent"));
        }
        if let VaultLogin::Token(token) = &settings.login {
            text(token)?;
        }
        Ok(Self { settings, address, client: Mutex::new(None) })
    }

    /// Sends a request, logging in first where needed; a login that has run out is renewed once. A request that was
    /// refused for it did not happen.
    async fn send<E: Endpoint>(&self, request: impl Fn() -> E) -> Result<E::Response, Failure> {
        let (client, fresh) = self.client().await?;
        match exchange(&client, request()).await {
            Err(Failure::Status { status: 403, .. }) if !fresh && self.renews() => {
                *self.client.lock().await = None;
                let (client, _) = self.client().await?;
                exchange(&client, request()).await
            }
            answer => answer,
        }
    }

    fn renews(&self) -> bool {
        matches!(self.settings.login, VaultLogin::AppRole { .. })
    }

    /// The client that is logged in, and whether it has just done so.
    async fn client(&self) -> Result<(Arc<VaultClient>, bool), Failure> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref() {
            return Ok((Arc::clone(client), false));
        }
        let client = Arc::new(self.log_in().with_subscriber(NoSubscriber::new()).await?);
        *kept = Some(Arc::clone(&client));
        Ok((client, true))
    }

    async fn log_in(&self) -> Result<VaultClient, Failure> {
        match &self.settings.login {
            VaultLogin::Token(token) => self.build(text(token).map_err(Failure::Settings)?),
            VaultLogin::AppRole { mount, role, secret } => {
                let client = self.build(String::new())?;
                let secret = text(secret).map_err(Failure::Settings)?;
                let login = vaultrs::auth::approle::login(&client, mount, role, &secret).await;
                let token = login.map_err(|error| read(&error))?.client_token;
                if !visible(&token) {
                    return Err(Failure::Silence { happened: Happened::No });
                }
                self.build(token)
            }
        }
    }

    /// A client with limits of its own: the library's follows redirects with the token in hand.
    #[expect(clippy::disallowed_methods, reason = "the library's client is replaced by one that is bounded")]
    fn build(&self, token: String) -> Result<VaultClient, Failure> {
        let unusable = |_| Failure::Settings(problem("its client cannot be built: check the file of authorities"));
        let mut builder = reqwest::Client::builder()
            .timeout(self.settings.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy();
        if self.address.scheme() == "http" {
            // Machines without certificates can still speak to a loopback server.
            builder = builder.tls_certs_only([]);
        } else if let Some(file) = &self.settings.authorities {
            let bytes = std::fs::read(file)
                .map_err(|_| Failure::Settings(problem("the file of authorities cannot be read")))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&bytes).map_err(unusable)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder.build().map_err(unusable)?;
        let namespace = self.settings.namespace.clone();
        let settings = VaultClientSettings {
            address: self.address.clone(),
            ca_certs: Vec::new(),
            identity: None,
            timeout: Some(self.settings.timeout),
            token: token.clone(),
            verify: true,
            version: 1,
            wrapping: false,
            namespace: namespace.clone(),
            proxy: None,
        };
        let middle = EndpointMiddleware { token, version: "v1".to_owned(), wrap: None, namespace };
        Ok(VaultClient { http: rustify::Client::new(self.address.as_str(), http), middle, settings })
    }

    /// Reads the fields of a version.
    async fn fetch(
        &self,
        at: &StorePath,
        version: Option<u64>,
        act: &'static str,
    ) -> Result<(u64, Fields), StoreError> {
        let (mount, path) = split(at)?;
        let request = || ReadSecretRequest { mount: mount.clone(), path: path.clone(), version };
        let reply = self.send(request).await.map_err(|failure| failure.told(act, at))?;
        match reply.data {
            Value::Object(fields) => Ok((reply.metadata.version, Fields(fields))),
            _ => Err(StoreError::Missing { at: at.clone() }),
        }
    }

    /// Whether the login may write the path, as far as the server tells.
    async fn may_write(&self, at: &StorePath) -> Result<(), StoreError> {
        let (mount, path) = split(at)?;
        let path = format!("{mount}/data/{path}");
        let reply = match self.send(|| AskCapabilities { path: path.clone() }).await {
            Ok(reply) => reply,
            // The question itself is not allowed: the write will tell.
            Err(Failure::Status { status: 400..=499, .. }) => return Ok(()),
            Err(failure) => return Err(failure.told("check", at)),
        };
        let allowed = reply.capabilities.iter().any(|capability| matches!(capability.as_str(), "root" | "update"));
        if allowed {
            Ok(())
        } else {
            Err(StoreError::Refused {
                act: "write",
                at: at.clone(),
                code: "the login has no capability update".to_owned(),
            })
        }
    }

    /// Writes the fields if `previous` is current; returns the new version.
    async fn write(&self, at: &StorePath, fields: &Fields, previous: u32) -> Result<u64, Failure> {
        let (mount, path) = split(at).map_err(Failure::Settings)?;
        let request = || SetSecretRequest {
            mount: mount.clone(),
            path: path.clone(),
            data: Value::Object(fields.0.clone()),
            options: Some(SetSecretRequestOptions { cas: previous }),
        };
        self.send(request).await.map(|metadata| metadata.version)
    }
}

#[async_trait]
impl SecretStore for VaultStore {
    fn staging(&self) -> Staging {
        Staging::None
    }

    async fn ready(&self, at: &StorePath) -> Result<Version, StoreError> {
        let (version, _) = self.fetch(at, None, "check").await?;
        self.may_write(at).await?;
        Ok(named(version))
    }

    async fn read(&self, at: &StorePath, which: &Which) -> Result<(Version, Secret), StoreError> {
        let version = match which {
            Which::Current => None,
            Which::Exactly(version) => Some(number(version, at)?),
        };
        let (version, fields) = self.fetch(at, version, "read").await?;
        Ok((named(version), fields.value()))
    }

    async fn stage(&self, at: &StorePath, value: &Secret, _label: &Label) -> Result<Staged, StoreError> {
        Fields::of(value, at)?;
        let (current, _) = self.fetch(at, None, "stage").await?;
        Ok(Staged { version: None, previous: named(current) })
    }

    async fn promote(&self, at: &StorePath, staged: &Staged, value: &Secret) -> Result<Version, StoreError> {
        let fields = Fields::of(value, at)?;
        let (current, held) = self.fetch(at, None, "promote").await?;
        if held == fields {
            return Ok(named(current));
        }
        let previous = number(&staged.previous, at)?;
        let conflict = || StoreError::Conflict { at: at.clone() };
        if current != previous {
            return Err(conflict());
        }
        // Zero would mean "only if there is nothing", and larger numbers cannot be sent.
        let cas = u32::try_from(previous).ok().filter(|cas| *cas > 0).ok_or_else(conflict)?;
        match self.write(at, &fields, cas).await {
            Ok(version) => {
                let read = self.fetch(at, Some(version), "promote").await.map_err(perhaps)?;
                if read.1 == fields { Ok(named(version)) } else { Err(conflict()) }
            }
            Err(failure) => match self.fetch(at, None, "promote").await {
                // The reply was lost, or an earlier attempt arrived late.
                Ok((version, held)) if held == fields => Ok(named(version)),
                _ if matches!(failure, Failure::Status { moved: true, .. }) => Err(conflict()),
                // Where ours may have been current for a while, that is no plain conflict.
                _ => Err(failure.told("promote", at)),
            },
        }
    }

    async fn fence(&self, at: &StorePath, staged: &Staged, value: &Secret, _: &Label) -> Result<Version, StoreError> {
        let fields = Fields::of(value, at)?;
        let (current, held) = self.fetch(at, None, "fence").await?;
        if held != fields {
            return Err(StoreError::Conflict { at: at.clone() });
        }
        if named(current) != staged.previous {
            return Ok(named(current));
        }
        // Written again though it is the same: a late conditional write names the version before.
        let cas = u32::try_from(current).ok().filter(|cas| *cas > 0);
        let cas = cas.ok_or_else(|| StoreError::Conflict { at: at.clone() })?;
        match self.write(at, &fields, cas).await {
            Ok(version) => Ok(named(version)),
            Err(Failure::Status { moved: true, .. }) => Err(StoreError::Conflict { at: at.clone() }),
            Err(failure) => Err(failure.told("fence", at)),
        }
    }

    async fn discard(&self, _at: &StorePath, _label: &Label) -> Result<(), StoreError> {
        // Nothing ever waits apart.
        Ok(())
    }
}

/// What the engine keeps.
#[derive(PartialEq)]
struct Fields(Map<String, Value>);

impl Fields {
    #[expect(clippy::disallowed_methods, reason = "the value becomes the fields of the request that stores it")]
    fn of(value: &Secret, at: &StorePath) -> Result<Self, StoreError> {
        if let Ok(fields) = serde_json::from_slice(value.expose()) {
            return Ok(Self(fields));
        }
        let text = std::str::from_utf8(value.expose()).map_err(|_| StoreError::Refused {
            act: "stage",
            at: at.clone(),
            code: "the value is not text".to_owned(),
        })?;
        Ok(Self([(FIELD.to_owned(), Value::String(text.to_owned()))].into_iter().collect()))
    }

    /// The text of one field `value`, else the canonical text of the object.
    fn value(self) -> Secret {
        let plain = if self.0.len() == 1 { self.0.get(FIELD).and_then(Value::as_str) } else { None };
        match plain {
            Some(text) => Secret::new(text.as_bytes().to_vec()),
            None => Secret::new(Value::Object(self.0).to_string().into_bytes()),
        }
    }
}

/// `POST sys/capabilities-self`.
struct AskCapabilities {
    path: String,
}

/// Its answer.
#[derive(Deserialize)]
struct Capabilities {
    capabilities: Vec<String>,
}

impl Endpoint for AskCapabilities {
    type Response = Capabilities;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        "sys/capabilities-self".to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, TransportError> {
        Ok(Some(json!({ "paths": [self.path] }).to_string().into_bytes()))
    }
}

/// Sends one request; what the library would log of it is not wanted.
async fn exchange<E: Endpoint>(client: &VaultClient, request: E) -> Result<E::Response, Failure> {
    let reply = vaultrs::api::exec_with_result(client, request).with_subscriber(NoSubscriber::new()).await;
    reply.map_err(|error| read(&error))
}

/// What an error of the library means. Its texts are looked at for one fact and never kept.
fn read(error: &ClientError) -> Failure {
    let of = |status: u16, texts: &[String]| {
        let moved = status == 400 && texts.iter().any(|text| text.contains("check-and-set parameter did not match"));
        Failure::Status { status, moved }
    };
    match error {
        ClientError::APIError { code, errors } => of(*code, errors),
        ClientError::RestClientError { source } => match source {
            TransportError::ServerResponseError { code, .. } => of(*code, &[]),
            TransportError::RequestError { source, .. } => {
                let unsent = source.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect);
                Failure::Silence { happened: if unsent { Happened::No } else { Happened::Perhaps } }
            }
            _ => Failure::Silence { happened: Happened::Perhaps },
        },
        _ => Failure::Silence { happened: Happened::Perhaps },
    }
}

impl Failure {
    fn told(self, act: &'static str, at: &StorePath) -> StoreError {
        let at = at.clone();
        match self {
            Self::Settings(error) => error,
            Self::Silence { happened } => StoreError::NoAnswer { act, at, happened },
            Self::Status { status, .. } => match status {
                404 => StoreError::Missing { at },
                // Asked to wait, or the server is behind: refused before anything was done.
                412 | 429 | 472 | 473 => StoreError::NoAnswer { act, at, happened: Happened::No },
                400..=499 => StoreError::Refused { act, at, code: status.to_string() },
                503 => {
                    let state = "503, it is sealed or down for maintenance";
                    StoreError::OutOfService { act, at, happened: Happened::Perhaps, state }
                }
                _ => StoreError::NoAnswer { act, at, happened: Happened::Perhaps },
            },
        }
    }
}

/// After a write, a failure to look says nothing of the write: a standby may be behind.
fn perhaps(error: StoreError) -> StoreError {
    match error {
        StoreError::NoAnswer { at, .. }
        | StoreError::OutOfService { at, .. }
        | StoreError::Refused { at, .. }
        | StoreError::Missing { at } => StoreError::NoAnswer { act: "promote", at, happened: Happened::Perhaps },
        other => other,
    }
}

/// The mount and the path below it. Segments that an address would swallow are refused.
fn split(at: &StorePath) -> Result<(String, String), StoreError> {
    let refused = || problem("a path is like mount/path, without empty segments, dots alone or control characters");
    let (mount, path) = at.as_str().split_once('/').ok_or_else(refused)?;
    let odd = |segment: &str| matches!(segment, "" | "." | "..") || segment.chars().any(char::is_control);
    if at.as_str().split('/').any(odd) { Err(refused()) } else { Ok((mount.to_owned(), path.to_owned())) }
}

fn named(version: u64) -> Version {
    Version::new(version.to_string())
}

fn number(version: &Version, at: &StorePath) -> Result<u64, StoreError> {
    let number = version.as_str().parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| StoreError::Missing { at: at.clone() })
}

/// The library sends these texts as headers, which take visible characters only.
fn visible(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

#[expect(clippy::disallowed_methods, reason = "the login is sent to the server that it is for")]
fn text(secret: &Secret) -> Result<String, StoreError> {
    let text = std::str::from_utf8(secret.expose()).ok().map(str::trim_end).filter(|text| visible(text));
    text.map(str::to_owned).ok_or_else(|| problem("the token or secret id has characters that cannot be sent"))
}

fn problem(problem: &'static str) -> StoreError {
    StoreError::Settings { store: "vault", problem }
}

#[cfg(test)]
mod tests;
