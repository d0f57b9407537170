//! Keys as OpenSSH keeps them (`PROTOCOL.key`), and the name by which they are known.

use super::{Reading, bits};
use data_encoding::BASE64_NOPAD;
use sha2::{Digest as _, Sha256};

const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Reads a key; whether a passphrase protects it. None where these bytes are none.
pub(super) fn read(mut bytes: &[u8], to: &mut Reading) -> Option<bool> {
    (bits::cut(&mut bytes, MAGIC.len())? == MAGIC).then_some(())?;
    let cipher = text(&mut bytes)?;
    let _derivation = text(&mut bytes)?;
    let _options = text(&mut bytes)?;
    let count = bits::number(&mut bytes, 4)?;
    let public = text(&mut bytes)?;
    let private = text(&mut bytes)?;
    if count == 0 || private.len() < 8 {
        return None;
    }
    let open = cipher == b"none";
    // Two equal numbers, so that a wrong passphrase is noticed.
    if open && private.get(..4) != private.get(4..8) {
        return None;
    }
    to.tell("algorithm", text(&mut { public })?);
    to.tell("fingerprint", named(public).as_bytes());
    Some(!open)
}

/// The name of a public key of these parts.
pub(super) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut blob = Vec::new();
    for part in parts {
        blob.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        blob.extend_from_slice(part);
    }
    named(&blob)
}

fn named(blob: &[u8]) -> String {
    format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(blob)))
}

fn text<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = bits::number(bytes, 4)?;
    bits::cut(bytes, length)
}
