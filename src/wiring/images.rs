//! Images in registries, as something to scan.

use crate::fetch::registry::{Fetched, RegistryError, Wanted, fetch};
use crate::source::Source;
use crate::source::image::{Failed, Image};
use std::sync::Arc;

/// Fetches an image, and says under its whole name what did not come.
///
/// # Errors
/// When there is nothing that could be scanned.
pub async fn fetched(wanted: &Wanted) -> Result<Arc<dyn Source>, RegistryError> {
    let Fetched { file, digest, left, failed } = fetch(wanted).await?;
    tracing::info!(image = %wanted.reference, %digest, "fetched");
    let failed = failed.into_iter().map(|(what, error)| {
        let mut why = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            why = format!("{why}: {error}");
            cause = error.source();
        }
        Failed { what, why, remedy: error.remedy() }
    });
    Ok(Arc::new(Image::new(wanted.reference.to_string(), file, left, failed.collect())))
}
