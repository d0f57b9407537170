//! Access keys of AWS IAM users: at most two, side by side; disabled before they are deleted.
//!
//! The key's own user can be asked who it is without any permission; everything else is done with an authority that may
//! `iam:CreateAccessKey`, `ListAccessKeys`, `UpdateAccessKey`, `DeleteAccessKey` and `GetAccessKeyLastUsed` on that user.
//! Keys of another partition look dead from here, so the region must be the right one. Session tokens that were made
//! with a key (`ASIA…`) outlive it until they expire. The SDK's client goes through `HTTPS_PROXY` if that is set; TLS
//! still ends at AWS.

use super::{Listed, Minted, Provider, ProviderError, Revoked, Scopes, liked, warranted};
use crate::clock::Clock;
use crate::egress::Endpoint;
use crate::model::{
    Abilities, Chooser, Class, Credential, Happened, Label, Quota, Reason, Secret, Timestamp, TokenId, Usage, Use,
    Verdict,
};
use crate::rotation::Warrant;
use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::config::timeout::TimeoutConfig;
use aws_sdk_iam::config::{BehaviorVersion, Region, SharedCredentialsProvider};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};

use aws_sdk_iam::primitives::DateTime;
use aws_sdk_iam::types::StatusType;
use std::sync::Arc;
use std::time::Duration;

/// How long a use may take to show. AWS promises nothing; "not used" is never read from one early look.
const LAG: Duration = Duration::from_secs(4 * 3600);

/// More pages of keys than any user can have.
const PAGES: usize = 10;

/// Whose rights are used to mint and to end keys.
#[derive(Debug)]
pub enum Authority {
    /// This key.
    Key {
        /// Its id.
        id: String,
        /// Its secret.
        secret: Secret,
        /// The session token of a temporary key.
        session: Option<Secret>,
    },
    /// What the SDK finds: environment, profile, the machine's role.
    DefaultChain,
}

/// Which AWS, and by what right. All of it comes from the configuration.
#[derive(Debug)]
pub struct Setting {
    /// The region that is asked; it names the partition too.
    pub region: String,
    /// Another address than AWS's own.
    pub endpoint: Option<Endpoint>,
    /// The user whose keys these are; looked up by key where it is not named.
    pub user: Option<String>,
    /// By what right.
    pub authority: Authority,
}

/// IAM access keys.
pub struct AwsIamProvider {
    iam: aws_sdk_iam::Client,
    sts: aws_sdk_sts::Client,
    user: Option<String>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for AwsIamProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsIamProvider").field("user", &self.user).finish_non_exhaustive()
    }
}

impl AwsIamProvider {
    /// Prepares the clients; asks nothing yet. They repeat nothing by themselves: a repeated `CreateAccessKey` would fill
    /// the second slot.
    ///
    /// # Errors
    /// When the authority's secret is not text.
    pub async fn new(setting: Setting, clock: Arc<dyn Clock>) -> Result<Self, ProviderError> {
        let Setting { region, endpoint, user, authority } = setting;
        let region = Region::new(region);
        let times = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_timeout(Duration::from_secs(20))
            .build();
        let mut iam = aws_sdk_iam::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(times.clone());
        iam.set_credentials_provider(provider(authority, &region).await?);
        let mut sts = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .retry_config(RetryConfig::disabled())
            .timeout_config(times);
        if let Some(endpoint) = endpoint {
            iam = iam.endpoint_url(endpoint.as_str());
            sts = sts.endpoint_url(endpoint.as_str());
        }
        let (iam, sts) = (aws_sdk_iam::Client::from_conf(iam.build()), aws_sdk_sts::Client::from_conf(sts.build()));
        Ok(Self { iam, sts, user, clock })
    }

    /// The user that holds a key; [`None`] where there is no such key.
    async fn user(&self, act: &'static str, key: &TokenId) -> Result<Option<String>, ProviderError> {
        if let Some(user) = &self.user {
            return Ok(Some(user.clone()));
        }
        let found = self.iam.get_access_key_last_used().access_key_id(key.as_str()).send().await;
        match found {
            Ok(found) => Ok(found.user_name().map(str::to_owned)),
            Err(error) if is_gone(&error) => Ok(None),
            // The look-up changes nothing, so the act itself surely did not happen.
            Err(error) => Err(unchanged(failed(act, &error))),
        }
    }

    async fn holder(&self, act: &'static str, key: &TokenId) -> Result<String, ProviderError> {
        let user = self.user(act, key).await?;
        user.ok_or_else(|| ProviderError::Refused { act, code: "no user holds this key; name the user".to_owned() })
    }

    async fn last_used(&self, act: &'static str, key: &TokenId) -> Result<Option<Timestamp>, ProviderError> {
        let found = self.iam.get_access_key_last_used().access_key_id(key.as_str()).send().await;
        let found = found.map_err(|error| unchanged(failed(act, &error)))?;
        Ok(found.access_key_last_used().and_then(|used| used.last_used_date()).and_then(timestamp))
    }
}

async fn provider(authority: Authority, region: &Region) -> Result<Option<SharedCredentialsProvider>, ProviderError> {
    match authority {
        Authority::Key { id, secret, session } => {
            let key = credentials(&id, &secret, session.as_ref());
            let unreadable =
                || ProviderError::Refused { act: "use the authority's key", code: "its secret is not text".to_owned() };
            Ok(Some(SharedCredentialsProvider::new(key.ok_or_else(unreadable)?)))
        }
        Authority::DefaultChain => {
            let found = aws_config::defaults(BehaviorVersion::latest()).region(region.clone()).load().await;
            Ok(found.credentials_provider())
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the key is handed to the client that signs with it")]
fn credentials(id: &str, secret: &Secret, session: Option<&Secret>) -> Option<Credentials> {
    let text = |secret: &Secret| std::str::from_utf8(secret.expose()).ok().map(str::to_owned);
    let session = match session {
        Some(session) => Some(text(session)?),
        None => None,
    };
    Some(Credentials::new(id, text(secret)?, session, None, "stanch"))
}

/// The id of a credential's key: its handle, or what was found beside the secret.
fn key_id(credential: &Credential) -> Option<TokenId> {
    credential.token.clone().or_else(|| {
        let names = ["id", "key_id", "access_key_id"];
        let id = names.iter().find_map(|name| credential.companions.find(name))?;
        #[expect(clippy::disallowed_methods, reason = "the id of a key is not a secret")]
        let id = std::str::from_utf8(id.expose()).ok()?;
        Some(TokenId::new(id))
    })
}

fn timestamp(at: &DateTime) -> Option<Timestamp> {
    at.to_millis().ok().and_then(|at| u64::try_from(at).ok()).map(Timestamp)
}

fn is_gone<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    code(error) == Some("NoSuchEntity")
}

/// The error code of an answer: as the SDK reads it, else the one that the body holds in an envelope that the SDK does
/// not know (servers that imitate AWS differ there).
fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error()?.code().or_else(|| {
        let body = std::str::from_utf8(error.raw_response()?.body().bytes()?).ok()?;
        let (_, after) = body.split_once("<Code>")?;
        let (code, _) = after.split_once("</Code>")?;
        (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
    })
}

/// What a failed call means. Only an answer of the service with a code of its own, and not a fault of its own, says that
/// nothing happened.
fn failed<E>(act: &'static str, error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let lost = |happened, why| ProviderError::NoAnswer { act, happened, why };
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            match code(error) {
                Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException") => {
                    ProviderError::Throttled { act, after: Duration::from_secs(5) }
                }
                Some("LimitExceeded") => ProviderError::Quota,
                Some(code) if (400..500).contains(&status) => ProviderError::Refused { act, code: code.to_owned() },
                Some(_) | None => lost(Happened::Perhaps, Reason::Unexpected),
            }
        }
        SdkError::ConstructionFailure(_) => {
            ProviderError::Refused { act, code: "the request cannot be made or signed".to_owned() }
        }
        SdkError::DispatchFailure(_) if was_refused(error) => lost(Happened::No, Reason::Unreachable),
        SdkError::ResponseError(_) => lost(Happened::Perhaps, Reason::Unexpected),
        _ => lost(Happened::Perhaps, Reason::Unreachable),
    }
}

/// True when the connection itself was refused: then nothing was sent.
fn was_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn unchanged(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::NoAnswer { act, why, .. } => ProviderError::NoAnswer { act, happened: Happened::No, why },
        other => other,
    }
}

/// What a refused signature says of the key. The code decides, on an answer with a refusing status.
fn refusal(status: u16, code: Option<&str>) -> Verdict {
    match (status, code) {
        // The id is unknown, deleted or disabled; or the session is over.
        (400..=499, Some("InvalidClientTokenId" | "ExpiredToken" | "ExpiredTokenException")) => Verdict::Dead,
        // The id is known and the secret is another: this pair does not work, but the key may well.
        (400..=499, Some("SignatureDoesNotMatch")) => Verdict::Unknown(Reason::Rejected),
        (_, Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded")) | (429, _) => {
            Verdict::Unknown(Reason::Throttled)
        }
        _ => Verdict::Unknown(Reason::Unexpected),
    }
}

#[async_trait]
impl Provider for AwsIamProvider {
    fn abilities(&self) -> Abilities {
        Abilities {
            class: Class::Overlap,
            chooser: Chooser::Server,
            quota: Quota::AtMost(2),
            mint: true,
            list: true,
            find: false,
            disable: true,
            revoke: true,
            sessions: false,
            usage: true,
            scopes: false,
            in_parts: false,
        }
    }

    /// Asks the key who it is: needs no permission, and is recorded as a use of the key.
    async fn verify(&self, credential: &Credential) -> Verdict {
        let (Some(id), Some(secret)) = (key_id(credential), &credential.secret) else {
            return Verdict::Unknown(Reason::Missing);
        };
        let session = credential.companions.find("session_token");
        let Some(key) = credentials(id.as_str(), secret, session) else {
            return Verdict::Unknown(Reason::Unreadable);
        };
        let as_key = aws_sdk_sts::Config::builder().credentials_provider(key);
        match self.sts.get_caller_identity().customize().config_override(as_key).send().await {
            Ok(_) => Verdict::Live(id),
            Err(error @ SdkError::ServiceError(_)) => {
                refusal(error.raw_response().map_or(0, |raw| raw.status().as_u16()), code(&error))
            }
            Err(SdkError::ResponseError(_) | SdkError::ConstructionFailure(_)) => Verdict::Unknown(Reason::Unexpected),
            Err(_) => Verdict::Unknown(Reason::Unreachable),
        }
    }

    async fn mint(&self, like: &Credential, _label: &Label, _chosen: Option<&Secret>) -> Result<Minted, ProviderError> {
        const ACT: &str = "create an access key";
        let user = self.holder(ACT, liked(ACT, like)?).await?;
        let made = self.iam.create_access_key().user_name(user).send().await.map_err(|error| failed(ACT, &error))?;
        let unreadable = ProviderError::NoAnswer { act: ACT, happened: Happened::Perhaps, why: Reason::Unexpected };
        let key = made.access_key.ok_or(unreadable)?;
        Ok(Minted {
            token: TokenId::new(key.access_key_id),
            secret: Secret::new(key.secret_access_key.into_bytes()),
            ends: None,
        })
    }

    /// All keys of the user: a disabled one fills a slot too.
    async fn list(&self, like: &TokenId) -> Result<Vec<Listed>, ProviderError> {
        const ACT: &str = "list access keys";
        let user = self.holder(ACT, like).await?;
        let (mut listed, mut marker) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = self.iam.list_access_keys().user_name(&user).set_marker(marker).send().await;
            let page = page.map_err(|error| unchanged(failed(ACT, &error)))?;
            for key in page.access_key_metadata() {
                if let Some(id) = key.access_key_id() {
                    let token = TokenId::new(id);
                    let used = self.last_used(ACT, &token).await?;
                    listed.push(Listed { token, created: key.create_date().and_then(timestamp), used });
                }
            }
            if !page.is_truncated() {
                return Ok(listed);
            }
            marker = page.marker().map(str::to_owned);
        }
        Err(ProviderError::NoAnswer { act: ACT, happened: Happened::No, why: Reason::Unexpected })
    }

    /// A key has the rights of its user, whatever those are.
    async fn scopes(&self, _of: &Credential) -> Result<Scopes, ProviderError> {
        Ok(Scopes::CannotKnow)
    }

    async fn find(&self, _label: &Label) -> Result<Vec<TokenId>, ProviderError> {
        Err(ProviderError::Unsupported { act: "find access keys by label" })
    }

    async fn disable(&self, warrant: &Warrant, credential: &Credential) -> Result<(), ProviderError> {
        const ACT: &str = "disable an access key";
        let key = warranted(ACT, warrant, credential)?;
        let Some(user) = self.user(ACT, key).await? else { return Ok(()) };
        let update = self.iam.update_access_key().user_name(user).access_key_id(key.as_str());
        match update.status(StatusType::Inactive).send().await {
            Ok(_) => Ok(()),
            // A key that is gone is of no use either.
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(failed(ACT, &error)),
        }
    }

    async fn revoke(&self, warrant: &Warrant, credential: &Credential) -> Result<Revoked, ProviderError> {
        const ACT: &str = "delete an access key";
        let key = warranted(ACT, warrant, credential)?;
        let Some(user) = self.user(ACT, key).await? else { return Ok(Revoked::AlreadyGone) };
        match self.iam.delete_access_key().user_name(user).access_key_id(key.as_str()).send().await {
            Ok(_) => Ok(Revoked::Accepted),
            Err(error) if is_gone(&error) => Ok(Revoked::AlreadyGone),
            Err(error) => Err(failed(ACT, &error)),
        }
    }

    async fn end_sessions(&self, _warrant: &Warrant, _credential: &Credential) -> Result<u64, ProviderError> {
        Err(ProviderError::Unsupported { act: "end the sessions of an access key" })
    }

    /// The last use alone, without its origin, and late.
    async fn usage(&self, token: &TokenId, since: Timestamp) -> Result<Usage, ProviderError> {
        let up_to = Timestamp(self.clock.now().0.saturating_sub(u64::try_from(LAG.as_millis()).unwrap_or(u64::MAX)));
        let last = self.last_used("read an access key's last use", token).await?;
        Ok(match last.filter(|at| *at >= since) {
            Some(at) => Usage::Seen(vec![Use { at: Some(at), origin: String::new() }]),
            None => Usage::NoneSeen(up_to),
        })
    }
}

#[cfg(test)]
mod tests;
