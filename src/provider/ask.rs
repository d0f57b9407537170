//! Placeholder.
use super::Provider;
use crate::model::{Credential, Verdict};
/// Verifies with a negative control.
pub async fn ask(provider: &dyn Provider, credential: &Credential) -> Verdict {
    provider.verify(credential).await
}
