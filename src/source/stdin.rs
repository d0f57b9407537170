//! Standard input, read once.

use super::buffer::{Buffer, Filled};
use super::{Blob, Limits, Missed, Source, SourceError, Visit};
use crate::model::Place;
use std::fs::File;
use std::io::Seek as _;
use std::os::fd::AsFd as _;

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
        let unread = |source| SourceError::Read { place: Place::Stdin.to_string(), source };
        let file = std::io::stdin().as_fd().try_clone_to_owned().map(File::from).map_err(unread)?;
        // A file that is read from its start can be read once more, and from any place.
        let is_whole_file = (&file).stream_position().is_ok_and(|at| at == 0);
        let mut buffer = Buffer::new(1);
        let filled = buffer.fill(&file, self.limits.largest_bytes);
        let blob = Blob::new(Place::Stdin, buffer.bytes());
        let name = Place::Stdin.to_string();
        let item = match filled {
            Err(source) => Err(Missed::Unread(unread(source))),
            Ok(Filled::Whole) => Ok(blob),
            Ok(Filled::Start { .. }) if is_whole_file && (self.limits.streamed)(blob.bytes, &name) => {
                Ok(Blob { file: Some(&file), ..blob })
            }
            Ok(Filled::Start { .. }) if (self.limits.piped)(blob.bytes, &name) => {
                Ok(Blob { rest: Some(&file), ..blob })
            }
            // It was asked for by name, so leaving it out is no choice of ours to make quietly.
            Ok(Filled::Start { size }) => Err(self.limits.too_large(&Place::Stdin, size)),
        };
        let _wanted = visit(item).is_continue(); // there is no second item to want
        Ok(())
    }
}
