//! The secrets of one rotation: sealed in the journal, open only here.

use crate::journal::{Journal, JournalError};
use crate::model::{Credential, Digest, RotationId, Secret, TokenId};
use crate::rotation::State;
use crate::seal::{SealError, Sealed, Sealer};
use crate::telemetry;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

/// Why a sealed credential cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// It cannot be sealed or opened.
    #[error("a sealed value cannot be made or opened")]
    Seal(#[from] SealError),
    /// The journal does not give it.
    #[error("the journal does not give a sealed value")]
    Journal(#[from] JournalError),
    /// What was opened is no credential.
    #[error("the sealed credential is damaged")]
    Damaged,
}

/// What the hands may use while a rotation runs.
#[derive(Debug)]
pub(super) struct Custody {
    /// The leaked credential; its secret is missing once the rotation closed.
    pub(super) old: Credential,
    /// Values of mints, by the digest of their sealed form.
    minted: Vec<(Digest, Secret)>,
}

impl Custody {
    /// Opens what the journal holds for a state: the old credential, and every value of a mint that is mentioned and can
    /// be read. One that cannot be read is missing here, and every effect that needs it fails as unreadable.
    pub(super) async fn open(journal: &dyn Journal, sealer: &Sealer, state: &State) -> Result<Self, CustodyError> {
        let rotation = &state.plan.rotation;
        let old = match &state.plan.sealed {
            Some(digest) => match journal.sealed(rotation, digest).await? {
                Some(sealed) => match sealer.open(&old_context(rotation), &sealed) {
                    Ok(opened) => decode(&opened)?,
                    // A person must still be able to end the case; every effect that needs the value fails.
                    Err(error) => {
                        tracing::error!(%error, %rotation, "the old credential of this case cannot be opened");
                        Credential::default()
                    }
                },
                None => Credential::default(),
            },
            None => Credential::default(),
        };
        let successor = state.successor.iter().map(|successor| &successor.sealed);
        let pending = state.pending.iter().filter_map(|pending| pending.sealed.as_ref());
        let offered = state.offered.iter().map(|offered| &offered.sealed);
        let orphans = state.orphans.iter().filter_map(|orphan| orphan.sealed.as_ref());
        let mut minted = Vec::new();
        for digest in successor.chain(pending).chain(offered).chain(orphans) {
            let Some(sealed) = journal.sealed(rotation, digest).await? else { continue };
            match sealer.open(&new_context(rotation), &sealed) {
                Ok(secret) => minted.push((digest.clone(), secret)),
                Err(error) => tracing::warn!(%error, %rotation, "a sealed value of this case cannot be opened"),
            }
        }
        old.secret.iter().chain(minted.iter().map(|(_, secret)| secret)).for_each(telemetry::hush);
        // A short one is more likely a name than a key.
        old.companions.iter().map(|(_, value)| value).filter(|value| value.len() >= 12).for_each(telemetry::hush);
        Ok(Self { old, minted })
    }

    /// Takes the value of a mint in.
    pub(super) fn take(&mut self, sealed: Digest, secret: Secret) {
        telemetry::hush(&secret);
        self.minted.push((sealed, secret));
    }

    /// The value whose sealed form has this digest.
    pub(super) fn value(&self, sealed: &Digest) -> Option<&Secret> {
        self.minted.iter().find(|(digest, _)| digest == sealed).map(|(_, secret)| secret)
    }
}

fn old_context(rotation: &RotationId) -> String {
    format!("{rotation}/old")
}

fn new_context(rotation: &RotationId) -> String {
    format!("{rotation}/mint")
}

/// Seals the credential that a rotation replaces.
pub(super) fn seal_old(sealer: &Sealer, rotation: &RotationId, old: &Credential) -> Result<Sealed, CustodyError> {
    Ok(sealer.seal(&old_context(rotation), &encode(old))?)
}

/// Seals the value of a mint.
pub(super) fn seal_new(sealer: &Sealer, rotation: &RotationId, secret: &Secret) -> Result<Sealed, SealError> {
    sealer.seal(&new_context(rotation), secret)
}

/// Opens the value of a mint, or what a person handed over.
pub(super) fn open_new(sealer: &Sealer, rotation: &RotationId, sealed: &Sealed) -> Result<Secret, SealError> {
    sealer.open(&new_context(rotation), sealed)
}

fn encode(credential: &Credential) -> Secret {
    #[expect(clippy::disallowed_methods, reason = "the text is sealed before anything else sees it")]
    let text = |secret: &Secret| data_encoding::BASE64.encode(secret.expose());
    let companions: Vec<Value> =
        credential.companions.iter().map(|(name, value)| serde_json::json!([name, text(value)])).collect();
    let mut value = serde_json::json!({
        "token": credential.token.as_ref().map(TokenId::as_str),
        "secret": credential.secret.as_ref().map(text),
        "companions": companions,
    });
    let encoded = Secret::new(value.to_string().into_bytes());
    wipe(&mut value);
    encoded
}

fn decode(sealed: &Secret) -> Result<Credential, CustodyError> {
    #[expect(clippy::disallowed_methods, reason = "the opened bytes are parsed into sealed types")]
    let mut value: Value = serde_json::from_slice(sealed.expose()).map_err(|_| CustodyError::Damaged)?;
    let bytes = |value: &Value| -> Result<Secret, CustodyError> {
        let text = value.as_str().ok_or(CustodyError::Damaged)?;
        let bytes = Zeroizing::new(data_encoding::BASE64.decode(text.as_bytes()).map_err(|_| CustodyError::Damaged)?);
        Ok(Secret::new(bytes.to_vec()))
    };
    let mut credential = Credential::default();
    if let Some(token) = value.get("token").and_then(Value::as_str) {
        credential.token = Some(TokenId::new(token));
    }
    if let Some(secret) = value.get("secret").filter(|secret| !secret.is_null()) {
        credential.secret = Some(bytes(secret)?);
    }
    for pair in value.get("companions").and_then(Value::as_array).into_iter().flatten() {
        let name = pair.get(0).and_then(Value::as_str).ok_or(CustodyError::Damaged)?;
        credential.companions.push(name, bytes(pair.get(1).unwrap_or(&Value::Null))?);
    }
    wipe(&mut value);
    Ok(credential)
}

/// Overwrites every text of a JSON value.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_survives_its_encoding() {
        let mut credential = Credential {
            token: Some(TokenId::new("t1")),
            secret: Some(Secret::new(vec![0, 255, 7])),
            ..Credential::default()
        };
        credential.companions.push("user", Secret::new(b"app".to_vec()));
        let again = decode(&encode(&credential)).unwrap();
        assert_eq!(again.token, credential.token);
        assert!(again.secret.unwrap().same_as(credential.secret.as_ref().unwrap()));
        assert!(again.companions.find("user").unwrap().same_as(&Secret::new(b"app".to_vec())));
        assert!(matches!(decode(&Secret::new(b"{\"secret\":3}".to_vec())), Err(CustodyError::Damaged)));
    }
}
