//! A signed POST of JSON, for whatever the others do not reach.
//!
//! The body is one object, `stanch.notice/1`:
//!
//! | field | is |
//! |---|---|
//! | `schema` | `stanch.notice/1` |
//! | `key` | names the message: the same key again is the same message again |
//! | `moment` | `leak` `approval` `stuck` `unsure` `outage` `held` `done` `rolled-back` `dead-man` `acted` `test` |
//! | `urgency` | `info` `warning` `error` `critical` |
//! | `case`, `kind`, `credential`, `link` | text, or null |
//! | `text` | the message; its first line is the headline |
//! | `at` | RFC 3339, UTC |
//!
//! `Stanch-Signature: t=<seconds>,v1=<hex>` signs it. The receiver takes `t` and `v1` from the header, computes
//! HMAC-SHA256 with the shared secret over `t`, a full stop and the raw body, compares in constant time, and refuses a
//! `t` more than five minutes from its own clock. Fields may be added; none is taken away under this schema.

use super::post::{Clear, Post};
use super::{AlertError, Notice, Sink};
use crate::clock::Clock;
use crate::egress::Egress;
use crate::model::Secret;
use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::sync::Arc;

/// A receiver of signed JSON.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    post: Post,
    secret: Secret,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// A receiver at this address, which may hold a token.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(
        name: &str,
        url: Secret,
        secret: Secret,
        egress: Arc<Egress>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AlertError> {
        let post = Post::new(name, url, Clear::Anywhere, egress)?;
        Ok(Self { name: name.to_owned(), post, secret, clock })
    }
}

#[async_trait]
impl Sink for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError> {
        let body = body(notice);
        let seconds = self.clock.now().0 / 1000;
        let signed = signature(&self.secret, seconds, &body);
        let header = ("stanch-signature".to_owned(), Secret::new(signed.into_bytes()));
        self.post.json(vec![header], body).await
    }
}

fn body(notice: &Notice) -> Vec<u8> {
    serde_json::json!({
        "schema": "stanch.notice/1",
        "key": notice.key,
        "moment": notice.moment,
        "urgency": notice.urgency,
        "case": notice.case,
        "kind": notice.kind,
        "credential": notice.credential,
        "text": notice.text,
        "link": notice.link,
        "at": notice.at.to_string(),
    })
    .to_string()
    .into_bytes()
}

fn signature(secret: &Secret, seconds: u64, body: &[u8]) -> String {
    #[expect(clippy::disallowed_methods, reason = "the key of the signature")]
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose()) else {
        // A key of this algorithm may have any length.
        return String::new();
    };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        // printf '%s' '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature(&Secret::new(b"key".to_vec()), 1_700_000_000, br#"{"a":1}"#),
            "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
        );
    }
}
