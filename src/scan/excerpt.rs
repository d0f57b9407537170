//! The line around a secret, with every secret in it masked and nothing in it that a terminal would obey.

use crate::model::{Masked, Span};

/// Bytes shown before and after a secret.
const BEFORE: usize = 60;
const AFTER: usize = 40;

/// Everything in a blob that must not be shown: stretches that do not overlap, in order.
#[derive(Debug, Default)]
pub(super) struct Masks(Vec<(Span, Masked)>);

impl Masks {
    /// Takes stretches in any order; where some overlap, the whole is masked as the first of them.
    pub(super) fn new(mut stretches: Vec<(Span, Masked)>) -> Self {
        stretches.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        let mut merged: Vec<(Span, Masked)> = Vec::new();
        for (span, shown) in stretches {
            match merged.last_mut() {
                Some((last, _)) if span.start < last.end => last.end = last.end.max(span.end),
                _ => merged.push((span, shown)),
            }
        }
        Self(merged)
    }

    /// Those that touch a window.
    fn within(&self, window: Span) -> &[(Span, Masked)] {
        let first = self.0.partition_point(|(span, _)| span.end <= window.start);
        let end = self.0.partition_point(|(span, _)| span.start < window.end);
        self.0.get(first..end.max(first)).unwrap_or_default()
    }
}

/// The stretch of a line that is shown around a secret.
pub(super) fn window(text: &[u8], line_start: usize, secret: Span) -> Span {
    let start = line_start.max(secret.start.saturating_sub(BEFORE)).min(secret.start);
    let rest = text.get(secret.end..).unwrap_or_default();
    let after = rest.iter().take(AFTER).position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len().min(AFTER));
    Span { start, end: secret.end + after }
}

/// Writes the excerpt. `values` are secret values which may stand in the window a second time, with what to show.
pub(super) fn excerpt(
    text: &[u8],
    line_start: usize,
    window: Span,
    masks: &Masks,
    values: &[(&[u8], Masked)],
) -> Masked {
    let mut stretches = masks.within(window).to_vec();
    for (value, shown) in values {
        stretches.extend(occurrences(text, window, value).map(|span| (span, shown.clone())));
    }
    let masks = Masks::new(stretches);
    let mut out = String::new();
    if window.start > line_start {
        out.push('\u{2026}');
    }
    let mut at = window.start;
    for (span, shown) in &masks.0 {
        push_plain(&mut out, text.get(at..span.start.max(at)).unwrap_or_default());
        out.push_str(shown.as_str());
        at = span.end.max(at);
    }
    push_plain(&mut out, text.get(at..window.end).unwrap_or_default());
    let line_goes_on = text.get(window.end).is_some_and(|byte| !matches!(byte, b'\n' | b'\r'));
    if line_goes_on {
        out.push('\u{2026}');
    }
    Masked::already(out)
}

/// Where a value stands in a window, also when only a part of it does.
pub(super) fn occurrences<'a>(text: &'a [u8], window: Span, value: &'a [u8]) -> impl Iterator<Item = Span> + 'a {
    let from = window.start.saturating_sub(value.len());
    let to = text.len().min(window.end + value.len());
    let around = text.get(from..to).unwrap_or_default();
    around.windows(value.len().max(1)).enumerate().filter(move |(_, part)| *part == value).filter_map(move |(at, _)| {
        let span = Span { start: from + at, end: from + at + value.len() };
        (span.start < window.end && span.end > window.start).then_some(span)
    })
}

fn push_plain(out: &mut String, bytes: &[u8]) {
    out.extend(String::from_utf8_lossy(bytes).chars().map(harmless));
}

/// Control characters and those that turn the direction of writing become a mark.
#[must_use]
pub fn harmless(character: char) -> char {
    match character {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
        _ if character.is_control() => '\u{fffd}',
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn masked(value: &str) -> Masked {
        Masked::of(&Secret::new(value.as_bytes().to_vec()), 0)
    }

    fn span(text: &str, part: &str) -> Span {
        let start = text.find(part).unwrap();
        Span { start, end: start + part.len() }
    }

    fn shown(text: &str, secrets: &[&str], values: &[&str]) -> String {
        let masks = Masks::new(secrets.iter().map(|secret| (span(text, secret), masked(secret))).collect());
        let first = span(text, secrets[0]);
        let line_start = text.get(..first.start).unwrap().rfind('\n').map_or(0, |at| at + 1);
        let window = window(text.as_bytes(), line_start, first);
        let values: Vec<_> = values.iter().map(|value| (value.as_bytes(), masked(value))).collect();
        excerpt(text.as_bytes(), line_start, window, &masks, &values).to_string()
    }

    #[test]
    fn every_secret_of_the_line_is_masked() {
        let text = "line\nuser=ann pass=hunter2 other=swordfish again=hunter2\nnext";
        assert_eq!(
            shown(text, &["hunter2", "swordfish"], &["hunter2"]),
            "user=ann pass=\u{2026}(7 characters) other=\u{2026}(9 characters) again=\u{2026}(7 characters)"
        );
    }

    #[test]
    fn a_secret_at_the_edge_of_the_window_is_masked_whole() {
        let (first, second) = ("a".repeat(30), "b".repeat(80));
        let text = format!("{first} {} {second}", "-".repeat(30));
        let shown = shown(&text, &[&first, &second], &[]);
        assert!(!shown.contains("bbbbb") && !shown.contains("aaaaa"), "{shown}");
    }

    #[test]
    fn overlapping_secrets_are_one_mask() {
        let text = "x abcdefgh y";
        assert_eq!(shown(text, &["abcdef", "cdefgh"], &[]), "x \u{2026}(6 characters) y");
    }

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(
            shown("\u{1b}[31m\tsecret\u{202e}\u{7}", &["secret"], &[]),
            "\u{fffd}[31m \u{2026}(6 characters)\u{fffd}\u{fffd}"
        );
    }
}
