//! What the daemon is told by the operator's file: where it listens, which repositories it watches, whom it alerts.

use super::policy::Span;
use super::secret::SecretSource;
use crate::model::Urgency;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The `daemon` part of the operator's file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Where webhooks are received; nowhere if not given.
    pub listen: Option<SocketAddr>,
    /// Where health and metrics are served; nowhere if not given.
    pub health: Option<SocketAddr>,
    /// How often every watched path is looked at, events or not.
    pub poll: Option<Span>,
    /// How long open rotations may take to come to a record after SIGTERM.
    pub drain: Option<Span>,
    /// How often tokens with our label are looked for that are nobody's; never where it is `0s`.
    pub sweep: Option<Span>,
    /// How long such a token is disabled before it is ended, where its provider can disable.
    pub quarantine: Option<Span>,
    /// The address of pages about cases, for links in alerts.
    pub link: Option<String>,
}

impl Service {
    /// How often every watched path is looked at.
    #[must_use]
    pub fn poll(&self) -> Duration {
        self.poll.map_or(Duration::from_secs(60), |Span(span)| span)
    }

    /// How often strays are looked for.
    #[must_use]
    pub fn sweep(&self) -> Duration {
        self.sweep.map_or(Duration::from_secs(6 * 3600), |Span(span)| span)
    }

    /// How long a stray is out of use before it is ended.
    #[must_use]
    pub fn quarantine(&self) -> Duration {
        self.quarantine.map_or(Duration::from_secs(24 * 3600), |Span(span)| span)
    }

    /// How long a drain may take.
    #[must_use]
    pub fn drain(&self) -> Duration {
        self.drain.map_or(Duration::from_secs(60), |Span(span)| span)
    }
}

/// What the daemon watches.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Watched {
    /// A work tree or a bare repository on this machine.
    Path {
        /// Where.
        path: PathBuf,
    },
    /// One remote repository.
    Git {
        /// Its address, without user or password.
        url: String,
        /// The user name that goes with the token.
        user: Option<String>,
        /// What it is read with.
        token: Option<SecretSource>,
        /// How often it is fetched, webhooks or not.
        every: Option<Span>,
        /// Who calls us when something was pushed.
        webhook: Option<Webhook>,
    },
    /// All repositories of an organisation (a group, a workspace) at a forge.
    Forge {
        /// Which.
        forge: Forge,
        /// Its name there.
        organisation: String,
        /// The base address of a self-hosted instance.
        base: Option<String>,
        /// The user name that goes with the token.
        user: Option<String>,
        /// What it is read with.
        token: Option<SecretSource>,
        /// How often repositories are listed and fetched, webhooks or not.
        every: Option<Span>,
        /// Repositories that are left out, by name.
        #[serde(default)]
        exclude: Vec<String>,
        /// The secret that its webhooks are signed with.
        webhook: Option<SecretSource>,
    },
}

impl Watched {
    /// What is wrong with it; `is_listening` says whether calls can arrive.
    pub(super) fn problem(&self, is_listening: bool) -> Option<&'static str> {
        let (address, calls) = match self {
            Self::Path { .. } => return None,
            Self::Git { url, webhook, .. } => (Some(url), webhook.is_some()),
            Self::Forge { base, webhook, .. } => (base.as_ref(), webhook.is_some()),
        };
        let parts = address.and_then(|address| address.split_once("://"));
        let user = parts.and_then(|(_, rest)| rest.split('/').next()).and_then(|host| host.rsplit_once('@'));
        // The user of ssh is a name; over HTTP it is a token as often as not.
        let is_secret =
            user.is_some_and(|(user, _)| user.contains(':') || parts.is_some_and(|(scheme, _)| scheme != "ssh"));
        if address.is_some() && parts.is_none() {
            Some("has an address that is none: begin it with https://, ssh://, http:// or file://")
        } else if is_secret {
            Some("has a user or a password in its address: use 'user' and 'token'")
        } else if calls && !is_listening {
            Some("has a webhook, but nothing listens: write daemon: { listen: '127.0.0.1:8480' }")
        } else {
            None
        }
    }

    /// The paths in it.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        match self {
            Self::Path { path } => Some(path),
            Self::Git { .. } | Self::Forge { .. } => None,
        }
        .into_iter()
    }

    /// Where its secrets come from.
    pub(super) fn secrets(&mut self) -> Vec<&mut SecretSource> {
        match self {
            Self::Path { .. } => Vec::new(),
            Self::Git { token, webhook, .. } => {
                token.iter_mut().chain(webhook.iter_mut().map(|webhook| &mut webhook.secret)).collect()
            }
            Self::Forge { token, webhook, .. } => token.iter_mut().chain(webhook).collect(),
        }
    }
}

/// A webhook of a single repository.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Who sends it.
    pub from: Forge,
    /// What it is signed with.
    pub secret: SecretSource,
}

/// A forge, by the shape of its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forge {
    /// GitHub and GitHub Enterprise Server.
    Github,
    /// GitLab.
    Gitlab,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Gitea and Forgejo.
    Gitea,
}

/// Who is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Only what is at least so urgent.
    #[serde(default)]
    pub from: Urgency,
    /// How.
    pub to: AlertSink,
}

/// How somebody is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "driver", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AlertSink {
    /// A POST of JSON, signed.
    Webhook {
        /// The address; it may hold a token, so it is a secret.
        url: SecretSource,
        /// What the body is signed with.
        secret: SecretSource,
    },
    /// A Slack incoming webhook.
    Slack {
        /// The address, which is a secret.
        url: SecretSource,
    },
    /// A Teams workflow webhook.
    Teams {
        /// The address, which is a secret.
        url: SecretSource,
    },
    /// PagerDuty Events v2.
    PagerDuty {
        /// The integration's key.
        routing_key: SecretSource,
        /// Another endpoint than PagerDuty's.
        endpoint: Option<String>,
    },
    /// Mail.
    Mail {
        /// Host and port.
        server: String,
        /// Transport security.
        #[serde(default)]
        tls: MailTls,
        /// The account.
        user: Option<String>,
        /// Its password.
        password: Option<SecretSource>,
        /// The sender.
        from: String,
        /// The receivers.
        to: Vec<String>,
    },
    /// RFC 5424 over `udp://host:port` or `tcp://host:port`.
    Syslog {
        /// The address.
        address: String,
    },
    /// GELF 1.1 over `udp://`, `tcp://`, `http://` or `https://`.
    Gelf {
        /// The address.
        address: String,
    },
}

impl AlertSink {
    /// Where its secrets come from.
    pub(super) fn secrets(&mut self) -> Vec<&mut SecretSource> {
        match self {
            Self::Webhook { url, secret } => vec![url, secret],
            Self::Slack { url } | Self::Teams { url } => vec![url],
            Self::PagerDuty { routing_key, .. } => vec![routing_key],
            Self::Mail { password, .. } => password.iter_mut().collect(),
            Self::Syslog { .. } | Self::Gelf { .. } => Vec::new(),
        }
    }
}

/// Transport security of mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// STARTTLS, required.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// In clear: for a relay on this machine.
    None,
}
