//! One POST to an address that the operator named. The address is a secret: no error tells more than whose it is.

use super::AlertError;
use crate::egress::{Allowed, Egress, EgressError, Request, endpoint};
use crate::model::{Happened, Secret};
use std::sync::Arc;
use url::{Host, Url};

/// Where one sink posts to.
#[derive(Debug)]
pub(super) struct Post {
    sink: String,
    url: Secret,
    allowed: Allowed,
    egress: Arc<Egress>,
}

/// Whether an address may be plain `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clear {
    /// To this machine alone: the address, or what is sent, opens something.
    Loopback,
    /// Wherever the operator says.
    Anywhere,
}

impl Post {
    /// Checks an address.
    pub(super) fn new(sink: &str, url: Secret, clear: Clear, egress: Arc<Egress>) -> Result<Self, AlertError> {
        let wrong =
            |problem: &str| AlertError::Settings { sink: sink.to_owned(), problem: format!("its address {problem}") };
        #[expect(clippy::disallowed_methods, reason = "the address is parsed; errors do not repeat it")]
        let parsed = std::str::from_utf8(url.expose()).ok().and_then(|text| Url::parse(text).ok());
        let parsed = parsed.ok_or_else(|| wrong("is no url: write https://host[:port]/path"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(wrong("holds a user or a password: a token belongs into its path or query"));
        }
        if parsed.scheme() == "http" && clear == Clear::Loopback && !is_loopback(parsed.host()) {
            return Err(wrong("is plain http, which would show it to everybody on the way: write https"));
        }
        let origin = endpoint(&parsed.origin().ascii_serialization()).map_err(|_| wrong("must begin with https://"))?;
        Ok(Self { sink: sink.to_owned(), url, allowed: Allowed::default().and(&origin), egress })
    }

    /// Posts JSON; on return it was taken.
    pub(super) async fn json(&self, headers: Vec<(String, Secret)>, body: Vec<u8>) -> Result<(), AlertError> {
        let mut all = vec![("content-type".to_owned(), Secret::new(b"application/json".to_vec()))];
        all.extend(headers);
        let request =
            Request { method: "POST", url: self.url.duplicate(), headers: all, body: Some(Secret::new(body)) };
        let reply = self.egress.send(&self.allowed, request).await.map_err(|error| self.unanswered(&error))?;
        match reply.status {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => Err(AlertError::Later {
                sink: self.sink.clone(),
                why: format!("status {}", reply.status),
                after: reply.retry_after,
            }),
            status => Err(AlertError::Refused { sink: self.sink.clone(), code: format!("status {status}") }),
        }
    }

    fn unanswered(&self, error: &EgressError) -> AlertError {
        let sink = self.sink.clone();
        let why = match error {
            EgressError::Connect { .. } => "no connection",
            // It answered and the answer is of no interest: the message may have been taken, and is told once more.
            EgressError::TooLong { .. } => "an endless answer",
            _ if error.happened() == Happened::Perhaps => "no whole answer",
            _ => return AlertError::Refused { sink, code: "not a request that can be sent".to_owned() },
        };
        AlertError::Later { sink, why: why.to_owned(), after: None }
    }
}

fn is_loopback(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
