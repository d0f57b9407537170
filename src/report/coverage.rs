//! What was in scope and what became of it, in words: the same in every report.

use super::{Report, Style, counted, escaped};
use crate::scan::{Amount, Coverage};
use serde_json::{Value, json};

/// Names of skipped items that are shown; machines get more.
const NAMES: usize = 3;

/// `scope: 5 files, 1.2 kB; scanned 3 (1.0 kB), skipped 1 (200 B), not read 1 (0 B), not decoded 0`.
pub(super) fn sentence(report: &Report<'_>) -> String {
    let coverage = &report.outcome.coverage;
    let all = coverage.in_scope();
    let scope = format!("{}, {}", counted(all.items, report.scope.item()), size(all.bytes));
    let members = match coverage.members.items {
        0 => String::new(),
        members => format!("; opened {} in them, {}", counted(members, "member"), size(coverage.members.bytes)),
    };
    let parts = [
        part("scanned", coverage.scanned),
        part("skipped", coverage.skipped()),
        part("not read", coverage.unread),
        part("not decoded", coverage.undecodable),
    ];
    let least = if report.outcome.cut.is_some() { "at least " } else { "" };
    format!("scope: {least}{scope}; {}{members}", parts.join(", "))
}

fn part(word: &str, amount: Amount) -> String {
    match amount.items {
        0 => format!("{word} 0"),
        items => format!("{word} {items} ({})", size(amount.bytes)),
    }
}

/// A line for each reason for which something was left out.
pub(super) fn skipped(coverage: &Coverage, style: Style) -> Vec<String> {
    let dots = if style.unicode { ", \u{2026}" } else { ", ..." };
    (coverage.skipped.iter())
        .map(|(reason, left_out)| {
            let names: Vec<_> = left_out.first.iter().take(NAMES).map(|name| escaped(name, style)).collect();
            let more = if left_out.count > NAMES as u64 { dots } else { "" };
            format!("skipped: {} {} ({}{more})", left_out.count, reason.words(), names.join(", "))
        })
        .collect()
}

/// For machines, without names.
pub(super) fn numbers(coverage: &Coverage) -> Value {
    let skipped: Vec<Value> = (coverage.skipped.iter())
        .map(|(reason, left_out)| json!({ "reason": reason, "items": left_out.count, "bytes": left_out.bytes }))
        .collect();
    json!({
        "in_scope": coverage.in_scope(),
        "scanned": coverage.scanned,
        "skipped": skipped,
        "unread": coverage.unread,
        "undecodable": coverage.undecodable,
        "members": coverage.members,
    })
}

/// `999 B`, `1.2 kB`, `34 MB`: never more than three digits, cut and not rounded, so that no more is claimed than is there.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut whole, mut tenth, mut unit) = (bytes, 0, 0);
    while whole >= 1_000 && unit + 1 < UNITS.len() {
        (whole, tenth) = (whole / 1_000, whole % 1_000 / 100);
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || whole >= 10 { format!("{whole} {name}") } else { format!("{whole}.{tenth} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_three_digits() {
        for (bytes, words) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_999, "1.9 kB"),
            (34_567_890, "34 MB"),
            (999_999_999, "999 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }
}
