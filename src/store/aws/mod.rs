//! AWS Secrets Manager: a version waits under the stage `AWSPENDING`, and promoting moves `AWSCURRENT`, naming the
//! version it leaves.
//!
//! The version's id is derived from the mint's label, so that a repeated write is one write and our versions are known
//! by their prefix. The client never repeats a request by itself. What it says of its own doings is not logged: its
//! traces hold whole requests.

use super::{SecretStore, StoreError, Which, fence_label, same_value};
use crate::egress::endpoint;
use crate::model::{Happened, Label, Secret, StorePath, Version};
use crate::rotation::{Staged, Staging};
use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{Builder, Credentials, Region};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::primitives::Blob;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::time::Duration;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";
/// Where a version waits that fences off late writes; no reader asks for it.
const FENCE: &str = "STANCHFENCE";
/// What the ids of our versions begin with.
const OURS: &str = "stanch-";

/// How to reach AWS Secrets Manager.
#[derive(Debug)]
pub struct AwsSettings {
    /// The region; none: as the machine's AWS configuration says.
    pub region: Option<String>,
    /// Another endpoint than the region's own.
    pub endpoint: Option<String>,
    /// The key to sign with; none: the machine's default chain.
    pub key: Option<AwsKey>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// A key to sign requests with.
#[derive(Debug)]
pub struct AwsKey {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: Secret,
    /// The session token of a temporary key.
    pub session: Option<Secret>,
}

/// AWS Secrets Manager.
#[derive(Clone, Debug)]
pub struct AwsStore {
    client: Client,
}

/// The versions of a secret and their stages.
struct Stages(HashMap<String, Vec<String>>);

impl Stages {
    fn holder(&self, stage: &str) -> Option<&str> {
        let held = self.0.iter().find(|(_, stages)| stages.iter().any(|name| name == stage));
        held.map(|(version, _)| version.as_str())
    }

    fn of(&self, version: &str) -> &[String] {
        self.0.get(version).map(Vec::as_slice).unwrap_or_default()
    }
}

impl AwsStore {
    /// A client for these settings; sends nothing yet, though the default chain may look at the machine's own metadata.
    ///
    /// # Errors
    /// The key is not text, or no region is known.
    pub async fn connect(settings: AwsSettings) -> Result<Self, StoreError> {
        let loader = aws_config::defaults(aws_config::BehaviorVersion::latest()).retry_config(RetryConfig::disabled());
        let loader = match settings.region {
            Some(region) => loader.region(Region::new(region)),
            None => loader,
        };
        let loader = match settings.key {
            Some(key) => loader.credentials_provider(signer(&key)?),
            None => loader,
        };
        let named = settings.endpoint.as_deref().map(endpoint).transpose();
        let named = named.map_err(|_| problem("the endpoint is not like https://host:port"))?;
        let shared = loader.load().with_subscriber(NoSubscriber::new()).await;
        if shared.region().is_none() {
            return Err(problem("no region is known: name one"));
        }
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.timeout)
            .operation_attempt_timeout(settings.timeout)
            .operation_timeout(settings.timeout)
            .build();
        let mut builder = Builder::from(&shared).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        if let Some(named) = named {
            builder.set_endpoint_url(Some(named.as_str().to_owned()));
        }
        Ok(Self { client: Client::from_conf(builder.build()) })
    }

    async fn describe(&self, at: &StorePath, act: &'static str) -> Result<Stages, StoreError> {
        let request = self.client.describe_secret().secret_id(at.as_str()).send();
        let reply = request.with_subscriber(NoSubscriber::new()).await;
        let secret = reply.map_err(|error| failure(&error, act, at, Happened::No))?;
        if secret.deleted_date().is_some() {
            return Err(StoreError::Missing { at: at.clone() });
        }
        Ok(Stages(secret.version_ids_to_stages.unwrap_or_default()))
    }

    async fn fetch(&self, at: &StorePath, which: &Which, act: &'static str) -> Result<(Version, Secret), StoreError> {
        let request = self.client.get_secret_value().secret_id(at.as_str());
        let request = match which {
            Which::Current => request.version_stage(CURRENT),
            Which::Exactly(version) => request.version_id(version.as_str()),
        };
        let reply = request.send().with_subscriber(NoSubscriber::new()).await;
        let reply = reply.map_err(|error| failure(&error, act, at, Happened::No))?;
        let bytes = match (reply.secret_string, reply.secret_binary) {
            (Some(text), _) => Some(text.into_bytes()),
            (None, Some(blob)) => Some(blob.into_inner()),
            (None, None) => None,
        };
        match (reply.version_id, bytes) {
            (Some(version), Some(bytes)) => Ok((Version::new(version), Secret::new(bytes))),
            _ => Err(StoreError::NoAnswer { act, at: at.clone(), happened: Happened::No }),
        }
    }

    /// Writes the value as a version under a stage. A version that is there already must hold the same value.
    #[expect(clippy::disallowed_methods, reason = "the value goes into the request that stores it")]
    async fn put(
        &self,
        at: &StorePath,
        id: &str,
        value: &Secret,
        stage: &str,
        act: &'static str,
    ) -> Result<(), StoreError> {
        let request = self.client.put_secret_value().secret_id(at.as_str()).client_request_token(id);
        let request = request.version_stages(stage);
        let request = match std::str::from_utf8(value.expose()) {
            Ok(text) => request.secret_string(text),
            Err(_) => request.secret_binary(Blob::new(value.expose())),
        };
        let reply = request.send().with_subscriber(NoSubscriber::new()).await;
        let Err(error) = reply else { return Ok(()) };
        if !error.as_service_error().is_some_and(|error| error.is_resource_exists_exception()) {
            return Err(failure(&error, act, at, Happened::Perhaps));
        }
        let (_, there) = self.fetch(at, &Which::Exactly(Version::new(id)), act).await?;
        if same_value(&there, value) { Ok(()) } else { Err(StoreError::Conflict { at: at.clone() }) }
    }

    /// Moves or takes away a stage; without `to`, the stage is on no version afterwards.
    async fn move_stage(
        &self,
        at: &StorePath,
        stage: &str,
        from: &str,
        to: Option<&str>,
        act: &'static str,
    ) -> Result<(), StoreError> {
        let request = self.client.update_secret_version_stage().secret_id(at.as_str()).version_stage(stage);
        let request = request.remove_from_version_id(from).set_move_to_version_id(to.map(str::to_owned));
        let reply = request.send().with_subscriber(NoSubscriber::new()).await;
        reply.map(|_| ()).map_err(|error| failure(&error, act, at, Happened::Perhaps))
    }

    /// What a move that failed has left: success, a conflict, or the failure itself.
    async fn after_failure(
        &self,
        at: &StorePath,
        staged: &Staged,
        value: &Secret,
        failure: StoreError,
    ) -> Result<Version, StoreError> {
        match self.fetch(at, &Which::Current, "promote").await {
            Ok((version, current)) if same_value(&current, value) => Ok(version),
            // Where ours may have been current for a while, that is no plain conflict.
            Ok((version, _)) if version != staged.previous && failure.happened() == Happened::No => {
                Err(StoreError::Conflict { at: at.clone() })
            }
            _ => Err(failure),
        }
    }

    /// Takes `AWSPENDING` from a version that is current: it waits no longer.
    async fn settle(&self, at: &StorePath, version: &Version) -> Result<(), StoreError> {
        let stages = self.describe(at, "promote").await?;
        if stages.of(version.as_str()).iter().any(|stage| stage == PENDING) {
            self.move_stage(at, PENDING, version.as_str(), None, "promote").await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SecretStore for AwsStore {
    fn staging(&self) -> Staging {
        Staging::Native
    }

    async fn ready(&self, at: &StorePath) -> Result<Version, StoreError> {
        let stages = self.describe(at, "check").await?;
        refuse_foreign(&stages, at)?;
        // Also shows that the value may be read and decrypted. There is no way to ask whether it may be written.
        self.fetch(at, &Which::Current, "read").await.map(|(version, _)| version)
    }

    async fn read(&self, at: &StorePath, which: &Which) -> Result<(Version, Secret), StoreError> {
        self.fetch(at, which, "read").await
    }

    async fn stage(&self, at: &StorePath, value: &Secret, label: &Label) -> Result<Staged, StoreError> {
        let id = version_id(label);
        let stages = self.describe(at, "stage").await?;
        refuse_foreign(&stages, at)?;
        let current = stages.holder(CURRENT).ok_or_else(|| StoreError::Missing { at: at.clone() })?;
        // Promoted already: the version that was left is the one to name.
        let left = if current == id { stages.holder(PREVIOUS) } else { Some(current) };
        let left = left.ok_or_else(|| StoreError::Conflict { at: at.clone() })?;
        self.put(at, &id, value, PENDING, "stage").await?;
        Ok(Staged { version: Some(Version::new(id)), previous: Version::new(left) })
    }

    async fn promote(&self, at: &StorePath, staged: &Staged, value: &Secret) -> Result<Version, StoreError> {
        let (current, held) = self.fetch(at, &Which::Current, "promote").await?;
        let current = if same_value(&held, value) {
            current
        } else if current != staged.previous {
            return Err(StoreError::Conflict { at: at.clone() });
        } else {
            let to = staged.version.as_ref().ok_or_else(|| StoreError::Missing { at: at.clone() })?;
            let (_, waiting) = self.fetch(at, &Which::Exactly(to.clone()), "promote").await?;
            if !same_value(&waiting, value) {
                return Err(StoreError::Conflict { at: at.clone() });
            }
            let moved = self.move_stage(at, CURRENT, staged.previous.as_str(), Some(to.as_str()), "promote").await;
            match moved {
                Ok(()) => {
                    let (version, held) = self.fetch(at, &Which::Current, "promote").await.map_err(perhaps)?;
                    if !same_value(&held, value) {
                        // The service shows a change in its own time, or somebody else moved it after us: to be tried
                        // again, which moves nothing twice.
                        return Err(unseen("promote", at));
                    }
                    version
                }
                Err(failure) => self.after_failure(at, staged, value, failure).await?,
            }
        };
        self.settle(at, &current).await.map_err(perhaps)?;
        Ok(current)
    }

    async fn fence(
        &self,
        at: &StorePath,
        staged: &Staged,
        value: &Secret,
        label: &Label,
    ) -> Result<Version, StoreError> {
        let (current, held) = self.fetch(at, &Which::Current, "fence").await?;
        if !same_value(&held, value) {
            return Err(StoreError::Conflict { at: at.clone() });
        }
        if current != staged.previous {
            return Ok(current);
        }
        // A late move names the version that it leaves, so it fails once another version is current. This move names
        // the one that was looked at for the same reason: writing alone would take the stage from whoever holds it.
        let id = version_id(&fence_label(label));
        self.put(at, &id, value, FENCE, "fence").await?;
        self.move_stage(at, CURRENT, current.as_str(), Some(&id), "fence").await?;
        self.move_stage(at, FENCE, &id, None, "fence").await.map_err(perhaps)?;
        let (current, held) = self.fetch(at, &Which::Current, "fence").await.map_err(perhaps)?;
        match (current.as_str() == id, same_value(&held, value)) {
            (true, true) => Ok(current),
            _ => Err(unseen("fence", at)),
        }
    }

    async fn discard(&self, at: &StorePath, label: &Label) -> Result<(), StoreError> {
        let stages = match self.describe(at, "discard").await {
            Err(StoreError::Missing { .. }) => return Ok(()),
            described => described?,
        };
        let id = version_id(label);
        let held = stages.of(&id);
        if held.iter().any(|stage| stage == CURRENT) {
            return Ok(());
        }
        // A version without stages is deprecated: the service forgets it in its own time.
        for stage in held {
            self.move_stage(at, stage, &id, None, "discard").await?;
        }
        Ok(())
    }
}

/// The id of the version that a label writes: 32 to 64 characters, the same for the same label.
fn version_id(label: &Label) -> String {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(label.as_str().as_bytes()));
    format!("{OURS}{}", digest.get(..40).unwrap_or(&digest))
}

/// A change that somebody else began must not be overwritten. One that is ours is overtaken; a version that is current
/// as well waits for nothing.
fn refuse_foreign(stages: &Stages, at: &StorePath) -> Result<(), StoreError> {
    match stages.holder(PENDING) {
        Some(waiting) if !waiting.starts_with(OURS) && stages.holder(CURRENT) != Some(waiting) => {
            Err(StoreError::Pending { at: at.clone(), version: Version::new(waiting) })
        }
        _ => Ok(()),
    }
}

/// After a stage was moved, a failure to look says nothing of the move.
fn perhaps(error: StoreError) -> StoreError {
    match error {
        StoreError::NoAnswer { act, at, .. } | StoreError::Refused { act, at, .. } => unseen(act, &at),
        StoreError::Missing { at } => unseen("promote", &at),
        other => other,
    }
}

fn unseen(act: &'static str, at: &StorePath) -> StoreError {
    StoreError::NoAnswer { act, at: at.clone(), happened: Happened::Perhaps }
}

/// Decides on the HTTP status first: not every answer has a code that can be read. `unanswered` says whether an act
/// without an answer could have happened.
fn failure<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    act: &'static str,
    at: &StorePath,
    unanswered: Happened,
) -> StoreError {
    let at = at.clone();
    let SdkError::ServiceError(service) = error else {
        let sent = !matches!(error, SdkError::ConstructionFailure(_));
        return StoreError::NoAnswer { act, at, happened: if sent { unanswered } else { Happened::No } };
    };
    let status = service.raw().status().as_u16();
    let code = service.err().code().unwrap_or_default();
    match (status, code) {
        (_, "ResourceNotFoundException") => StoreError::Missing { at },
        (429, _) | (400, "ThrottlingException" | "LimitExceededException" | "RequestLimitExceeded") => {
            StoreError::NoAnswer { act, at, happened: Happened::No }
        }
        (400..=499, code) => StoreError::Refused { act, at, code: plain(status, code) },
        _ => StoreError::NoAnswer { act, at, happened: unanswered },
    }
}

/// The status, and the code where it is one word.
fn plain(status: u16, code: &str) -> String {
    if !code.is_empty() && code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric()) {
        format!("{status} {code}")
    } else {
        status.to_string()
    }
}

#[expect(clippy::disallowed_methods, reason = "the client signs its requests with the key")]
fn signer(key: &AwsKey) -> Result<Credentials, StoreError> {
    let text = |secret: &Secret| {
        String::from_utf8(secret.expose().to_vec()).map_err(|_| problem("the key is not text: check its file"))
    };
    let session = key.session.as_ref().map(text).transpose()?;
    Ok(Credentials::new(&key.id, text(&key.secret)?, session, None, "stanch"))
}

fn problem(problem: &'static str) -> StoreError {
    StoreError::Settings { store: "aws", problem }
}

#[cfg(test)]
mod tests;
