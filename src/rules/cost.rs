//! What it costs to look for a kind: not in time, but in bytes that its pattern is given of a reference text, so that every
//! machine says the same.

use super::detect::Detect;
use super::reference::Reference;
use std::fmt;
use std::ops::Range;

/// What a kind may cost. Most cost nothing: the few that reach this decide together how fast a scan is.
pub const BUDGET: Cost = Cost { literals: 1_000, searched: 5_000 };

const MEGABYTE: u64 = 1_000_000;

/// The cost of one kind on ordinary text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How often one of its literals stands in a megabyte.
    pub literals: u64,
    /// How many bytes of a megabyte are given to its patterns.
    pub searched: u64,
}

impl Cost {
    /// True where it is within the budget.
    #[must_use]
    pub fn is_bearable(self) -> bool {
        self.literals <= BUDGET.literals && self.searched <= BUDGET.searched
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} literals and {} bytes given to patterns", self.literals, self.searched)
    }
}

impl Detect {
    /// What it costs to look for this kind: literals first, then what its pattern promises of the text around them, and the
    /// pattern only where these promises are kept.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let reference = Reference::shared();
        let mut hits: Vec<Range<usize>> = self.literals.iter().flat_map(|literal| reference.find(literal)).collect();
        hits.sort_by_key(|hit| (hit.start, hit.end));
        let mut windows: Vec<Range<usize>> =
            hits.iter().flat_map(|hit| self.windows(reference, hit)).filter(|window| !window.is_empty()).collect();
        windows.sort_by_key(|window| window.start);
        // A pattern is given all of its windows, whatever it finds there, and no byte twice.
        let (mut searched, mut from) = (0, 0);
        for Range { start, end } in windows {
            searched += end.saturating_sub(start.max(from));
            from = from.max(end);
        }
        let per_megabyte = |count: usize| (as_count(count) * MEGABYTE).div_ceil(as_count(reference.text.len()).max(1));
        Cost { literals: per_megabyte(hits.len()), searched: per_megabyte(searched) }
    }

    /// Where a match that holds this literal can lie.
    fn windows(&self, reference: &Reference, hit: &Range<usize>) -> Vec<Range<usize>> {
        let facts = &self.facts;
        let text = &reference.text;
        let window =
            hit.end.saturating_sub(facts.literal_within)..hit.start.saturating_add(facts.longest).min(text.len());
        let next = text.get(hit.end).is_none_or(|byte| facts.next.holds(*byte));
        let second = facts.second.as_ref().is_none_or(|second| {
            let after = text.get(hit.end..hit.end.saturating_add(second.within).min(text.len())).unwrap_or_default();
            after.windows(second.text.len().max(1)).any(|part| part == second.text)
        });
        if !next || !second {
            return Vec::new();
        }
        let Some(run) = &facts.run else { return vec![window] };
        let near = hit.start.saturating_sub(run.after)..hit.end.saturating_add(run.before);
        let fits = |found: &&Range<usize>| {
            let bytes = text.get((*found).clone()).unwrap_or_default();
            bytes.len() >= run.least
                && hit.start.saturating_add(run.before) >= found.start
                && hit.end <= found.end.saturating_add(run.after)
                && (run.before + run.after > 0 || hit.end.saturating_add(run.follow) <= found.end)
                && (!run.digit || bytes.iter().any(u8::is_ascii_digit))
                && run.body.0.longest_stretch(bytes) >= run.body.1
        };
        let clipped = |found: &Range<usize>| {
            window.start.max(found.start.saturating_sub(run.head))..window.end.min(found.end.saturating_add(run.tail))
        };
        reference.runs_at(near).filter(fits).map(clipped).collect()
    }
}

fn as_count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::shape::DetectSpec;

    fn cost(literal: &str, pattern: &str) -> Cost {
        let text = format!("literals: ['{literal}']\npattern: '{pattern}'\n");
        let spec: DetectSpec = serde_yaml::from_str(&text).expect("a specification");
        Detect::new(spec).cost()
    }

    #[test]
    fn a_rare_literal_costs_nothing() {
        assert_eq!(cost("acme_", r"\bacme_[0-9A-Za-z]{24}\b"), Cost { literals: 0, searched: 0 });
    }

    #[test]
    fn what_stands_beside_a_common_literal_decides() {
        let loose = cost("token", r"token[^\n]{1,200}[0-9a-z]{3}");
        let strict = cost("token", r"\btoken_[0-9A-Za-z]{24}\b");
        assert_eq!(loose.literals, strict.literals);
        assert!(loose.literals > 100 && loose.searched > BUDGET.searched, "{loose}");
        assert!(strict.searched < 100, "{strict}");
        assert!(!loose.is_bearable());
    }

    #[test]
    fn windows_that_overlap_are_searched_once() {
        let all = cost("the", r"the[^\x00]{0,40000}zz");
        assert!(all.literals * 40_000 > MEGABYTE && all.searched <= MEGABYTE, "{all}");
    }

    #[test]
    fn it_is_the_same_every_time() {
        let again = || cost("key", r"(?i)key[ =:]{1,3}[0-9a-f]{32}");
        assert_eq!(again(), again());
    }
}
