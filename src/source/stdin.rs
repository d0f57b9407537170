//! Standard input, read once.

use super::{Blob, Limits, Missed, Source, SourceError, Visit};
use crate::model::Place;
use std::io::Read;

/// Reads what is piped in.
#[derive(Debug)]
pub struct Stdin {
    limits: Limits,
}

impl Stdin {
    /// With these limits; exclusions do not apply.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Source for Stdin {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let place = Place::Stdin.to_string();
        let limit = self.limits.largest_bytes;
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes);
        let item = match read {
            Err(source) => Err(Missed::Unread(SourceError::Read { place, source })),
            // It was asked for by name, so leaving it out is no choice of ours to make quietly.
            Ok(length) if length as u64 > limit => {
                Err(Missed::Unread(SourceError::OverLimit { place, bytes: length as u64, limit }))
            }
            Ok(_) => Ok(Blob::new(Place::Stdin, &bytes)),
        };
        let _wanted = visit(item).is_continue(); // there is no second item to want
        Ok(())
    }
}
