//! Which of several kinds counts where they match the same bytes.

use super::kind::Kind;
use crate::model::{Confidence, KindId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How specific a kind is, among those of its catalogue: of kinds that match the same bytes the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    sure: u8,
    longest_literal: usize,
    /// How far it stands before others that are as specific as it, by its own word.
    steps: usize,
}

/// How sure a match is that its kind doubts.
const DOUBTED: u8 = 1;

fn sure(confidence: Confidence) -> u8 {
    match confidence {
        Confidence::Low => 0,
        Confidence::Medium => 2,
        Confidence::High => 3,
    }
}

impl Rank {
    /// The rank of a match of which the kind itself is not sure: it knows more than a guess, and less than whatever else is
    /// sure.
    #[must_use]
    pub fn doubted(self) -> Self {
        Self { sure: self.sure.min(DOUBTED), ..self }
    }
}

/// The ranks of kinds, in their order: by confidence, then by the longest literal; and each stands above those that it
/// is declared to be before.
#[must_use]
pub(super) fn ranks(kinds: &[Arc<Kind>]) -> Vec<Rank> {
    let own =
        |kind: &Arc<Kind>| Rank { sure: sure(kind.confidence), longest_literal: kind.longest_literal(), steps: 0 };
    let mut ranks: Vec<Rank> = kinds.iter().map(own).collect();
    let declared: Vec<(usize, &[KindId])> =
        kinds.iter().map(|kind| kind.detect.before()).enumerate().filter(|(_, before)| !before.is_empty()).collect();
    if declared.is_empty() {
        return ranks;
    }
    let places: BTreeMap<&KindId, usize> = kinds.iter().enumerate().map(|(at, kind)| (&kind.id, at)).collect();
    // A chain is at most as long as there are links; a circle, which the checker refuses, ends here too.
    for _ in 0..declared.len() {
        let mut raised = false;
        for (winner, losers) in &declared {
            let above = losers.iter().filter_map(|id| ranks.get(*places.get(id)?)).max().copied();
            let Some((above, rank)) = above.zip(ranks.get_mut(*winner)) else { continue };
            let least = Rank { steps: above.steps.saturating_add(1), ..above };
            raised |= *rank < least;
            *rank = least.max(*rank);
        }
        if !raised {
            break;
        }
    }
    ranks
}
