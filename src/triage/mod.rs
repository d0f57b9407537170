//! From a finding to a decision: which credential it is, what is known of it, what the policy wants.

pub mod asking;
pub mod schedule;

use crate::config::policy::When;
use crate::inventory::Managed;
use crate::model::{Companions, Credential, RotationId, Secret, TokenId, Verdict};
use crate::provider::ask;

/// What became of the case that was opened for the same secret before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// There was none.
    None,
    /// It is open.
    Open(RotationId),
    /// It ended with the token dead.
    Dead(RotationId),
    /// It ended, and the token lives.
    Alive(RotationId),
}

/// What is done about a leak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It belongs to a case that is open.
    Attach(RotationId),
    /// Nothing: the token is dead, and a case has the proof.
    Dead(RotationId),
    /// A case is opened; its policy says whether it asks.
    Open,
    /// Somebody is told.
    Report(Why),
}

/// Why nothing more is done than to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// No managed credential holds the token now.
    Unmanaged,
    /// The policy of the credential says so.
    Policy,
    /// Several credentials hold the token: the dependents of the others would be cut off.
    Shared,
    /// A case of it ended without its death: to begin another is for a person.
    Ended(RotationId),
    /// It is there to be found: it is neither asked about nor ended.
    Honeytoken,
    /// The program itself uses it, for what is named: it comes last, and a person opens its case.
    Own(String),
}

impl Decision {
    /// As the ledger keeps it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Attach(case) => format!("belongs to {case}"),
            Self::Dead(case) => format!("dead since {case}"),
            Self::Open => "a case is opened".to_owned(),
            Self::Report(Why::Unmanaged) => "reported: no managed credential holds it".to_owned(),
            Self::Report(Why::Policy) => "reported: the policy says no more".to_owned(),
            Self::Report(Why::Honeytoken) => "reported: a honeytoken, which is never touched".to_owned(),
            Self::Report(Why::Own(what)) => {
                format!("reported: stanch itself uses it for {what}, so a person rotates it, last")
            }
            Self::Report(Why::Shared) => "reported: several credentials hold it, make them one".to_owned(),
            Self::Report(Why::Ended(case)) => format!("reported: {case} ended while it lives"),
        }
    }
}

/// Decides. `holders` are the credentials that hold the token now; `when` is the policy of the first of them.
#[must_use]
pub fn decide(earlier: Earlier, holders: usize, when: When) -> Decision {
    match earlier {
        Earlier::Open(case) => Decision::Attach(case),
        Earlier::Dead(case) => Decision::Dead(case),
        Earlier::Alive(case) => Decision::Report(Why::Ended(case)),
        Earlier::None => match (holders, when) {
            (0, _) => Decision::Report(Why::Unmanaged),
            (1, When::Report) => Decision::Report(Why::Policy),
            (1, When::Ask | When::AskTwice | When::Automatic) => Decision::Open,
            _ => Decision::Report(Why::Shared),
        },
    }
}

/// The leaked credential, with the parts that were found beside it.
#[must_use]
pub fn leaked(token: Option<TokenId>, secret: &Secret, companions: &Companions) -> Credential {
    Credential { token, secret: Some(secret.duplicate()), companions: companions.duplicate() }
}

/// Asks the provider whether a leaked token lives, with a negative control. Not for a leak whose case is opened: that
/// reads the token's use first, which asking may overwrite.
pub async fn verify(managed: &Managed, leaked: &Credential) -> Verdict {
    ask(managed.provider.as_ref(), leaked).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> RotationId {
        RotationId::new("C-0007")
    }

    #[test]
    fn a_case_is_opened_once_for_a_token_that_one_credential_holds() {
        for when in [When::Ask, When::AskTwice, When::Automatic] {
            assert_eq!(decide(Earlier::None, 1, when), Decision::Open);
            assert_eq!(decide(Earlier::None, 0, when), Decision::Report(Why::Unmanaged));
            assert_eq!(decide(Earlier::None, 2, when), Decision::Report(Why::Shared));
        }
        assert_eq!(decide(Earlier::None, 1, When::Report), Decision::Report(Why::Policy));
    }

    #[test]
    fn what_a_case_was_opened_for_is_not_opened_again() {
        for holders in 0..3 {
            assert_eq!(decide(Earlier::Open(case()), holders, When::Automatic), Decision::Attach(case()));
            assert_eq!(decide(Earlier::Dead(case()), holders, When::Automatic), Decision::Dead(case()));
            let ended = Decision::Report(Why::Ended(case()));
            assert_eq!(decide(Earlier::Alive(case()), holders, When::Automatic), ended);
        }
    }
}
