//! What a stage is called.

use crate::rotation::{Outcome, Stage};

/// A stage in the words of the contract.
#[must_use]
pub fn stage_word(stage: &Stage) -> &'static str {
    match stage {
        Stage::Assessing => "Assessing",
        Stage::Planning => "Planning",
        Stage::AwaitingApproval(_) => "Awaiting approval",
        Stage::Preflighting => "Preflighting",
        Stage::Minting => "Minting",
        Stage::Seeking => "Seeking",
        Stage::Proving => "Proving",
        Stage::Staging => "Staging",
        Stage::Promoting => "Promoting",
        Stage::Checking => "Checking",
        Stage::Soaking { .. } => "Soaking",
        Stage::AwaitingRevokeApproval => "Awaiting revoke approval",
        Stage::Revoking => "Revoking",
        Stage::Confirming => "Confirming",
        Stage::Watching { .. } => "Watching",
        Stage::RollingBack(_) => "Rolling back",
        Stage::Quarantined { .. } => "Quarantined",
        Stage::Sweeping => "Sweeping",
        Stage::Held { .. } => "Held",
        Stage::Closed(Outcome::Rotated) => "Closed",
        Stage::Closed(Outcome::AlreadyDead) => "Closed, already dead",
        Stage::Closed(Outcome::RolledBack(_)) => "Rolled back",
        Stage::Closed(Outcome::Abandoned) => "Abandoned",
        Stage::Closed(Outcome::Swept) => "Closed, swept",
        #[expect(unreachable_patterns, reason = "the core may grow a stage")]
        _ => "Unknown",
    }
}
