//! What tokens of a kind look like, in words.

use super::detect::{Detect, SECRET};
use super::pattern::parse;
use super::telling::group;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Words longer than this say less than the pattern.
const LONGEST: usize = 240;

impl Detect {
    /// The secret in words, where they are few: its fixed parts in backticks, and how many of which characters.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let hir = parse(self.pattern()).ok()?;
        let words = words(group(&hir, SECRET).unwrap_or(&hir), 0)?;
        let words = words.join(", ");
        (!words.is_empty() && words.len() <= LONGEST).then_some(words)
    }

    /// The public start of the secret.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }
}

fn words(hir: &Hir, depth: usize) -> Option<Vec<String>> {
    if depth > 6 {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(Vec::new()),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok().filter(|text| !text.contains(char::is_control))?;
            Some(vec![format!("`{}`", text.replace('`', "'"))])
        }
        HirKind::Class(class) => Some(vec![format!("one of {}", letters(class)?)]),
        HirKind::Repetition(repeated) => {
            let (least, most) = (repeated.min, repeated.max?);
            let once = match repeated.sub.kind() {
                HirKind::Class(class) => letters(class)?,
                HirKind::Capture(found) => match found.sub.kind() {
                    HirKind::Class(class) => letters(class)?,
                    _ => return optional(repeated.min, repeated.max, &repeated.sub, depth),
                },
                _ => return optional(repeated.min, repeated.max, &repeated.sub, depth),
            };
            Some(vec![match (least, most) {
                (0, 1) => format!("perhaps one of {once}"),
                (0, most) => format!("up to {most} of {once}"),
                (least, most) if least == most => format!("{least} of {once}"),
                (least, most) => format!("{least} to {most} of {once}"),
            }])
        }
        HirKind::Capture(found) => words(&found.sub, depth + 1),
        HirKind::Concat(parts) => {
            let mut all: Vec<String> = Vec::new();
            for part in parts {
                all.extend(words(part, depth + 1)?);
            }
            Some(all)
        }
        HirKind::Alternation(branches) if branches.len() <= 8 => {
            let all: Option<Vec<String>> =
                branches.iter().map(|branch| Some(words(branch, depth + 1)?.join(" and "))).collect();
            let mut all = all?;
            let nothing = all.len();
            all.retain(|branch| !branch.is_empty());
            let or = all.join(" or ");
            match all.len() {
                0 => Some(Vec::new()),
                kept if kept < nothing => Some(vec![format!("perhaps {or}")]),
                _ => Some(vec![or]),
            }
        }
        HirKind::Alternation(_) => None,
    }
}

fn optional(least: u32, most: Option<u32>, sub: &Hir, depth: usize) -> Option<Vec<String>> {
    let once = words(sub, depth + 1)?.join(" and ");
    match (least, most) {
        (0, Some(1)) => Some(vec![format!("perhaps {once}")]),
        (least, Some(most)) if least == most => Some(vec![format!("{least} times ({once})")]),
        (least, Some(most)) => Some(vec![format!("{least} to {most} times ({once})")]),
        (_, None) => None,
    }
}

/// The characters of a class.
fn letters(class: &Class) -> Option<String> {
    let Class::Bytes(class) = class else { return None };
    if class.ranges().iter().any(|range| !range.end().is_ascii()) {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    for range in class.ranges() {
        let (start, end) = (range.start(), range.end());
        if !(start..=end).all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (start, end) = (char::from(start), char::from(end));
        parts.push(if start == end { format!("{start}") } else { format!("{start}-{end}") });
    }
    let name = match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["0-9", "A-Z", "a-z"] => "letters and digits".to_owned(),
        ["0-9", "a-z"] => "small letters and digits".to_owned(),
        ["0-9", "A-Z"] => "capital letters and digits".to_owned(),
        ["0-9", "a-f"] => "the hexadecimal digits 0-9 a-f".to_owned(),
        ["0-9", "A-F"] => "the hexadecimal digits 0-9 A-F".to_owned(),
        ["0-9"] => "digits".to_owned(),
        ["A-Z", "a-z"] => "letters".to_owned(),
        ["-", "0-9", "A-Z", "_", "a-z"] => "letters, digits, `-` and `_`".to_owned(),
        ["0-9", "A-Z", "_", "a-z"] => "letters, digits and `_`".to_owned(),
        ["+", "/-9", "A-Z", "a-z"] | ["+", "/", "0-9", "A-Z", "a-z"] => "letters, digits, `+` and `/`".to_owned(),
        _ => format!("`{}`", parts.join(" ").replace('`', "'")),
    };
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::shape::DetectSpec;

    fn said(pattern: &str) -> Option<String> {
        let spec: DetectSpec =
            serde_yaml::from_str(&format!("literals: [acme]\npattern: '{pattern}'\n")).expect("a specification");
        Detect::new(spec).in_words()
    }

    #[test]
    fn a_token_is_told_in_words() {
        assert_eq!(said(r"\bacme_[0-9a-f]{32}\b").as_deref(), Some("`acme_`, 32 of the hexadecimal digits 0-9 a-f"));
        assert_eq!(
            said(r"acme=(?<secret>(?:sk|rk)_[A-Za-z0-9]{24,128}(?:-x)?)").as_deref(),
            Some("`sk` or `rk`, `_`, 24 to 128 of letters and digits, perhaps `-x`")
        );
        assert_eq!(
            said(r"acme(?<id>[0-9a-z]{8})-[\w-]{3}").as_deref(),
            Some("`acme`, 8 of small letters and digits, `-`, 3 of letters, digits, `-` and `_`")
        );
        assert_eq!(said(r"acme[^\n]{3}"), None);
    }

    #[test]
    fn most_built_in_kinds_are_told_in_words() {
        let catalogue = crate::rules::builtin();
        let told = catalogue.kinds().iter().filter(|kind| kind.detect.in_words().is_some()).count();
        assert!(told * 10 >= catalogue.kinds().len() * 9, "{told} of {}", catalogue.kinds().len());
    }
}
