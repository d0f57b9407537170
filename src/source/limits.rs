//! What a source leaves out on purpose.

use super::{SkipReason, SourceError};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Bytes that are looked at to tell text from binary, as git does.
const SNIFFED: usize = 8_000;

/// How much is read, and what is not.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Items with more bytes are left out.
    pub largest_bytes: u64,
    /// Whether binary content is read too.
    pub binary: bool,
    /// Paths that are left out.
    pub exclusions: Exclusions,
}

impl Limits {
    /// The limit without any configuration: 100 MB.
    pub const LARGEST_BYTES: u64 = 100_000_000;

    /// Decides by path and size, before anything is read.
    #[must_use]
    pub fn refuse(&self, path: &str, size: u64) -> Option<SkipReason> {
        if self.exclusions.cover(path) {
            Some(SkipReason::Excluded)
        } else if size > self.largest_bytes {
            Some(SkipReason::TooLarge)
        } else {
            None
        }
    }

    /// Decides by content.
    #[must_use]
    pub fn refuse_content(&self, bytes: &[u8]) -> Option<SkipReason> {
        (!self.binary && looks_binary(bytes)).then_some(SkipReason::Binary)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { largest_bytes: Self::LARGEST_BYTES, binary: false, exclusions: Exclusions::none() }
    }
}

/// Text in UTF-16 holds zeros, but begins with its mark.
fn looks_binary(bytes: &[u8]) -> bool {
    let head = bytes.get(..SNIFFED).unwrap_or(bytes);
    let wide = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    !wide && head.contains(&0)
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
    fn zeros_mean_binary_unless_the_text_is_wide() {
        let limits = Limits::default();
        assert_eq!(limits.refuse_content(b"a\0b"), Some(SkipReason::Binary));
        assert_eq!(limits.refuse_content(b"\xff\xfea\0b\0"), None);
        assert_eq!(limits.refuse_content(b"plain"), None);
        assert_eq!(Limits { binary: true, ..Limits::default() }.refuse_content(b"a\0b"), None);
    }
}
