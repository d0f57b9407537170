//! Calls of a forge: who sent one is proved before a byte of it is read.
//!
//! | forge | proof | id | event |
//! |---|---|---|---|
//! | GitHub | `X-Hub-Signature-256` | `X-GitHub-Delivery` | `X-GitHub-Event` |
//! | GitLab, signing token (`whsec_…`) | `webhook-signature` over id, time and body | `webhook-id` | `X-Gitlab-Event` |
//! | GitLab, secret token | `X-Gitlab-Token` | `Idempotency-Key`, before 17.4 `X-Gitlab-Event-UUID` | `X-Gitlab-Event` |
//! | Bitbucket Cloud | `X-Hub-Signature` | `X-Request-UUID` | `X-Event-Key` |
//! | Gitea, Forgejo | `X-Gitea-Signature` | `X-Gitea-Delivery` | `X-Gitea-Event` |
//!
//! A call is a reason to look, nothing more: of its content only the repository's identity is used, and the names of
//! objects that git is asked for. A captured call that is sent again under another id makes us look once more.

mod content;

use crate::config::service::Forge;
use crate::model::Secret;
use content::Content;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// No forge sends more: GitHub's limit is 25 MB, the others' are lower or can be set lower.
pub const LARGEST_BODY: usize = 25 << 20;

/// The longest name and id that are taken.
const LONGEST_NAME: usize = 512;

/// What GitLab's signing tokens begin with.
const SIGNING: &[u8] = b"whsec_";

/// A call that was proved to be the forge's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its id, which a redelivery repeats.
    pub delivery: String,
    /// What it is about.
    pub event: Event,
}

/// What a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was pushed.
    Push(Named),
    /// Something else that makes a look worth while: a repository or reference was made or changed, the forge itself
    /// saw a secret.
    Look(Named),
    /// The forge tries the webhook out.
    Ping,
    /// None of our business.
    Other,
}

/// A repository, as a call names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its full name, for instance `acme/shop`.
    pub name: String,
    /// Its addresses.
    pub urls: Vec<String>,
    /// Objects that the call names, old and new, in hexadecimal: a commit that was pushed and taken back at once is found
    /// by its name alone.
    pub objects: Vec<String>,
}

/// Why a call is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The secret in the configuration cannot be one of this forge.
    #[error("the webhook's secret is empty or no valid signing token: check the operator's file")]
    Secret,
    /// It has no signature.
    #[error("the call is not signed: set the secret of the operator's file at the forge too")]
    Unsigned,
    /// Its signature is wrong.
    #[error("the call's signature is wrong: the secret at the forge is not the one of the operator's file")]
    Forged,
    /// It is larger than any forge sends.
    #[error("the call is larger than {LARGEST_BODY} bytes")]
    TooLarge,
    /// It has no id.
    #[error("the call has no usable id")]
    Unnamed,
    /// It is signed and yet not what the forge's documentation describes.
    #[error("the call names no repository in the way of this forge: check that it sends json")]
    Malformed,
}

/// Reads a call. `header` gives a header by its name, in lower case; `body` is what came, to the byte.
///
/// # Errors
/// [`WebhookError`]; nothing of an unproved call was looked at.
pub fn read(
    forge: Forge,
    header: &dyn Fn(&str) -> Option<String>,
    body: &[u8],
    secret: &Secret,
) -> Result<Call, WebhookError> {
    if body.len() > LARGEST_BODY {
        return Err(WebhookError::TooLarge);
    }
    prove(forge, header, body, secret)?;
    let delivery = delivery(forge, header, body)?;
    let key = match forge {
        Forge::Github => "x-github-event",
        Forge::Gitlab => "x-gitlab-event",
        Forge::Bitbucket => "x-event-key",
        Forge::Gitea => "x-gitea-event",
    };
    let event = header(key).ok_or(WebhookError::Malformed)?;
    let sort = Sort::of(forge, event.trim());
    let event = match sort {
        Sort::Ping => Event::Ping,
        Sort::Other => Event::Other,
        Sort::Push | Sort::Look => {
            let content: Content = serde_json::from_slice(body).map_err(|_| WebhookError::Malformed)?;
            match (content.named(), sort) {
                (Some(named), Sort::Push) => Event::Push(named),
                (Some(named), _) => Event::Look(named),
                // GitLab's system hooks tell of users and groups under one name with the rest.
                (None, Sort::Look) if forge == Forge::Gitlab => Event::Other,
                (None, _) => return Err(WebhookError::Malformed),
            }
        }
    };
    Ok(Call { delivery, event })
}

fn prove(
    forge: Forge,
    header: &dyn Fn(&str) -> Option<String>,
    body: &[u8],
    secret: &Secret,
) -> Result<(), WebhookError> {
    #[expect(clippy::disallowed_methods, reason = "what the call is signed with")]
    let key = secret.expose();
    if key.is_empty() {
        return Err(WebhookError::Secret);
    }
    let said = |name: &str| header(name).ok_or(WebhookError::Unsigned);
    let (signature, prefix) = match forge {
        Forge::Gitlab => {
            return match key.strip_prefix(SIGNING) {
                Some(key) => prove_standard(&said, body, key),
                // Two digests are compared: the time that takes tells nothing of the word, not even its length.
                None => {
                    let expected = signed(key, &[key])?.finalize().into_bytes();
                    let shown = signed(key, &[said("x-gitlab-token")?.as_bytes()])?;
                    shown.verify_slice(&expected).map_err(|_| WebhookError::Forged)
                }
            };
        }
        Forge::Github => (said("x-hub-signature-256")?, "sha256="),
        Forge::Bitbucket => (said("x-hub-signature")?, "sha256="),
        Forge::Gitea => (said("x-gitea-signature")?, ""),
    };
    let hex = signature.strip_prefix(prefix).ok_or(WebhookError::Forged)?;
    let signature = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| WebhookError::Forged)?;
    let signed = signed(key, &[body])?;
    signed.verify_slice(&signature).map_err(|_| WebhookError::Forged)
}

/// The scheme of the Standard Webhooks specification: any of several signatures, each with its version.
fn prove_standard(
    said: &dyn Fn(&str) -> Result<String, WebhookError>,
    body: &[u8],
    key: &[u8],
) -> Result<(), WebhookError> {
    let key = data_encoding::BASE64.decode(key).map(zeroize::Zeroizing::new).map_err(|_| WebhookError::Secret)?;
    if key.is_empty() {
        return Err(WebhookError::Secret);
    }
    let (id, at, signatures) = (said("webhook-id")?, said("webhook-timestamp")?, said("webhook-signature")?);
    let signed = signed(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", body])?;
    let given = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let mut given = given.take(8).filter_map(|one| data_encoding::BASE64.decode(one.as_bytes()).ok());
    let good = given.any(|one| signed.clone().verify_slice(&one).is_ok());
    if good { Ok(()) } else { Err(WebhookError::Forged) }
}

fn signed(key: &[u8], parts: &[&[u8]]) -> Result<Hmac<Sha256>, WebhookError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| WebhookError::Secret)?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac)
}

fn delivery(forge: Forge, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Result<String, WebhookError> {
    let usable =
        |id: &String| !id.is_empty() && id.len() <= LONGEST_NAME && id.bytes().all(|byte| byte.is_ascii_graphic());
    let named = |name: &str| header(name).map(|id| id.trim().to_owned()).filter(usable);
    let id = match forge {
        Forge::Github => named("x-github-delivery"),
        Forge::Bitbucket => named("x-request-uuid"),
        Forge::Gitea => named("x-gitea-delivery"),
        Forge::Gitlab => named("webhook-id").or_else(|| named("idempotency-key")).or_else(|| {
            // Calls that other calls set off share this one.
            let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(body));
            named("x-gitlab-event-uuid").map(|id| format!("{id}:{digest}"))
        }),
    };
    id.ok_or(WebhookError::Unnamed)
}

/// What sort of event a forge's own word is.
#[derive(Clone, Copy)]
enum Sort {
    Push,
    Look,
    Ping,
    Other,
}

impl Sort {
    fn of(forge: Forge, event: &str) -> Self {
        match (forge, event) {
            (Forge::Github | Forge::Gitea, "push")
            | (Forge::Gitlab, "Push Hook" | "Tag Push Hook")
            | (Forge::Bitbucket, "repo:push") => Self::Push,
            (
                Forge::Github,
                "create"
                | "delete"
                | "repository"
                | "secret_scanning_alert"
                | "secret_scanning_alert_location"
                | "pull_request"
                | "public",
            )
            | (Forge::Gitlab, "Merge Request Hook" | "Project Hook" | "System Hook")
            | (
                Forge::Bitbucket,
                "repo:created"
                | "repo:imported"
                | "repo:transfer"
                | "repo:updated"
                | "pullrequest:created"
                | "pullrequest:updated",
            )
            | (Forge::Gitea, "create" | "delete" | "repository" | "pull_request" | "pull_request_sync") => Self::Look,
            (Forge::Github, "ping") => Self::Ping,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests;
