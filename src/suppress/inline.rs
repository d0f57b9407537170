//! Directives in the scanned text, beside a secret.

use super::{Surroundings, fields};
use jiff::civil::Date;

/// Ours.
const OURS: &str = "stanch:allow";

/// Other scanners' directives for the line they stand in.
const SAME_LINE: [&str; 9] = [
    "gitleaks:allow",
    "betterleaks:allow",
    "trufflehog:ignore",
    "kingfisher:ignore",
    "ggignore",
    "pragma: allowlist secret",
    "pragma: whitelist secret",
    "secretlint-disable-line",
    "nosec",
];

/// Other scanners' directives for the line after them.
const NEXT_LINE: [&str; 3] =
    ["pragma: allowlist nextline secret", "pragma: whitelist nextline secret", "secretlint-disable-next-line"];

/// How comments begin in the languages that secrets are left in.
const COMMENTS: [&str; 10] = ["#", "//", "/*", "*", "--", ";", "<!--", "%", "\"#", "rem "];

/// What a directive says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// `stanch:allow reason=… until=…`
    Ours {
        /// Why; without one it does not count.
        reason: Option<String>,
        /// Its last day, or the text that is no date.
        until: Option<Result<Date, String>>,
    },
    /// Another scanner's.
    Foreign,
}

/// Finds the directive that covers a hit: in its line outside the secret, or alone in the line before.
pub(super) fn directive(around: &Surroundings<'_>) -> Option<Directive> {
    let (before, after) =
        (around.line.get(..around.secret.start).unwrap_or_default(), around.line.get(around.secret.end..));
    [after.unwrap_or_default(), before].into_iter().find_map(|part| in_text(part, &SAME_LINE)).or_else(|| {
        let line = String::from_utf8_lossy(around.before);
        let text = line.trim_start().to_ascii_lowercase();
        let alone = COMMENTS.iter().any(|mark| text.starts_with(mark));
        if alone { in_text(around.before, &NEXT_LINE) } else { None }
    })
}

fn in_text(bytes: &[u8], foreign: &[&str]) -> Option<Directive> {
    let text = String::from_utf8_lossy(bytes);
    if let Some((_, rest)) = text.split_once(OURS) {
        return Some(ours(rest));
    }
    let text = text.to_ascii_lowercase();
    foreign.iter().any(|pragma| is_word(&text, pragma)).then_some(Directive::Foreign)
}

fn ours(rest: &str) -> Directive {
    let mut directive = (None, None);
    for field in fields(rest) {
        match field.split_once('=') {
            Some(("reason", reason)) if !reason.trim().is_empty() => directive.0 = Some(reason.to_owned()),
            Some(("until", until)) => directive.1 = Some(until.parse().map_err(|_| until.chars().take(20).collect())),
            _ => {}
        }
    }
    Directive::Ours { reason: directive.0, until: directive.1 }
}

/// True when `word` stands in `text` with no letter or digit touching it.
fn is_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let touches = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        !touches(at.checked_sub(1).and_then(|at| bytes.get(at))) && !touches(bytes.get(at + word.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, secret: std::ops::Range<usize>, before: &str) -> Option<Directive> {
        directive(&Surroundings { line: line.as_bytes(), secret, before: before.as_bytes() })
    }

    #[test]
    fn a_directive_inside_a_secret_is_none() {
        assert_eq!(read("a nosec b", 0..9, ""), None);
        assert_eq!(read("a # nosec", 0..1, ""), Some(Directive::Foreign));
        assert_eq!(read("a # nosecret", 0..1, ""), None);
        assert_eq!(read("a", 0..1, "# pragma: allowlist nextline secret"), Some(Directive::Foreign));
        assert_eq!(read("a", 0..1, "# nosec"), None);
    }

    #[test]
    fn the_reason_may_have_spaces() {
        let Some(Directive::Ours { reason, until }) =
            read("a // stanch:allow reason=\"two words\" until=2030-02-03", 0..1, "")
        else {
            panic!()
        };
        assert_eq!(reason.as_deref(), Some("two words"));
        assert_eq!(until, Some(Ok("2030-02-03".parse().unwrap())));
    }
}
