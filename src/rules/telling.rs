//! What is to be said of a kind: what gives its tokens away, and what can be done with them by whom.

use super::catalogue::Catalogue;
use super::detect::{Detect, SECRET};
use super::exchange::Act;
use super::kind::Kind;
use super::pattern::{literal_within, parse};
use regex_syntax::hir::{Hir, HirKind};
use std::collections::{BTreeMap, BTreeSet};

/// What gives a token of a kind away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Its own text: every token holds one of the literals.
    Own,
    /// A name near it: the token itself could be any other text of its form.
    Nearby,
}

/// How an act is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// By a call that the rule file describes.
    Call,
    /// By code for this kind.
    Driver,
    /// By a person, step by step.
    Hand,
}

impl Means {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Driver => "driver",
            Self::Hand => "hand",
        }
    }
}

impl Detect {
    /// What gives its tokens away. Of a pattern whose group `secret` holds no literal, only what is around that group tells
    /// that this is a token of the kind. Everything that counts kinds counts them by this.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let Ok(hir) = parse(self.pattern()) else { return Mark::Own };
        let own = group(&hir, SECRET).is_none_or(|secret| literal_within(secret, self.literals()).is_some());
        if own { Mark::Own } else { Mark::Nearby }
    }
}

/// The first group of this name.
pub(super) fn group<'h>(hir: &'h Hir, name: &str) -> Option<&'h Hir> {
    match hir.kind() {
        HirKind::Capture(found) if found.name.as_deref() == Some(name) => Some(&found.sub),
        HirKind::Capture(found) => group(&found.sub, name),
        HirKind::Repetition(repeated) => group(&repeated.sub, name),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(|part| group(part, name)),
        _ => None,
    }
}

impl Kind {
    /// How an act is done, if anybody knows.
    #[must_use]
    pub fn means(&self, act: Act) -> Option<Means> {
        let exchanges = self.exchanges();
        if !exchanges.ways(act).is_empty() {
            Some(Means::Call)
        } else if self.driver().is_some() && matches!(act, Act::Verify | Act::Mint | Act::Revoke) {
            Some(Means::Driver)
        } else {
            exchanges.by_hand(act).map(|_| Means::Hand)
        }
    }

    /// How a new one is made, beside the old one or in its place.
    #[must_use]
    pub fn means_of_renewal(&self) -> Option<Means> {
        self.means(Act::Mint).into_iter().chain(self.means(Act::Replace)).min()
    }
}

/// How many kinds there are, of how many providers, and what can be done with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Kinds.
    pub kinds: usize,
    /// Their providers.
    pub providers: usize,
    /// Those of them that only a name nearby gives away.
    pub nearby: usize,
    /// How many can be asked whether they work, renewed, ended, and looked up for their use: each by its means.
    pub acts: BTreeMap<&'static str, BTreeMap<Means, usize>>,
}

/// The acts that are counted, by the word for them: the renewal is `mint` or `replace`.
pub const COUNTED: [&str; 4] = ["verify", "mint", "revoke", "usage"];

impl Kind {
    /// How one of the counted acts is done.
    #[must_use]
    pub fn means_of(&self, counted: &str) -> Option<Means> {
        if counted == Act::Mint.word() {
            return self.means_of_renewal();
        }
        Act::ALL.into_iter().find(|act| act.word() == counted).and_then(|act| self.means(act))
    }
}

impl Tally {
    /// Counts these kinds.
    pub fn of<'k>(kinds: impl Iterator<Item = &'k Kind>) -> Self {
        let mut tally = Self::default();
        let mut providers = BTreeSet::new();
        for kind in kinds {
            tally.kinds += 1;
            providers.insert(kind.provider());
            tally.nearby += usize::from(kind.detect.mark() == Mark::Nearby);
            for counted in COUNTED {
                if let Some(means) = kind.means_of(counted) {
                    *tally.acts.entry(counted).or_default().entry(means).or_default() += 1;
                }
            }
        }
        tally.providers = providers.len();
        tally
    }

    /// How many of an act, by whatever means.
    #[must_use]
    pub fn all(&self, counted: &str) -> usize {
        self.acts.get(counted).map_or(0, |means| means.values().sum())
    }

    /// How many of an act by one means.
    #[must_use]
    pub fn by(&self, counted: &str, means: Means) -> usize {
        self.acts.get(counted).and_then(|all| all.get(&means)).copied().unwrap_or(0)
    }
}

impl Catalogue {
    /// Counts all kinds.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::of(self.kinds().iter().map(AsRef::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::shape::DetectSpec;

    fn mark(literals: &str, pattern: &str) -> Mark {
        let spec: DetectSpec =
            serde_yaml::from_str(&format!("literals: [{literals}]\npattern: '{pattern}'\n")).expect("a specification");
        Detect::new(spec).mark()
    }

    #[test]
    fn a_name_nearby_is_none_of_the_token() {
        assert_eq!(mark("acme_", r"\bacme_[0-9a-z]{32}\b"), Mark::Own);
        assert_eq!(mark("acme_", r"(?<secret>acme_[0-9a-z]{32})(?:[^0-9a-z]|$)"), Mark::Own);
        assert_eq!(mark("sk_, rk_", r"key=(?<secret>(?:sk_|rk_)[0-9a-z]{32})"), Mark::Own);
        assert_eq!(mark("acme", r"(?i:acme)\w{0,9}=(?<secret>[0-9a-f]{32})"), Mark::Nearby);
        assert_eq!(mark("acme", r"(?i:acme)\w{0,9}=(?<secret>dG9rO[0-9a-f]{32})"), Mark::Nearby);
        assert_eq!(mark("acme", r"(?:acme=(?<secret>[0-9a-f]{32}))"), Mark::Nearby);
    }

    #[test]
    fn the_built_in_kinds_are_counted_by_what_gives_them_away() {
        let tally = crate::rules::builtin().tally();
        assert!(tally.kinds >= 800 && tally.providers >= 600, "{tally:?}");
        assert!(tally.nearby > 300 && tally.nearby < tally.kinds, "{tally:?}");
        assert!(tally.all("verify") >= 200 && tally.all("revoke") >= 70 && tally.all("mint") >= 45, "{tally:?}");
        let of = |id: &str| {
            let catalogue = crate::rules::builtin();
            let kind = catalogue.find(&crate::model::KindId::new(id)).expect("a kind").clone();
            (kind.detect.mark(), kind.means_of("verify"), kind.means_of("mint"))
        };
        assert_eq!(of("stripe.live-secret-key"), (Mark::Own, Some(Means::Call), Some(Means::Hand)));
        assert_eq!(of("intercom.access-token").0, Mark::Nearby);
        assert_eq!(of("aws.access-key"), (Mark::Own, Some(Means::Driver), Some(Means::Driver)));
    }
}
