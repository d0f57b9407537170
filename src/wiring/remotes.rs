//! Sources elsewhere, from the operator's file: remotes, organisations, and what their webhooks are signed with.

use super::mending::{Mending, MendingError, secret_for};
use crate::config::operator::SecretSource;
use crate::config::service::{Forge, Watched};
use crate::fetch::{Organisation, Remote};
use crate::model::Secret;
use std::sync::Arc;

impl Mending {
    /// The remote of a source that is one repository; none of another one.
    ///
    /// # Errors
    /// [`MendingError`] when its address or its token cannot be used.
    pub fn remote(&self, source: &str) -> Result<Option<Remote>, MendingError> {
        let Some(Watched::Git { url, user, token, .. }) = self.watched(source) else { return Ok(None) };
        let token = shared(source, token.as_ref())?;
        Ok(Some(Remote::new(source, url, user.clone(), token)?))
    }

    /// The organisation of a source that is all of one's repositories; none of another one.
    ///
    /// # Errors
    /// [`MendingError`] when its token cannot be read.
    pub fn organisation(&self, source: &str) -> Result<Option<Organisation>, MendingError> {
        let Some(Watched::Forge { forge, organisation, base, user, token, exclude, .. }) = self.watched(source) else {
            return Ok(None);
        };
        Ok(Some(Organisation {
            whose: source.to_owned(),
            forge: *forge,
            name: organisation.clone(),
            base: base.clone(),
            user: user.clone(),
            token: shared(source, token.as_ref())?,
            exclude: exclude.clone(),
        }))
    }

    /// Who calls us about a source, and what the calls are signed with; none for a source that nobody calls about.
    ///
    /// # Errors
    /// [`MendingError`] when the secret cannot be read.
    pub fn webhook(&self, source: &str) -> Result<Option<(Forge, Secret)>, MendingError> {
        let (forge, secret) = match self.watched(source) {
            Some(Watched::Git { webhook: Some(webhook), .. }) => (webhook.from, &webhook.secret),
            Some(Watched::Forge { forge, webhook: Some(secret), .. }) => (*forge, secret),
            _ => return Ok(None),
        };
        Ok(Some((forge, secret_for(source, secret)?)))
    }

    fn watched(&self, source: &str) -> Option<&Watched> {
        self.operator.sources.get(source).map(|watched| &watched.value)
    }
}

fn shared(source: &str, token: Option<&SecretSource>) -> Result<Option<Arc<Secret>>, MendingError> {
    token.map(|token| secret_for(source, token).map(Arc::new)).transpose()
}
