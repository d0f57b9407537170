//! What the failures of the mending wing come to: exit code, words, and what to do.

use super::exit::Code;
use super::failure::Failure;
use crate::config::operator::OperatorError;
use crate::database::DatabaseError;
use crate::demo::DemoError;
use crate::inventory::InventoryError;
use crate::journal::{AuditError, EvidenceError, JournalError, MarkError};
use crate::rules::template::TemplateError;
use crate::runner::{self, RunError};
use crate::wiring::candidates::CandidateError;
use crate::wiring::mending::MendingError;

impl Failure {
    /// From words and what caused it.
    pub(super) fn because(code: Code, message: impl std::fmt::Display, cause: &dyn std::error::Error) -> Self {
        let cause = Self::of(code, cause);
        Self::new(code, format!("{message}: {}", cause.message))
    }
}

impl From<MendingError> for Failure {
    fn from(error: MendingError) -> Self {
        let error = match error {
            MendingError::Kinds(error) => return error.into(),
            error => error,
        };
        let code = match &error {
            MendingError::Database(DatabaseError::Address { .. }) => Code::Usage,
            MendingError::Database(_) | MendingError::Journal(_) | MendingError::Key(_) | MendingError::Random => {
                Code::Outside
            }
            _ => Code::Usage,
        };
        let failure = Self::of(code, &error);
        match &error {
            MendingError::NoConfiguration { .. } => failure
                .hint("name the operator's file with --config FILE; the README shows one")
                .hint("stanch demo needs none"),
            MendingError::Operator(OperatorError::Read { .. }) => {
                failure.hint("name the operator's file with --config FILE; the README shows one")
            }
            MendingError::Operator(_) => failure.hint("nothing was begun; the README shows such a file"),
            MendingError::Secret { .. } => {
                failure.hint("put it there, or name another place in the operator's file: file, env or credential")
            }
            MendingError::Database(_) => failure.hint("nothing was begun: a rotation needs its journal first"),
            _ => failure,
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        match &error {
            JournalError::Missing { .. } => Self::of(Code::Usage, &error).hint("stanch case list shows all cases"),
            JournalError::Active { rotation } => Self::of(Code::Usage, &error).hint(format!(
                "stanch case show {rotation} tells where it stands; stanch case resume {rotation} goes on"
            )),
            JournalError::Held { rotation, holder, .. } => {
                let process = runner::process_of(holder);
                Self::new(Code::Usage, format!("{rotation} is being run by another process ({process}); nothing was done"))
                    .hint(format!("stanch case show {rotation} tells where it stands; it can be taken up here once that process has ended"))
            }
            JournalError::Full { .. } => Self::of(Code::Outside, &error)
                .hint("nothing new was begun; make room, then stanch case resume takes open cases up again"),
            _ => Self::of(Code::Outside, &error),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Journal(
                error @ (JournalError::Missing { .. }
                | JournalError::Active { .. }
                | JournalError::Held { .. }
                | JournalError::Full { .. }),
            ) => error.into(),
            error @ RunError::NotAllowed { .. } => Self::of(Code::NotAllowed, &error)
                .hint("docs/approvals.md tells who may say what, and how it is signed"),
            error @ (RunError::Refused { .. } | RunError::Changed { .. }) => Self::of(Code::Usage, &error),
            error => Self::of(Code::Outside, &error)
                .hint("the case stays open, and what happened is in its journal: stanch case list"),
        }
    }
}

impl From<InventoryError> for Failure {
    fn from(error: InventoryError) -> Self {
        let code = match &error {
            InventoryError::Store { .. } => Code::Outside,
            _ => Code::Usage,
        };
        Self::of(code, &error).hint("nothing was begun")
    }
}

impl From<CandidateError> for Failure {
    fn from(error: CandidateError) -> Self {
        match error {
            CandidateError::Mending(error) => error.into(),
            CandidateError::Inventory(error) => error.into(),
        }
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Journal(error) => error.into(),
            AuditError::Evidence(error) => error.into(),
            error @ (AuditError::Read { .. } | AuditError::Line { .. } | AuditError::Empty { .. }) => {
                Self::of(Code::Outside, &error).hint("name a copy of the journal, or what stanch audit export wrote")
            }
            error => Self::of(Code::Outside, &error),
        }
    }
}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Self {
        let failure = Self::of(Code::Outside, &error);
        match error {
            EvidenceError::Read { .. } | EvidenceError::None { .. } => {
                failure.hint("name a file that stanch audit checkpoint wrote, or its folder")
            }
            EvidenceError::Note { .. } => failure.hint("stanch key list shows the verifier key of this installation"),
            _ => failure,
        }
    }
}

impl From<MarkError> for Failure {
    fn from(error: MarkError) -> Self {
        match error {
            MarkError::Journal(error) => error.into(),
            MarkError::Evidence(error) => error.into(),
            error => Self::of(Code::Outside, &error),
        }
    }
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        Self::of(Code::Outside, &error)
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Self::of(Code::Usage, &error)
    }
}
