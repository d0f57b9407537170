//! What a source leaves out on purpose.

use super::{Missed, SkipReason, SourceError};
use crate::model::Place;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// How much is read, and what is not.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What has more bytes is not read.
    pub largest_bytes: u64,
    /// Paths that are left out.
    pub exclusions: Exclusions,
    /// True for a start, and a name, of something that can be read piece by piece however large it is.
    pub streamed: fn(&[u8], &str) -> bool,
    /// The same for a pipe, which cannot be read from any place but where it is.
    pub piped: fn(&[u8], &str) -> bool,
    /// True for a name that promises what something is, whatever its bytes are.
    pub promises: fn(&[u8]) -> bool,
}

impl Limits {
    /// The limit without any configuration: 100 MB.
    pub const LARGEST_BYTES: u64 = 100_000_000;

    /// Decides by path and size, before anything is read: what is excluded is left out, and what is too large is a gap.
    #[must_use]
    pub fn refuse(&self, place: &Place, path: &str, bytes: u64) -> Option<Missed> {
        if self.exclusions.cover(path) {
            Some(Missed::Skipped { place: place.clone(), reason: SkipReason::Excluded, bytes })
        } else {
            self.refuse_size(place, bytes)
        }
    }

    /// Decides by size alone.
    #[must_use]
    pub fn refuse_size(&self, place: &Place, bytes: u64) -> Option<Missed> {
        (bytes > self.largest_bytes).then(|| self.too_large(place, bytes))
    }

    /// The gap that something too large is.
    #[must_use]
    pub fn too_large(&self, place: &Place, bytes: u64) -> Missed {
        Missed::Unread(SourceError::OverLimit { place: place.to_string(), bytes, limit: self.largest_bytes })
    }

    /// True when something too large to be read at once can be read piece by piece.
    #[must_use]
    pub fn can_be_streamed(&self, start: &[u8], name: &str) -> bool {
        (self.streamed)(start, name)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            largest_bytes: Self::LARGEST_BYTES,
            exclusions: Exclusions::none(),
            streamed: |_, _| false,
            piped: |_, _| false,
            promises: |_| false,
        }
    }
}

/// Globs in the manner of `.gitignore`: a pattern without a slash fits a name at any depth.
#[derive(Clone, Debug)]
pub struct Exclusions(Gitignore);

impl Exclusions {
    /// Excludes nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(Gitignore::empty())
    }

    /// True when nothing is excluded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the globs.
    ///
    /// # Errors
    /// When one of them is no glob.
    pub fn new(globs: &[String]) -> Result<Self, SourceError> {
        let mut builder = GitignoreBuilder::new("");
        for glob in globs {
            builder.add_line(None, glob).map_err(|source| SourceError::Glob { glob: glob.clone(), source })?;
        }
        builder.build().map(Self).map_err(|source| SourceError::Glob { glob: globs.join(" "), source })
    }

    /// True when a path, or a directory above it, is excluded.
    #[must_use]
    pub fn cover(&self, path: &str) -> bool {
        let path = path.trim_start_matches("./").trim_start_matches('/');
        !self.is_empty() && !path.is_empty() && self.0.matched_path_or_any_parents(path, false).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_fit_names_and_trees() {
        let exclusions = Exclusions::new(&["*.lock".to_owned(), "/vendor/".to_owned(), "a/**/b".to_owned()]).unwrap();
        assert!(exclusions.cover("deep/down/Cargo.lock"));
        assert!(exclusions.cover("./vendor/x/y.rs"));
        assert!(exclusions.cover("a/x/y/b"));
        assert!(!exclusions.cover("src/vendor.rs"));
        assert!(!exclusions.cover("inner/vendor/x"));
        assert!(Exclusions::new(&["a{b".to_owned()]).is_err());
    }

    #[test]
    fn what_is_too_large_is_a_gap_and_what_is_excluded_is_not() {
        let exclusions = Exclusions::new(&["a".to_owned()]).unwrap();
        let limits = Limits { largest_bytes: 10, exclusions, ..Limits::default() };
        let place = |path: &str| Place::File { path: path.to_owned() };
        assert!(limits.refuse(&place("b"), "b", 10).is_none());
        let over = limits.refuse(&place("b"), "b", 11);
        assert!(matches!(over, Some(Missed::Unread(SourceError::OverLimit { bytes: 11, limit: 10, .. }))), "{over:?}");
        let excluded = limits.refuse(&place("a"), "a", 11);
        let reason = SkipReason::Excluded;
        assert!(matches!(excluded, Some(Missed::Skipped { reason: found, bytes: 11, .. }) if found == reason));
    }
}
