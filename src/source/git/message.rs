//! The message of a commit that is being made.

use crate::model::Place;
use crate::source::{Blob, Limits, Source, SourceError, Visit};
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

/// What the line says under which nothing is committed, after the sign of a comment and a space.
const SCISSORS: &[u8] = b" ------------------------ >8 ------------------------";

/// Bytes that the sign of a comment may have.
const LONGEST_SIGN: usize = 16;

/// A file in which git, or its editor, has put the message.
#[derive(Debug)]
pub struct Draft {
    file: PathBuf,
    limits: Limits,
}

impl Draft {
    /// Of this file; exclusions do not apply.
    #[must_use]
    pub fn new(file: PathBuf, limits: Limits) -> Self {
        Self { file, limits }
    }
}

impl Source for Draft {
    fn walk(&self, visit: &Visit<'_>) -> Result<(), SourceError> {
        let place = Place::Message { commit: String::new() };
        let unread = |source| SourceError::Read { place: self.file.display().to_string(), source };
        let mut bytes = Vec::new();
        let limit = self.limits.largest_bytes;
        File::open(&self.file)
            .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
            .map_err(unread)?;
        let item = match self.limits.refuse_size(&place, bytes.len() as u64) {
            Some(missed) => Err(missed),
            None => Ok(Blob::new(place, above_scissors(&bytes))),
        };
        let _wanted = visit(item).is_continue(); // there is no second item to want
        Ok(())
    }
}

/// What may be committed of a draft. Below git's scissors stands the difference (`git commit --verbose`), in which the
/// secret that a commit takes out is still to be seen. Comments stay: with some clean-ups they are committed.
#[must_use]
pub fn above_scissors(draft: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut lines = draft.split_inclusive(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        // Git explains the line in the next one. A line of this look with other text under it is the author's.
        let sign = trimmed(line).strip_suffix(SCISSORS).filter(|sign| is_sign(sign));
        if sign.is_some_and(|sign| lines.peek().is_some_and(|next| next.starts_with(sign))) {
            return draft.get(..end).unwrap_or(draft);
        }
        end += line.len();
    }
    draft
}

/// The words of a message, the same in its draft and in the commit, whatever git cleans up.
#[must_use]
pub fn words_of(draft: &[u8], sign: u8) -> Vec<u8> {
    let lines = above_scissors(draft).split(|&byte| byte == b'\n').map(trimmed);
    let words: Vec<_> = lines.filter(|line| !line.is_empty() && line.first() != Some(&sign)).collect();
    words.join(&b'\n')
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

fn is_sign(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace();
    !text.is_empty() && text.len() <= LONGEST_SIGN && !text.iter().any(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "# ------------------------ >8 ------------------------\n";

    fn kept(text: &str) -> &str {
        std::str::from_utf8(above_scissors(text.as_bytes())).unwrap()
    }

    #[test]
    fn below_the_scissors_of_git_nothing_counts() {
        let below = "# Do not modify or remove the line above.\ndiff --git a/x b/x\n-gone\n";
        assert_eq!(kept(&format!("subject\n# comment\n{LINE}{below}")), "subject\n# comment\n");
        let other = format!("subject\n{LINE}{below}").replace('#', ";;");
        assert_eq!(kept(&other), "subject\n");
    }

    #[test]
    fn a_line_that_only_looks_like_it_hides_nothing() {
        for text in [
            format!("subject\n{LINE}a token\n"),
            format!("subject\n{LINE}"),
            format!("subject\nsee{LINE}# more\n"),
            format!("subject\n{}# more\n", LINE.trim_start_matches('#')),
            String::new(),
        ] {
            assert_eq!(kept(&text), text);
        }
    }

    #[test]
    fn a_message_has_the_same_words_before_and_after_its_clean_up() {
        let draft = format!("\nsubject  \n\n\nbody\n# comment\n{LINE}# Do not\ndiff\n");
        assert_eq!(words_of(draft.as_bytes(), b'#'), words_of(b"subject\n\nbody\n", b'#'));
        assert_ne!(words_of(b"subject\n", b'#'), words_of(b"object\n", b'#'));
    }
}
