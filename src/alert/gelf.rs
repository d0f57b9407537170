//! GELF 1.1: datagrams, in chunks where one is too small; streams that end in a null byte; or HTTP.

use super::post::{Clear, Post};
use super::wire::{Protocol, Wire};
use super::{AlertError, Notice, Sink, clipped, level};
use crate::egress::Egress;
use crate::model::Secret;
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What a chunk begins with.
const MAGIC: [u8; 2] = [0x1e, 0x0f];
/// Bytes of a datagram that passes everywhere without being cut.
const DATAGRAM: usize = 1420;
/// Bytes before a chunk's share of the message.
const HEADER: usize = 12;
/// The most chunks of a message; a longer one is thrown away by the receiver.
const MOST_CHUNKS: usize = 128;
/// The most characters of the text: in chunks, with the rest, it fits.
const LONGEST: usize = 16_000;

/// A log server.
#[derive(Debug)]
pub struct Gelf {
    name: String,
    way: Way,
    host: String,
}

#[derive(Debug)]
enum Way {
    Wire(Wire),
    Http(Post),
}

impl Gelf {
    /// The log server at `udp://host:port`, `tcp://host:port` or an HTTP address, whose path is `/gelf` where it has
    /// none. `host` is the name of this machine.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(name: &str, address: &str, host: &str, egress: Arc<Egress>) -> Result<Self, AlertError> {
        let way = if address.starts_with("http://") || address.starts_with("https://") {
            let bare = address.splitn(4, '/').nth(3).is_none_or(str::is_empty);
            let address = if bare { format!("{}/gelf", address.trim_end_matches('/')) } else { address.to_owned() };
            Way::Http(Post::new(name, Secret::new(address.into_bytes()), Clear::Anywhere, egress)?)
        } else {
            Way::Wire(Wire::new(name, address)?)
        };
        Ok(Self { name: name.to_owned(), way, host: host.to_owned() })
    }
}

#[async_trait]
impl Sink for Gelf {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), AlertError> {
        let mut bytes = message(notice, &self.host).to_string().into_bytes();
        match &self.way {
            Way::Http(post) => post.json(Vec::new(), bytes).await,
            Way::Wire(wire) if wire.protocol == Protocol::Tcp => {
                bytes.push(0);
                wire.stream(&bytes).await
            }
            Way::Wire(wire) => {
                let parts = chunks(&bytes, &notice.key).ok_or_else(|| AlertError::Refused {
                    sink: self.name.clone(),
                    code: "longer than 128 chunks".to_owned(),
                })?;
                wire.datagrams(&parts).await
            }
        }
    }
}

fn message(notice: &Notice, host: &str) -> Value {
    let mut message = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            message.insert(name.to_owned(), value);
        }
    };
    put("version", json!("1.1"));
    put("host", json!(host));
    put("short_message", json!(clipped(notice.headline(), 1000)));
    put("full_message", json!(clipped(&notice.text, LONGEST)));
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age have all their digits")]
    put("timestamp", json!(notice.at.0 as f64 / 1000.0));
    put("level", json!(level(notice.urgency)));
    put("_case", json!(notice.case));
    put("_moment", json!(notice.moment));
    put("_urgency", json!(notice.urgency));
    put("_kind", json!(notice.kind));
    put("_credential", json!(notice.credential));
    put("_key", json!(notice.key));
    put("_link", json!(notice.link));
    Value::Object(message)
}

/// One datagram, or as many as it takes; none where it would take too many.
fn chunks(message: &[u8], key: &str) -> Option<Vec<Vec<u8>>> {
    if message.len() <= DATAGRAM {
        return Some(vec![message.to_vec()]);
    }
    let parts = message.chunks(DATAGRAM - HEADER);
    let count = u8::try_from(parts.len()).ok().filter(|count| usize::from(*count) <= MOST_CHUNKS)?;
    // The same message again has the same name, which no other has at the same time.
    let name = Sha256::digest(key.as_bytes());
    let chunk = |(number, part): (u8, &[u8])| {
        let mut chunk = MAGIC.to_vec();
        chunk.extend(name.iter().take(8));
        chunk.extend([number, count]);
        chunk.extend(part);
        chunk
    };
    Some((0..count).zip(parts).map(chunk).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::words;
    use crate::model::Timestamp;

    #[test]
    fn a_long_message_goes_in_chunks_and_comes_together() {
        let long: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
        let parts = chunks(&long, "key").unwrap();
        assert_eq!(parts.len(), 8);
        let mut joined: Vec<u8> = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            assert!(part.len() <= DATAGRAM && part[..2] == MAGIC && part[2..10] == parts[0][2..10]);
            assert_eq!((usize::from(part[10]), usize::from(part[11])), (number, 8));
            joined.extend(&part[12..]);
        }
        assert_eq!(joined, long);
        assert_eq!(chunks(&vec![0; 128 * 1408], "key").unwrap().len(), 128);
        assert!(chunks(&vec![0; 128 * 1408 + 1], "key").is_none());
    }

    #[test]
    fn any_text_fits_and_every_field_has_a_name_that_is_taken() {
        let mut notice = words::test("logs", Timestamp(1_700_000_000_123));
        notice.text = "\u{1}".repeat(100_000);
        let message = message(&notice, "host");
        assert!(chunks(message.to_string().as_bytes(), "key").is_some());
        assert_eq!(message["timestamp"], json!(1_700_000_000.123));
        for name in message.as_object().unwrap().keys() {
            let own = name.strip_prefix('_');
            assert!(own.is_none_or(|own| own != "id" && own.chars().all(|c| c.is_ascii_alphanumeric())), "{name}");
        }
    }
}
