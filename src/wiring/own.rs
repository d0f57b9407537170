//! The secrets that the program itself uses: whoever ends one of them takes the program's own hands away.

use super::mending::{Mending, MendingError, secret_for};
use crate::model::Secret;

/// The program's own secrets, as they are now.
#[derive(Debug, Default)]
pub struct Own {
    known: Vec<(String, Secret)>,
    unread: Option<MendingError>,
}

impl Own {
    /// What the program itself uses this value for, if it does.
    #[must_use]
    pub fn find(&self, secret: &Secret) -> Option<&str> {
        self.known.iter().find(|(_, own)| own.same_as(secret)).map(|(what, _)| what.as_str())
    }

    /// Why one of them is not known, which may be any.
    #[must_use]
    pub fn unread(&self) -> Option<&MendingError> {
        self.unread.as_ref()
    }
}

impl Mending {
    /// Reads the secrets that the program itself uses for stores and providers.
    #[must_use]
    pub fn own(&self) -> Own {
        let mut own = Own::default();
        for (what, source) in self.operator.authorities() {
            match secret_for(&what, source) {
                Ok(secret) => own.known.push((what, secret)),
                Err(error) => own.unread = Some(error),
            }
        }
        own
    }
}
