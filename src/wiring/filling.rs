//! The first value of the sealed local store: every other secrets manager has a program of its own for that.

use super::mending::{Mending, MendingError, fill_local};
use crate::config::operator::Store;
use crate::model::{Secret, TokenId};
use crate::rules::template::TemplateError;
use crate::store::{StoreError, Which};
use std::collections::BTreeMap;

/// Why a first value was not put in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    /// The credential or its stores cannot be used.
    #[error(transparent)]
    Mending(#[from] MendingError),
    /// No store of the credential is a local one.
    #[error("no store of '{name}' is a local one: put the value in with the program of that secrets manager")]
    Elsewhere {
        /// The credential.
        name: String,
    },
    /// There is a value already.
    #[error("{store} holds a value already: stanch rotate replaces it")]
    Held {
        /// The store.
        store: String,
    },
    /// Whether there is a value already is not known.
    #[error("it cannot be seen whether {store} holds a value already")]
    Unread {
        /// The store.
        store: String,
        /// Why.
        source: StoreError,
    },
    /// The value is written with its handle, which was not given.
    #[error("the value of {store} holds '{{{{token}}}}': say what it is with --token")]
    Handle {
        /// The store.
        store: String,
    },
    /// The value cannot be written in the shape of the operator's file.
    #[error("the value does not fit the shape of {store}")]
    Shape {
        /// The store.
        store: String,
        /// Why.
        source: TemplateError,
    },
}

/// Puts a first value into every local store of a credential; their names. Nothing that is there is replaced.
///
/// # Errors
/// [`FillError`]; where one of them holds a value, nothing was written.
pub async fn fill(
    mending: &Mending,
    name: &str,
    token: Option<&TokenId>,
    secret: &Secret,
) -> Result<Vec<String>, FillError> {
    let managed = mending.managed(name).await?;
    let entries = mending.operator.credentials.get(name).map(|entry| entry.value.stores.as_slice()).unwrap_or_default();
    let handle = token.cloned().or_else(|| managed.token.clone());
    let mut wanted = Vec::new();
    for (copy, entry) in managed.stores.iter().zip(entries) {
        let entry = &entry.value;
        let Some(Store::Local { directory }) = mending.operator.stores.get(&entry.store).map(|store| &store.value)
        else {
            continue;
        };
        let store = || copy.name.clone();
        match copy.store.read(&copy.path, &Which::Current).await {
            Ok(_) => return Err(FillError::Held { store: store() }),
            Err(StoreError::Missing { .. }) => {}
            Err(source) => return Err(FillError::Unread { store: store(), source }),
        }
        if copy.shape.holds_token() && handle.is_none() {
            return Err(FillError::Handle { store: store() });
        }
        let value = copy.shape.render(handle.as_ref().unwrap_or(&TokenId::new("")), secret);
        let value = value.map_err(|source| FillError::Shape { store: store(), source })?;
        let exports: BTreeMap<_, _> = entry.export.iter().map(|file| (copy.path.clone(), file.clone())).collect();
        wanted.push((copy, directory, exports, value));
    }
    let mut filled = Vec::new();
    for (copy, directory, exports, value) in wanted {
        fill_local(directory, &mending.key, exports, &copy.path, &value).await?;
        filled.push(copy.name.clone());
    }
    if filled.is_empty() { Err(FillError::Elsewhere { name: name.to_owned() }) } else { Ok(filled) }
}
