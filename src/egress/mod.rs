//! The way out: the only code that speaks HTTP to others. A request goes to the hosts that its caller names, over TLS,
//! to public addresses; a plain or private origin is reached only if the configuration names it, to the letter.
//!
//! What does not happen here, on purpose: no redirects, no cookies, no compression, no repeated requests, no kept
//! connections, and no proxy from the environment (`HTTPS_PROXY` would hand secrets to whoever sets it). Trust is the
//! system's certificate store; `SSL_CERT_FILE` adds the authority of a self-hosted instance.

mod client;
mod group;
mod policy;

pub use client::{Egress, Opened};
pub use group::Group;
pub use policy::{Allowed, Endpoint, endpoint};

use crate::model::{Happened, Secret};
use std::time::Duration;

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect, TLS included.
    pub connect: Duration,
    /// For the whole exchange.
    pub total: Duration,
    /// Bytes of a reply's body.
    pub reply_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(20), reply_bytes: 1 << 20 }
    }
}

/// What is sent. Any part may hold a secret.
#[derive(Debug)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// The whole URL.
    pub url: Secret,
    /// Names and values; every value is treated as a secret.
    pub headers: Vec<(String, Secret)>,
    /// The body.
    pub body: Option<Secret>,
}

impl Request {
    /// A `GET` without headers.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self { method: "GET", url: Secret::new(url.as_bytes().to_vec()), headers: Vec::new(), body: None }
    }
}

/// A whole reply.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// How long it asks to wait, at most an hour.
    pub retry_after: Option<Duration>,
    /// Where it says that more is to be had: the `Link` header, as it came.
    pub link: Option<String>,
    /// The body, as it came.
    pub body: Secret,
}

/// Why there is no reply. Holds public facts only: an origin, never a path, a header or a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// A URL cannot be used.
    #[error("this is not a usable url: {why}")]
    Url {
        /// What is wrong with it, and what to do.
        why: &'static str,
    },
    /// A host that the caller did not name.
    #[error("{origin} is not among the allowed hosts; name it in the rule's hosts or in the configuration")]
    Foreign {
        /// Scheme, host and port.
        origin: String,
    },
    /// A name that leads to an address of a private network.
    #[error("{origin} leads to a private address; name this origin in the configuration if that is meant")]
    Private {
        /// Scheme, host and port.
        origin: String,
    },
    /// A header or method that cannot be sent.
    #[error("the header {name} cannot be sent: its value holds line breaks or other control characters")]
    Header {
        /// Which.
        name: String,
    },
    /// No connection: the request never left.
    #[error("no connection to {origin}")]
    Connect {
        /// Scheme, host and port.
        origin: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The request left, perhaps in part; no whole reply came.
    #[error("no whole reply from {origin}")]
    Lost {
        /// Scheme, host and port.
        origin: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The reply is longer than allowed.
    #[error("the reply from {origin} is longer than {limit} bytes")]
    TooLong {
        /// Scheme, host and port.
        origin: String,
        /// The limit.
        limit: usize,
    },
    /// The client itself cannot be made.
    #[error("no http client can be made; check the system's certificate store")]
    Client {
        /// Why.
        source: reqwest::Error,
    },
}

impl EgressError {
    /// Could the request have had its effect all the same?
    #[must_use]
    pub fn happened(&self) -> Happened {
        match self {
            Self::Lost { .. } | Self::TooLong { .. } => Happened::Perhaps,
            Self::Url { .. }
            | Self::Foreign { .. }
            | Self::Private { .. }
            | Self::Header { .. }
            | Self::Connect { .. }
            | Self::Client { .. } => Happened::No,
        }
    }
}

#[cfg(test)]
mod tests;
